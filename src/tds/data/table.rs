//! Table-valued parameters (MS-TDS 2.2.5.5.5): a table type, its columns, and rows.

use super::{ColumnFlags, Place, TypeInfo, Value};
use crate::tds::{
    DecodeError, EncodeError,
    cursor::{Put as _, Reader},
};

/// The name of a table type.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TableType {
    /// Its database; empty in what clients send.
    pub database: String,
    /// The schema that owns it.
    pub schema: String,
    /// Its name.
    pub name: String,
}

/// The columns and rows of a table-valued parameter; no columns is NULL, or the default.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Table {
    /// The columns' flags and types. They have no names here.
    pub columns: Vec<(ColumnFlags, TypeInfo)>,
    /// The rows, without the values of columns that are [`ColumnFlags::DEFAULT`].
    pub rows: Vec<Vec<Value>>,
}

const NO_COLUMNS: u16 = 0xFFFF;
const END: u8 = 0x00;
const ROW: u8 = 0x01;
const ORDER_UNIQUE: u8 = 0x10;
const COLUMN_ORDERING: u8 = 0x11;

impl TableType {
    pub(super) fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self { database: reader.b_text()?, schema: reader.b_text()?, name: reader.b_text()? })
    }

    pub(super) fn encode(&self, out: &mut Vec<u8>) {
        [&self.database, &self.schema, &self.name].into_iter().for_each(|name| out.put_b_text(name));
    }
}

impl Table {
    pub(super) fn decode(reader: &mut Reader<'_>, _kind: &TableType) -> Result<Self, DecodeError> {
        let mut table = Self::default();
        let count = reader.u16()?;
        for _ in 0..if count == NO_COLUMNS { 0 } else { count } {
            reader.u32()?;
            let flags = ColumnFlags(reader.u16()?);
            let kind = TypeInfo::decode(reader, Place::Row)?;
            // Values of no bytes at all would let a short message make a long table.
            if kind == TypeInfo::Null {
                return Err(DecodeError::Malformed("column of a table"));
            }
            reader.b_text()?;
            table.columns.push((flags, kind));
        }
        loop {
            match reader.u8()? {
                END => break,
                ORDER_UNIQUE => {
                    let count = reader.u16()?;
                    reader.bytes(usize::from(count) * 3)?;
                }
                COLUMN_ORDERING => {
                    let count = reader.u16()?;
                    reader.bytes(usize::from(count) * 2)?;
                }
                _ => return Err(DecodeError::Malformed("table")),
            }
        }
        loop {
            match reader.u8()? {
                END => return Ok(table),
                ROW => {
                    let row =
                        table.sent().map(|kind| Value::decode(reader, kind, Place::Row)).collect::<Result<_, _>>()?;
                    table.rows.push(row);
                }
                _ => return Err(DecodeError::Malformed("table")),
            }
        }
    }

    pub(super) fn encode(&self, _kind: &TableType, out: &mut Vec<u8>) -> Result<(), EncodeError> {
        if self.columns.is_empty() {
            out.put_u16(NO_COLUMNS);
        } else {
            let count = u16::try_from(self.columns.len()).ok().filter(|count| *count != NO_COLUMNS);
            out.put_u16(count.ok_or(EncodeError::TooLong("the list of columns"))?);
        }
        for (flags, kind) in &self.columns {
            out.put_u32(0);
            out.put_u16(flags.0);
            kind.encode(Place::Row, out);
            out.put_u8(0);
        }
        out.put_u8(END);
        for row in &self.rows {
            out.put_u8(ROW);
            for (kind, value) in self.sent().zip(row) {
                value.encode(kind, Place::Row, out)?;
            }
        }
        out.put_u8(END);
        Ok(())
    }

    /// The types of the columns that have values in the rows.
    fn sent(&self) -> impl Iterator<Item = &TypeInfo> {
        self.columns.iter().filter(|(flags, _)| !flags.contains(ColumnFlags::DEFAULT)).map(|(_, kind)| kind)
    }
}
