//! `sql_variant` (MS-TDS 2.2.5.5.4): a value that carries its type.

use super::{
    Collation, Place, TypeInfo, Value,
    value::{fixed_width, scalar},
};
use crate::tds::{
    DecodeError, EncodeError,
    cursor::{Put as _, Reader, utf16_lossy},
};

/// A value with its type. NULL has none; it is [`Value::Null`] in place of the variant.
#[derive(Debug, Clone, PartialEq)]
pub struct Variant {
    /// The type; one of those that need no more than eight bytes to tell.
    pub kind: TypeInfo,
    /// The value, never NULL.
    pub value: Value,
}

impl Variant {
    pub(super) fn decode(body: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(body);
        let code = reader.u8()?;
        let mut properties = reader.b_bytes().map(Reader::new)?;
        let kind = match code {
            0x24 => TypeInfo::Guid,
            0x6A => decimal(&mut properties).map(|(precision, scale)| TypeInfo::Decimal { precision, scale })?,
            0x6C => decimal(&mut properties).map(|(precision, scale)| TypeInfo::Numeric { precision, scale })?,
            0xA7 => collated(&mut properties).map(|(collation, length)| TypeInfo::VarChar(length, collation))?,
            0xAF => collated(&mut properties).map(|(collation, length)| TypeInfo::Char(length, collation))?,
            0xE7 => collated(&mut properties).map(|(collation, length)| TypeInfo::NVarChar(length, collation))?,
            0xEF => collated(&mut properties).map(|(collation, length)| TypeInfo::NChar(length, collation))?,
            0xA5 => TypeInfo::VarBinary(properties.u16()?),
            0xAD => TypeInfo::Binary(properties.u16()?),
            0x28..=0x2B | 0x30..=0x3E | 0x7A | 0x7F => {
                let mut whole = vec![code];
                whole.put(properties.rest());
                TypeInfo::decode(&mut Reader::new(&whole), Place::Row)?
            }
            _ => return Err(DecodeError::Unsupported("type in sql_variant")),
        };
        let rest = reader.remaining();
        let value = match &kind {
            TypeInfo::VarChar(..) | TypeInfo::Char(..) | TypeInfo::VarBinary(_) | TypeInfo::Binary(_) => {
                Value::Bytes(reader.rest().to_vec())
            }
            TypeInfo::NVarChar(..) | TypeInfo::NChar(..) => Value::Text(utf16_lossy(reader.rest())),
            other => scalar(&mut reader, other, fixed_width(other).unwrap_or(rest))?,
        };
        Ok(Self { kind, value })
    }

    pub(super) fn encode(&self) -> Result<Vec<u8>, EncodeError> {
        let mut properties = Vec::new();
        let mut data = Vec::new();
        match (&self.kind, &self.value) {
            (TypeInfo::VarChar(length, collation) | TypeInfo::Char(length, collation), Value::Bytes(bytes)) => {
                properties.put(&collation.0);
                properties.put_u16(*length);
                data.put(bytes);
            }
            (TypeInfo::NVarChar(length, collation) | TypeInfo::NChar(length, collation), Value::Text(text)) => {
                properties.put(&collation.0);
                properties.put_u16(*length);
                data.put_text(text);
            }
            (TypeInfo::VarBinary(length) | TypeInfo::Binary(length), Value::Bytes(bytes)) => {
                properties.put_u16(*length);
                data.put(bytes);
            }
            (TypeInfo::Time(scale) | TypeInfo::DateTime2(scale) | TypeInfo::DateTimeOffset(scale), value) => {
                properties.put_u8(*scale);
                value.put_scalar(&self.kind, &mut data)?;
            }
            (TypeInfo::Decimal { precision, scale } | TypeInfo::Numeric { precision, scale }, value) => {
                properties.put(&[*precision, *scale]);
                value.put_scalar(&self.kind, &mut data)?;
            }
            (kind, value) if *kind == TypeInfo::Guid || *kind == TypeInfo::Date || fixed_width(kind).is_some() => {
                value.put_scalar(kind, &mut data)?;
            }
            _ => return Err(EncodeError::WrongType("sql_variant")),
        }
        let mut body = vec![self.kind.code()];
        body.put_b_bytes(&properties);
        body.put(&data);
        Ok(body)
    }
}

fn decimal(properties: &mut Reader<'_>) -> Result<(u8, u8), DecodeError> {
    let [precision, scale] = properties.array()?;
    if precision > 38 || scale > precision {
        return Err(DecodeError::Malformed("precision of a type"));
    }
    Ok((precision, scale))
}

fn collated(properties: &mut Reader<'_>) -> Result<(Collation, u16), DecodeError> {
    Ok((properties.array().map(Collation)?, properties.u16()?))
}
