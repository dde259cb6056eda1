//! The answers to an order's challenges, in the doors' hands for as long as the order lasts: directories check from several places, and more
//! than once.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use rustls::ServerConfig;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls_acme::acme::ACME_TLS_ALPN_NAME;
use rustls_acme::is_tls_alpn_challenge;

use super::error::AcmeError;
use crate::config::Challenge;
use crate::tls::challenges::Challenges;
use crate::tls::policy;

/// The answers of one order; taken away when this is dropped.
pub(super) struct Answers<'a> {
    place: &'a Challenges,
    given: Arc<Given>,
}

#[derive(Debug, Default)]
struct Given {
    /// TLS-ALPN-01: by name.
    certificates: Mutex<HashMap<String, Arc<CertifiedKey>>>,
    /// HTTP-01: by token.
    texts: Mutex<HashMap<String, String>>,
}

impl<'a> Answers<'a> {
    /// None yet, in their place.
    pub(super) fn in_place(place: &'a Challenges, challenge: Challenge) -> Result<Self, AcmeError> {
        let given = Arc::new(Given::default());
        let shared = Arc::clone(&given);
        match challenge {
            Challenge::TlsAlpn01 => {
                let config = tls(shared).map_err(|error| AcmeError::Library(error.to_string()))?;
                place.set_tls(Some(Arc::new(config)));
            }
            Challenge::Http01 => place.set_http(Some(Box::new(move |token| {
                shared.texts.lock().unwrap_or_else(PoisonError::into_inner).get(token).cloned()
            }))),
        }
        Ok(Self { place, given })
    }

    /// Whoever checks `name` over TLS is shown this.
    pub(super) fn put_certificate(&self, name: &str, certificate: CertifiedKey) {
        let mut certificates = self.given.certificates.lock().unwrap_or_else(PoisonError::into_inner);
        certificates.insert(name.to_ascii_lowercase(), Arc::new(certificate));
    }

    /// Whoever asks for `token` over HTTP gets this.
    pub(super) fn put_text(&self, token: &str, text: String) {
        self.given.texts.lock().unwrap_or_else(PoisonError::into_inner).insert(token.to_owned(), text);
    }
}

impl Drop for Answers<'_> {
    fn drop(&mut self) {
        self.place.set_tls(None);
        self.place.set_http(None);
    }
}

/// The TLS that answers TLS-ALPN-01 (RFC 8737 3) and nothing else.
fn tls(given: Arc<Given>) -> Result<ServerConfig, rustls::Error> {
    let mut config = ServerConfig::builder_with_provider(policy::provider())
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_cert_resolver(given);
    config.alpn_protocols = vec![ACME_TLS_ALPN_NAME.to_vec()];
    Ok(config)
}

impl ResolvesServerCert for Given {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let name = hello.server_name().filter(|_| is_tls_alpn_challenge(&hello))?.to_ascii_lowercase();
        self.certificates.lock().unwrap_or_else(PoisonError::into_inner).get(&name).cloned()
    }
}
