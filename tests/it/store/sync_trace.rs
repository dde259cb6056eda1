//! By system-call trace: a data sync of the `db` file comes between the write of a commit and its acknowledgement.

use std::io::Write as _;
use std::path::Path;
use std::process::Command;

use gatehouse::store::Store;

use super::{only, options, put, runtime};

/// Tells the child, with the folder, that it is one.
const CHILD: &str = "GATEHOUSE_TEST_TRACE_CHILD";
const COMMITS: usize = 12;

#[test]
fn a_commit_is_synced_to_the_disk_after_it_is_written_and_before_it_is_acknowledged() {
    if let Some(folder) = std::env::var_os(CHILD) {
        return runtime().block_on(child(Path::new(&folder)));
    }
    let folder = tempfile::tempdir().unwrap();
    let calls = trace(folder.path());
    let place = |from: usize, what: &str, is: &dyn Fn(&str) -> bool| {
        let found = calls.iter().enumerate().skip(from).find(|(_, call)| is(call)).map(|(at, _)| at);
        found.unwrap_or_else(|| panic!("{what} is not in the trace:\n{}", calls.join("\n")))
    };
    for number in 0..COMMITS {
        let (marker, acknowledgement) = (marker(number), format!("ack {number}."));
        let in_db = |call: &str, name: &str| call.starts_with(name) && call.contains("/sled/db>");
        let written = place(0, "the write", &|call| in_db(call, "pwrite64(") && call.contains(&marker));
        let synced = place(written, "a data sync", &|call| in_db(call, "fdatasync(") && call.ends_with("= 0"));
        let told =
            place(0, "the acknowledgement", &|call| call.starts_with("write(1<") && call.contains(&acknowledgement));
        assert!(
            written < synced && synced < told,
            "commit {number}: written at call {written}, synced at {synced}, acknowledged at {told}"
        );
    }
}

/// What each system call of the child was, in the order in which they ended.
fn trace(folder: &Path) -> Vec<String> {
    let this = "sync_trace::a_commit_is_synced_to_the_disk_after_it_is_written_and_before_it_is_acknowledged";
    let output = folder.join("trace");
    let ended = Command::new("strace")
        .args(["-f", "-y", "-s", "1000000", "-e", "trace=pwrite64,fdatasync,fsync,write", "-o"])
        .arg(&output)
        .arg(std::env::current_exe().unwrap())
        .args(only(this))
        .env(CHILD, folder)
        .output()
        .expect("this test needs strace: install it (Debian: apt-get install strace)");
    assert!(ended.status.success(), "strace or its child failed: {}", String::from_utf8_lossy(&ended.stderr));
    joined(&std::fs::read_to_string(output).unwrap())
}

/// Joins calls that another thread's interrupted, and takes the thread ids off. Each call stands where it ended, so
/// that a sync counts only when it had ended before the acknowledgement began; a write, where it began to end.
fn joined(trace: &str) -> Vec<String> {
    let mut begun = std::collections::HashMap::new();
    let mut calls = Vec::new();
    for line in trace.lines() {
        let (thread, rest) = line.split_once(' ').unwrap();
        let rest = rest.trim_start();
        if let Some(start) = rest.strip_suffix("<unfinished ...>") {
            begun.insert(thread, start.trim_end().to_owned());
        } else if let Some((_, end)) = rest.strip_prefix("<... ").and_then(|rest| rest.split_once(" resumed>")) {
            calls.push(format!("{}{end}", begun.remove(thread).unwrap_or_default()));
        } else {
            calls.push(rest.to_owned());
        }
    }
    calls
}

/// What is found in the write of a commit, and nowhere else.
fn marker(number: usize) -> String {
    format!("marker-of-commit-{number}.")
}

async fn child(folder: &Path) {
    let (store, _) = Store::open(options(folder)).unwrap();
    for number in 0..COMMITS {
        put(&store, &format!("key-{number}"), &marker(number)).await.unwrap();
        std::io::stdout().write_all(format!("ack {number}.\n").as_bytes()).unwrap();
    }
}
