//! The certificate that is shown to those who connect, changed under way without touching who is connected already.

use std::sync::Arc;

use arc_swap::ArcSwap;
use rustls::SignatureScheme;
use rustls::crypto::aws_lc_rs::sign::any_supported_type;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;

use crate::domain::Side;
use crate::wire::CertificateFacts;

/// Why a certificate could not be made, or was not taken into use.
#[derive(Debug, thiserror::Error)]
pub enum CertificateError {
    /// The appliance has no name to be certified. The operator's side.
    #[error("a certificate needs at least one name or address")]
    NoNames,
    /// The operating system gave no random bytes. The appliance's side.
    #[error("the operating system gave no random bytes")]
    NoRandomness,
    /// A key could not be made, because the appliance is shutting down. The appliance's side.
    #[error("the making of a key was not finished")]
    Unfinished,
    /// A name that no certificate can carry, or a root that cannot be read. The operator's side.
    #[error("the certificate could not be made")]
    Make(#[from] rcgen::Error),
    /// There is no certificate in what was given. The operator's side.
    #[error("there is no certificate in it")]
    Empty,
    /// It is no X.509 certificate. The operator's side.
    #[error("it is not an X.509 certificate")]
    NotACertificate,
    /// There is no private key in what was given. The operator's side.
    #[error("there is no private key in it")]
    NoKey,
    /// A PKCS#12 file that this password does not open. The operator's side.
    #[error("the password does not open it: `tls.pkcs12_password` has to be that of the file")]
    Password,
    /// It is no PKCS#12 file, or one of an unknown kind. The operator's side.
    #[error("it cannot be read as PKCS#12: {0}")]
    NotPkcs12(String),
    /// Several private keys, and it is not said which is meant. The operator's side.
    #[error("there are {0} private keys in it: export the appliance's alone")]
    Keys(usize),
    /// The key is of an unknown kind. The operator's side.
    #[error("the private key cannot be used")]
    Key(#[source] rustls::Error),
    /// The key belongs to another certificate. The operator's side.
    #[error("the private key does not belong to the certificate")]
    Mismatch(#[source] rustls::Error),
}

impl CertificateError {
    /// Whose side it is on.
    pub fn side(&self) -> Side {
        match self {
            Self::NoRandomness | Self::Unfinished => Side::Appliance,
            _ => Side::Operator,
        }
    }
}

/// A private key with the certificate chain that speaks for it; the two belong together. There may be a second pair of
/// another kind, for clients that can make nothing of the first.
#[derive(Clone)]
pub struct KeyAndChain {
    certified: Arc<CertifiedKey>,
    second: Option<Arc<CertifiedKey>>,
    facts: CertificateFacts,
}

impl KeyAndChain {
    /// Takes both, leaf first, and makes sure that they belong together.
    pub fn new(chain: Vec<CertificateDer<'static>>, key: PrivateKeyDer<'static>) -> Result<Self, CertificateError> {
        let leaf = chain.first().ok_or(CertificateError::Empty)?;
        let facts = CertificateFacts::read(leaf).map_err(|_| CertificateError::NotACertificate)?;
        let key = any_supported_type(&key).map_err(CertificateError::Key)?;
        let certified = CertifiedKey::new(chain, key);
        certified.keys_match().map_err(CertificateError::Mismatch)?;
        Ok(Self { certified: Arc::new(certified), second: None, facts })
    }

    /// The same, with another pair beside it for clients that do not know the first one's kind of signature.
    #[must_use]
    pub fn with_second(self, second: Self) -> Self {
        Self { second: Some(second.certified), ..self }
    }

    /// Whether there is a second pair.
    pub fn has_second(&self) -> bool {
        self.second.is_some()
    }

    /// What the leaf says.
    pub fn facts(&self) -> &CertificateFacts {
        &self.facts
    }

    /// The chain, leaf first.
    pub fn chain(&self) -> &[CertificateDer<'static>] {
        &self.certified.cert
    }

    /// The certificate itself, without its chain, in PEM form.
    pub fn leaf_pem(&self) -> String {
        self.chain().first().map(|leaf| super::root::pem("CERTIFICATE", leaf)).unwrap_or_default()
    }

    /// The pair for a client that knows these kinds of signature. Where it knows neither's, the first: the handshake then fails
    /// with the alert that says so.
    fn for_schemes(&self, schemes: &[SignatureScheme]) -> Arc<CertifiedKey> {
        let fits = |pair: &Arc<CertifiedKey>| pair.key.choose_scheme(schemes).is_some();
        let second = self.second.as_ref().filter(|second| !fits(&self.certified) && fits(second));
        Arc::clone(second.unwrap_or(&self.certified))
    }
}

impl std::fmt::Debug for KeyAndChain {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("KeyAndChain").field("facts", &self.facts).finish_non_exhaustive()
    }
}

/// The certificate in use. Whoever connects from now on is shown the newest; who is connected notices nothing.
#[derive(Debug)]
pub struct Certificates {
    current: ArcSwap<KeyAndChain>,
}

impl Certificates {
    /// Shows `first` until told otherwise.
    pub fn showing(first: impl Into<Arc<KeyAndChain>>) -> Arc<Self> {
        Arc::new(Self { current: ArcSwap::new(first.into()) })
    }

    /// Shows `next` from now on.
    pub fn replace(&self, next: impl Into<Arc<KeyAndChain>>) {
        self.current.store(next.into());
    }

    /// What is shown now.
    pub fn current(&self) -> Arc<KeyAndChain> {
        self.current.load_full()
    }
}

impl ResolvesServerCert for Certificates {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.current.load().for_schemes(hello.signature_schemes()))
    }
}
