//! One GET over HTTPS, of what is public, from an appliance that may not be believed yet: nothing is sent that is anybody's
//! business, so a certificate that is not believed ends nothing. The chain that was shown is told beside the answer, and judged
//! afterwards by whatever authorities the caller has.

use std::io;
use std::sync::Arc;

use http_body_util::{BodyExt as _, Empty, Limited};
use hyper::body::Bytes;
use hyper::{Request, StatusCode, header};
use hyper_util::rt::TokioIo;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::ServerCertVerifier as _;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{CertificateError, Error, RootCertStore};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::domain::Timestamp;
use crate::platform::Resolve;
use crate::tls::policy;
use crate::wire::Witness;

/// Why there is no answer. Whose side it is on is the caller's to say: it knows who named the host.
#[derive(Debug, thiserror::Error)]
pub enum HttpsError {
    /// It cannot be a host.
    #[error("{0:?} is neither a DNS name nor an address")]
    Host(String),
    /// The host has no address, or does not take connections.
    #[error("it is not reached: {0}")]
    Reach(#[source] io::Error),
    /// TLS or HTTP failed.
    #[error("it does not speak HTTPS as expected: {0}")]
    Speak(String),
    /// Its certificate is not believed: why, and what can be done.
    #[error("{0}")]
    Disbelieved(String),
    /// Another answer than the document.
    #[error("it answers with status {0}")]
    Status(StatusCode),
}

/// What was answered.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The body.
    pub body: Vec<u8>,
    chain: Vec<CertificateDer<'static>>,
    name: ServerName<'static>,
}

/// Gets what is at this path. Follows nothing, and reads no more than [`LARGEST`] bytes. Sets no time limit.
pub async fn get(resolver: &dyn Resolve, host: &str, port: u16, path: &str) -> Result<Answer, HttpsError> {
    let name = ServerName::try_from(host.to_owned()).map_err(|_| HttpsError::Host(host.to_owned()))?;
    let addresses = resolver.resolve(host, port).await.map_err(HttpsError::Reach)?;
    let stream = TcpStream::connect(addresses.as_slice()).await.map_err(HttpsError::Reach)?;
    let (mut config, witness) = Witness::config(policy::provider()).map_err(speak)?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    let tls = TlsConnector::from(Arc::new(config)).connect(name.clone(), stream).await.map_err(speak)?;
    let body = exchange(tls, &authority(host, port), path).await?;
    Ok(Answer { body, chain: witness.shown(), name })
}

impl Answer {
    /// Whether one of these authorities vouches for whoever answered, under the host's name, now.
    pub fn verify(&self, roots: Arc<RootCertStore>, now: Timestamp) -> Result<(), Error> {
        let unknown = || Error::InvalidCertificate(CertificateError::UnknownIssuer);
        let (leaf, rest) = self.chain.split_first().ok_or_else(unknown)?;
        // Without any authority there is no verifier, and nobody to believe.
        let verifier = WebPkiServerVerifier::builder_with_provider(roots, policy::provider()).build();
        let verifier = verifier.map_err(|_| unknown())?;
        let now = UnixTime::since_unix_epoch(now.since(Timestamp::from_millis(0)));
        verifier.verify_server_cert(leaf, rest, &self.name, &[], now).map(|_| ())
    }
}

/// Why a certificate is not believed, for people.
pub fn in_words(error: &Error) -> String {
    use CertificateError as Why;
    let Error::InvalidCertificate(why) = error else { return error.to_string() };
    match why {
        Why::Expired | Why::ExpiredContext { .. } => "its certificate has expired".to_owned(),
        Why::NotValidYet | Why::NotValidYetContext { .. } => "its certificate is not valid yet".to_owned(),
        Why::UnknownIssuer | Why::BadSignature => {
            "no authority that is trusted here has signed its certificate".to_owned()
        }
        Why::NotValidForName | Why::NotValidForNameContext { .. } => "its certificate is for other names".to_owned(),
        other => format!("its certificate is not believed: {other}"),
    }
}

async fn exchange(tls: TlsStream<TcpStream>, authority: &str, path: &str) -> Result<Vec<u8>, HttpsError> {
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(tls)).await.map_err(speak)?;
    let request = Request::get(path).header(header::HOST, authority).body(Empty::<Bytes>::new()).map_err(speak)?;
    let asking = async move {
        let response = sender.send_request(request).await.map_err(speak)?;
        if response.status() != StatusCode::OK {
            return Err(HttpsError::Status(response.status()));
        }
        let body = Limited::new(response.into_body(), LARGEST).collect().await;
        body.map(|body| body.to_bytes().to_vec()).map_err(speak)
    };
    // The connection ends when its only sender is gone.
    let (answer, _) = tokio::join!(asking, connection);
    answer
}

fn speak(error: impl std::fmt::Display) -> HttpsError {
    HttpsError::Speak(error.to_string())
}

fn authority(host: &str, port: u16) -> String {
    let host = if host.contains(':') { format!("[{host}]") } else { host.to_owned() };
    if port == 443 { host } else { format!("{host}:{port}") }
}

/// More than a discovery document or a certificate has.
pub const LARGEST: usize = 64 * 1024;
