//! For which names the appliance's own authority may sign, who believes that, and how it is replaced.

use std::path::Path;
use std::process::Command;

use base64::Engine as _;
use gatehouse::config;
use gatehouse::platform::ManualClock;
use gatehouse::store::Store;
use gatehouse::telemetry::Health;
use gatehouse::tls::authority::{KeptRoot, Roots};
use gatehouse::tls::{Certificates, KeyKind, Root, Scope, ServerConfigs, Shown};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use x509_parser::prelude::{FromDer, X509Certificate};

use crate::support::certificates::{DAY, NOW, client, handshake, said, store};

fn owned(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

async fn shown_for(store: &Store, names: &[&str], further: &[&str]) -> (Shown, Health) {
    let appliance = config::Appliance { names: owned(names), ..config::Appliance::default() };
    let tls = config::Tls { authority_scope: owned(further), ..config::Tls::default() };
    let (health, clock) = (Health::new(), ManualClock::starting_at(NOW));
    let shown = Shown::open(store, &appliance, &tls, health.clone(), &*clock).await.unwrap();
    (shown, health)
}

fn names_of(shown: &Shown) -> Vec<String> {
    shown.certificates().current().facts().names.clone()
}

/// What `openssl verify` says of a certificate by this root for a server of that name or address.
fn openssl_says(folder: &Path, root_pem: &str, leaf_pem: &str, name: &str) -> Result<(), String> {
    let (root, leaf) = (folder.join("root.pem"), folder.join("leaf.pem"));
    std::fs::write(&root, root_pem).unwrap();
    std::fs::write(&leaf, leaf_pem).unwrap();
    let kind = if name.parse::<std::net::IpAddr>().is_ok() { "-verify_ip" } else { "-verify_hostname" };
    let at = (NOW.as_millis() / 1000).to_string();
    let output = Command::new("openssl")
        .args(["verify", "-x509_strict", "-purpose", "sslserver", "-attime", &at, kind, name, "-CAfile"])
        .args([&root, &leaf])
        .output()
        .expect("openssl is installed");
    if output.status.success() { Ok(()) } else { Err(String::from_utf8_lossy(&output.stderr).into_owned()) }
}

/// A root whose key was stolen is good for nothing but what the appliance itself is called.
#[tokio::test]
async fn a_stolen_root_key_is_of_no_use_for_other_names() {
    let folder = tempfile::tempdir().unwrap();
    let scope = Scope::of(&owned(&["sql.corp.example", "10.0.0.5"]), &owned(&["lab.example", "192.0.2.0/24"]));
    let root = Root::limited("gatehouse", KeyKind::EcdsaP256, scope, NOW).unwrap();
    let (_, parsed) = X509Certificate::from_der(root.certificate_der()).unwrap();
    assert!(parsed.name_constraints().unwrap().unwrap().critical);
    let usage = parsed.extended_key_usage().unwrap().unwrap().value;
    assert!(usage.server_auth && !usage.any && !usage.client_auth && !usage.email_protection && !usage.code_signing);

    let pem = root.certificate_pem();
    let believed = async |name: &str, along: &[&str]| {
        let names = owned(&[&[name], along].concat());
        let leaf = root.issue(&names, DAY, NOW).unwrap();
        let openssl = openssl_says(folder.path(), &pem, &leaf.leaf_pem(), name);
        let configs = ServerConfigs::new(&Certificates::showing(leaf)).unwrap();
        let rustls = handshake(&configs.strict, client(&pem, NOW, &[]), name).await;
        assert_eq!(openssl.is_ok(), rustls.is_ok(), "{name}: {openssl:?}");
        openssl
    };
    let inside =
        ["sql.corp.example", "vault.sql.corp.example", "a.lab.example", "localhost", "10.0.0.5", "192.0.2.9", "::1"];
    for name in inside {
        assert_eq!(believed(name, &[]).await, Ok(()), "{name}");
    }
    for name in ["www.example.com", "corp.example", "10.0.0.6", "192.0.3.1", "2001:db8::1"] {
        let text = believed(name, &[]).await.unwrap_err();
        assert!(text.contains("permitted subtree violation"), "{name}: {text}");
    }
    // One name outside spoils the whole certificate.
    assert!(believed("sql.corp.example", &["8.8.8.8"]).await.is_err());
}

#[tokio::test]
async fn the_root_is_rsa_and_limited_to_what_is_configured() {
    let folder = tempfile::tempdir().unwrap();
    let (shown, health) =
        shown_for(&store(folder.path()), &["sql.corp.example", "10.0.0.5"], &["corp.example", "10.0.0.0/8"]).await;
    assert_eq!((names_of(&shown), health.problems()), (owned(&["sql.corp.example", "10.0.0.5"]), Vec::new()));
    let root = CertificateDer::from_pem_slice(shown.authority().root_pem().as_bytes()).unwrap();
    let (_, parsed) = X509Certificate::from_der(&root).unwrap();
    assert_eq!(parsed.public_key().parsed().unwrap().key_size(), 3072);
    let scope = Scope::of_root(&root).unwrap().unwrap();
    assert_eq!(scope.to_string(), "localhost, corp.example, 127.0.0.0/8, ::1/128, 10.0.0.0/8");
    let leaf = shown.certificates().current().leaf_pem();
    for name in ["sql.corp.example", "10.0.0.5"] {
        assert_eq!(openssl_says(folder.path(), &shown.authority().root_pem(), &leaf, name), Ok(()));
    }
}

/// OpenSSL takes an address in the common name for a DNS name.
#[tokio::test]
async fn an_appliance_that_has_addresses_alone_is_believed_too() {
    let folder = tempfile::tempdir().unwrap();
    let (shown, _) = shown_for(&store(folder.path()), &["10.0.0.5"], &[]).await;
    let leaf = shown.certificates().current().leaf_pem();
    assert_eq!(openssl_says(folder.path(), &shown.authority().root_pem(), &leaf, "10.0.0.5"), Ok(()));
}

#[tokio::test]
async fn names_that_the_kept_root_does_not_cover_are_left_out_and_told_until_there_is_a_new_authority() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path());
    let (first, _) = shown_for(&store, &["sql.corp.example", "localhost"], &[]).await;
    let old = first.authority().fingerprint();

    let (later, health) = shown_for(&store, &["sql.corp.example", "db.corp.example", "10.0.0.5"], &[]).await;
    assert_eq!(later.authority().fingerprint(), old);
    assert_eq!(names_of(&later), ["sql.corp.example"]);
    let line = said(&health, "tls.authority");
    assert!(line.contains("db.corp.example, 10.0.0.5") && line.contains("new-authority"), "{line}");

    later.authority().replace(NOW).await.unwrap();
    later.choose(NOW);
    assert_ne!(later.authority().fingerprint(), old);
    assert_eq!((names_of(&later).len(), health.problems()), (3, Vec::new()));
    let root = later.authority().root_pem();
    handshake(&later.configs().strict, client(&root, NOW, &[]), "db.corp.example").await.unwrap();
    let (again, _) = shown_for(&store, &["sql.corp.example"], &[]).await;
    assert_eq!(again.authority().root_pem(), root, "it is durable");
}

#[tokio::test]
async fn no_name_at_all_that_the_root_covers_leaves_the_machine_itself() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path());
    shown_for(&store, &["sql.corp.example"], &[]).await;
    let (shown, _) = shown_for(&store, &["moved.example"], &[]).await;
    assert_eq!(names_of(&shown), ["localhost"]);
}

#[tokio::test]
async fn a_root_of_the_first_version_keeps_working_and_is_told_of() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path());
    let old = Root::create("gatehouse", NOW).unwrap();
    let kept = KeptRoot {
        certificate: base64::engine::general_purpose::STANDARD.encode(old.certificate_der()),
        key: store.seal("tls.authority.key", &old.key_pem()).unwrap(),
    };
    let put = store.change(move |change| change.put::<Roots>(&"root".to_owned(), &kept));
    let put: Result<(), gatehouse::store::StoreError> = put.await;
    put.unwrap();

    let (shown, health) = shown_for(&store, &["anything.example", "10.9.8.7"], &[]).await;
    assert_eq!(shown.authority().root_pem(), old.certificate_pem());
    assert_eq!(names_of(&shown).len(), 2);
    handshake(&shown.configs().strict, client(&old.certificate_pem(), NOW, &[]), "anything.example").await.unwrap();
    let line = said(&health, "tls.authority");
    assert!(line.contains("may sign for any name") && line.contains("new-authority"), "{line}");

    shown.authority().replace(NOW).await.unwrap();
    assert!(store.scan::<Roots>().unwrap().is_empty(), "the old one is gone");
    let (again, health) = shown_for(&store, &["anything.example"], &[]).await;
    assert_ne!(again.authority().root_pem(), old.certificate_pem());
    assert_eq!(health.problems(), []);
}

#[tokio::test]
async fn a_root_for_very_many_names_is_kept_whole() {
    let folder = tempfile::tempdir().unwrap();
    let names: Vec<String> = (0..150).map(|n| format!("a-rather-long-name-{n}.subdivision.corp.example")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let store = store(folder.path());
    let (first, _) = shown_for(&store, &names, &[]).await;
    let (again, _) = shown_for(&store, &names, &[]).await;
    assert_eq!((first.authority().root_pem(), 150), (again.authority().root_pem(), names_of(&again).len()));
}
