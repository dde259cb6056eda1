//! A new certificate is used by new handshakes at once, and nobody who is connected notices.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use gatehouse::platform::{Clock as _, SystemClock};
use gatehouse::tls::{Origin, Root};
use gatehouse::wire::fingerprint;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;

use crate::support::appliance::{TestAppliance, scalar};
use crate::support::caller;
use crate::support::certificates::{DAY, client};
use crate::support::rig::until;

/// A TLS connection for HTTP/1.1, its certificate verified by this root.
async fn https(appliance: &TestAppliance, root_pem: &str) -> BufReader<TlsStream<TcpStream>> {
    let tcp = TcpStream::connect(appliance.appliance().https_addresses()[0]).await.unwrap();
    let name = rustls::pki_types::ServerName::try_from("localhost").unwrap();
    let connector = client(root_pem, SystemClock::new().now(), &[b"http/1.1"]);
    BufReader::new(connector.connect(name, tcp).await.unwrap())
}

/// One request on a connection that stays open.
async fn ask(connection: &mut BufReader<TlsStream<TcpStream>>) {
    connection.get_mut().write_all(b"GET /healthz/live HTTP/1.1\r\nhost: localhost\r\n\r\n").await.unwrap();
    connection.get_mut().flush().await.unwrap();
    let (mut length, mut line) = (0, String::new());
    loop {
        line.clear();
        assert_ne!(connection.read_line(&mut line).await.unwrap(), 0, "the connection was closed");
        let lower = line.to_lowercase();
        if let Some(value) = lower.strip_prefix("content-length:") {
            length = value.trim().parse().unwrap();
        }
        if line == "\r\n" {
            break;
        }
    }
    let mut body = vec![0; length];
    connection.read_exact(&mut body).await.unwrap();
    assert_eq!(body, b"live\n");
}

fn seen(connection: &BufReader<TlsStream<TcpStream>>) -> String {
    fingerprint(&connection.get_ref().get_ref().1.peer_certificates().unwrap()[0])
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_swaps_cost_no_session_and_each_new_handshake_sees_the_newest() {
    let appliance = TestAppliance::start().await;
    let shown = appliance.appliance().certificates().clone();
    let (mut ada, own) = (appliance.ada().await, appliance.root_pem());
    let mut kept_open = https(&appliance, &own).await;

    let (over, queries) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let (stop, count) = (Arc::clone(&over), Arc::clone(&queries));
    let querying = tokio::spawn(async move {
        let session = scalar(&mut ada, "SELECT CAST(@@SPID AS VARCHAR(10))").await.unwrap();
        while !stop.load(Ordering::Acquire) {
            let same = scalar(&mut ada, "SELECT CAST(@@SPID AS VARCHAR(10))").await.unwrap();
            assert_eq!(same, session);
            count.fetch_add(1, Ordering::AcqRel);
        }
    });

    let now = SystemClock::new().now();
    let company = Root::create("Company", now).unwrap();
    let mut all = Vec::new();
    for _ in 0..10 {
        let fresh = company.issue(&["localhost".to_owned()], DAY, now).unwrap();
        let sha256 = fresh.facts().sha256.clone();
        shown.slot(Origin::Imported).put(fresh, now);
        until("it is shown", || shown.certificates().current().facts().sha256 == sha256).await;
        let newcomer = https(&appliance, &company.certificate_pem()).await;
        assert_eq!(seen(&newcomer), sha256);
        // Over TDS, too: this root alone is believed.
        caller::tunnel(appliance.sql(), &company.certificate_pem(), &caller::prelogin()).await;
        all.push(sha256);
        ask(&mut kept_open).await;
        let before = queries.load(Ordering::Acquire);
        until("the session goes on", || queries.load(Ordering::Acquire) > before || querying.is_finished()).await;
    }
    all.sort();
    all.dedup();
    assert_eq!(all.len(), 10);
    over.store(true, Ordering::Release);
    querying.await.unwrap();
}
