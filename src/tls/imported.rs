//! A certificate of the customer's own authority over a key that the appliance made: the request goes out, the certificate
//! comes back, the key never leaves the store.

use rcgen::{CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, KeyUsagePurpose};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use super::certificates::{CertificateError, KeyAndChain};
use super::check::{Unfit, concerns, fitness, is_local};
use super::kept;
use super::keys::KeyKind;
use super::root::{common_name_for, pem};
use super::source::Slot;
use crate::domain::{Secret, Side, Timestamp};
use crate::platform::pool::Pool;
use crate::store::{Store, StoreError};
use crate::wire::CertificateFacts;

/// The imported certificate, and the request that waits for one.
#[derive(Debug)]
pub struct Imported {
    store: Store,
    names: Vec<String>,
    slot: Slot,
    pool: Pool,
}

/// Why a request or an import was not done.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// The store failed. The appliance's side.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// What was given is no certificate, or a key could not be made.
    #[error(transparent)]
    Certificate(#[from] CertificateError),
    /// It must not be shown. The operator's side.
    #[error(transparent)]
    Unfit(#[from] Unfit),
    /// No name that an authority outside of the machine would sign. The operator's side.
    #[error("`appliance.names` has no name or address by which others reach the appliance: set it first")]
    NoNames,
    /// Nothing was requested. The operator's side.
    #[error("there is no request that a certificate could answer: `gatehouse admin certificate request` makes one")]
    NoRequest,
    /// It answers another request. The operator's side.
    #[error(
        "the certificate is for another key than that of the last request: send that request to the authority again"
    )]
    OtherKey,
    /// There is nothing to remove. The operator's side.
    #[error("there is neither an imported certificate nor a request")]
    Nothing,
}

impl ImportError {
    /// Whose side it is on.
    pub fn side(&self) -> Side {
        match self {
            Self::Store(_) => Side::Appliance,
            Self::Certificate(error) => error.side(),
            _ => Side::Operator,
        }
    }
}

/// A certificate that was examined, and may be taken.
#[derive(Debug)]
pub struct Fitting {
    certificate: KeyAndChain,
    key: Secret,
    text: String,
}

impl Fitting {
    /// What it says.
    pub fn facts(&self) -> &CertificateFacts {
        self.certificate.facts()
    }
}

impl Imported {
    /// What the store has, in `slot`, for an appliance of these names. What is damaged is told there.
    pub fn open(store: &Store, names: &[String], slot: Slot) -> Self {
        let imported = Self { store: store.clone(), names: names.to_vec(), slot, pool: Pool::new(1) };
        match imported.kept() {
            Ok(Some(certificate)) => {
                let since = certificate.facts().not_before;
                imported.slot.put(certificate, since);
            }
            Ok(None) => {}
            Err(error) => {
                tracing::error!(%error, "the imported certificate cannot be read");
                imported.slot.fail(format_args!("the imported certificate cannot be read, import it again: {error}"));
            }
        }
        imported
    }

    /// How it fares.
    pub fn slot(&self) -> &Slot {
        &self.slot
    }

    /// The names that a request is made out to.
    pub fn names(&self) -> Vec<String> {
        self.names.iter().filter(|name| !is_local(name)).cloned().collect()
    }

    /// The request that waits for its certificate, in PEM form.
    pub fn pending(&self) -> Result<Option<String>, StoreError> {
        Ok(kept::read(&self.store, REQUEST)?.map(|kept| kept.text))
    }

    /// Makes a key and a request (PKCS#10) for it, in PEM form. It takes the place of a request that waited; a certificate in use
    /// stays.
    pub async fn request(&self, kind: KeyKind) -> Result<String, ImportError> {
        let names = self.names();
        if names.is_empty() {
            return Err(ImportError::NoNames);
        }
        let making = self.pool.run(move || request(kind, &names));
        let (key, text) = making.await.map_err(|_| CertificateError::Unfinished)??;
        self.keep(REQUEST, &key, text.clone(), None).await?;
        Ok(text)
    }

    /// Looks whether this chain, in PEM form, answers the request, or renews the certificate in use, and may be shown.
    pub fn examine(&self, chain: &str, now: Timestamp) -> Result<Fitting, ImportError> {
        let chain: Result<Vec<CertificateDer<'static>>, _> = CertificateDer::pem_slice_iter(chain.as_bytes()).collect();
        let chain = chain.map_err(|_| CertificateError::NotACertificate)?;
        if chain.is_empty() {
            return Err(CertificateError::Empty.into());
        }
        let text: String = chain.iter().map(|certificate| pem("CERTIFICATE", certificate)).collect();
        let mut failure = ImportError::NoRequest;
        for what in [REQUEST, CERTIFICATE] {
            let Some(kept) = kept::read(&self.store, what)? else { continue };
            match with_key(chain.clone(), &kept.key) {
                Ok(certificate) => {
                    let before = self.slot.current();
                    fitness(&certificate, &self.names, before.as_ref().map(|before| before.facts()), now)?;
                    return Ok(Fitting { certificate, key: kept.key, text });
                }
                Err(CertificateError::Mismatch(_)) => failure = ImportError::OtherKey,
                Err(error) => return Err(error.into()),
            }
        }
        Err(failure)
    }

    /// Shows it from now on. Durable when this returns.
    pub async fn take(&self, fitting: Fitting, now: Timestamp) -> Result<(), ImportError> {
        let Fitting { certificate, key, text } = fitting;
        let answers = kept::read(&self.store, REQUEST)?.is_some_and(|kept| kept.key == key);
        self.keep(CERTIFICATE, &key, text, answers.then_some(REQUEST)).await?;
        for concern in concerns(certificate.facts(), &self.names) {
            tracing::warn!("imported: {concern}");
        }
        self.slot.put(certificate, now);
        Ok(())
    }

    /// Forgets the imported certificate with its key; where there is none, the request that waits for one.
    pub async fn remove(&self) -> Result<(), ImportError> {
        let there = |what: &str| Ok::<_, StoreError>(kept::read(&self.store, what)?.is_some());
        let what = match (there(CERTIFICATE)?, there(REQUEST)?) {
            (true, _) => CERTIFICATE,
            (false, true) => REQUEST,
            (false, false) => return Err(ImportError::Nothing),
        };
        self.store.change(move |change| kept::remove(change, what)).await?;
        if what == CERTIFICATE {
            self.slot.well();
            self.slot.clear();
        }
        Ok(())
    }

    fn kept(&self) -> Result<Option<KeyAndChain>, ImportError> {
        let Some(kept) = kept::read(&self.store, CERTIFICATE)? else { return Ok(None) };
        let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(kept.text.as_bytes()).collect();
        Ok(Some(with_key(chain.map_err(|_| CertificateError::NotACertificate)?, &kept.key)?))
    }

    async fn keep(
        &self,
        what: &'static str,
        key: &Secret,
        text: String,
        instead_of: Option<&'static str>,
    ) -> Result<(), StoreError> {
        let sealed = kept::seal(&self.store, what, key)?;
        let keeping = self.store.change(move |change| {
            if let Some(other) = instead_of {
                kept::remove(change, other)?;
            }
            kept::put(change, what, &sealed, &text)
        });
        keeping.await
    }
}

fn with_key(chain: Vec<CertificateDer<'static>>, key: &Secret) -> Result<KeyAndChain, CertificateError> {
    let private = PrivateKeyDer::from_pem_slice(key.expose().as_bytes()).map_err(|_| CertificateError::NoKey)?;
    KeyAndChain::new(chain, private)
}

/// A new key, and the request for it.
fn request(kind: KeyKind, names: &[String]) -> Result<(Secret, String), CertificateError> {
    let key = kind.generate()?;
    let mut params = CertificateParams::new(names)?;
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, common_name_for(names)?.chars().take(64).collect::<String>());
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    let request = params.serialize_request(&key)?.pem()?;
    Ok((Secret::new(key.serialize_pem()), request))
}

const REQUEST: &str = "request";
const CERTIFICATE: &str = "imported";
