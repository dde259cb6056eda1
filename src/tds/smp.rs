//! SMP (MC-SMP 2.2): the 16 bytes before each piece of a session when several share a connection (MARS).

use super::{
    DecodeError,
    cursor::{Put as _, Reader},
};

/// The length of an SMP header.
pub const SMP_HEADER_LEN: usize = 16;

/// The first byte of each, by which one tells it from a TDS packet.
pub const SMP_ID: u8 = 0x53;

/// The header of a piece.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SmpHeader {
    /// What the piece is.
    pub kind: SmpKind,
    /// The session within the connection.
    pub session: u16,
    /// The whole piece's length, the header included.
    pub length: u32,
    /// The running number of the last piece of data sent.
    pub sequence: u32,
    /// The highest running number that the sender is ready to receive.
    pub window: u32,
}

/// What a piece is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum SmpKind {
    /// A session begins.
    Syn = 0x01,
    /// The window moved.
    Ack = 0x02,
    /// A session ends.
    Fin = 0x04,
    /// A TDS packet, or a part of one, follows.
    Data = 0x08,
}

impl SmpHeader {
    /// Reads a header from the front of `bytes`.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(bytes);
        if reader.u8()? != SMP_ID {
            return Err(DecodeError::Malformed("SMP header"));
        }
        let kind = match reader.u8()? {
            0x01 => SmpKind::Syn,
            0x02 => SmpKind::Ack,
            0x04 => SmpKind::Fin,
            0x08 => SmpKind::Data,
            _ => return Err(DecodeError::Malformed("SMP flags")),
        };
        let header = Self {
            kind,
            session: reader.u16()?,
            length: reader.u32()?,
            sequence: reader.u32()?,
            window: reader.u32()?,
        };
        // Only data has a payload.
        match (header.payload_len(), kind) {
            (None, _) => Err(DecodeError::Malformed("SMP length")),
            (Some(1..), SmpKind::Syn | SmpKind::Ack | SmpKind::Fin) => Err(DecodeError::Malformed("SMP length")),
            _ => Ok(header),
        }
    }

    /// The header's sixteen bytes.
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = vec![SMP_ID, self.kind as u8];
        bytes.put_u16(self.session);
        bytes.put_u32(self.length);
        bytes.put_u32(self.sequence);
        bytes.put_u32(self.window);
        bytes
    }

    /// How many bytes follow the header; `None` for a length below its own.
    pub fn payload_len(&self) -> Option<usize> {
        usize::try_from(self.length).ok()?.checked_sub(SMP_HEADER_LEN)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn only_data_carries_something_and_nothing_is_shorter_than_its_header() {
        let header = |kind, length| SmpHeader { kind, session: 0, length, sequence: 0, window: 4 };
        assert!(SmpHeader::decode(&header(SmpKind::Syn, 16).encode()).is_ok());
        assert!(SmpHeader::decode(&header(SmpKind::Ack, 17).encode()).is_err());
        assert!(SmpHeader::decode(&header(SmpKind::Data, 17).encode()).is_ok());
        assert!(SmpHeader::decode(&header(SmpKind::Data, 15).encode()).is_err());
        assert_eq!(SmpHeader::decode(&header(SmpKind::Syn, 16).encode()[..15]), Err(DecodeError::Incomplete));
    }

    proptest! {
        #[test]
        fn a_header_comes_back_as_it_was(session: u16, length in 16u32.., sequence: u32, window: u32) {
            let header = SmpHeader { kind: SmpKind::Data, session, length, sequence, window };
            prop_assert_eq!(SmpHeader::decode(&header.encode()), Ok(header));
        }

        #[test]
        fn arbitrary_bytes_never_panic(mut bytes in proptest::collection::vec(any::<u8>(), 1..32)) {
            bytes[0] = SMP_ID;
            let _ = SmpHeader::decode(&bytes);
        }
    }
}
