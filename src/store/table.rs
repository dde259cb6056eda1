//! What a table is, and how its entries lie in the database: `<name> 0x00 <key>` → JSON.

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::error::StoreError;
use super::key::Key;

/// Stored values are smaller than this: larger ones would leave sled's log for files that it never syncs.
pub const VALUE_LIMIT: usize = 4096;

/// A table: a kind of record under a kind of key.
pub trait Table: 'static {
    /// Its name in the database; never changes. Lower-case letters, digits, `-`, `_` and `.`.
    const NAME: &'static str;
    /// The version of the stored form: raised, with a step in [`Table::migrate`], whenever that form changes.
    const VERSION: u32;
    /// What entries are found by.
    type Key: Key;
    /// What is stored.
    type Value: Serialize + DeserializeOwned + Send + 'static;

    /// One step of migration of a stored value, from version `from` to `from + 1`.
    fn migrate(from: u32, value: serde_json::Value) -> Result<serde_json::Value, String> {
        let _ = value;
        Err(format!("there is no step from version {from}"))
    }
}

/// Entries of a table, in the order of their keys.
pub type Entries<T> = Vec<(<T as Table>::Key, <T as Table>::Value)>;

/// A table without its types, for the list that the store is opened with.
#[derive(Debug, Clone, Copy)]
pub struct TableInfo {
    pub(super) name: &'static str,
    pub(super) version: u32,
    pub(super) migrate: fn(u32, serde_json::Value) -> Result<serde_json::Value, String>,
}

impl TableInfo {
    /// The entry of table `T`.
    pub fn of<T: Table>() -> Self {
        Self { name: T::NAME, version: T::VERSION, migrate: T::migrate }
    }
}

/// Declares a room's tables, each of version 1 or of the one it names with its steps of migration, and `tables()`, which names them all for opening the store.
macro_rules! tables {
    ($($(#[$doc:meta])* $table:ident = $name:literal: $key:ty => $value:ty $(, version $version:literal by $step:path)?;)+) => {
        $(
            $(#[$doc])*
            #[derive(Debug)]
            pub struct $table;
            impl $crate::store::Table for $table {
                const NAME: &'static str = $name;
                const VERSION: u32 = $crate::store::version!($($version)?);
                type Key = $key;
                type Value = $value;
                $(
                    fn migrate(from: u32, value: serde_json::Value) -> Result<serde_json::Value, String> {
                        let step: fn(u32, serde_json::Value) -> Result<serde_json::Value, String> = $step;
                        step(from, value)
                    }
                )?
            }
        )+

        /// Every table of this room, for opening the store.
        pub fn tables() -> Vec<$crate::store::TableInfo> {
            vec![$($crate::store::TableInfo::of::<$table>()),+]
        }
    };
}
pub(crate) use tables;

/// The version that a table names, or the first.
macro_rules! version {
    () => {
        1
    };
    ($version:literal) => {
        $version
    };
}
pub(crate) use version;

/// Where the entry lies.
pub(super) fn key_bytes<T: Table>(key: &T::Key) -> Vec<u8> {
    prefix_bytes::<T>(&key.to_bytes())
}

/// What the places of these entries begin with.
pub(super) fn prefix_bytes<T: Table>(prefix: &[u8]) -> Vec<u8> {
    place(T::NAME, prefix)
}

/// The place of `key` in the table called `name`.
pub(super) fn place(name: &str, key: &[u8]) -> Vec<u8> {
    [name.as_bytes(), &[0], key].concat()
}

/// The table's name and the key of a place.
pub(super) fn split_place(place: &[u8]) -> Option<(&str, &[u8])> {
    let end = place.iter().position(|byte| *byte == 0)?;
    let (name, rest) = place.split_at_checked(end)?;
    Some((std::str::from_utf8(name).ok()?, rest.get(1..)?))
}

/// The stored form of a value.
pub(super) fn encode<T: Table>(value: &T::Value) -> Result<Vec<u8>, StoreError> {
    let bytes = serde_json::to_vec(value).map_err(|source| StoreError::Record { table: T::NAME.to_owned(), source })?;
    within_limit(T::NAME, bytes)
}

/// Refuses a stored form that is too large.
pub(super) fn within_limit(table: &str, bytes: Vec<u8>) -> Result<Vec<u8>, StoreError> {
    if bytes.len() < VALUE_LIMIT {
        Ok(bytes)
    } else {
        Err(StoreError::TooLarge { table: table.to_owned(), bytes: bytes.len() })
    }
}

/// The value of a stored form.
pub(super) fn decode<T: Table>(bytes: &[u8]) -> Result<T::Value, StoreError> {
    serde_json::from_slice(bytes).map_err(|source| StoreError::Record { table: T::NAME.to_owned(), source })
}

/// Key and value of a stored entry.
pub(super) fn decode_entry<T: Table>(place: &[u8], value: &[u8]) -> Result<(T::Key, T::Value), StoreError> {
    let key = split_place(place).and_then(|(_, key)| T::Key::from_bytes(key));
    let key = key.ok_or_else(|| StoreError::StrangeKey { table: T::NAME.to_owned() })?;
    Ok((key, decode::<T>(value)?))
}
