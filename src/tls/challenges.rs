//! The answers to the challenges of an ACME order under way (RFC 8555 8.3, RFC 8737). Who orders puts them in; the doors give them.

use std::sync::Arc;

use arc_swap::ArcSwapOption;
use rustls::ServerConfig;

/// The key authorisation of an HTTP-01 token, where the token is one of an order's.
pub type HttpAnswers = dyn Fn(&str) -> Option<String> + Send + Sync;

/// The place for the answers. Clones are the same place; empty, nothing is answered.
#[derive(Clone, Default)]
pub struct Challenges {
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    tls: ArcSwapOption<ServerConfig>,
    http: ArcSwapOption<Box<HttpAnswers>>,
}

impl Challenges {
    /// A place with nothing in it.
    pub fn new() -> Self {
        Self::default()
    }

    /// From now on connections with ALPN `acme-tls/1` are spoken to so; with none they are closed.
    pub fn set_tls(&self, config: Option<Arc<ServerConfig>>) {
        self.shared.tls.store(config);
    }

    /// From now on `/.well-known/acme-challenge/{token}` is looked up so; with none there is nothing.
    pub fn set_http(&self, answers: Option<Box<HttpAnswers>>) {
        self.shared.http.store(answers.map(Arc::new));
    }

    /// How to speak TLS with who asks for `acme-tls/1` now.
    pub fn tls_config(&self) -> Option<Arc<ServerConfig>> {
        self.shared.tls.load_full()
    }

    /// The key authorisation of a token.
    pub fn http_answer(&self, token: &str) -> Option<String> {
        self.shared.http.load().as_ref().and_then(|answers| answers(token))
    }
}

impl std::fmt::Debug for Challenges {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (tls, http) = (self.shared.tls.load().is_some(), self.shared.http.load().is_some());
        f.debug_struct("Challenges").field("tls", &tls).field("http", &http).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_those_that_were_put_in_last_and_none_before_and_after() {
        let challenges = Challenges::new();
        assert!(challenges.tls_config().is_none());
        assert_eq!(challenges.http_answer("token"), None);
        let clone = challenges.clone();
        clone.set_http(Some(Box::new(|token| (token == "token").then(|| "token.thumbprint".to_owned()))));
        assert_eq!(challenges.http_answer("token").as_deref(), Some("token.thumbprint"));
        assert_eq!(challenges.http_answer("another"), None);
        clone.set_http(None);
        assert_eq!(challenges.http_answer("token"), None);
    }
}
