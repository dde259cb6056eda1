//! TYPE_INFO (MS-TDS 2.2.5.6): which type, and how large, precise or collated.

use super::{Collation, table::TableType};
use crate::tds::{
    DecodeError,
    cursor::{Put as _, Reader},
};

/// The length that stands for `(max)`.
pub const UNLIMITED: u16 = 0xFFFF;

/// Where a type or a value stands: some are written differently there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// In a result, a returned value or a bulk load.
    Row,
    /// In a parameter of a procedure call.
    Parameter,
}

/// A type. Lengths are in bytes, also for the Unicode types; [`UNLIMITED`] is `(max)`.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are SQL's")]
pub enum TypeInfo {
    /// The type of an untyped NULL, without data.
    Null,
    // Always there, never NULL.
    Bit,
    TinyInt,
    SmallInt,
    Int,
    BigInt,
    Real,
    Float,
    SmallMoney,
    Money,
    SmallDateTime,
    DateTime,
    // The same, nullable, by their width.
    BitN,
    IntN(u8),
    FloatN(u8),
    MoneyN(u8),
    DateTimeN(u8),
    Guid,
    Decimal {
        precision: u8,
        scale: u8,
    },
    Numeric {
        precision: u8,
        scale: u8,
    },
    Date,
    Time(u8),
    DateTime2(u8),
    DateTimeOffset(u8),
    Char(u16, Collation),
    VarChar(u16, Collation),
    NChar(u16, Collation),
    NVarChar(u16, Collation),
    Binary(u16),
    VarBinary(u16),
    Text(u32, Collation),
    NText(u32, Collation),
    Image(u32),
    Xml(Option<XmlSchema>),
    Udt(UdtName),
    Variant(u32),
    /// A table-valued parameter.
    Table(Box<TableType>),
}

/// The schema collection that binds an XML type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct XmlSchema {
    /// Its database.
    pub database: String,
    /// The schema that owns it.
    pub schema: String,
    /// Its name.
    pub collection: String,
}

/// A type of the common language runtime.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UdtName {
    /// The most bytes that a value has; not told in parameters, and zero there.
    pub max_len: u16,
    /// Its database.
    pub database: String,
    /// The schema that owns it.
    pub schema: String,
    /// Its name.
    pub name: String,
    /// The assembly's qualified name; not told in parameters, and empty there.
    pub assembly: String,
}

impl TypeInfo {
    /// `nvarchar` of at most so many UTF-16 units; more than 4,000 is `nvarchar(max)`.
    pub fn nvarchar(units: u16) -> Self {
        Self::NVarChar(if units <= 4000 { units * 2 } else { UNLIMITED }, Collation::LATIN1)
    }

    /// Reads a type.
    pub fn decode(reader: &mut Reader<'_>, place: Place) -> Result<Self, DecodeError> {
        Ok(match reader.u8()? {
            0x1F => Self::Null,
            0x30 => Self::TinyInt,
            0x32 => Self::Bit,
            0x34 => Self::SmallInt,
            0x38 => Self::Int,
            0x3A => Self::SmallDateTime,
            0x3B => Self::Real,
            0x3C => Self::Money,
            0x3D => Self::DateTime,
            0x3E => Self::Float,
            0x7A => Self::SmallMoney,
            0x7F => Self::BigInt,
            0x24 => one_of(reader, &[16]).map(|_| Self::Guid)?,
            0x26 => Self::IntN(one_of(reader, &[1, 2, 4, 8])?),
            0x68 => one_of(reader, &[1]).map(|_| Self::BitN)?,
            0x6D => Self::FloatN(one_of(reader, &[4, 8])?),
            0x6E => Self::MoneyN(one_of(reader, &[4, 8])?),
            0x6F => Self::DateTimeN(one_of(reader, &[4, 8])?),
            0x6A | 0x37 => precision(reader).map(|(precision, scale)| Self::Decimal { precision, scale })?,
            0x6C | 0x3F => precision(reader).map(|(precision, scale)| Self::Numeric { precision, scale })?,
            0x28 => Self::Date,
            0x29 => Self::Time(scale(reader)?),
            0x2A => Self::DateTime2(scale(reader)?),
            0x2B => Self::DateTimeOffset(scale(reader)?),
            0xA5 => Self::VarBinary(reader.u16()?),
            0xAD => Self::Binary(reader.u16()?),
            0xA7 => Self::VarChar(reader.u16()?, collation(reader)?),
            0xAF => Self::Char(reader.u16()?, collation(reader)?),
            0xE7 => Self::NVarChar(reader.u16()?, collation(reader)?),
            0xEF => Self::NChar(reader.u16()?, collation(reader)?),
            0x23 => Self::Text(reader.u32()?, collation(reader)?),
            0x63 => Self::NText(reader.u32()?, collation(reader)?),
            0x22 => Self::Image(reader.u32()?),
            0x62 => Self::Variant(reader.u32()?),
            0xF1 => Self::Xml(xml_schema(reader)?),
            0xF0 => Self::Udt(udt(reader, place)?),
            0xF3 if place == Place::Parameter => Self::Table(Box::new(TableType::decode(reader)?)),
            _ => return Err(DecodeError::Unsupported("type")),
        })
    }

    /// Appends the type.
    pub fn encode(&self, place: Place, out: &mut Vec<u8>) {
        let code = self.code();
        out.put_u8(code);
        match self {
            Self::BitN => out.put_u8(1),
            Self::Guid => out.put_u8(16),
            Self::IntN(width) | Self::FloatN(width) | Self::MoneyN(width) | Self::DateTimeN(width) => {
                out.put_u8(*width)
            }
            Self::Decimal { precision, scale } | Self::Numeric { precision, scale } => {
                out.put(&[decimal_len(*precision), *precision, *scale]);
            }
            Self::Time(scale) | Self::DateTime2(scale) | Self::DateTimeOffset(scale) => out.put_u8(*scale),
            Self::Binary(length) | Self::VarBinary(length) => out.put_u16(*length),
            Self::Char(length, collation)
            | Self::VarChar(length, collation)
            | Self::NChar(length, collation)
            | Self::NVarChar(length, collation) => {
                out.put_u16(*length);
                out.put(&collation.0);
            }
            Self::Text(length, collation) | Self::NText(length, collation) => {
                out.put_u32(*length);
                out.put(&collation.0);
            }
            Self::Image(length) | Self::Variant(length) => out.put_u32(*length),
            Self::Xml(None) => out.put_u8(0),
            Self::Xml(Some(schema)) => {
                out.put_u8(1);
                out.put_b_text(&schema.database);
                out.put_b_text(&schema.schema);
                out.put_us_text(&schema.collection);
            }
            Self::Udt(udt) => {
                if place == Place::Row {
                    out.put_u16(udt.max_len);
                }
                [&udt.database, &udt.schema, &udt.name].into_iter().for_each(|name| out.put_b_text(name));
                if place == Place::Row {
                    out.put_us_text(&udt.assembly);
                }
            }
            Self::Table(table) => table.encode(out),
            _ => {}
        }
    }

    /// The type's byte on the wire.
    pub fn code(&self) -> u8 {
        match self {
            Self::Null => 0x1F,
            Self::TinyInt => 0x30,
            Self::Bit => 0x32,
            Self::SmallInt => 0x34,
            Self::Int => 0x38,
            Self::SmallDateTime => 0x3A,
            Self::Real => 0x3B,
            Self::Money => 0x3C,
            Self::DateTime => 0x3D,
            Self::Float => 0x3E,
            Self::SmallMoney => 0x7A,
            Self::BigInt => 0x7F,
            Self::Guid => 0x24,
            Self::IntN(_) => 0x26,
            Self::BitN => 0x68,
            Self::FloatN(_) => 0x6D,
            Self::MoneyN(_) => 0x6E,
            Self::DateTimeN(_) => 0x6F,
            Self::Decimal { .. } => 0x6A,
            Self::Numeric { .. } => 0x6C,
            Self::Date => 0x28,
            Self::Time(_) => 0x29,
            Self::DateTime2(_) => 0x2A,
            Self::DateTimeOffset(_) => 0x2B,
            Self::VarBinary(_) => 0xA5,
            Self::Binary(_) => 0xAD,
            Self::VarChar(..) => 0xA7,
            Self::Char(..) => 0xAF,
            Self::NVarChar(..) => 0xE7,
            Self::NChar(..) => 0xEF,
            Self::Text(..) => 0x23,
            Self::NText(..) => 0x63,
            Self::Image(_) => 0x22,
            Self::Variant(_) => 0x62,
            Self::Xml(_) => 0xF1,
            Self::Udt(_) => 0xF0,
            Self::Table(_) => 0xF3,
        }
    }

    /// Whether values come with a text pointer in rows, and columns with the name of their table.
    pub fn is_large_object(&self) -> bool {
        matches!(self, Self::Text(..) | Self::NText(..) | Self::Image(_))
    }
}

/// How many bytes a number of so many decimal digits takes, its sign included.
pub(super) fn decimal_len(precision: u8) -> u8 {
    match precision {
        0..=9 => 5,
        10..=19 => 9,
        20..=28 => 13,
        _ => 17,
    }
}

/// How many bytes a time with so many digits behind the second takes.
pub(super) fn time_len(scale: u8) -> usize {
    match scale {
        0..=2 => 3,
        3..=4 => 4,
        _ => 5,
    }
}

fn one_of(reader: &mut Reader<'_>, widths: &[u8]) -> Result<u8, DecodeError> {
    let width = reader.u8()?;
    if widths.contains(&width) { Ok(width) } else { Err(DecodeError::Malformed("width of a type")) }
}

fn precision(reader: &mut Reader<'_>) -> Result<(u8, u8), DecodeError> {
    let [_length, precision, scale] = reader.array()?;
    if precision > 38 || scale > precision {
        return Err(DecodeError::Malformed("precision of a type"));
    }
    Ok((precision, scale))
}

fn scale(reader: &mut Reader<'_>) -> Result<u8, DecodeError> {
    let scale = reader.u8()?;
    if scale > 7 { Err(DecodeError::Malformed("scale of a type")) } else { Ok(scale) }
}

fn collation(reader: &mut Reader<'_>) -> Result<Collation, DecodeError> {
    reader.array().map(Collation)
}

fn xml_schema(reader: &mut Reader<'_>) -> Result<Option<XmlSchema>, DecodeError> {
    Ok(match reader.u8()? {
        0 => None,
        _ => Some(XmlSchema { database: reader.b_text()?, schema: reader.b_text()?, collection: reader.us_text()? }),
    })
}

fn udt(reader: &mut Reader<'_>, place: Place) -> Result<UdtName, DecodeError> {
    let in_row = place == Place::Row;
    Ok(UdtName {
        max_len: if in_row { reader.u16()? } else { 0 },
        database: reader.b_text()?,
        schema: reader.b_text()?,
        name: reader.b_text()?,
        assembly: if in_row { reader.us_text()? } else { String::new() },
    })
}
