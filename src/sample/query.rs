//! SELECT: planned under the session's lock, streamed without it, as fast as the client takes its rows.

use std::sync::Arc;

use super::batch::{Flow, Outcome, Problem, Run};
use super::codec;
use super::engine::ast::{Body, ObjectName, Query};
use super::engine::bound::OuterRow;
use super::engine::convert::assign;
use super::engine::error::SqlError;
use super::engine::permission::{Right, check};
use super::engine::plan::{self, OutColumn, Planned};
use super::engine::run::{self, Rows, Step};
use super::engine::storage::{Column, Identity, Table, same_name};
use super::engine::value::{Row, Value};

/// DONE's number for SELECT.
pub const SELECT: u16 = 0xC1;
/// Rows between two looks at whether anybody else wants to run.
const TURN: u32 = 256;
/// The most bytes that the rows of an INSERT or SELECT INTO may take before they are stored.
const MOST_GATHERED: usize = 256 << 20;

impl Run<'_> {
    /// Carries out a SELECT.
    pub async fn select(&mut self, query: &Query) -> Outcome {
        if let Body::Select(select) = &query.body
            && let Some(into) = &select.into
        {
            return self.select_into(query, into).await;
        }
        let connected = Arc::clone(&self.connected);
        let (planned, rows, limit) = {
            let mut state = connected.state.lock().await;
            self.begin_implicitly(&mut state);
            let world = self.world(&state);
            let planned = plan::plan(&world, query)?;
            let limit = match state.options.rowcount {
                0 => u64::MAX,
                limit => limit,
            };
            let rows = if state.options.fmtonly || state.options.noexec {
                None
            } else {
                Some(run::open(&planned.plan, &None)?)
            };
            (planned, rows, limit)
        };
        if planned.assigned.is_empty() {
            return self.stream(&planned.columns, rows, limit).await;
        }
        let Some(rows) = rows else { return Ok(Flow::Next) };
        if planned.gathers {
            self.gather_variables(&planned).await
        } else {
            self.assign_variables(&planned, rows).await
        }
    }

    /// Sends columns and rows.
    pub async fn stream(&mut self, columns: &[OutColumn], rows: Option<Rows>, limit: u64) -> Outcome {
        let wire = codec::columns(columns);
        let broken = |_| Problem::Sql(SqlError::unsupported("A column of this kind"));
        let mut bytes = Vec::new();
        wire.encode(self.reply.version(), &mut bytes).map_err(broken)?;
        self.flush_done();
        self.reply.bytes(&bytes);
        let mut count = 0u64;
        if let Some(mut rows) = rows {
            let mut turn = 0;
            while count < limit {
                match rows.next()? {
                    Step::Row(row) => {
                        bytes.clear();
                        wire.encode_row(&codec::row(&row, columns), &mut bytes).map_err(broken)?;
                        self.reply.bytes(&bytes);
                        self.reply.relieve().await?;
                        count += 1;
                        turn += 1;
                    }
                    Step::Busy => turn = TURN,
                    Step::End => break,
                }
                if turn >= TURN {
                    turn = 0;
                    tokio::task::yield_now().await;
                }
            }
        }
        self.done(SELECT, Some(count));
        Ok(Flow::Next)
    }

    /// Sends rows that are there already.
    pub async fn stream_rows(&mut self, columns: &[OutColumn], rows: Vec<Row>) -> Outcome {
        let names: Vec<Column> =
            columns.iter().map(|column| Column::plain(column.name.clone(), column.ty, column.nullable)).collect();
        let table = Arc::new(Table::of_rows("sys", "result", names, rows));
        let rows = run::open(&Arc::new(plan::Plan::Scan(table)), &None)?;
        self.stream(columns, Some(rows), u64::MAX).await
    }

    /// `SELECT @a = @a + …`: each row looks at what the rows before it left in the variables.
    async fn gather_variables(&mut self, planned: &Planned) -> Outcome {
        let plan::Plan::Project(input, items) = &*planned.plan else {
            return Err(SqlError::unsupported("OFFSET in a SELECT that gathers its rows in a variable").into());
        };
        let mut rows = run::open(input, &None)?;
        let (mut count, mut weight) = (0i64, 0usize);
        loop {
            match rows.next()? {
                Step::Row(row) => {
                    let value =
                        |name: &String| self.variables.get(name).map_or(Value::Null, |(_, value)| value.clone());
                    let around = OuterRow { row: planned.assigned.iter().map(value).collect(), outer: None };
                    weight += super::engine::value::weight(&around.row);
                    let around = Some(Arc::new(around));
                    for (name, item) in planned.assigned.iter().zip(items) {
                        let ty = self.variables.get(name).ok_or_else(|| SqlError::undeclared(name))?.0;
                        let value = super::engine::convert::cast(&item.eval(&row, &around)?, item.ty, ty, 0)?;
                        self.variables.insert(name.clone(), (ty, value));
                    }
                    count += 1;
                    // What grows with each row is copied with each row: the whole of it is bounded.
                    if weight > MOST_GATHERED {
                        return Err(SqlError::query_memory().into());
                    }
                    if count % 64 == 0 {
                        tokio::task::yield_now().await;
                    }
                }
                Step::Busy => tokio::task::yield_now().await,
                Step::End => break,
            }
        }
        (self.rowcount, self.error) = (count, 0);
        Ok(Flow::Next)
    }

    async fn assign_variables(&mut self, planned: &Planned, mut rows: Rows) -> Outcome {
        let (mut last, mut count) = (None, 0u64);
        loop {
            match rows.next()? {
                Step::Row(row) => (last, count) = (Some(row), count + 1),
                Step::Busy => tokio::task::yield_now().await,
                Step::End => break,
            }
        }
        if let Some(row) = last {
            for ((name, value), column) in planned.assigned.iter().zip(row.iter()).zip(&planned.columns) {
                let ty = self.variables.get(name).ok_or_else(|| SqlError::undeclared(name))?.0;
                let value = super::engine::convert::cast(value, column.ty, ty, 0)?;
                self.variables.insert(name.clone(), (ty, value));
            }
        }
        self.rowcount = i64::try_from(count).unwrap_or(i64::MAX);
        self.error = 0;
        Ok(Flow::Next)
    }

    /// All rows of a query, for those who store them.
    pub async fn gather(&mut self, query: &Query) -> Result<(Planned, Vec<Row>), Problem> {
        let (planned, mut rows) = {
            let state = self.connected.state.lock().await;
            let planned = plan::plan(&self.world(&state), query)?;
            let rows = run::open(&planned.plan, &None)?;
            (planned, rows)
        };
        let (mut gathered, mut weight) = (Vec::new(), 0);
        loop {
            match rows.next()? {
                Step::Row(row) => {
                    weight += super::engine::value::weight(&row);
                    gathered.push(row);
                    if weight > MOST_GATHERED {
                        return Err(SqlError::query_memory().into());
                    }
                    if gathered.len() % 512 == 0 {
                        tokio::task::yield_now().await;
                    }
                }
                Step::Busy => tokio::task::yield_now().await,
                Step::End => return Ok((planned, gathered)),
            }
        }
    }

    async fn select_into(&mut self, query: &Query, into: &ObjectName) -> Outcome {
        let mut query = query.clone();
        if let Body::Select(select) = &mut query.body {
            select.into = None;
        }
        let (planned, rows) = self.gather(&query).await?;
        let mut columns: Vec<Column> = Vec::new();
        for (place, column) in planned.columns.iter().enumerate() {
            if column.name.is_empty() {
                return Err(SqlError::unnamed_column(place + 1, into.text()).into());
            }
            if columns.iter().any(|known| same_name(&known.name, &column.name)) {
                return Err(SqlError::new(
                    2705,
                    16,
                    format!(
                        "Column names in each table must be unique. Column name '{}' is specified more than once.",
                        column.name
                    ),
                )
                .into());
            }
            let mut made = Column::plain(column.name.clone(), column.ty, column.nullable);
            made.identity = column.identity.then(|| Identity::new(1, 1));
            columns.push(made);
        }
        let count = rows.len();
        let name = into.name.clone();
        let (id, now) = (self.connected.shared.server.next_object(), self.connected.shared.server.now());
        self.with_tables(into, Right::Define("CREATE TABLE"), |tables, database, _| {
            if tables.table(&name).is_some() {
                return Err(SqlError::object_exists(&name));
            }
            let mut table = Table::new(id, name.clone(), columns, None, now);
            for row in rows {
                if let Some((identity, n)) =
                    table.columns.iter().zip(row.iter()).find_map(|(c, v)| Some((c.identity.clone()?, v.as_int()?)))
                {
                    identity.passed(n);
                }
                table.insert(row, "SELECT INTO", database)?;
            }
            tables.add(table);
            Ok(())
        })
        .await?;
        self.done(SELECT, Some(u64::try_from(count).unwrap_or(0)));
        Ok(Flow::Next)
    }

    /// Checks a right on a table of a database.
    pub fn permit(
        login: &super::engine::server::Login,
        right: Right,
        object: &str,
        database: &str,
        temporary: bool,
    ) -> Result<(), SqlError> {
        if temporary { Ok(()) } else { check(login, right, object, database) }
    }
}

/// A value as a table's column takes it.
pub fn stored(
    value: &Value,
    from: super::engine::types::SqlType,
    column: &Column,
    table: &str,
) -> Result<Value, SqlError> {
    assign(value, from, column.ty, table, &column.name)
}
