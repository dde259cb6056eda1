//! One order, from the directory's first answer to key and chain (RFC 8555, 7.1.6).
//!
//! Of the ACME library only the requests are used. Its own state machine waits, renews and tries again by its own clock, and starts an
//! order over for every refused nonce: of an order's two dozen requests one is enough, so many orders would come to nothing.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt as _;
use rcgen::{CertificateParams, DistinguishedName, KeyPair, PKCS_ECDSA_P256_SHA256};
use rustls::ClientConfig;
use rustls_acme::acme::{Account, AcmeError as Protocol, AuthStatus, Directory, Identifier, OrderStatus};
use zeroize::Zeroizing;

use super::answers::Answers;
use super::error::AcmeError;
use super::explain::Asked;
use super::kept::{self, AccountId};
use crate::config::Challenge;
use crate::platform::Clock;
use crate::platform::clock::within;
use crate::store::Store;
use crate::tls::challenges::Challenges;

/// What an order needs.
pub(super) struct Order<'a> {
    pub asked: Asked<'a>,
    pub names: &'a [String],
    /// URLs, `mailto:` in front.
    pub contact: &'a [String],
    pub account: AccountId,
    pub client: Arc<ClientConfig>,
    pub store: &'a Store,
    pub challenges: &'a Challenges,
    pub clock: &'a dyn Clock,
}

impl Order<'_> {
    /// Key and chain in PEM form. The account is kept before it is used.
    pub(super) async fn place(self) -> Result<Zeroizing<String>, AcmeError> {
        let limit = LIMIT + LIMIT_FOR_A_NAME * u32::try_from(self.names.len()).unwrap_or(u32::MAX);
        // The library reads what strangers send. Should it panic over that, the next order is not in danger.
        let work = AssertUnwindSafe(self.run()).catch_unwind();
        match within(self.clock, limit, work).await {
            Ok(Ok(outcome)) => outcome,
            Ok(Err(_)) => Err(AcmeError::Library("the ACME library panicked; this is a defect".to_owned())),
            Err(_) => Err(AcmeError::TooSlow(limit)),
        }
    }

    async fn run(&self) -> Result<Zeroizing<String>, AcmeError> {
        let account = self.account().await?;
        let (url, order) = self.ask(|| account.new_order(&self.client, self.names.to_vec())).await?;
        let answers = Answers::in_place(self.challenges, self.asked.challenge)?;
        self.prove(&account, &order.authorizations, &answers).await?;
        let (key, request) = self.request()?;
        let mut order = self.ask(|| account.order(&self.client, &url)).await?;
        let mut requested = false;
        loop {
            match order.status {
                OrderStatus::Valid { certificate } => {
                    let chain = self.ask(|| account.certificate(&self.client, &certificate)).await?;
                    return Ok(Zeroizing::new(format!("{}\n{chain}", *key)));
                }
                OrderStatus::Invalid => return Err(self.asked.invalid_order(order)),
                OrderStatus::Ready if !requested => {
                    requested = true;
                    order = self.ask(|| account.finalize(&self.client, &order.finalize, &request)).await?;
                }
                OrderStatus::Pending | OrderStatus::Ready | OrderStatus::Processing => {
                    self.clock.sleep(POLL).await;
                    order = self.ask(|| account.order(&self.client, &url)).await?;
                }
            }
        }
    }

    /// The account: that of the kept key, or a new one. A directory that knows the key gives the account that it has.
    async fn account(&self) -> Result<Account, AcmeError> {
        let key = match kept::account(self.store, &self.account)? {
            Some(key) => key,
            None => {
                let key = Zeroizing::new(Account::generate_key_pair());
                kept::keep_account(self.store, &self.account, &key).await?;
                key
            }
        };
        let directory = self.ask(|| Directory::discover(&self.client, self.asked.directory)).await?;
        self.ask(|| Account::create_with_keypair(&self.client, directory.clone(), self.contact, &key)).await
    }

    /// Proves that each name is ours: all are put to the test first, and waited for then.
    async fn prove(&self, account: &Account, urls: &[String], answers: &Answers<'_>) -> Result<(), AcmeError> {
        for url in urls {
            let auth = self.ask(|| account.auth(&self.client, url)).await?;
            match auth.status {
                // Proven in an earlier order.
                AuthStatus::Valid => continue,
                AuthStatus::Pending => {}
                _ => return Err(self.asked.unproven(auth)),
            }
            let Identifier::Dns(name) = auth.identifier;
            let challenge = match self.asked.challenge {
                Challenge::TlsAlpn01 => {
                    let made = account.tls_alpn_01(&auth.challenges, name.clone());
                    let (challenge, certificate) = made.map_err(|error| self.asked.explain(error))?;
                    answers.put_certificate(&name, certificate);
                    challenge
                }
                Challenge::Http01 => {
                    let (challenge, text) =
                        account.http_01(&auth.challenges).map_err(|error| self.asked.explain(error))?;
                    answers.put_text(&challenge.token, text);
                    challenge
                }
            };
            self.ask(|| account.challenge(&self.client, &challenge.url)).await?;
        }
        for url in urls {
            loop {
                let auth = self.ask(|| account.auth(&self.client, url)).await?;
                match auth.status {
                    AuthStatus::Valid => break,
                    AuthStatus::Pending => self.clock.sleep(POLL).await,
                    _ => return Err(self.asked.unproven(auth)),
                }
            }
        }
        Ok(())
    }

    /// A new key in PEM form, and the request for a certificate for it in DER form.
    fn request(&self) -> Result<(Zeroizing<String>, Vec<u8>), AcmeError> {
        let failed = |error: rcgen::Error| AcmeError::Library(error.to_string());
        let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).map_err(failed)?;
        let mut params = CertificateParams::new(self.names).map_err(failed)?;
        params.distinguished_name = DistinguishedName::new();
        let request = params.serialize_request(&key).map_err(failed)?;
        Ok((Zeroizing::new(key.serialize_pem()), request.der().to_vec()))
    }

    /// Makes a request, and again with another nonce when the directory did not take the first (RFC 8555, 6.5).
    async fn ask<T, F>(&self, request: impl Fn() -> F) -> Result<T, AcmeError>
    where
        F: Future<Output = Result<T, Protocol>>,
    {
        let mut tries = 1;
        loop {
            match request().await.map_err(|error| self.asked.explain(error)) {
                Err(AcmeError::BadNonce) if tries < MOST_NONCES => tries += 1,
                outcome => return outcome,
            }
        }
    }
}

/// For the whole of an order; the library sets no limit to a request.
const LIMIT: Duration = Duration::from_secs(5 * 60);
const LIMIT_FOR_A_NAME: Duration = Duration::from_secs(60);
/// Between two looks at whether the directory is done.
const POLL: Duration = Duration::from_secs(2);
/// Nonces that are tried for one request.
const MOST_NONCES: u32 = 8;
