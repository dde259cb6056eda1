//! ROW and NBCROW (MS-TDS 2.2.7.19, 2.2.7.15), and the walk over a message of rows, such as a bulk load.

use super::{Columns, Place, Value};
use crate::tds::{
    DecodeError, EncodeError, TdsVersion, Token,
    cursor::{Put as _, Reader},
    token::kind,
};

impl Columns {
    /// Reads what follows the first byte of a ROW.
    pub fn decode_row(&self, reader: &mut Reader<'_>) -> Result<Vec<Value>, DecodeError> {
        self.0.iter().map(|column| Value::decode(reader, &column.kind, Place::Row)).collect()
    }

    /// Reads what follows the first byte of an NBCROW: a bit for each column that says whether it is NULL, then the others.
    pub fn decode_nbc_row(&self, reader: &mut Reader<'_>) -> Result<Vec<Value>, DecodeError> {
        let nulls = reader.bytes(self.0.len().div_ceil(8))?;
        let mut row = Vec::new();
        for (index, column) in self.0.iter().enumerate() {
            let is_null = nulls.get(index / 8).is_some_and(|byte| byte >> (index % 8) & 1 == 1);
            row.push(if is_null { Value::Null } else { Value::decode(reader, &column.kind, Place::Row)? });
        }
        Ok(row)
    }

    /// Appends a whole ROW token. On an error, what was appended so far is of no use.
    pub fn encode_row(&self, row: &[Value], out: &mut Vec<u8>) -> Result<(), EncodeError> {
        self.check_width(row)?;
        out.put_u8(kind::ROW);
        for (column, value) in self.0.iter().zip(row) {
            value.encode(&column.kind, Place::Row, out)?;
        }
        Ok(())
    }

    /// Appends a whole NBCROW token, which is shorter where much is NULL. Since TDS 7.3.
    pub fn encode_nbc_row(&self, row: &[Value], out: &mut Vec<u8>) -> Result<(), EncodeError> {
        self.check_width(row)?;
        out.put_u8(kind::NBC_ROW);
        for eight in row.chunks(8) {
            let bits = eight.iter().enumerate().filter(|(_, value)| **value == Value::Null);
            out.put_u8(bits.fold(0, |byte, (index, _)| byte | 1 << index));
        }
        for (column, value) in self.0.iter().zip(row).filter(|(_, value)| **value != Value::Null) {
            value.encode(&column.kind, Place::Row, out)?;
        }
        Ok(())
    }

    fn check_width(&self, row: &[Value]) -> Result<(), EncodeError> {
        if row.len() == self.0.len() { Ok(()) } else { Err(EncodeError::WrongType("the list of columns")) }
    }
}

/// What comes next in a message of rows.
#[derive(Debug, Clone, PartialEq)]
pub enum RowItem {
    /// The columns of the rows that follow.
    Columns(Columns),
    /// A row.
    Row(Vec<Value>),
    /// Another token.
    Token(Token),
    /// A returned value of a procedure.
    Returned(super::ReturnValue),
}

/// The walk over a whole message of results, or over a bulk load, which has the same form. Ends after the first error.
#[derive(Debug)]
pub struct Rows<'a> {
    reader: Reader<'a>,
    version: TdsVersion,
    columns: Columns,
}

impl<'a> Rows<'a> {
    /// Walks over a message's payload.
    pub fn new(payload: &'a [u8], version: TdsVersion) -> Self {
        Self { reader: Reader::new(payload), version, columns: Columns::default() }
    }

    fn step(&mut self) -> Result<RowItem, DecodeError> {
        match self.reader.peek()? {
            kind::COL_METADATA => {
                self.reader.u8()?;
                if let Some(columns) = Columns::decode(&mut self.reader, self.version)? {
                    self.columns = columns;
                }
                Ok(RowItem::Columns(self.columns.clone()))
            }
            kind::ROW => {
                self.reader.u8()?;
                self.columns.decode_row(&mut self.reader).map(RowItem::Row)
            }
            kind::NBC_ROW => {
                self.reader.u8()?;
                self.columns.decode_nbc_row(&mut self.reader).map(RowItem::Row)
            }
            kind::RETURN_VALUE => {
                self.reader.u8()?;
                super::ReturnValue::decode(&mut self.reader, self.version).map(RowItem::Returned)
            }
            // What SqlClient and mssql-tds end a bulk load with counts its rows in four bytes, whatever the version.
            kind::DONE if self.reader.remaining() == SHORT_DONE => {
                Token::decode(&mut self.reader, TdsVersion::V7_1).map(RowItem::Token)
            }
            _ => Token::decode(&mut self.reader, self.version).map(RowItem::Token),
        }
    }
}

/// The length of a DONE before TDS 7.2.
const SHORT_DONE: usize = 9;

impl Iterator for Rows<'_> {
    type Item = Result<RowItem, DecodeError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.reader.is_empty() {
            return None;
        }
        let item = self.step();
        if item.is_err() {
            self.reader = Reader::new(&[]);
        }
        Some(item)
    }
}
