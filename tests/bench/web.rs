//! How many requests a second the endpoints answer that workstations ask most, and what a storm of wrong sign-ins does to a
//! session that is there already; and how long a request holds a thread.
//!
//! `cargo bench --bench web`. The appliance, its sample server and the clients share this process: what is counted
//! includes the client's half of TLS and HTTP.
#![allow(
    missing_docs,
    dead_code,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a measurement fails by panicking, and is not the product"
)]

#[path = "../it/support/mod.rs"]
mod support;
#[path = "web_polls.rs"]
mod web_polls;

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use gatehouse::audit::Actor;
use gatehouse::domain::Name;
use rustls::pki_types::{CertificateDer, ServerName, pem::PemObject as _};
use support::appliance::TestAppliance;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::runtime::Runtime;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

const CONNECTIONS: usize = 16;
const STORM: usize = 200;

fn main() {
    // `cargo test` builds and runs benches, too; there it only shows that this one works.
    let full = std::env::args().any(|argument| argument == "--bench");
    let (seconds, pings) = if full { (8.0, 60_000) } else { (0.2, 50) };
    let runtimes = Runtimes::new();
    let house = runtimes.house.block_on(TestAppliance::with(|config| {
        config.listen.half_open_per_address = 1024;
        config.listen.half_open_total = 1024;
        // Otherwise most of the storm would be turned away before anything is hashed.
        config.sign_in.throttle_free_tries = 1_000_000;
    }));
    runtimes.clients.block_on(rates(&house, Duration::from_secs_f64(seconds)));
    for patient in [true, false] {
        runtimes.person.block_on(storm(&house, &runtimes.clients, patient, pings));
    }
    runtimes.person.block_on(web_polls::measure(if full { 25 } else { 1 }));
}

/// The appliance has its threads, as in the product. Who stands for other machines has other threads, so that nobody waits in
/// somebody else's queue; and those of the crowd have the lowest priority, because it would not be on this machine at all.
struct Runtimes {
    house: Runtime,
    person: Runtime,
    clients: Runtime,
}

impl Runtimes {
    fn new() -> Self {
        let threads = |priority: i32| {
            let mut builder = tokio::runtime::Builder::new_multi_thread();
            builder.worker_threads(2).enable_all().on_thread_start(move || {
                let _ = rustix::process::nice(priority);
            });
            builder.build().unwrap()
        };
        let person = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        Self { house: threads(0), person, clients: threads(19) }
    }
}

async fn rates(house: &TestAppliance, time: Duration) {
    let identity = house.state().identity.clone();
    let ada = identity.account(&house.demo.access.account).unwrap();
    let (_, secret) = identity.add_device(&Actor::Console, Name::parse("bench").unwrap(), ada.id).await.unwrap();
    let site = Site::of(house);

    let head = |path: &str, fields: &str| format!("GET {path} HTTP/1.1\r\nhost: localhost\r\n{fields}\r\n");
    let bearer = format!("authorization: Bearer {}\r\n", secret.expose());
    let discovery = head("/.well-known/gatehouse", "");
    let config = head("/api/v1/workstation/config", &bearer);
    let first = site.open().await.ask(&config).await;
    assert_eq!(first.status, 200, "{}", first.head);
    let tag = first.head.lines().find_map(|line| line.strip_prefix("etag: ")).unwrap().to_owned();
    let known = head("/api/v1/workstation/config", &format!("{bearer}if-none-match: {tag}\r\n"));
    for (what, request, status) in [
        ("discovery", &discovery, 200),
        ("config document", &config, 200),
        ("config document, known already", &known, 304),
    ] {
        rate(&site, what, request, status, time).await;
    }
}

/// Requests a second over connections that stay open.
async fn rate(site: &Site, what: &str, request: &str, status: u16, time: Duration) {
    let mut lines = Vec::new();
    for _ in 0..CONNECTIONS {
        lines.push(site.open().await);
    }
    let (before, began) = (processor_seconds(), Instant::now());
    let tasks = lines.into_iter().map(|mut line| {
        let request = request.to_owned();
        tokio::spawn(async move {
            let mut times = Vec::new();
            while began.elapsed() < time {
                let asked = Instant::now();
                let answer = line.ask(&request).await;
                assert_eq!(answer.status, status, "{}", answer.head);
                times.push(asked.elapsed().as_secs_f64() * 1e6);
            }
            times
        })
    });
    let tasks: Vec<_> = tasks.collect();
    let mut times = Vec::new();
    for task in tasks {
        times.extend(task.await.unwrap());
    }
    let (taken, spent) = (began.elapsed().as_secs_f64(), processor_seconds() - before);
    println!(
        "{what}: {:.0} requests a second over {CONNECTIONS} connections; p50 {:.0} us, p99 {:.0} us; {:.0} us of processor a request",
        times.len() as f64 / taken,
        percentile(&mut times, 50),
        percentile(&mut times, 99),
        spent / times.len() as f64 * 1e6,
    );
}

/// The round trips of one session, quiet and while many sign in wrongly; who is told to come back later does, or asks again at once.
async fn storm(house: &TestAppliance, clients: &Runtime, patient: bool, pings: usize) {
    let site = Arc::new(Site::of(house));
    let mut session = house.ada().await;
    ping(&mut session, pings / 10).await;
    let mut quiet = ping(&mut session, pings).await;
    let (stop, answered) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
    let hashed = house.state().identity.hashes_computed();
    let tasks = (0..STORM).map(|number| {
        let (stop, answered, site) = (Arc::clone(&stop), Arc::clone(&answered), Arc::clone(&site));
        clients.spawn(async move {
            let mut line = site.open().await;
            let mut count = 0;
            while !stop.load(Ordering::Relaxed) {
                count += 1;
                let form = format!("next=%2F&name=nobody{number}&password=wrong+pony+battery+{number}+{count}");
                let request = format!(
                    "POST /sign-in HTTP/1.1\r\nhost: localhost\r\nsec-fetch-site: same-origin\r\naccept: text/html\r\n\
                     content-type: application/x-www-form-urlencoded\r\ncontent-length: {}\r\n\r\n{form}",
                    form.len()
                );
                let answer = line.ask(&request).await;
                assert!(answer.status >= 400, "{}", answer.head);
                answered.fetch_add(1, Ordering::Relaxed);
                let later = answer.head.lines().find_map(|line| line.strip_prefix("retry-after: "));
                if let Some(seconds) = later.filter(|_| patient) {
                    tokio::time::sleep(Duration::from_secs(seconds.parse().unwrap())).await;
                }
            }
        })
    });
    let tasks: Vec<_> = tasks.collect();
    // From when on all of them try.
    while answered.load(Ordering::Relaxed) < STORM as u64 {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let (began, before) = (Instant::now(), answered.load(Ordering::Relaxed));
    let mut stormy = ping(&mut session, pings).await;
    let taken = began.elapsed().as_secs_f64();
    stop.store(true, Ordering::Relaxed);
    for task in tasks {
        task.await.unwrap();
    }
    let hashed = house.state().identity.hashes_computed() - hashed;
    println!(
        "storm of {STORM}, {}: {:.0} wrong sign-ins a second, {hashed} passwords hashed",
        if patient { "who come back when they are told to" } else { "who never pause" },
        (answered.load(Ordering::Relaxed) - before) as f64 / taken
    );
    for percent in [50, 99] {
        let (quiet, stormy) = (percentile(&mut quiet, percent), percentile(&mut stormy, percent));
        println!("  round trip p{percent}, us: quiet {quiet:.0}, storm {stormy:.0}, ratio {:.2}", stormy / quiet);
    }
}

async fn ping(session: &mut support::appliance::Client, pings: usize) -> Vec<f64> {
    let mut times = Vec::with_capacity(pings);
    for _ in 0..pings {
        let asked = Instant::now();
        session.simple_query("SELECT 1").await.unwrap().into_row().await.unwrap();
        times.push(asked.elapsed().as_secs_f64() * 1e6);
    }
    times
}

/// Where the appliance answers, and what it is believed by.
struct Site {
    address: SocketAddr,
    tls: TlsConnector,
}

/// One connection that stays open.
struct Line {
    stream: TlsStream<TcpStream>,
    read: Vec<u8>,
}

struct Answered {
    status: u16,
    head: String,
}

impl Site {
    fn of(house: &TestAppliance) -> Self {
        let mut roots = rustls::RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(house.root_pem().as_bytes()).unwrap()).unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config =
            rustls::ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
        let mut config = config.with_root_certificates(roots).with_no_client_auth();
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Self { address: house.appliance().https_addresses()[0], tls: TlsConnector::from(Arc::new(config)) }
    }

    async fn open(&self) -> Line {
        let tcp = TcpStream::connect(self.address).await.unwrap();
        tcp.set_nodelay(true).unwrap();
        let stream = self.tls.connect(ServerName::try_from("localhost").unwrap(), tcp).await.unwrap();
        Line { stream, read: Vec::with_capacity(32 * 1024) }
    }
}

impl Line {
    async fn ask(&mut self, request: &str) -> Answered {
        self.stream.write_all(request.as_bytes()).await.unwrap();
        self.stream.flush().await.unwrap();
        self.read.clear();
        let head = loop {
            if let Some(end) = self.read.windows(4).position(|four| four == b"\r\n\r\n") {
                break end + 4;
            }
            self.more().await;
        };
        let text = String::from_utf8(self.read[..head].to_vec()).unwrap();
        let status = text.split(' ').nth(1).unwrap().parse().unwrap();
        let length = text.lines().find_map(|line| line.strip_prefix("content-length: "));
        let length: usize = length.map_or(0, |length| length.parse().unwrap());
        while self.read.len() < head + length {
            self.more().await;
        }
        Answered { status, head: text }
    }

    async fn more(&mut self) {
        assert!(self.stream.read_buf(&mut self.read).await.unwrap() > 0, "the appliance hung up");
    }
}

fn percentile(samples: &mut [f64], percent: usize) -> f64 {
    samples.sort_by(f64::total_cmp);
    samples[(samples.len() * percent / 100).min(samples.len() - 1)]
}

/// What this process has used of the processors.
fn processor_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
    (fields[11].parse::<f64>().unwrap() + fields[12].parse::<f64>().unwrap()) / 100.0
}
