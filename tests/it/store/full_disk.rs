//! A disk that takes no more: a child process under a limit on file size, which the system enforces.

use std::path::Path;

use gatehouse::store::{Store, StoreError};

use super::{Notes, options, put, read};
use crate::support::process::{limited, runtime};

/// Tells the child, with the folder, that it is one.
const CHILD: &str = "GATEHOUSE_TEST_FULL_CHILD";
const THIS: &str = "store::full_disk::when_the_disk_takes_no_more_the_change_fails_and_what_was_acknowledged_stays";

#[test]
fn when_the_disk_takes_no_more_the_change_fails_and_what_was_acknowledged_stays() {
    if let Some(folder) = std::env::var_os(CHILD) {
        return runtime().block_on(child(Path::new(&folder)));
    }
    let folder = tempfile::tempdir().unwrap();
    drop(Store::open(options(folder.path())).unwrap());
    let text = limited(THIS, CHILD, folder.path(), 1200);
    let acknowledged: usize =
        text.lines().find_map(|line| line.strip_prefix("acknowledged ")).unwrap().parse().unwrap();
    assert!(acknowledged > 0);

    let (store, report) = Store::open(options(folder.path())).unwrap();
    assert_eq!(report.restored, None);
    for number in 0..acknowledged {
        assert!(read(&store, &format!("{number:06}")).is_some(), "{number} of {acknowledged}");
    }
    runtime().block_on(put(&store, "after", "works again")).unwrap();
}

/// Commits until the disk takes no more.
async fn child(folder: &Path) {
    let (store, _) = Store::open(options(folder)).unwrap();
    let mut acknowledged = 0;
    let failure = loop {
        match put(&store, &format!("{acknowledged:06}"), &"x".repeat(3000)).await {
            Ok(()) => acknowledged += 1,
            Err(error) => break error,
        }
        assert!(acknowledged < 5000, "the limit was never met");
    };
    println!("\nfailed with: {failure}");
    let next = put(&store, "next", "x").await.unwrap_err();
    assert!(matches!(next, StoreError::Faulted { .. }), "{next}");
    let _still_reads = store.scan::<Notes>();
    println!("\nacknowledged {acknowledged}");
    std::process::exit(0);
}
