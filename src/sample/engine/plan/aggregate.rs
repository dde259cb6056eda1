//! GROUP BY and aggregates: what a grouped query may name, and what its functions gather.

use super::super::ast::Expr;
use super::super::bound::{Bound, Kind};
use super::super::error::SqlError;
use super::super::types::{Family, MAX, SqlType};
use super::expression::Binder;

/// What an aggregate does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names are T-SQL's")]
pub enum AggregateKind {
    CountAll,
    Count,
    Sum,
    Min,
    Max,
    Avg,
    StringAgg,
    ChecksumAgg,
}

/// An aggregate of a grouped query.
#[derive(Debug, Clone, PartialEq)]
pub struct Aggregate {
    /// What it does.
    pub kind: AggregateKind,
    /// With what.
    pub argument: Option<Bound>,
    /// Between the texts of STRING_AGG.
    pub separator: Option<Bound>,
    /// DISTINCT.
    pub distinct: bool,
    /// The type of its result.
    pub ty: SqlType,
}

/// The groups and aggregates of a query.
#[derive(Debug, Default)]
pub struct Grouping {
    /// GROUP BY.
    pub groups: Vec<Bound>,
    /// The aggregates found so far.
    pub aggregates: Vec<Aggregate>,
}

/// Whether a function of this name is an aggregate.
pub fn is_aggregate(name: &str) -> bool {
    matches!(name, "count" | "count_big" | "sum" | "min" | "max" | "avg" | "string_agg" | "checksum_agg")
}

/// Whether there is an aggregate in an expression, outside of subqueries.
pub fn contains_aggregate(expr: &Expr) -> bool {
    match expr {
        Expr::Call { name, over, .. } if is_aggregate(name) && over.is_none() => true,
        Expr::Call { arguments, .. } => arguments.iter().any(contains_aggregate),
        Expr::Negate(inner) | Expr::BitNot(inner) | Expr::Not(inner) => contains_aggregate(inner),
        Expr::Binary(left, _, right) => contains_aggregate(left) || contains_aggregate(right),
        Expr::Cast { value, .. } | Expr::IsNull { value, .. } | Expr::InQuery { value, .. } => {
            contains_aggregate(value)
        }
        Expr::Like { value, pattern, .. } => contains_aggregate(value) || contains_aggregate(pattern),
        Expr::Between { value, low, high, .. } => [value, low, high].into_iter().any(|e| contains_aggregate(e)),
        Expr::In { value, list, .. } => contains_aggregate(value) || list.iter().any(contains_aggregate),
        Expr::Case { operand, branches, otherwise } => {
            operand.iter().chain(otherwise).any(|e| contains_aggregate(e))
                || branches.iter().any(|(when, then)| contains_aggregate(when) || contains_aggregate(then))
        }
        _ => false,
    }
}

/// Binds an expression of a grouped query: over its groups and aggregates.
pub fn bind_grouped(binder: &Binder<'_>, expr: &Expr) -> Result<Bound, SqlError> {
    let Some(grouping) = &binder.grouping else { return binder.bind_plain(expr) };
    if let Expr::Call { name, arguments, star, distinct, over: None } = expr
        && is_aggregate(name)
    {
        let aggregate = aggregate(binder, name, arguments, *star, *distinct)?;
        let mut grouping = grouping.borrow_mut();
        let ty = aggregate.ty;
        let place = match grouping.aggregates.iter().position(|known| *known == aggregate) {
            Some(place) => place,
            None => {
                grouping.aggregates.push(aggregate);
                grouping.aggregates.len() - 1
            }
        };
        let counts = matches!(name.as_str(), "count" | "count_big");
        return Ok(Bound { kind: Kind::Column(grouping.groups.len() + place), ty, nullable: !counts });
    }
    // The same as one of the groups, however it is written?
    if !matches!(expr, Expr::Literal(..) | Expr::Variable(_))
        && !contains_aggregate(expr)
        && let Ok(plain) = binder.ungrouped(expr)
    {
        let place = grouping.borrow().groups.iter().position(|group| *group == plain);
        if let Some(place) = place {
            return Ok(Bound { kind: Kind::Column(place), ty: plain.ty, nullable: plain.nullable });
        }
        if let (Expr::Column(parts), Kind::Column(_)) = (expr, &plain.kind) {
            return Err(SqlError::not_grouped(parts.join(".")));
        }
    }
    binder.bind_plain(expr)
}

fn aggregate(
    binder: &Binder<'_>,
    name: &str,
    arguments: &[Expr],
    star: bool,
    distinct: bool,
) -> Result<Aggregate, SqlError> {
    if star {
        return match name {
            "count" => Ok(Aggregate {
                kind: AggregateKind::CountAll,
                argument: None,
                separator: None,
                distinct: false,
                ty: SqlType::Int,
            }),
            "count_big" => Ok(Aggregate {
                kind: AggregateKind::CountAll,
                argument: None,
                separator: None,
                distinct: false,
                ty: SqlType::BigInt,
            }),
            _ => Err(SqlError::syntax("*")),
        };
    }
    let (argument, separator) = match (name, arguments) {
        ("string_agg", [argument, separator]) => (argument, Some(binder.ungrouped(separator)?)),
        ("string_agg", _) => return Err(SqlError::argument_count(name, 2)),
        (_, [argument]) => (argument, None),
        _ => return Err(SqlError::argument_count(name, 1)),
    };
    let argument = binder.ungrouped(argument)?;
    let family = argument.ty.family();
    let refused = || SqlError::bad_operand(argument.ty, name);
    let summable = matches!(family, Family::Integer | Family::Float | Family::Decimal) && argument.ty != SqlType::Bit;
    let (kind, ty) = match name {
        "count" => (AggregateKind::Count, SqlType::Int),
        "count_big" => (AggregateKind::Count, SqlType::BigInt),
        "min" | "max" if argument.ty == SqlType::Bit => return Err(refused()),
        "min" => (AggregateKind::Min, argument.ty),
        "max" => (AggregateKind::Max, argument.ty),
        "string_agg" => {
            (AggregateKind::StringAgg, SqlType::NVarChar(if argument.ty.length() == MAX { MAX } else { 4000 }))
        }
        "checksum_agg" if family == Family::Integer => (AggregateKind::ChecksumAgg, SqlType::Int),
        _ if !summable => return Err(refused()),
        _ => {
            let kind = if name == "sum" { AggregateKind::Sum } else { AggregateKind::Avg };
            let ty = match argument.ty {
                SqlType::TinyInt | SqlType::SmallInt => SqlType::Int,
                SqlType::Real => SqlType::Float,
                SqlType::SmallMoney => SqlType::Money,
                SqlType::Decimal { scale, .. } if kind == AggregateKind::Avg => {
                    SqlType::Decimal { precision: 38, scale: scale.max(6) }
                }
                SqlType::Decimal { scale, .. } => SqlType::Decimal { precision: 38, scale },
                other => other,
            };
            (kind, ty)
        }
    };
    let wanted = if kind == AggregateKind::Count { argument.ty } else { ty };
    let argument = if kind == AggregateKind::StringAgg {
        argument.cast_to(SqlType::NVarChar(MAX))
    } else {
        argument.cast_to(wanted)
    };
    Ok(Aggregate { kind, argument: Some(argument), separator, distinct, ty })
}
