//! The appliance's own authority: its root, and the certificates that it issues and renews.

use std::sync::Arc;

use gatehouse::config;
use gatehouse::platform::{ManualClock, Tasks};
use gatehouse::tls::{Certificates, KeyAndChain, Root, ServerConfigs};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use x509_parser::prelude::{FromDer, X509Certificate};

use crate::support::certificates::{DAY, NOW, client, handshake, names, settle, shown, store};
use crate::support::rig::until;

#[tokio::test]
async fn the_root_outlives_a_restart() {
    let (folder, clock) = (tempfile::tempdir().unwrap(), ManualClock::starting_at(NOW));
    let first = {
        let store = store(folder.path());
        let (shown, _) = shown(&store, &config::Tls::default(), &*clock).await;
        let authority = shown.authority();
        (authority.root_pem(), authority.fingerprint())
    };
    let store = store(folder.path());
    let (again, _) = shown(&store, &config::Tls::default(), &*clock).await;
    assert_eq!((again.authority().root_pem(), again.authority().fingerprint()), first);
}

#[tokio::test]
async fn the_certificate_is_for_every_name_and_address_and_for_servers_alone() {
    let (folder, clock) = (tempfile::tempdir().unwrap(), ManualClock::starting_at(NOW));
    let (shown, _) = shown(&store(folder.path()), &config::Tls::default(), &*clock).await;
    let (strict, root) = (&shown.configs().strict, shown.authority().root_pem());
    for name in names() {
        handshake(strict, client(&root, NOW, &[]), &name).await.unwrap();
    }
    assert!(handshake(strict, client(&root, NOW, &[]), "other.test").await.is_err());

    let current = shown.certificates().current();
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
    let (folder, clock, tasks) = (tempfile::tempdir().unwrap(), ManualClock::starting_at(NOW), Tasks::new());
    let (shown, _) = shown(&store(folder.path()), &config::Tls::default(), &*clock).await;
    let (configs, root) = (shown.configs(), shown.authority().root_pem());
    let (mut near, mut far) = handshake(&configs.tunnel, client(&root, NOW, &[]), "localhost").await.unwrap();

    shown.keep_fresh(&tasks, Arc::clone(&clock) as _);
    let first = shown.certificates().current();
    let news = || shown.certificates().current().facts().sha256 != first.facts().sha256;
    // Nineteen days of thirty: nothing happens.
    for _ in 0..19 {
        clock.advance(DAY);
        settle().await;
    }
    assert!(!news());
    clock.advance(DAY);
    until("the certificate was renewed", news).await;
    let second = shown.certificates().current();
    assert!(second.facts().not_after > first.facts().not_after);
    assert_eq!(shown.statuses().last().unwrap().renewed, Some(NOW.after(20 * DAY)));

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

#[test]
fn a_key_of_another_certificate_is_never_taken() {
    let root = Root::create("gatehouse", NOW).unwrap();
    let certificate = root.issue(&names(), DAY, NOW).unwrap();
    let other = rcgen::KeyPair::generate().unwrap();
    let key = rustls::pki_types::PrivateKeyDer::Pkcs8(other.serialize_der().into());
    assert!(KeyAndChain::new(certificate.chain().to_vec(), key).is_err());
    assert!(!format!("{root:?} {certificate:?}").contains("PRIVATE"));
}
