//! Clients that have no ECDSA: they are shown the second certificate, whose whole chain is RSA.

use std::net::SocketAddr;
use std::process::{Command, Stdio};
use std::sync::Arc;

use gatehouse::config;
use gatehouse::platform::{ManualClock, Tasks};
use gatehouse::tls::{Origin, Shown, policy};
use rustls::SignatureScheme;
use rustls::crypto::{CryptoProvider, WebPkiSupportedAlgorithms};
use tokio::net::TcpListener;
use x509_parser::prelude::{FromDer, X509Certificate};

use crate::support::certificates::{DAY, NOW, client, client_with, handshake, shown, store};
use crate::support::rig::until;

/// The program's provider, its verification cut down to RSA.
fn without_ecdsa() -> Arc<CryptoProvider> {
    let whole = policy::provider();
    let all = whole.signature_verification_algorithms;
    let is_rsa = |scheme: &SignatureScheme| {
        let name = scheme.as_str().unwrap_or_default();
        name.starts_with("RSA")
    };
    let mapping: Vec<_> = all.mapping.iter().filter(|(scheme, _)| is_rsa(scheme)).copied().collect();
    let rsa = WebPkiSupportedAlgorithms { all: all.all, mapping: Vec::leak(mapping) };
    Arc::new(CryptoProvider { signature_verification_algorithms: rsa, ..(*whole).clone() })
}

fn is_rsa(certificate: &[u8]) -> bool {
    let (_, parsed) = X509Certificate::from_der(certificate).unwrap();
    matches!(parsed.public_key().parsed().unwrap(), x509_parser::public_key::PublicKey::RSA(_))
}

#[tokio::test]
async fn until_the_second_certificate_is_made_they_are_refused_and_then_served() {
    let (folder, clock, tasks) = (tempfile::tempdir().unwrap(), ManualClock::starting_at(NOW), Tasks::new());
    let (shown, _) = shown(&store(folder.path()), &config::Tls::default(), &*clock).await;
    let (configs, root) = (shown.configs(), shown.authority().root_pem());
    let first = shown.certificates().current().leaf_pem();
    let old = || client_with(without_ecdsa(), &root, NOW, &[]);
    assert!(handshake(&configs.strict, old(), "localhost").await.is_err());

    shown.keep_fresh(&tasks, Arc::clone(&clock) as _);
    until("the second is made", || shown.certificates().current().has_second()).await;
    for config in [&configs.tunnel, &configs.strict, &configs.https] {
        let (near, _far) = handshake(config, old(), "localhost").await.unwrap();
        assert!(is_rsa(&near.get_ref().1.peer_certificates().unwrap()[0]));
        let (near, _far) = handshake(config, client(&root, NOW, &[]), "localhost").await.unwrap();
        assert!(!is_rsa(&near.get_ref().1.peer_certificates().unwrap()[0]), "everybody else gets ECDSA");
    }
    assert_eq!(shown.certificates().current().leaf_pem(), first, "who compares with the first is not disturbed");

    // Both are renewed together.
    clock.advance(20 * DAY);
    until("they are renewed", || shown.certificates().current().leaf_pem() != first).await;
    assert!(shown.certificates().current().has_second());
    handshake(&configs.strict, client_with(without_ecdsa(), &root, NOW.after(31 * DAY), &[]), "localhost")
        .await
        .unwrap();
    tasks.drain(&*clock, DAY).await.unwrap();
}

#[tokio::test]
async fn a_certificate_of_another_source_is_shown_to_everybody() {
    let (folder, clock) = (tempfile::tempdir().unwrap(), ManualClock::starting_at(NOW));
    let (shown, _) = shown(&store(folder.path()), &config::Tls::default(), &*clock).await;
    shown.authority().replace(NOW).await.unwrap();
    shown.choose(NOW);
    assert!(shown.certificates().current().has_second());
    let root = gatehouse::tls::Root::create("Company", NOW).unwrap();
    shown.slot(Origin::Imported).put(root.issue(&["localhost".to_owned()], DAY, NOW).unwrap(), NOW);
    shown.choose(NOW);
    let old = client_with(without_ecdsa(), &root.certificate_pem(), NOW, &[]);
    assert!(handshake(&shown.configs().strict, old, "localhost").await.is_err());
}

/// Accepts TLS until the test ends.
async fn serve(shown: &Shown) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (address, configs) = (listener.local_addr().unwrap(), shown.configs().clone());
    tokio::spawn(async move {
        while let Ok((tcp, _)) = listener.accept().await {
            let accepting = tokio_rustls::TlsAcceptor::from(Arc::clone(&configs.https)).accept(tcp);
            tokio::spawn(async move {
                if let Ok(mut stream) = accepting.await {
                    let _ = tokio::io::copy(&mut stream, &mut tokio::io::sink()).await;
                }
            });
        }
    });
    address
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn openssl_held_to_rsa_verifies_the_whole_chain() {
    let (folder, clock) = (tempfile::tempdir().unwrap(), ManualClock::starting_at(NOW));
    let (shown, _) = shown(&store(folder.path()), &config::Tls::default(), &*clock).await;
    shown.authority().replace(NOW).await.unwrap();
    shown.choose(NOW);
    let address = serve(&shown).await.to_string();
    let ca = folder.path().join("root.pem");
    std::fs::write(&ca, shown.authority().root_pem()).unwrap();
    let at = (NOW.as_millis() / 1000).to_string();
    let rsa = "rsa_pss_rsae_sha256:rsa_pkcs1_sha256";
    let ways: [(&[&str], &str); 4] = [
        (&["-tls1_2", "-cipher", "ECDHE-RSA-AES256-GCM-SHA384"], "RSA"),
        (&["-tls1_2", "-sigalgs", rsa], "RSA"),
        (&["-tls1_3", "-sigalgs", rsa], "RSA"),
        (&["-tls1_3"], "ECDSA"),
    ];
    for (arguments, kind) in ways {
        let mut command = Command::new("openssl");
        command.args(["s_client", "-connect", &address, "-servername", "localhost", "-verify_hostname", "localhost"]);
        command.args(["-verify_return_error", "-attime", &at, "-CAfile"]).arg(&ca).args(arguments);
        let run = tokio::task::spawn_blocking(move || command.stdin(Stdio::null()).output().unwrap());
        let output = run.await.unwrap();
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success(), "{arguments:?}: {said}{}", String::from_utf8_lossy(&output.stderr));
        assert!(said.contains("Verify return code: 0 (ok)"), "{arguments:?}: {said}");
        let signature = said.lines().find(|line| line.starts_with("Peer signature type:")).unwrap();
        assert_eq!(signature.contains("RSA"), kind == "RSA", "{arguments:?}: {signature}");
    }
}
