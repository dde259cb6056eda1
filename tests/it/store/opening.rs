//! What opening copes with, and what it refuses.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use gatehouse::store::{MasterKeyError, Store, StoreError, Table, TableInfo};
use serde::{Deserialize, Serialize};

use super::{Note, Notes, Place, note, options, put, read};

/// A store with two notes, the first of them in an export, closed.
async fn with_an_export() -> Place {
    let place = Place::new();
    let (store, _) = place.open().unwrap();
    put(&store, "early", "in the export").await.unwrap();
    store.export().await.unwrap();
    put(&store, "late", "after the export").await.unwrap();
    place
}

/// Overwrites the whole database file, so that nothing in it is what sled wrote.
fn ruin(database: &Path) {
    let length = std::fs::metadata(database.join("db")).unwrap().len();
    std::fs::write(database.join("db"), vec![0xa5; usize::try_from(length).unwrap()]).unwrap();
    for entry in std::fs::read_dir(database).unwrap() {
        let path = entry.unwrap().path();
        if path.is_file() {
            let content = std::fs::read(&path).unwrap();
            std::fs::write(&path, vec![0x5a; content.len()]).unwrap();
        }
    }
}

#[tokio::test]
async fn half_written_snapshots_are_removed_and_nothing_is_lost() {
    let place = with_an_export().await;
    std::fs::write(place.database().join("snap.0000000000000099.generating"), b"").unwrap();
    std::fs::write(place.database().join("snap.00000000000000AA.generating"), b"half of a snap").unwrap();
    let (store, report) = place.open().unwrap();
    assert_eq!((report.leftovers_removed, report.restored), (2, None));
    assert_eq!(read(&store, "late"), Some(note("after the export")));
}

#[tokio::test]
async fn a_truncated_snapshot_costs_nothing_or_leads_to_the_export_and_is_told() {
    let place = with_an_export().await;
    drop(place.open().unwrap()); // opening again makes sled write a snapshot
    let snapshots: Vec<_> = std::fs::read_dir(place.database())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.file_name().unwrap().to_string_lossy().starts_with("snap."))
        .collect();
    assert!(!snapshots.is_empty(), "sled wrote no snapshot");
    for snapshot in &snapshots {
        let content = std::fs::read(snapshot).unwrap();
        std::fs::write(snapshot, &content[..content.len() / 2]).unwrap();
    }
    let (store, report) = place.open().unwrap();
    assert_eq!(read(&store, "early"), Some(note("in the export")));
    let late = read(&store, "late");
    match report.restored {
        None => assert_eq!(late, Some(note("after the export"))),
        Some(restored) => {
            assert!(restored.moved_to.unwrap().join("db").exists());
            assert_eq!(late, None);
        }
    }
}

#[tokio::test]
async fn a_database_that_cannot_be_opened_is_kept_aside_and_the_export_takes_its_place() {
    let place = with_an_export().await;
    ruin(&place.database());
    let broken = std::fs::read(place.database().join("db")).unwrap();

    let (store, report) = place.open().unwrap();
    let restored = report.restored.expect("the report tells of it");
    assert!(!restored.cause.is_empty());
    assert!(restored.export.exists());
    assert_eq!(std::fs::read(restored.moved_to.unwrap().join("db")).unwrap(), broken);
    assert_eq!(store.scan::<Notes>().unwrap(), vec![("early".to_owned(), note("in the export"))]);
    put(&store, "new", "works").await.unwrap();
    drop(store);
    let (store, report) = place.open().unwrap();
    assert_eq!(report, Default::default());
    assert_eq!(read(&store, "new"), Some(note("works")));
}

#[tokio::test]
async fn a_database_that_is_gone_is_replaced_by_the_export() {
    let place = with_an_export().await;
    std::fs::remove_dir_all(place.database()).unwrap();
    let (store, report) = place.open().unwrap();
    assert_eq!(report.restored.unwrap().moved_to, None);
    assert_eq!(read(&store, "early"), Some(note("in the export")));
}

#[tokio::test]
async fn an_export_that_does_not_verify_is_passed_over_for_an_older_one() {
    let place = with_an_export().await;
    let (store, _) = place.open().unwrap();
    store.export().await.unwrap();
    drop(store);
    let mut exports: Vec<_> = std::fs::read_dir(place.exports()).unwrap().map(|e| e.unwrap().path()).collect();
    exports.sort();
    assert_eq!(exports.len(), 2);
    let text = std::fs::read_to_string(&exports[1]).unwrap();
    std::fs::write(&exports[1], text.replace("after the export", "AFTER the export")).unwrap();
    ruin(&place.database());

    let (store, report) = place.open().unwrap();
    assert_eq!(report.restored.unwrap().export, exports[0]);
    assert_eq!(read(&store, "late"), None);
}

#[tokio::test]
async fn a_broken_database_without_an_export_is_an_error_and_stays_as_it_is() {
    let place = Place::new();
    drop(place.open().unwrap());
    ruin(&place.database());
    let broken = std::fs::read(place.database().join("db")).unwrap();
    for _ in 0..2 {
        let error = place.open().unwrap_err();
        assert!(matches!(error, StoreError::Broken { .. }), "{error}");
    }
    assert_eq!(std::fs::read(place.database().join("db")).unwrap(), broken);
}

#[tokio::test]
async fn a_lost_data_key_is_taken_from_the_export() {
    let place = with_an_export().await;
    std::fs::remove_file(place.store().join("data.key")).unwrap();
    let (store, report) = place.open().unwrap();
    assert_eq!(report.restored, None);
    assert_eq!(read(&store, "late"), Some(note("after the export")));
}

#[tokio::test]
async fn a_second_opener_is_told_that_the_store_is_in_use_and_harms_nothing() {
    let place = Place::new();
    let (store, _) = place.open().unwrap();
    let error = place.open().unwrap_err();
    assert!(matches!(error, StoreError::InUse { .. }), "{error}");
    put(&store, "a", "still works").await.unwrap();
    drop(store);
    assert_eq!(read(&place.open().unwrap().0, "a"), Some(note("still works")));
}

#[test]
fn the_master_key_is_made_for_the_owner_alone() {
    let place = Place::new();
    drop(place.open().unwrap());
    let mode = std::fs::metadata(place.master_key()).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    assert_eq!(std::fs::metadata(place.store()).unwrap().permissions().mode() & 0o777, 0o700);
}

#[test]
fn a_master_key_that_is_missing_wrong_malformed_or_exposed_is_told_apart() {
    let place = Place::new();
    drop(place.open().unwrap());
    let right = std::fs::read(place.master_key()).unwrap();
    let refused = || match place.open().unwrap_err() {
        StoreError::MasterKey(error) => error,
        other => panic!("{other}"),
    };

    std::fs::remove_file(place.master_key()).unwrap();
    assert!(matches!(refused(), MasterKeyError::Missing { .. }));
    assert!(!place.master_key().exists(), "no new key is made for an existing store");

    let other = Place::new();
    drop(other.open().unwrap());
    std::fs::copy(other.master_key(), place.master_key()).unwrap();
    assert!(matches!(refused(), MasterKeyError::Wrong { .. }));

    std::fs::write(place.master_key(), "c2hvcnQ=\n").unwrap();
    assert!(matches!(refused(), MasterKeyError::Malformed { .. }));

    std::fs::write(place.master_key(), &right).unwrap();
    for mode in [0o640, 0o604, 0o660, 0o444] {
        std::fs::set_permissions(place.master_key(), PermissionsExt::from_mode(mode)).unwrap();
        assert!(matches!(refused(), MasterKeyError::Exposed { .. }), "{mode:o}");
    }
    std::fs::set_permissions(place.master_key(), PermissionsExt::from_mode(0o400)).unwrap();
    place.open().unwrap();
}

/// The notes as a later version knows them: in two steps, the text became a title, and got a length.
struct LaterNotes;

#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct LaterNote {
    title: String,
    length: usize,
}

impl Table for LaterNotes {
    const NAME: &'static str = Notes::NAME;
    const VERSION: u32 = 3;
    type Key = String;
    type Value = LaterNote;

    fn migrate(from: u32, value: serde_json::Value) -> Result<serde_json::Value, String> {
        match from {
            1 => match serde_json::from_value::<Note>(value) {
                Ok(note) if note.text == "cannot" => Err("it says that it cannot".to_owned()),
                Ok(note) => Ok(serde_json::json!({ "title": note.text })),
                Err(error) => Err(error.to_string()),
            },
            2 => {
                let title = value["title"].as_str().ok_or("no title")?;
                Ok(serde_json::json!({ "title": title, "length": title.len() }))
            }
            _ => Err("no such step".to_owned()),
        }
    }
}

fn open_later(place: &Place) -> Result<(Store, gatehouse::store::OpenReport), StoreError> {
    let mut later = options(place.store().parent().unwrap().parent().unwrap());
    later.tables[0] = TableInfo::of::<LaterNotes>();
    Store::open(later)
}

#[tokio::test]
async fn a_table_is_migrated_step_by_step_after_an_export_and_an_older_version_is_refused() {
    let place = Place::new();
    let (store, _) = place.open().unwrap();
    put(&store, "a", "four").await.unwrap();
    drop(store);

    let (store, report) = open_later(&place).unwrap();
    assert_eq!(report.migrated, vec!["notes from version 1 to 3"]);
    assert_eq!(std::fs::read_dir(place.exports()).unwrap().count(), 1);
    let expected = LaterNote { title: "four".to_owned(), length: 4 };
    assert_eq!(store.scan::<LaterNotes>().unwrap(), vec![("a".to_owned(), expected)]);
    drop(store);
    let (_, report) = open_later(&place).unwrap();
    assert!(report.migrated.is_empty());

    let error = place.open().unwrap_err();
    assert!(matches!(error, StoreError::Newer { found: 3, known: 1, .. }), "{error}");
    assert!(error.to_string().contains("newer version"), "{error}");
}

#[tokio::test]
async fn a_migration_that_fails_changes_nothing() {
    let place = Place::new();
    let (store, _) = place.open().unwrap();
    put(&store, "a", "can").await.unwrap();
    put(&store, "b", "cannot").await.unwrap();
    drop(store);
    let error = open_later(&place).unwrap_err();
    assert!(matches!(error, StoreError::Migration { from: 1, .. }), "{error}");
    let (store, _) = place.open().unwrap();
    assert_eq!(store.scan::<Notes>().unwrap().len(), 2);
}

#[test]
fn a_store_with_a_table_that_this_version_does_not_know_is_refused() {
    let place = Place::new();
    drop(place.open().unwrap());
    let mut older = options(place.store().parent().unwrap().parent().unwrap());
    older.tables.pop();
    let error = Store::open(older).unwrap_err();
    assert!(matches!(error, StoreError::Newer { known: 0, .. }), "{error}");
}

#[tokio::test]
async fn a_database_that_another_holds_or_the_system_refuses_is_not_taken_for_a_broken_one() {
    let place = with_an_export().await;
    let held = std::fs::File::open(place.database().join("db")).unwrap();
    held.lock().unwrap();
    let error = place.open().unwrap_err();
    assert!(matches!(error, StoreError::System(_)), "{error}");
    drop(held);

    let (database, elsewhere) = (place.database().join("db"), place.store().join("elsewhere"));
    std::fs::rename(&database, &elsewhere).unwrap();
    std::fs::create_dir(&database).unwrap();
    let error = place.open().unwrap_err();
    assert!(matches!(error, StoreError::System(_)), "{error}");
    std::fs::remove_dir(&database).unwrap();
    std::fs::rename(&elsewhere, &database).unwrap();
    let (store, report) = place.open().unwrap();
    assert_eq!(report.restored, None);
    assert_eq!(read(&store, "late"), Some(note("after the export")));
}
