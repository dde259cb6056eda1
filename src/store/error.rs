//! Why the store did not do what was asked.

use std::path::PathBuf;

use super::master_key::MasterKeyError;
use crate::platform::pool::Unfinished;

/// What can go wrong in the store.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Another process has it open. The operator's side.
    #[error("the store in {} is in use by another process", folder.display())]
    InUse {
        /// The store's folder.
        folder: PathBuf,
    },
    /// Written by a newer version of the appliance. The operator's side.
    #[error(
        "the store was written by a newer version: {what} has version {found}, this version knows at most {known}; \
         run the newer version, or restore an export of this one"
    )]
    Newer {
        /// The table, or the store as a whole.
        what: String,
        /// The version found.
        found: u32,
        /// The version known here; 0 where it is not known at all.
        known: u32,
    },
    /// The database cannot be opened, and no verified export is there to take its place. Nothing was changed. The
    /// operator's side.
    #[error(
        "the database in {} cannot be opened ({cause}), and there is no verified export to fall back to; \
         nothing was changed: put a copy of the folder, or an export into its `exports`, and start again",
        folder.display()
    )]
    Broken {
        /// The store's folder.
        folder: PathBuf,
        /// What the database engine said.
        cause: String,
    },
    /// The master key is missing, wrong, or readable by others. The operator's side.
    #[error(transparent)]
    MasterKey(#[from] MasterKeyError),
    /// A value of 4 KiB or more. The appliance's side.
    #[error("a record of table {table} has {bytes} bytes, and must stay under 4096")]
    TooLarge {
        /// The table.
        table: String,
        /// The size of the stored form.
        bytes: usize,
    },
    /// A table that the store was not opened with. The appliance's side.
    #[error("table {table} is not one that the store was opened with")]
    UnknownTable {
        /// The table.
        table: String,
    },
    /// A record that its type does not read or write. The appliance's side.
    #[error("a record of table {table} does not have the form that this version knows")]
    Record {
        /// The table.
        table: String,
        /// What did not fit.
        #[source]
        source: serde_json::Error,
    },
    /// A key that its type does not read. The appliance's side.
    #[error("a key of table {table} does not have the form that this version knows")]
    StrangeKey {
        /// The table.
        table: String,
    },
    /// A table could not be brought to this version's form; an export was taken before, and nothing was changed. The
    /// appliance's side.
    #[error("table {table} could not be migrated from version {from}: {reason}")]
    Migration {
        /// The table.
        table: String,
        /// The version that the step begins with.
        from: u32,
        /// What the step said.
        reason: String,
    },
    /// The database engine failed: its files are damaged, or it has a defect. The appliance's side.
    #[error("the database engine failed: {0}")]
    Engine(String),
    /// The system refused the database engine something: the disk is full, a right is missing, and the like. The
    /// operator's side.
    #[error("the database engine cannot work: {0}")]
    System(#[source] std::io::Error),
    /// The disk failed under an earlier change, so that what it holds is not known. The operator's side.
    #[error(
        "the store takes no more changes since the disk failed ({cause}); restart the appliance once it is healthy"
    )]
    Faulted {
        /// The first failure.
        cause: String,
    },
    /// A file of the store could not be read or written. The operator's side.
    #[error("cannot {what} {}: {source}", path.display())]
    File {
        /// What was tried.
        what: &'static str,
        /// On which file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// An export that does not verify. The operator's side.
    #[error("the export {} does not verify: {reason}", path.display())]
    Export {
        /// The export.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A sealed secret that does not open: altered, of another store, or sealed for another purpose. The appliance's
    /// side.
    #[error("a sealed secret ({purpose}) cannot be opened: it was altered, or belongs to another store or purpose")]
    Unseal {
        /// What it was meant for.
        purpose: String,
    },
    /// The system gave no randomness, or the cryptography refused. The appliance's side.
    #[error("the cryptography of this machine failed")]
    Crypto,
    /// The work was dropped: the appliance is shutting down, or it panicked. The appliance's side.
    #[error("the store did not finish its work")]
    Unfinished(#[from] Unfinished),
}

impl StoreError {
    /// Whether a database that does not open for this reason will never do so.
    pub(super) fn is_damage(&self) -> bool {
        matches!(self, Self::Engine(_))
    }
}
