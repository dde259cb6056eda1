//! When the log cannot be written, recording fails; when it can be again, recording works again by itself.

use std::path::Path;

use gatehouse::audit::{AuditError, VerifyError, verify};

use super::{entries, entry, open};
use crate::support::process::{limited, runtime};

/// Tells the child, with the folder, that it is one.
const CHILD: &str = "GATEHOUSE_TEST_AUDIT_FULL_CHILD";
const THIS: &str = "audit::failing::a_full_disk_fails_the_record_and_nothing_is_missed_once_it_has_room_again";

#[test]
fn a_full_disk_fails_the_record_and_nothing_is_missed_once_it_has_room_again() {
    if let Some(folder) = std::env::var_os(CHILD) {
        return runtime().block_on(child(Path::new(&folder)));
    }
    let folder = tempfile::tempdir().unwrap();
    let text = limited(THIS, CHILD, folder.path(), 64);
    let acknowledged: usize =
        text.lines().find_map(|line| line.strip_prefix("acknowledged ")).unwrap().parse().unwrap();
    assert_eq!(verify(folder.path()).unwrap().entries, acknowledged as u64);
    let written = entries(folder.path());
    assert!(written.iter().all(|entry| entry["action"] == "test.entry"));
    assert_eq!(written.last().unwrap()["subject"], "after");
}

async fn child(folder: &Path) {
    let audit = open(folder).unwrap();
    let mut acknowledged = 0;
    let failure = loop {
        match audit.record(entry("x".repeat(500))).await {
            Ok(()) => acknowledged += 1,
            Err(error) => break error,
        }
        assert!(acknowledged < 5000, "the limit was never met");
    };
    assert!(matches!(failure, AuditError::Unwritable { .. }), "{failure}");
    audit.record(entry("x".repeat(500))).await.unwrap_err();
    assert_eq!(verify(folder).unwrap().entries, acknowledged);

    let room = rustix::process::Rlimit { current: None, maximum: None };
    rustix::process::setrlimit(rustix::process::Resource::Fsize, room).unwrap();
    audit.record(entry("after")).await.unwrap();
    println!("\nacknowledged {}", acknowledged + 1);
}

#[tokio::test]
async fn a_folder_that_goes_away_fails_the_record_until_it_is_back() {
    let root = tempfile::tempdir().unwrap();
    let (folder, elsewhere) = (root.path().join("audit"), root.path().join("moved"));
    let audit = open(&folder).unwrap();
    audit.record(entry("before")).await.unwrap();

    std::fs::rename(&folder, &elsewhere).unwrap();
    for _ in 0..2 {
        let error = audit.record(entry("meanwhile")).await.unwrap_err();
        assert!(matches!(error, AuditError::Unwritable { .. }), "{error}");
    }
    std::fs::write(&folder, "a file in its place").unwrap();
    audit.record(entry("meanwhile")).await.unwrap_err();
    std::fs::remove_file(&folder).unwrap();

    std::fs::rename(&elsewhere, &folder).unwrap();
    audit.record(entry("after")).await.unwrap();
    let subjects: Vec<_> = entries(&folder).iter().map(|entry| entry["subject"].clone()).collect();
    assert_eq!(subjects, ["before", "after"]);
    assert_eq!(verify(&folder).unwrap().entries, 2);
}

#[tokio::test]
async fn a_log_whose_files_are_removed_under_it_goes_on_and_the_gap_is_found() {
    let root = tempfile::tempdir().unwrap();
    let folder = root.path().join("audit");
    let audit = open(&folder).unwrap();
    audit.record(entry("removed")).await.unwrap();
    std::fs::remove_file(super::segments(&folder).remove(0)).unwrap();
    audit.record(entry("after")).await.unwrap();
    assert_eq!(entries(&folder)[0]["seq"], 2);
    match verify(&folder) {
        Err(VerifyError::Broken(found)) => assert_eq!(found.seq, 1, "{found}"),
        other => panic!("{other:?}"),
    }
}
