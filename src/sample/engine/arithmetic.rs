//! `+ - * / % & | ^` on values whose types were made to fit, and the types of their results.

use super::ast::Operator;
use super::calendar;
use super::error::SqlError;
use super::types::{Family, MAX, SqlType};
use super::value::{Decimal, Value, rescale};

/// To what the two operands are cast, and the type of the result.
pub fn types(operator: Operator, left: SqlType, right: SqlType) -> Result<(SqlType, SqlType, SqlType), SqlError> {
    use Operator as O;
    let refused = |ty: SqlType| Err(SqlError::bad_operand(ty, operator.word()));
    let (lf, rf) = (left.family(), right.family());
    if matches!(operator, O::BitAnd | O::BitOr | O::BitXor) {
        let common = left.common(right);
        return if common.family() == Family::Integer { Ok((common, common, common)) } else { refused(common) };
    }
    match (lf, rf) {
        (Family::Text, Family::Text) if operator == O::Add => {
            let length = match (left.length(), right.length()) {
                (MAX, _) | (_, MAX) => MAX,
                (a, b) => a.saturating_add(b),
            };
            let unicode = left.is_unicode() || right.is_unicode();
            let result = match (unicode, length) {
                (_, MAX) if unicode => SqlType::NVarChar(MAX),
                (true, n) => SqlType::NVarChar(n.min(4000)),
                (false, MAX) => SqlType::VarChar(MAX),
                (false, n) => SqlType::VarChar(n.min(8000)),
            };
            Ok((left, right, result))
        }
        (Family::Binary, Family::Binary) if operator == O::Add => {
            let length = left.length().saturating_add(right.length());
            Ok((left, right, SqlType::VarBinary(if length > 8000 { MAX } else { length })))
        }
        (Family::Text, Family::Text) => refused(left),
        (Family::DateTime, Family::Integer) if is_legacy(left) && matches!(operator, O::Add | O::Subtract) => {
            Ok((left, right, left))
        }
        (Family::Integer, Family::DateTime) if is_legacy(right) && operator == O::Add => Ok((left, right, right)),
        _ => {
            let common = left.common(right);
            match common.family() {
                Family::Integer if common == SqlType::Bit => refused(common),
                Family::Integer => Ok((common, common, common)),
                Family::Float if operator != O::Modulo => Ok((common, common, common)),
                Family::Decimal => Ok(decimal_types(operator, left, right, common)),
                _ => refused(common),
            }
        }
    }
}

fn is_legacy(ty: SqlType) -> bool {
    matches!(ty, SqlType::DateTime | SqlType::SmallDateTime)
}

fn decimal_types(operator: Operator, left: SqlType, right: SqlType, common: SqlType) -> (SqlType, SqlType, SqlType) {
    if matches!(common, SqlType::Money | SqlType::SmallMoney) {
        return (common, common, common);
    }
    let exact = |ty: SqlType| {
        let (precision, scale) = if matches!(ty.family(), Family::Integer | Family::Decimal) {
            ty.decimal_facets()
        } else {
            common.decimal_facets()
        };
        SqlType::Decimal { precision, scale }
    };
    let (left, right) = (exact(left), exact(right));
    let ((p1, s1), (p2, s2)) = (left.decimal_facets(), right.decimal_facets());
    let (p1, s1, p2, s2) = (u32::from(p1), u32::from(s1), u32::from(p2), u32::from(s2));
    let (precision, scale) = match operator {
        Operator::Multiply => (p1 + p2 + 1, s1 + s2),
        Operator::Divide => {
            let scale = 6.max(s1 + p2 + 1);
            (p1 - s1 + s2 + scale, scale)
        }
        Operator::Modulo => ((p1 - s1).min(p2 - s2) + s1.max(s2), s1.max(s2)),
        _ => (s1.max(s2) + (p1 - s1).max(p2 - s2) + 1, s1.max(s2)),
    };
    let scale =
        if precision > 38 { scale.min(38u32.saturating_sub(precision - scale).max(scale.min(6))) } else { scale };
    let result = SqlType::Decimal {
        precision: u8::try_from(precision.min(38)).unwrap_or(38),
        scale: u8::try_from(scale).unwrap_or(0),
    };
    (left, right, result)
}

/// The result, of type `ty`.
pub fn arithmetic(operator: Operator, left: &Value, right: &Value, ty: SqlType) -> Result<Value, SqlError> {
    match (left, right) {
        (Value::Null, _) | (_, Value::Null) => Ok(Value::Null),
        (Value::Text(a), Value::Text(b)) => {
            let joined = [&**a, &**b].concat();
            super::convert::cast(&Value::text(joined), SqlType::NVarChar(MAX), ty, 0)
        }
        (Value::Bytes(a), Value::Bytes(b)) => Ok(Value::Bytes([&**a, &**b].concat().into())),
        (Value::Int(a), Value::Int(b)) => integers(operator, *a, *b, ty),
        (Value::Float(a), Value::Float(b)) => floats(operator, *a, *b, ty),
        (Value::Decimal(a), Value::Decimal(b)) => decimals(operator, *a, *b, ty),
        (Value::DateTime(ticks), Value::Int(days)) | (Value::Int(days), Value::DateTime(ticks)) => {
            let days = if operator == Operator::Subtract { -*days } else { *days };
            let moved = days.checked_mul(calendar::DAY).and_then(|by| ticks.checked_add(by));
            super::convert::moment_of(moved.ok_or_else(|| SqlError::arithmetic_overflow(ty))?, 0, ty)
        }
        _ => Err(SqlError::bad_operand(ty, operator.word())),
    }
}

fn integers(operator: Operator, a: i64, b: i64, ty: SqlType) -> Result<Value, SqlError> {
    use Operator as O;
    let result = match operator {
        O::Add => a.checked_add(b),
        O::Subtract => a.checked_sub(b),
        O::Multiply => a.checked_mul(b),
        O::Divide | O::Modulo if b == 0 => return Err(SqlError::divide_by_zero()),
        O::Divide => a.checked_div(b),
        O::Modulo => Some(a.checked_rem(b).unwrap_or(0)),
        O::BitAnd => Some(a & b),
        O::BitOr => Some(a | b),
        O::BitXor => Some(a ^ b),
        _ => None,
    };
    let fits = |n: &i64| match ty {
        SqlType::TinyInt => u8::try_from(*n).is_ok(),
        SqlType::SmallInt => i16::try_from(*n).is_ok(),
        SqlType::Int => i32::try_from(*n).is_ok(),
        _ => true,
    };
    result.filter(fits).map(Value::Int).ok_or_else(|| SqlError::arithmetic_overflow(ty))
}

fn floats(operator: Operator, a: f64, b: f64, ty: SqlType) -> Result<Value, SqlError> {
    let result = match operator {
        Operator::Add => a + b,
        Operator::Subtract => a - b,
        Operator::Multiply => a * b,
        Operator::Divide if b == 0.0 => return Err(SqlError::divide_by_zero()),
        _ => a / b,
    };
    if result.is_finite() { Ok(Value::Float(result)) } else { Err(SqlError::arithmetic_overflow(ty)) }
}

fn decimals(operator: Operator, a: Decimal, b: Decimal, ty: SqlType) -> Result<Value, SqlError> {
    let (precision, scale) = ty.decimal_facets();
    let overflow = || SqlError::arithmetic_overflow("numeric");
    let wide = a.scale.max(b.scale);
    let aligned = || Some((rescale(a.units, a.scale, wide)?, rescale(b.units, b.scale, wide)?));
    let units = match operator {
        Operator::Multiply => a.units.checked_mul(b.units).and_then(|units| rescale(units, a.scale + b.scale, scale)),
        Operator::Divide if b.units == 0 => return Err(SqlError::divide_by_zero()),
        // a / b at the result's scale: a is widened by what that scale and b's ask for.
        Operator::Divide => {
            let wanted = scale + b.scale;
            let widened = if wanted >= a.scale { rescale(a.units, a.scale, wanted) } else { Some(a.units) };
            widened
                .map(|units| units / b.units)
                .map(|units| if wanted >= a.scale { units } else { units / 10i128.pow(u32::from(a.scale - wanted)) })
        }
        Operator::Modulo if b.units == 0 => return Err(SqlError::divide_by_zero()),
        Operator::Modulo => aligned().and_then(|(a, b)| rescale(a % b, wide, scale)),
        Operator::Add => aligned().and_then(|(a, b)| rescale(a.checked_add(b)?, wide, scale)),
        _ => aligned().and_then(|(a, b)| rescale(a.checked_sub(b)?, wide, scale)),
    };
    let limit = 10i128.pow(u32::from(precision));
    let units = units.filter(|units| units.abs() < limit).ok_or_else(overflow)?;
    Ok(Value::Decimal(Decimal { units, scale }))
}
