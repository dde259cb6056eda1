//! The store: what a change promises, what opening copes with, and what a crash or a full disk leaves.

mod changes;
mod crash;
mod full_disk;
mod opening;
mod sync_trace;

use std::path::{Path, PathBuf};

use gatehouse::domain::Timestamp;
use gatehouse::platform::ManualClock;
use gatehouse::store::{OpenReport, Store, StoreError, StoreOptions, Table, TableInfo};
use serde::{Deserialize, Serialize};

/// A note by its name.
pub struct Notes;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Note {
    pub text: String,
}

impl Table for Notes {
    const NAME: &'static str = "notes";
    const VERSION: u32 = 1;
    type Key = String;
    type Value = Note;
}

/// A number for each writer and step.
pub struct Steps;

impl Table for Steps {
    const NAME: &'static str = "steps";
    const VERSION: u32 = 1;
    type Key = (String, u64);
    type Value = i64;
}

pub fn note(text: &str) -> Note {
    Note { text: text.to_owned() }
}

/// A data folder, and how the store in it is opened.
pub struct Place {
    folder: tempfile::TempDir,
}

impl Place {
    pub fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    pub fn store(&self) -> PathBuf {
        self.folder.path().join("data/store")
    }

    pub fn database(&self) -> PathBuf {
        self.store().join("sled")
    }

    pub fn exports(&self) -> PathBuf {
        self.store().join("exports")
    }

    pub fn master_key(&self) -> PathBuf {
        self.folder.path().join("keys/master.key")
    }

    pub fn open(&self) -> Result<(Store, OpenReport), StoreError> {
        Store::open(options(self.folder.path()))
    }
}

/// The options for the store of a data folder.
pub fn options(folder: &Path) -> StoreOptions {
    StoreOptions {
        folder: folder.join("data/store"),
        master_key_file: folder.join("keys/master.key"),
        tables: vec![TableInfo::of::<Notes>(), TableInfo::of::<Steps>()],
        clock: ManualClock::starting_at(Timestamp::from_millis(1_795_000_000_000)),
    }
}

pub async fn put(store: &Store, key: &str, text: &str) -> Result<(), StoreError> {
    let (key, note) = (key.to_owned(), note(text));
    store.change(move |change| change.put::<Notes>(&key, &note)).await
}

pub fn read(store: &Store, key: &str) -> Option<Note> {
    store.read::<Notes>(&key.to_owned()).unwrap()
}
