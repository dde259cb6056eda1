//! Binding: names become places, types meet, conditions and values are told apart.

use std::cell::{Cell, RefCell};
use std::sync::{Arc, OnceLock};

use super::super::arithmetic;
use super::super::ast::{Expr, Operator, Query};
use super::super::bound::{Bound, Kind, Subplan};
use super::super::error::SqlError;
use super::super::types::{Family, SqlType};
use super::super::value::Value;
use super::super::world::World;
use super::super::{functions, globals};
use super::aggregate::{self, Grouping};
use super::query::Planner;
use super::scope::{Around, Scope};

/// Expressions deeper than this are refused before they could exhaust the stack.
const DEEPEST: usize = 600;

/// Binds the expressions of one query.
pub struct Binder<'a> {
    world: &'a World,
    scope: &'a Scope,
    around: Option<&'a Around<'a>>,
    planner: Option<&'a Planner<'a>>,
    pub(super) grouping: Option<RefCell<Grouping>>,
    /// Variables that change from row to row; they stand in the row around.
    pub(super) live: &'a [String],
    depth: Cell<usize>,
}

impl<'a> Binder<'a> {
    /// For expressions over these columns.
    pub fn new(world: &'a World, scope: &'a Scope) -> Self {
        Self { world, scope, around: None, planner: None, grouping: None, live: &[], depth: Cell::new(0) }
    }

    /// The same inside a query.
    pub(super) fn within(planner: &'a Planner<'a>, scope: &'a Scope, around: Option<&'a Around<'a>>) -> Self {
        Self { around, planner: Some(planner), ..Self::new(planner.world, scope) }
    }

    /// An expression that is a value.
    pub fn scalar(&self, expr: &Expr) -> Result<Bound, SqlError> {
        if is_predicate(expr) {
            return Err(SqlError::syntax(operator_text(expr)));
        }
        self.bind(expr)
    }

    /// An expression that is a condition.
    pub fn predicate(&self, expr: &Expr) -> Result<Bound, SqlError> {
        if is_predicate(expr) { self.bind(expr) } else { Err(SqlError::not_a_condition(near(expr))) }
    }

    fn bind(&self, expr: &Expr) -> Result<Bound, SqlError> {
        if self.depth.get() >= DEEPEST {
            return Err(SqlError::too_deep());
        }
        self.depth.set(self.depth.get() + 1);
        let bound = match &self.grouping {
            Some(_) => aggregate::bind_grouped(self, expr),
            None => self.bind_plain(expr),
        };
        self.depth.set(self.depth.get() - 1);
        bound
    }

    /// Binds as if there were no grouping.
    pub(super) fn ungrouped(&self, expr: &Expr) -> Result<Bound, SqlError> {
        let plain = Self { grouping: None, depth: Cell::new(self.depth.get()), ..*self };
        plain.scalar(expr)
    }

    pub(super) fn bind_plain(&self, expr: &Expr) -> Result<Bound, SqlError> {
        match expr {
            Expr::Literal(value, ty) => Ok(Bound::constant(value.clone(), *ty)),
            Expr::Variable(name) => self.variable(name),
            Expr::Column(parts) => self.column(parts),
            Expr::Call { .. } => self.call(expr),
            Expr::Binary(left, operator, right) => self.binary(left, *operator, right),
            Expr::Cast { value, to, style, try_it } => self.cast(value, *to, style.as_deref(), *try_it),
            Expr::Case { operand, branches, otherwise } => {
                self.case(operand.as_deref(), branches, otherwise.as_deref())
            }
            Expr::Subquery(query) => self.subquery(query),
            Expr::Negate(inner) => self.negate(inner),
            Expr::BitNot(inner) => {
                let inner = self.scalar(inner)?;
                match inner.ty.family() {
                    Family::Integer => {
                        Ok(Bound { ty: inner.ty, nullable: inner.nullable, kind: Kind::BitNot(Box::new(inner)) })
                    }
                    _ => Err(SqlError::bad_operand(inner.ty, "'~'")),
                }
            }
            _ => self.bind_condition(expr),
        }
    }

    fn bind_condition(&self, expr: &Expr) -> Result<Bound, SqlError> {
        let maybe_not =
            |bound: Bound, negated: bool| if negated { Bound::condition(Kind::Not(Box::new(bound))) } else { bound };
        match expr {
            Expr::Not(inner) => Ok(Bound::condition(Kind::Not(Box::new(self.predicate(inner)?)))),
            Expr::IsNull { value, negated } => {
                Ok(maybe_not(Bound::condition(Kind::IsNull(Box::new(self.scalar(value)?))), *negated))
            }
            Expr::Between { value, low, high, negated } => {
                let value = self.scalar(value)?;
                let low = compare(Operator::GreaterEqual, value.clone(), self.scalar(low)?)?;
                let high = compare(Operator::LessEqual, value, self.scalar(high)?)?;
                Ok(maybe_not(Bound::condition(Kind::And(Box::new(low), Box::new(high))), *negated))
            }
            Expr::Like { value, pattern, escape, negated } => {
                let text = |bound: Bound| {
                    if bound.ty.family() == Family::Text { bound } else { bound.cast_to(SqlType::NVarChar(4000)) }
                };
                let (value, pattern) = (text(self.scalar(value)?), text(self.scalar(pattern)?));
                let escape = match escape {
                    None => None,
                    Some(escape) => {
                        self.scalar(escape)?.eval(&[], &None)?.as_text().and_then(|text| text.chars().next())
                    }
                };
                Ok(maybe_not(
                    Bound::condition(Kind::Like { value: Box::new(value), pattern: Box::new(pattern), escape }),
                    *negated,
                ))
            }
            Expr::In { value, list, negated } => {
                let value = self.scalar(value)?;
                let list: Vec<Bound> = list.iter().map(|item| self.scalar(item)).collect::<Result<_, _>>()?;
                let common = common_of(list.iter().chain([&value]));
                let list = list.into_iter().map(|item| item.cast_to(common)).collect();
                Ok(maybe_not(Bound::condition(Kind::In { value: Box::new(value.cast_to(common)), list }), *negated))
            }
            Expr::InQuery { value, query, negated } => {
                let value = self.scalar(value)?;
                let (mut subplan, columns) = self.subplan(query)?;
                let [(ty, _)] = columns.as_slice() else { return Err(SqlError::many_columns()) };
                let common = value.ty.common(*ty);
                if common != *ty {
                    let column = Bound { kind: Kind::Column(0), ty: *ty, nullable: true }.cast_to(common);
                    subplan.plan = Arc::new(super::Plan::Project(Arc::clone(&subplan.plan), vec![column]));
                }
                Ok(maybe_not(Bound::condition(Kind::InQuery(Box::new(value.cast_to(common)), subplan)), *negated))
            }
            Expr::Exists(query) => Ok(Bound::condition(Kind::Exists(self.subplan(query)?.0))),
            _ => Err(SqlError::not_a_condition(near(expr))),
        }
    }

    fn variable(&self, name: &str) -> Result<Bound, SqlError> {
        if name.starts_with("@@") {
            return globals::global(self.world, name).ok_or_else(|| SqlError::undeclared(name));
        }
        let (ty, value) = self.world.variable(name)?;
        if let Some(place) = self.live.iter().position(|live| live == name) {
            return Ok(Bound { kind: Kind::Outer(1, place), ty: *ty, nullable: true });
        }
        Ok(Bound { nullable: true, ..Bound::constant(value.clone(), *ty) })
    }

    fn column(&self, parts: &[String]) -> Result<Bound, SqlError> {
        if let Some(place) = self.scope.find(parts)?
            && let Some(column) = self.scope.columns.get(place)
        {
            return Ok(Bound { kind: Kind::Column(place), ty: column.ty, nullable: column.nullable });
        }
        if let Some(around) = self.around
            && let Some((level, column, place)) = around.find(parts)?
        {
            return Ok(Bound { kind: Kind::Outer(level, place), ty: column.ty, nullable: column.nullable });
        }
        match parts {
            [name] => Err(SqlError::unknown_column(name)),
            _ => {
                let known = parts.iter().rev().nth(1).is_some_and(|table| {
                    self.scope
                        .columns
                        .iter()
                        .any(|c| c.table.as_ref().is_some_and(|t| super::super::storage::same_name(t, table)))
                });
                Err(if known {
                    SqlError::unknown_column(parts.last().map_or("", String::as_str))
                } else {
                    SqlError::unbound(parts.join("."))
                })
            }
        }
    }

    fn call(&self, expr: &Expr) -> Result<Bound, SqlError> {
        let Expr::Call { name, arguments, star, over, .. } = expr else { return Err(SqlError::syntax("")) };
        if over.is_some() {
            return Err(SqlError::unsupported(format!("The window function {}", name.to_uppercase())));
        }
        if aggregate::is_aggregate(name) {
            return Err(SqlError::new(
                147,
                15,
                "An aggregate may not appear in the WHERE clause unless it is in a subquery contained in a HAVING clause or a select list, and the column being aggregated is an outer reference.",
            ));
        }
        if *star {
            return Err(SqlError::syntax("*"));
        }
        if name == "iif" {
            let [condition, then, otherwise] = arguments.as_slice() else {
                return Err(SqlError::argument_count(name, 3));
            };
            return self.case(None, &[(condition.clone(), then.clone())], Some(otherwise));
        }
        let bound: Vec<Bound> = arguments.iter().map(|argument| self.scalar(argument)).collect::<Result<_, _>>()?;
        if let Some(constant) = globals::function(self.world, name, &bound)? {
            return Ok(constant);
        }
        functions::bind(name, bound)
    }

    fn binary(&self, left: &Expr, operator: Operator, right: &Expr) -> Result<Bound, SqlError> {
        if matches!(operator, Operator::And | Operator::Or) {
            let (left, right) = (Box::new(self.predicate(left)?), Box::new(self.predicate(right)?));
            return Ok(Bound::condition(if operator == Operator::And {
                Kind::And(left, right)
            } else {
                Kind::Or(left, right)
            }));
        }
        let (left, right) = (self.scalar(left)?, self.scalar(right)?);
        if operator.compares() {
            return compare(operator, left, right);
        }
        let (mut lt, mut rt) = (exact_literal(&left, right.ty), exact_literal(&right, left.ty));
        if left.is_null_constant() {
            lt = rt;
        }
        if right.is_null_constant() {
            rt = lt;
        }
        let (to_left, to_right, ty) = arithmetic::types(operator, lt, rt)?;
        let nullable = left.nullable || right.nullable;
        let (left, right) = (Box::new(left.cast_to(to_left)), Box::new(right.cast_to(to_right)));
        Ok(Bound { kind: Kind::Arithmetic(operator, left, right), ty, nullable })
    }

    fn negate(&self, inner: &Expr) -> Result<Bound, SqlError> {
        let zero = Expr::Literal(Value::Int(0), SqlType::TinyInt);
        self.binary(&zero, Operator::Subtract, inner)
    }

    fn cast(&self, value: &Expr, to: SqlType, style: Option<&Expr>, try_it: bool) -> Result<Bound, SqlError> {
        let value = self.scalar(value)?;
        let style = match style {
            None => 0,
            Some(style) => self.scalar(style)?.cast_to(SqlType::Int).eval(&[], &None)?.as_int().unwrap_or(0),
        };
        if value.is_null_constant() {
            return Ok(Bound::constant(Value::Null, to));
        }
        Ok(Bound {
            nullable: value.nullable || try_it,
            kind: Kind::Cast { value: Box::new(value), style, try_it },
            ty: to,
        })
    }

    fn case(
        &self,
        operand: Option<&Expr>,
        branches: &[(Expr, Expr)],
        otherwise: Option<&Expr>,
    ) -> Result<Bound, SqlError> {
        let operand = operand.map(|operand| self.scalar(operand)).transpose()?;
        let mut bound = Vec::new();
        for (when, then) in branches {
            let condition = match &operand {
                Some(operand) => compare(Operator::Equal, operand.clone(), self.scalar(when)?)?,
                None => self.predicate(when)?,
            };
            bound.push((condition, self.scalar(then)?));
        }
        let otherwise = otherwise.map(|otherwise| self.scalar(otherwise)).transpose()?;
        let ty = common_of(bound.iter().map(|(_, value)| value).chain(&otherwise));
        let nullable = otherwise.as_ref().is_none_or(|o| o.nullable) || bound.iter().any(|(_, value)| value.nullable);
        let branches = bound.into_iter().map(|(condition, value)| (condition, value.cast_to(ty))).collect();
        Ok(Bound { kind: Kind::Case { branches, otherwise: otherwise.map(|o| Box::new(o.cast_to(ty))) }, ty, nullable })
    }

    fn subquery(&self, query: &Query) -> Result<Bound, SqlError> {
        let (subplan, columns) = self.subplan(query)?;
        let [(ty, _)] = columns.as_slice() else { return Err(SqlError::many_columns()) };
        Ok(Bound { kind: Kind::Scalar(subplan), ty: *ty, nullable: true })
    }

    fn subplan(&self, query: &Query) -> Result<(Subplan, Vec<(SqlType, bool)>), SqlError> {
        let around = Around { scope: self.scope, around: self.around, used: Cell::new(false) };
        let own;
        let planner = match self.planner {
            Some(planner) => planner,
            None => {
                own = Planner::new(self.world);
                &own
            }
        };
        let planned = planner.query(query, Some(&around))?;
        let correlated = around.used.get();
        if correlated && self.grouping.is_some() {
            return Err(SqlError::unsupported("A subquery that looks at its surroundings in a grouped query"));
        }
        let columns = planned.columns.iter().map(|column| (column.ty, column.nullable)).collect();
        Ok((Subplan { plan: planned.plan, correlated, ran: Arc::new(OnceLock::new()) }, columns))
    }
}

/// The type that all of them can be; those written as NULL have no say.
pub(super) fn common_of<'b>(bounds: impl IntoIterator<Item = &'b Bound>) -> SqlType {
    bounds
        .into_iter()
        .filter(|bound| !bound.is_null_constant())
        .map(|bound| bound.ty)
        .reduce(SqlType::common)
        .unwrap_or(SqlType::Int)
}

fn compare(operator: Operator, left: Bound, right: Bound) -> Result<Bound, SqlError> {
    let common = common_of([&left, &right]);
    let incompatible = |a: SqlType, b: SqlType| {
        matches!(
            (a.family(), b.family()),
            (
                Family::Guid,
                Family::Integer | Family::Float | Family::Decimal | Family::Date | Family::Time | Family::DateTime
            )
        ) || matches!(
            (a.family(), b.family()),
            (Family::Date | Family::Time, Family::Integer | Family::Float | Family::Decimal)
        )
    };
    if incompatible(left.ty, right.ty) || incompatible(right.ty, left.ty) {
        return Err(SqlError::clash(left.ty, right.ty));
    }
    Ok(Bound::condition(Kind::Compare(operator, Box::new(left.cast_to(common)), Box::new(right.cast_to(common)))))
}

/// The type of an operand; a whole number that is written beside an exact one is as precise as it has digits.
fn exact_literal(bound: &Bound, beside: SqlType) -> SqlType {
    match (&bound.kind, beside) {
        (Kind::Const(Value::Int(n)), SqlType::Decimal { .. }) => {
            let digits = n.unsigned_abs().checked_ilog10().unwrap_or(0) + 1;
            SqlType::Decimal { precision: u8::try_from(digits).unwrap_or(19), scale: 0 }
        }
        _ => bound.ty,
    }
}

fn is_predicate(expr: &Expr) -> bool {
    match expr {
        Expr::Binary(_, operator, _) => operator.compares() || matches!(operator, Operator::And | Operator::Or),
        Expr::Not(_)
        | Expr::Like { .. }
        | Expr::Between { .. }
        | Expr::IsNull { .. }
        | Expr::In { .. }
        | Expr::InQuery { .. }
        | Expr::Exists(_) => true,
        _ => false,
    }
}

fn operator_text(expr: &Expr) -> &'static str {
    match expr {
        Expr::Binary(_, Operator::Equal, _) => "=",
        Expr::Binary(_, Operator::Less | Operator::LessEqual, _) => "<",
        Expr::Binary(_, Operator::Greater | Operator::GreaterEqual, _) => ">",
        Expr::Like { .. } => "LIKE",
        Expr::IsNull { .. } => "IS",
        Expr::In { .. } | Expr::InQuery { .. } => "IN",
        Expr::Between { .. } => "BETWEEN",
        Expr::Exists(_) => "EXISTS",
        _ => "=",
    }
}

fn near(expr: &Expr) -> String {
    match expr {
        Expr::Column(parts) => parts.last().cloned().unwrap_or_default(),
        Expr::Variable(name) => name.clone(),
        _ => String::new(),
    }
}
