//! Asking one place for its discovery document, and finding out on which ground to believe it.

use std::sync::Arc;

use rustls::RootCertStore;

use super::Ground;
use crate::connector::https::{self, Answer, HttpsError, in_words};
use crate::domain::Timestamp;
use crate::platform::Resolve;
use crate::tls::Anchor;
use crate::workstation::dns::Advert;
use crate::workstation::documents::{DISCOVERY_PATH, Discovery};

/// Why a place has no discovery document. The operator's side: who is asked is whom they named, or whom the DNS did.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// There is no answer.
    #[error(transparent)]
    Https(#[from] HttpsError),
    /// An answer, but no discovery document.
    #[error("what answers is no Gatehouse")]
    NotGatehouse,
}

/// What places are asked with. Clones share it.
#[derive(Clone)]
pub struct Fetcher {
    resolver: Arc<dyn Resolve>,
    roots: Arc<RootCertStore>,
}

impl Fetcher {
    /// Believes what the operating system does.
    pub fn new(resolver: Arc<dyn Resolve>) -> Self {
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        Self::with_roots(resolver, roots)
    }

    /// Believes these authorities.
    pub fn with_roots(resolver: Arc<dyn Resolve>, roots: RootCertStore) -> Self {
        Self { resolver, roots: Arc::new(roots) }
    }

    /// The document of a place, and the ground to believe it; `fingerprint` is the one that somebody gave, `by_system` what it is
    /// worth if the system's authorities vouch for the certificate.
    pub(super) async fn ask(
        &self,
        advert: &Advert,
        fingerprint: Option<&str>,
        by_system: Ground,
        now: Timestamp,
    ) -> Result<(Discovery, Ground, Option<Anchor>), FetchError> {
        let answer = https::get(&*self.resolver, &advert.host, advert.port, DISCOVERY_PATH).await?;
        let document: Discovery = serde_json::from_slice(&answer.body).map_err(|_| FetchError::NotGatehouse)?;
        if document.product != Discovery::PRODUCT {
            return Err(FetchError::NotGatehouse);
        }
        // A fingerprint that was given is asked for even where the system would be content: somebody may be in between who
        // has another certificate that the system trusts.
        let (ground, authority) = match fingerprint {
            Some(expected) => match self.by_fingerprint(advert, &document, &answer, expected, now).await {
                Ok(anchor) => (Ground::Fingerprint, Some(anchor)),
                Err(why) => (Ground::Nothing(why), None),
            },
            None => match answer.verify(Arc::clone(&self.roots), now) {
                Ok(()) => (by_system, None),
                Err(error) => {
                    let why = in_words(&error);
                    let why = format!("{why}; --fingerprint takes the one that the administrator tells");
                    (Ground::Nothing(why), None)
                }
            },
        };
        Ok((document, ground, authority))
    }

    async fn by_fingerprint(
        &self,
        advert: &Advert,
        document: &Discovery,
        answer: &Answer,
        expected: &str,
        now: Timestamp,
    ) -> Result<Anchor, String> {
        let own = document.authority.as_ref().filter(|authority| authority.certificate.starts_with('/'));
        let own = own.ok_or("it names no authority of its own to compare the fingerprint with")?;
        let fetched = https::get(&*self.resolver, &advert.host, advert.port, &own.certificate).await;
        let fetched = fetched.map_err(|error| format!("its authority's certificate cannot be fetched: {error}"))?;
        let anchor = Anchor::read(&fetched.body).map_err(|error| format!("its authority: {error}"))?;
        if anchor.sha256() != expected {
            let shown = anchor.sha256();
            return Err(format!("its authority has another fingerprint than the one that was given: {shown}"));
        }
        let mut roots = RootCertStore::empty();
        roots.add(anchor.der().clone()).map_err(|error| error.to_string())?;
        let verified = answer.verify(Arc::new(roots), now);
        verified
            .map(|()| anchor)
            .map_err(|error| format!("its authority has the fingerprint that was given, but {}", in_words(&error)))
    }
}

impl std::fmt::Debug for Fetcher {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Fetcher")
    }
}
