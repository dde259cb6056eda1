//! Queries as plans: every name resolved, every type known before the first row.

mod aggregate;
mod expression;
mod from;
mod query;
mod scope;

use std::sync::Arc;

pub use aggregate::{Aggregate, AggregateKind};
pub use expression::Binder;
pub use scope::{Scope, ScopeColumn};

use super::ast::{Combine, Expr, Join, Query};
use super::bound::Bound;
use super::error::SqlError;
use super::storage::Table;
use super::types::SqlType;
use super::world::World;

/// A column of a result.
#[derive(Debug, Clone, PartialEq)]
pub struct OutColumn {
    /// Its name; may be empty.
    pub name: String,
    /// Its type.
    pub ty: SqlType,
    /// Whether it can be NULL.
    pub nullable: bool,
    /// Whether it is an identity column as it stands in its table.
    pub identity: bool,
    /// Whether it is a column as it stands in its table.
    pub stored: bool,
}

/// How rows come about.
#[derive(Debug)]
#[allow(missing_docs, reason = "the names say it")]
pub enum Plan {
    /// One row without columns.
    One,
    Scan(Arc<Table>),
    Rows(Vec<Vec<Bound>>),
    Series {
        start: Bound,
        stop: Bound,
        step: Bound,
    },
    Filter(Arc<Plan>, Bound),
    Project(Arc<Plan>, Vec<Bound>),
    Join {
        left: Arc<Plan>,
        right: Arc<Plan>,
        kind: Join,
        on: Option<Bound>,
        widths: (usize, usize),
    },
    Aggregate {
        input: Arc<Plan>,
        groups: Vec<Bound>,
        aggregates: Vec<Aggregate>,
    },
    Sort(Arc<Plan>, Vec<(Bound, bool)>),
    /// Numbers the rows of its input, in the last column.
    Number(Arc<Plan>),
    Distinct(Arc<Plan>),
    Slice {
        input: Arc<Plan>,
        skip: u64,
        take: Option<u64>,
    },
    Combined {
        left: Arc<Plan>,
        how: Combine,
        right: Arc<Plan>,
    },
}

/// A query that is ready to run.
#[derive(Debug, Clone)]
pub struct Planned {
    /// What it does.
    pub plan: Arc<Plan>,
    /// What it gives.
    pub columns: Vec<OutColumn>,
    /// For a SELECT that assigns: the variable that each column goes to.
    pub assigned: Vec<String>,
    /// Whether what it assigns looks at what the rows before assigned: such values are bound to the row around, which
    /// holds the variables.
    pub gathers: bool,
}

/// Plans a query.
pub fn plan(world: &World, query: &Query) -> Result<Planned, SqlError> {
    query::Planner::new(world).query(query, None)
}

/// Binds an expression that stands alone.
pub fn scalar(world: &World, expr: &Expr) -> Result<Bound, SqlError> {
    let scope = Scope::default();
    Binder::new(world, &scope).scalar(expr)
}

/// Binds a condition that stands alone.
pub fn condition(world: &World, expr: &Expr) -> Result<Bound, SqlError> {
    let scope = Scope::default();
    Binder::new(world, &scope).predicate(expr)
}
