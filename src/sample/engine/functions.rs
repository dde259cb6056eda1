//! The built-in functions of a row: what they take, what they give, and what they do.

use super::bound::{Bound, Kind};
use super::calendar;
use super::convert::{cast, moment_of};
use super::error::SqlError;
use super::types::{Family, MAX, SqlType};
use super::value::{Decimal, Value, key, rescale};

/// A function of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names are T-SQL's")]
pub enum Function {
    Len,
    DataLength,
    Upper,
    Lower,
    Trim,
    LTrim,
    RTrim,
    Left,
    Right,
    Substring,
    Replicate,
    Space,
    Replace,
    Reverse,
    CharIndex,
    Concat,
    Coalesce,
    NullIf,
    Abs,
    Sign,
    Floor,
    Ceiling,
    Round,
    Power,
    Sqrt,
    Char,
    NChar,
    Ascii,
    Unicode,
    NewId,
    Checksum,
    HashBytes,
    Year,
    Month,
    Day,
    DatePart,
    DateAdd,
    DateDiff,
    QuoteName,
    IsNumeric,
    IsDate,
    Str,
}

/// The function of this name with these arguments.
pub fn bind(name: &str, arguments: Vec<Bound>) -> Result<Bound, SqlError> {
    use Function as F;
    let ty = |index: usize| arguments.get(index).map_or(SqlType::Int, |argument: &Bound| argument.ty);
    let text_like = |index: usize| match ty(index) {
        t if t.family() == Family::Text => t,
        _ => SqlType::NVarChar(4000),
    };
    let varying = |t: SqlType| match t {
        SqlType::Char(n) => SqlType::VarChar(n),
        SqlType::NChar(n) => SqlType::NVarChar(n),
        SqlType::Text => SqlType::VarChar(MAX),
        SqlType::NText | SqlType::Xml => SqlType::NVarChar(MAX),
        t => t,
    };
    let long = |t: SqlType| match t {
        t if t.length() == MAX => t,
        t if t.is_unicode() => SqlType::NVarChar(4000),
        _ => SqlType::VarChar(8000),
    };
    let all_common = || {
        arguments.iter().filter(|a| !a.is_null_constant()).map(|a| a.ty).reduce(SqlType::common).unwrap_or(SqlType::Int)
    };
    let first = varying(text_like(0));
    let count_type = if ty(0).length() == MAX { SqlType::BigInt } else { SqlType::Int };
    let numeric = if matches!(ty(0).family(), Family::Text) { SqlType::Float } else { ty(0) };
    // (function, fewest, most, type of the result, types that the first arguments are cast to)
    let (function, fewest, most, result, wanted): (F, usize, usize, SqlType, Vec<SqlType>) = match name {
        "len" => (F::Len, 1, 1, count_type, vec![text_like(0)]),
        "datalength" => (F::DataLength, 1, 1, count_type, vec![]),
        "upper" => (F::Upper, 1, 1, first, vec![first]),
        "lower" | "lcase" => (F::Lower, 1, 1, first, vec![first]),
        "ucase" => (F::Upper, 1, 1, first, vec![first]),
        "trim" => (F::Trim, 1, 1, first, vec![first]),
        "ltrim" => (F::LTrim, 1, 1, first, vec![first]),
        "rtrim" => (F::RTrim, 1, 1, first, vec![first]),
        "left" => (F::Left, 2, 2, first, vec![first, SqlType::BigInt]),
        "right" => (F::Right, 2, 2, first, vec![first, SqlType::BigInt]),
        "substring" if ty(0).family() == Family::Binary => {
            (F::Substring, 3, 3, ty(0), vec![ty(0), SqlType::BigInt, SqlType::BigInt])
        }
        "substring" => (F::Substring, 3, 3, first, vec![first, SqlType::BigInt, SqlType::BigInt]),
        "replicate" => (F::Replicate, 2, 2, long(first), vec![first, SqlType::BigInt]),
        "space" => (F::Space, 1, 1, SqlType::VarChar(8000), vec![SqlType::BigInt]),
        "replace" => (F::Replace, 3, 3, long(first), vec![first, varying(text_like(1)), varying(text_like(2))]),
        "reverse" => (F::Reverse, 1, 1, first, vec![first]),
        "charindex" => (F::CharIndex, 2, 3, SqlType::Int, vec![text_like(0), text_like(1), SqlType::BigInt]),
        "concat" => {
            let large = arguments.iter().any(|a| a.ty.length() == MAX);
            (
                F::Concat,
                2,
                254,
                SqlType::NVarChar(if large { MAX } else { 4000 }),
                vec![SqlType::NVarChar(MAX); arguments.len()],
            )
        }
        "coalesce" => {
            let common = all_common();
            (F::Coalesce, 2, 1000, common, vec![common; arguments.len()])
        }
        "isnull" => {
            let kept = if arguments.first().is_some_and(Bound::is_null_constant) { ty(1) } else { ty(0) };
            (F::Coalesce, 2, 2, kept, vec![kept; 2])
        }
        "nullif" => {
            let common = all_common();
            (F::NullIf, 2, 2, ty(0), vec![common; 2])
        }
        "abs" => (F::Abs, 1, 1, numeric, vec![numeric]),
        "sign" => (F::Sign, 1, 1, numeric, vec![numeric]),
        "floor" => (F::Floor, 1, 1, whole(numeric), vec![numeric]),
        "ceiling" => (F::Ceiling, 1, 1, whole(numeric), vec![numeric]),
        "round" => (F::Round, 2, 3, numeric, vec![numeric, SqlType::BigInt, SqlType::BigInt]),
        "power" => (F::Power, 2, 2, SqlType::Float, vec![SqlType::Float; 2]),
        "sqrt" => (F::Sqrt, 1, 1, SqlType::Float, vec![SqlType::Float]),
        "char" => (F::Char, 1, 1, SqlType::VarChar(1), vec![SqlType::BigInt]),
        "nchar" => (F::NChar, 1, 1, SqlType::NVarChar(1), vec![SqlType::BigInt]),
        "ascii" => (F::Ascii, 1, 1, SqlType::Int, vec![first]),
        "unicode" => (F::Unicode, 1, 1, SqlType::Int, vec![first]),
        "newid" => (F::NewId, 0, 0, SqlType::Guid, vec![]),
        "checksum" | "binary_checksum" => (F::Checksum, 1, 1000, SqlType::Int, vec![]),
        "hashbytes" => (F::HashBytes, 2, 2, SqlType::VarBinary(8000), vec![SqlType::VarChar(32)]),
        "year" => (F::Year, 1, 1, SqlType::Int, vec![SqlType::DateTime2(7)]),
        "month" => (F::Month, 1, 1, SqlType::Int, vec![SqlType::DateTime2(7)]),
        "day" => (F::Day, 1, 1, SqlType::Int, vec![SqlType::DateTime2(7)]),
        "datepart" => (F::DatePart, 2, 2, SqlType::Int, vec![ty(0), SqlType::DateTime2(7)]),
        "dateadd" => {
            let moment = if ty(2).family() == Family::Text { SqlType::DateTime } else { ty(2) };
            (F::DateAdd, 3, 3, moment, vec![ty(0), SqlType::BigInt, moment])
        }
        "datediff" => (F::DateDiff, 3, 3, SqlType::Int, vec![ty(0), SqlType::DateTime2(7), SqlType::DateTime2(7)]),
        "datediff_big" => {
            (F::DateDiff, 3, 3, SqlType::BigInt, vec![ty(0), SqlType::DateTime2(7), SqlType::DateTime2(7)])
        }
        "quotename" => (F::QuoteName, 1, 1, SqlType::NVarChar(258), vec![SqlType::NVarChar(128)]),
        "isnumeric" => (F::IsNumeric, 1, 1, SqlType::Int, vec![SqlType::NVarChar(MAX)]),
        "isdate" => (F::IsDate, 1, 1, SqlType::Int, vec![SqlType::NVarChar(MAX)]),
        "str" => (F::Str, 1, 2, SqlType::VarChar(30), vec![SqlType::Float, SqlType::BigInt]),
        _ => return Err(SqlError::unknown_function(name)),
    };
    if !(fewest..=most).contains(&arguments.len()) {
        return Err(SqlError::argument_count(name, fewest));
    }
    let nullable = function != F::NewId && (function != F::Coalesce || arguments.iter().all(|a| a.nullable));
    let arguments = arguments.into_iter().enumerate().map(|(i, a)| match wanted.get(i) {
        Some(ty) => a.cast_to(*ty),
        None => a,
    });
    Ok(Bound { kind: Kind::Function(function, arguments.collect()), ty: result, nullable })
}

fn whole(ty: SqlType) -> SqlType {
    match ty {
        SqlType::Decimal { precision, .. } => SqlType::Decimal { precision, scale: 0 },
        other => other,
    }
}

/// The most characters that one value may come to.
const LONGEST: usize = 64 << 20;

/// The function's value; arguments have the types that [`bind`] gave them.
pub fn call(function: Function, values: &[Value], arguments: &[Bound], ty: SqlType) -> Result<Value, SqlError> {
    use Function as F;
    let null = &Value::Null;
    let get = |index: usize| values.get(index).unwrap_or(null);
    let int = |index: usize| get(index).as_int();
    let from = |index: usize| arguments.get(index).map_or(SqlType::Int, |argument| argument.ty);
    let fitted = |text: String| {
        if text.len() > LONGEST {
            return Err(SqlError::query_memory());
        }
        cast(&Value::text(text), SqlType::NVarChar(MAX), ty, 0)
    };
    match function {
        F::NewId => return Ok(Value::Guid(*uuid::Uuid::new_v4().as_bytes())),
        F::Concat => return fitted(values.iter().filter_map(Value::as_text).collect()),
        F::NullIf => {
            let same = super::value::compare(get(0), get(1)).is_some_and(std::cmp::Ordering::is_eq);
            return if same { Ok(Value::Null) } else { cast(get(0), from(0), ty, 0) };
        }
        F::Checksum => {
            let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, &key(values));
            let four = digest.as_ref().first_chunk::<4>().copied().unwrap_or_default();
            return Ok(Value::Int(i64::from(i32::from_le_bytes(four))));
        }
        _ if values.iter().any(Value::is_null) => {
            return Ok(if matches!(function, F::IsNumeric | F::IsDate) { Value::Int(0) } else { Value::Null });
        }
        _ => {}
    }
    let text = get(0).as_text().unwrap_or_default();
    match function {
        F::Len => {
            let trimmed = text.trim_end_matches(' ');
            Ok(count(if from(0).is_unicode() { trimmed.encode_utf16().count() } else { trimmed.chars().count() }))
        }
        F::DataLength => Ok(count(data_length(get(0), from(0)))),
        F::Upper => fitted(text.to_uppercase()),
        F::Lower => fitted(text.to_lowercase()),
        F::Trim => fitted(text.trim_matches(' ').to_owned()),
        F::LTrim => fitted(text.trim_start_matches(' ').to_owned()),
        F::RTrim => fitted(text.trim_end_matches(' ').to_owned()),
        F::Left | F::Right | F::Substring | F::Replicate | F::Space | F::Str => cut_or_repeat(function, values, ty),
        F::Replace => {
            let (what, with) = (get(1).as_text().unwrap_or_default(), get(2).as_text().unwrap_or_default());
            if what.is_empty() { Ok(get(0).clone()) } else { fitted(text.replace(what, with)) }
        }
        F::Reverse => fitted(text.chars().rev().collect()),
        F::CharIndex => {
            let (what, within) = (text.to_lowercase(), get(1).as_text().unwrap_or_default().to_lowercase());
            let start = usize::try_from(int(2).unwrap_or(1).max(1) - 1).unwrap_or(0);
            let skipped: String = within.chars().skip(start).collect();
            let place = if what.is_empty() { None } else { skipped.find(&what) };
            Ok(place.map_or(Value::Int(0), |at| count(start + 1 + skipped.get(..at).map_or(0, |s| s.chars().count()))))
        }
        F::Abs | F::Sign | F::Floor | F::Ceiling | F::Round | F::Power | F::Sqrt => numbers(function, values, ty),
        F::Char => Ok(int(0)
            .and_then(|n| u8::try_from(n).ok())
            .map_or(Value::Null, |byte| Value::text(super::convert::from_code_page(&[byte])))),
        F::NChar => Ok(int(0)
            .and_then(|n| u32::try_from(n).ok())
            .and_then(char::from_u32)
            .map_or(Value::Null, |c| Value::text(c.to_string()))),
        F::Ascii => Ok(text
            .chars()
            .next()
            .map_or(Value::Null, |c| Value::Int(i64::from(super::convert::code_page_byte(c).unwrap_or(b'?'))))),
        F::Unicode => Ok(text.encode_utf16().next().map_or(Value::Null, |unit| Value::Int(i64::from(unit)))),
        F::HashBytes => hash(text, get(1), from(1)),
        F::Year | F::Month | F::Day | F::DatePart | F::DateAdd | F::DateDiff => dates(function, values, ty),
        F::QuoteName => fitted(format!("[{}]", text.replace(']', "]]"))),
        F::IsNumeric => Ok(Value::truth(super::convert::parse_decimal(text.trim()).is_some())),
        F::IsDate => Ok(Value::truth(calendar::parse(text).is_some())),
        _ => Err(SqlError::unsupported("This function")),
    }
}

fn count(n: usize) -> Value {
    Value::Int(i64::try_from(n).unwrap_or(i64::MAX))
}

fn data_length(value: &Value, ty: SqlType) -> usize {
    match value {
        Value::Text(text) if ty.is_unicode() => text.encode_utf16().count() * 2,
        Value::Text(text) => text.chars().count(),
        Value::Bytes(bytes) => bytes.len(),
        _ => usize::try_from(ty.byte_length()).unwrap_or(0),
    }
}

fn cut_or_repeat(function: Function, values: &[Value], ty: SqlType) -> Result<Value, SqlError> {
    use Function as F;
    let int = |index: usize| values.get(index).and_then(Value::as_int);
    let text = values.first().and_then(Value::as_text).unwrap_or_default();
    let size = |n: Option<i64>| usize::try_from(n.unwrap_or(0)).ok();
    let negative = || SqlError::new(537, 16, "Invalid length parameter passed to the LEFT or SUBSTRING function.");
    let result: String = match function {
        F::Left => text.chars().take(size(int(1)).ok_or_else(negative)?).collect(),
        F::Right => {
            let keep = size(int(1)).ok_or_else(negative)?;
            text.chars().skip(text.chars().count().saturating_sub(keep)).collect()
        }
        F::Substring => {
            let (start, length) = (int(1).unwrap_or(1), int(2).unwrap_or(0));
            if length < 0 {
                return Err(negative());
            }
            let from = usize::try_from((start - 1).max(0)).unwrap_or(usize::MAX);
            let until = usize::try_from(start.saturating_sub(1).saturating_add(length).max(0)).unwrap_or(usize::MAX);
            if let Some(Value::Bytes(bytes)) = values.first() {
                let part: Vec<u8> = bytes.iter().copied().take(until).skip(from).collect();
                return Ok(Value::Bytes(part.into()));
            }
            text.chars().take(until).skip(from).collect()
        }
        F::Replicate => {
            let Some(times) = size(int(1)) else { return Ok(Value::Null) };
            if text.len().saturating_mul(times) > LONGEST {
                return Err(SqlError::query_memory());
            }
            text.repeat(times)
        }
        F::Space => " ".repeat(size(int(0)).unwrap_or(0).min(8000)),
        _ => match values.first() {
            Some(Value::Float(n)) => format!("{:>width$}", n.round(), width = size(int(1)).unwrap_or(10).min(30)),
            _ => return Ok(Value::Null),
        },
    };
    cast(&Value::text(result), SqlType::NVarChar(MAX), ty, 0)
}

fn numbers(function: Function, values: &[Value], ty: SqlType) -> Result<Value, SqlError> {
    use Function as F;
    let overflow = || SqlError::arithmetic_overflow(ty);
    let digits = values.get(1).and_then(Value::as_int).unwrap_or(0);
    let float = |index: usize| match values.get(index) {
        Some(Value::Float(n)) => *n,
        _ => 0.0,
    };
    let result = match (function, values.first()) {
        (F::Power, _) => Value::Float(float(0).powf(float(1))),
        (F::Sqrt, _) if float(0) < 0.0 => {
            return Err(SqlError::new(3623, 16, "An invalid floating point operation occurred."));
        }
        (F::Sqrt, _) => Value::Float(float(0).sqrt()),
        (F::Abs, Some(Value::Int(n))) => Value::Int(n.checked_abs().ok_or_else(overflow)?),
        (F::Sign, Some(Value::Int(n))) => Value::Int(n.signum()),
        (F::Round, Some(Value::Int(n))) if digits < 0 => {
            let unit = 10i64.checked_pow(u32::try_from(-digits).unwrap_or(20)).unwrap_or(i64::MAX);
            Value::Int((n + n.signum() * unit / 2) / unit * unit)
        }
        (_, Some(Value::Int(n))) => Value::Int(*n),
        (F::Abs, Some(Value::Float(n))) => Value::Float(n.abs()),
        (F::Sign, Some(Value::Float(n))) => Value::Float(if *n == 0.0 { 0.0 } else { n.signum() }),
        (F::Floor, Some(Value::Float(n))) => Value::Float(n.floor()),
        (F::Ceiling, Some(Value::Float(n))) => Value::Float(n.ceil()),
        (F::Round, Some(Value::Float(n))) => {
            let unit = 10f64.powi(i32::try_from(digits.clamp(-30, 30)).unwrap_or(0));
            Value::Float((n * unit).round() / unit)
        }
        (_, Some(Value::Decimal(n))) => {
            let one = 10i128.pow(u32::from(n.scale));
            let units = match function {
                F::Abs => n.units.abs(),
                F::Sign => n.units.signum() * one,
                F::Floor => n.units.div_euclid(one) * one,
                F::Ceiling => -((-n.units).div_euclid(one)) * one,
                _ => {
                    let kept = u8::try_from(digits.clamp(0, i64::from(n.scale))).unwrap_or(n.scale);
                    let rounded = rescale(n.units, n.scale, kept).ok_or_else(overflow)?;
                    rescale(rounded, kept, n.scale).ok_or_else(overflow)?
                }
            };
            let scale = ty.decimal_facets().1;
            Value::Decimal(Decimal { units: rescale(units, n.scale, scale).ok_or_else(overflow)?, scale })
        }
        _ => return Err(SqlError::bad_operand(ty, "function")),
    };
    match result {
        Value::Float(n) if !n.is_finite() => Err(overflow()),
        result => Ok(result),
    }
}

fn hash(algorithm: &str, value: &Value, ty: SqlType) -> Result<Value, SqlError> {
    use aws_lc_rs::digest;
    let bytes = match cast(value, ty, SqlType::VarBinary(MAX), 0)? {
        Value::Bytes(bytes) => bytes,
        _ => return Ok(Value::Null),
    };
    let algorithm = match algorithm.to_ascii_lowercase().as_str() {
        "sha1" | "sha" => &digest::SHA1_FOR_LEGACY_USE_ONLY,
        "sha2_256" => &digest::SHA256,
        "sha2_512" => &digest::SHA512,
        other => return Err(SqlError::unsupported(format!("The hash {other}"))),
    };
    Ok(Value::Bytes(digest::digest(algorithm, &bytes).as_ref().into()))
}

fn dates(function: Function, values: &[Value], ty: SqlType) -> Result<Value, SqlError> {
    use Function as F;
    let ticks = |index: usize| match values.get(index) {
        Some(Value::DateTime(ticks)) => *ticks,
        _ => 0,
    };
    let part = |index: usize| values.get(index).and_then(Value::as_text).unwrap_or_default();
    let result = match function {
        F::Year => measure("year", ticks(0)),
        F::Month => measure("month", ticks(0)),
        F::Day => measure("day", ticks(0)),
        F::DatePart => measure(part(0), ticks(1)),
        F::DateDiff => boundaries(part(0), ticks(2)).zip(boundaries(part(0), ticks(1))).map(|(to, from)| to - from),
        _ => return add(part(0), values.get(1).and_then(Value::as_int).unwrap_or(0), values.get(2), ty),
    };
    let known =
        result.ok_or_else(|| SqlError::new(155, 15, format!("'{}' is not a recognized datepart option.", part(0))))?;
    cast(&Value::Int(known), SqlType::BigInt, ty, 0)
}

fn measure(part: &str, ticks: i64) -> Option<i64> {
    let (days, of_day) = calendar::split(ticks);
    let (year, month, day) = calendar::date(days);
    Some(match part {
        "year" | "yy" | "yyyy" => i64::from(year),
        "quarter" | "qq" | "q" => i64::from((month - 1) / 3 + 1),
        "month" | "mm" | "m" => i64::from(month),
        "day" | "dd" | "d" => i64::from(day),
        "dayofyear" | "dy" | "y" => i64::from(days - calendar::days(year, 1, 1)? + 1),
        "weekday" | "dw" => i64::from((days + 1).rem_euclid(7) + 1),
        "hour" | "hh" => of_day / calendar::SECOND / 3600,
        "minute" | "mi" | "n" => of_day / calendar::SECOND / 60 % 60,
        "second" | "ss" | "s" => of_day / calendar::SECOND % 60,
        "millisecond" | "ms" => of_day % calendar::SECOND / 10_000,
        "microsecond" | "mcs" => of_day % calendar::SECOND / 10,
        "nanosecond" | "ns" => of_day % calendar::SECOND * 100,
        _ => return None,
    })
}

/// How many borders of this unit lie before a point in time.
fn boundaries(part: &str, ticks: i64) -> Option<i64> {
    let (days, _) = calendar::split(ticks);
    let (year, month, _) = calendar::date(days);
    Some(match part {
        "year" | "yy" | "yyyy" => i64::from(year),
        "quarter" | "qq" | "q" => i64::from(year) * 4 + i64::from((month - 1) / 3),
        "month" | "mm" | "m" => i64::from(year) * 12 + i64::from(month),
        "week" | "wk" | "ww" => i64::from((days + 1).div_euclid(7)),
        other => ticks.div_euclid(unit(other)?),
    })
}

fn unit(part: &str) -> Option<i64> {
    Some(match part {
        "day" | "dd" | "d" | "dayofyear" | "dy" | "y" | "weekday" | "dw" => calendar::DAY,
        "week" | "wk" | "ww" => 7 * calendar::DAY,
        "hour" | "hh" => 3600 * calendar::SECOND,
        "minute" | "mi" | "n" => 60 * calendar::SECOND,
        "second" | "ss" | "s" => calendar::SECOND,
        "millisecond" | "ms" => 10_000,
        "microsecond" | "mcs" => 10,
        _ => return None,
    })
}

fn add(part: &str, count: i64, moment: Option<&Value>, ty: SqlType) -> Result<Value, SqlError> {
    let (ticks, offset) = match moment {
        Some(Value::DateTime(ticks)) | Some(Value::Time(ticks)) => (*ticks, 0),
        Some(Value::Date(days)) => (calendar::join(*days, 0), 0),
        Some(Value::Offset(ticks, offset)) => (ticks + i64::from(*offset) * 60 * calendar::SECOND, *offset),
        _ => return Err(SqlError::bad_operand(ty, "dateadd")),
    };
    let overflow = || SqlError::new(517, 16, format!("Adding a value to a '{ty}' column caused an overflow."));
    let months = match part {
        "year" | "yy" | "yyyy" => Some(12),
        "quarter" | "qq" | "q" => Some(3),
        "month" | "mm" | "m" => Some(1),
        _ => None,
    };
    let moved = if let Some(months) = months {
        let (days, of_day) = calendar::split(ticks);
        let (year, month, day) = calendar::date(days);
        let total = count
            .checked_mul(months)
            .and_then(|by| by.checked_add(i64::from(year) * 12 + i64::from(month) - 1))
            .ok_or_else(overflow)?;
        let (year, month) = (
            i32::try_from(total.div_euclid(12)).map_err(|_| overflow())?,
            u32::try_from(total.rem_euclid(12) + 1).unwrap_or(1),
        );
        let days =
            (0..4).find_map(|back| calendar::days(year, month, day.saturating_sub(back))).ok_or_else(overflow)?;
        calendar::join(days, of_day)
    } else {
        let unit = unit(part)
            .ok_or_else(|| SqlError::new(155, 15, format!("'{part}' is not a recognized dateadd option.")))?;
        count.checked_mul(unit).and_then(|by| ticks.checked_add(by)).ok_or_else(overflow)?
    };
    moment_of(if ty.family() == Family::Time { moved.rem_euclid(calendar::DAY) } else { moved }, offset, ty)
}
