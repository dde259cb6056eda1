//! Requests to an appliance that is believed: over TLS that its pin verifies, one connection each, nothing followed.

use std::sync::Arc;
use std::time::Duration;

use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Bytes;
use hyper::header::{self, HeaderValue};
use hyper::{Method, Request, StatusCode};
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use rustls::{CertificateError, ClientConfig};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::https::{HttpsError, in_words};
use super::pin::{Pin, Place};
use crate::domain::{Secret, Side};
use crate::platform::clock::within;
use crate::platform::{Clock, Resolve};
use crate::tls::{AnchorError, policy};

/// Asks one appliance. Clones share it.
#[derive(Clone)]
pub struct Client {
    inner: Arc<Inner>,
}

struct Inner {
    place: Place,
    /// Whether one authority alone is believed.
    pinned: bool,
    name: ServerName<'static>,
    tls: TlsConnector,
    resolver: Arc<dyn Resolve>,
    clock: Arc<dyn Clock>,
}

/// Why there is no client. The operator's side.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// It cannot be a host.
    #[error("{0:?} is neither a DNS name nor an address")]
    Host(String),
    /// What was pinned is no authority.
    #[error("the pinned authority cannot be read: {0}")]
    Pin(#[from] AnchorError),
    /// TLS cannot be set up.
    #[error("TLS cannot be set up: {0}")]
    Tls(#[from] rustls::Error),
}

impl ClientError {
    /// Whose side it is on.
    pub fn side(&self) -> Side {
        Side::Operator
    }
}

/// What was answered.
#[derive(Debug, Clone)]
pub struct Reply {
    /// The status.
    pub status: StatusCode,
    /// The entity tag.
    pub etag: Option<String>,
    /// How long the appliance wants to be left alone.
    pub retry_after: Option<Duration>,
    /// The body.
    pub body: Secret,
}

impl Client {
    /// Asks the appliance at `place`, believed by `pin`.
    pub fn new(
        place: &Place,
        pin: &Pin,
        resolver: Arc<dyn Resolve>,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, ClientError> {
        let name = ServerName::try_from(place.host.clone()).map_err(|_| ClientError::Host(place.host.clone()))?;
        let config = ClientConfig::builder_with_provider(policy::provider()).with_safe_default_protocol_versions()?;
        let mut config = config.with_root_certificates(pin.roots()?).with_no_client_auth();
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        let tls = TlsConnector::from(Arc::new(config));
        let pinned = matches!(pin, Pin::Authority { .. });
        Ok(Self { inner: Arc::new(Inner { place: place.clone(), pinned, name, tls, resolver, clock }) })
    }

    /// Where the appliance is.
    pub fn place(&self) -> &Place {
        &self.inner.place
    }

    /// Gets what is public.
    pub async fn get(&self, path: &str) -> Result<Reply, HttpsError> {
        self.send(Request::get(path), Bytes::new(), LIMIT).await
    }

    /// Gets what this bearer may see, if it is another than `known`; waits up to `wait` for it to become another.
    pub async fn get_as(
        &self,
        bearer: &Secret,
        path: &str,
        known: Option<&str>,
        wait: Duration,
    ) -> Result<Reply, HttpsError> {
        let mut request = Request::get(path).header(header::AUTHORIZATION, authorization(bearer)?);
        if let Some(tag) = known {
            request = request.header(header::IF_NONE_MATCH, tag);
        }
        self.send(request, Bytes::new(), LIMIT + wait).await
    }

    /// Posts a form, with the proof that this program has its key (RFC 9449) where there is one.
    pub async fn post(&self, path: &str, fields: &[(&str, &str)], proof: Option<&str>) -> Result<Reply, HttpsError> {
        let form = form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        let mut request = Request::builder().method(Method::POST).uri(path);
        if let Some(proof) = proof {
            request = request.header("dpop", proof);
        }
        let request = request.header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
        self.send(request, Bytes::from(form), LIMIT).await
    }

    /// Posts a JSON document, as this bearer where there is one.
    pub async fn post_json(
        &self,
        bearer: Option<&Secret>,
        path: &str,
        document: &serde_json::Value,
    ) -> Result<Reply, HttpsError> {
        let mut request = Request::builder().method(Method::POST).uri(path);
        if let Some(bearer) = bearer {
            request = request.header(header::AUTHORIZATION, authorization(bearer)?);
        }
        let request = request.header(header::CONTENT_TYPE, "application/json");
        self.send(request, Bytes::from(document.to_string()), LIMIT).await
    }

    async fn send(
        &self,
        request: hyper::http::request::Builder,
        body: Bytes,
        limit: Duration,
    ) -> Result<Reply, HttpsError> {
        let request = request
            .header(header::HOST, self.inner.place.authority())
            .header(header::ACCEPT, "application/json")
            .header(header::USER_AGENT, concat!("gatehouse-connect/", env!("CARGO_PKG_VERSION")))
            .body(Full::new(body))
            .map_err(speak)?;
        let slow = |_| HttpsError::Speak("it took too long to answer".to_owned());
        within(&*self.inner.clock, limit, self.exchange(request)).await.map_err(slow)?
    }

    async fn exchange(&self, request: Request<Full<Bytes>>) -> Result<Reply, HttpsError> {
        let Inner { place, name, tls, resolver, .. } = &*self.inner;
        let addresses = resolver.resolve(&place.host, place.port).await.map_err(HttpsError::Reach)?;
        let stream = TcpStream::connect(addresses.as_slice()).await.map_err(HttpsError::Reach)?;
        // Without it small requests wait for acknowledgements; where it cannot be set they are only slower.
        let _ = stream.set_nodelay(true);
        let stream = tls.connect(name.clone(), stream).await.map_err(|error| self.not_secured(&error))?;
        let (mut sender, connection) =
            hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.map_err(speak)?;
        let asking = async move {
            let response = sender.send_request(request).await.map_err(speak)?;
            let (head, body) = response.into_parts();
            let text = |name| head.headers.get(name).and_then(|value| value.to_str().ok());
            let retry_after = text(header::RETRY_AFTER).and_then(|value| value.trim().parse().ok());
            let etag = text(header::ETAG).map(str::to_owned);
            let body = Limited::new(body, LARGEST).collect().await.map_err(speak)?.to_bytes();
            let body = String::from_utf8(body.to_vec()).map_err(|_| speak("its answer is no text"))?;
            let retry_after = retry_after.map(Duration::from_secs);
            Ok(Reply { status: head.status, etag, retry_after, body: Secret::new(body) })
        };
        // The connection ends when its only sender is gone.
        let (answer, _) = tokio::join!(asking, connection);
        answer
    }

    /// Why there is no TLS; and, where it is for the authority that signed the certificate, what can be done.
    fn not_secured(&self, error: &std::io::Error) -> HttpsError {
        use CertificateError::{BadSignature, UnknownIssuer};
        let tls = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
        match tls {
            Some(rustls::Error::InvalidCertificate(UnknownIssuer | BadSignature)) => {
                let Inner { place, pinned, .. } = &*self.inner;
                let what = match pinned {
                    true => "its certificate is not by the authority that was believed at the first meeting",
                    false => "no authority that this system trusts has signed its certificate",
                };
                HttpsError::Disbelieved(format!("{what}; {}", place.trust_anew()))
            }
            Some(tls @ rustls::Error::InvalidCertificate(_)) => HttpsError::Disbelieved(in_words(tls)),
            Some(tls) => speak(in_words(tls)),
            None => speak(error),
        }
    }
}

impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Client").field("place", &self.inner.place).finish_non_exhaustive()
    }
}

impl Reply {
    /// Why the appliance says no, in its own words (RFC 9457), where there are any.
    pub fn problem(&self) -> Option<String> {
        let problem: serde_json::Value = serde_json::from_str(self.body.expose()).ok()?;
        let words = ["detail", "title"].into_iter().find_map(|member| problem.get(member)?.as_str())?;
        Some(words.chars().filter(|c| !c.is_control()).take(300).collect())
    }
}

fn authorization(bearer: &Secret) -> Result<HeaderValue, HttpsError> {
    let mut value = HeaderValue::from_str(&format!("Bearer {}", bearer.expose()))
        .map_err(|_| HttpsError::Speak("the credential has characters that none has".to_owned()))?;
    value.set_sensitive(true);
    Ok(value)
}

fn speak(error: impl std::fmt::Display) -> HttpsError {
    HttpsError::Speak(error.to_string())
}

/// An appliance that takes longer is in trouble.
const LIMIT: Duration = Duration::from_secs(15);
/// More than the configuration of somebody with a thousand databases.
const LARGEST: usize = 8 * 1024 * 1024;
