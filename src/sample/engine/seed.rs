//! The databases that a sample server begins with.

use super::server::Database;
use super::storage::Tables;

/// `master`, `tempdb`, `Nordwind` and `Suedsee`.
pub fn databases() -> Vec<Database> {
    let names = [(1, "master"), (2, "tempdb"), (5, "Nordwind"), (6, "Suedsee")];
    names.into_iter().map(|(id, name)| Database::new(id, name, Tables::default())).collect()
}
