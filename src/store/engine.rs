//! sled, with its traps covered. Nothing else names it.
//!
//! * A snapshot file that a crash left half written (`snap.*.generating`) makes sled refuse to open: removed before.
//! * Its `flush` hands the data to the system, but never syncs the disk: [`Engine::sync`] does.
//! * It panics on some failures: every call runs where a panic becomes an error.
//! * It reads entry by entry: a lock keeps a scan from seeing half of a batch.

use std::collections::BTreeMap;
use std::fs::File;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::{PoisonError, RwLock};
use std::time::Duration;

use super::error::StoreError;
use super::files::{file_error, sync_folder, sync_parent};

/// Writes that are applied together: a value, or a removal, for each place.
pub(super) type Writes = BTreeMap<Vec<u8>, Option<Vec<u8>>>;

/// A place and its value.
pub(super) type Entry = (Vec<u8>, Vec<u8>);

/// An open database.
pub(super) struct Engine {
    sled: sled::Db,
    /// The file that holds sled's log, open to be synced.
    log: File,
    /// Held for reading by scans, for writing while a batch goes in.
    applying: RwLock<()>,
}

impl Engine {
    /// Opens the database in `folder`, or creates it, and reads it through once, so that damage shows now.
    pub(super) fn open(folder: &Path) -> Result<Self, StoreError> {
        let sled = open_sled(folder)?;
        let path = folder.join(LOG);
        // For writing, although nothing is written: Windows syncs no file that was opened for reading.
        let log = File::options().write(true).open(&path).map_err(file_error("open", &path))?;
        sync_folder(folder)?;
        sync_parent(folder)?;
        let engine = Self { sled, log, applying: RwLock::new(()) };
        engine.for_each(|_, _| Ok(()))?;
        Ok(engine)
    }

    /// The value at a place.
    pub(super) fn read(&self, place: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        let found = guarded(|| self.sled.get(place))?;
        Ok(found.map(|value| value.to_vec()))
    }

    /// Every entry whose place begins with `prefix`, in order.
    pub(super) fn scan(&self, prefix: &[u8]) -> Result<Vec<Entry>, StoreError> {
        let _still = self.applying.read().unwrap_or_else(PoisonError::into_inner);
        guarded(|| {
            let entries = self.sled.scan_prefix(prefix);
            entries.map(|entry| entry.map(|(place, value)| (place.to_vec(), value.to_vec()))).collect()
        })
    }

    /// Shows every entry to `visit`, in order, until it fails.
    pub(super) fn for_each(
        &self,
        mut visit: impl FnMut(&[u8], &[u8]) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        let _still = self.applying.read().unwrap_or_else(PoisonError::into_inner);
        let mut entries = self.sled.iter();
        while let Some((place, value)) = guarded(|| entries.next().transpose())? {
            visit(&place, &value)?;
        }
        Ok(())
    }

    /// Applies the writes: all of them or, across a crash, none.
    pub(super) fn apply(&self, writes: Writes) -> Result<(), StoreError> {
        let mut batch = sled::Batch::default();
        for (place, value) in writes {
            match value {
                Some(value) => batch.insert(place, value),
                None => batch.remove(place),
            }
        }
        let _alone = self.applying.write().unwrap_or_else(PoisonError::into_inner);
        guarded(|| self.sled.apply_batch(batch))
    }

    /// Makes everything that was applied durable.
    pub(super) fn sync(&self) -> Result<(), StoreError> {
        guarded(|| self.sled.flush())?;
        self.log.sync_data().map_err(StoreError::System)
    }
}

/// Removes snapshots that sled was writing when it was stopped; says how many there were.
pub(super) fn remove_leftovers(folder: &Path) -> Result<usize, StoreError> {
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(0),
        Err(error) => return Err(file_error("read the folder", folder)(error)),
    };
    let mut removed = 0;
    for entry in entries {
        let path = entry.map_err(file_error("read the folder", folder))?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if name.starts_with("snap.") && name.ends_with(".generating") {
            std::fs::remove_file(&path).map_err(file_error("remove", &path))?;
            removed += 1;
        }
    }
    Ok(removed)
}

/// Whether there is a database in the folder, whole or not.
pub(super) fn is_there(folder: &Path) -> bool {
    folder.join(LOG).exists()
}

/// Calls sled; a panic inside it is a failure like any other.
fn guarded<T>(call: impl FnOnce() -> sled::Result<T>) -> Result<T, StoreError> {
    match catch_unwind(AssertUnwindSafe(call)) {
        Ok(Ok(output)) => Ok(output),
        Ok(Err(sled::Error::Io(error))) if error.raw_os_error().is_some() || is_lock(&error) => {
            Err(StoreError::System(error))
        }
        Ok(Err(error)) => Err(StoreError::Engine(error.to_string())),
        Err(panic) => {
            let text = panic.downcast_ref::<String>().map(String::as_str);
            let text = text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("without a text");
            // sled unwraps what the operating system refuses it, threads for one: that is no damage to the data.
            if text.contains("Os { code: ") {
                return Err(StoreError::System(std::io::Error::other(text.to_owned())));
            }
            Err(StoreError::Engine(format!("it panicked: {text}")))
        }
    }
}

/// Opens sled, whose own lock may outlast its owner for a moment: the folder's lock, which we hold, says that it has none.
fn open_sled(folder: &Path) -> Result<sled::Db, StoreError> {
    let config = sled::Config::new()
        .path(folder)
        .cache_capacity(CACHE)
        .flush_every_ms(Some(FLUSH_EVERY_MS))
        .mode(sled::Mode::LowSpace);
    let mut tries = 0;
    loop {
        match guarded(|| config.open()) {
            Err(StoreError::System(error)) if is_lock(&error) && tries < LOCK_TRIES => {
                tries += 1;
                std::thread::sleep(LOCK_WAIT);
            }
            opened => return opened,
        }
    }
}

/// Whether sled says that somebody else has its file open; it has only a text for that.
fn is_lock(error: &std::io::Error) -> bool {
    error.to_string().contains("could not acquire lock")
}

/// How often, and after which time, sled's lock is tried again.
const LOCK_TRIES: u32 = 50;
const LOCK_WAIT: Duration = Duration::from_millis(20);
/// The name of the file of sled's log.
const LOG: &str = "db";
/// The state is small; sled's own default is a gigabyte.
const CACHE: u64 = 32 << 20;
/// The background thread also collects garbage: it stays on.
const FLUSH_EVERY_MS: u64 = 500;
