//! Versions: the store's own form, and each table's, brought up to this version's at opening.

use std::collections::BTreeMap;

use super::engine::{Engine, Writes};
use super::error::StoreError;
use super::table::{TableInfo, place, split_place, within_limit};

/// What has to be done before the tables can be used.
pub(super) struct Plan {
    /// The tables behind, with the version that they have.
    behind: Vec<(TableInfo, u32)>,
    /// Tables that the store does not have yet.
    new: Vec<TableInfo>,
}

/// Reads the versions and refuses what a newer version wrote.
pub(super) fn plan(engine: &Engine, tables: &[TableInfo]) -> Result<Plan, StoreError> {
    let mut found = BTreeMap::new();
    for (key, value) in engine.scan(&place(VERSIONS, &[]))? {
        let name = split_place(&key).and_then(|(_, name)| std::str::from_utf8(name).ok()).unwrap_or_default();
        let version: u32 = serde_json::from_slice(&value)
            .map_err(|source| StoreError::Record { table: VERSIONS.to_owned(), source })?;
        found.insert(name.to_owned(), version);
    }
    let mut plan = Plan { behind: Vec::new(), new: Vec::new() };
    for table in tables {
        match found.remove(table.name) {
            None => plan.new.push(*table),
            Some(version) if version > table.version => {
                let what = format!("table {}", table.name);
                return Err(StoreError::Newer { what, found: version, known: table.version });
            }
            Some(version) if version < table.version => plan.behind.push((*table, version)),
            Some(_) => {}
        }
    }
    match found.pop_first() {
        None => Ok(plan),
        Some((name, version)) => Err(StoreError::Newer { what: format!("table {name}"), found: version, known: 0 }),
    }
}

impl Plan {
    /// Whether stored values have to change.
    pub(super) fn rewrites(&self) -> bool {
        !self.behind.is_empty()
    }

    /// Brings every table up, all in one step: after a crash either all are or none is. Says which ones had to be.
    pub(super) fn run(self, engine: &Engine) -> Result<Vec<String>, StoreError> {
        let mut writes = Writes::new();
        let mut migrated = Vec::new();
        for (table, version) in self.behind {
            for (key, value) in engine.scan(&place(table.name, &[]))? {
                writes.insert(key, Some(migrate_value(&table, version, &value)?));
            }
            writes.insert(place(VERSIONS, table.name.as_bytes()), Some(version_bytes(table.version)));
            migrated.push(format!("{} from version {version} to {}", table.name, table.version));
        }
        for table in self.new {
            writes.insert(place(VERSIONS, table.name.as_bytes()), Some(version_bytes(table.version)));
        }
        if !writes.is_empty() {
            engine.apply(writes)?;
            engine.sync()?;
        }
        Ok(migrated)
    }
}

fn migrate_value(table: &TableInfo, from: u32, value: &[u8]) -> Result<Vec<u8>, StoreError> {
    let not_record = |source| StoreError::Record { table: table.name.to_owned(), source };
    let mut value: serde_json::Value = serde_json::from_slice(value).map_err(not_record)?;
    for step in from..table.version {
        let refused = |reason| StoreError::Migration { table: table.name.to_owned(), from: step, reason };
        value = (table.migrate)(step, value).map_err(refused)?;
    }
    within_limit(table.name, serde_json::to_vec(&value).map_err(not_record)?)
}

fn version_bytes(version: u32) -> Vec<u8> {
    version.to_string().into_bytes()
}

/// Where the tables' versions are kept: a name that no table can have.
pub(super) const VERSIONS: &str = "@versions";
