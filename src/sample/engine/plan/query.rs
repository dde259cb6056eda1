//! SELECT as a plan.

use std::cell::RefCell;
use std::sync::Arc;

use super::super::ast::{Body, Combine, Expr, Item, Order, Query, Select};
use super::super::bound::{Bound, Kind};
use super::super::error::SqlError;
use super::super::storage::same_name;
use super::super::types::SqlType;
use super::super::value::Value;
use super::super::world::World;
use super::aggregate::{Grouping, contains_aggregate};
use super::expression::Binder;
use super::scope::{Around, Scope, ScopeColumn};
use super::{OutColumn, Plan, Planned};

/// The name of the column that ROW_NUMBER() is bound to: none that a user could write.
const ROW_NUMBER: &str = "\u{1}row_number";

/// Plans the queries of one statement.
pub struct Planner<'a> {
    pub(super) world: &'a World,
    common: RefCell<Vec<(String, Vec<String>, Query)>>,
}

impl<'a> Planner<'a> {
    /// For a statement in this world.
    pub fn new(world: &'a World) -> Self {
        Self { world, common: RefCell::default() }
    }

    /// Plans a query.
    pub fn query(&self, query: &Query, around: Option<&Around<'_>>) -> Result<Planned, SqlError> {
        let before = self.common.borrow().len();
        self.common.borrow_mut().extend(query.with.iter().cloned());
        let planned = self.ordered(query, around);
        self.common.borrow_mut().truncate(before);
        planned
    }

    /// The common table expression of this name. It sees those before it, and not itself.
    pub(super) fn common_table(&self, name: &str) -> Result<Option<Planned>, SqlError> {
        let (before, (_, columns, query)) = {
            let common = self.common.borrow();
            let Some(place) = common.iter().rposition(|(known, ..)| same_name(known, name)) else { return Ok(None) };
            let Some(found) = common.get(place).cloned() else { return Ok(None) };
            (common.get(..place).unwrap_or_default().to_vec(), found)
        };
        let planner = Planner { world: self.world, common: RefCell::new(before) };
        let mut planned = planner.query(&query, None)?;
        if !columns.is_empty() {
            let scope = super::from::named(std::mem::take(&mut planned.columns), name, &columns)?;
            planned.columns = scope.columns.into_iter().map(out_column).collect();
        }
        Ok(Some(planned))
    }

    fn ordered(&self, query: &Query, around: Option<&Around<'_>>) -> Result<Planned, SqlError> {
        let (skip, take) = (self.count(query.offset.as_ref())?, self.count(query.fetch.as_ref())?);
        let mut planned = match &query.body {
            Body::Select(select) => self.select(select, &query.order, around)?,
            combined @ Body::Combined { .. } => {
                let mut planned = self.combined(combined, around)?;
                if !query.order.is_empty() {
                    let scope = scope_of(&planned.columns);
                    let binder = Binder::within(self, &scope, around);
                    let by = query
                        .order
                        .iter()
                        .map(|order| order_by_output(&binder, order, &planned.columns))
                        .collect::<Result<_, _>>()?;
                    planned.plan = Arc::new(Plan::Sort(planned.plan, by));
                }
                planned
            }
        };
        if skip.is_some() || take.is_some() {
            planned.plan = Arc::new(Plan::Slice { input: planned.plan, skip: skip.unwrap_or(0), take });
        }
        Ok(planned)
    }

    /// The number behind TOP, OFFSET and FETCH.
    fn count(&self, expr: Option<&Expr>) -> Result<Option<u64>, SqlError> {
        let Some(expr) = expr else { return Ok(None) };
        let nothing = Scope::default();
        let value = Binder::new(self.world, &nothing).scalar(expr)?.cast_to(SqlType::BigInt).eval(&[], &None)?;
        value.as_int().and_then(|n| u64::try_from(n).ok()).map(Some).ok_or_else(SqlError::bad_count)
    }

    fn combined(&self, body: &Body, around: Option<&Around<'_>>) -> Result<Planned, SqlError> {
        let (left, how, right) = match body {
            Body::Select(select) => return self.select(select, &[], around),
            Body::Combined { left, how, right } => (self.combined(left, around)?, *how, self.combined(right, around)?),
        };
        if left.columns.len() != right.columns.len() {
            return Err(SqlError::union_width());
        }
        if !left.assigned.is_empty() || !right.assigned.is_empty() {
            return Err(SqlError::syntax("="));
        }
        let columns: Vec<OutColumn> = left
            .columns
            .iter()
            .zip(&right.columns)
            .map(|(a, b)| OutColumn {
                ty: a.ty.common(b.ty),
                nullable: a.nullable || b.nullable,
                identity: false,
                stored: false,
                name: a.name.clone(),
            })
            .collect();
        let (left, right) = (fitted(left, &columns), fitted(right, &columns));
        let mut plan = Arc::new(Plan::Combined { left, how, right });
        if how == Combine::Union {
            plan = Arc::new(Plan::Distinct(plan));
        }
        Ok(Planned { plan, columns, assigned: Vec::new(), gathers: false })
    }

    fn select(&self, select: &Select, order: &[Order], around: Option<&Around<'_>>) -> Result<Planned, SqlError> {
        let (mut input, mut scope) = match &select.from {
            Some(from) => self.from(from, around)?,
            None => (Arc::new(Plan::One), Scope::default()),
        };
        if let Some(filter) = &select.filter {
            input = Arc::new(Plan::Filter(input, Binder::within(self, &scope, around).predicate(filter)?));
        }
        let take = self.count(select.top.as_ref())?;
        let numbered = select.items.iter().find_map(|item| match item {
            Item::Column { value: Expr::Call { name, over: Some(order), .. }, .. } if name == "row_number" => {
                Some(order)
            }
            _ => None,
        });
        if let Some(by) = numbered {
            let binder = Binder::within(self, &scope, around);
            let by = by
                .iter()
                .map(|order| Ok((binder.scalar(&order.by)?, order.descending)))
                .collect::<Result<Vec<_>, SqlError>>()?;
            input = Arc::new(Plan::Number(Arc::new(Plan::Sort(input, by))));
            scope.columns.push(ScopeColumn {
                table: None,
                name: ROW_NUMBER.to_owned(),
                ty: SqlType::BigInt,
                nullable: false,
                identity: false,
                stored: false,
            });
        }
        let items = self.expand(select, &scope)?;
        let grouped = !select.group.is_empty()
            || select.having.is_some()
            || items.iter().any(|item| contains_aggregate(&item.value))
            || order.iter().any(|order| contains_aggregate(&order.by));
        let assigned = assigned(&select.items)?;
        let gathers = select.from.is_some()
            && items.iter().any(|item| assigned.iter().any(|variable| mentions(&item.value, variable)));
        if gathers && (select.top.is_some() || select.distinct) {
            return Err(SqlError::unsupported("TOP or DISTINCT in a SELECT that gathers its rows in a variable"));
        }
        let mut binder = Binder::within(self, &scope, around);
        if gathers {
            binder.live = &assigned;
        }
        if grouped {
            let groups = select.group.iter().map(|group| binder.scalar(group)).collect::<Result<_, _>>()?;
            binder.grouping = Some(RefCell::new(Grouping { groups, aggregates: Vec::new() }));
        }
        let mut bound = Vec::new();
        let mut columns = Vec::new();
        for item in &items {
            let value = binder.scalar(&item.value)?;
            let source = match (&value.kind, grouped) {
                (Kind::Column(place), false) => scope.columns.get(*place),
                _ => None,
            };
            columns.push(OutColumn {
                name: item.name.clone(),
                ty: value.ty,
                nullable: value.nullable,
                identity: source.is_some_and(|column| column.identity),
                stored: source.is_some_and(|column| column.stored),
            });
            bound.push(value);
        }
        let having = select.having.as_ref().map(|having| binder.predicate(having)).transpose()?;
        let mut sort = Vec::new();
        if !select.distinct {
            for order in order {
                sort.push((order_key(&binder, order, &items, &bound)?, order.descending));
            }
        }
        if let Some(grouping) = binder.grouping.take() {
            let Grouping { groups, aggregates } = grouping.into_inner();
            input = Arc::new(Plan::Aggregate { input, groups, aggregates });
        }
        if let Some(having) = having {
            input = Arc::new(Plan::Filter(input, having));
        }
        if !sort.is_empty() {
            input = Arc::new(Plan::Sort(input, sort));
        }
        let mut plan = Arc::new(Plan::Project(input, bound));
        if select.distinct {
            plan = Arc::new(Plan::Distinct(plan));
            if !order.is_empty() {
                let output = scope_of(&columns);
                let binder = Binder::within(self, &output, around);
                let by =
                    order.iter().map(|order| order_by_output(&binder, order, &columns)).collect::<Result<_, _>>()?;
                plan = Arc::new(Plan::Sort(plan, by));
            }
        }
        if take.is_some() {
            plan = Arc::new(Plan::Slice { input: plan, skip: 0, take });
        }
        Ok(Planned { plan, columns, assigned, gathers })
    }

    /// The select list with every `*` written out.
    fn expand(&self, select: &Select, scope: &Scope) -> Result<Vec<Named>, SqlError> {
        let mut items = Vec::new();
        for item in &select.items {
            match item {
                Item::All(qualifier) => {
                    if select.from.is_none() {
                        return Err(SqlError::star_without_from());
                    }
                    let before = items.len();
                    for column in scope.columns.iter().filter(|column| column.name != ROW_NUMBER) {
                        let table = column.table.clone().unwrap_or_default();
                        if qualifier.as_ref().is_none_or(|wanted| same_name(wanted, &table)) {
                            items.push(Named {
                                value: Expr::Column(vec![table, column.name.clone()]),
                                name: column.name.clone(),
                            });
                        }
                    }
                    if items.len() == before {
                        return Err(SqlError::new(
                            107,
                            15,
                            format!(
                                "The column prefix '{}' does not match with a table name or alias name used in the query.",
                                qualifier.as_deref().unwrap_or("*")
                            ),
                        ));
                    }
                }
                Item::Column { value, alias } => {
                    let numbered = matches!(value, Expr::Call { name, over: Some(_), .. } if name == "row_number");
                    let name = match (alias, value) {
                        (Some(alias), _) => alias.clone(),
                        (None, Expr::Column(parts)) => parts.last().cloned().unwrap_or_default(),
                        _ => String::new(),
                    };
                    let value = if numbered { Expr::Column(vec![ROW_NUMBER.to_owned()]) } else { value.clone() };
                    items.push(Named { value, name });
                }
                Item::Assign { variable, value } => {
                    self.world.variable(variable)?;
                    items.push(Named { value: value.clone(), name: String::new() });
                }
            }
        }
        Ok(items)
    }
}

/// A select item and its column's name.
struct Named {
    value: Expr,
    name: String,
}

fn assigned(items: &[Item]) -> Result<Vec<String>, SqlError> {
    let names: Vec<String> = items
        .iter()
        .filter_map(|item| match item {
            Item::Assign { variable, .. } => Some(variable.clone()),
            _ => None,
        })
        .collect();
    if !names.is_empty() && names.len() != items.len() {
        let text = "A SELECT statement that assigns a value to a variable must not be combined with data-retrieval operations.";
        return Err(SqlError::new(141, 15, text));
    }
    Ok(names)
}

fn mentions(expr: &Expr, variable: &str) -> bool {
    format!("{expr:?}").contains(&format!("Variable({variable:?})"))
}

/// What ORDER BY means: a position, an alias, or an expression over the input.
fn order_key(binder: &Binder<'_>, order: &Order, items: &[Named], bound: &[Bound]) -> Result<Bound, SqlError> {
    if let Expr::Literal(Value::Int(position), SqlType::Int) = &order.by {
        let place = usize::try_from(*position - 1).ok();
        return place.and_then(|place| bound.get(place)).cloned().ok_or_else(|| SqlError::order_position(position));
    }
    if let Expr::Column(parts) = &order.by
        && let [name] = parts.as_slice()
        && let Some(place) = items.iter().position(|item| same_name(&item.name, name))
        && let Some(value) = bound.get(place)
    {
        return Ok(value.clone());
    }
    binder.scalar(&order.by)
}

fn order_by_output(binder: &Binder<'_>, order: &Order, columns: &[OutColumn]) -> Result<(Bound, bool), SqlError> {
    if let Expr::Literal(Value::Int(position), SqlType::Int) = &order.by {
        let place = usize::try_from(*position - 1).ok().filter(|place| *place < columns.len());
        let place = place.ok_or_else(|| SqlError::order_position(position))?;
        let ty = columns.get(place).map_or(SqlType::Int, |column| column.ty);
        return Ok((Bound { kind: Kind::Column(place), ty, nullable: true }, order.descending));
    }
    let by = match &order.by {
        Expr::Column(parts) => Expr::Column(parts.last().cloned().into_iter().collect()),
        other => other.clone(),
    };
    Ok((binder.scalar(&by)?, order.descending))
}

fn scope_of(columns: &[OutColumn]) -> Scope {
    let column = |column: &OutColumn| ScopeColumn {
        table: None,
        name: column.name.clone(),
        ty: column.ty,
        nullable: column.nullable,
        identity: false,
        stored: false,
    };
    Scope { columns: columns.iter().map(column).collect() }
}

fn out_column(column: ScopeColumn) -> OutColumn {
    OutColumn {
        name: column.name,
        ty: column.ty,
        nullable: column.nullable,
        identity: column.identity,
        stored: column.stored,
    }
}

/// A query whose columns have these types.
fn fitted(planned: Planned, columns: &[OutColumn]) -> Arc<Plan> {
    if planned.columns.iter().zip(columns).all(|(own, wanted)| own.ty == wanted.ty) {
        return planned.plan;
    }
    let cast = planned.columns.iter().zip(columns).enumerate().map(|(place, (own, wanted))| {
        Bound { kind: Kind::Column(place), ty: own.ty, nullable: own.nullable }.cast_to(wanted.ty)
    });
    Arc::new(Plan::Project(planned.plan, cast.collect()))
}
