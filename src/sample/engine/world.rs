//! What a statement sees: who asks, in which database, the tables as they are now, variables, and the time.

use std::collections::HashMap;
use std::sync::Arc;

use super::ast::ObjectName;
use super::error::SqlError;
use super::server::{Database, Login, Server};
use super::storage::{Table, Tables, same_name};
use super::types::SqlType;
use super::value::Value;
use super::views;

/// Variables of a batch, by their folded names.
pub type Variables = HashMap<String, (SqlType, Value)>;

/// What functions such as `@@SPID` and `HOST_NAME()` tell of the session.
#[derive(Debug, Clone)]
pub struct Facts {
    /// @@SPID.
    pub spid: u16,
    /// HOST_NAME().
    pub host_name: String,
    /// APP_NAME().
    pub program_name: String,
    /// @@TRANCOUNT.
    pub depth: u32,
    /// @@ROWCOUNT.
    pub rowcount: i64,
    /// @@ERROR.
    pub error: i32,
    /// SCOPE_IDENTITY() and @@IDENTITY.
    pub identity: Option<i64>,
    /// @@LANGUAGE.
    pub language: String,
    /// @@LOCK_TIMEOUT.
    pub lock_timeout: i64,
    /// Whether all that travels is encrypted.
    pub encrypted: bool,
    /// The client's address.
    pub client: String,
    /// SESSION_CONTEXT().
    pub context: HashMap<String, Value>,
    /// The error that a CATCH block handles.
    pub caught: Option<SqlError>,
    /// OBJECT names that SET options gave; here the nesting of the module.
    pub nest_level: i64,
}

/// What a statement sees.
pub struct World {
    /// The server.
    pub server: Arc<Server>,
    /// The login.
    pub login: Login,
    /// The session.
    pub facts: Facts,
    /// The database that the session is in.
    pub database: Arc<Database>,
    /// Its tables.
    pub tables: Arc<Tables>,
    /// The session's temporary tables.
    pub temporary: Arc<Tables>,
    /// Tables of other databases that the session's transaction wrote in.
    pub written: HashMap<i16, Arc<Tables>>,
    /// Variables and parameters.
    pub variables: Variables,
    /// Now, in ticks, UTC.
    pub now: i64,
}

impl World {
    /// The database that a name is of.
    pub fn database_of(&self, name: &ObjectName) -> Result<&Arc<Database>, SqlError> {
        match &name.database {
            None => Ok(&self.database),
            Some(other) if same_name(other, &self.database.name) => Ok(&self.database),
            Some(other) => self.server.open(&self.login, other),
        }
    }

    /// The table or view of this name.
    pub fn table(&self, name: &ObjectName) -> Result<Arc<Table>, SqlError> {
        let unknown = || SqlError::unknown_object(name.text());
        if name.is_temporary() {
            return self.temporary.table(&name.name).cloned().ok_or_else(unknown);
        }
        let database = self.database_of(name)?;
        let tables = if database.id == self.database.id { Arc::clone(&self.tables) } else { self.tables_of(database) };
        match name.schema.as_deref() {
            Some(schema) if !same_name(schema, "dbo") => {
                views::view(self, database, &tables, schema, &name.name).map(Arc::new).ok_or_else(unknown)
            }
            None if tables.table(&name.name).is_none() && name.name.to_ascii_lowercase().starts_with("sys") => {
                views::view(self, database, &tables, "sys", &name.name).map(Arc::new).ok_or_else(unknown)
            }
            _ => tables.table(&name.name).cloned().ok_or_else(unknown),
        }
    }

    fn tables_of(&self, database: &Database) -> Arc<Tables> {
        self.written.get(&database.id).map_or_else(|| database.committed(), Arc::clone)
    }

    /// The user's name in the database.
    pub fn user(&self) -> &str {
        if self.login.administrator { "dbo" } else { &self.login.name }
    }

    /// A variable.
    pub fn variable(&self, name: &str) -> Result<&(SqlType, Value), SqlError> {
        self.variables.get(name).ok_or_else(|| SqlError::undeclared(name))
    }
}
