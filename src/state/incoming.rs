//! A state that comes in from a state file: made whole beside the present one, and put in its place by the next start. What was
//! there before is kept aside.
//!
//! The order is such that a crash at any point leaves the old state, or what the next start makes the new one of:
//! `incoming/complete` says that the new one is whole.

use std::path::{Path, PathBuf};

use super::Layout;
use crate::config::Config;
use crate::domain::{Secret, Timestamp};
use crate::platform::files;
use crate::store::{self, StateFileError};

/// Makes a state out of a state file, for the next start. Blocks.
pub fn prepare(config: &Config, state_file: &Path, passphrase: &Secret) -> Result<(), StateFileError> {
    let place = Incoming::of(&Layout::of(&config.appliance.data_dir));
    place.forget().map_err(|source| failed(&place.folder, source))?;
    files::private_folder(&place.folder).map_err(|source| failed(&place.folder, source))?;
    let chosen = store::restore_state_file(&place.store(), &config.keys.master_key_file, state_file, passphrase)?;
    files::write_private(&place.chosen(), chosen.as_bytes()).map_err(|source| failed(&place.chosen(), source))?;
    files::write_private(&place.complete(), b"").map_err(|source| failed(&place.complete(), source))
}

/// Puts a state that came in in the place of the present one, if one did. Gives where the former one is.
pub(super) fn take_over(layout: &Layout, now: Timestamp) -> std::io::Result<Option<PathBuf>> {
    let place = Incoming::of(layout);
    if !place.complete().exists() {
        // What is not whole was never promised to anybody.
        place.forget()?;
        return Ok(None);
    }
    let aside = layout.folder.join(format!("replaced-{}", now.as_millis()));
    files::private_folder(&aside)?;
    let put_aside = |present: PathBuf, name: &str| -> std::io::Result<()> {
        if present.exists() { std::fs::rename(&present, aside.join(name)) } else { Ok(()) }
    };
    // Each piece goes when its successor is still to come, so that a second try moves nothing that has come already.
    if place.chosen().exists() {
        put_aside(layout.chosen(), "chosen.toml")?;
        if std::fs::metadata(place.chosen())?.len() > 0 {
            std::fs::rename(place.chosen(), layout.chosen())?;
        }
    }
    if place.store().exists() {
        put_aside(layout.audit(), "audit")?;
        put_aside(layout.store(), "store")?;
        std::fs::rename(place.store(), layout.store())?;
    }
    files::sync_folder(&aside)?;
    files::sync_folder(&layout.folder)?;
    place.forget()?;
    Ok(Some(aside))
}

struct Incoming {
    folder: PathBuf,
}

impl Incoming {
    fn of(layout: &Layout) -> Self {
        Self { folder: layout.folder.join("incoming") }
    }

    fn store(&self) -> PathBuf {
        self.folder.join("store")
    }

    fn chosen(&self) -> PathBuf {
        self.folder.join("chosen.toml")
    }

    fn complete(&self) -> PathBuf {
        self.folder.join("complete")
    }

    /// Removes what is there. The mark goes first: without it the rest counts for nothing.
    fn forget(&self) -> std::io::Result<()> {
        if !self.folder.exists() {
            return Ok(());
        }
        if self.complete().exists() {
            std::fs::remove_file(self.complete())?;
            files::sync_folder(&self.folder)?;
        }
        std::fs::remove_dir_all(&self.folder)
    }
}

fn failed(path: &Path, source: std::io::Error) -> StateFileError {
    store::StoreError::File { what: "prepare", path: path.to_owned(), source }.into()
}
