//! The answers to an order's challenges, in the doors' hands for as long as the order lasts.
//!
//! The library forgets an answer as soon as the directory calls the name proven. But it also asks for another check whenever one takes its
//! time, and directories check from several places; an answer that is missing then can undo what was proven. So answers that were given once
//! are remembered to the order's end.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use rustls::ServerConfig;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls_acme::acme::ACME_TLS_ALPN_NAME;
use rustls_acme::{ResolvesServerCertAcme, is_tls_alpn_challenge};

use crate::config::Challenge;
use crate::tls::challenges::Challenges;
use crate::tls::policy;

/// The answers of one order; taken away when this is dropped.
pub(super) struct Offered<'a>(&'a Challenges);

impl<'a> Offered<'a> {
    /// Puts them into their place.
    pub(super) fn in_place(
        place: &'a Challenges,
        challenge: Challenge,
        library: Arc<ResolvesServerCertAcme>,
    ) -> Result<Self, rustls::Error> {
        match challenge {
            Challenge::TlsAlpn01 => place.set_tls(Some(tls(library)?)),
            Challenge::Http01 => {
                let given = Given::default();
                place.set_http(Some(Box::new(move |token| {
                    given.or_again(token, || library.get_http_01_key_auth(token))
                })));
            }
        }
        Ok(Self(place))
    }
}

impl Drop for Offered<'_> {
    fn drop(&mut self) {
        self.0.set_tls(None);
        self.0.set_http(None);
    }
}

/// The TLS that answers TLS-ALPN-01 (RFC 8737 3) and nothing else.
fn tls(library: Arc<ResolvesServerCertAcme>) -> Result<Arc<ServerConfig>, rustls::Error> {
    let mut config = ServerConfig::builder_with_provider(policy::provider())
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_cert_resolver(Arc::new(Remembering { library, given: Given::default() }));
    config.alpn_protocols = vec![ACME_TLS_ALPN_NAME.to_vec()];
    Ok(Arc::new(config))
}

#[derive(Debug)]
struct Remembering {
    library: Arc<ResolvesServerCertAcme>,
    given: Given<Arc<CertifiedKey>>,
}

impl ResolvesServerCert for Remembering {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        if !is_tls_alpn_challenge(&hello) {
            return None;
        }
        let name = hello.server_name()?.to_owned();
        self.given.or_again(&name, || self.library.resolve(hello))
    }
}

/// What was answered to whom. The library knows few questions, and only those are remembered.
#[derive(Debug)]
struct Given<T>(Mutex<HashMap<String, T>>);

impl<T> Default for Given<T> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<T: Clone> Given<T> {
    /// The answer that there is now, or else the one that was given before.
    fn or_again(&self, question: &str, now: impl FnOnce() -> Option<T>) -> Option<T> {
        let mut given = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match now() {
            Some(answer) => {
                given.insert(question.to_owned(), answer.clone());
                Some(answer)
            }
            None => given.get(question).cloned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_given_again_when_the_library_has_forgotten_it_and_a_newer_one_counts() {
        let given = Given::default();
        assert_eq!(given.or_again("a", || None), None);
        assert_eq!(given.or_again("a", || Some(1)), Some(1));
        assert_eq!(given.or_again("a", || None), Some(1));
        assert_eq!(given.or_again("a", || Some(2)), Some(2));
        assert_eq!(given.or_again("a", || None), Some(2));
        assert_eq!(given.or_again("b", || None), None);
    }
}
