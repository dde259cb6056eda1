//! CAST and CONVERT: a value of one type as a value of another, with SQL Server's refusals.

use std::sync::Arc;

use super::calendar::{self, DAYS_TO_1900};
use super::error::SqlError;
use super::types::{Family, MAX, SqlType};
use super::value::{Decimal, Value, rescale};

type Converted = Result<Value, SqlError>;

/// `value`, of type `from`, as a `to`; texts too long are cut, as CAST does.
pub fn cast(value: &Value, from: SqlType, to: SqlType, style: i64) -> Converted {
    if value.is_null() {
        return Ok(Value::Null);
    }
    if from == to {
        return Ok(value.clone());
    }
    match to.family() {
        Family::Integer => to_integer(value, from, to),
        Family::Float => to_float(value, from, to),
        Family::Decimal => to_decimal(value, from, to),
        Family::Text => to_text(value, from, style).map(|text| fit_text(text, to)),
        Family::Binary => to_binary(value, from, style).map(|bytes| fit_bytes(bytes, to)),
        Family::Guid => to_guid(value, from),
        Family::Date | Family::Time | Family::DateTime | Family::Offset => to_moment(value, from, to),
    }
}

/// The same for what goes into a column: a text that would be cut is an error.
pub fn assign(value: &Value, from: SqlType, to: SqlType, table: &str, column: &str) -> Converted {
    let limit = usize::from(to.length());
    if limit > 0 && to.length() != MAX {
        let too_long = match value {
            Value::Text(text) if to.family() == Family::Text => {
                text.len() > limit && characters(text.trim_end_matches(' '), to) > limit
            }
            Value::Bytes(bytes) if to.family() == Family::Binary => bytes.len() > limit,
            _ => false,
        };
        if too_long {
            let shown: String = value.as_text().unwrap_or_default().chars().take(limit).collect();
            return Err(SqlError::truncated(table, column, shown));
        }
    }
    cast(value, from, to, 0)
}

/// How long a text is in its type's own counting: UTF-16 units or bytes of the code page.
fn characters(text: &str, ty: SqlType) -> usize {
    if ty.is_unicode() { text.encode_utf16().count() } else { text.chars().count() }
}

fn fit_text(text: Arc<str>, to: SqlType) -> Value {
    let limit = usize::from(to.length());
    let text: Arc<str> = if to.is_unicode() || text.is_ascii() {
        text
    } else {
        text.chars().map(|c| if code_page_byte(c).is_some() { c } else { '?' }).collect::<String>().into()
    };
    if to.length() == MAX {
        return Value::Text(text);
    }
    let length = if text.is_ascii() { text.len() } else { characters(&text, to) };
    if length > limit {
        let mut taken = 0;
        let width = |c: char| if to.is_unicode() { c.len_utf16() } else { 1 };
        let cut: String = text
            .chars()
            .take_while(|c| {
                taken += width(*c);
                taken <= limit
            })
            .collect();
        return Value::text(cut);
    }
    if matches!(to, SqlType::Char(_) | SqlType::NChar(_)) && length < limit {
        let mut padded = String::with_capacity(text.len() + limit - length);
        padded.push_str(&text);
        padded.extend(std::iter::repeat_n(' ', limit - length));
        return Value::text(padded);
    }
    Value::Text(text)
}

fn fit_bytes(bytes: Arc<[u8]>, to: SqlType) -> Value {
    let limit = usize::from(to.length());
    if to.length() != MAX && bytes.len() > limit {
        return Value::Bytes(bytes.get(..limit).unwrap_or_default().into());
    }
    if matches!(to, SqlType::Binary(_)) && bytes.len() < limit {
        let mut padded = bytes.to_vec();
        padded.resize(limit, 0);
        return Value::Bytes(padded.into());
    }
    Value::Bytes(bytes)
}

fn to_integer(value: &Value, from: SqlType, to: SqlType) -> Converted {
    let number = match value {
        Value::Int(n) => i128::from(*n),
        Value::Float(n) if n.is_finite() && n.abs() < 1e19 => n.trunc() as i128,
        Value::Float(_) => return Err(SqlError::arithmetic_overflow(to)),
        Value::Decimal(n) if matches!(from, SqlType::Money | SqlType::SmallMoney) => {
            rescale(n.units, n.scale, 0).unwrap_or(i128::MAX)
        }
        Value::Decimal(n) => n.units / 10i128.pow(u32::from(n.scale)),
        Value::Text(text) => match (text.trim(), to) {
            ("", _) => 0,
            (word, SqlType::Bit) if word.eq_ignore_ascii_case("true") => 1,
            (word, SqlType::Bit) if word.eq_ignore_ascii_case("false") => 0,
            (word, _) => word.parse::<i128>().map_err(|_| SqlError::conversion(from, text, to))?,
        },
        Value::Bytes(bytes) => bytes
            .iter()
            .rev()
            .take(8)
            .enumerate()
            .fold(0u64, |n, (i, b)| n | u64::from(*b) << (8 * i))
            .cast_signed()
            .into(),
        Value::DateTime(ticks) if matches!(from, SqlType::DateTime | SqlType::SmallDateTime) => {
            i128::from(calendar::round(*ticks, 0) / calendar::DAY) - i128::from(DAYS_TO_1900)
        }
        _ => return Err(SqlError::no_conversion(from, to)),
    };
    let fits = |low: i64, high: i64| i64::try_from(number).ok().filter(|n| (low..=high).contains(n));
    let fitted = match to {
        SqlType::Bit => Some(i64::from(number != 0)),
        SqlType::TinyInt => fits(0, 255),
        SqlType::SmallInt => fits(i64::from(i16::MIN), i64::from(i16::MAX)),
        SqlType::Int => fits(i64::from(i32::MIN), i64::from(i32::MAX)),
        _ => fits(i64::MIN, i64::MAX),
    };
    fitted.map(Value::Int).ok_or_else(|| match (to, value) {
        (SqlType::TinyInt | SqlType::SmallInt, Value::Int(n)) => SqlError::small_overflow(to, n),
        _ => SqlError::arithmetic_overflow(to),
    })
}

fn to_float(value: &Value, from: SqlType, to: SqlType) -> Converted {
    let number = match value {
        Value::Int(n) => *n as f64,
        Value::Float(n) => *n,
        Value::Decimal(n) => decimal_text(*n).parse().unwrap_or(0.0),
        Value::Text(text) if text.trim().is_empty() => 0.0,
        Value::Text(text) => text
            .trim()
            .parse::<f64>()
            .ok()
            .filter(|n| n.is_finite())
            .ok_or_else(|| SqlError::conversion_numeric(from, to))?,
        Value::DateTime(ticks) if matches!(from, SqlType::DateTime | SqlType::SmallDateTime) => {
            *ticks as f64 / calendar::DAY as f64 - f64::from(DAYS_TO_1900)
        }
        _ => return Err(SqlError::no_conversion(from, to)),
    };
    let number = if to == SqlType::Real { f64::from(number as f32) } else { number };
    if number.is_finite() { Ok(Value::Float(number)) } else { Err(SqlError::arithmetic_overflow(to)) }
}

fn to_decimal(value: &Value, from: SqlType, to: SqlType) -> Converted {
    let (precision, scale) = to.decimal_facets();
    let overflow =
        || SqlError::arithmetic_overflow(if matches!(to, SqlType::Decimal { .. }) { "numeric" } else { to.name() });
    let exact = match value {
        Value::Int(n) => Decimal { units: i128::from(*n), scale: 0 },
        Value::Decimal(n) => *n,
        Value::Float(n) => parse_decimal(&format!("{n:.*}", usize::from(scale.min(30)))).ok_or_else(overflow)?,
        Value::Text(text) => {
            let refused = || {
                SqlError::conversion_numeric(
                    from,
                    if matches!(to, SqlType::Decimal { .. }) { "numeric" } else { to.name() },
                )
            };
            let text = text.trim();
            let text = if matches!(to, SqlType::Decimal { .. }) {
                text.to_owned()
            } else {
                text.trim_start_matches('$').replace(',', "")
            };
            parse_decimal(&text).ok_or_else(refused)?
        }
        _ => return Err(SqlError::no_conversion(from, to)),
    };
    let units = rescale(exact.units, exact.scale, scale).ok_or_else(overflow)?;
    let limit = match to {
        SqlType::Money => i128::from(i64::MAX),
        SqlType::SmallMoney => i128::from(i32::MAX),
        _ => 10i128.pow(u32::from(precision)) - 1,
    };
    if units.abs() > limit { Err(overflow()) } else { Ok(Value::Decimal(Decimal { units, scale })) }
}

/// Reads `-12.5` or `1.2e3`.
pub fn parse_decimal(text: &str) -> Option<Decimal> {
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, exponent.parse::<i32>().ok()?),
        None => (text, 0),
    };
    let (negative, digits) = match mantissa.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, mantissa.strip_prefix('+').unwrap_or(mantissa)),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    if whole.is_empty() && fraction.is_empty() || !whole.bytes().chain(fraction.bytes()).all(|c| c.is_ascii_digit()) {
        return None;
    }
    let fraction = fraction.get(..fraction.len().min(38)).unwrap_or(fraction);
    let whole = whole.trim_start_matches('0');
    let all = format!("{whole}{fraction}");
    let units: i128 = if all.is_empty() { 0 } else { all.parse().ok()? };
    let units = if negative { -units } else { units };
    let scale = i32::try_from(fraction.len()).ok()? - exponent;
    match u8::try_from(scale) {
        Ok(scale) if scale <= 38 => Some(Decimal { units, scale }),
        Ok(scale) => rescale(units, scale, 38).map(|units| Decimal { units, scale: 38 }),
        Err(_) => rescale(units, 0, u8::try_from(-scale).ok()?).map(|units| Decimal { units, scale: 0 }),
    }
}

/// `-12.50`.
pub fn decimal_text(number: Decimal) -> String {
    let digits = format!("{:0>width$}", number.units.unsigned_abs(), width = usize::from(number.scale) + 1);
    let (whole, fraction) = digits.split_at_checked(digits.len() - usize::from(number.scale)).unwrap_or((&digits, ""));
    let sign = if number.units < 0 { "-" } else { "" };
    if fraction.is_empty() { format!("{sign}{whole}") } else { format!("{sign}{whole}.{fraction}") }
}

fn to_text(value: &Value, from: SqlType, style: i64) -> Result<Arc<str>, SqlError> {
    Ok(match value {
        Value::Null => "".into(),
        Value::Text(text) => Arc::clone(text),
        Value::Int(n) => n.to_string().into(),
        Value::Float(n) => float_text(*n, style).into(),
        Value::Decimal(n) if matches!(from, SqlType::Money | SqlType::SmallMoney) && style != 2 => {
            let cents = rescale(n.units, n.scale, 2).unwrap_or(n.units);
            decimal_text(Decimal { units: cents, scale: 2 }).into()
        }
        Value::Decimal(n) => decimal_text(*n).into(),
        Value::Guid(guid) => guid_text(guid).into(),
        Value::Bytes(bytes) if style == 0 => match from_code_page(bytes) {
            text if text.is_ascii() => text.into(),
            text => text.into(),
        },
        Value::Bytes(bytes) => {
            let digits: String = bytes.iter().map(|b| format!("{b:02X}")).collect();
            if style == 1 { format!("0x{digits}").into() } else { digits.into() }
        }
        Value::Date(days) => moment_text(calendar::join(*days, 0), from, style)?.into(),
        Value::Time(ticks) => calendar::time_text(*ticks, scale_of(from)).into(),
        Value::DateTime(ticks) => moment_text(*ticks, from, style)?.into(),
        Value::Offset(ticks, offset) => {
            let local = ticks + i64::from(*offset) * 60 * calendar::SECOND;
            let (days, of_day) = calendar::split(local);
            let (date, time) = (calendar::date_text(days), calendar::time_text(of_day, scale_of(from)));
            format!("{date} {time} {}", calendar::offset_text(*offset)).into()
        }
    })
}

fn float_text(number: f64, style: i64) -> String {
    if matches!(style, 1..=3) {
        return format!("{number:e}");
    }
    let rounded: f64 = format!("{number:.5e}").parse().unwrap_or(number);
    if rounded != 0.0 && !(1e-5..1e15).contains(&rounded.abs()) {
        let text = format!("{rounded:e}");
        let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
        let exponent: i32 = exponent.parse().unwrap_or(0);
        return format!("{mantissa}e{}{:03}", if exponent < 0 { '-' } else { '+' }, exponent.abs());
    }
    format!("{rounded}")
}

fn scale_of(ty: SqlType) -> u8 {
    match ty {
        SqlType::Time(scale) | SqlType::DateTime2(scale) | SqlType::DateTimeOffset(scale) => scale,
        SqlType::DateTime => 3,
        _ => 0,
    }
}

fn moment_text(ticks: i64, from: SqlType, style: i64) -> Result<String, SqlError> {
    let (days, of_day) = calendar::split(ticks);
    let (year, month, day) = calendar::date(days);
    let dated = from == SqlType::Date;
    let time = |scale: u8| {
        calendar::time_text(if from == SqlType::DateTime { of_day / 10_000 * 10_000 } else { of_day }, scale)
    };
    Ok(match style {
        0 if matches!(from, SqlType::DateTime | SqlType::SmallDateTime) => {
            let (hour, minute) = (of_day / calendar::SECOND / 3600, of_day / calendar::SECOND / 60 % 60);
            let (hour12, half) = (if hour % 12 == 0 { 12 } else { hour % 12 }, if hour < 12 { "AM" } else { "PM" });
            format!("{} {day:2} {year:04} {hour12:2}:{minute:02}{half}", calendar::month_name(month))
        }
        0 | 23 | 121 | 21 | 25 if dated => calendar::date_text(days),
        0 | 121 | 21 | 25 => format!("{} {}", calendar::date_text(days), time(scale_of(from))),
        23 => calendar::date_text(days),
        112 => format!("{year:04}{month:02}{day:02}"),
        120 | 20 if dated => calendar::date_text(days),
        120 | 20 => format!("{} {}", calendar::date_text(days), time(0)),
        126 | 127 if dated => calendar::date_text(days),
        126 | 127 => format!("{}T{}", calendar::date_text(days), time(scale_of(from))),
        101 => format!("{month:02}/{day:02}/{year:04}"),
        103 => format!("{day:02}/{month:02}/{year:04}"),
        104 => format!("{day:02}.{month:02}.{year:04}"),
        108 => time(0),
        _ => return Err(SqlError::unsupported(format!("Style {style} of CONVERT"))),
    })
}

/// `6F9619FF-8B86-D011-B42D-00C04FC964FF`: the first three groups are little-endian on the wire.
pub fn guid_text(guid: &[u8; 16]) -> String {
    uuid::Uuid::from_bytes_le(*guid).hyphenated().to_string().to_uppercase()
}

fn to_guid(value: &Value, from: SqlType) -> Converted {
    match value {
        Value::Text(text) => uuid::Uuid::parse_str(text.trim())
            .map(|guid| Value::Guid(guid.to_bytes_le()))
            .map_err(|_| SqlError::conversion_guid()),
        Value::Bytes(bytes) => {
            let mut guid = [0; 16];
            guid.iter_mut().zip(bytes.iter()).for_each(|(to, from)| *to = *from);
            Ok(Value::Guid(guid))
        }
        _ => Err(SqlError::no_conversion(from, SqlType::Guid)),
    }
}

fn to_binary(value: &Value, from: SqlType, style: i64) -> Result<Arc<[u8]>, SqlError> {
    Ok(match value {
        Value::Bytes(bytes) => Arc::clone(bytes),
        Value::Guid(guid) => Arc::from(guid.as_slice()),
        Value::Int(n) => {
            let bytes = n.to_be_bytes();
            let width = usize::try_from(from.byte_length()).unwrap_or(8);
            bytes.get(8usize.saturating_sub(width)..).unwrap_or(&bytes).into()
        }
        Value::Text(text) if style > 0 => {
            let digits = if style == 1 { text.strip_prefix("0x").unwrap_or(text) } else { text };
            hex(digits).ok_or_else(|| SqlError::conversion_numeric(from, "varbinary"))?.into()
        }
        Value::Text(text) if from.is_unicode() => text.encode_utf16().flat_map(u16::to_le_bytes).collect(),
        Value::Text(text) => text.chars().map(|c| code_page_byte(c).unwrap_or(b'?')).collect(),
        _ => return Err(SqlError::no_conversion(from, "varbinary")),
    })
}

/// Bytes of an even number of hexadecimal digits.
pub fn hex(digits: &str) -> Option<Vec<u8>> {
    if !digits.len().is_multiple_of(2) || !digits.is_ascii() {
        return None;
    }
    digits.as_bytes().chunks(2).map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()).collect()
}

fn to_moment(value: &Value, from: SqlType, to: SqlType) -> Converted {
    // Ticks since 0001-01-01 by the value's own clock, and how far that is ahead of UTC.
    let (ticks, offset) = match value {
        Value::Date(days) => (calendar::join(*days, 0), 0),
        Value::Time(ticks) => (calendar::join(DAYS_TO_1900, *ticks), 0),
        Value::DateTime(ticks) => (*ticks, 0),
        Value::Offset(ticks, offset) => (ticks + i64::from(*offset) * 60 * calendar::SECOND, *offset),
        Value::Text(text) => {
            let parsed = calendar::parse(text).ok_or_else(SqlError::conversion_date)?;
            let ticks = calendar::join(parsed.days.unwrap_or(DAYS_TO_1900), parsed.ticks.unwrap_or(0));
            (ticks, parsed.offset.unwrap_or(0))
        }
        Value::Int(n) if matches!(to, SqlType::DateTime | SqlType::SmallDateTime) => {
            let days = i32::try_from(*n).ok().and_then(|n| n.checked_add(DAYS_TO_1900));
            let days = days
                .filter(|d| (0..calendar::DAYS_END).contains(d))
                .ok_or_else(|| SqlError::arithmetic_overflow(to))?;
            (calendar::join(days, 0), 0)
        }
        _ => return Err(SqlError::clash(from, to)),
    };
    moment_of(ticks, offset, to)
}

/// A point in time by its own clock as a value of the type, rounded as the type does.
pub fn moment_of(ticks: i64, offset: i16, to: SqlType) -> Converted {
    let out_of_range = || SqlError::new(242, 16, format!("The conversion to {to} resulted in an out-of-range value."));
    let end = calendar::join(calendar::DAYS_END, 0);
    let rounded = match to {
        SqlType::Date => ticks,
        SqlType::Time(scale) => calendar::round(calendar::split(ticks).1, scale) % calendar::DAY,
        SqlType::SmallDateTime => {
            (ticks + 30 * calendar::SECOND).div_euclid(60 * calendar::SECOND) * 60 * calendar::SECOND
        }
        SqlType::DateTime => calendar::round_datetime(ticks),
        SqlType::DateTime2(scale) | SqlType::DateTimeOffset(scale) => calendar::round(ticks, scale),
        _ => return Err(SqlError::clash("datetime2", to)),
    };
    let first = match to {
        SqlType::DateTime => calendar::join(calendar::days(1753, 1, 1).unwrap_or(0), 0),
        SqlType::SmallDateTime => calendar::join(DAYS_TO_1900, 0),
        _ => 0,
    };
    let last = if to == SqlType::SmallDateTime { calendar::join(DAYS_TO_1900 + 65_536, 0) } else { end };
    if !matches!(to, SqlType::Time(_)) && !(first..last).contains(&rounded) {
        return Err(out_of_range());
    }
    Ok(match to {
        SqlType::Date => Value::Date(calendar::split(rounded).0),
        SqlType::Time(_) => Value::Time(rounded),
        SqlType::DateTimeOffset(_) => Value::Offset(rounded - i64::from(offset) * 60 * calendar::SECOND, offset),
        _ => Value::DateTime(rounded),
    })
}

/// Code page 1252, which `varchar` has in the default collation.
const CODE_PAGE_HIGH: [char; 32] = [
    '€', '\u{81}', '‚', 'ƒ', '„', '…', '†', '‡', 'ˆ', '‰', 'Š', '‹', 'Œ', '\u{8d}', 'Ž', '\u{8f}', '\u{90}', '‘', '’',
    '“', '”', '•', '–', '—', '˜', '™', 'š', '›', 'œ', '\u{9d}', 'ž', 'Ÿ',
];

/// A character's byte in the code page, if it has one.
pub fn code_page_byte(c: char) -> Option<u8> {
    match u32::from(c) {
        n @ (0..=0x7f | 0xa0..=0xff) => u8::try_from(n).ok(),
        _ => CODE_PAGE_HIGH.iter().position(|high| *high == c).and_then(|i| u8::try_from(i + 0x80).ok()),
    }
}

/// The text of bytes in the code page.
pub fn from_code_page(bytes: &[u8]) -> String {
    bytes
        .iter()
        .map(|b| CODE_PAGE_HIGH.get(usize::from(*b).wrapping_sub(0x80)).copied().unwrap_or(char::from(*b)))
        .collect()
}
