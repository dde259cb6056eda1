//! TDS packets (MS-TDS 2.2.3): the header of eight bytes, and what is in it. Whole messages
//! are in `message`, and named here too.

use super::{DecodeError, cursor::Reader};

pub use super::message::{Message, MessageWriter, Progress, Reassembler, packetise};

/// The length of a packet header.
pub const HEADER_LEN: usize = 8;

/// The packet size before a login has agreed on another one, and the most that a PRELOGIN or TLS packet may have.
pub const DEFAULT_PACKET_SIZE: usize = 4096;

/// The smallest packet size that may be agreed on.
pub const MIN_PACKET_SIZE: usize = 512;

/// The largest packet size that may be agreed on.
pub const MAX_PACKET_SIZE: usize = 32767;

/// What a message is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
#[expect(missing_docs, reason = "the names are the specification's")]
pub enum PacketType {
    SqlBatch = 0x01,
    PreTds7Login = 0x02,
    Rpc = 0x03,
    TabularResult = 0x04,
    Attention = 0x06,
    BulkLoad = 0x07,
    FedAuthToken = 0x08,
    TransactionManager = 0x0E,
    Login7 = 0x10,
    Sspi = 0x11,
    PreLogin = 0x12,
}

impl TryFrom<u8> for PacketType {
    type Error = DecodeError;

    fn try_from(byte: u8) -> Result<Self, DecodeError> {
        Ok(match byte {
            0x01 => Self::SqlBatch,
            0x02 => Self::PreTds7Login,
            0x03 => Self::Rpc,
            0x04 => Self::TabularResult,
            0x06 => Self::Attention,
            0x07 => Self::BulkLoad,
            0x08 => Self::FedAuthToken,
            0x0E => Self::TransactionManager,
            0x10 => Self::Login7,
            0x11 => Self::Sspi,
            0x12 => Self::PreLogin,
            _ => return Err(DecodeError::Malformed("packet type")),
        })
    }
}

/// The status bits of a packet.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Status(pub u8);

impl Status {
    /// No bit set.
    pub const NORMAL: Self = Self(0x00);
    /// The last packet of its message.
    pub const EOM: Self = Self(0x01);
    /// The message is to be forgotten (from the client, together with [`Status::EOM`]).
    pub const IGNORE: Self = Self(0x02);
    /// Reset the connection before the request is carried out.
    pub const RESET_CONNECTION: Self = Self(0x08);
    /// The same, keeping the transaction.
    pub const RESET_CONNECTION_SKIP_TRAN: Self = Self(0x10);
    /// Both kinds of reset.
    pub const RESETS: Self = Self(0x18);

    /// Whether all bits of `other` are set.
    pub fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// The bits that are in both.
    pub fn only(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// The bits that are not in `other`.
    pub fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }
}

impl std::ops::BitOr for Status {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

impl std::fmt::Debug for Status {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Status({:#04x})", self.0)
    }
}

/// The header of a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PacketHeader {
    /// What the message is.
    pub kind: PacketType,
    /// The status bits.
    pub status: Status,
    /// The whole packet's length, the header included.
    pub length: u16,
    /// The server's process id, zero from clients.
    pub spid: u16,
    /// A running number that nobody checks.
    pub packet_id: u8,
    /// Always zero.
    pub window: u8,
}

impl PacketHeader {
    /// Reads a header from the front of `bytes`.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(bytes);
        let header = Self {
            kind: reader.u8()?.try_into()?,
            status: Status(reader.u8()?),
            length: reader.u16_be()?,
            spid: reader.u16_be()?,
            packet_id: reader.u8()?,
            window: reader.u8()?,
        };
        if usize::from(header.length) < HEADER_LEN {
            return Err(DecodeError::Malformed("packet length"));
        }
        Ok(header)
    }

    /// The header's eight bytes.
    pub fn encode(&self) -> [u8; HEADER_LEN] {
        let [length_high, length_low] = self.length.to_be_bytes();
        let [spid_high, spid_low] = self.spid.to_be_bytes();
        [self.kind as u8, self.status.0, length_high, length_low, spid_high, spid_low, self.packet_id, self.window]
    }

    /// How many bytes follow the header.
    pub fn payload_len(&self) -> usize {
        usize::from(self.length).saturating_sub(HEADER_LEN)
    }

    /// Whether this packet ends its message.
    pub fn is_last(&self) -> bool {
        self.status.contains(Status::EOM)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_is_eight_bytes_with_its_numbers_high_byte_first() {
        let bytes = [0x10, 0x01, 0x00, 0x90, 0x00, 0x33, 0x01, 0x00];
        let header = PacketHeader::decode(&bytes).unwrap();
        assert_eq!((header.kind, header.length, header.spid), (PacketType::Login7, 0x90, 0x33));
        assert_eq!(header.encode(), bytes);
        assert_eq!(PacketHeader::decode(&bytes[..7]), Err(DecodeError::Incomplete));
    }

    #[test]
    fn a_packet_shorter_than_its_header_or_of_an_unknown_type_is_refused() {
        assert!(PacketHeader::decode(&[0x01, 0x01, 0x00, 0x07, 0, 0, 0, 0]).is_err());
        assert!(PacketHeader::decode(&[0x53, 0x01, 0x00, 0x10, 0, 0, 0, 0]).is_err());
    }

    #[test]
    fn resets_are_told_from_the_other_bits() {
        let status = Status::EOM | Status::RESET_CONNECTION;
        assert_eq!(
            (status.only(Status::RESETS), status.without(Status::RESETS)),
            (Status::RESET_CONNECTION, Status::EOM)
        );
    }
}
