//! The certificates that the appliance shows: its own authority's, or those of files.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use gatehouse::config;
use gatehouse::domain::{Side, Timestamp};
use gatehouse::platform::{Clock, ManualClock, Tasks};
use gatehouse::store::{Store, StoreOptions};
use gatehouse::tls::{
    self, Authority, CertificateFiles, Certificates, KeyAndChain, Root, ServerConfigs, Shown, policy,
};
use rustls::pki_types::ServerName;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use x509_parser::prelude::{FromDer, X509Certificate};

const NOW: Timestamp = Timestamp::from_millis(1_795_000_000_000);
const DAY: Duration = Duration::from_secs(86_400);

fn store(folder: &Path) -> Store {
    let options = StoreOptions {
        folder: folder.join("store"),
        master_key_file: folder.join("master.key"),
        tables: tls::tables(),
        clock: ManualClock::starting_at(NOW),
    };
    Store::open(options).unwrap().0
}

fn names() -> Vec<String> {
    ["sql.example.com", "localhost", "127.0.0.1", "::1"].map(str::to_owned).to_vec()
}

async fn authority(store: &Store) -> Authority {
    Authority::open(store, "gatehouse", names(), 30 * DAY, NOW).await.unwrap()
}

#[derive(Debug)]
struct At(Timestamp);

impl rustls::time_provider::TimeProvider for At {
    fn current_time(&self) -> Option<rustls::pki_types::UnixTime> {
        let millis = u64::try_from(self.0.as_millis()).unwrap();
        Some(rustls::pki_types::UnixTime::since_unix_epoch(Duration::from_millis(millis)))
    }
}

/// A client that believes `root_pem` alone.
fn client(root_pem: &str, now: Timestamp, alpn: &[&[u8]]) -> tokio_rustls::TlsConnector {
    use rustls::pki_types::{CertificateDer, pem::PemObject};
    let mut roots = rustls::RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(root_pem.as_bytes()).unwrap()).unwrap();
    let mut config = rustls::ClientConfig::builder_with_details(policy::provider(), Arc::new(At(now)))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = alpn.iter().map(|name| name.to_vec()).collect();
    tokio_rustls::TlsConnector::from(Arc::new(config))
}

type Ends = (tokio_rustls::client::TlsStream<DuplexStream>, tokio_rustls::server::TlsStream<DuplexStream>);

async fn handshake(
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

#[tokio::test]
async fn the_root_outlives_a_restart_and_its_key_lies_sealed() {
    let folder = tempfile::tempdir().unwrap();
    let first = {
        let store = store(folder.path());
        let authority = authority(&store).await;
        let kept = store.scan::<tls::authority::Roots>().unwrap();
        let text = serde_json::to_string(&kept.into_iter().map(|(_, value)| value).collect::<Vec<_>>()).unwrap();
        assert!(!text.contains("PRIVATE") && text.len() < 4096, "{text}");
        (authority.root_pem(), authority.fingerprint())
    };
    let store = store(folder.path());
    let again = authority(&store).await;
    assert_eq!((again.root_pem(), again.fingerprint()), first);
}

#[tokio::test]
async fn the_certificate_is_for_every_name_and_address_and_for_servers_alone() {
    let folder = tempfile::tempdir().unwrap();
    let authority = authority(&store(folder.path())).await;
    let configs = ServerConfigs::new(&authority.certificates()).unwrap();
    for name in names() {
        handshake(&configs.strict, client(&authority.root_pem(), NOW, &[]), &name).await.unwrap();
    }
    assert!(handshake(&configs.strict, client(&authority.root_pem(), NOW, &[]), "other.test").await.is_err());

    let current = authority.certificates().current();
    let (_, leaf) = X509Certificate::from_der(&current.chain()[0]).unwrap();
    let constraints = leaf.basic_constraints().unwrap().expect("basic constraints, for those who insist").value;
    assert!(!constraints.ca);
    let usage = leaf.extended_key_usage().unwrap().unwrap().value;
    assert!(usage.server_auth && !usage.client_auth && !usage.any);
    let life = current.facts().not_after.since(NOW);
    assert!(life <= 30 * DAY && life > 29 * DAY);
}

#[tokio::test]
async fn the_root_signs_servers_and_no_further_authorities() {
    let root = Root::create("gatehouse", NOW).unwrap();
    let (_, parsed) = X509Certificate::from_der(root.certificate_der()).unwrap();
    let constraints = parsed.basic_constraints().unwrap().unwrap();
    assert!(constraints.critical && constraints.value.ca);
    assert_eq!(constraints.value.path_len_constraint, Some(0));
    assert!(parsed.key_usage().unwrap().unwrap().value.key_cert_sign());
}

#[tokio::test]
async fn the_certificate_renews_itself_and_sessions_do_not_notice() {
    let folder = tempfile::tempdir().unwrap();
    let authority = Arc::new(authority(&store(folder.path())).await);
    let configs = ServerConfigs::new(&authority.certificates()).unwrap();
    let root = authority.root_pem();
    let (mut near, mut far) = handshake(&configs.tunnel, client(&root, NOW, &[]), "localhost").await.unwrap();

    let (clock, tasks) = (ManualClock::starting_at(NOW), Tasks::new());
    authority.keep_renewed(&tasks, Arc::clone(&clock) as _);
    let first = authority.certificates().current();
    let settle = || async {
        for _ in 0..20 {
            tokio::task::yield_now().await;
        }
    };
    settle().await;
    // Nineteen days of thirty: nothing happens.
    for _ in 0..(19 * 24 * 6) {
        clock.advance(Duration::from_secs(600));
        settle().await;
    }
    assert_eq!(authority.certificates().current().facts().sha256, first.facts().sha256);
    for _ in 0..(2 * 24 * 6) {
        clock.advance(Duration::from_secs(600));
        settle().await;
    }
    let second = authority.certificates().current();
    assert_ne!(second.facts().sha256, first.facts().sha256);
    assert!(second.facts().not_after > first.facts().not_after);

    // Who connects now gets the new one, long after the old one has ended; who was connected stays.
    let later = NOW.after(40 * DAY);
    handshake(&configs.strict, client(&root, later, &[]), "localhost").await.unwrap();
    near.write_all(b"still here").await.unwrap();
    near.flush().await.unwrap();
    let mut there = [0; 10];
    far.read_exact(&mut there).await.unwrap();
    assert_eq!(&there, b"still here");
    tasks.drain(&*clock, DAY).await.unwrap();
}

#[tokio::test]
async fn each_door_speaks_its_own_tls() {
    let root = Root::create("gatehouse", NOW).unwrap();
    let configs = ServerConfigs::new(&Certificates::showing(root.issue(&names(), DAY, NOW).unwrap())).unwrap();
    let pem = root.certificate_pem();
    let spoken = async |config, alpn: &[&[u8]]| {
        let (near, _far) = handshake(config, client(&pem, NOW, alpn), "localhost").await.ok()?;
        let connection = near.get_ref().1;
        Some((connection.protocol_version().unwrap(), connection.alpn_protocol().map(<[u8]>::to_vec)))
    };
    use rustls::ProtocolVersion::{TLSv1_2, TLSv1_3};
    assert_eq!(spoken(&configs.tunnel, &[]).await, Some((TLSv1_2, None)));
    assert_eq!(spoken(&configs.strict, &[b"tds/8.0"]).await, Some((TLSv1_3, Some(b"tds/8.0".to_vec()))));
    assert_eq!(spoken(&configs.strict, &[]).await, Some((TLSv1_3, None)), "a client without ALPN is taken");
    assert_eq!(spoken(&configs.strict, &[b"h2"]).await, None);
    assert_eq!(spoken(&configs.https, &[b"http/1.1", b"h2"]).await, Some((TLSv1_3, Some(b"h2".to_vec()))));
    assert_eq!(spoken(&configs.https, &[b"tds/8.0"]).await, None);
}

/// A folder with a certificate and a key in files.
struct Files {
    folder: tempfile::TempDir,
    /// A company's authority.
    root: rcgen::Certificate,
    root_key: rcgen::KeyPair,
}

impl Files {
    fn new() -> Self {
        let root_key = rcgen::KeyPair::generate().unwrap();
        let mut params = rcgen::CertificateParams::default();
        params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        Self { folder: tempfile::tempdir().unwrap(), root: params.self_signed(&root_key).unwrap(), root_key }
    }

    fn certificate(&self) -> PathBuf {
        self.folder.path().join("certificate.pem")
    }

    fn key(&self) -> PathBuf {
        self.folder.path().join("key.pem")
    }

    /// Writes a new pair for these names, valid around `now`.
    fn write(&self, names: &[&str], now: Timestamp) {
        let key = rcgen::KeyPair::generate().unwrap();
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let mut params = rcgen::CertificateParams::new(names).unwrap();
        let epoch = rcgen::date_time_ymd(1970, 1, 1);
        let since = Duration::from_millis(u64::try_from(now.as_millis()).unwrap());
        (params.not_before, params.not_after) = (epoch + since, epoch + since + DAY);
        let certificate = params.signed_by(&key, &self.root, &self.root_key).unwrap();
        std::fs::write(self.certificate(), certificate.pem() + &self.root.pem()).unwrap();
        std::fs::write(self.key(), key.serialize_pem()).unwrap();
    }

    async fn open(&self) -> Result<CertificateFiles, tls::FilesError> {
        CertificateFiles::open(&self.certificate(), &self.key(), NOW).await
    }
}

#[tokio::test]
async fn a_certificate_from_files_is_shown_with_its_chain() {
    let files = Files::new();
    files.write(&["sql.example.com"], NOW);
    let opened = files.open().await.unwrap();
    assert_eq!(opened.certificates().current().chain().len(), 2);
    let configs = ServerConfigs::new(&opened.certificates()).unwrap();
    let client = client(&files.root.pem(), NOW, &[]);
    handshake(&configs.strict, client, "sql.example.com").await.unwrap();
}

#[tokio::test]
async fn files_that_are_no_good_are_refused_by_what_is_wrong_with_them() {
    let files = Files::new();
    let refusal = async || {
        let error = files.open().await.unwrap_err();
        assert_eq!(error.side(), Side::Operator);
        error.to_string()
    };
    assert!(refusal().await.contains("certificate.pem cannot be read"));

    files.write(&["sql.example.com"], NOW);
    let good = (std::fs::read(files.certificate()).unwrap(), std::fs::read(files.key()).unwrap());
    files.write(&["sql.example.com"], NOW);
    std::fs::write(files.key(), &good.1).unwrap();
    assert!(refusal().await.contains("does not belong"));

    std::fs::write(files.key(), &good.0).unwrap();
    assert!(refusal().await.contains("no private key"));

    files.write(&["sql.example.com"], NOW.after(DAY));
    assert!(refusal().await.contains("is valid from"));

    files.write(&[], NOW);
    assert!(refusal().await.contains("no subject alternative names"));

    for text in ["", "nonsense", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"] {
        std::fs::write(files.certificate(), text).unwrap();
        refusal().await;
    }
}

#[tokio::test]
async fn new_files_are_taken_and_bad_ones_leave_the_old_in_place() {
    let files = Files::new();
    files.write(&["sql.example.com"], NOW);
    let opened = files.open().await.unwrap();
    let shown = || opened.certificates().current().facts().sha256.clone();
    let first = shown();
    assert!(!opened.reload(NOW).await.unwrap(), "nothing changed");

    files.write(&["sql.example.com"], NOW);
    assert!(opened.reload(NOW).await.unwrap());
    let second = shown();
    assert_ne!(first, second);

    std::fs::write(files.certificate(), "half a certifi").unwrap();
    assert!(opened.reload(NOW).await.is_err());
    assert_eq!(shown(), second);

    std::fs::remove_file(files.certificate()).unwrap();
    assert!(opened.reload(NOW).await.is_err());
    assert_eq!(shown(), second);

    files.write(&["sql.example.com"], NOW);
    assert!(opened.reload(NOW).await.unwrap());
    assert_ne!(shown(), second);
}

#[tokio::test]
async fn the_settings_say_which_certificate_is_shown() {
    let (folder, files) = (tempfile::tempdir().unwrap(), Files::new());
    let store = store(folder.path());
    let clock = ManualClock::starting_at(NOW);
    let appliance = config::Appliance { names: names(), ..config::Appliance::default() };
    let own = Shown::open(&store, &appliance, &config::Tls::default(), &*clock).await.unwrap();
    assert!(own.authority().is_some());
    assert_eq!(own.certificates().current().facts().names, names());

    files.write(&["sql.example.com"], clock.now());
    let settings = config::Tls {
        certificate_file: Some(files.certificate()),
        key_file: Some(files.key()),
        ..config::Tls::default()
    };
    let given = Shown::open(&store, &appliance, &settings, &*clock).await.unwrap();
    assert!(given.authority().is_none());
    assert_eq!(given.certificates().current().facts().names, ["sql.example.com"]);
    files.write(&["sql.example.com", "more.example.com"], clock.now());
    given.reload(&*clock).await;
    assert_eq!(given.certificates().current().facts().names.len(), 2);
}

#[test]
fn a_key_of_another_certificate_is_never_taken() {
    let root = Root::create("gatehouse", NOW).unwrap();
    let certificate = root.issue(&names(), DAY, NOW).unwrap();
    let other = rcgen::KeyPair::generate().unwrap();
    let key = rustls::pki_types::PrivateKeyDer::Pkcs8(other.serialize_der().into());
    assert!(KeyAndChain::new(certificate.chain().to_vec(), key).is_err());
    assert!(!format!("{root:?} {certificate:?}").contains("PRIVATE"));
}
