//! By system-call trace: a data sync of the `db` file comes between the write of a commit and its acknowledgement.

use std::path::Path;

use gatehouse::store::Store;

use super::{options, put};
use crate::support::process::{runtime, say, traced};

/// Tells the child, with the folder, that it is one.
const CHILD: &str = "GATEHOUSE_TEST_TRACE_CHILD";
const THIS: &str =
    "store::sync_trace::a_commit_is_synced_to_the_disk_after_it_is_written_and_before_it_is_acknowledged";
const COMMITS: usize = 12;

#[test]
fn a_commit_is_synced_to_the_disk_after_it_is_written_and_before_it_is_acknowledged() {
    if let Some(folder) = std::env::var_os(CHILD) {
        return runtime().block_on(child(Path::new(&folder)));
    }
    let folder = tempfile::tempdir().unwrap();
    let calls = traced(THIS, CHILD, folder.path());
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

/// What is found in the write of a commit, and nowhere else.
fn marker(number: usize) -> String {
    format!("marker-of-commit-{number}.")
}

async fn child(folder: &Path) {
    let (store, _) = Store::open(options(folder)).unwrap();
    for number in 0..COMMITS {
        put(&store, &format!("key-{number}"), &marker(number)).await.unwrap();
        say(&format!("ack {number}."));
    }
}
