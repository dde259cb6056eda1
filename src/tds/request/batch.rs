//! SQLBatch (MS-TDS 2.2.6.7): statements as text.

use super::{headers, put_headers};
use crate::tds::{
    AllHeaders, DecodeError, TdsVersion,
    cursor::{Put as _, Reader, utf16_lossy},
};

/// Statements as text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SqlBatch {
    /// What stands before it.
    pub headers: AllHeaders,
    /// The text, with U+FFFD for a surrogate on its own.
    pub text: String,
}

impl SqlBatch {
    /// Reads a whole message's payload.
    pub fn decode(payload: &[u8], version: TdsVersion) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(payload);
        let headers = headers(&mut reader, version)?;
        if !reader.remaining().is_multiple_of(2) {
            return Err(DecodeError::Malformed("text of a batch"));
        }
        Ok(Self { headers, text: utf16_lossy(reader.rest()) })
    }

    /// The message's payload.
    pub fn encode(&self, version: TdsVersion) -> Vec<u8> {
        let mut payload = Vec::new();
        put_headers(&self.headers, version, &mut payload);
        payload.put_text(&self.text);
        payload
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tds::all_headers::tests::any_headers;
    use proptest::prelude::*;

    #[test]
    fn a_batch_of_sql_server_2000_begins_with_its_text() {
        let batch = SqlBatch { headers: AllHeaders::default(), text: "go".into() };
        assert_eq!(batch.encode(TdsVersion::V7_1), b"g\0o\0");
        assert_eq!(SqlBatch::decode(b"g\0o\0", TdsVersion::V7_1), Ok(batch));
        assert!(SqlBatch::decode(b"g\0o", TdsVersion::V7_1).is_err());
    }

    proptest! {
        #[test]
        fn a_batch_comes_back_as_it_was(headers in any_headers(), text in ".{0,80}") {
            let batch = SqlBatch { headers, text };
            prop_assert_eq!(SqlBatch::decode(&batch.encode(TdsVersion::V8_0), TdsVersion::V8_0), Ok(batch));
        }

        #[test]
        fn arbitrary_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..80), old: bool) {
            let _ = SqlBatch::decode(&bytes, if old { TdsVersion::V7_1 } else { TdsVersion::V7_4 });
        }
    }
}
