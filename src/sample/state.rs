//! What the statements of a session change: its database, options, temporary tables, transaction, prepared statements.

use std::collections::HashMap;
use std::sync::Arc;

use tokio::sync::OwnedMutexGuard;

use super::engine::error::SqlError;
use super::engine::server::{Database, Login, Server};
use super::engine::storage::Tables;
use super::engine::value::Value;

/// The options that change what happens here. The others are taken and have no effect in this model.
#[derive(Debug, Clone)]
pub struct Options {
    /// XACT_ABORT.
    pub xact_abort: bool,
    /// NOCOUNT.
    pub nocount: bool,
    /// FMTONLY: columns, and no rows.
    pub fmtonly: bool,
    /// NOEXEC and PARSEONLY.
    pub noexec: bool,
    /// IMPLICIT_TRANSACTIONS.
    pub implicit_transactions: bool,
    /// LOCK_TIMEOUT in milliseconds; negative waits for ever.
    pub lock_timeout: i64,
    /// ROWCOUNT; 0 is all.
    pub rowcount: u64,
    /// The isolation level's name.
    pub isolation: String,
    /// LANGUAGE.
    pub language: String,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            xact_abort: false,
            nocount: false,
            fmtonly: false,
            noexec: false,
            implicit_transactions: false,
            lock_timeout: -1,
            rowcount: 0,
            isolation: "read committed".to_owned(),
            language: "us_english".to_owned(),
        }
    }
}

/// An open transaction: the tables as it sees them, and what rollback goes back to.
pub struct Transaction {
    /// Its number, as ENVCHANGE told the client.
    pub descriptor: u64,
    /// @@TRANCOUNT.
    pub depth: u32,
    /// Its databases: the right to write in each, and the tables as it sees them.
    pub written: HashMap<i16, Written>,
    /// The temporary tables as they were when it began.
    pub temporary: Arc<Tables>,
    /// SAVE TRANSACTION.
    pub savepoints: Vec<Savepoint>,
}

/// A database that a transaction wrote in.
pub struct Written {
    /// The database.
    pub database: Arc<Database>,
    /// Its tables as the transaction sees them.
    pub tables: Arc<Tables>,
    /// Nobody else writes in it meanwhile.
    pub right: OwnedMutexGuard<()>,
}

/// What ROLLBACK to a name goes back to.
pub struct Savepoint {
    /// The name.
    pub name: String,
    tables: HashMap<i16, Arc<Tables>>,
    temporary: Arc<Tables>,
}

/// A prepared statement.
#[derive(Debug, Clone)]
pub struct Prepared {
    /// The declarations of its parameters.
    pub declarations: Arc<str>,
    /// Its text.
    pub text: Arc<str>,
}

/// The most statements that a session may have prepared.
pub const MOST_PREPARED: usize = 10_000;

/// What the statements of a session change.
pub struct State {
    /// The login.
    pub login: Login,
    /// The database that the session is in.
    pub database: Arc<Database>,
    /// SET.
    pub options: Options,
    /// Tables that begin with `#`.
    pub temporary: Arc<Tables>,
    /// The open transaction.
    pub transaction: Option<Transaction>,
    /// Prepared statements by their handles.
    pub prepared: HashMap<i32, Prepared>,
    /// The last number that an identity column gave.
    pub identity: Option<i64>,
    /// The table that SET IDENTITY_INSERT is ON for, as its folded name.
    pub identity_insert: Option<String>,
    /// What sp_set_session_context set.
    pub context: HashMap<String, Value>,
    next_handle: i32,
    next_descriptor: u64,
    first_database: Arc<Database>,
}

impl State {
    /// Of a session that has just begun.
    pub fn new(server: &Server, login: Login, database: &str) -> Self {
        let fallback = || Arc::new(Database::new(1, "master", Tables::default()));
        let database = server.database(database).or(server.databases.first()).cloned().unwrap_or_else(fallback);
        Self {
            login,
            first_database: Arc::clone(&database),
            database,
            options: Options::default(),
            temporary: Arc::default(),
            transaction: None,
            prepared: HashMap::new(),
            identity: None,
            identity_insert: None,
            context: HashMap::new(),
            next_handle: 1,
            next_descriptor: 0x1_0000_0001,
        }
    }

    /// RESETCONNECTION: as after the login, its transaction kept or rolled back.
    pub fn reset(&mut self, keep_transaction: bool) {
        if !keep_transaction {
            self.transaction = None;
        }
        self.database = Arc::clone(&self.first_database);
        self.options = Options::default();
        self.temporary = Arc::default();
        self.prepared.clear();
        (self.identity, self.identity_insert) = (None, None);
        self.context.clear();
    }

    /// Its tables of a database, as it sees them.
    pub fn tables(&self, database: &Database) -> Arc<Tables> {
        let own = self.transaction.as_ref().and_then(|transaction| transaction.written.get(&database.id));
        own.map_or_else(|| database.committed(), |written| Arc::clone(&written.tables))
    }

    /// @@TRANCOUNT.
    pub fn depth(&self) -> u32 {
        self.transaction.as_ref().map_or(0, |transaction| transaction.depth)
    }

    /// BEGIN TRANSACTION; gives the descriptor of a new one.
    pub fn begin(&mut self) -> Option<u64> {
        if let Some(transaction) = &mut self.transaction {
            transaction.depth = transaction.depth.saturating_add(1);
            return None;
        }
        let descriptor = self.next_descriptor;
        self.next_descriptor += 1;
        self.transaction = Some(Transaction {
            descriptor,
            depth: 1,
            written: HashMap::new(),
            temporary: Arc::clone(&self.temporary),
            savepoints: Vec::new(),
        });
        Some(descriptor)
    }

    /// COMMIT; gives the descriptor of a transaction that ended with it.
    pub fn commit(&mut self) -> Result<Option<u64>, SqlError> {
        let transaction = self.transaction.as_mut().ok_or_else(SqlError::commit_without_begin)?;
        transaction.depth -= 1;
        if transaction.depth > 0 {
            return Ok(None);
        }
        Ok(self.transaction.take().map(|ended| {
            for written in ended.written.into_values() {
                written.database.commit(written.tables);
                drop(written.right);
            }
            ended.descriptor
        }))
    }

    /// ROLLBACK, of all or to a name; gives the descriptor of a transaction that ended with it.
    pub fn rollback(&mut self, name: Option<&str>) -> Result<Option<u64>, SqlError> {
        let transaction = self.transaction.as_mut().ok_or_else(SqlError::rollback_without_begin)?;
        if let Some(name) = name {
            let found = transaction.savepoints.iter().rposition(|savepoint| savepoint.name.eq_ignore_ascii_case(name));
            let Some(savepoint) = found.and_then(|place| transaction.savepoints.get(place)) else {
                return Err(SqlError::unknown_savepoint(name));
            };
            for (id, written) in &mut transaction.written {
                written.tables = savepoint.tables.get(id).map_or_else(|| written.database.committed(), Arc::clone);
            }
            self.temporary = Arc::clone(&savepoint.temporary);
            return Ok(None);
        }
        Ok(self.transaction.take().map(|ended| {
            self.temporary = ended.temporary;
            ended.descriptor
        }))
    }

    /// SAVE TRANSACTION.
    pub fn save(&mut self, name: &str) -> Result<(), SqlError> {
        let transaction = self.transaction.as_mut().ok_or_else(SqlError::save_without_begin)?;
        if transaction.savepoints.len() >= 1_000 {
            return Err(SqlError::query_memory());
        }
        transaction.savepoints.push(Savepoint {
            name: name.to_owned(),
            tables: transaction.written.iter().map(|(id, written)| (*id, Arc::clone(&written.tables))).collect(),
            temporary: Arc::clone(&self.temporary),
        });
        Ok(())
    }

    /// Keeps a statement; gives its handle.
    pub fn prepare(&mut self, prepared: Prepared) -> Result<i32, SqlError> {
        if self.prepared.len() >= MOST_PREPARED {
            return Err(SqlError::query_memory());
        }
        let handle = self.next_handle;
        self.next_handle += 1;
        self.prepared.insert(handle, prepared);
        Ok(handle)
    }
}
