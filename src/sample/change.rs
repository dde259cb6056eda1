//! INSERT, UPDATE, DELETE, and the definition of tables.

use super::batch::{Flow, Outcome, Run};
use super::engine::ast::{ColumnDefinition, Expr, From, Item, Kind, ObjectName, Source};
use super::engine::bound::Bound;
use super::engine::error::SqlError;
use super::engine::permission::Right;
use super::engine::plan::{Binder, OutColumn, Scope, ScopeColumn};
use super::engine::storage::{Column, Identity, PrimaryKey, Table, Tables, same_name};
use super::engine::types::SqlType;
use super::engine::value::{Row, Value};
use super::query::stored;
use super::transaction::Given;

const INSERT: u16 = 0xC3;
const DELETE: u16 = 0xC4;
const UPDATE: u16 = 0xC5;

/// The rows of OUTPUT, and how many rows were touched.
struct Touched {
    columns: Vec<OutColumn>,
    rows: Vec<Row>,
    count: u64,
}

impl Run<'_> {
    /// INSERT, UPDATE, DELETE.
    pub async fn change(&mut self, kind: &Kind) -> Outcome {
        if self.connected.state.lock().await.options.noexec {
            return Ok(Flow::Next);
        }
        let (touched, command) = match kind {
            Kind::Insert { table, columns, output, source } => {
                (self.insert(table, columns, output, source).await?, INSERT)
            }
            Kind::Update { table, top, set, output, from, filter } => {
                let target = target(table, from.as_ref())?;
                let touched = self
                    .with_tables(&target.0, Right::Change("UPDATE"), |tables, database, given| {
                        update(tables, database, given, &target, top.as_ref(), set, output, filter.as_ref())
                    })
                    .await?;
                (touched, UPDATE)
            }
            Kind::Delete { table, top, output, from, filter } => {
                let target = target(table, from.as_ref())?;
                let touched = self
                    .with_tables(&target.0, Right::Change("DELETE"), |tables, database, given| {
                        delete(tables, database, given, &target, top.as_ref(), output, filter.as_ref())
                    })
                    .await?;
                (touched, DELETE)
            }
            _ => return Ok(Flow::Next),
        };
        self.note_transaction().await;
        if !touched.columns.is_empty() {
            self.stream_rows(&touched.columns, touched.rows).await?;
            self.rowcount = i64::try_from(touched.count).unwrap_or(i64::MAX);
            return Ok(Flow::Next);
        }
        let quiet = self.connected.state.lock().await.options.nocount;
        self.done(command, Some(touched.count).filter(|_| !quiet));
        self.rowcount = i64::try_from(touched.count).unwrap_or(i64::MAX);
        Ok(Flow::Next)
    }

    async fn insert(
        &mut self,
        table: &ObjectName,
        columns: &[String],
        output: &[Item],
        source: &Source,
    ) -> Result<Touched, super::batch::Problem> {
        let gathered = match source {
            Source::Query(query) => Some(self.gather(query).await?),
            Source::Exec(_) => return Err(SqlError::unsupported("INSERT … EXEC").into()),
            _ => None,
        };
        self.with_tables(table, Right::Change("INSERT"), |tables, database, given| {
            let target = tables.table(&table.name).cloned().ok_or_else(|| SqlError::unknown_object(table.text()))?;
            let takes_identity = given.takes_identity(&table.name);
            let places = places(&target, columns, takes_identity)?;
            let shown = format!("{database}.dbo.{}", target.name);
            let mut incoming: Vec<Vec<Option<(Value, SqlType)>>> = Vec::new();
            match source {
                Source::Values(rows) => {
                    for row in rows {
                        if row.len() != places.len() {
                            return Err(if columns.is_empty() {
                                SqlError::column_count()
                            } else {
                                value_count(row.len() > places.len())
                            });
                        }
                        incoming.push(
                            row.iter()
                                .map(|value| value.as_ref().map(|value| given.default(value)).transpose())
                                .collect::<Result<_, _>>()?,
                        );
                    }
                }
                Source::DefaultValues => incoming.push(vec![None; places.len()]),
                _ => {
                    let (planned, rows) = gathered.ok_or_else(|| SqlError::unsupported("This INSERT"))?;
                    if planned.columns.len() != places.len() {
                        return Err(if columns.is_empty() {
                            SqlError::column_count()
                        } else {
                            value_count(planned.columns.len() > places.len())
                        });
                    }
                    let typed = |row: Row| {
                        row.iter()
                            .zip(&planned.columns)
                            .map(|(value, column)| Some((value.clone(), column.ty)))
                            .collect()
                    };
                    incoming.extend(rows.into_iter().map(typed));
                }
            }
            let rows = complete(&target, &places, incoming, &shown, given)?;
            let out = Output::new(given, &target, output, &["inserted"])?;
            let mut touched = Touched { columns: out.columns.clone(), rows: Vec::new(), count: 0 };
            let own = tables.table_mut(&table.name).ok_or_else(|| SqlError::unknown_object(table.text()))?;
            for row in rows {
                out.push(&row, None, &mut touched.rows)?;
                own.insert(row, "INSERT", database)?;
                touched.count += 1;
            }
            Ok(touched)
        })
        .await
    }

    /// CREATE, DROP, TRUNCATE.
    pub async fn define(&mut self, kind: &Kind) -> Outcome {
        match kind {
            Kind::CreateTable { name, columns, primary_key, key_name } => {
                let (id, now) = (self.connected.shared.server.next_object(), self.connected.shared.server.now());
                self.with_tables(name, Right::Define("CREATE TABLE"), |tables, _, _| {
                    if tables.table(&name.name).is_some() {
                        return Err(SqlError::object_exists(&name.name));
                    }
                    tables.add(created(id, now, name, columns, primary_key, key_name.as_deref())?);
                    Ok(())
                })
                .await?;
            }
            Kind::CreateIndex { name, table, columns } => {
                // Reads go through the rows either way; what is named must be there.
                self.with_tables(table, Right::Define("CREATE INDEX"), |tables, _, _| {
                    let found = tables.table(&table.name).ok_or_else(|| SqlError::unknown_object(table.text()))?;
                    match columns.iter().find(|column| found.column(column).is_none()) {
                        Some(missing) => Err(SqlError::new(
                            1911,
                            16,
                            format!(
                                "Column name '{missing}' does not exist in the target table or view (index '{name}')."
                            ),
                        )),
                        None => Ok(()),
                    }
                })
                .await?;
            }
            Kind::DropTable { names, if_exists } => {
                for name in names {
                    self.with_tables(name, Right::Define("DROP TABLE"), |tables, _, _| {
                        if tables.remove(&name.name) || *if_exists {
                            Ok(())
                        } else {
                            Err(SqlError::cannot_drop(name.text()).state(5))
                        }
                    })
                    .await?;
                }
            }
            Kind::Truncate(name) => {
                self.with_tables(name, Right::Define("TRUNCATE TABLE"), |tables, _, _| {
                    tables.table_mut(&name.name).map(Table::truncate).ok_or_else(|| SqlError::cannot_find(name.text()))
                })
                .await?;
            }
            _ => {}
        }
        self.note_transaction().await;
        self.done(0xC6, None);
        Ok(Flow::Next)
    }
}

fn value_count(more_values: bool) -> SqlError {
    if more_values {
        SqlError::new(
            110,
            15,
            "There are fewer columns in the INSERT statement than values specified in the VALUES clause. The number of values in the VALUES clause must match the number of columns specified in the INSERT statement.",
        )
    } else {
        SqlError::new(
            109,
            15,
            "There are more columns in the INSERT statement than values specified in the VALUES clause. The number of values in the VALUES clause must match the number of columns specified in the INSERT statement.",
        )
    }
}

/// Which columns of the table the values are for.
fn places(table: &Table, columns: &[String], takes_identity: bool) -> Result<Vec<usize>, SqlError> {
    if columns.is_empty() {
        let wanted = |column: &Column| column.identity.is_none() || takes_identity;
        return Ok(table
            .columns
            .iter()
            .enumerate()
            .filter(|(_, column)| wanted(column))
            .map(|(place, _)| place)
            .collect());
    }
    let mut places = Vec::new();
    for name in columns {
        let place = table.column(name).ok_or_else(|| SqlError::unknown_column(name))?;
        if table.columns.get(place).is_some_and(|column| column.identity.is_some()) && !takes_identity {
            return Err(SqlError::identity_insert(&table.name));
        }
        if places.contains(&place) {
            return Err(SqlError::new(
                264,
                16,
                format!(
                    "The column name '{name}' is specified more than once in the SET clause or column list of an INSERT."
                ),
            ));
        }
        places.push(place);
    }
    Ok(places)
}

/// Whole rows of the table: identities counted up, defaults filled in, every value of its column's type.
fn complete(
    table: &Table,
    places: &[usize],
    incoming: Vec<Vec<Option<(Value, SqlType)>>>,
    shown: &str,
    given: &mut Given<'_>,
) -> Result<Vec<Row>, SqlError> {
    let mut rows = Vec::with_capacity(incoming.len());
    for values in incoming {
        let mut by_place: Vec<Option<(Value, SqlType)>> = vec![None; table.columns.len()];
        for (place, value) in places.iter().zip(values) {
            if let Some(slot) = by_place.get_mut(*place) {
                *slot = value;
            }
        }
        let mut row = Vec::with_capacity(table.columns.len());
        for (column, value) in table.columns.iter().zip(by_place) {
            row.push(match (value, &column.identity, &column.default) {
                (Some((value, ty)), identity, _) => {
                    let value = stored(&value, ty, column, shown)?;
                    if let (Some(identity), Some(n)) = (identity, value.as_int()) {
                        identity.passed(n);
                        given.identity = Some(n);
                    }
                    value
                }
                (None, Some(identity), _) => {
                    let n = identity.take();
                    given.identity = Some(n);
                    stored(&Value::Int(n), SqlType::BigInt, column, shown)?
                }
                (None, None, Some(default)) => {
                    let (value, ty) = given.default(default)?;
                    stored(&value, ty, column, shown)?
                }
                (None, None, None) => Value::Null,
            });
        }
        rows.push(row.into());
    }
    Ok(rows)
}

/// Rows of bulk load: typed values for some columns of the table.
pub fn complete_bulk(
    table: &Table,
    places: &[usize],
    rows: Vec<Vec<(Value, SqlType)>>,
    shown: &str,
    given: &mut Given<'_>,
) -> Result<Vec<Row>, SqlError> {
    let incoming = rows.into_iter().map(|row| row.into_iter().map(Some).collect()).collect();
    complete(table, places, incoming, shown, given)
}

fn scope_columns<'t>(table: &'t Table, alias: &'t str) -> impl Iterator<Item = ScopeColumn> + 't {
    table.columns.iter().map(move |column| ScopeColumn {
        table: Some(alias.to_owned()),
        name: column.name.clone(),
        ty: column.ty,
        nullable: column.nullable,
        identity: column.identity.is_some(),
        stored: true,
    })
}

/// OUTPUT: expressions over `inserted` and `deleted`.
struct Output {
    values: Vec<Bound>,
    columns: Vec<OutColumn>,
}

impl Output {
    fn new(given: &Given<'_>, table: &Table, items: &[Item], sides: &[&str]) -> Result<Self, SqlError> {
        let mut output = Self { values: Vec::new(), columns: Vec::new() };
        if items.is_empty() {
            return Ok(output);
        }
        let scope = Scope { columns: sides.iter().flat_map(|side| scope_columns(table, side)).collect() };
        let binder = Binder::new(given.world, &scope);
        for item in items {
            let written: Vec<(Expr, String)> = match item {
                Item::All(Some(side)) => table
                    .columns
                    .iter()
                    .map(|column| (Expr::Column(vec![side.clone(), column.name.clone()]), column.name.clone()))
                    .collect(),
                Item::Column { value, alias } => {
                    let name = match (alias, value) {
                        (Some(alias), _) => alias.clone(),
                        (None, Expr::Column(parts)) => parts.last().cloned().unwrap_or_default(),
                        _ => String::new(),
                    };
                    vec![(value.clone(), name)]
                }
                _ => return Err(SqlError::syntax("OUTPUT")),
            };
            for (value, name) in written {
                let bound = binder.scalar(&value)?;
                output.columns.push(OutColumn { name, ty: bound.ty, nullable: true, identity: false, stored: false });
                output.values.push(bound);
            }
        }
        Ok(output)
    }

    fn push(&self, first: &Row, second: Option<&Row>, rows: &mut Vec<Row>) -> Result<(), SqlError> {
        if self.values.is_empty() {
            return Ok(());
        }
        let both: Vec<Value> = first.iter().chain(second.into_iter().flat_map(|row| row.iter())).cloned().collect();
        rows.push(self.values.iter().map(|value| value.eval(&both, &None)).collect::<Result<_, _>>()?);
        Ok(())
    }
}

/// The table that UPDATE and DELETE mean, and the name that their expressions call it by.
fn target(table: &ObjectName, from: Option<&From>) -> Result<(ObjectName, String), SqlError> {
    match from {
        None => Ok((table.clone(), table.name.clone())),
        Some(From::Table { name, alias }) => {
            let alias = alias.clone().unwrap_or_else(|| name.name.clone());
            if same_name(&table.name, &alias) || same_name(&table.name, &name.name) {
                Ok((name.clone(), alias))
            } else {
                Err(SqlError::unsupported("UPDATE and DELETE over several tables"))
            }
        }
        Some(_) => Err(SqlError::unsupported("UPDATE and DELETE over several tables")),
    }
}

fn limit(given: &Given<'_>, top: Option<&Expr>) -> Result<u64, SqlError> {
    let Some(top) = top else { return Ok(u64::MAX) };
    let (value, _) = given.default(top)?;
    value.as_int().and_then(|n| u64::try_from(n).ok()).ok_or_else(SqlError::bad_count)
}

#[allow(clippy::too_many_arguments, reason = "the clauses of one statement")]
fn update(
    tables: &mut Tables,
    database: &str,
    given: &mut Given<'_>,
    target: &(ObjectName, String),
    top: Option<&Expr>,
    set: &[(String, Option<Expr>)],
    output: &[Item],
    filter: Option<&Expr>,
) -> Result<Touched, SqlError> {
    let (name, alias) = target;
    let table = tables.table(&name.name).cloned().ok_or_else(|| SqlError::unknown_object(name.text()))?;
    let scope = Scope { columns: scope_columns(&table, alias).collect() };
    let binder = Binder::new(given.world, &scope);
    let filter = filter.map(|filter| binder.predicate(filter)).transpose()?;
    let mut changes: Vec<(usize, Bound)> = Vec::new();
    for (column, value) in set {
        let place = table.column(column).ok_or_else(|| SqlError::unknown_column(column))?;
        let definition = table.columns.get(place);
        if definition.is_some_and(|column| column.identity.is_some()) {
            return Err(SqlError::new(8102, 16, format!("Cannot update identity column '{column}'.")));
        }
        let null = Expr::Literal(Value::Null, SqlType::Int);
        let value = value.as_ref().or(definition.and_then(|column| column.default.as_ref())).unwrap_or(&null);
        changes.push((place, binder.scalar(value)?));
    }
    let out = Output::new(given, &table, output, &["inserted", "deleted"])?;
    let most = limit(given, top)?;
    let mut touched = Touched { columns: out.columns.clone(), rows: Vec::new(), count: 0 };
    let shown = format!("{database}.dbo.{}", table.name);
    let own = tables.table_mut(&name.name).ok_or_else(|| SqlError::unknown_object(name.text()))?;
    own.change::<SqlError>(database, |row| {
        if touched.count >= most
            || !filter.as_ref().map_or(Ok(true), |filter| filter.eval(row, &None).map(|value| value.is_true()))?
        {
            return Ok(None);
        }
        let mut new: Vec<Value> = row.to_vec();
        for (place, value) in &changes {
            if let (Some(slot), Some(column)) = (new.get_mut(*place), table.columns.get(*place)) {
                *slot = stored(&value.eval(row, &None)?, value.ty, column, &shown)?;
            }
        }
        let new: Row = new.into();
        out.push(&new, Some(row), &mut touched.rows)?;
        touched.count += 1;
        Ok(Some(Some(new)))
    })?;
    Ok(touched)
}

fn delete(
    tables: &mut Tables,
    database: &str,
    given: &mut Given<'_>,
    target: &(ObjectName, String),
    top: Option<&Expr>,
    output: &[Item],
    filter: Option<&Expr>,
) -> Result<Touched, SqlError> {
    let (name, alias) = target;
    let table = tables.table(&name.name).cloned().ok_or_else(|| SqlError::unknown_object(name.text()))?;
    let scope = Scope { columns: scope_columns(&table, alias).collect() };
    let filter = filter.map(|filter| Binder::new(given.world, &scope).predicate(filter)).transpose()?;
    let out = Output::new(given, &table, output, &["deleted"])?;
    let most = limit(given, top)?;
    let mut touched = Touched { columns: out.columns.clone(), rows: Vec::new(), count: 0 };
    let own = tables.table_mut(&name.name).ok_or_else(|| SqlError::unknown_object(name.text()))?;
    own.change::<SqlError>(database, |row| {
        if touched.count >= most
            || !filter.as_ref().map_or(Ok(true), |filter| filter.eval(row, &None).map(|value| value.is_true()))?
        {
            return Ok(None);
        }
        out.push(row, None, &mut touched.rows)?;
        touched.count += 1;
        Ok(Some(None))
    })?;
    Ok(touched)
}

/// A new table as its definition says.
pub fn created(
    id: i32,
    now: i64,
    name: &ObjectName,
    columns: &[ColumnDefinition],
    primary_key: &[String],
    key_name: Option<&str>,
) -> Result<Table, SqlError> {
    let in_key = |column: &str| primary_key.iter().any(|key| same_name(key, column));
    let mut made: Vec<Column> = Vec::new();
    for column in columns {
        if made.iter().any(|known| same_name(&known.name, &column.name)) {
            return Err(SqlError::new(
                2705,
                16,
                format!(
                    "Column names in each table must be unique. Column name '{}' in table '{}' is specified more than once.",
                    column.name, name.name
                ),
            ));
        }
        if in_key(&column.name) && column.nullable == Some(true) {
            return Err(SqlError::new(
                8111,
                16,
                format!("Cannot define PRIMARY KEY constraint on nullable column in table '{}'.", name.name),
            ));
        }
        made.push(Column {
            name: column.name.clone(),
            ty: column.ty,
            nullable: column.nullable.unwrap_or(true) && !in_key(&column.name) && column.identity.is_none(),
            default: column.default.clone(),
            identity: column
                .identity
                .map(|(seed, increment)| Identity::new(seed, if increment == 0 { 1 } else { increment })),
        });
    }
    let key = if primary_key.is_empty() {
        None
    } else {
        let place = |key: &String| {
            made.iter().position(|column| same_name(&column.name, key)).ok_or_else(|| {
                SqlError::new(1911, 16, format!("Column name '{key}' does not exist in the target table or view."))
            })
        };
        let columns = primary_key.iter().map(place).collect::<Result<_, _>>()?;
        Some(PrimaryKey {
            name: key_name.map_or_else(|| format!("PK__{}__{id:08X}", name.name), str::to_owned),
            columns,
        })
    };
    Ok(Table::new(id, name.name.clone(), made, key, now))
}
