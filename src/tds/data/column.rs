//! COLMETADATA (MS-TDS 2.2.7.4): the columns of a result or of a bulk load.
//!
//! Column encryption, which would put a table of keys before the columns, is not spoken here.

use super::{Place, TypeInfo};
use crate::tds::{
    DecodeError, EncodeError, TdsVersion,
    cursor::{Put as _, Reader},
    token::kind,
};

/// What is true of a column besides its type.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ColumnFlags(pub u16);

impl ColumnFlags {
    /// It may hold NULL.
    pub const NULLABLE: Self = Self(0x0001);
    /// It is compared with regard to case.
    pub const CASE_SENSITIVE: Self = Self(0x0002);
    /// It may be written.
    pub const UPDATEABLE: Self = Self(0x0004);
    /// Whether it may be written is not known.
    pub const UPDATEABLE_UNKNOWN: Self = Self(0x0008);
    /// The server counts it up.
    pub const IDENTITY: Self = Self(0x0010);
    /// The server computes it.
    pub const COMPUTED: Self = Self(0x0020);
    /// It takes its default, and no value for it is in the rows of a table-valued parameter.
    pub const DEFAULT: Self = Self(0x0200);

    /// Whether all bits of `other` are set.
    pub fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }
}

impl std::ops::BitOr for ColumnFlags {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

/// A column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    /// Its name.
    pub name: String,
    /// The number of a type that users made.
    pub user_type: u32,
    /// What else is true of it.
    pub flags: ColumnFlags,
    /// Its type.
    pub kind: TypeInfo,
    /// The parts of its table's name; for `text`, `ntext` and `image` alone.
    pub table: Vec<String>,
}

impl Column {
    /// A column that may be NULL and read.
    pub fn new(name: impl Into<String>, kind: TypeInfo) -> Self {
        let flags = ColumnFlags::NULLABLE | ColumnFlags::UPDATEABLE_UNKNOWN;
        Self { name: name.into(), user_type: 0, flags, kind, table: Vec::new() }
    }

    fn decode(reader: &mut Reader<'_>, version: TdsVersion) -> Result<Self, DecodeError> {
        let user_type = if version.user_type_width() == 4 { reader.u32()? } else { reader.u16()?.into() };
        let flags = ColumnFlags(reader.u16()?);
        let kind = TypeInfo::decode(reader, Place::Row)?;
        let table = match (kind.is_large_object(), version.has_all_headers()) {
            (false, _) => Vec::new(),
            (true, false) => vec![reader.us_text()?],
            (true, true) => {
                let parts = reader.u8()?;
                (0..parts).map(|_| reader.us_text()).collect::<Result<_, _>>()?
            }
        };
        Ok(Self { name: reader.b_text()?, user_type, flags, kind, table })
    }

    fn encode(&self, version: TdsVersion, out: &mut Vec<u8>) {
        if version.user_type_width() == 4 {
            out.put_u32(self.user_type);
        } else {
            out.put_u16(u16::try_from(self.user_type).unwrap_or_default());
        }
        out.put_u16(self.flags.0);
        self.kind.encode(Place::Row, out);
        if self.kind.is_large_object() {
            if version.has_all_headers() {
                out.put_u8(u8::try_from(self.table.len()).unwrap_or(u8::MAX));
                self.table.iter().take(u8::MAX.into()).for_each(|part| out.put_us_text(part));
            } else {
                out.put_us_text(&self.table.join("."));
            }
        }
        out.put_b_text(&self.name);
    }
}

/// The columns of a result.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Columns(pub Vec<Column>);

/// The count that stands for "as before".
const NO_METADATA: u16 = 0xFFFF;

impl Columns {
    /// Reads what follows the token's first byte. `None`: the columns are those of before.
    pub fn decode(reader: &mut Reader<'_>, version: TdsVersion) -> Result<Option<Self>, DecodeError> {
        match reader.u16()? {
            NO_METADATA => Ok(None),
            count => {
                let mut columns = Vec::new();
                for _ in 0..count {
                    columns.push(Column::decode(reader, version)?);
                }
                Ok(Some(Self(columns)))
            }
        }
    }

    /// Appends the whole token.
    pub fn encode(&self, version: TdsVersion, out: &mut Vec<u8>) -> Result<(), EncodeError> {
        let count = u16::try_from(self.0.len()).ok().filter(|count| *count != NO_METADATA);
        out.put_u8(kind::COL_METADATA);
        out.put_u16(count.ok_or(EncodeError::TooLong("the list of columns"))?);
        self.0.iter().for_each(|column| column.encode(version, out));
        Ok(())
    }
}
