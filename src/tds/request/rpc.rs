//! RPC (MS-TDS 2.2.6.6): one procedure call or several, with their parameters.

use super::{headers, put_headers};
use crate::tds::{
    AllHeaders, DecodeError, EncodeError, TdsVersion,
    cursor::{Put as _, Reader, utf16_len},
    data::{Place, TypeInfo, Value},
};

/// A message of procedure calls.
#[derive(Debug, Clone, PartialEq)]
pub struct Rpc {
    /// What stands before them.
    pub headers: AllHeaders,
    /// The calls, in order.
    pub calls: Vec<Call>,
}

/// A procedure call.
#[derive(Debug, Clone, PartialEq)]
pub struct Call {
    /// Whom it calls.
    pub procedure: Procedure,
    /// 1: recompile, 2: send no metadata, 4: reuse it.
    pub options: u16,
    /// What it is given. No call may have more than [`Call::MOST_PARAMETERS`].
    pub parameters: Vec<Parameter>,
    /// Whether it is only to be prepared, not carried out.
    pub no_exec: bool,
}

/// The procedure that is called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Procedure {
    /// By its name, as the client wrote it.
    Name(String),
    /// By its number.
    Id(ProcId),
}

/// The number of a procedure that every server has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ProcId(pub u16);

#[expect(missing_docs, reason = "the names are the procedures'")]
impl ProcId {
    pub const CURSOR: Self = Self(1);
    pub const CURSOR_OPEN: Self = Self(2);
    pub const CURSOR_PREPARE: Self = Self(3);
    pub const CURSOR_EXECUTE: Self = Self(4);
    pub const CURSOR_PREP_EXEC: Self = Self(5);
    pub const CURSOR_UNPREPARE: Self = Self(6);
    pub const CURSOR_FETCH: Self = Self(7);
    pub const CURSOR_OPTION: Self = Self(8);
    pub const CURSOR_CLOSE: Self = Self(9);
    pub const EXECUTE_SQL: Self = Self(10);
    pub const PREPARE: Self = Self(11);
    pub const EXECUTE: Self = Self(12);
    pub const PREP_EXEC: Self = Self(13);
    pub const PREP_EXEC_RPC: Self = Self(14);
    pub const UNPREPARE: Self = Self(15);

    /// The procedure's name, if the number has one.
    pub fn name(self) -> Option<&'static str> {
        Some(match self.0 {
            1 => "sp_cursor",
            2 => "sp_cursoropen",
            3 => "sp_cursorprepare",
            4 => "sp_cursorexecute",
            5 => "sp_cursorprepexec",
            6 => "sp_cursorunprepare",
            7 => "sp_cursorfetch",
            8 => "sp_cursoroption",
            9 => "sp_cursorclose",
            10 => "sp_executesql",
            11 => "sp_prepare",
            12 => "sp_execute",
            13 => "sp_prepexec",
            14 => "sp_prepexecrpc",
            15 => "sp_unprepare",
            _ => return None,
        })
    }
}

impl Procedure {
    /// The procedure's name, also of those called by number.
    pub fn name(&self) -> &str {
        match self {
            Self::Name(name) => name,
            Self::Id(id) => id.name().unwrap_or("a procedure without a name"),
        }
    }
}

/// What is true of a parameter besides its type.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ParameterStatus(pub u8);

impl ParameterStatus {
    /// The procedure gives it back.
    pub const BY_REFERENCE: Self = Self(0x01);
    /// The procedure takes its default.
    pub const DEFAULT: Self = Self(0x02);
    /// Its value is encrypted by the client.
    pub const ENCRYPTED: Self = Self(0x08);

    /// Whether all bits of `other` are set.
    pub fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }
}

/// A parameter.
#[derive(Debug, Clone, PartialEq)]
pub struct Parameter {
    /// Its name, `@` included; empty if its place says which it is.
    pub name: String,
    /// What else is true of it.
    pub status: ParameterStatus,
    /// Its type.
    pub kind: TypeInfo,
    /// Its value.
    pub value: Value,
}

/// A name's length that stands for a number.
const BY_ID: u16 = 0xFFFF;
/// What stands between calls: before TDS 7.2, since, and before one that is not carried out.
const SEPARATOR_OLD: u8 = 0x80;
const SEPARATOR: u8 = 0xFF;
const NO_EXEC: u8 = 0xFE;

impl Rpc {
    /// Reads a whole message's payload.
    pub fn decode(payload: &[u8], version: TdsVersion) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(payload);
        let headers = headers(&mut reader, version)?;
        let mut calls = vec![Call::decode(&mut reader, version, false)?];
        while !reader.is_empty() {
            let no_exec = reader.u8()? == NO_EXEC;
            // A separator may also end the message.
            if !reader.is_empty() {
                calls.push(Call::decode(&mut reader, version, no_exec)?);
            }
        }
        Ok(Self { headers, calls })
    }

    /// The message's payload.
    pub fn encode(&self, version: TdsVersion) -> Result<Vec<u8>, EncodeError> {
        let mut payload = Vec::new();
        put_headers(&self.headers, version, &mut payload);
        for (index, call) in self.calls.iter().enumerate() {
            if index > 0 {
                payload.put_u8(if call.no_exec { NO_EXEC } else { separator(version) });
            }
            call.encode(&mut payload)?;
        }
        Ok(payload)
    }
}

fn separator(version: TdsVersion) -> u8 {
    if version.has_all_headers() { SEPARATOR } else { SEPARATOR_OLD }
}

impl Call {
    /// SQL Server's own limit.
    pub const MOST_PARAMETERS: usize = 2100;

    /// Reads up to the next separator, which is left.
    fn decode(reader: &mut Reader<'_>, version: TdsVersion, no_exec: bool) -> Result<Self, DecodeError> {
        let procedure = match reader.u16()? {
            BY_ID => Procedure::Id(ProcId(reader.u16()?)),
            units => Procedure::Name(reader.text(units.into())?),
        };
        let mut call = Self { procedure, options: reader.u16()?, parameters: Vec::new(), no_exec };
        while !reader.is_empty() && ![separator(version), NO_EXEC].contains(&reader.peek()?) {
            if call.parameters.len() == Self::MOST_PARAMETERS {
                return Err(DecodeError::Malformed("number of parameters"));
            }
            call.parameters.push(Parameter::decode(reader)?);
        }
        Ok(call)
    }

    fn encode(&self, out: &mut Vec<u8>) -> Result<(), EncodeError> {
        match &self.procedure {
            Procedure::Id(id) => {
                out.put_u16(BY_ID);
                out.put_u16(id.0);
            }
            Procedure::Name(name) if utf16_len(name) >= BY_ID.into() => {
                return Err(EncodeError::TooLong("a procedure's name"));
            }
            Procedure::Name(name) => out.put_us_text(name),
        }
        out.put_u16(self.options);
        self.parameters.iter().try_for_each(|parameter| parameter.encode(out))
    }
}

impl Parameter {
    /// A parameter that the procedure only reads.
    pub fn new(name: impl Into<String>, kind: TypeInfo, value: Value) -> Self {
        Self { name: name.into(), status: ParameterStatus::default(), kind, value }
    }

    fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let name = reader.b_text()?;
        let status = ParameterStatus(reader.u8()?);
        if status.contains(ParameterStatus::ENCRYPTED) {
            return Err(DecodeError::Unsupported("encrypted parameter"));
        }
        let kind = TypeInfo::decode(reader, Place::Parameter)?;
        let value = Value::decode(reader, &kind, Place::Parameter)?;
        Ok(Self { name, status, kind, value })
    }

    fn encode(&self, out: &mut Vec<u8>) -> Result<(), EncodeError> {
        // From 128 on a length would be taken for a separator, by one version or another.
        if utf16_len(&self.name) >= SEPARATOR_OLD.into() {
            return Err(EncodeError::TooLong("a parameter's name"));
        }
        out.put_b_text(&self.name);
        out.put_u8(self.status.0);
        self.kind.encode(Place::Parameter, out);
        self.value.encode(&self.kind, Place::Parameter, out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tds::{all_headers::tests::any_headers, data::tests::any_parameter};
    use proptest::prelude::*;

    fn execute_sql() -> Call {
        let text = |name: &str, text: &str| Parameter::new(name, TypeInfo::nvarchar(4000), Value::Text(text.into()));
        let mut number = Parameter::new("@p", TypeInfo::IntN(4), Value::Int(7));
        number.status = ParameterStatus::BY_REFERENCE;
        let parameters = vec![text("", "select @p"), text("", "@p int"), number];
        Call { procedure: Procedure::Id(ProcId::EXECUTE_SQL), options: 0, parameters, no_exec: false }
    }

    #[test]
    fn a_call_by_number_is_read_with_all_its_parameters() {
        let rpc = Rpc { headers: AllHeaders::of_transaction(0), calls: vec![execute_sql()] };
        let bytes = rpc.encode(TdsVersion::V7_4).unwrap();
        assert_eq!(bytes[22..28], [0xFF, 0xFF, 10, 0, 0, 0]);
        let read = Rpc::decode(&bytes, TdsVersion::V7_4).unwrap();
        assert_eq!(read.calls[0].procedure.name(), "sp_executesql");
        assert_eq!(read, rpc);
    }

    #[test]
    fn several_calls_in_one_message_are_told_apart_in_old_and_new_versions() {
        let second = Call { procedure: Procedure::Name("dbo.p".into()), no_exec: true, ..execute_sql() };
        let calls = vec![execute_sql(), second, execute_sql()];
        for version in [TdsVersion::V7_1, TdsVersion::V7_4] {
            let rpc = Rpc { headers: AllHeaders::default(), calls: calls.clone() };
            let mut bytes = rpc.encode(version).unwrap();
            assert_eq!(Rpc::decode(&bytes, version), Ok(rpc.clone()));
            bytes.push(separator(version));
            assert_eq!(Rpc::decode(&bytes, version), Ok(rpc));
        }
    }

    #[test]
    fn an_encrypted_parameter_is_said_to_be_unsupported() {
        let mut call = execute_sql();
        call.parameters[2].status = ParameterStatus::ENCRYPTED;
        let bytes = Rpc { headers: AllHeaders::default(), calls: vec![call] }.encode(TdsVersion::V7_4).unwrap();
        assert_eq!(Rpc::decode(&bytes, TdsVersion::V7_4), Err(DecodeError::Unsupported("encrypted parameter")));
    }

    #[test]
    fn a_call_with_more_parameters_than_sql_server_takes_is_refused() {
        let mut call = execute_sql();
        call.parameters = vec![Parameter::new("", TypeInfo::Null, Value::Null); Call::MOST_PARAMETERS + 1];
        let bytes = Rpc { headers: AllHeaders::default(), calls: vec![call] }.encode(TdsVersion::V7_4).unwrap();
        assert_eq!(Rpc::decode(&bytes, TdsVersion::V7_4), Err(DecodeError::Malformed("number of parameters")));
    }

    prop_compose! {
        fn any_rpc()(
            headers in any_headers(),
            calls in proptest::collection::vec(
                (".{0,20}", any::<Option<u16>>(), any::<u16>(), proptest::collection::vec((".{0,8}", any_parameter()), 0..4)),
                1..4,
            ),
        ) -> Rpc {
            let calls = calls.into_iter().map(|(name, id, options, parameters)| Call {
                procedure: id.map_or(Procedure::Name(name), |id| Procedure::Id(ProcId(id))),
                options,
                parameters: parameters.into_iter().map(|(name, (kind, value))| Parameter::new(name, kind, value)).collect(),
                no_exec: false,
            });
            Rpc { headers, calls: calls.collect() }
        }
    }

    proptest! {
        #[test]
        fn calls_come_back_as_they_were(rpc in any_rpc()) {
            prop_assert_eq!(Rpc::decode(&rpc.encode(TdsVersion::V7_4).unwrap(), TdsVersion::V7_4), Ok(rpc));
        }

        #[test]
        fn damaged_calls_never_panic(rpc in any_rpc(), damage in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..6)) {
            let mut bytes = rpc.encode(TdsVersion::V7_4).unwrap();
            for (at, byte) in damage {
                let at = at.index(bytes.len());
                bytes[at] = byte;
            }
            let _ = Rpc::decode(&bytes, TdsVersion::V7_4);
            let _ = Rpc::decode(&bytes, TdsVersion::V7_1);
        }

        #[test]
        fn arbitrary_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..120)) {
            let _ = Rpc::decode(&bytes, TdsVersion::V7_1);
        }
    }
}
