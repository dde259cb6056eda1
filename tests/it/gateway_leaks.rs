//! Connections that end at every stage leave nothing behind: no descriptor, no session, no memory.
//!
//! Runs in a process of its own, since the other tests of this binary open descriptors, too. Fewer rounds here than with
//! `GATEHOUSE_FULL=1 cargo test --test it gateway_leaks`, which makes ten thousand connections.

use std::process::Command;
use std::time::Duration;

use tokio::net::TcpStream;

use crate::support::caller::{self, greet, login, prelogin};
use crate::support::rig::{ACTOR, Rig, until};

const CHILD: &str = "GATEHOUSE_TEST_LEAK_CHILD";

#[test]
fn connections_that_end_at_any_stage_leave_nothing_behind() {
    if std::env::var_os(CHILD).is_some() {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        return runtime.block_on(rounds());
    }
    let this = "gateway_leaks::connections_that_end_at_any_stage_leave_nothing_behind";
    let mut child = Command::new(std::env::current_exe().unwrap());
    let output = child.args(["--exact", this, "--nocapture"]).env(CHILD, "1").output().unwrap();
    let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success() && said.contains("connections came and went"), "{said}");
}

async fn rounds() {
    let rounds = if std::env::var_os("GATEHOUSE_FULL").is_some() { 1250 } else { 40 };
    let rig = Rig::start().await;
    let (_, pass) = rig.identity.issue_pass(&ACTOR, rig.ada, None, Duration::from_secs(86_400)).await.unwrap();
    // What is made once (pools, caches, the store's pages) is made before the first look.
    for _ in 0..10 {
        round(&rig, pass.expose()).await;
    }
    settle(&rig).await;
    let (descriptors, memory) = (open_descriptors(), resident_kib());
    for _ in 0..rounds {
        round(&rig, pass.expose()).await;
    }
    settle(&rig).await;
    until("the descriptors are where they were", || open_descriptors() <= descriptors).await;
    let grown = resident_kib().saturating_sub(memory);
    // A session's buffers alone are 16 KiB and more.
    let allowed = 4096 + 2 * rounds * STAGES;
    assert!(grown < allowed, "{grown} KiB more after {} connections", rounds * STAGES);
    println!("{} connections came and went; {grown} KiB more are resident", rounds * STAGES);
}

const STAGES: usize = 8;

/// One connection for each stage at which one can end.
async fn round(rig: &Rig, pass: &str) {
    let wish = login("ada", pass, "sales");
    drop(TcpStream::connect(rig.address).await.unwrap());

    let mut greeted = TcpStream::connect(rig.address).await.unwrap();
    greet(&mut greeted, &prelogin()).await;
    drop(greeted);

    drop(rig.call().await);

    let mut half = rig.call().await;
    half.write(&[0x10, 0, 0x10, 0, 0, 0, 1, 0, 1, 2, 3]).await;
    drop(half);

    let mut refused = rig.call().await;
    refused.log_in(&login("ada", pass, "nothing")).await.error();
    drop(refused);

    let mut working = rig.call().await;
    working.log_in(&wish).await.tokens();
    assert_eq!(working.ask("rows 20000").await.unwrap().len(), 20_000);
    drop(working);

    let mut flooded = caller::strict(rig.address, &rig.root_pem, &prelogin()).await;
    flooded.log_in(&wish).await.tokens();
    flooded.batch("flood").await;
    drop(flooded);

    let mut closing = rig.call().await;
    closing.log_in(&wish).await.tokens();
    closing.batch("close").await;
    closing.answer().await.error();
    drop(closing);
}

async fn settle(rig: &Rig) {
    rig.until("every session is gone", |rig| rig.gateway.registry().count() == 0 && rig.peer.live() == 0).await;
    // A session leaves the registry a moment before its task ends.
    tokio::time::sleep(Duration::from_millis(100)).await;
}

fn open_descriptors() -> usize {
    std::fs::read_dir("/proc/self/fd").unwrap().count()
}

fn resident_kib() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("RssAnon:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}
