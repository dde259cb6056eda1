//! The engine's types and values as those of the wire, and back.

use super::engine::calendar::{self, DAYS_TO_1900};
use super::engine::convert::{code_page_byte, from_code_page};
use super::engine::error::SqlError;
use super::engine::plan::OutColumn;
use super::engine::types::{MAX, SqlType as T};
use super::engine::value::{Decimal, Row, Value};
use crate::tds::data::{Collation, Column, ColumnFlags, Columns, TypeInfo as W, UNLIMITED, Value as Wire};

/// A type as results and returned values show it.
pub fn type_info(ty: T) -> W {
    let chars = |n: u16| if n == MAX { UNLIMITED } else { n };
    let units = |n: u16| if n == MAX { UNLIMITED } else { n.saturating_mul(2).min(8000) };
    match ty {
        T::Bit => W::BitN,
        T::TinyInt => W::IntN(1),
        T::SmallInt => W::IntN(2),
        T::Int => W::IntN(4),
        T::BigInt => W::IntN(8),
        T::Real => W::FloatN(4),
        T::Float => W::FloatN(8),
        T::Decimal { precision, scale } => W::Numeric { precision, scale },
        T::Money => W::MoneyN(8),
        T::SmallMoney => W::MoneyN(4),
        T::Date => W::Date,
        T::Time(scale) => W::Time(scale),
        T::SmallDateTime => W::DateTimeN(4),
        T::DateTime => W::DateTimeN(8),
        T::DateTime2(scale) => W::DateTime2(scale),
        T::DateTimeOffset(scale) => W::DateTimeOffset(scale),
        T::Guid => W::Guid,
        T::Char(n) => W::Char(n.min(8000), Collation::LATIN1),
        T::VarChar(n) => W::VarChar(chars(n), Collation::LATIN1),
        T::NChar(n) => W::NChar(units(n), Collation::LATIN1),
        T::NVarChar(n) => W::NVarChar(units(n), Collation::LATIN1),
        T::Binary(n) => W::Binary(n.min(8000)),
        T::VarBinary(n) => W::VarBinary(chars(n)),
        T::Text => W::Text(0x7FFF_FFFF, Collation::LATIN1),
        T::NText => W::NText(0x7FFF_FFFE, Collation::LATIN1),
        T::Image => W::Image(0x7FFF_FFFF),
        T::Xml => W::Xml(None),
    }
}

/// The columns of a result.
pub fn columns(columns: &[OutColumn]) -> Columns {
    let column = |column: &OutColumn| {
        let mut flags = 0;
        if column.nullable {
            flags |= ColumnFlags::NULLABLE.0;
        }
        if column.identity {
            flags |= ColumnFlags::IDENTITY.0;
        } else if column.stored {
            flags |= ColumnFlags::UPDATEABLE_UNKNOWN.0;
        }
        let mut made = Column::new(column.name.clone(), type_info(column.ty));
        made.flags = ColumnFlags(flags);
        if made.kind.is_large_object() {
            made.table = vec!["dbo".to_owned()];
        }
        made
    };
    Columns(columns.iter().map(column).collect())
}

/// A row of these columns.
pub fn row(values: &Row, columns: &[OutColumn]) -> Vec<Wire> {
    values.iter().zip(columns).map(|(value, column)| to_wire(value, column.ty)).collect()
}

/// A value of a type that was cast to it.
pub fn to_wire(value: &Value, ty: T) -> Wire {
    let unit = |scale: u8| 10i64.pow(u32::from(7u8.saturating_sub(scale)));
    match (value, ty) {
        (Value::Null, _) => Wire::Null,
        (Value::Int(n), T::Bit) => Wire::Bit(*n != 0),
        (Value::Int(n), T::TinyInt) => Wire::TinyInt(u8::try_from(*n).unwrap_or(0)),
        (Value::Int(n), T::SmallInt) => Wire::SmallInt(i16::try_from(*n).unwrap_or(0)),
        (Value::Int(n), T::Int) => Wire::Int(i32::try_from(*n).unwrap_or(0)),
        (Value::Int(n), _) => Wire::BigInt(*n),
        (Value::Float(n), T::Real) => Wire::Real(*n as f32),
        (Value::Float(n), _) => Wire::Float(*n),
        (Value::Decimal(n), T::Money) => Wire::Money(i64::try_from(n.units).unwrap_or(0)),
        (Value::Decimal(n), T::SmallMoney) => Wire::SmallMoney(i32::try_from(n.units).unwrap_or(0)),
        (Value::Decimal(n), _) => Wire::Decimal { positive: n.units >= 0, digits: n.units.unsigned_abs() },
        (Value::Guid(guid), _) => Wire::Guid(*guid),
        (Value::Date(days), _) => Wire::Date(days.unsigned_abs()),
        (Value::Time(ticks), T::Time(scale)) => Wire::Time((ticks / unit(scale)).unsigned_abs()),
        (Value::Time(ticks), _) => Wire::Time(ticks.unsigned_abs()),
        (Value::DateTime(ticks), ty) => {
            let (days, of_day) = calendar::split(*ticks);
            match ty {
                T::SmallDateTime => Wire::SmallDateTime {
                    days: u16::try_from(days - DAYS_TO_1900).unwrap_or(0),
                    minutes: u16::try_from(of_day / (60 * calendar::SECOND)).unwrap_or(0),
                },
                T::DateTime => Wire::DateTime {
                    days: days - DAYS_TO_1900,
                    ticks: u32::try_from(calendar::three_hundredths(of_day)).unwrap_or(0),
                },
                T::DateTime2(scale) => {
                    Wire::DateTime2 { days: days.unsigned_abs(), time: (of_day / unit(scale)).unsigned_abs() }
                }
                _ => Wire::DateTime2 { days: days.unsigned_abs(), time: of_day.unsigned_abs() },
            }
        }
        (Value::Offset(ticks, offset), ty) => {
            let (days, of_day) = calendar::split(*ticks);
            let scale = if let T::DateTimeOffset(scale) = ty { scale } else { 7 };
            Wire::DateTimeOffset {
                days: days.unsigned_abs(),
                time: (of_day / unit(scale)).unsigned_abs(),
                offset: *offset,
            }
        }
        (Value::Bytes(bytes), _) => Wire::Bytes(bytes.to_vec()),
        (Value::Text(text), ty) if ty.is_unicode() => Wire::Text(text.to_string()),
        (Value::Text(text), _) => Wire::Bytes(text.chars().map(|c| code_page_byte(c).unwrap_or(b'?')).collect()),
    }
}

/// The type that a parameter or a bulk column was announced with.
pub fn sql_type(kind: &W) -> Result<T, SqlError> {
    let chars = |n: u16| if n > 8000 { MAX } else { n.max(1) };
    let units = |n: u16| if n > 8000 { MAX } else { (n / 2).max(1) };
    Ok(match kind {
        W::Null => T::NVarChar(1),
        W::Bit | W::BitN => T::Bit,
        W::TinyInt | W::IntN(1) => T::TinyInt,
        W::SmallInt | W::IntN(2) => T::SmallInt,
        W::Int | W::IntN(4) => T::Int,
        W::BigInt | W::IntN(_) => T::BigInt,
        W::Real | W::FloatN(4) => T::Real,
        W::Float | W::FloatN(_) => T::Float,
        W::SmallMoney | W::MoneyN(4) => T::SmallMoney,
        W::Money | W::MoneyN(_) => T::Money,
        W::SmallDateTime | W::DateTimeN(4) => T::SmallDateTime,
        W::DateTime | W::DateTimeN(_) => T::DateTime,
        W::Guid => T::Guid,
        W::Decimal { precision, scale } | W::Numeric { precision, scale } => {
            T::Decimal { precision: *precision, scale: *scale }
        }
        W::Date => T::Date,
        W::Time(scale) => T::Time(*scale),
        W::DateTime2(scale) => T::DateTime2(*scale),
        W::DateTimeOffset(scale) => T::DateTimeOffset(*scale),
        W::Char(n, _) | W::VarChar(n, _) => T::VarChar(chars(*n)),
        W::NChar(n, _) | W::NVarChar(n, _) => T::NVarChar(units(*n)),
        W::Binary(n) | W::VarBinary(n) => T::VarBinary(chars(*n)),
        W::Text(..) => T::VarChar(MAX),
        W::NText(..) => T::NVarChar(MAX),
        W::Image(_) => T::VarBinary(MAX),
        W::Xml(_) => T::Xml,
        W::Variant(_) => return Err(SqlError::unsupported("A parameter of type sql_variant")),
        W::Udt(_) => return Err(SqlError::unsupported("A parameter of a CLR type")),
        W::Table(_) => return Err(SqlError::unsupported("A table-valued parameter")),
    })
}

/// A value as it came.
pub fn from_wire(value: Wire, kind: &W) -> Result<Value, SqlError> {
    let wide = |n: u64, scale: u8| {
        i64::try_from(n).unwrap_or(0).saturating_mul(10i64.pow(u32::from(7u8.saturating_sub(scale))))
    };
    let days = |n: u32| i32::try_from(n).unwrap_or(0).min(calendar::DAYS_END - 1);
    let in_day = |ticks: i64| if (0..calendar::DAY).contains(&ticks) { Ok(ticks) } else { Err(invalid()) };
    Ok(match value {
        Wire::Null => Value::Null,
        Wire::Bit(bit) => Value::truth(bit),
        Wire::TinyInt(n) => Value::Int(n.into()),
        Wire::SmallInt(n) => Value::Int(n.into()),
        Wire::Int(n) => Value::Int(n.into()),
        Wire::BigInt(n) => Value::Int(n),
        Wire::Real(n) => Value::Float(finite(n.into())?),
        Wire::Float(n) => Value::Float(finite(n)?),
        Wire::SmallMoney(n) => Value::Decimal(Decimal { units: n.into(), scale: 4 }),
        Wire::Money(n) => Value::Decimal(Decimal { units: n.into(), scale: 4 }),
        Wire::SmallDateTime { days, minutes } => Value::DateTime(calendar::join(
            i32::from(days) + DAYS_TO_1900,
            in_day(i64::from(minutes) * 60 * calendar::SECOND)?,
        )),
        Wire::DateTime { days, ticks } => {
            let day = days
                .checked_add(DAYS_TO_1900)
                .filter(|day| (0..calendar::DAYS_END).contains(day))
                .ok_or_else(invalid)?;
            Value::DateTime(calendar::join(day, in_day(calendar::from_three_hundredths(ticks.into()))?))
        }
        Wire::Decimal { positive, digits } => {
            let units = i128::try_from(digits).map_err(|_| invalid())?;
            let scale = match kind {
                W::Decimal { scale, .. } | W::Numeric { scale, .. } => *scale,
                _ => 0,
            };
            Value::Decimal(Decimal { units: if positive { units } else { -units }, scale })
        }
        Wire::Guid(guid) => Value::Guid(guid),
        Wire::Date(n) => Value::Date(days(n)),
        Wire::Time(time) => Value::Time(in_day(wide(time, scale(kind)))?),
        Wire::DateTime2 { days: day, time } => {
            Value::DateTime(calendar::join(days(day), in_day(wide(time, scale(kind)))?))
        }
        Wire::DateTimeOffset { days: day, time, offset } => {
            Value::Offset(calendar::join(days(day), in_day(wide(time, scale(kind)))?), offset)
        }
        Wire::Bytes(bytes) => match kind {
            W::Char(_, collation) | W::VarChar(_, collation) | W::Text(_, collation) if collation.is_utf8() => {
                Value::text(String::from_utf8_lossy(&bytes))
            }
            W::Char(..) | W::VarChar(..) | W::Text(..) => Value::text(from_code_page(&bytes)),
            _ => Value::Bytes(bytes.into()),
        },
        Wire::Text(text) => Value::Text(text.into()),
        Wire::Variant(_) | Wire::Table(_) => return Err(SqlError::unsupported("A value of this type")),
    })
}

fn invalid() -> SqlError {
    SqlError::new(
        8023,
        16,
        "The incoming tabular data stream (TDS) remote procedure call (RPC) protocol stream is incorrect: a value is not a valid instance of its type.",
    )
}

fn finite(n: f64) -> Result<f64, SqlError> {
    if n.is_finite() { Ok(n) } else { Err(invalid()) }
}

fn scale(kind: &W) -> u8 {
    match kind {
        W::Time(scale) | W::DateTime2(scale) | W::DateTimeOffset(scale) => *scale,
        _ => 7,
    }
}
