//! How fast sessions are through the gateway, compared with the same client and server without it, in one run.
//!
//! `cargo bench --bench relay`. Client, gateway and server share this process's two threads, so the absolute numbers say
//! little; the ratios of one run say what the hop costs. What the processor spent holds on a busy machine, too.
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

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use gatehouse::tds::Login7;
use gatehouse::wire::PacketReader;
use support::caller::{Tunnelled, login, prelogin, tunnel};
use support::rig::{PASSWORD, Rig};

const MEGABYTES: usize = 256;
const PINGS: usize = 5000;
const ROUNDS: usize = 3;

fn main() {
    // `cargo test` builds and runs benches, too; there it only shows that this one works.
    let full = std::env::args().any(|argument| argument == "--bench");
    let (megabytes, pings, rounds) = if full { (MEGABYTES, PINGS, ROUNDS) } else { (8, 100, 1) };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(measure(megabytes, pings, rounds));
}

/// The two ways to the same server.
struct Way {
    name: &'static str,
    address: SocketAddr,
    root_pem: String,
}

async fn measure(megabytes: usize, pings: usize, rounds: usize) {
    let rig = Rig::start().await;
    let ways = [
        Way { name: "direct", address: rig.peer.address, root_pem: rig.peer.root_pem.clone() },
        Way { name: "gateway", address: rig.address, root_pem: rig.root_pem.clone() },
    ];
    for packet_size in [4096, 16_000, 32_767] {
        let (mut down, mut up, mut rtt) = ([vec![], vec![]], [vec![], vec![]], [vec![], vec![]]);
        for _ in 0..rounds {
            for (index, way) in ways.iter().enumerate() {
                let mut session = open(way, packet_size).await;
                down[index].push(download(&mut session, megabytes).await);
                up[index].push(upload(&mut session, packet_size, megabytes).await);
                rtt[index].extend(ping(&mut session, pings).await);
            }
        }
        println!("packets of {packet_size} bytes");
        report("  results, MB/s", down.map(|samples| percentile(samples, 50)));
        report("  bulk load, MB/s", up.map(|samples| percentile(samples, 50)));
        report("  round trip p50, us", rtt.clone().map(|samples| percentile(samples, 50)));
        report("  round trip p99, us", rtt.map(|samples| percentile(samples, 99)));
        for way in &ways {
            let mut session = open(way, packet_size).await;
            let (before, bytes) = (processor_seconds(), (megabytes << 20) as f64);
            download(&mut session, megabytes).await;
            let down = processor_seconds();
            upload(&mut session, packet_size, megabytes).await;
            let up = processor_seconds();
            println!(
                "  processor seconds a GB in all, {}: results {:.2}, bulk load {:.2}",
                way.name,
                (down - before) / bytes * 1e9,
                (up - down) / bytes * 1e9
            );
        }
        for way in &ways {
            let together = four_at_once(way, packet_size, megabytes).await;
            println!("  four sessions at once, {}: {together:.0} MB/s", way.name);
        }
    }
}

fn report(what: &str, [direct, gateway]: [f64; 2]) {
    println!("{what}: direct {direct:.1}, gateway {gateway:.1}, ratio {:.2}", gateway / direct);
}

async fn open(way: &Way, packet_size: u32) -> Tunnelled {
    let mut session = tunnel(way.address, &way.root_pem, &prelogin()).await;
    session.log_in(&Login7 { packet_size, ..login("ada", PASSWORD, "sales") }).await.tokens();
    session
}

async fn download(session: &mut Tunnelled, megabytes: usize) -> f64 {
    let started = Instant::now();
    session.batch(&format!("rows {}", megabytes << 20)).await;
    let mut reader = PacketReader::new(&mut session.stream);
    while !reader.next().await.unwrap().unwrap().ends_message() {}
    rate(megabytes, started.elapsed())
}

async fn upload(session: &mut Tunnelled, packet_size: u32, megabytes: usize) -> f64 {
    let content = vec![7; megabytes << 20];
    let started = Instant::now();
    let text: Vec<u8> = "swallow ".encode_utf16().flat_map(u16::to_le_bytes).chain(content).collect();
    let prepared = started.elapsed();
    session.packet_size = usize::try_from(packet_size).unwrap();
    session.send(7, 0, &text).await;
    session.receive().await.unwrap();
    rate(megabytes, started.elapsed() - prepared)
}

async fn ping(session: &mut Tunnelled, pings: usize) -> Vec<f64> {
    let mut times = Vec::with_capacity(pings);
    for _ in 0..pings {
        let started = Instant::now();
        session.ask("rows 200").await.unwrap();
        times.push(started.elapsed().as_secs_f64() * 1e6);
    }
    times
}

async fn four_at_once(way: &Way, packet_size: u32, megabytes: usize) -> f64 {
    let mut sessions = Vec::new();
    for _ in 0..4 {
        sessions.push(open(way, packet_size).await);
    }
    let started = Instant::now();
    let work: Vec<_> = sessions
        .into_iter()
        .map(|mut session| tokio::spawn(async move { download(&mut session, megabytes).await }))
        .collect();
    for each in work {
        each.await.unwrap();
    }
    rate(megabytes * 4, started.elapsed())
}

/// What this process has spent, user and system.
fn processor_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let fields: Vec<&str> = stat.rsplit(") ").next().unwrap().split(' ').collect();
    let ticks: f64 = fields[11].parse::<f64>().unwrap() + fields[12].parse::<f64>().unwrap();
    ticks / 100.0
}

fn rate(megabytes: usize, took: Duration) -> f64 {
    (megabytes << 20) as f64 / 1e6 / took.as_secs_f64()
}

fn percentile(mut samples: Vec<f64>, percent: usize) -> f64 {
    samples.sort_by(f64::total_cmp);
    samples[(samples.len() - 1) * percent / 100]
}
