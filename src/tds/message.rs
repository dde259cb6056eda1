//! Messages (MS-TDS 2.2.3): cut into packets, and put together again within a limit.

use super::{
    DecodeError,
    cursor::Put as _,
    packet::{HEADER_LEN, PacketHeader, PacketType, Status},
};

/// Cuts one message into packets while it is being made, so that a large one need not be held whole.
///
/// Of `status`, the reset bits go on the first packet only; the end bit is set by [`MessageWriter::finish`].
#[derive(Debug)]
pub struct MessageWriter {
    kind: PacketType,
    status: Status,
    spid: u16,
    packet_id: u8,
    room: usize,
    pending: Vec<u8>,
}

impl MessageWriter {
    /// Starts a message whose packets have at most `packet_size` bytes, header included.
    pub fn new(kind: PacketType, status: Status, spid: u16, packet_size: usize) -> Self {
        let room = packet_size.clamp(HEADER_LEN + 1, u16::MAX.into()) - HEADER_LEN;
        Self { kind, status: status.without(Status::EOM), spid, packet_id: 1, room, pending: Vec::new() }
    }

    /// Adds payload; packets that became full go to `out`. What waits inside never exceeds one packet.
    pub fn push(&mut self, mut payload: &[u8], out: &mut Vec<u8>) {
        while self.pending.len() + payload.len() > self.room {
            let (now, later) = payload.split_at_checked(self.room - self.pending.len()).unwrap_or((payload, &[]));
            self.pending.extend_from_slice(now);
            payload = later;
            self.emit(Status::NORMAL, out);
        }
        self.pending.extend_from_slice(payload);
    }

    /// Ends the message: what waited goes to `out` as its last packet.
    pub fn finish(mut self, out: &mut Vec<u8>) {
        self.emit(Status::EOM, out);
    }

    fn emit(&mut self, end: Status, out: &mut Vec<u8>) {
        let header = PacketHeader {
            kind: self.kind,
            status: self.status | end,
            length: u16::try_from(self.pending.len() + HEADER_LEN).unwrap_or(u16::MAX),
            spid: self.spid,
            packet_id: self.packet_id,
            window: 0,
        };
        out.put(&header.encode());
        out.append(&mut self.pending);
        self.packet_id = self.packet_id.wrapping_add(1);
        self.status = self.status.without(Status::RESETS);
    }
}

/// Appends the message to `out` as packets of at most `packet_size` bytes each, header included.
pub fn packetise(kind: PacketType, status: Status, spid: u16, payload: &[u8], packet_size: usize, out: &mut Vec<u8>) {
    let mut writer = MessageWriter::new(kind, status, spid, packet_size);
    writer.push(payload, out);
    writer.finish(out);
}

/// A whole message.
#[derive(Clone, PartialEq, Eq)]
pub struct Message {
    /// What it is.
    pub kind: PacketType,
    /// The reset bits of its first packet.
    pub reset: Status,
    /// What its packets carried, in order.
    pub payload: Vec<u8>,
}

/// Shows the length alone: a payload may be a login.
impl std::fmt::Debug for Message {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Message({:?}, {:?}, {} bytes)", self.kind, self.reset, self.payload.len())
    }
}

/// How far the message is after another packet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Progress {
    /// More packets belong to it.
    Incomplete,
    /// It is whole.
    Message(Message),
    /// Its sender took it back with its last packet; what came of it was dropped.
    Cancelled(PacketType),
}

/// Puts messages together from packets. Holds at most `limit` bytes of payload.
#[derive(Debug)]
pub struct Reassembler {
    limit: usize,
    partial: Option<Message>,
}

impl Reassembler {
    /// For messages of at most `limit` bytes.
    pub fn new(limit: usize) -> Self {
        Self { limit, partial: None }
    }

    /// Whether a message has begun and not ended.
    pub fn is_within_message(&self) -> bool {
        self.partial.is_some()
    }

    /// Takes the next packet. After an error the stream has no meaning any more and must be closed.
    pub fn push(&mut self, header: PacketHeader, payload: &[u8]) -> Result<Progress, DecodeError> {
        if payload.len() != header.payload_len() {
            return Err(DecodeError::Malformed("packet length"));
        }
        let mut message = match self.partial.take() {
            Some(begun) if begun.kind != header.kind => return Err(DecodeError::Malformed("sequence of packets")),
            Some(begun) => begun,
            None => Message { kind: header.kind, reset: header.status.only(Status::RESETS), payload: Vec::new() },
        };
        if message.payload.len() + payload.len() > self.limit {
            return Err(DecodeError::TooLarge { limit: self.limit });
        }
        message.payload.extend_from_slice(payload);
        if !header.is_last() {
            self.partial = Some(message);
            return Ok(Progress::Incomplete);
        }
        if header.status.contains(Status::IGNORE) {
            return Ok(Progress::Cancelled(message.kind));
        }
        Ok(Progress::Message(message))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Reads all packets in `bytes` as a connection would.
    fn reassemble(mut bytes: &[u8], limit: usize) -> Result<Vec<Progress>, DecodeError> {
        let mut reassembler = Reassembler::new(limit);
        let mut all = Vec::new();
        while !bytes.is_empty() {
            let header = PacketHeader::decode(bytes)?;
            let Some((packet, rest)) = bytes.split_at_checked(header.length.into()) else { break };
            all.push(reassembler.push(header, &packet[HEADER_LEN..])?);
            bytes = rest;
        }
        Ok(all)
    }

    fn header(kind: PacketType, status: Status, payload: usize) -> PacketHeader {
        PacketHeader { kind, status, length: (payload + HEADER_LEN) as u16, spid: 0, packet_id: 1, window: 0 }
    }

    #[test]
    fn the_reset_bit_travels_on_the_first_packet_only() {
        let mut bytes = Vec::new();
        packetise(PacketType::SqlBatch, Status::RESET_CONNECTION, 0, &[7; 1200], 512, &mut bytes);
        assert_eq!([bytes[1], bytes[512 + 1], bytes[1024 + 1]], [0x08, 0x00, 0x01]);
        let progress = reassemble(&bytes, 2000).unwrap();
        let Some(Progress::Message(message)) = progress.last() else { panic!("{progress:?}") };
        assert_eq!(message.reset, Status::RESET_CONNECTION);
        assert_eq!(message.payload, [7; 1200]);
    }

    #[test]
    fn a_message_that_its_sender_takes_back_is_cancelled() {
        let mut reassembler = Reassembler::new(100);
        let first = header(PacketType::SqlBatch, Status::NORMAL, 4);
        assert_eq!(reassembler.push(first, &[1; 4]), Ok(Progress::Incomplete));
        assert!(reassembler.is_within_message());
        let last = header(PacketType::SqlBatch, Status::EOM | Status::IGNORE, 0);
        assert_eq!(reassembler.push(last, &[]), Ok(Progress::Cancelled(PacketType::SqlBatch)));
        assert!(!reassembler.is_within_message());
    }

    #[test]
    fn a_message_never_grows_beyond_its_limit() {
        let mut reassembler = Reassembler::new(10);
        let packet = header(PacketType::Login7, Status::NORMAL, 6);
        assert_eq!(reassembler.push(packet, &[0; 6]), Ok(Progress::Incomplete));
        assert_eq!(reassembler.push(packet, &[0; 6]), Err(DecodeError::TooLarge { limit: 10 }));
    }

    #[test]
    fn a_message_of_two_types_is_refused() {
        let mut reassembler = Reassembler::new(10);
        reassembler.push(header(PacketType::Rpc, Status::NORMAL, 1), &[0]).unwrap();
        assert!(reassembler.push(header(PacketType::SqlBatch, Status::EOM, 1), &[0]).is_err());
    }

    #[test]
    fn an_empty_message_is_one_packet() {
        let mut bytes = Vec::new();
        packetise(PacketType::Attention, Status::NORMAL, 0, &[], 4096, &mut bytes);
        assert_eq!(bytes, [0x06, 0x01, 0x00, 0x08, 0, 0, 1, 0]);
    }

    proptest! {
        #[test]
        fn what_was_cut_into_packets_comes_back_whole(
            payload in proptest::collection::vec(any::<u8>(), 0..5000), size in 0usize..3000,
        ) {
            let mut bytes = Vec::new();
            packetise(PacketType::TabularResult, Status::NORMAL, 51, &payload, size, &mut bytes);
            let progress = reassemble(&bytes, payload.len()).unwrap();
            let expected = Message { kind: PacketType::TabularResult, reset: Status::NORMAL, payload };
            prop_assert_eq!(progress.last(), Some(&Progress::Message(expected)));
        }

        #[test]
        fn a_message_written_in_pieces_is_cut_like_a_whole_one(
            pieces in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..900), 0..6),
        ) {
            let mut whole = Vec::new();
            packetise(PacketType::TabularResult, Status::NORMAL, 0, &pieces.concat(), 512, &mut whole);
            let mut streamed = Vec::new();
            let mut writer = MessageWriter::new(PacketType::TabularResult, Status::NORMAL, 0, 512);
            for piece in &pieces {
                writer.push(piece, &mut streamed);
            }
            writer.finish(&mut streamed);
            prop_assert_eq!(streamed, whole);
        }

        #[test]
        fn arbitrary_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = reassemble(&bytes, 100);
        }
    }
}
