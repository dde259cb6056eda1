//! Five thousand strangers at the door of the real program, and a client that goes on working.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use futures_util::stream::{self, StreamExt as _};
use gatehouse::platform::descriptors;
use tokio::io::AsyncWriteExt as _;
use tokio::net::{TcpSocket, TcpStream};

use crate::support::appliance::{connect, scalar};
use crate::support::caller::prelogin;
use crate::support::hello::client_hello;
use crate::support::program::{Running, fetch};

/// How long anything may take on a busy machine before it counts as stuck.
const STUCK: Duration = Duration::from_secs(120);
/// The limits by default.
const PER_ADDRESS: u64 = 64;
const TOTAL: u64 = 4096;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn five_thousand_half_open_connections_do_not_touch_a_signed_in_client() {
    let files = descriptors::raise_limit();
    assert!(files.is_none_or(|files| files > 6000), "this test needs 6,000 open files, and may have {files:?} only");
    let folder = tempfile::tempdir().unwrap();
    // Nobody's time is over while this lasts.
    let patient = ["gateway.prelogin_timeout=1h", "gateway.login_timeout=1h", "log.filter=error"];
    let (mut demo, access) = Running::demo(&folder.path().join("demo"), &patient);
    let text = |name: &str| access[name].as_str().unwrap().to_owned();
    let gate = SocketAddr::from(([127, 0, 0, 1], u16::try_from(access["sql_port"].as_u64().unwrap()).unwrap()));
    let metrics = text("metrics_url").strip_prefix("http://").unwrap().split('/').next().unwrap().parse().unwrap();
    let ca_file = PathBuf::from(text("ca_file"));
    let (account, password, database) = (text("account"), text("password"), text("database"));
    let sign_in = || connect(gate, &ca_file, [&account, &password, &database]);

    let mut ada = sign_in().await.unwrap();
    let (asked, enough) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicBool::new(false)));
    let (counted, told) = (Arc::clone(&asked), Arc::clone(&enough));
    let working = tokio::spawn(async move {
        while !told.load(Ordering::SeqCst) {
            assert_eq!(scalar(&mut ada, "SELECT DB_NAME()").await.unwrap(), "Nordwind");
            counted.fetch_add(1, Ordering::SeqCst);
        }
    });

    // More from each of twenty addresses than one may have; then from sixty others, which have no more than they may, until
    // there are no places left.
    let mut strangers = flood(gate, 1..21, 100).await;
    let held = 20 * PER_ADDRESS;
    numbers(metrics, held, 20 * (100 - PER_ADDRESS)).await;
    strangers.extend(flood(gate, 21..81, 50).await);
    assert_eq!(strangers.len(), 5000);
    numbers(metrics, TOTAL, 5000 - TOTAL).await;

    let before = asked.load(Ordering::SeqCst);
    assert!(before > 0, "it worked while they came");
    until("it goes on working", || asked.load(Ordering::SeqCst) > before + 200).await;
    assert!(!working.is_finished());
    assert!(sign_in().await.is_err(), "there is no place for another one");

    drop(strangers);
    until("the places are given back", || read(metrics, HALF_OPEN) == 0).await;
    assert_eq!(scalar(&mut sign_in().await.unwrap(), "SELECT DB_NAME()").await.unwrap(), "Nordwind");
    enough.store(true, Ordering::SeqCst);
    working.await.expect("every answer was right");
    demo.signal(rustix::process::Signal::TERM);
    assert!(demo.ended().success(), "{}", demo.errors());
}

/// Connections from so many addresses, so many from each: silent, or stuck in their first words or in the handshake.
async fn flood(gate: SocketAddr, hosts: std::ops::Range<u8>, of_each: usize) -> Vec<Option<TcpStream>> {
    let hello = client_hello(&[b"tds/8.0"]);
    let mut greeting = Vec::new();
    let payload = prelogin().encode().unwrap();
    gatehouse::wire::PacketWriter::new(&mut greeting).write_message(0x12, 0, &payload).await.unwrap();
    let half_a_hello = &hello[..hello.len() / 2];
    let words: [&[u8]; 6] = [b"", &[0x12, 1, 0, 50], &greeting, half_a_hello, &hello, b"GET"];
    let all = hosts.flat_map(|host| (0..of_each).map(move |number| (host, number)));
    let connecting = all.map(|(host, number)| {
        let words = words[number % words.len()].to_vec();
        async move {
            let socket = TcpSocket::new_v4().unwrap();
            socket.bind(SocketAddr::from((Ipv4Addr::new(127, 1, 1, host), 0))).unwrap();
            // Those who are turned away are told so now or at their first word.
            let mut stream = socket.connect(gate).await.ok()?;
            stream.write_all(&words).await.ok()?;
            Some(stream)
        }
    });
    stream::iter(connecting).buffer_unordered(50).collect().await
}

const HALF_OPEN: &str = "gatehouse_connections{of=\"half_open\"} ";
const REFUSED: &str = "gatehouse_connections_refused_total{of=\"half_open\"} ";

/// Waits until so many are half open and so many were turned away.
async fn numbers(metrics: SocketAddr, held: u64, refused: u64) {
    let what = format!("{held} held and {refused} refused");
    until(&what, || (read(metrics, HALF_OPEN), read(metrics, REFUSED)) == (held, refused)).await;
}

fn read(metrics: SocketAddr, name: &str) -> u64 {
    let text = fetch(metrics, "/metrics");
    let line = text.lines().find_map(|line| line.strip_prefix(name));
    line.unwrap_or_else(|| panic!("no {name} in\n{text}")).parse().unwrap()
}

async fn until(what: &str, is_so: impl Fn() -> bool) {
    let begun = Instant::now();
    while !is_so() {
        assert!(begun.elapsed() < STUCK, "it never came about: {what}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}
