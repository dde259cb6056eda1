//! Requests carried out: batches statement by statement, with T-SQL's control of flow and its rules for errors.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use super::engine::ast::{Expr, Kind, Statement};
use super::engine::bound::Bound;
use super::engine::convert::cast;
use super::engine::error::SqlError;
use super::engine::types::{MAX, SqlType};
use super::engine::value::Value;
use super::engine::world::{Facts, Variables, World};
use super::engine::{parse, plan};
use super::reply::{Gone, Reply};
use super::session::Connected;
use super::state::State;
use crate::tds::packet::{Message, PacketType};
use crate::tds::request::SqlBatch;
use crate::tds::token::{EnvChange, EnvKind};

/// The session ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stop;

impl From<Gone> for Stop {
    fn from(Gone: Gone) -> Self {
        Self
    }
}

/// Why a statement did not end well.
#[derive(Debug)]
pub enum Problem {
    /// It raised an error.
    Sql(SqlError),
    /// The session ends.
    Stop,
}

impl From<SqlError> for Problem {
    fn from(error: SqlError) -> Self {
        Self::Sql(error)
    }
}

impl From<Gone> for Problem {
    fn from(Gone: Gone) -> Self {
        Self::Stop
    }
}

/// Where a batch goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flow {
    /// With the next statement.
    Next,
    /// Behind the loop.
    Break,
    /// With the loop's next round.
    Continue,
    /// Nowhere: RETURN, or an error that ends the batch.
    Return,
}

/// What a statement comes to.
pub type Outcome = Result<Flow, Problem>;

/// Procedures and batches nested deeper than this are refused.
const DEEPEST: i64 = 16;

/// Carries out the requests of one session.
pub struct Batch {
    /// What it shares with the other sessions of its connection.
    pub connected: Arc<Connected>,
    /// The bulk load that INSERT BULK announced.
    pub bulk: Option<super::bulk::Target>,
    rowcount: i64,
    error: i32,
}

/// One request under way.
pub struct Run<'a> {
    /// What the session shares.
    pub connected: Arc<Connected>,
    /// Its answer.
    pub reply: &'a mut Reply,
    /// Variables and parameters.
    pub variables: Variables,
    /// @@ROWCOUNT.
    pub rowcount: i64,
    /// @@ERROR.
    pub error: i32,
    /// The bulk load that INSERT BULK announced.
    pub bulk: Option<super::bulk::Target>,
    /// RETURN's value.
    pub status: i32,
    /// The error that a CATCH block handles.
    pub caught: Option<SqlError>,
    pub(super) trying: usize,
    nesting: i64,
    /// Whether the last statement failed.
    pub failed: bool,
    /// The DONE of the last statement; it is written when it is known whether more follows.
    pending: Option<(u16, Option<u64>, bool)>,
}

impl Batch {
    /// Of a session that has just begun.
    pub fn new(connected: Arc<Connected>) -> Self {
        Self { connected, bulk: None, rowcount: 0, error: 0 }
    }

    /// Carries out one request; `Err` ends the session.
    pub async fn run(&mut self, message: Message, reply: &mut Reply) -> Result<(), Stop> {
        let mut run = Run {
            connected: Arc::clone(&self.connected),
            variables: Variables::new(),
            rowcount: self.rowcount,
            error: self.error,
            bulk: self.bulk.take(),
            status: 0,
            caught: None,
            trying: 0,
            nesting: 0,
            failed: false,
            pending: None,
            reply,
        };
        run.note_transaction().await;
        let outcome = match message.kind {
            PacketType::SqlBatch => run.batch(&message.payload).await,
            PacketType::Rpc => run.calls(&message.payload).await,
            PacketType::TransactionManager => run.transaction_request(&message.payload).await,
            PacketType::BulkLoad => run.bulk_load(&message.payload).await,
            other => {
                run.settle(Err(SqlError::malformed(format!("a message of type {other:?}")).into())).await.map(|_| ())
            }
        };
        run.note_transaction().await;
        run.end();
        (self.rowcount, self.error, self.bulk) = (run.rowcount, run.error, run.bulk);
        outcome
    }
}

impl Run<'_> {
    async fn batch(&mut self, payload: &[u8]) -> Result<(), Stop> {
        let text = match SqlBatch::decode(payload, self.reply.version()) {
            Ok(batch) => batch.text,
            Err(_) => return self.settle(Err(SqlError::malformed("a batch").into())).await.map(|_| ()),
        };
        let outcome = self.text(&text).await;
        self.settle(outcome).await.map(|_| ())
    }

    /// Carries out a text.
    pub async fn text(&mut self, text: &str) -> Outcome {
        if self.nesting >= DEEPEST {
            return Err(SqlError::new(
                217,
                16,
                "Maximum stored procedure, function, trigger, or view nesting level exceeded (limit 32).",
            )
            .into());
        }
        let statements = parse::batch(text)?;
        self.nesting += 1;
        let outcome = self.statements(&statements).await;
        self.nesting -= 1;
        outcome
    }

    /// Carries out statements, one after the other.
    pub fn statements<'s>(
        &'s mut self,
        statements: &'s [Statement],
    ) -> Pin<Box<dyn Future<Output = Outcome> + Send + 's>> {
        Box::pin(async move {
            for statement in statements {
                let outcome = self.statement(statement).await;
                let outcome = outcome.map_err(|problem| match problem {
                    Problem::Sql(error) => Problem::Sql(error.at(statement.line)),
                    Problem::Stop => Problem::Stop,
                });
                match outcome {
                    Ok(Flow::Next) => {}
                    Err(problem) if self.trying > 0 => return Err(problem),
                    other => match self.settle(other).await {
                        Ok(Flow::Next) => {}
                        Ok(flow) => return Ok(flow),
                        Err(Stop) => return Err(Problem::Stop),
                    },
                }
            }
            Ok(Flow::Next)
        })
    }

    /// Tells the client of an error, and decides where it leads.
    pub async fn settle(&mut self, outcome: Outcome) -> Result<Flow, Stop> {
        let error = match outcome {
            Ok(flow) => return Ok(flow),
            Err(Problem::Stop) => return Err(Stop),
            Err(Problem::Sql(error)) => error,
        };
        self.flush_done();
        self.reply.message(&error);
        self.failed = true;
        (self.error, self.rowcount) = (error.number, 0);
        if error.class <= 10 {
            return Ok(Flow::Next);
        }
        let mut state = self.connected.state.lock().await;
        let aborts = state.options.xact_abort;
        if state.transaction.is_some() && (error.ends_transaction() || aborts) {
            let ended = state.rollback(None).ok().flatten();
            drop(state);
            self.tell_ended(EnvKind::ROLLBACK_TRANSACTION, ended);
        } else {
            drop(state);
        }
        self.note_transaction().await;
        self.pending = Some((0, None, true));
        if error.ends_session() {
            return Err(Stop);
        }
        Ok(if error.ends_batch() || aborts { Flow::Return } else { Flow::Next })
    }

    /// Writes the DONE that waits, because more follows it.
    pub fn flush_done(&mut self) {
        if let Some((command, rows, failed)) = self.pending.take() {
            self.reply.done(command, rows, failed);
        }
    }

    /// Ends a statement: its DONE waits until it is known whether more follows.
    pub fn done(&mut self, command: u16, rows: Option<u64>) {
        self.flush_done();
        self.pending = Some((command, rows, false));
        (self.error, self.failed) = (0, false);
        if let Some(rows) = rows {
            self.rowcount = i64::try_from(rows).unwrap_or(i64::MAX);
        }
    }

    fn end(&mut self) {
        let (command, rows, failed) = self.pending.take().unwrap_or((0, None, false));
        if self.reply.in_procedure {
            // The call wrote its own end.
            return;
        }
        self.reply.end(command, rows, failed);
    }

    /// Carries over to the DONEs whether a transaction is open.
    pub async fn note_transaction(&mut self) {
        self.reply.in_transaction = self.connected.state.lock().await.transaction.is_some();
    }

    /// Tells the client that a transaction ended.
    pub fn tell_ended(&mut self, kind: EnvKind, descriptor: Option<u64>) {
        if let Some(descriptor) = descriptor {
            self.flush_done();
            self.reply.change(EnvChange::bytes(kind, Vec::new(), descriptor.to_le_bytes().to_vec()));
        }
    }

    /// What a statement sees now.
    pub fn world(&self, state: &State) -> World {
        let info = &self.connected.info;
        let facts = Facts {
            spid: info.spid,
            host_name: info.host_name.clone(),
            program_name: info.program_name.clone(),
            depth: state.depth(),
            rowcount: self.rowcount,
            error: self.error,
            identity: state.identity,
            language: state.options.language.clone(),
            lock_timeout: state.options.lock_timeout,
            encrypted: info.encrypted,
            client: info.address.ip().to_string(),
            context: state.context.clone(),
            caught: self.caught.clone(),
            nest_level: self.nesting - 1,
        };
        let written =
            state.transaction.iter().flat_map(|t| &t.written).map(|(id, w)| (*id, Arc::clone(&w.tables))).collect();
        World {
            server: Arc::clone(&self.connected.shared.server),
            login: state.login.clone(),
            facts,
            database: Arc::clone(&state.database),
            tables: state.tables(&state.database),
            temporary: Arc::clone(&state.temporary),
            written,
            variables: self.variables.clone(),
            now: self.connected.shared.server.now(),
        }
    }

    /// The value of an expression that stands alone.
    pub async fn value(&self, expr: &Expr) -> Result<(Value, SqlType), SqlError> {
        let state = self.connected.state.lock().await;
        let bound: Bound = plan::scalar(&self.world(&state), expr)?;
        drop(state);
        Ok((bound.eval(&[], &None)?, bound.ty))
    }

    /// The same as another type.
    pub async fn value_as(&self, expr: &Expr, ty: SqlType) -> Result<Value, SqlError> {
        let (value, from) = self.value(expr).await?;
        cast(&value, from, ty, 0)
    }

    async fn holds(&self, condition: &Expr) -> Result<bool, SqlError> {
        let state = self.connected.state.lock().await;
        let bound = plan::condition(&self.world(&state), condition)?;
        drop(state);
        Ok(bound.eval(&[], &None)?.is_true())
    }

    async fn statement(&mut self, statement: &Statement) -> Outcome {
        match &statement.kind {
            Kind::Select(query) => self.select(query).await,
            Kind::Insert { .. } | Kind::Update { .. } | Kind::Delete { .. } => self.change(&statement.kind).await,
            Kind::CreateTable { .. } | Kind::CreateIndex { .. } | Kind::DropTable { .. } | Kind::Truncate(_) => {
                self.define(&statement.kind).await
            }
            Kind::Begin { .. } | Kind::Commit | Kind::Rollback { .. } | Kind::Save { .. } => {
                self.transaction(&statement.kind).await
            }
            Kind::If { .. } | Kind::While { .. } | Kind::Block(_) | Kind::Try { .. } => {
                self.control(&statement.kind).await
            }
            Kind::Break => Ok(Flow::Break),
            Kind::Continue => Ok(Flow::Continue),
            Kind::Return(value) => {
                if let Some(value) = value {
                    self.status = self
                        .value_as(value, SqlType::Int)
                        .await?
                        .as_int()
                        .and_then(|n| i32::try_from(n).ok())
                        .unwrap_or(0);
                }
                Ok(Flow::Return)
            }
            Kind::Exec { result, name, arguments } => self.exec(result.as_deref(), name, arguments).await,
            Kind::ExecText(text) => {
                let text = self.value_as(text, SqlType::NVarChar(MAX)).await?;
                let variables = std::mem::take(&mut self.variables);
                let outcome = self.text(text.as_text().unwrap_or_default()).await;
                self.variables = variables;
                outcome.map(|flow| if flow == Flow::Return { Flow::Next } else { flow })
            }
            Kind::InsertBulk { table, columns } => self.announce_bulk(table, columns).await,
            _ => self.small(&statement.kind).await,
        }
    }

    async fn control(&mut self, kind: &Kind) -> Outcome {
        match kind {
            Kind::Block(body) => self.statements(body).await,
            Kind::If { condition, then, otherwise } => {
                if self.holds(condition).await? {
                    return self.statements(std::slice::from_ref(then)).await;
                }
                match otherwise {
                    Some(otherwise) => self.statements(std::slice::from_ref(otherwise)).await,
                    None => Ok(Flow::Next),
                }
            }
            Kind::While { condition, body } => {
                while self.holds(condition).await? {
                    match self.statements(std::slice::from_ref(body)).await? {
                        Flow::Break => break,
                        Flow::Return => return Ok(Flow::Return),
                        Flow::Next | Flow::Continue => {}
                    }
                    self.reply.relieve().await?;
                    tokio::task::yield_now().await;
                }
                Ok(Flow::Next)
            }
            Kind::Try { body, handler } => {
                self.trying += 1;
                let outcome = self.statements(body).await;
                self.trying -= 1;
                match outcome {
                    Err(Problem::Sql(error)) if error.class > 10 && !error.ends_session() => {
                        self.error = error.number;
                        let outside = self.caught.replace(error);
                        let outcome = self.statements(handler).await;
                        self.caught = outside;
                        outcome
                    }
                    other => other,
                }
            }
            _ => Ok(Flow::Next),
        }
    }
}
