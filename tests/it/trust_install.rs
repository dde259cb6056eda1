//! `gatehouse trust`: the authority goes into a system's store and out of it again, and nothing goes there that was not
//! compared. Debian's own tool works on folders of the test; of Red Hat's there is a stand-in that only writes down its call.

use std::path::{Path, PathBuf};
use std::process::Output;

use axum::Router;
use axum::routing::get;
use gatehouse::app::trust::{Connection, FetchError, Site, entry};
use gatehouse::platform::trust_store::{Change, Layout, TrustStore, TrustStoreError};
use gatehouse::platform::{Clock as _, SystemClock};
use gatehouse::tls::{Anchor, Root};
use tokio::net::TcpListener;

use crate::support::appliance::TestAppliance;
use crate::support::curl::curl;
use crate::support::site::Site as ServedSite;

/// The folders of a Debian system with nothing in them.
fn debian() -> tempfile::TempDir {
    let root = tempfile::tempdir().unwrap();
    for folder in ["usr/local/share/ca-certificates", "etc/ssl/certs", "etc/ca-certificates/update.d"] {
        std::fs::create_dir_all(root.path().join(folder)).unwrap();
    }
    root
}

fn bundle(root: &Path) -> PathBuf {
    root.join("etc/ssl/certs/ca-certificates.crt")
}

async fn trust(arguments: &[&str], root: &Path, data: &Path) -> Output {
    let mut command = tokio::process::Command::new(env!("CARGO_BIN_EXE_gatehouse"));
    command.arg("trust").args(arguments).env_clear().env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin");
    command.arg("--root").arg(root).arg("--data-dir").arg(data).stdin(std::process::Stdio::null());
    command.output().await.unwrap()
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn debians_own_tool_takes_the_authority_and_gives_it_up_again() {
    let (house, root, elsewhere) = (TestAppliance::start().await, debian(), tempfile::tempdir().unwrap());
    let access = &house.demo.access;
    let url = access.https_url.trim_end_matches('/');
    assert_eq!(curl(&[&access.https_url]).await.status.code(), Some(60), "the machine itself does not know it");

    for told in ["installed:", "was installed already:"] {
        let install = ["install", url, "--fingerprint", &access.ca_sha256];
        let output = trust(&install, root.path(), elsewhere.path()).await;
        assert!(output.status.success() && said(&output).contains(told), "{}", said(&output));
    }
    let with = bundle(root.path()).display().to_string();
    let reached = curl(&["--cacert", &with, &access.https_url]).await;
    assert!(reached.status.success(), "{}", said(&reached));

    let status = trust(&["status", "--json"], root.path(), elsewhere.path()).await;
    let status: serde_json::Value = serde_json::from_slice(&status.stdout).unwrap();
    assert_eq!(status["installed"][0]["sha256"], access.ca_sha256.as_str());
    assert_eq!((&status["installed"][0]["in_effect"], &status["own"]), (&true.into(), &serde_json::Value::Null));

    let output = trust(&["uninstall", "--fingerprint", &access.ca_sha256], root.path(), elsewhere.path()).await;
    assert!(output.status.success() && said(&output).contains("removed:"), "{}", said(&output));
    assert_eq!(curl(&["--cacert", &with, &access.https_url]).await.status.code(), Some(60));
    let left: Vec<_> = std::fs::read_dir(root.path().join("etc/ssl/certs")).unwrap().map(|one| one.unwrap()).collect();
    assert!(left.iter().all(|one| !one.file_name().to_string_lossy().contains("gatehouse")), "{left:?}");
    let again = trust(&["uninstall"], root.path(), elsewhere.path()).await;
    assert!(again.status.success() && said(&again).contains("nothing of it is installed"), "{}", said(&again));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_the_appliance_itself_its_own_authority_is_shown_and_installed() {
    let (house, root) = (TestAppliance::start().await, debian());
    let data = house.folder.path().join("data");
    let status = said(&trust(&["status"], root.path(), &data).await);
    let shown = gatehouse::tls::anchor::grouped(&house.demo.access.ca_sha256);
    assert!(status.contains(&shown) && status.contains("in effect     no"), "{status}");
    let asked = trust(&["install"], root.path(), &data).await;
    assert!(!asked.status.success() && said(&asked).contains("--yes"), "{}", said(&asked));
    let output = trust(&["install", "--yes"], root.path(), &data).await;
    assert!(output.status.success(), "{}", said(&output));
    let status = said(&trust(&["status"], root.path(), &data).await);
    assert!(status.contains("in effect     yes"), "{status}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_not_compared_is_not_installed() {
    let (house, root, elsewhere) = (TestAppliance::start().await, debian(), tempfile::tempdir().unwrap());
    let url = house.demo.access.https_url.as_str();
    let refused = async |arguments: &[&str], text: &str| {
        let output = trust(arguments, root.path(), elsewhere.path()).await;
        assert!(!output.status.success() && said(&output).contains(text), "{text}: {}", said(&output));
    };
    refused(&["install", url, "--fingerprint", &"ab".repeat(32)], "the fingerprint is another one").await;
    refused(&["install", url, "--yes"], "give --fingerprint").await;
    refused(&["install", url], "no terminal to ask").await;
    refused(&["install", url, "--fingerprint", "abcd"], "64 hexadecimal digits").await;
    refused(&["install", "http://localhost:1", "--yes"], "no address of an appliance").await;
    refused(&["install", "https://localhost:1", "--yes"], "cannot be reached").await;
    refused(&["install", "--yes"], "no appliance has run on this machine").await;

    let file = elsewhere.path().join("some.crt");
    let refused_file = async |content: &str, text: &str| {
        std::fs::write(&file, content).unwrap();
        refused(&["install", "--yes", "--file", file.to_str().unwrap()], text).await;
    };
    refused_file("nonsense", "no X.509 certificate").await;
    refused_file(&house.appliance().certificate_pem(), "not the certificate of an authority").await;
    let mut params = rcgen::CertificateParams::default();
    params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let unlimited = params.self_signed(&rcgen::KeyPair::generate().unwrap()).unwrap().pem();
    refused_file(&unlimited, "--any-name").await;
    assert!(!bundle(root.path()).exists(), "nothing was changed");
    let limitless = ["install", "--yes", "--any-name", "--file", file.to_str().unwrap()];
    assert!(trust(&limitless, root.path(), elsewhere.path()).await.status.success());
}

/// Somebody on the way can hand out the right certificate, but cannot make a connection with it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_authority_that_did_not_sign_the_connection_it_came_over_is_not_taken() {
    let clock = SystemClock::new();
    let (right, wrong) = (Root::create("right", clock.now()).unwrap(), Root::create("wrong", clock.now()).unwrap());
    let fetched = async |signer: &Root, name: &str| {
        let copied = right.certificate_der().to_vec();
        let router = Router::new().route("/trust/authority.crt", get(move || async { copied }));
        let served = ServedSite::start(signer, &[name], router).await;
        Site::parse(&format!("https://localhost:{}", served.port)).unwrap().fetch(&*clock).await.unwrap()
    };
    let honest = fetched(&right, "localhost").await;
    assert_eq!((honest.anchor.sha256(), honest.connection), (right.fingerprint().as_str(), Connection::Anchor));
    for (signer, name) in [(&wrong, "localhost"), (&right, "elsewhere")] {
        let stranger = fetched(signer, name).await;
        assert_eq!(stranger.anchor.sha256(), right.fingerprint(), "the page itself is copied easily");
        assert!(matches!(stranger.connection, Connection::Stranger(_)), "{:?}", stranger.connection);
    }
}

#[tokio::test]
async fn what_answers_without_tls_is_told() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let site = Site::parse(&format!("https://localhost:{}", listener.local_addr().unwrap().port())).unwrap();
    let clock = SystemClock::new();
    let serving = async {
        let (mut stream, _) = listener.accept().await.unwrap();
        tokio::io::AsyncWriteExt::write_all(&mut stream, b"HTTP/1.1 400 Bad Request\r\n\r\n").await.unwrap();
    };
    let (fetched, ()) = tokio::join!(site.fetch(&*clock), serving);
    assert!(matches!(fetched, Err(FetchError::Stranger { .. })), "{fetched:?}");
}

/// A stand-in for Red Hat's `update-ca-trust`: it writes down how it was called, and makes the bundle as that would.
#[test]
fn red_hats_tool_is_called_after_the_anchor_is_there() {
    let root = tempfile::tempdir().unwrap();
    let (calls, program) = (root.path().join("calls"), root.path().join("update-ca-trust"));
    let anchors = root.path().join("etc/pki/ca-trust/source/anchors");
    let made = root.path().join("etc/pki/ca-trust/extracted/pem");
    std::fs::create_dir_all(&made).unwrap();
    let script = format!(
        "#!/bin/sh\n# A stand-in.\necho \"$@\" >> {}\ncat {}/*.crt > {}/tls-ca-bundle.pem 2>/dev/null\nexit 0\n",
        calls.display(),
        anchors.display(),
        made.display()
    );
    std::fs::write(&program, script).unwrap();
    std::fs::set_permissions(&program, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let store = TrustStore::with(Layout::RedHat, root.path(), &program);
    let made = Root::create("Contoso", SystemClock::new().now()).unwrap();
    let entry = entry(&Anchor::read(made.certificate_der()).unwrap());

    assert_eq!(store.install(&entry).unwrap(), Change::Done);
    assert_eq!(store.install(&entry).unwrap(), Change::Already);
    assert!(store.is_in_effect(&entry));
    assert_eq!(store.file(&entry).parent(), Some(&*anchors));
    assert_eq!(store.installed().unwrap().len(), 1);
    assert_eq!(store.uninstall(&entry).unwrap(), Change::Done);
    assert_eq!(store.uninstall(&entry).unwrap(), Change::Already);
    assert!(!store.is_in_effect(&entry));
    assert_eq!(std::fs::read_to_string(&calls).unwrap(), "extract\nextract\nextract\n");
}

#[test]
fn a_tool_that_fails_leaves_nothing_installed_and_its_words_are_shown() {
    let root = tempfile::tempdir().unwrap();
    let program = root.path().join("update-ca-trust");
    std::fs::write(&program, "#!/bin/sh\necho 'p11-kit: no space' >&2\nexit 3\n").unwrap();
    std::fs::set_permissions(&program, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let store = TrustStore::with(Layout::RedHat, root.path(), &program);
    let made = Root::create("Contoso", SystemClock::new().now()).unwrap();
    let entry = entry(&Anchor::read(made.certificate_der()).unwrap());
    let error = store.install(&entry).unwrap_err();
    assert!(matches!(error, TrustStoreError::Tool { .. }) && error.to_string().contains("no space"), "{error}");
    assert!(store.installed().unwrap().is_empty());
}

#[test]
fn a_folder_that_cannot_be_written_is_told_with_what_to_do() {
    // /proc takes no folders from anybody, root included.
    let store = TrustStore::with(Layout::Debian, Path::new("/proc"), Path::new("/bin/true"));
    let made = Root::create("Contoso", SystemClock::new().now()).unwrap();
    let error = store.install(&entry(&Anchor::read(made.certificate_der()).unwrap())).unwrap_err();
    assert!(error.to_string().contains("/proc/usr/local/share/ca-certificates"), "{error}");
}
