//! Transactions: T-SQL's and the transaction manager's, and the right to write in a database.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::OwnedMutexGuard;

use super::batch::{Flow, Outcome, Problem, Run, Stop};
use super::engine::ast::{Kind, ObjectName};
use super::engine::error::SqlError;
use super::engine::permission::Right;
use super::engine::server::Database;
use super::engine::storage::Tables;
use super::engine::types::SqlType;
use super::engine::value::Value;
use super::engine::world::World;
use super::state::{State, Written};
use crate::platform::clock::within;
use crate::tds::request::{TransactionAction, TransactionRequest};
use crate::tds::token::{EnvChange, EnvKind};

impl Run<'_> {
    /// BEGIN, COMMIT, ROLLBACK, SAVE.
    pub async fn transaction(&mut self, kind: &Kind) -> Outcome {
        let connected = Arc::clone(&self.connected);
        let mut state = connected.state.lock().await;
        match kind {
            Kind::Begin { .. } => {
                let begun = state.begin();
                drop(state);
                self.tell_begun(begun);
                self.done(0xD4, None);
            }
            Kind::Commit => {
                let ended = state.commit()?;
                drop(state);
                self.tell_ended(EnvKind::COMMIT_TRANSACTION, ended);
                self.done(0xD5, None);
            }
            Kind::Rollback { name } => {
                // A name may be the outermost transaction's, which is not kept: one that is no savepoint is refused.
                let name = self.resolved(name.as_deref());
                let ended = state.rollback(name.as_deref())?;
                drop(state);
                self.tell_ended(EnvKind::ROLLBACK_TRANSACTION, ended);
                self.done(0xD2, None);
            }
            Kind::Save { name } => {
                let name = self.resolved(Some(name)).unwrap_or_default();
                state.save(&name)?;
                drop(state);
                self.done(0xD3, None);
            }
            _ => {}
        }
        self.note_transaction().await;
        Ok(Flow::Next)
    }

    /// The name, or what the variable that stands for it holds.
    fn resolved(&self, name: Option<&str>) -> Option<String> {
        let name = name?;
        if !name.starts_with('@') {
            return Some(name.to_owned());
        }
        self.variables.get(name).and_then(|(_, value)| value.as_text()).map(str::to_owned)
    }

    fn tell_begun(&mut self, descriptor: Option<u64>) {
        if let Some(descriptor) = descriptor {
            self.flush_done();
            self.reply.change(EnvChange::begin_transaction(descriptor));
            self.reply.in_transaction = true;
        }
    }

    /// With IMPLICIT_TRANSACTIONS, a statement that looks at tables begins a transaction.
    pub fn begin_implicitly(&mut self, state: &mut State) {
        if state.options.implicit_transactions && state.transaction.is_none() {
            let begun = state.begin();
            self.tell_begun(begun);
        }
    }

    /// A request to the transaction manager.
    pub async fn transaction_request(&mut self, payload: &[u8]) -> Result<(), Stop> {
        let outcome = match TransactionRequest::decode(payload, self.reply.version()) {
            Ok(request) => self.act(request.action).await,
            Err(_) => Err(SqlError::malformed("a transaction manager request").into()),
        };
        self.settle(outcome).await.map(|_| ())
    }

    async fn act(&mut self, action: TransactionAction) -> Outcome {
        let named = |name: String| Some(name).filter(|name| !name.is_empty());
        let next = match action {
            TransactionAction::Begin { .. } => return self.transaction(&Kind::Begin { name: None }).await,
            TransactionAction::Save { name } => return self.transaction(&Kind::Save { name }).await,
            TransactionAction::Commit { next, .. } => {
                self.transaction(&Kind::Commit).await?;
                next
            }
            TransactionAction::Rollback { name, next } => {
                self.transaction(&Kind::Rollback { name: named(name) }).await?;
                next
            }
            _ => return Err(SqlError::unsupported("A distributed transaction").into()),
        };
        match next {
            Some(_) => self.transaction(&Kind::Begin { name: None }).await,
            None => Ok(Flow::Next),
        }
    }

    /// Waits for the right to write in a database.
    async fn right(&self, database: &Arc<Database>) -> Result<OwnedMutexGuard<()>, Problem> {
        let writing = Arc::clone(&database.writing);
        if let Ok(right) = Arc::clone(&writing).try_lock_owned() {
            return Ok(right);
        }
        let (holds_another, timeout) = {
            let state = self.connected.state.lock().await;
            (state.transaction.as_ref().is_some_and(|t| !t.written.is_empty()), state.options.lock_timeout)
        };
        // Whoever holds one right and waits for another could wait for ever: it is the victim before it begins to.
        if holds_another {
            return Err(SqlError::deadlock(self.connected.info.spid).into());
        }
        match u64::try_from(timeout) {
            Err(_) => Ok(writing.lock_owned().await),
            Ok(millis) => {
                let clock = &**self.connected.shared.server.clock();
                within(clock, Duration::from_millis(millis), writing.lock_owned())
                    .await
                    .map_err(|_| SqlError::lock_timeout().into())
            }
        }
    }

    /// Changes the tables of the database that a name is of: all of `change`, or nothing of it.
    pub async fn with_tables<T>(
        &mut self,
        name: &ObjectName,
        right: Right,
        change: impl FnOnce(&mut Tables, &str, &mut Given<'_>) -> Result<T, SqlError>,
    ) -> Result<T, Problem> {
        let connected = Arc::clone(&self.connected);
        let (database, held) = {
            let mut state = connected.state.lock().await;
            self.begin_implicitly(&mut state);
            let world = self.world(&state);
            let database = Arc::clone(world.database_of(name)?);
            Self::permit(&state.login, right, &name.name, &database.name, name.is_temporary())?;
            let held = state.transaction.as_ref().is_some_and(|t| t.written.contains_key(&database.id));
            (database, held)
        };
        let taken = if held || name.is_temporary() { None } else { Some(self.right(&database).await?) };
        let mut state = connected.state.lock().await;
        let world = self.world(&state);
        let before = if name.is_temporary() { Arc::clone(&state.temporary) } else { state.tables(&database) };
        let mut tables = (*before).clone();
        let mut given =
            Given { world: &world, identity: state.identity, identity_insert: state.identity_insert.as_deref() };
        let shown = if name.is_temporary() { "tempdb" } else { &database.name };
        let outcome = change(&mut tables, shown, &mut given)?;
        if tables.weight() > connected.shared.server.limit && tables.weight() > before.weight() {
            return Err(SqlError::full(format!("dbo.{}", name.name), shown).into());
        }
        let identity = given.identity;
        state.identity = identity;
        let tables = Arc::new(tables);
        if name.is_temporary() {
            state.temporary = tables;
            return Ok(outcome);
        }
        match (&mut state.transaction, taken) {
            (Some(transaction), Some(right)) => {
                transaction.written.insert(database.id, Written { database, tables, right });
            }
            (Some(transaction), None) => {
                if let Some(written) = transaction.written.get_mut(&database.id) {
                    written.tables = tables;
                }
            }
            (None, right) => {
                database.commit(tables);
                drop(right);
            }
        }
        Ok(outcome)
    }
}

/// What a change of tables works with.
pub struct Given<'a> {
    /// What the statement sees.
    pub world: &'a World,
    /// The last number that an identity column gave.
    pub identity: Option<i64>,
    /// The table that takes explicit values for its identity column.
    pub identity_insert: Option<&'a str>,
}

impl Given<'_> {
    /// Whether a table takes explicit values for its identity column.
    pub fn takes_identity(&self, table: &str) -> bool {
        self.identity_insert.is_some_and(|wanted| wanted == table.to_lowercase())
    }

    /// A constant's value.
    pub fn default(&self, expr: &super::engine::ast::Expr) -> Result<(Value, SqlType), SqlError> {
        let bound = super::engine::plan::scalar(self.world, expr)?;
        Ok((bound.eval(&[], &None)?, bound.ty))
    }
}
