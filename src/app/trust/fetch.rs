//! The authority's certificate fetched from an appliance that is not believed yet: what came over the connection is shown
//! with its fingerprint, and whether the connection itself was made with it. A person, or a fingerprint that came by another
//! way, decides.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::body::{Body, to_bytes};
use axum::http::{Request, StatusCode, Uri, header};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use crate::domain::Timestamp;
use crate::platform::Clock;
use crate::platform::clock::within;
use crate::tls::{Anchor, AnchorError, policy};

/// Where an appliance is: `https://sql.corp.example`, with a port or without.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Site {
    host: String,
    port: u16,
}

/// What an appliance handed out, not believed yet.
#[derive(Debug)]
pub struct Fetched {
    /// The certificate of its authority.
    pub anchor: Anchor,
    /// Who the connection's own certificate leads to.
    pub connection: Connection,
}

/// Who signed for the connection that the certificate came over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Connection {
    /// That very authority.
    Anchor,
    /// An authority that this machine trusts already.
    System,
    /// Neither; why not.
    Stranger(String),
}

/// Why nothing was fetched.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// It is no address of an appliance. The operator's side.
    #[error("{0:?} is no address of an appliance: give https://host or https://host:port")]
    Address(String),
    /// It cannot be reached. The operator's side.
    #[error("{host}:{port} cannot be reached")]
    Unreachable {
        /// The host.
        host: String,
        /// Its port.
        port: u16,
        /// What the operating system said.
        #[source]
        source: std::io::Error,
    },
    /// It took too long. The operator's side.
    #[error("{host}:{port} did not answer in time")]
    Slow {
        /// The host.
        host: String,
        /// Its port.
        port: u16,
    },
    /// What answers there is no appliance. The operator's side.
    #[error("what answers at {host}:{port} is no appliance of this kind: {text}")]
    Stranger {
        /// The host.
        host: String,
        /// Its port.
        port: u16,
        /// What was wrong.
        text: String,
    },
    /// What it handed out is no authority. The operator's side.
    #[error("what {host}:{port} handed out cannot be trusted: {source}")]
    Certificate {
        /// The host.
        host: String,
        /// Its port.
        port: u16,
        /// What is wrong with it.
        source: AnchorError,
    },
}

impl Site {
    /// Reads an address.
    pub fn parse(text: &str) -> Result<Self, FetchError> {
        let wrong = || FetchError::Address(text.to_owned());
        let uri: Uri = text.parse().map_err(|_| wrong())?;
        let authority = uri.authority().ok_or_else(wrong)?;
        let plain = uri.scheme_str() == Some("https") && !authority.as_str().contains('@') && uri.query().is_none();
        let path = matches!(uri.path(), "" | "/" | "/trust" | "/trust/");
        let host = authority.host().trim_start_matches('[').trim_end_matches(']').to_owned();
        if !plain || !path || host.is_empty() {
            return Err(wrong());
        }
        Ok(Self { host, port: authority.port_u16().unwrap_or(443) })
    }

    /// Fetches the certificate of its authority.
    pub async fn fetch(&self, clock: &dyn Clock) -> Result<Fetched, FetchError> {
        match within(clock, LIMIT, self.fetch_slowly(clock.now())).await {
            Ok(fetched) => fetched,
            Err(_) => Err(FetchError::Slow { host: self.host.clone(), port: self.port }),
        }
    }

    async fn fetch_slowly(&self, now: Timestamp) -> Result<Fetched, FetchError> {
        let name = ServerName::try_from(self.host.clone()).map_err(|_| FetchError::Address(self.host.clone()))?;
        let tcp = TcpStream::connect((self.host.as_str(), self.port))
            .await
            .map_err(|source| FetchError::Unreachable { host: self.host.clone(), port: self.port, source })?;
        let witness = Arc::new(Witness { provider: policy::provider(), chain: Mutex::default() });
        let config =
            ClientConfig::builder_with_provider(Arc::clone(&witness.provider)).with_safe_default_protocol_versions();
        let mut config = config
            .map_err(|error| self.stranger(&error))?
            .dangerous()
            .with_custom_certificate_verifier(Arc::clone(&witness) as _)
            .with_no_client_auth();
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        let tls = TlsConnector::from(Arc::new(config)).connect(name.clone(), tcp).await;
        let content = self.download(tls.map_err(|error| self.stranger(&error))?).await?;
        let anchor = Anchor::read(&content).map_err(|source| FetchError::Certificate {
            host: self.host.clone(),
            port: self.port,
            source,
        })?;
        let connection = witness.judge(&anchor, &name, now);
        Ok(Fetched { anchor, connection })
    }

    async fn download(&self, tls: tokio_rustls::client::TlsStream<TcpStream>) -> Result<Vec<u8>, FetchError> {
        let handshake = http1::handshake::<_, Body>(TokioIo::new(tls)).await;
        let (mut sender, connection) = handshake.map_err(|error| self.stranger(&error))?;
        let host = if self.host.contains(':') { format!("[{}]", self.host) } else { self.host.clone() };
        let request = Request::get("/trust/authority.crt")
            .header(header::HOST, format!("{host}:{}", self.port))
            .body(Body::empty())
            .map_err(|error| self.stranger(&error))?;
        let asking = async move {
            let response = sender.send_request(request).await.map_err(|error| self.stranger(&error))?;
            if response.status() != StatusCode::OK {
                return Err(self.stranger(&format_args!("it answered {}", response.status())));
            }
            to_bytes(Body::new(response.into_body()), LONGEST).await.map_err(|error| self.stranger(&error))
        };
        // The connection ends when its only sender is gone.
        let (answer, _) = tokio::join!(asking, connection);
        answer.map(|bytes| bytes.to_vec())
    }

    fn stranger(&self, text: &dyn std::fmt::Display) -> FetchError {
        FetchError::Stranger { host: self.host.clone(), port: self.port, text: text.to_string() }
    }
}

/// Believes any certificate for the length of one download, and remembers the chain, which is judged afterwards. The
/// handshake's signature is verified: whoever is there holds the key of the certificate that was shown.
#[derive(Debug)]
struct Witness {
    provider: Arc<CryptoProvider>,
    chain: Mutex<Vec<CertificateDer<'static>>>,
}

impl Witness {
    fn judge(&self, anchor: &Anchor, name: &ServerName<'_>, now: Timestamp) -> Connection {
        let mut own = RootCertStore::empty();
        let refused = match own.add(anchor.der().clone()).map(|()| self.verify(own, name, now)) {
            Ok(Ok(())) => return Connection::Anchor,
            Ok(Err(error)) | Err(error) => error,
        };
        let mut system = RootCertStore::empty();
        system.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        match self.verify(system, name, now) {
            Ok(()) => Connection::System,
            Err(_) => Connection::Stranger(refused.to_string()),
        }
    }

    fn verify(&self, roots: RootCertStore, name: &ServerName<'_>, now: Timestamp) -> Result<(), rustls::Error> {
        let general = |error: &dyn std::fmt::Display| rustls::Error::General(error.to_string());
        let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&self.provider))
            .build()
            .map_err(|error| general(&error))?;
        let chain = self.chain.lock().unwrap_or_else(PoisonError::into_inner);
        let (leaf, rest) = chain.split_first().ok_or_else(|| general(&"no certificate was shown"))?;
        let now = UnixTime::since_unix_epoch(now.since(Timestamp::from_millis(0)));
        verifier.verify_server_cert(leaf, rest, name, &[], now).map(|_| ())
    }
}

impl ServerCertVerifier for Witness {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let chain = std::iter::once(end_entity).chain(intermediates).map(|one| one.clone().into_owned()).collect();
        *self.chain.lock().unwrap_or_else(PoisonError::into_inner) = chain;
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, certificate, signed, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, certificate, signed, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

/// How long all of it may take.
const LIMIT: Duration = Duration::from_secs(30);
/// The longest certificate.
const LONGEST: usize = 64 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_https_with_a_host_and_nothing_else() {
        let site = |host: &str, port| Site { host: host.to_owned(), port };
        assert_eq!(Site::parse("https://sql.corp.example").unwrap(), site("sql.corp.example", 443));
        assert_eq!(Site::parse("https://sql.corp.example:8443/trust/").unwrap(), site("sql.corp.example", 8443));
        assert_eq!(Site::parse("https://[2001:db8::1]:8443").unwrap(), site("2001:db8::1", 8443));
        for wrong in [
            "sql.corp.example",
            "http://sql",
            "https://",
            "https://a@b",
            "https://sql/x",
            "https://sql/?x",
            "ftp://sql",
        ] {
            assert!(Site::parse(wrong).is_err(), "{wrong}");
        }
    }
}
