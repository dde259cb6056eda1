//! Expressions with every name resolved and every type known, and their evaluation for a row.

use std::cmp::Ordering;
use std::sync::{Arc, OnceLock};

use super::arithmetic::arithmetic;
use super::ast::Operator;
use super::convert::cast;
use super::error::SqlError;
use super::functions::{Function, call};
use super::like::like;
use super::plan::Plan;
use super::run::collect;
use super::types::SqlType;
use super::value::{Row, Value, compare};

/// An expression whose type is known.
#[derive(Debug, Clone, PartialEq)]
pub struct Bound {
    /// What it is.
    pub kind: Kind,
    /// Its type.
    pub ty: SqlType,
    /// Whether it can be NULL.
    pub nullable: bool,
}

/// What a bound expression is. Conditions give 1, 0 or NULL.
#[derive(Debug, Clone, PartialEq)]
#[allow(missing_docs, reason = "the names say it")]
pub enum Kind {
    Const(Value),
    Column(usize),
    /// A column of a query around this one, so many levels out.
    Outer(usize, usize),
    Cast {
        value: Box<Bound>,
        style: i64,
        try_it: bool,
    },
    Arithmetic(Operator, Box<Bound>, Box<Bound>),
    BitNot(Box<Bound>),
    Compare(Operator, Box<Bound>, Box<Bound>),
    And(Box<Bound>, Box<Bound>),
    Or(Box<Bound>, Box<Bound>),
    Not(Box<Bound>),
    IsNull(Box<Bound>),
    Like {
        value: Box<Bound>,
        pattern: Box<Bound>,
        escape: Option<char>,
    },
    In {
        value: Box<Bound>,
        list: Vec<Bound>,
    },
    Case {
        branches: Vec<(Bound, Bound)>,
        otherwise: Option<Box<Bound>>,
    },
    Function(Function, Vec<Bound>),
    Scalar(Subplan),
    Exists(Subplan),
    InQuery(Box<Bound>, Subplan),
}

/// The rows around the one that is evaluated, innermost first.
pub type Outer = Option<Arc<OuterRow>>;

/// A row of a query around.
#[derive(Debug)]
pub struct OuterRow {
    /// The row.
    pub row: Row,
    /// The rows around it.
    pub outer: Outer,
}

/// A query inside an expression. One that does not look at its surroundings runs once.
#[derive(Debug, Clone)]
pub struct Subplan {
    /// What it does.
    pub plan: Arc<Plan>,
    /// Whether it looks at the row around it.
    pub correlated: bool,
    /// Its rows, when it ran already.
    pub ran: Arc<OnceLock<Result<Arc<Vec<Row>>, SqlError>>>,
}

impl PartialEq for Subplan {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.plan, &other.plan)
    }
}

impl Subplan {
    fn rows(&self, row: &[Value], outer: &Outer) -> Result<Arc<Vec<Row>>, SqlError> {
        if self.correlated {
            let around = Some(Arc::new(OuterRow { row: row.into(), outer: outer.clone() }));
            return collect(&self.plan, &around).map(Arc::new);
        }
        self.ran.get_or_init(|| collect(&self.plan, &None).map(Arc::new)).clone()
    }
}

impl Bound {
    /// A constant.
    pub fn constant(value: Value, ty: SqlType) -> Self {
        Self { nullable: value.is_null(), kind: Kind::Const(value), ty }
    }

    /// A condition.
    pub fn condition(kind: Kind) -> Self {
        Self { kind, ty: SqlType::Bit, nullable: true }
    }

    /// Whether it is NULL as written.
    pub fn is_null_constant(&self) -> bool {
        matches!(self.kind, Kind::Const(Value::Null))
    }

    /// The same as a value of another type.
    #[must_use]
    pub fn cast_to(self, ty: SqlType) -> Self {
        if self.ty == ty {
            return self;
        }
        if self.is_null_constant() {
            return Self { ty, ..self };
        }
        Self { nullable: self.nullable, kind: Kind::Cast { value: Box::new(self), style: 0, try_it: false }, ty }
    }

    /// Its value for a row.
    pub fn eval(&self, row: &[Value], outer: &Outer) -> Result<Value, SqlError> {
        match &self.kind {
            Kind::Const(value) => Ok(value.clone()),
            Kind::Column(index) => Ok(row.get(*index).cloned().unwrap_or(Value::Null)),
            Kind::Outer(depth, index) => Ok(outer_value(outer, *depth, *index)),
            Kind::Cast { value, style, try_it } => match cast(&value.eval(row, outer)?, value.ty, self.ty, *style) {
                Err(_) if *try_it => Ok(Value::Null),
                outcome => outcome,
            },
            Kind::Arithmetic(operator, left, right) => {
                arithmetic(*operator, &left.eval(row, outer)?, &right.eval(row, outer)?, self.ty)
            }
            Kind::BitNot(value) => Ok(value.eval(row, outer)?.as_int().map_or(Value::Null, |n| Value::Int(!n))),
            Kind::Function(function, arguments) => self.call(*function, arguments, row, outer),
            Kind::Case { branches, otherwise } => {
                for (condition, value) in branches {
                    if condition.eval(row, outer)?.is_true() {
                        return value.eval(row, outer);
                    }
                }
                otherwise.as_ref().map_or(Ok(Value::Null), |value| value.eval(row, outer))
            }
            Kind::Scalar(subplan) => {
                let rows = subplan.rows(row, outer)?;
                match rows.as_slice() {
                    [] => Ok(Value::Null),
                    [only] => Ok(only.first().cloned().unwrap_or(Value::Null)),
                    _ => Err(SqlError::many_rows()),
                }
            }
            _ => self.holds(row, outer).map(|truth| truth.map_or(Value::Null, Value::truth)),
        }
    }

    fn call(&self, function: Function, arguments: &[Bound], row: &[Value], outer: &Outer) -> Result<Value, SqlError> {
        // The first that is not NULL decides; the others are not looked at.
        if function == Function::Coalesce {
            for argument in arguments {
                let value = argument.eval(row, outer)?;
                if !value.is_null() {
                    return Ok(value);
                }
            }
            return Ok(Value::Null);
        }
        let values: Vec<Value> =
            arguments.iter().map(|argument| argument.eval(row, outer)).collect::<Result<_, _>>()?;
        call(function, &values, arguments, self.ty)
    }

    /// Whether a condition holds; `None` when that is unknown.
    fn holds(&self, row: &[Value], outer: &Outer) -> Result<Option<bool>, SqlError> {
        let truth = |bound: &Bound| bound.eval(row, outer).map(|value| value.as_int().map(|n| n != 0));
        Ok(match &self.kind {
            Kind::Compare(operator, left, right) => {
                compare(&left.eval(row, outer)?, &right.eval(row, outer)?).map(|ordering| compares(*operator, ordering))
            }
            Kind::And(left, right) => match truth(left)? {
                Some(false) => Some(false),
                Some(true) => truth(right)?,
                None => truth(right)?.filter(|right| !right),
            },
            Kind::Or(left, right) => match truth(left)? {
                Some(true) => Some(true),
                Some(false) => truth(right)?,
                None => truth(right)?.filter(|right| *right),
            },
            Kind::Not(inner) => truth(inner)?.map(|inner| !inner),
            Kind::IsNull(inner) => Some(inner.eval(row, outer)?.is_null()),
            Kind::Like { value, pattern, escape } => match (value.eval(row, outer)?, pattern.eval(row, outer)?) {
                (Value::Text(value), Value::Text(pattern)) => Some(like(&value, &pattern, *escape)?),
                _ => None,
            },
            Kind::In { value, list } => {
                let value = value.eval(row, outer)?;
                let candidates = list.iter().map(|candidate| candidate.eval(row, outer));
                found_in(&value, candidates)?
            }
            Kind::InQuery(value, subplan) => {
                let rows = subplan.rows(row, outer)?;
                if rows.is_empty() {
                    return Ok(Some(false));
                }
                let value = value.eval(row, outer)?;
                found_in(&value, rows.iter().map(|row| Ok(row.first().cloned().unwrap_or(Value::Null))))?
            }
            Kind::Exists(subplan) => Some(!subplan.rows(row, outer)?.is_empty()),
            _ => truth(self)?,
        })
    }
}

fn outer_value(outer: &Outer, depth: usize, index: usize) -> Value {
    let mut around = outer.as_ref();
    for _ in 1..depth {
        around = around.and_then(|level| level.outer.as_ref());
    }
    around.and_then(|level| level.row.get(index)).cloned().unwrap_or(Value::Null)
}

fn compares(operator: Operator, ordering: Ordering) -> bool {
    match operator {
        Operator::Equal => ordering.is_eq(),
        Operator::NotEqual => ordering.is_ne(),
        Operator::Less => ordering.is_lt(),
        Operator::LessEqual => ordering.is_le(),
        Operator::Greater => ordering.is_gt(),
        Operator::GreaterEqual => ordering.is_ge(),
        _ => false,
    }
}

fn found_in(
    value: &Value,
    candidates: impl Iterator<Item = Result<Value, SqlError>>,
) -> Result<Option<bool>, SqlError> {
    let mut unknown = value.is_null();
    for candidate in candidates {
        match compare(value, &candidate?) {
            Some(Ordering::Equal) => return Ok(Some(true)),
            Some(_) => {}
            None => unknown = true,
        }
    }
    Ok(if unknown { None } else { Some(false) })
}
