//! Values as they stand in rows and parameters (MS-TDS 2.2.5.2, 2.2.5.5), read and written by their type.

use super::{
    Place, TypeInfo, UNLIMITED, Variant, plp,
    table::Table,
    types::{decimal_len, time_len},
};
use crate::tds::{
    DecodeError, EncodeError,
    cursor::{Put as _, Reader, utf16_lossy},
};

/// A value. What its numbers mean beyond themselves (scale, collation) is in its type.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// NULL.
    Null,
    /// A bit.
    Bit(bool),
    /// `tinyint`.
    TinyInt(u8),
    /// `smallint`.
    SmallInt(i16),
    /// `int`.
    Int(i32),
    /// `bigint`.
    BigInt(i64),
    /// `real`.
    Real(f32),
    /// `float`.
    Float(f64),
    /// `smallmoney`, in ten-thousandths.
    SmallMoney(i32),
    /// `money`, in ten-thousandths.
    Money(i64),
    /// `smalldatetime`.
    SmallDateTime {
        /// Days since 1900-01-01.
        days: u16,
        /// Minutes since midnight.
        minutes: u16,
    },
    /// `datetime`.
    DateTime {
        /// Days since 1900-01-01.
        days: i32,
        /// Three-hundredths of a second since midnight.
        ticks: u32,
    },
    /// `decimal` and `numeric`: all digits as one number, the point where the type's scale says.
    Decimal {
        /// The sign.
        positive: bool,
        /// The digits.
        digits: u128,
    },
    /// `uniqueidentifier`, in the wire's order.
    Guid([u8; 16]),
    /// `date`: days since 0001-01-01.
    Date(u32),
    /// `time`: units of the type's scale since midnight.
    Time(u64),
    /// `datetime2`.
    DateTime2 {
        /// Days since 0001-01-01.
        days: u32,
        /// Units of the type's scale since midnight.
        time: u64,
    },
    /// `datetimeoffset`; day and time are in UTC.
    DateTimeOffset {
        /// Days since 0001-01-01.
        days: u32,
        /// Units of the type's scale since midnight.
        time: u64,
        /// Minutes from UTC.
        offset: i16,
    },
    /// Bytes: of the binary types, of the 8-bit character types, of a type of the common language runtime.
    Bytes(Vec<u8>),
    /// Text of the Unicode types and XML.
    Text(String),
    /// `sql_variant`.
    Variant(Box<Variant>),
    /// The rows of a table-valued parameter.
    Table(Table),
}

/// The length that stands for NULL where a length has two bytes, and where it has four.
const NULL_16: u16 = 0xFFFF;
const NULL_32: u32 = 0xFFFF_FFFF;

impl Value {
    /// Reads a value of this type.
    pub fn decode(reader: &mut Reader<'_>, kind: &TypeInfo, place: Place) -> Result<Self, DecodeError> {
        match kind {
            TypeInfo::Null => Ok(Self::Null),
            TypeInfo::TinyInt => scalar(reader, kind, 1),
            TypeInfo::Bit => scalar(reader, kind, 1),
            TypeInfo::SmallInt => scalar(reader, kind, 2),
            TypeInfo::Int | TypeInfo::Real | TypeInfo::SmallMoney | TypeInfo::SmallDateTime => scalar(reader, kind, 4),
            TypeInfo::BigInt | TypeInfo::Float | TypeInfo::Money | TypeInfo::DateTime => scalar(reader, kind, 8),
            TypeInfo::Char(length, _)
            | TypeInfo::VarChar(length, _)
            | TypeInfo::Binary(length)
            | TypeInfo::VarBinary(length) => Ok(sized(reader, *length)?.map_or(Self::Null, Self::Bytes)),
            TypeInfo::NChar(length, _) | TypeInfo::NVarChar(length, _) => {
                Ok(sized(reader, *length)?.map_or(Self::Null, |bytes| Self::Text(utf16_lossy(&bytes))))
            }
            TypeInfo::Xml(_) => Ok(plp::decode(reader)?.map_or(Self::Null, |bytes| Self::Text(utf16_lossy(&bytes)))),
            TypeInfo::Udt(_) => Ok(plp::decode(reader)?.map_or(Self::Null, Self::Bytes)),
            TypeInfo::Text(..) | TypeInfo::Image(_) => {
                Ok(large_object(reader, place)?.map_or(Self::Null, |bytes| Self::Bytes(bytes.to_vec())))
            }
            TypeInfo::NText(..) => {
                Ok(large_object(reader, place)?.map_or(Self::Null, |bytes| Self::Text(utf16_lossy(bytes))))
            }
            TypeInfo::Variant(_) => match reader.l_bytes()? {
                [] => Ok(Self::Null),
                body => Variant::decode(body).map(|variant| Self::Variant(Box::new(variant))),
            },
            TypeInfo::Table(table) => Table::decode(reader, table).map(Self::Table),
            _ => match usize::from(reader.u8()?) {
                0 => Ok(Self::Null),
                width => scalar(reader, kind, width),
            },
        }
    }

    /// Appends the value as one of this type.
    pub fn encode(&self, kind: &TypeInfo, place: Place, out: &mut Vec<u8>) -> Result<(), EncodeError> {
        match kind {
            TypeInfo::Null if *self == Self::Null => Ok(()),
            TypeInfo::Char(length, _)
            | TypeInfo::VarChar(length, _)
            | TypeInfo::Binary(length)
            | TypeInfo::VarBinary(length) => put_sized(self.as_bytes()?, *length, out),
            TypeInfo::NChar(length, _) | TypeInfo::NVarChar(length, _) => {
                put_sized(self.as_utf16()?.as_deref(), *length, out)
            }
            TypeInfo::Xml(_) => {
                plp::encode(self.as_utf16()?.as_deref(), out);
                Ok(())
            }
            TypeInfo::Udt(_) => {
                plp::encode(self.as_bytes()?, out);
                Ok(())
            }
            TypeInfo::Text(..) | TypeInfo::Image(_) => put_large_object(self.as_bytes()?, place, out),
            TypeInfo::NText(..) => put_large_object(self.as_utf16()?.as_deref(), place, out),
            TypeInfo::Variant(_) => match self {
                Self::Null => {
                    out.put_u32(0);
                    Ok(())
                }
                Self::Variant(variant) => {
                    out.put_l_bytes(&variant.encode()?);
                    Ok(())
                }
                _ => Err(EncodeError::WrongType("sql_variant")),
            },
            TypeInfo::Table(table) => match self {
                Self::Table(rows) => rows.encode(table, out),
                _ => Err(EncodeError::WrongType("a table type")),
            },
            _ => self.encode_scalar(kind, out),
        }
    }

    /// Those whose length, if told at all, is one byte.
    fn encode_scalar(&self, kind: &TypeInfo, out: &mut Vec<u8>) -> Result<(), EncodeError> {
        let is_fixed = super::value::fixed_width(kind).is_some();
        if *self == Self::Null && !is_fixed {
            out.put_u8(0);
            return Ok(());
        }
        let mut body = Vec::new();
        self.put_scalar(kind, &mut body)?;
        if !is_fixed {
            out.put_u8(u8::try_from(body.len()).unwrap_or(u8::MAX));
        }
        out.put(&body);
        Ok(())
    }

    /// The bytes of a scalar, without a length.
    pub(super) fn put_scalar(&self, kind: &TypeInfo, body: &mut Vec<u8>) -> Result<(), EncodeError> {
        use TypeInfo as T;
        match (kind, self) {
            (T::Bit | T::BitN, Self::Bit(bit)) => body.put_u8((*bit).into()),
            (T::TinyInt | T::IntN(1), Self::TinyInt(value)) => body.put_u8(*value),
            (T::SmallInt | T::IntN(2), Self::SmallInt(value)) => body.put(&value.to_le_bytes()),
            (T::Int | T::IntN(4), Self::Int(value)) => body.put(&value.to_le_bytes()),
            (T::BigInt | T::IntN(8), Self::BigInt(value)) => body.put(&value.to_le_bytes()),
            (T::Real | T::FloatN(4), Self::Real(value)) => body.put(&value.to_le_bytes()),
            (T::Float | T::FloatN(8), Self::Float(value)) => body.put(&value.to_le_bytes()),
            (T::SmallMoney | T::MoneyN(4), Self::SmallMoney(value)) => body.put(&value.to_le_bytes()),
            // The high half comes first.
            (T::Money | T::MoneyN(8), Self::Money(value)) => body.put_u64(value.cast_unsigned().rotate_left(32)),
            (T::SmallDateTime | T::DateTimeN(4), Self::SmallDateTime { days, minutes }) => {
                body.put_u16(*days);
                body.put_u16(*minutes);
            }
            (T::DateTime | T::DateTimeN(8), Self::DateTime { days, ticks }) => {
                body.put(&days.to_le_bytes());
                body.put_u32(*ticks);
            }
            (T::Guid, Self::Guid(guid)) => body.put(guid),
            (T::Decimal { precision, .. } | T::Numeric { precision, .. }, Self::Decimal { positive, digits }) => {
                body.put_u8((*positive).into());
                put_low(*digits, usize::from(decimal_len(*precision)) - 1, body)?;
            }
            (T::Date, Self::Date(days)) => put_low((*days).into(), 3, body)?,
            (T::Time(scale), Self::Time(time)) => put_low((*time).into(), time_len(*scale), body)?,
            (T::DateTime2(scale), Self::DateTime2 { days, time }) => {
                put_low((*time).into(), time_len(*scale), body)?;
                put_low((*days).into(), 3, body)?;
            }
            (T::DateTimeOffset(scale), Self::DateTimeOffset { days, time, offset }) => {
                put_low((*time).into(), time_len(*scale), body)?;
                put_low((*days).into(), 3, body)?;
                body.put(&offset.to_le_bytes());
            }
            _ => return Err(EncodeError::WrongType("the column's type")),
        }
        Ok(())
    }

    fn as_bytes(&self) -> Result<Option<&[u8]>, EncodeError> {
        match self {
            Self::Null => Ok(None),
            Self::Bytes(bytes) => Ok(Some(bytes)),
            _ => Err(EncodeError::WrongType("a type of bytes")),
        }
    }

    fn as_utf16(&self) -> Result<Option<Vec<u8>>, EncodeError> {
        match self {
            Self::Null => Ok(None),
            Self::Text(text) => {
                let mut bytes = Vec::with_capacity(text.len() * 2);
                bytes.put_text(text);
                Ok(Some(bytes))
            }
            _ => Err(EncodeError::WrongType("a type of text")),
        }
    }
}

/// How many bytes values of a type have that is never NULL and therefore needs no length.
pub(super) fn fixed_width(kind: &TypeInfo) -> Option<usize> {
    match kind {
        TypeInfo::TinyInt | TypeInfo::Bit => Some(1),
        TypeInfo::SmallInt => Some(2),
        TypeInfo::Int | TypeInfo::Real | TypeInfo::SmallMoney | TypeInfo::SmallDateTime => Some(4),
        TypeInfo::BigInt | TypeInfo::Float | TypeInfo::Money | TypeInfo::DateTime => Some(8),
        _ => None,
    }
}

/// Reads a scalar of so many bytes.
pub(super) fn scalar(reader: &mut Reader<'_>, kind: &TypeInfo, width: usize) -> Result<Value, DecodeError> {
    use TypeInfo as T;
    let mut body = reader.part(width)?;
    let value = match (kind, width) {
        (T::Bit | T::BitN, 1) => Value::Bit(body.u8()? != 0),
        (T::TinyInt | T::IntN(_), 1) => Value::TinyInt(body.u8()?),
        (T::SmallInt | T::IntN(_), 2) => Value::SmallInt(body.u16()?.cast_signed()),
        (T::Int | T::IntN(_), 4) => Value::Int(body.u32()?.cast_signed()),
        (T::BigInt | T::IntN(_), 8) => Value::BigInt(body.u64()?.cast_signed()),
        (T::Real | T::FloatN(_), 4) => Value::Real(body.array().map(f32::from_le_bytes)?),
        (T::Float | T::FloatN(_), 8) => Value::Float(body.array().map(f64::from_le_bytes)?),
        (T::SmallMoney | T::MoneyN(_), 4) => Value::SmallMoney(body.u32()?.cast_signed()),
        (T::Money | T::MoneyN(_), 8) => Value::Money(body.u64()?.rotate_left(32).cast_signed()),
        (T::SmallDateTime | T::DateTimeN(_), 4) => Value::SmallDateTime { days: body.u16()?, minutes: body.u16()? },
        (T::DateTime | T::DateTimeN(_), 8) => Value::DateTime { days: body.u32()?.cast_signed(), ticks: body.u32()? },
        (T::Guid, 16) => Value::Guid(body.array()?),
        (T::Decimal { .. } | T::Numeric { .. }, 2..=17) => {
            Value::Decimal { positive: body.u8()? != 0, digits: low(&mut body, width - 1)? }
        }
        (T::Date, 3) => Value::Date(days(&mut body)?),
        (T::Time(scale), _) if width == time_len(*scale) => Value::Time(time(&mut body, *scale)?),
        (T::DateTime2(scale), _) if width == time_len(*scale) + 3 => {
            Value::DateTime2 { time: time(&mut body, *scale)?, days: days(&mut body)? }
        }
        (T::DateTimeOffset(scale), _) if width == time_len(*scale) + 5 => Value::DateTimeOffset {
            time: time(&mut body, *scale)?,
            days: days(&mut body)?,
            offset: body.u16()?.cast_signed(),
        },
        _ => return Err(DecodeError::Malformed("length of a value")),
    };
    Ok(value)
}

fn days(body: &mut Reader<'_>) -> Result<u32, DecodeError> {
    let [a, b, c] = body.array()?;
    Ok(u32::from_le_bytes([a, b, c, 0]))
}

fn time(body: &mut Reader<'_>, scale: u8) -> Result<u64, DecodeError> {
    u64::try_from(low(body, time_len(scale))?).map_err(|_| DecodeError::Malformed("time"))
}

/// A number from so many bytes, the low ones first.
fn low(body: &mut Reader<'_>, count: usize) -> Result<u128, DecodeError> {
    Ok(body.bytes(count)?.iter().rev().fold(0, |number, byte| number << 8 | u128::from(*byte)))
}

/// Appends the low bytes of a number, which must have no others.
fn put_low(number: u128, count: usize, body: &mut Vec<u8>) -> Result<(), EncodeError> {
    let bytes = number.to_le_bytes();
    match bytes.split_at_checked(count) {
        Some((kept, rest)) if rest.iter().all(|byte| *byte == 0) => {
            body.put(kept);
            Ok(())
        }
        _ => Err(EncodeError::TooLong("a number")),
    }
}

/// A value whose length has two bytes, or that is long if its type has no limit.
fn sized(reader: &mut Reader<'_>, max: u16) -> Result<Option<Vec<u8>>, DecodeError> {
    if max == UNLIMITED {
        return plp::decode(reader);
    }
    match reader.u16()? {
        NULL_16 => Ok(None),
        length => Ok(Some(reader.bytes(length.into())?.to_vec())),
    }
}

fn put_sized(bytes: Option<&[u8]>, max: u16, out: &mut Vec<u8>) -> Result<(), EncodeError> {
    if max == UNLIMITED {
        plp::encode(bytes, out);
        return Ok(());
    }
    match bytes {
        None => out.put_u16(NULL_16),
        Some(bytes) if bytes.len() > max.into() => return Err(EncodeError::TooLong("a value")),
        Some(bytes) => out.put_us_bytes(bytes),
    }
    Ok(())
}

/// A value of `text`, `ntext` or `image`: in rows behind a text pointer and a timestamp.
fn large_object<'a>(reader: &mut Reader<'a>, place: Place) -> Result<Option<&'a [u8]>, DecodeError> {
    if place == Place::Row {
        if reader.b_bytes()?.is_empty() {
            return Ok(None);
        }
        reader.u64()?;
    }
    let mut ahead = *reader;
    if ahead.u32()? == NULL_32 {
        *reader = ahead;
        return Ok(None);
    }
    reader.l_bytes().map(Some)
}

fn put_large_object(bytes: Option<&[u8]>, place: Place, out: &mut Vec<u8>) -> Result<(), EncodeError> {
    let in_row = place == Place::Row;
    match bytes {
        None if in_row => out.put_u8(0),
        None => out.put_u32(NULL_32),
        Some(bytes) if u32::try_from(bytes.len()).is_ok_and(|length| length < NULL_32) => {
            if in_row {
                out.put_b_bytes(b"gatehouse text p");
                out.put_u64(0);
            }
            out.put_l_bytes(bytes);
        }
        Some(_) => return Err(EncodeError::TooLong("a value")),
    }
    Ok(())
}
