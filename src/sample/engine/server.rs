//! What all sessions share: databases, logins, and who is connected.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicI32, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use tokio_util::sync::CancellationToken;

use super::calendar::{DAYS_TO_1970, join};
use super::error::SqlError;
use super::storage::{Table, Tables, same_name};
use crate::domain::{Secret, Timestamp};
use crate::platform::Clock;

/// How far a login reaches in its database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Reads.
    Read,
    /// Reads and changes rows.
    Write,
    /// Owns the database.
    Owner,
}

/// A SQL login.
#[derive(Debug, Clone)]
pub struct Login {
    /// Its name.
    pub name: String,
    /// Its password.
    pub password: Secret,
    /// The one database that it may open, besides `master`; for an administrator its default.
    pub database: String,
    /// How far it reaches there.
    pub access: Access,
    /// Whether it is a member of sysadmin.
    pub administrator: bool,
}

/// A database.
#[derive(Debug)]
pub struct Database {
    /// Its id.
    pub id: i16,
    /// Its name.
    pub name: String,
    /// Held by the one transaction that writes in it.
    pub writing: Arc<tokio::sync::Mutex<()>>,
    committed: RwLock<Arc<Tables>>,
}

impl Database {
    /// A database of these tables.
    pub fn new(id: i16, name: &str, tables: Tables) -> Self {
        Self { id, name: name.to_owned(), writing: Arc::default(), committed: RwLock::new(Arc::new(tables)) }
    }

    /// Its tables as they were last committed.
    pub fn committed(&self) -> Arc<Tables> {
        Arc::clone(&self.committed.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Makes these its tables. Only whoever holds `writing` may.
    pub fn commit(&self, tables: Arc<Tables>) {
        *self.committed.write().unwrap_or_else(PoisonError::into_inner) = tables;
    }
}

/// A live session, for `sys.dm_exec_sessions` and for tests.
#[derive(Debug)]
pub struct SessionInfo {
    /// Its number.
    pub spid: u16,
    /// The login's name.
    pub login: String,
    /// The workstation.
    pub host_name: String,
    /// The application.
    pub program_name: String,
    /// The driver.
    pub library: String,
    /// The packet size agreed on.
    pub packet_size: usize,
    /// The TDS version agreed on.
    pub tds_version: u32,
    /// The client's process id.
    pub client_pid: u32,
    /// Whether all that travels is encrypted.
    pub encrypted: bool,
    /// Whether the login asked for read-only intent.
    pub read_only: bool,
    /// Where it comes from.
    pub address: SocketAddr,
    /// Since when, in ticks.
    pub since: i64,
    /// The database that it is in.
    pub database: Mutex<String>,
    /// Ends it.
    pub kill: CancellationToken,
}

impl SessionInfo {
    /// The database that it is in.
    pub fn database(&self) -> String {
        self.database.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// The server.
pub struct Server {
    /// Its name.
    pub name: String,
    /// Its databases; the first is `master`.
    pub databases: Vec<Arc<Database>>,
    /// Its logins.
    pub logins: Vec<Login>,
    /// The most bytes that a database, or a session's temporary tables, may take.
    pub limit: usize,
    /// When it was started, in ticks.
    pub started: i64,
    clock: Arc<dyn Clock>,
    next_object: AtomicI32,
    sessions: Mutex<BTreeMap<u16, Arc<SessionInfo>>>,
}

impl std::fmt::Debug for Server {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Server({})", self.name)
    }
}

impl Server {
    /// A server of these databases and logins.
    pub fn new(
        name: String,
        databases: Vec<Arc<Database>>,
        logins: Vec<Login>,
        limit: usize,
        clock: Arc<dyn Clock>,
    ) -> Self {
        let started = ticks(clock.now());
        Self {
            name,
            databases,
            logins,
            limit,
            started,
            clock,
            next_object: AtomicI32::new(2_000_000),
            sessions: Mutex::default(),
        }
    }

    /// Now, in ticks since 0001-01-01, UTC.
    pub fn now(&self) -> i64 {
        ticks(self.clock.now())
    }

    /// The clock.
    pub fn clock(&self) -> &Arc<dyn Clock> {
        &self.clock
    }

    /// A number for a new object.
    pub fn next_object(&self) -> i32 {
        self.next_object.fetch_add(16, Ordering::Relaxed)
    }

    /// The login of this name.
    pub fn login(&self, name: &str) -> Option<&Login> {
        self.logins.iter().find(|login| same_name(&login.name, name))
    }

    /// The database of this name.
    pub fn database(&self, name: &str) -> Option<&Arc<Database>> {
        self.databases.iter().find(|database| same_name(&database.name, name))
    }

    /// The database of this name, if the login may open it.
    pub fn open(&self, login: &Login, name: &str) -> Result<&Arc<Database>, SqlError> {
        let database = self.database(name).ok_or_else(|| SqlError::unknown_database(name))?;
        if self.may_open(login, database) {
            Ok(database)
        } else {
            Err(SqlError::no_access(&login.name, &database.name))
        }
    }

    /// Whether a login may open a database.
    pub fn may_open(&self, login: &Login, database: &Database) -> bool {
        login.administrator || same_name(&login.database, &database.name) || database.id == 1
    }

    /// Adds a session under a free number.
    pub fn enter(&self, make: impl FnOnce(u16) -> SessionInfo) -> Option<Arc<SessionInfo>> {
        let mut sessions = self.sessions.lock().unwrap_or_else(PoisonError::into_inner);
        let spid = (51..32_767).find(|spid| !sessions.contains_key(spid))?;
        let session = Arc::new(make(spid));
        sessions.insert(spid, Arc::clone(&session));
        Some(session)
    }

    /// Removes a session.
    pub fn leave(&self, spid: u16) {
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner).remove(&spid);
    }

    /// All sessions.
    pub fn sessions(&self) -> Vec<Arc<SessionInfo>> {
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner).values().cloned().collect()
    }

    /// Refuses a table that has grown beyond what its database may take.
    pub fn check_space(&self, tables: &Tables, table: &Table, database: &str) -> Result<(), SqlError> {
        if tables.weight() > self.limit { Err(SqlError::full(format!("dbo.{}", table.name), database)) } else { Ok(()) }
    }
}

/// A point in time as ticks since 0001-01-01.
pub fn ticks(now: Timestamp) -> i64 {
    join(DAYS_TO_1970, 0).saturating_add(now.as_millis().saturating_mul(10_000))
}
