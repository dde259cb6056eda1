//! Partially length-prefixed values: a total length or a word that it is not known, then chunks, then an empty chunk.

use crate::tds::{
    DecodeError,
    cursor::{Put as _, Reader},
};

const NULL: u64 = u64::MAX;
const UNKNOWN: u64 = u64::MAX - 1;

/// Reads a value; `None` is NULL. Holds no more than the chunks that are there.
pub(super) fn decode(reader: &mut Reader<'_>) -> Result<Option<Vec<u8>>, DecodeError> {
    let total = reader.u64()?;
    if total == NULL {
        return Ok(None);
    }
    let mut value = Vec::new();
    loop {
        let chunk = reader.l_bytes()?;
        if chunk.is_empty() {
            break;
        }
        value.extend_from_slice(chunk);
    }
    if total != UNKNOWN && u64::try_from(value.len()) != Ok(total) {
        return Err(DecodeError::Malformed("length of a long value"));
    }
    Ok(Some(value))
}

/// Appends a value with its total length, in chunks that a length of four bytes can say.
pub(super) fn encode(value: Option<&[u8]>, out: &mut Vec<u8>) {
    let Some(value) = value else { return out.put_u64(NULL) };
    out.put_u64(u64::try_from(value.len()).unwrap_or(UNKNOWN));
    for chunk in value.chunks(0x4000_0000) {
        out.put_l_bytes(chunk);
    }
    out.put_u32(0);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_may_come_in_chunks_of_unknown_number() {
        let mut bytes = UNKNOWN.to_le_bytes().to_vec();
        for chunk in [&b"ab"[..], b"c", b""] {
            bytes.put_l_bytes(chunk);
        }
        assert_eq!(decode(&mut Reader::new(&bytes)), Ok(Some(b"abc".to_vec())));
    }

    #[test]
    fn a_total_that_the_chunks_do_not_keep_is_malformed() {
        let mut bytes = 9u64.to_le_bytes().to_vec();
        bytes.put_l_bytes(b"ab");
        bytes.put_l_bytes(b"");
        assert!(matches!(decode(&mut Reader::new(&bytes)), Err(DecodeError::Malformed(_))));
    }

    #[test]
    fn a_huge_total_reserves_nothing() {
        let mut bytes = (u64::MAX - 2).to_le_bytes().to_vec();
        bytes.put_u32(u32::MAX);
        assert_eq!(decode(&mut Reader::new(&bytes)), Err(DecodeError::Incomplete));
    }
}
