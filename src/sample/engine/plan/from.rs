//! FROM: tables, views, derived tables, VALUES, GENERATE_SERIES, joins.

use std::sync::Arc;

use super::super::ast::{Expr, From, Join, ObjectName};
use super::super::bound::Bound;
use super::super::error::SqlError;
use super::super::storage::same_name;
use super::super::types::SqlType;
use super::expression::{Binder, common_of};
use super::query::Planner;
use super::scope::{Around, Scope, ScopeColumn};
use super::{OutColumn, Plan};

type Input = (Arc<Plan>, Scope);

impl Planner<'_> {
    /// The rows of FROM, and what may be named of them.
    pub(super) fn from(&self, from: &From, around: Option<&Around<'_>>) -> Result<Input, SqlError> {
        match from {
            From::Table { name, alias } => self.table(name, alias.as_deref()),
            From::Derived { query, alias, columns } => {
                let planned = self.query(query, around)?;
                Ok((planned.plan, named(planned.columns, alias, columns)?))
            }
            From::Values { rows, alias, columns } => self.values(rows, alias, columns, around),
            From::Function { name, arguments, alias, columns } => {
                self.series(name, arguments, alias.as_deref(), columns, around)
            }
            From::Join { left, kind, right, on } => self.join(left, *kind, right, on.as_ref(), around),
        }
    }

    fn table(&self, name: &ObjectName, alias: Option<&str>) -> Result<Input, SqlError> {
        if name.schema.is_none()
            && name.database.is_none()
            && let Some(planned) = self.common_table(&name.name)?
        {
            return Ok((planned.plan, named(planned.columns, alias.unwrap_or(&name.name), &[])?));
        }
        let table = self.world.table(name)?;
        let columns = table.columns.iter().map(|column| ScopeColumn {
            table: Some(alias.unwrap_or(&name.name).to_owned()),
            name: column.name.clone(),
            ty: column.ty,
            nullable: column.nullable,
            identity: column.identity.is_some(),
            stored: table.schema == "dbo",
        });
        let scope = Scope { columns: columns.collect() };
        Ok((Arc::new(Plan::Scan(table)), scope))
    }

    fn values(
        &self,
        rows: &[Vec<Expr>],
        alias: &str,
        names: &[String],
        around: Option<&Around<'_>>,
    ) -> Result<Input, SqlError> {
        let nothing = Scope::default();
        let binder = Binder::within(self, &nothing, around);
        let mut bound: Vec<Vec<Bound>> = Vec::new();
        for row in rows {
            if row.len() != names.len() {
                return Err(SqlError::column_count());
            }
            bound.push(row.iter().map(|value| binder.scalar(value)).collect::<Result<_, _>>()?);
        }
        let types: Vec<SqlType> =
            (0..names.len()).map(|place| common_of(bound.iter().filter_map(|row| row.get(place)))).collect();
        let cast = |row: Vec<Bound>| row.into_iter().zip(&types).map(|(value, ty)| value.cast_to(*ty)).collect();
        let rows: Vec<Vec<Bound>> = bound.into_iter().map(cast).collect();
        let columns = names.iter().zip(types).map(|(name, ty)| plain(alias, name, ty, true)).collect();
        Ok((Arc::new(Plan::Rows(rows)), Scope { columns }))
    }

    fn series(
        &self,
        name: &str,
        arguments: &[Expr],
        alias: Option<&str>,
        names: &[String],
        around: Option<&Around<'_>>,
    ) -> Result<Input, SqlError> {
        if name != "generate_series" {
            return Err(SqlError::unknown_object(name));
        }
        let nothing = Scope::default();
        let binder = Binder::within(self, &nothing, around);
        let bound: Vec<Bound> = arguments.iter().map(|argument| binder.scalar(argument)).collect::<Result<_, _>>()?;
        let ty = common_of(&bound);
        if ty.family() != super::super::types::Family::Integer {
            return Err(SqlError::clash(ty, "int"));
        }
        let mut bound = bound.into_iter().map(|argument| argument.cast_to(SqlType::BigInt));
        let (Some(start), Some(stop)) = (bound.next(), bound.next()) else {
            return Err(SqlError::argument_count(name, 2));
        };
        let one = Bound::constant(super::super::value::Value::Int(1), SqlType::BigInt);
        let step = bound.next().unwrap_or(one);
        let column = names.first().map_or("value", String::as_str);
        let scope = Scope { columns: vec![plain(alias.unwrap_or(name), column, ty, false)] };
        Ok((Arc::new(Plan::Series { start, stop, step }), scope))
    }

    fn join(
        &self,
        left: &From,
        kind: Join,
        right: &From,
        on: Option<&Expr>,
        around: Option<&Around<'_>>,
    ) -> Result<Input, SqlError> {
        let (left, mut scope) = self.from(left, around)?;
        let (right, mut right_scope) = self.from(right, around)?;
        let widths = (scope.columns.len(), right_scope.columns.len());
        if matches!(kind, Join::Left | Join::Full) {
            right_scope.columns.iter_mut().for_each(|column| column.nullable = true);
        }
        if matches!(kind, Join::Right | Join::Full) {
            scope.columns.iter_mut().for_each(|column| column.nullable = true);
        }
        scope.columns.append(&mut right_scope.columns);
        let on = on.map(|on| Binder::within(self, &scope, around).predicate(on)).transpose()?;
        Ok((Arc::new(Plan::Join { left, right, kind, on, widths }), scope))
    }
}

fn plain(table: &str, name: &str, ty: SqlType, nullable: bool) -> ScopeColumn {
    ScopeColumn { table: Some(table.to_owned()), name: name.to_owned(), ty, nullable, identity: false, stored: false }
}

/// The columns of a derived table under its alias.
pub(super) fn named(columns: Vec<OutColumn>, alias: &str, names: &[String]) -> Result<Scope, SqlError> {
    if !names.is_empty() && names.len() != columns.len() {
        return Err(SqlError::new(
            8158,
            16,
            format!("'{alias}' has more columns than were specified in the column list."),
        ));
    }
    let mut scope = Scope::default();
    for (place, column) in columns.into_iter().enumerate() {
        let name = names.get(place).cloned().unwrap_or(column.name);
        if name.is_empty() {
            return Err(SqlError::new(
                8155,
                16,
                format!("No column name was specified for column {} of '{alias}'.", place + 1),
            ));
        }
        if scope.columns.iter().any(|known| same_name(&known.name, &name)) {
            return Err(SqlError::new(
                8156,
                16,
                format!("The column '{name}' was specified multiple times for '{alias}'."),
            ));
        }
        scope.columns.push(ScopeColumn {
            identity: column.identity,
            stored: column.stored,
            ..plain(alias, &name, column.ty, column.nullable)
        });
    }
    Ok(scope)
}
