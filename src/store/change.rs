//! A change in the making: what it wrote lies over what is stored, until it is applied as a whole.

use std::collections::BTreeMap;
use std::ops::Bound;

use super::error::StoreError;
use super::table::{self, Entries, Table};
use super::{Inner, engine::Writes};

/// A change in the making. Reads see what it wrote; nobody else does before it is applied.
pub struct Change<'a> {
    store: &'a Inner,
    writes: Writes,
}

impl<'a> Change<'a> {
    pub(super) fn new(store: &'a Inner) -> Self {
        Self { store, writes: BTreeMap::new() }
    }

    pub(super) fn into_writes(self) -> Writes {
        self.writes
    }

    /// One value, as this change has it.
    pub fn read<T: Table>(&self, key: &T::Key) -> Result<Option<T::Value>, StoreError> {
        self.store.knows::<T>()?;
        let place = table::key_bytes::<T>(key);
        let found = match self.writes.get(&place) {
            Some(written) => written.clone(),
            None => self.store.committer.engine().read(&place)?,
        };
        found.map(|value| table::decode::<T>(&value)).transpose()
    }

    /// The whole table as this change has it, in the order of its keys.
    pub fn scan<T: Table>(&self) -> Result<Entries<T>, StoreError> {
        self.scan_prefix::<T>(&[])
    }

    /// What the table holds under keys that begin with `prefix`, as this change has it, in their order.
    pub fn scan_prefix<T: Table>(&self, prefix: &[u8]) -> Result<Entries<T>, StoreError> {
        self.store.knows::<T>()?;
        let prefix = table::prefix_bytes::<T>(prefix);
        let mut entries: BTreeMap<_, _> = self.store.committer.engine().scan(&prefix)?.into_iter().collect();
        let from = (Bound::Included(prefix.as_slice()), Bound::Unbounded);
        for (place, written) in self.writes.range::<[u8], _>(from).take_while(|(place, _)| place.starts_with(&prefix)) {
            match written {
                Some(value) => entries.insert(place.clone(), value.clone()),
                None => entries.remove(place),
            };
        }
        entries.iter().map(|(place, value)| table::decode_entry::<T>(place, value)).collect()
    }

    /// Writes a value, in place of any under the same key.
    pub fn put<T: Table>(&mut self, key: &T::Key, value: &T::Value) -> Result<(), StoreError> {
        self.store.knows::<T>()?;
        let value = table::encode::<T>(value)?;
        self.writes.insert(table::key_bytes::<T>(key), Some(value));
        Ok(())
    }

    /// Removes a value, if there is one.
    pub fn remove<T: Table>(&mut self, key: &T::Key) -> Result<(), StoreError> {
        self.store.knows::<T>()?;
        self.writes.insert(table::key_bytes::<T>(key), None);
        Ok(())
    }
}

impl std::fmt::Debug for Change<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Change").field("writes", &self.writes.len()).finish_non_exhaustive()
    }
}
