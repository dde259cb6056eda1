//! The embedded store: typed tables over sled, changes that are whole and durable before they are acknowledged,
//! schema versions, sealing of secrets, verified exports. The only room that names sled.
//!
//! What is promised:
//!
//! * A change is kept whole or not at all, also across a crash, and there is one writer at a time ([`Store::change`]).
//! * `change` returns only when the disk has it: sled's own flush does not sync, so `commit` syncs its file, once
//!   for all commits that wait.
//! * Opening never destroys: a database that cannot be opened is moved aside, the newest verified export takes its
//!   place, and the [`OpenReport`] says so.
//! * Values are JSON under 4 KiB; secrets in them are [`Sealed`] under a data key that a master key outside the folder
//!   wraps (`seal`, `master_key`).
//!
//! In the folder: `sled/` (the database), `data.key` (the wrapped data key), `exports/`, `lock`, and
//! `sled.broken-<time>/` when a database had to be moved aside.

mod change;
mod commit;
mod data_key;
mod engine;
mod error;
mod export;
mod files;
mod key;
mod master_key;
mod migrate;
mod open;
mod seal;
mod state_file;
mod table;

use std::sync::Arc;

pub use change::Change;
pub use data_key::keyed_hash_at;
pub use error::StoreError;
pub use key::{Key, prefix};
pub use master_key::MasterKeyError;
pub use open::{OpenReport, Restored, StoreOptions};
pub use seal::Sealed;
pub use state_file::{StateFileError, restore_state_file};
pub use table::{Entries, Table, TableInfo, VALUE_LIMIT};
pub(crate) use table::{tables, version};

use crate::domain::Secret;
use crate::platform::Clock;
use commit::Committer;
use data_key::DataKey;
use open::Place;

/// The store of a running appliance. Clones are handles to the same store.
#[derive(Clone)]
pub struct Store {
    inner: Arc<Inner>,
}

struct Inner {
    committer: Committer,
    data_key: DataKey,
    tables: Vec<TableInfo>,
    clock: Arc<dyn Clock>,
    master_key_file: std::path::PathBuf,
    place: Place,
}

impl Store {
    /// Opens the store, or creates it. Blocks; call it before serving.
    pub fn open(options: StoreOptions) -> Result<(Self, OpenReport), StoreError> {
        open::open(options)
    }

    /// One value.
    ///
    /// Reads see a change from the moment it is applied, which is shortly before it is durable.
    pub fn read<T: Table>(&self, key: &T::Key) -> Result<Option<T::Value>, StoreError> {
        self.inner.knows::<T>()?;
        let found = self.inner.committer.engine().read(&table::key_bytes::<T>(key))?;
        found.map(|value| table::decode::<T>(&value)).transpose()
    }

    /// The whole table, in the order of its keys; never half of a change.
    pub fn scan<T: Table>(&self) -> Result<Entries<T>, StoreError> {
        self.scan_prefix::<T>(&[])
    }

    /// What the table holds under keys that begin with `prefix` (see [`prefix`]), in their order.
    pub fn scan_prefix<T: Table>(&self, prefix: &[u8]) -> Result<Entries<T>, StoreError> {
        self.inner.knows::<T>()?;
        let found = self.inner.committer.engine().scan(&table::prefix_bytes::<T>(prefix))?;
        found.iter().map(|(key, value)| table::decode_entry::<T>(key, value)).collect()
    }

    /// Runs `change` as the only writer and makes what it wrote durable: all of it when this returns `Ok`.
    ///
    /// When `change` itself fails, nothing is kept. When the disk fails under the commit, the change is reported as
    /// failed although the disk may hold it, and the store takes no more changes until it is opened again.
    pub async fn change<R, E, F>(&self, change: F) -> Result<R, E>
    where
        F: FnOnce(&mut Change<'_>) -> Result<R, E> + Send + 'static,
        R: Send + 'static,
        E: From<StoreError> + Send + 'static,
    {
        let inner = Arc::clone(&self.inner);
        let run = move || {
            inner.committer.check()?;
            let mut pending = Change::new(&inner);
            let result = change(&mut pending)?;
            let writes = pending.into_writes();
            let number = inner.committer.apply(writes)?;
            Ok::<_, E>((result, number))
        };
        let (result, number) = self.inner.committer.write(run).await??;
        self.inner.committer.until_durable(number).await?;
        Ok(result)
    }

    /// Encrypts a secret for keeping. It opens only under the same `purpose`.
    pub fn seal(&self, purpose: &str, secret: &Secret) -> Result<Sealed, StoreError> {
        self.inner.data_key.seal(purpose, secret)
    }

    /// Decrypts what [`Store::seal`] made.
    pub fn unseal(&self, purpose: &str, sealed: &Sealed) -> Result<Secret, StoreError> {
        self.inner.data_key.unseal(purpose, sealed)
    }

    /// HMAC-SHA-256 of `data` under a key of this store: to find a generated secret without keeping it.
    pub fn keyed_hash(&self, purpose: &str, data: &[u8]) -> [u8; 32] {
        self.inner.data_key.keyed_hash(purpose, data)
    }

    /// Writes a verified export, which an opening that fails falls back to. Changes wait for it.
    pub async fn export(&self) -> Result<(), StoreError> {
        let inner = Arc::clone(&self.inner);
        self.inner.committer.write(move || inner.export().map(|_path| ())).await?
    }
}

impl Inner {
    fn knows<T: Table>(&self) -> Result<(), StoreError> {
        let known = self.tables.iter().any(|table| table.name == T::NAME);
        if known { Ok(()) } else { Err(StoreError::UnknownTable { table: T::NAME.to_owned() }) }
    }

    fn export(&self) -> Result<std::path::PathBuf, StoreError> {
        export::write(&self.place.exports(), self.committer.engine(), &self.data_key.wrapped(), self.clock.now())
    }
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Store").field("folder", &self.inner.place.folder).finish_non_exhaustive()
    }
}
