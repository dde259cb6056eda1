//! The head: how far the log reaches, in a file of its own, so that entries cut off at the end are missed.
//!
//! Written in place after each sync of a segment, and itself not synced: after a loss of power it may be behind the
//! log, never ahead of it.

use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::line::{SigningKey, Tip, hex};

/// How far the log reaches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Head {
    /// What the first entry is chained to: random, made with the log.
    pub(super) genesis: String,
    /// The last entry.
    pub(super) tip: Tip,
}

/// What is in the place of the head.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Found {
    /// A head.
    Head(Head),
    /// A head that is not signed with this key.
    Unsigned(Head),
    /// Something else.
    Unreadable,
    /// Nothing.
    Missing,
}

#[derive(Serialize, Deserialize)]
struct Stored {
    genesis: String,
    seq: u64,
    hash: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    mac: Option<String>,
}

impl Head {
    /// The head of a log without entries.
    pub(super) fn first() -> io::Result<Self> {
        let mut genesis = [0_u8; 32];
        getrandom::fill(&mut genesis).map_err(|_| io::Error::other("the system gave no randomness"))?;
        let genesis = hex(&genesis);
        Ok(Self { tip: Tip { seq: 0, hash: genesis.clone() }, genesis })
    }

    /// Writes it in place, without a sync; makes the file if it is not there.
    pub(super) fn write(&self, folder: &Path, key: Option<&SigningKey>) -> io::Result<File> {
        let mut text = serde_json::to_vec(&Stored {
            genesis: self.genesis.clone(),
            seq: self.tip.seq,
            hash: self.tip.hash.clone(),
            mac: key.map(|key| self.code(key)),
        })?;
        // Of one length for ever, and within a sector.
        text.resize(LENGTH - 1, b' ');
        text.push(b'\n');
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(false);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut file = options.open(path(folder))?;
        file.write_all(&text)?;
        Ok(file)
    }

    /// Reads it.
    pub(super) fn read(folder: &Path, key: Option<&SigningKey>) -> io::Result<Found> {
        let text = match std::fs::read(path(folder)) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Found::Missing),
            Err(error) => return Err(error),
        };
        let Ok(stored) = serde_json::from_slice::<Stored>(&text) else { return Ok(Found::Unreadable) };
        let head = Self { genesis: stored.genesis, tip: Tip { seq: stored.seq, hash: stored.hash } };
        let signed = key.is_none_or(|key| stored.mac == Some(head.code(key)));
        Ok(if signed { Found::Head(head) } else { Found::Unsigned(head) })
    }

    fn code(&self, key: &SigningKey) -> String {
        key.code(&format!("head {} {} {}", self.genesis, self.tip.seq, self.tip.hash))
    }
}

fn path(folder: &Path) -> PathBuf {
    folder.join("head.json")
}

/// The length of the file.
const LENGTH: usize = 512;
