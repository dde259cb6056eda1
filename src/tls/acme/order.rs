//! One order, from the directory's first answer to key and chain: the ACME library used as a machine that makes exactly one.
//!
//! The library would also wait, renew and try again, by its own clock and without a way in. So each order gets a fresh state that has no
//! certificate, is polled until it hands one over or fails, and is dropped; when to order is [`super::schedule`]'s.

use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use futures_util::{FutureExt as _, StreamExt as _};
use rustls::ClientConfig;
use rustls_acme::{AccountCache, AcmeConfig, CertCache, UseChallenge};
use zeroize::Zeroizing;

use super::answers::Offered;
use super::error::AcmeError;
use super::explain::Asked;
use super::kept::{self, AccountId};
use crate::config::Challenge;
use crate::platform::Clock;
use crate::platform::clock::within;
use crate::store::{Store, StoreError};
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
            Err(_) => Err(AcmeError::TooSlow(format!("{} s passed", limit.as_secs()))),
        }
    }

    async fn run(&self) -> Result<Zeroizing<String>, AcmeError> {
        let handed_over: HandedOver = Arc::default();
        let accounts = Accounts { store: self.store.clone(), id: self.account.clone() };
        let challenge = match self.asked.challenge {
            Challenge::TlsAlpn01 => UseChallenge::TlsAlpn01,
            Challenge::Http01 => UseChallenge::Http01,
        };
        let mut state = AcmeConfig::new_with_client_config(self.names, Arc::clone(&self.client))
            .contact(self.contact)
            .directory(self.asked.directory)
            .cache_compose(Certificate(Arc::clone(&handed_over)), accounts)
            .challenge_type(challenge)
            .state();
        let _offered = Offered::in_place(self.challenges, self.asked.challenge, state.resolver())
            .map_err(|error| AcmeError::Library(error.to_string()))?;
        loop {
            match state.next().await {
                Some(Ok(_)) => {}
                Some(Err(error)) => return Err(self.asked.explain(error)),
                None => return Err(AcmeError::Library("the ACME library gave up".to_owned())),
            }
            if let Some(pem) = handed_over.lock().unwrap_or_else(PoisonError::into_inner).take() {
                return Ok(pem);
            }
        }
    }
}

type HandedOver = Arc<Mutex<Option<Zeroizing<String>>>>;

/// For the library a cache that is always empty, so that it orders at once; for us the hand that takes what it ordered.
struct Certificate(HandedOver);

#[async_trait]
impl CertCache for Certificate {
    type EC = StoreError;

    async fn load_cert(&self, _names: &[String], _directory: &str) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(None)
    }

    async fn store_cert(&self, _names: &[String], _directory: &str, pem: &[u8]) -> Result<(), StoreError> {
        let pem = Zeroizing::new(String::from_utf8_lossy(pem).into_owned());
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(pem);
        Ok(())
    }
}

/// The account in the store.
struct Accounts {
    store: Store,
    id: AccountId,
}

#[async_trait]
impl AccountCache for Accounts {
    type EA = StoreError;

    async fn load_account(&self, _contact: &[String], _directory: &str) -> Result<Option<Vec<u8>>, StoreError> {
        kept::account(&self.store, &self.id)
    }

    async fn store_account(&self, _contact: &[String], _directory: &str, key: &[u8]) -> Result<(), StoreError> {
        kept::keep_account(&self.store, &self.id, key).await
    }
}

/// The library gives each name half a minute, asks a slow directory for up to a quarter of an hour for the certificate itself, and
/// sets no limit to a request.
const LIMIT: Duration = Duration::from_secs(5 * 60);
const LIMIT_FOR_A_NAME: Duration = Duration::from_secs(60);
