//! FEDAUTHINFO (MS-TDS 2.2.7.12): where a client fetches its token.
//!
//! Memory: the data of all entries together may not exceed the token, so overlapping entries cannot multiply it.

use crate::tds::{
    DecodeError,
    cursor::{Put as _, Reader, utf16_lossy},
};

/// Where a client fetches its token. Entries that are not known are not kept.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct FedAuthInfo {
    /// The authority's address.
    pub sts_url: Option<String>,
    /// The name of the service that the token is for.
    pub spn: Option<String>,
}

const STS_URL: u8 = 0x01;
const SPN: u8 = 0x02;
const ENTRY_LEN: usize = 9;

impl FedAuthInfo {
    pub(super) fn decode(body: &[u8]) -> Result<Self, DecodeError> {
        let mut entries = Reader::new(body);
        let mut info = Self::default();
        let mut data_left = body.len();
        for _ in 0..entries.u32()? {
            let id = entries.u8()?;
            let length = size(entries.u32()?)?;
            let offset = size(entries.u32()?)?;
            data_left = data_left.checked_sub(length).ok_or(DecodeError::Malformed("FEDAUTHINFO lengths"))?;
            let mut data = Reader::new(body);
            data.bytes(offset)?;
            let text = data.bytes(length)?;
            match id {
                STS_URL => info.sts_url = Some(utf16_lossy(text)),
                SPN => info.spn = Some(utf16_lossy(text)),
                _ => {}
            }
        }
        Ok(info)
    }

    pub(super) fn encode(&self) -> Vec<u8> {
        let entries: Vec<(u8, &str)> = [(STS_URL, &self.sts_url), (SPN, &self.spn)]
            .into_iter()
            .filter_map(|(id, text)| Some((id, text.as_deref()?)))
            .collect();
        let mut body = Vec::new();
        let mut data = Vec::new();
        body.put_u32(u32::try_from(entries.len()).unwrap_or_default());
        for (id, text) in &entries {
            let before = data.len();
            data.put_text(text);
            let offset = 4 + entries.len() * ENTRY_LEN + before;
            body.put_u8(*id);
            body.put_u32(u32::try_from(data.len() - before).unwrap_or(u32::MAX));
            body.put_u32(u32::try_from(offset).unwrap_or(u32::MAX));
        }
        body.put(&data);
        body
    }
}

fn size(value: u32) -> Result<usize, DecodeError> {
    usize::try_from(value).map_err(|_| DecodeError::Malformed("FEDAUTHINFO lengths"))
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use proptest::prelude::*;

    pub fn any_info() -> impl Strategy<Value = FedAuthInfo> {
        (proptest::option::of(".{0,40}"), proptest::option::of(".{0,40}"))
            .prop_map(|(sts_url, spn)| FedAuthInfo { sts_url, spn })
    }

    #[test]
    fn a_count_of_entries_that_are_not_there_is_incomplete() {
        assert_eq!(FedAuthInfo::decode(&[255, 255, 255, 255, 1]), Err(DecodeError::Incomplete));
    }
}
