//! Certificates in tests: a store for an authority, a client that believes one root, TLS over a pipe, a company's
//! authority that writes files.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use gatehouse::config;
use gatehouse::domain::Timestamp;
use gatehouse::platform::{Clock, ManualClock};
use gatehouse::store::{Store, StoreOptions};
use gatehouse::telemetry::Health;
use gatehouse::tls::{self, Shown, policy};
use rustls::pki_types::ServerName;
use tokio::io::DuplexStream;

pub const NOW: Timestamp = Timestamp::from_millis(1_795_000_000_000);
pub const DAY: Duration = Duration::from_secs(86_400);

pub fn store(folder: &Path) -> Store {
    let options = StoreOptions {
        folder: folder.join("store"),
        master_key_file: folder.join("master.key"),
        tables: tls::tables(),
        clock: ManualClock::starting_at(NOW),
    };
    Store::open(options).unwrap().0
}

pub fn names() -> Vec<String> {
    ["sql.example.com", "localhost", "127.0.0.1", "::1"].map(str::to_owned).to_vec()
}

pub fn appliance() -> config::Appliance {
    config::Appliance { names: names(), ..config::Appliance::default() }
}

/// What is shown by these settings, and the health board.
pub async fn shown(store: &Store, tls: &config::Tls, clock: &dyn Clock) -> (Shown, Health) {
    let health = Health::new();
    let shown = Shown::open(store, &appliance(), tls, health.clone(), clock).await.unwrap();
    (shown, health)
}

/// What the board says of `what`, or nothing.
pub fn said(health: &Health, what: &str) -> String {
    health.problems().into_iter().find(|(found, _)| found == what).map(|(_, text)| text).unwrap_or_default()
}

/// Lets other tasks run.
pub async fn settle() {
    for _ in 0..50 {
        tokio::task::yield_now().await;
    }
}

/// A clock that stands, for rustls.
#[derive(Debug)]
struct At(Timestamp);

impl rustls::time_provider::TimeProvider for At {
    fn current_time(&self) -> Option<rustls::pki_types::UnixTime> {
        let millis = u64::try_from(self.0.as_millis()).unwrap();
        Some(rustls::pki_types::UnixTime::since_unix_epoch(Duration::from_millis(millis)))
    }
}

/// A client that believes `root_pem` alone.
pub fn client(root_pem: &str, now: Timestamp, alpn: &[&[u8]]) -> tokio_rustls::TlsConnector {
    client_with(policy::provider(), root_pem, now, alpn)
}

/// The same with the cryptography of the test's choice.
pub fn client_with(
    provider: Arc<rustls::crypto::CryptoProvider>,
    root_pem: &str,
    now: Timestamp,
    alpn: &[&[u8]],
) -> tokio_rustls::TlsConnector {
    use rustls::pki_types::{CertificateDer, pem::PemObject};
    let mut roots = rustls::RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(root_pem.as_bytes()).unwrap()).unwrap();
    let mut config = rustls::ClientConfig::builder_with_details(provider, Arc::new(At(now)))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = alpn.iter().map(|name| name.to_vec()).collect();
    tokio_rustls::TlsConnector::from(Arc::new(config))
}

pub type Ends = (tokio_rustls::client::TlsStream<DuplexStream>, tokio_rustls::server::TlsStream<DuplexStream>);

pub async fn handshake(
    config: &Arc<rustls::ServerConfig>,
    client: tokio_rustls::TlsConnector,
    name: &str,
) -> std::io::Result<Ends> {
    let (near, far) = tokio::io::duplex(64 * 1024);
    let name = ServerName::try_from(name.to_owned()).unwrap();
    let accept = tokio_rustls::TlsAcceptor::from(Arc::clone(config)).accept(far);
    let (connected, accepted) = tokio::join!(client.connect(name, near), accept);
    Ok((connected?, accepted?))
}

/// A folder with a certificate and a key in files, by a company's authority.
pub struct Files {
    pub folder: tempfile::TempDir,
    /// A company's authority.
    pub root: rcgen::Certificate,
    pub root_key: rcgen::KeyPair,
}

impl Files {
    pub fn new() -> Self {
        let root_key = rcgen::KeyPair::generate().unwrap();
        let mut params = rcgen::CertificateParams::default();
        params.distinguished_name.push(rcgen::DnType::CommonName, "Company authority");
        params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        Self { folder: tempfile::tempdir().unwrap(), root: params.self_signed(&root_key).unwrap(), root_key }
    }

    pub fn certificate(&self) -> PathBuf {
        self.folder.path().join("certificate.pem")
    }

    pub fn key(&self) -> PathBuf {
        self.folder.path().join("key.pem")
    }

    /// Writes a new pair for these names, valid for a day from `now`.
    pub fn write(&self, names: &[&str], now: Timestamp) {
        self.write_for(names, now, DAY);
    }

    pub fn write_for(&self, names: &[&str], now: Timestamp, lifetime: Duration) {
        let key = rcgen::KeyPair::generate().unwrap();
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let mut params = rcgen::CertificateParams::new(names).unwrap();
        let epoch = rcgen::date_time_ymd(1970, 1, 1);
        let since = Duration::from_millis(u64::try_from(now.as_millis()).unwrap());
        (params.not_before, params.not_after) = (epoch + since, epoch + since + lifetime);
        let certificate = params.signed_by(&key, &self.root, &self.root_key).unwrap();
        std::fs::write(self.certificate(), certificate.pem() + &self.root.pem()).unwrap();
        gatehouse::platform::files::write_private(&self.key(), key.serialize_pem().as_bytes()).unwrap();
    }

    pub fn settings(&self) -> config::Tls {
        let (certificate, key) = (self.certificate(), self.key());
        config::Tls { certificate_file: Some(certificate), key_file: Some(key), ..config::Tls::default() }
    }
}
