//! By system-call trace: an entry is synced to the disk before it is answered, and entries that wait share a sync.

use std::path::Path;

use super::{entry, open};
use crate::support::process::{runtime, say, traced};

/// Tells the child, with the folder, that it is one.
const CHILD: &str = "GATEHOUSE_TEST_AUDIT_TRACE_CHILD";
const THIS: &str = "audit::sync_trace::an_entry_is_synced_before_it_is_answered_and_many_share_a_sync";
const ENTRIES: usize = 6;
const TOGETHER: usize = 8;

#[test]
fn an_entry_is_synced_before_it_is_answered_and_many_share_a_sync() {
    if let Some(folder) = std::env::var_os(CHILD) {
        return runtime().block_on(child(Path::new(&folder)));
    }
    let folder = tempfile::tempdir().unwrap();
    let calls = traced(THIS, CHILD, folder.path());
    let place = |from: usize, what: &str, is: &dyn Fn(&str) -> bool| {
        let found = calls.iter().enumerate().skip(from).find(|(_, call)| is(call)).map(|(at, _)| at);
        found.unwrap_or_else(|| panic!("{what} is not in the trace:\n{}", calls.join("\n")))
    };
    let of_segment = |call: &str, name: &str| call.starts_with(name) && call.contains("/audit-");
    for number in 0..ENTRIES {
        let (marker, answer) = (format!("marker {number}."), format!("ack {number}."));
        let written = place(0, "the write", &|call| of_segment(call, "write(") && call.contains(&marker));
        let synced = place(written, "a data sync", &|call| of_segment(call, "fdatasync(") && call.ends_with("= 0"));
        let told = place(0, "the answer", &|call| call.starts_with("write(1<") && call.contains(&answer));
        assert!(written < synced && synced < told, "entry {number}: {written}, {synced}, {told}");
    }
    let together = place(0, "the answer", &|call| call.starts_with("write(1<") && call.contains("now together"));
    let syncs = calls.iter().skip(together).filter(|call| of_segment(call, "fdatasync(")).count();
    assert!((1..=2).contains(&syncs), "{TOGETHER} entries that waited together took {syncs} syncs");
}

async fn child(folder: &Path) {
    let audit = open(folder).unwrap();
    for number in 0..ENTRIES {
        audit.record(entry(format_args!("marker {number}."))).await.unwrap();
        say(&format!("ack {number}."));
    }
    say("now together");
    let recorded = (0..TOGETHER).map(|number| audit.record(entry(number)));
    assert!(futures_util::future::join_all(recorded).await.iter().all(Result::is_ok));
}
