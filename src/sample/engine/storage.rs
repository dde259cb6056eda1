//! Tables in memory. A table is a value: a copy shares its rows with the original until one of them changes, so a
//! transaction works on a copy, a reader keeps the version that it began with, and rollback is forgetting the copy.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use super::ast::Expr;
use super::convert::cast;
use super::error::SqlError;
use super::types::{MAX, SqlType};
use super::value::{Row, Value, key, weight};

/// Rows are shared in chunks of this many.
const CHUNK: usize = 256;
/// Keys are shared in as many parts.
const PARTS: usize = 256;

/// A column of a table.
#[derive(Debug, Clone)]
pub struct Column {
    /// Its name.
    pub name: String,
    /// Its type.
    pub ty: SqlType,
    /// Whether it takes NULL.
    pub nullable: bool,
    /// DEFAULT.
    pub default: Option<Expr>,
    /// IDENTITY; shared between versions of the table, because a number given out is not given again.
    pub identity: Option<Arc<Identity>>,
}

impl Column {
    /// A column without default and identity.
    pub fn plain(name: impl Into<String>, ty: SqlType, nullable: bool) -> Self {
        Self { name: name.into(), ty, nullable, default: None, identity: None }
    }
}

/// The numbers of an identity column.
#[derive(Debug)]
pub struct Identity {
    /// The first.
    pub seed: i64,
    /// The step.
    pub increment: i64,
    next: AtomicI64,
}

impl Identity {
    /// Numbers from `seed` in steps of `increment`.
    pub fn new(seed: i64, increment: i64) -> Arc<Self> {
        Arc::new(Self { seed, increment, next: AtomicI64::new(seed) })
    }

    /// The next number.
    pub fn take(&self) -> i64 {
        self.next.fetch_add(self.increment, Ordering::Relaxed)
    }

    /// Makes the next number lie behind one that was given.
    pub fn passed(&self, given: i64) {
        let next = given.saturating_add(self.increment);
        if self.increment > 0 {
            self.next.fetch_max(next, Ordering::Relaxed);
        } else {
            self.next.fetch_min(next, Ordering::Relaxed);
        }
    }

    /// Begins again.
    pub fn reset(&self) {
        self.next.store(self.seed, Ordering::Relaxed);
    }
}

/// PRIMARY KEY.
#[derive(Debug, Clone)]
pub struct PrimaryKey {
    /// The constraint's name.
    pub name: String,
    /// Which columns.
    pub columns: Vec<usize>,
}

/// A table, or what a view shows.
#[derive(Debug, Clone)]
pub struct Table {
    /// Its object id.
    pub id: i32,
    /// Its name.
    pub name: String,
    /// Its schema.
    pub schema: &'static str,
    /// Its columns.
    pub columns: Arc<[Column]>,
    /// Its primary key.
    pub primary_key: Option<PrimaryKey>,
    /// When it was made, in ticks.
    pub created: i64,
    chunks: Vec<Arc<Vec<Row>>>,
    keys: Vec<Arc<HashSet<Box<[u8]>>>>,
    count: usize,
    weight: usize,
}

impl Table {
    /// An empty table of `dbo`.
    pub fn new(
        id: i32,
        name: impl Into<String>,
        columns: Vec<Column>,
        primary_key: Option<PrimaryKey>,
        created: i64,
    ) -> Self {
        let keys = if primary_key.is_some() { vec![Arc::default(); PARTS] } else { Vec::new() };
        Self {
            id,
            name: name.into(),
            schema: "dbo",
            columns: columns.into(),
            primary_key,
            created,
            chunks: Vec::new(),
            keys,
            count: 0,
            weight: 512,
        }
    }

    /// What a view shows, as a table.
    pub fn of_rows(schema: &'static str, name: &str, columns: Vec<Column>, rows: Vec<Row>) -> Self {
        let mut table = Self::new(0, name, columns, None, 0);
        table.schema = schema;
        table.count = rows.len();
        table.chunks = rows.chunks(CHUNK).map(|chunk| Arc::new(chunk.to_vec())).collect();
        table
    }

    /// How many rows it has.
    pub fn len(&self) -> usize {
        self.count
    }

    /// Whether it has none.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// About how many bytes it takes.
    pub fn weight(&self) -> usize {
        self.weight
    }

    /// The row at a place.
    pub fn row(&self, chunk: usize, place: usize) -> Option<&Row> {
        self.chunks.get(chunk)?.get(place)
    }

    /// How many rows a chunk has; `None` behind the last.
    pub fn chunk_len(&self, chunk: usize) -> Option<usize> {
        self.chunks.get(chunk).map(|chunk| chunk.len())
    }

    /// All rows.
    pub fn rows(&self) -> impl Iterator<Item = &Row> {
        self.chunks.iter().flat_map(|chunk| chunk.iter())
    }

    /// The place of a column.
    pub fn column(&self, name: &str) -> Option<usize> {
        self.columns.iter().position(|column| same_name(&column.name, name))
    }

    /// Adds a row, whose values have their columns' types. `verb` is what error texts call the statement.
    pub fn insert(&mut self, row: Row, verb: &str, database: &str) -> Result<(), SqlError> {
        self.check_nulls(&row, verb, database)?;
        self.add_key(&row)?;
        self.weight += weight(&row);
        self.count += 1;
        match self.chunks.last_mut() {
            Some(last) if last.len() < CHUNK => Arc::make_mut(last).push(row),
            _ => {
                let mut chunk = Vec::with_capacity(CHUNK);
                chunk.push(row);
                self.chunks.push(Arc::new(chunk));
            }
        }
        Ok(())
    }

    /// Replaces or removes rows: `change` says `None` to keep a row, `Some(None)` to remove it, `Some(Some(new))` to replace it.
    pub fn change<E: From<SqlError>>(
        &mut self,
        database: &str,
        mut change: impl FnMut(&Row) -> Result<Option<Option<Row>>, E>,
    ) -> Result<(), E> {
        let mut added = Vec::new();
        for index in 0..self.chunks.len() {
            let Some(chunk) = self.chunks.get(index).cloned() else { break };
            let mut changed: Option<Vec<Row>> = None;
            for (place, row) in chunk.iter().enumerate() {
                match change(row)? {
                    None => {
                        if let Some(rows) = &mut changed {
                            rows.push(Arc::clone(row));
                        }
                    }
                    Some(new) => {
                        let rows = changed.get_or_insert_with(|| chunk.iter().take(place).cloned().collect());
                        self.remove_key(row);
                        self.weight = self.weight.saturating_sub(weight(row));
                        self.count -= 1;
                        if let Some(new) = new {
                            self.check_nulls(&new, "UPDATE", database)?;
                            self.weight += weight(&new);
                            self.count += 1;
                            added.push(Arc::clone(&new));
                            rows.push(new);
                        }
                    }
                }
            }
            if let (Some(rows), Some(slot)) = (changed, self.chunks.get_mut(index)) {
                *slot = Arc::new(rows);
            }
        }
        self.chunks.retain(|chunk| !chunk.is_empty());
        // Keys are checked when all old ones are gone, so that `SET id = id + 1` passes.
        for row in added {
            self.add_key(&row)?;
        }
        Ok(())
    }

    /// Removes all rows, and begins the identity again.
    pub fn truncate(&mut self) {
        self.chunks.clear();
        self.keys.iter_mut().for_each(|part| *part = Arc::default());
        (self.count, self.weight) = (0, 512);
        self.columns.iter().filter_map(|column| column.identity.as_ref()).for_each(|identity| identity.reset());
    }

    fn check_nulls(&self, row: &[Value], verb: &str, database: &str) -> Result<(), SqlError> {
        match self.columns.iter().zip(row).find(|(column, value)| !column.nullable && value.is_null()) {
            None => Ok(()),
            Some((column, _)) => {
                Err(SqlError::not_nullable(&column.name, format!("{database}.dbo.{}", self.name), verb).state(2))
            }
        }
    }

    fn key_of(&self, row: &[Value]) -> Option<Vec<Value>> {
        let columns = &self.primary_key.as_ref()?.columns;
        Some(columns.iter().map(|i| row.get(*i).cloned().unwrap_or(Value::Null)).collect())
    }

    fn add_key(&mut self, row: &[Value]) -> Result<(), SqlError> {
        let (Some(values), Some(primary_key)) = (self.key_of(row), &self.primary_key) else { return Ok(()) };
        let bytes = key(&values);
        let part = part_of(&bytes);
        let shown = || {
            let shown: Vec<String> =
                primary_key.columns.iter().zip(&values).map(|(i, value)| self.shown(*i, value)).collect();
            SqlError::duplicate_key(&primary_key.name, format!("dbo.{}", self.name), shown.join(", "))
        };
        if self.keys.get(part).is_some_and(|keys| keys.contains(bytes.as_slice())) {
            return Err(shown());
        }
        if let Some(keys) = self.keys.get_mut(part) {
            self.weight += bytes.len() + 32;
            Arc::make_mut(keys).insert(bytes.into_boxed_slice());
        }
        Ok(())
    }

    fn remove_key(&mut self, row: &[Value]) {
        let Some(values) = self.key_of(row) else { return };
        let bytes = key(&values);
        if let Some(keys) = self.keys.get_mut(part_of(&bytes)) {
            self.weight = self.weight.saturating_sub(bytes.len() + 32);
            Arc::make_mut(keys).remove(bytes.as_slice());
        }
    }

    fn shown(&self, column: usize, value: &Value) -> String {
        let from = self.columns.get(column).map_or(SqlType::Int, |column| column.ty);
        cast(value, from, SqlType::NVarChar(MAX), 0)
            .ok()
            .and_then(|v| v.as_text().map(str::to_owned))
            .unwrap_or_else(|| "<NULL>".to_owned())
    }
}

fn part_of(bytes: &[u8]) -> usize {
    // FNV-1a: any spread does here, the parts only bound how much one insert copies.
    let hash = bytes
        .iter()
        .fold(0xcbf2_9ce4_8422_2325u64, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3));
    usize::try_from(hash >> 56).unwrap_or(0) % PARTS
}

/// Names as the catalog compares them.
pub fn same_name(left: &str, right: &str) -> bool {
    left.eq_ignore_ascii_case(right) || left.to_lowercase() == right.to_lowercase()
}

/// The tables of one database, or the temporary tables of one session.
#[derive(Debug, Clone, Default)]
pub struct Tables {
    by_name: BTreeMap<String, Arc<Table>>,
}

impl Tables {
    /// The table of this name.
    pub fn table(&self, name: &str) -> Option<&Arc<Table>> {
        self.by_name.get(&name.to_lowercase())
    }

    /// The table of this name, to change it.
    pub fn table_mut(&mut self, name: &str) -> Option<&mut Table> {
        self.by_name.get_mut(&name.to_lowercase()).map(Arc::make_mut)
    }

    /// Adds a table.
    pub fn add(&mut self, table: Table) {
        self.by_name.insert(table.name.to_lowercase(), Arc::new(table));
    }

    /// Removes a table; says whether it was there.
    pub fn remove(&mut self, name: &str) -> bool {
        self.by_name.remove(&name.to_lowercase()).is_some()
    }

    /// All of them, by name.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Table>> {
        self.by_name.values()
    }

    /// About how many bytes they take.
    pub fn weight(&self) -> usize {
        self.by_name.values().map(|table| table.weight()).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> Table {
        let columns =
            vec![Column::plain("id", SqlType::Int, false), Column::plain("name", SqlType::NVarChar(20), true)];
        Table::new(1, "t", columns, Some(PrimaryKey { name: "PK_t".into(), columns: vec![0] }), 0)
    }

    fn row(id: i64) -> Row {
        vec![Value::Int(id), Value::text("x")].into()
    }

    #[test]
    fn a_copy_keeps_its_rows_when_the_original_changes() {
        let mut original = table();
        for id in 0..1000 {
            original.insert(row(id), "INSERT", "db").unwrap();
        }
        let copy = original.clone();
        original.change("db", |r| Ok::<_, SqlError>((r[0] != Value::Int(5)).then_some(None))).unwrap();
        assert_eq!((copy.len(), original.len()), (1000, 1));
        assert_eq!(copy.rows().count(), 1000);
        assert_eq!(original.rows().count(), 1);
    }

    #[test]
    fn a_key_is_taken_once_and_free_again_after_removal() {
        let mut table = table();
        table.insert(row(1), "INSERT", "db").unwrap();
        let error = table.insert(row(1), "INSERT", "db").unwrap_err();
        assert_eq!(error.number, 2627);
        assert!(error.message.contains("(1)"), "{error}");
        table.change("db", |_| Ok::<_, SqlError>(Some(None))).unwrap();
        table.insert(row(1), "INSERT", "db").unwrap();
        assert_eq!(table.insert(vec![Value::Null, Value::Null].into(), "INSERT", "db").unwrap_err().number, 515);
    }

    #[test]
    fn all_keys_may_move_at_once() {
        let mut table = table();
        for id in 0..600 {
            table.insert(row(id), "INSERT", "db").unwrap();
        }
        let shift = |r: &Row| Ok::<_, SqlError>(Some(Some(row(r[0].as_int().unwrap() + 1))));
        table.change("db", shift).unwrap();
        assert_eq!(table.insert(row(600), "INSERT", "db").unwrap_err().number, 2627);
        table.insert(row(0), "INSERT", "db").unwrap();
    }
}
