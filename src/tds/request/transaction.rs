//! Transaction manager requests (MS-TDS 2.2.6.9).

use super::{headers, put_headers};
use crate::tds::{
    AllHeaders, DecodeError, TdsVersion,
    cursor::{Put as _, Reader, utf16_lossy},
};

/// A request to the transaction manager.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TransactionRequest {
    /// What stands before it.
    pub headers: AllHeaders,
    /// What is asked.
    pub action: TransactionAction,
}

/// What is asked of the transaction manager. Names may be empty.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are the specification's")]
pub enum TransactionAction {
    GetDtcAddress(Vec<u8>),
    Propagate(Vec<u8>),
    Begin { isolation: u8, name: String },
    Promote,
    Commit { name: String, next: Option<Next> },
    Rollback { name: String, next: Option<Next> },
    Save { name: String },
    Unknown(u16, Vec<u8>),
}

/// The transaction that begins when another one ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Next {
    /// Its isolation level.
    pub isolation: u8,
    /// Its name.
    pub name: String,
}

impl TransactionRequest {
    /// Reads a whole message's payload.
    pub fn decode(payload: &[u8], version: TdsVersion) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(payload);
        let headers = headers(&mut reader, version)?;
        let action = match reader.u16()? {
            0 => TransactionAction::GetDtcAddress(reader.us_bytes()?.to_vec()),
            1 => TransactionAction::Propagate(reader.us_bytes()?.to_vec()),
            5 => TransactionAction::Begin { isolation: reader.u8()?, name: name(&mut reader)? },
            6 => TransactionAction::Promote,
            7 => TransactionAction::Commit { name: name(&mut reader)?, next: next(&mut reader)? },
            8 => TransactionAction::Rollback { name: name(&mut reader)?, next: next(&mut reader)? },
            9 => TransactionAction::Save { name: name(&mut reader)? },
            other => TransactionAction::Unknown(other, reader.rest().to_vec()),
        };
        Ok(Self { headers, action })
    }

    /// The message's payload.
    pub fn encode(&self, version: TdsVersion) -> Vec<u8> {
        let mut payload = Vec::new();
        put_headers(&self.headers, version, &mut payload);
        match &self.action {
            TransactionAction::GetDtcAddress(data) => {
                payload.put_u16(0);
                payload.put_us_bytes(data);
            }
            TransactionAction::Propagate(cookie) => {
                payload.put_u16(1);
                payload.put_us_bytes(cookie);
            }
            TransactionAction::Begin { isolation, name } => {
                payload.put_u16(5);
                payload.put_u8(*isolation);
                put_name(name, &mut payload);
            }
            TransactionAction::Promote => payload.put_u16(6),
            TransactionAction::Commit { name, next } => put_end(7, name, next.as_ref(), &mut payload),
            TransactionAction::Rollback { name, next } => put_end(8, name, next.as_ref(), &mut payload),
            TransactionAction::Save { name } => {
                payload.put_u16(9);
                put_name(name, &mut payload);
            }
            TransactionAction::Unknown(kind, rest) => {
                payload.put_u16(*kind);
                payload.put(rest);
            }
        }
        payload
    }
}

/// A name after its count, which drivers write in bytes.
fn name(reader: &mut Reader<'_>) -> Result<String, DecodeError> {
    reader.b_bytes().map(utf16_lossy)
}

fn next(reader: &mut Reader<'_>) -> Result<Option<Next>, DecodeError> {
    // Some drivers leave the flags out where there is nothing to say.
    if reader.is_empty() || reader.u8()? & 1 == 0 {
        return Ok(None);
    }
    Ok(Some(Next { isolation: reader.u8()?, name: name(reader)? }))
}

/// Names have at most 32 characters; a longer one is cut.
fn put_name(name: &str, payload: &mut Vec<u8>) {
    let mut bytes = Vec::new();
    bytes.put_text(crate::tds::cursor::cut(name, 127));
    payload.put_b_bytes(&bytes);
}

fn put_end(kind: u16, name: &str, next: Option<&Next>, payload: &mut Vec<u8>) {
    payload.put_u16(kind);
    put_name(name, payload);
    payload.put_u8(next.is_some().into());
    if let Some(next) = next {
        payload.put_u8(next.isolation);
        put_name(&next.name, payload);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tds::all_headers::tests::any_headers;
    use proptest::prelude::*;

    #[test]
    fn a_commit_without_flags_is_a_plain_commit() {
        let action = decode(&[7, 0, 0]);
        assert_eq!(action, Ok(TransactionAction::Commit { name: String::new(), next: None }));
    }

    /// Reads a request of a version without headers.
    fn decode(bytes: &[u8]) -> Result<TransactionAction, DecodeError> {
        TransactionRequest::decode(bytes, TdsVersion::V7_1).map(|request| request.action)
    }

    fn any_action() -> impl Strategy<Value = TransactionAction> {
        let bytes = || proptest::collection::vec(any::<u8>(), 0..30);
        let next =
            || proptest::option::of((any::<u8>(), ".{0,16}").prop_map(|(isolation, name)| Next { isolation, name }));
        prop_oneof![
            bytes().prop_map(TransactionAction::GetDtcAddress),
            bytes().prop_map(TransactionAction::Propagate),
            (any::<u8>(), ".{0,16}").prop_map(|(isolation, name)| TransactionAction::Begin { isolation, name }),
            Just(TransactionAction::Promote),
            (".{0,16}", next()).prop_map(|(name, next)| TransactionAction::Commit { name, next }),
            (".{0,16}", next()).prop_map(|(name, next)| TransactionAction::Rollback { name, next }),
            ".{0,16}".prop_map(|name| TransactionAction::Save { name }),
            bytes().prop_map(|rest| TransactionAction::Unknown(99, rest)),
        ]
    }

    proptest! {
        #[test]
        fn a_request_comes_back_as_it_was(headers in any_headers(), action in any_action()) {
            let request = TransactionRequest { headers, action };
            prop_assert_eq!(TransactionRequest::decode(&request.encode(TdsVersion::V7_4), TdsVersion::V7_4), Ok(request));
        }

        #[test]
        fn arbitrary_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..60)) {
            let _ = decode(&bytes);
        }
    }
}
