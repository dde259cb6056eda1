//! ALL_HEADERS (MS-TDS 2.2.5.3): what stands before a request since TDS 7.2.
//!
//! Memory: what is decoded takes at most 32 bytes for each byte read.

use super::{
    DecodeError,
    cursor::{Put as _, Reader},
};

/// The headers of a request.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AllHeaders {
    /// The transaction that the request belongs to.
    pub transaction: Option<TransactionHeader>,
    /// A wish to be told when the result would change.
    pub notification: Option<QueryNotification>,
    /// The client's activity, for tracing.
    pub trace: Option<TraceActivity>,
    /// Headers that are not known here.
    pub other: Vec<(u16, Vec<u8>)>,
}

/// The transaction that a request belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TransactionHeader {
    /// As the server gave it out; zero for none.
    pub descriptor: u64,
    /// How many requests are active on the connection.
    pub outstanding: u32,
}

/// A wish to be told when a result would change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueryNotification {
    /// The wish's own id.
    pub id: String,
    /// The service that the news goes to.
    pub deployment: String,
    /// After how many milliseconds it is void.
    pub timeout: Option<u32>,
}

/// The client's activity.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TraceActivity {
    /// Its id.
    pub id: [u8; 16],
    /// Its running number.
    pub sequence: u32,
}

const NOTIFICATION: u16 = 1;
const TRANSACTION: u16 = 2;
const TRACE: u16 = 3;

impl AllHeaders {
    /// What most requests carry.
    pub fn of_transaction(descriptor: u64) -> Self {
        Self { transaction: Some(TransactionHeader { descriptor, outstanding: 1 }), ..Self::default() }
    }

    /// Reads the headers, and leaves the reader at what follows them.
    pub fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let malformed = DecodeError::Malformed("headers of a request");
        let mut part = counted(reader)?;
        let mut headers = Self::default();
        while !part.is_empty() {
            let mut header = counted(&mut part).map_err(|_| malformed)?;
            let kind = header.u16().map_err(|_| malformed)?;
            headers.take(kind, &mut header).map_err(|_| malformed)?;
        }
        Ok(headers)
    }

    fn take(&mut self, kind: u16, header: &mut Reader<'_>) -> Result<(), DecodeError> {
        match kind {
            TRANSACTION => {
                self.transaction = Some(TransactionHeader { descriptor: header.u64()?, outstanding: header.u32()? });
            }
            NOTIFICATION => {
                self.notification = Some(QueryNotification {
                    id: text(header)?,
                    deployment: text(header)?,
                    timeout: if header.is_empty() { None } else { Some(header.u32()?) },
                });
            }
            TRACE => self.trace = Some(TraceActivity { id: header.array()?, sequence: header.u32()? }),
            _ => self.other.push((kind, header.rest().to_vec())),
        }
        Ok(())
    }

    /// Appends the headers.
    pub fn encode(&self, out: &mut Vec<u8>) {
        let mut all = Vec::new();
        if let Some(notification) = &self.notification {
            let mut data = Vec::new();
            for text in [&notification.id, &notification.deployment] {
                let mut bytes = Vec::new();
                bytes.put_text(text);
                data.put_us_bytes(&bytes);
            }
            data.extend(notification.timeout.iter().flat_map(|timeout| timeout.to_le_bytes()));
            put_header(NOTIFICATION, &data, &mut all);
        }
        if let Some(transaction) = &self.transaction {
            let mut data = transaction.descriptor.to_le_bytes().to_vec();
            data.put_u32(transaction.outstanding);
            put_header(TRANSACTION, &data, &mut all);
        }
        if let Some(trace) = &self.trace {
            let mut data = trace.id.to_vec();
            data.put_u32(trace.sequence);
            put_header(TRACE, &data, &mut all);
        }
        self.other.iter().for_each(|(kind, data)| put_header(*kind, data, &mut all));
        out.put_u32(u32::try_from(all.len() + 4).unwrap_or(u32::MAX));
        out.put(&all);
    }
}

/// A part whose length, itself included, stands before it.
fn counted<'a>(reader: &mut Reader<'a>) -> Result<Reader<'a>, DecodeError> {
    let length = reader.u32()?.checked_sub(4).ok_or(DecodeError::Malformed("headers of a request"))?;
    reader.part(usize::try_from(length).map_err(|_| DecodeError::Incomplete)?)
}

fn put_header(kind: u16, data: &[u8], out: &mut Vec<u8>) {
    out.put_u32(u32::try_from(data.len() + 6).unwrap_or(u32::MAX));
    out.put_u16(kind);
    out.put(data);
}

/// Text after its count of bytes.
fn text(header: &mut Reader<'_>) -> Result<String, DecodeError> {
    header.us_bytes().map(super::cursor::utf16_lossy)
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use proptest::prelude::*;

    pub fn any_headers() -> impl Strategy<Value = AllHeaders> {
        let notification = (".{0,20}", ".{0,20}", any::<Option<u32>>())
            .prop_map(|(id, deployment, timeout)| QueryNotification { id, deployment, timeout });
        let transaction = any::<Option<(u64, u32)>>();
        let trace = any::<Option<([u8; 16], u32)>>();
        let other = proptest::collection::vec((4u16.., proptest::collection::vec(any::<u8>(), 0..9)), 0..3);
        (proptest::option::of(notification), transaction, trace, other).prop_map(
            |(notification, transaction, trace, other)| AllHeaders {
                transaction: transaction.map(|(descriptor, outstanding)| TransactionHeader { descriptor, outstanding }),
                notification,
                trace: trace.map(|(id, sequence)| TraceActivity { id, sequence }),
                other,
            },
        )
    }

    #[test]
    fn the_usual_headers_are_22_bytes() {
        let mut bytes = Vec::new();
        AllHeaders::of_transaction(7).encode(&mut bytes);
        assert_eq!(bytes, [22, 0, 0, 0, 18, 0, 0, 0, 2, 0, 7, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0]);
    }

    #[test]
    fn a_header_longer_than_all_of_them_is_malformed() {
        let bytes = [10, 0, 0, 0, 200, 0, 0, 0, 2, 0, 0, 0];
        assert!(matches!(AllHeaders::decode(&mut Reader::new(&bytes)), Err(DecodeError::Malformed(_))));
        assert!(matches!(AllHeaders::decode(&mut Reader::new(&[3, 0, 0, 0])), Err(DecodeError::Malformed(_))));
        assert_eq!(AllHeaders::decode(&mut Reader::new(&[9, 0, 0, 0, 0])), Err(DecodeError::Incomplete));
    }

    proptest! {
        #[test]
        fn headers_come_back_and_what_follows_is_left(headers in any_headers(), rest in any::<Vec<u8>>()) {
            let mut bytes = Vec::new();
            headers.encode(&mut bytes);
            bytes.extend(&rest);
            let mut reader = Reader::new(&bytes);
            prop_assert_eq!(AllHeaders::decode(&mut reader), Ok(headers));
            prop_assert_eq!(reader.rest(), rest);
        }

        #[test]
        fn arbitrary_bytes_never_panic(mut bytes in proptest::collection::vec(any::<u8>(), 4..80)) {
            let _ = AllHeaders::decode(&mut Reader::new(&bytes));
            bytes[1..4].fill(0);
            let _ = AllHeaders::decode(&mut Reader::new(&bytes));
        }
    }
}
