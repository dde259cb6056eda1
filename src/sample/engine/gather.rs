//! What one aggregate gathers over the rows of one group.

use std::collections::HashSet;

use super::arithmetic::arithmetic;
use super::ast::Operator;
use super::bound::Outer;
use super::convert::cast;
use super::error::SqlError;
use super::plan::{Aggregate, AggregateKind};
use super::types::{MAX, SqlType};
use super::value::{Value, compare, key};

/// What was gathered so far.
#[derive(Debug, Default)]
pub struct Gatherer {
    count: i64,
    value: Option<Value>,
    text: Option<String>,
    seen: HashSet<Vec<u8>>,
}

impl Gatherer {
    /// Takes a row; gives the bytes that this made it grow by.
    pub fn take(&mut self, aggregate: &Aggregate, row: &[Value], outer: &Outer) -> Result<usize, SqlError> {
        let Some(argument) = &aggregate.argument else {
            self.count += 1;
            return Ok(0);
        };
        let value = argument.eval(row, outer)?;
        if value.is_null() {
            return Ok(0);
        }
        let mut grown = 0;
        if aggregate.distinct {
            let bytes = key(std::slice::from_ref(&value));
            grown += bytes.len() + 32;
            if !self.seen.insert(bytes) {
                return Ok(0);
            }
        }
        self.count += 1;
        match aggregate.kind {
            AggregateKind::CountAll | AggregateKind::Count => {}
            AggregateKind::Sum | AggregateKind::Avg => {
                self.value = Some(match self.value.take() {
                    None => value,
                    Some(sum) => arithmetic(Operator::Add, &sum, &value, aggregate.ty)?,
                });
            }
            AggregateKind::Min | AggregateKind::Max => {
                let better = self.value.as_ref().and_then(|best| compare(&value, best)).is_none_or(|ordering| {
                    if aggregate.kind == AggregateKind::Min { ordering.is_lt() } else { ordering.is_gt() }
                });
                if better {
                    self.value = Some(value);
                }
            }
            AggregateKind::StringAgg => {
                let separator = match &aggregate.separator {
                    Some(separator) => separator.clone().cast_to(SqlType::NVarChar(MAX)).eval(row, outer)?,
                    None => Value::Null,
                };
                let text = value.as_text().unwrap_or_default();
                grown += text.len() + 2;
                match &mut self.text {
                    None => self.text = Some(text.to_owned()),
                    Some(gathered) => {
                        gathered.push_str(separator.as_text().unwrap_or_default());
                        gathered.push_str(text);
                    }
                }
            }
            AggregateKind::ChecksumAgg => {
                let before = self.value.take().and_then(|v| v.as_int()).unwrap_or(0);
                self.value = Some(Value::Int(before ^ value.as_int().unwrap_or(0)));
            }
        }
        Ok(grown)
    }

    /// The aggregate's value.
    pub fn finish(self, aggregate: &Aggregate) -> Result<Value, SqlError> {
        match aggregate.kind {
            AggregateKind::CountAll | AggregateKind::Count => Ok(Value::Int(self.count)),
            AggregateKind::StringAgg => match self.text {
                None => Ok(Value::Null),
                Some(text) => cast(&Value::text(text), SqlType::NVarChar(MAX), aggregate.ty, 0),
            },
            AggregateKind::Avg => match self.value {
                None => Ok(Value::Null),
                Some(sum) => {
                    let count = cast(&Value::Int(self.count), SqlType::BigInt, aggregate.ty, 0)?;
                    arithmetic(Operator::Divide, &sum, &count, aggregate.ty)
                }
            },
            _ => Ok(self.value.unwrap_or(Value::Null)),
        }
    }
}
