//! RETURNVALUE (MS-TDS 2.2.7.18): an output parameter, or what a function returned.

use super::{ColumnFlags, Place, TypeInfo, Value};
use crate::tds::{
    DecodeError, EncodeError, TdsVersion,
    cursor::{Put as _, Reader},
    token::kind,
};

/// A value that a procedure gives back.
#[derive(Debug, Clone, PartialEq)]
pub struct ReturnValue {
    /// The parameter's place in the call.
    pub ordinal: u16,
    /// The parameter's name, `@` included.
    pub name: String,
    /// 1 for an output parameter, 2 for what a function returned.
    pub status: u8,
    /// The number of a type that users made.
    pub user_type: u32,
    /// As of a column.
    pub flags: ColumnFlags,
    /// Its type.
    pub kind: TypeInfo,
    /// Its value.
    pub value: Value,
}

impl ReturnValue {
    /// An output parameter.
    pub fn output(ordinal: u16, name: impl Into<String>, kind: TypeInfo, value: Value) -> Self {
        Self { ordinal, name: name.into(), status: 1, user_type: 0, flags: ColumnFlags::default(), kind, value }
    }

    /// Reads what follows the token's first byte.
    pub fn decode(reader: &mut Reader<'_>, version: TdsVersion) -> Result<Self, DecodeError> {
        let ordinal = reader.u16()?;
        let name = reader.b_text()?;
        let status = reader.u8()?;
        let user_type = if version.user_type_width() == 4 { reader.u32()? } else { reader.u16()?.into() };
        let flags = ColumnFlags(reader.u16()?);
        let kind = TypeInfo::decode(reader, Place::Row)?;
        let value = Value::decode(reader, &kind, Place::Row)?;
        Ok(Self { ordinal, name, status, user_type, flags, kind, value })
    }

    /// Appends the whole token.
    pub fn encode(&self, version: TdsVersion, out: &mut Vec<u8>) -> Result<(), EncodeError> {
        out.put_u8(kind::RETURN_VALUE);
        out.put_u16(self.ordinal);
        out.put_b_text(&self.name);
        out.put_u8(self.status);
        if version.user_type_width() == 4 {
            out.put_u32(self.user_type);
        } else {
            out.put_u16(u16::try_from(self.user_type).unwrap_or_default());
        }
        out.put_u16(self.flags.0);
        self.kind.encode(Place::Row, out);
        self.value.encode(&self.kind, Place::Row, out)
    }
}
