//! The audit: an append-only record of who did what, in files of JSON lines, each entry chained by hash to the one
//! before, on the disk before the action is answered.
//!
//! In the folder: segments `audit-<first sequence>.jsonl`, `head.json` (how far the log reaches), `lock`, and
//! `torn-….bin` when a crash left half a line, which is kept but not part of the log.
//!
//! # What [`verify`] proves
//!
//! * A changed, inserted, removed or moved entry breaks the chain: the first one is named by file, line and sequence.
//! * Entries cut off at the end are missed by the head, which says how far the log reached.
//! * With a signing key ([`Audit::open_signed`], [`verify_signed`]), each entry and the head carry a code that only the
//!   holder of the store's keys can make, so that a log rewritten as a whole, head included, is found too.
//!
//! What it cannot prove: that a folder put back as a whole to an earlier state of its own is not the latest (compare
//! the last sequence and hash with a note kept elsewhere); without a signing key, that a log rewritten as a whole is
//! the original; and nothing against somebody who holds the master key.

mod entry;
mod head;
mod ledger;
mod line;
mod log;
mod recover;
mod segment;
#[cfg(test)]
mod tests;
mod verify;

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::oneshot;

pub use entry::{Actor, Entry, Outcome};
pub use ledger::Ledger;
pub use line::SigningKey;
pub use verify::{Finding, Verified, VerifyError, verify, verify_signed};

use crate::domain::Timestamp;
use crate::platform::{Clock, Pool};
use log::Log;

/// The audit of a running appliance. Clones write to the same log.
#[derive(Clone)]
pub struct Audit {
    inner: Arc<Inner>,
}

struct Inner {
    waiting: Mutex<Vec<Waiting>>,
    log: Mutex<Log>,
    /// Of one place: the log has one writer.
    writer: Pool,
    clock: Arc<dyn Clock>,
}

/// An entry that waits to be written.
struct Waiting {
    at: Timestamp,
    entry: Entry,
    done: oneshot::Sender<Result<(), AuditError>>,
}

/// Why the audit could not be opened, or an entry not be written. The operator's side.
#[derive(Debug, Clone, thiserror::Error)]
pub enum AuditError {
    /// Another process writes to it. The operator's side.
    #[error("the audit log in {folder} is in use by another process")]
    InUse {
        /// The log's folder.
        folder: String,
    },
    /// The disk is full, the folder is gone or read-only, or the like. The operator's side.
    #[error("the audit log cannot be written ({cause}), so the action was not done")]
    Unwritable {
        /// What failed, and on which file.
        cause: String,
    },
    /// The appliance is shutting down. The appliance's side.
    #[error("the audit entry was not written, since the appliance is stopping")]
    Unfinished,
}

impl Audit {
    /// Opens the log in `folder`, or begins it. Blocks; call it before serving.
    pub fn open(folder: &Path, clock: Arc<dyn Clock>) -> Result<Self, AuditError> {
        Self::open_log(Log::open(folder, None)?, clock)
    }

    /// Opens the log, or begins it, with entries that only the holder of `key` can make.
    pub fn open_signed(folder: &Path, key: SigningKey, clock: Arc<dyn Clock>) -> Result<Self, AuditError> {
        Self::open_log(Log::open(folder, Some(key))?, clock)
    }

    fn open_log(mut log: Log, clock: Arc<dyn Clock>) -> Result<Self, AuditError> {
        if let Some(note) = log.take_note() {
            tracing::error!(note, "the audit log was not as it was left");
            let entry = Entry::new(Actor::Appliance, "audit.recovered").reason(note);
            log.append(&[(clock.now(), entry)])?;
        }
        let inner = Inner { waiting: Mutex::default(), log: Mutex::new(log), writer: Pool::new(1), clock };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// Writes an entry, with the id of the request that it is written in; it is on the disk when this returns `Ok`. Entries
    /// that wait together share one sync.
    ///
    /// After an `Err` the entry is not part of the log. The next call tries again, so that the log recovers by itself
    /// once the disk does.
    pub async fn record(&self, entry: Entry) -> Result<(), AuditError> {
        let (done, mut answer) = oneshot::channel();
        let waiting = Waiting { at: self.inner.clock.now(), entry: entry.by_current_request(), done };
        self.inner.waiting.lock().unwrap_or_else(PoisonError::into_inner).push(waiting);
        let inner = Arc::clone(&self.inner);
        tokio::select! {
            biased;
            answer = &mut answer => return answer.unwrap_or(Err(AuditError::Unfinished)),
            written = self.inner.writer.run(move || write_waiting(inner)) => {
                written.map_err(|_| AuditError::Unfinished)?;
            }
        }
        answer.await.unwrap_or(Err(AuditError::Unfinished))
    }
}

/// Writes whatever waits, together, and answers it. Lets go of the log before it answers, so that whoever was the last to
/// use it can open it again.
fn write_waiting(inner: Arc<Inner>) {
    let mut log = inner.log.lock().unwrap_or_else(PoisonError::into_inner);
    let waiting = std::mem::take(&mut *inner.waiting.lock().unwrap_or_else(PoisonError::into_inner));
    let (entries, waiting): (Vec<_>, Vec<_>) =
        waiting.into_iter().map(|Waiting { at, entry, done }| ((at, entry), done)).unzip();
    let outcome = log.append(&entries);
    drop(log);
    drop(inner);
    if let Err(error) = &outcome {
        tracing::error!(error = %error, entries = entries.len(), "audit entries could not be written");
    }
    for done in waiting {
        // Whoever asked may be gone; the entry stays.
        let _ = done.send(outcome.clone());
    }
}

impl std::fmt::Debug for Audit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Audit")
    }
}
