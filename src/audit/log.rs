//! The open log: the end of the chain, and the segment that it is written to.

use std::io;
use std::path::{Path, PathBuf};

use super::AuditError;
use super::entry::Entry;
use super::head::Head;
use super::line::{self, SigningKey};
use super::recover;
use super::segment::Segment;
use crate::domain::Timestamp;
use crate::platform::Lock;

/// The open log.
pub(super) struct Log {
    folder: PathBuf,
    key: Option<SigningKey>,
    head: Head,
    segment: Segment,
    /// Above it, the next entry begins a new segment.
    pub(super) segment_limit: u64,
    /// What opening found that the log itself has to tell.
    note: Option<String>,
    _lock: Lock,
}

impl Log {
    /// Opens the log, or begins it.
    pub(super) fn open(folder: &Path, key: Option<SigningKey>) -> Result<Self, AuditError> {
        let lock = recover::take(folder)?;
        let found = recover::recover(folder, key.as_ref()).map_err(|error| unwritable(folder, &error))?;
        Ok(Self {
            folder: folder.to_owned(),
            key,
            head: found.head,
            segment: found.segment,
            segment_limit: SEGMENT_LIMIT,
            note: found.note,
            _lock: lock,
        })
    }

    /// What opening found that the log itself has to tell; once.
    pub(super) fn take_note(&mut self) -> Option<String> {
        self.note.take()
    }

    /// Appends the entries, durable when this returns `Ok`; all of them, or none.
    pub(super) fn append(&mut self, entries: &[(Timestamp, Entry)]) -> Result<(), AuditError> {
        if entries.is_empty() {
            return Ok(());
        }
        self.try_append(entries).map_err(|error| unwritable(&self.folder, &error))
    }

    fn try_append(&mut self, entries: &[(Timestamp, Entry)]) -> io::Result<()> {
        let mut lines = Vec::new();
        let mut tip = self.head.tip.clone();
        for (at, entry) in entries {
            tip = line::write(&mut lines, &tip, *at, entry, self.key.as_ref())?;
        }
        if self.segment.length() >= self.segment_limit || !self.segment.is_whole() {
            self.segment = Segment::new(&self.folder, self.head.tip.seq + 1);
        }
        let before = self.segment.length();
        self.segment.append(&lines)?;
        let head = Head { genesis: self.head.genesis.clone(), tip };
        if let Err(error) = head.write(&self.folder, self.key.as_ref()) {
            self.segment.take_back(before);
            return Err(error);
        }
        self.head = head;
        Ok(())
    }
}

fn unwritable(folder: &Path, error: &io::Error) -> AuditError {
    AuditError::Unwritable { cause: format!("{}: {error}", folder.display()) }
}

/// A segment that has reached this size is followed by a new one.
const SEGMENT_LIMIT: u64 = 16 << 20;
