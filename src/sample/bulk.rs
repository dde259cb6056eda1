//! Bulk load: INSERT BULK announces the columns, a message of rows follows, typed by its own COLMETADATA.

use super::batch::{Flow, Outcome, Run, Stop};
use super::change::complete_bulk;
use super::codec;
use super::engine::ast::ObjectName;
use super::engine::error::SqlError;
use super::engine::permission::Right;
use super::engine::types::SqlType;
use super::engine::value::Value;
use crate::tds::data::{Columns, RowItem, Rows};
use std::sync::atomic::Ordering;

/// What INSERT BULK announced.
#[derive(Debug, Clone)]
pub struct Target {
    /// The table.
    pub table: ObjectName,
    /// Its columns, in the order of the rows; none stands for all.
    pub columns: Vec<String>,
}

impl Run<'_> {
    /// INSERT BULK: checked now, carried out when the rows come.
    pub async fn announce_bulk(&mut self, table: &ObjectName, columns: &[(String, SqlType)]) -> Outcome {
        let state = self.connected.state.lock().await;
        let world = self.world(&state);
        let found = world.table(table)?;
        Self::permit(
            &state.login,
            Right::Change("INSERT"),
            &table.name,
            &world.database_of(table)?.name,
            table.is_temporary(),
        )?;
        drop(state);
        for (name, _) in columns {
            found.column(name).ok_or_else(|| SqlError::unknown_column(name))?;
        }
        self.bulk =
            Some(Target { table: table.clone(), columns: columns.iter().map(|(name, _)| name.clone()).collect() });
        self.done(0xC0, None);
        Ok(Flow::Next)
    }

    /// The message of rows.
    pub async fn bulk_load(&mut self, payload: &[u8]) -> Result<(), Stop> {
        let outcome = self.load(payload).await;
        self.settle(outcome).await.map(|_| ())
    }

    async fn load(&mut self, payload: &[u8]) -> Outcome {
        let target = self.bulk.take().ok_or_else(|| SqlError::malformed("rows that no INSERT BULK announced"))?;
        let (columns, rows) = self.rows_of(payload).await?;
        let count = u64::try_from(rows.len()).unwrap_or(0);
        self.with_tables(&target.table, Right::Change("INSERT"), |tables, database, given| {
            let table = tables
                .table(&target.table.name)
                .cloned()
                .ok_or_else(|| SqlError::unknown_object(target.table.text()))?;
            let names: Vec<String> = if target.columns.is_empty() {
                columns.0.iter().map(|column| column.name.clone()).collect()
            } else {
                target.columns.clone()
            };
            if names.len() != columns.0.len() {
                return Err(SqlError::bulk_mismatch());
            }
            let places = names
                .iter()
                .map(|name| table.column(name).ok_or_else(|| SqlError::unknown_column(name)))
                .collect::<Result<Vec<_>, _>>()?;
            let shown = format!("{database}.dbo.{}", table.name);
            // Values for an identity column are not kept unless KEEPIDENTITY asks; this model always keeps what is sent.
            let rows = complete_bulk(&table, &places, rows, &shown, given)?;
            let own =
                tables.table_mut(&target.table.name).ok_or_else(|| SqlError::unknown_object(target.table.text()))?;
            rows.into_iter().try_for_each(|row| own.insert(row, "BULK INSERT", database))
        })
        .await?;
        self.connected.shared.counts.bulk_rows.fetch_add(count, Ordering::Relaxed);
        self.note_transaction().await;
        self.done(0xC3, Some(count));
        Ok(Flow::Next)
    }

    async fn rows_of(&mut self, payload: &[u8]) -> Result<(Columns, Vec<Vec<(Value, SqlType)>>), SqlError> {
        let mut found: Option<(Columns, Vec<SqlType>)> = None;
        let mut rows = Vec::new();
        for item in Rows::new(payload, self.reply.version()) {
            match item.map_err(|error| SqlError::malformed(format!("a bulk load: {error}")))? {
                RowItem::Columns(columns) => {
                    let types =
                        columns.0.iter().map(|column| codec::sql_type(&column.kind)).collect::<Result<_, _>>()?;
                    found = Some((columns, types));
                }
                RowItem::Row(values) => {
                    let (columns, types) = found.as_ref().ok_or_else(SqlError::bulk_mismatch)?;
                    let typed = values.into_iter().zip(&columns.0).zip(types);
                    rows.push(
                        typed
                            .map(|((value, column), ty)| Ok((codec::from_wire(value, &column.kind)?, *ty)))
                            .collect::<Result<_, SqlError>>()?,
                    );
                    if rows.len() % 512 == 0 {
                        tokio::task::yield_now().await;
                    }
                }
                _ => {}
            }
        }
        found.map(|(columns, _)| (columns, rows)).ok_or_else(SqlError::bulk_mismatch)
    }
}
