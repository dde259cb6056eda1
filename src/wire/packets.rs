//! One packet at a time out of a byte stream, and messages cut into packets back into one (MS-TDS 2.2.3, MC-SMP 2.2).
//!
//! A reader takes from its stream exactly the bytes of the packet that was asked for, so that whoever speaks next
//! on that stream (TLS, a relay) finds its first byte in place.

use std::io;

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};

use crate::domain::Side;
use crate::tds::packet::{DEFAULT_PACKET_SIZE, HEADER_LEN as HEADER, MAX_PACKET_SIZE, MIN_PACKET_SIZE, Status};
use crate::tds::smp::{SMP_HEADER_LEN as SMP_HEADER, SMP_ID as SMP};

/// Why a packet could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum WireError {
    /// The stream failed. Side: whoever is at its other end.
    #[error("the connection failed")]
    Io(#[source] io::Error),
    /// The stream ended inside a packet or a message. Side: whoever is at its other end.
    #[error("the connection ended in the middle of a packet")]
    Cut,
    /// A length that no packet can have, or one larger than was agreed. Side: whoever is at the other end.
    #[error("a packet claims {0} bytes")]
    PacketSize(usize),
    /// A message larger than its limit. Side: whoever is at the other end.
    #[error("a message is larger than its limit of {0} bytes")]
    MessageSize(usize),
    /// A packet of another type in the middle of a message. Side: whoever is at the other end.
    #[error("a packet of type 0x{found:02x} inside a message of type 0x{expected:02x}")]
    Mixed {
        /// The type that the message began with.
        expected: u8,
        /// The type that came.
        found: u8,
    },
}

impl WireError {
    /// Whose side it is on, where `peer` is whoever is at the other end of the stream.
    pub fn side(&self, peer: Side) -> Side {
        peer
    }

    /// Whether the peer simply went away: a reset, a broken pipe, an end without a TLS close_notify.
    pub fn is_hang_up(&self) -> bool {
        match self {
            Self::Cut => true,
            Self::Io(error) => is_hang_up(error),
            _ => false,
        }
    }
}

impl From<io::Error> for WireError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// Whether an I/O error only says that the peer is gone.
pub fn is_hang_up(error: &io::Error) -> bool {
    use io::ErrorKind as Kind;
    matches!(
        error.kind(),
        Kind::UnexpectedEof | Kind::ConnectionReset | Kind::ConnectionAborted | Kind::BrokenPipe | Kind::NotConnected
    )
}

/// One packet as it came, header included: a TDS packet, or an SMP packet where the reader lets them pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Frame<'a> {
    bytes: &'a [u8],
}

impl<'a> Frame<'a> {
    /// Header and payload: what a relay passes on.
    pub fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// The first byte: the TDS packet type, or 0x53 for SMP.
    pub fn kind(&self) -> u8 {
        self.bytes.first().copied().unwrap_or_default()
    }

    /// Whether it is an SMP packet, which has a header of its own.
    pub fn is_smp(&self) -> bool {
        self.kind() == SMP
    }

    /// The TDS status bits (of an SMP packet: its flags).
    pub fn status(&self) -> u8 {
        self.bytes.get(1).copied().unwrap_or_default()
    }

    /// Whether a TDS message ends with this packet.
    pub fn ends_message(&self) -> bool {
        !self.is_smp() && self.status() & END_OF_MESSAGE != 0
    }

    /// What follows the header.
    pub fn payload(&self) -> &'a [u8] {
        self.bytes.get(if self.is_smp() { SMP_HEADER } else { HEADER }..).unwrap_or_default()
    }
}

/// A whole message: the payloads of its packets, in one piece.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// The packets' type.
    pub kind: u8,
    /// The status bits of the first packet (RESETCONNECTION is only there).
    pub first_status: u8,
    /// The status bits of the last packet (IGNORE is only there).
    pub last_status: u8,
    /// The payloads.
    pub payload: Vec<u8>,
}

/// Reads packets. Every read is safe to cancel: what has come already is kept for the next call.
#[derive(Debug)]
pub struct PacketReader<R> {
    inner: R,
    /// The packet in progress; grows to the largest packet seen, never beyond `largest`.
    buffer: Vec<u8>,
    filled: usize,
    /// The packet in `buffer` is complete and was handed out.
    complete: bool,
    largest: usize,
    smp: bool,
    message: Option<Message>,
}

impl<R: AsyncRead + Unpin> PacketReader<R> {
    /// Reads TDS packets of any size that TDS knows.
    pub fn new(inner: R) -> Self {
        Self {
            inner,
            buffer: Vec::new(),
            filled: 0,
            complete: false,
            largest: MAX_PACKET_SIZE,
            smp: false,
            message: None,
        }
    }

    /// Refuses packets of more than `largest` bytes, header included, from now on.
    pub fn limit_packets(&mut self, largest: usize) {
        self.largest = largest.clamp(HEADER, MAX_PACKET_SIZE);
    }

    /// Lets SMP packets pass, too, from now on: after the login of a client that was granted MARS.
    pub fn allow_smp(&mut self) {
        self.smp = true;
    }

    /// The stream that is read from.
    pub fn inner_mut(&mut self) -> &mut R {
        &mut self.inner
    }

    /// The stream that is read from.
    pub fn inner(&self) -> &R {
        &self.inner
    }

    /// Gives the stream back; nothing beyond the last packet was taken from it.
    pub fn into_inner(self) -> R {
        self.inner
    }

    /// The next packet, or nothing when the stream ended between two packets. Safe to cancel.
    pub async fn next(&mut self) -> Result<Option<Frame<'_>>, WireError> {
        let there = self.fill_packet().await?;
        Ok(there.then_some(Frame { bytes: self.buffer.get(..self.filled).unwrap_or_default() }))
    }

    /// The next whole message of at most `limit` payload bytes, or nothing when the stream ended before it began.
    /// Safe to cancel.
    pub async fn read_message(&mut self, limit: usize) -> Result<Option<Message>, WireError> {
        while self.fill_packet().await? {
            let frame = Frame { bytes: self.buffer.get(..self.filled).unwrap_or_default() };
            let (kind, status) = (frame.kind(), frame.status());
            let message = self.message.get_or_insert_with(|| Message {
                kind,
                first_status: status,
                last_status: status,
                payload: Vec::new(),
            });
            if message.kind != kind {
                return Err(WireError::Mixed { expected: message.kind, found: kind });
            }
            if message.payload.len() + frame.payload().len() > limit {
                return Err(WireError::MessageSize(limit));
            }
            message.payload.extend_from_slice(frame.payload());
            message.last_status = status;
            if frame.ends_message() {
                return Ok(self.message.take());
            }
        }
        if self.message.is_some() { Err(WireError::Cut) } else { Ok(None) }
    }

    /// Reads the next packet into the buffer, where the one before it may still be. False when there is none.
    async fn fill_packet(&mut self) -> Result<bool, WireError> {
        if self.complete {
            (self.filled, self.complete) = (0, false);
        }
        if !self.fill(HEADER).await? {
            return Ok(false);
        }
        let length = self.claimed_length()?;
        self.fill(length).await?;
        self.complete = true;
        Ok(true)
    }

    /// Reads until `target` bytes of the packet are there. False when the stream ended before its first byte.
    async fn fill(&mut self, target: usize) -> Result<bool, WireError> {
        if self.buffer.len() < target {
            self.buffer.resize(target, 0);
        }
        while self.filled < target {
            let free = self.buffer.get_mut(self.filled..target).unwrap_or_default();
            match self.inner.read(free).await? {
                0 if self.filled == 0 => return Ok(false),
                0 => return Err(WireError::Cut),
                n => self.filled += n,
            }
        }
        Ok(true)
    }

    /// The length that the header in `buffer` claims, checked.
    fn claimed_length(&self) -> Result<usize, WireError> {
        let Some(&[kind, _, high, low, b4, b5, b6, b7]) = self.buffer.first_chunk::<HEADER>() else {
            return Err(WireError::Cut);
        };
        let (length, least, most) = if self.smp && kind == SMP {
            let length = usize::try_from(u32::from_le_bytes([b4, b5, b6, b7])).unwrap_or(usize::MAX);
            (length, SMP_HEADER, self.largest + SMP_HEADER)
        } else {
            (usize::from(u16::from_be_bytes([high, low])), HEADER, self.largest)
        };
        if length < least || length > most { Err(WireError::PacketSize(length)) } else { Ok(length) }
    }
}

/// Writes packets, each in one write, so that TLS underneath makes one record of it.
#[derive(Debug)]
pub struct PacketWriter<W> {
    inner: W,
    packet_size: usize,
    packet: Vec<u8>,
}

impl<W: AsyncWrite + Unpin> PacketWriter<W> {
    /// Writes packets of at most [`DEFAULT_PACKET_SIZE`], which every peer takes before another size is agreed on.
    pub fn new(inner: W) -> Self {
        Self { inner, packet_size: DEFAULT_PACKET_SIZE, packet: Vec::new() }
    }

    /// Cuts messages into packets of `size` bytes from now on, header included.
    pub fn set_packet_size(&mut self, size: usize) {
        self.packet_size = size.clamp(MIN_PACKET_SIZE, MAX_PACKET_SIZE);
    }

    /// The stream that is written to.
    pub fn inner_mut(&mut self) -> &mut W {
        &mut self.inner
    }

    /// Gives the stream back.
    pub fn into_inner(self) -> W {
        self.inner
    }

    /// Writes `payload` as one message of packets of type `kind` and flushes. `status` travels on the first packet, in
    /// addition to the end-of-message bit on the last.
    pub async fn write_message(&mut self, kind: u8, status: u8, payload: &[u8]) -> Result<(), WireError> {
        let room = self.packet_size - HEADER;
        let last = payload.len().div_ceil(room).max(1) - 1;
        for index in 0..=last {
            let start = index * room;
            let part = payload.get(start..payload.len().min(start + room)).unwrap_or_default();
            let first = if index == 0 { status } else { 0 };
            let end = if index == last { END_OF_MESSAGE } else { 0 };
            let number = u8::try_from((index + 1) % 256).unwrap_or_default();
            put_packet(&mut self.packet, kind, first | end, number, part);
            self.inner.write_all(&self.packet).await?;
            self.packet.clear();
        }
        self.flush().await
    }

    /// Writes one packet as it is, in one write, without a flush.
    pub async fn write_packet(&mut self, bytes: &[u8]) -> Result<(), WireError> {
        Ok(self.inner.write_all(bytes).await?)
    }

    /// Sends what may be waiting in the layers below.
    pub async fn flush(&mut self) -> Result<(), WireError> {
        Ok(self.inner.flush().await?)
    }
}

/// Appends one packet to `out`. The payload is at most [`MAX_PACKET_SIZE`] minus the header.
pub(super) fn put_packet(out: &mut Vec<u8>, kind: u8, status: u8, number: u8, payload: &[u8]) {
    let length = u16::try_from(payload.len() + HEADER).unwrap_or(u16::MAX);
    let [high, low] = length.to_be_bytes();
    out.extend_from_slice(&[kind, status, high, low, 0, 0, number, 0]);
    out.extend_from_slice(payload);
}

/// The status bit of a message's last packet.
pub(super) const END_OF_MESSAGE: u8 = Status::EOM.0;

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;
    use tokio::io::AsyncWriteExt as _;

    use super::*;

    fn packet(kind: u8, status: u8, payload: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        put_packet(&mut out, kind, status, 1, payload);
        out
    }

    fn run<T>(work: impl Future<Output = T>) -> T {
        tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(work)
    }

    #[tokio::test]
    async fn what_follows_a_packet_stays_in_the_stream() {
        let bytes = [packet(0x12, 1, b"hello"), b"\x16\x03\x01".to_vec()].concat();
        let mut reader = PacketReader::new(&bytes[..]);
        assert_eq!(reader.next().await.unwrap().unwrap().payload(), b"hello");
        assert_eq!(reader.into_inner(), b"\x16\x03\x01");
    }

    #[tokio::test]
    async fn a_cancelled_read_loses_nothing() {
        let (mut far, near) = tokio::io::duplex(64);
        let mut reader = PacketReader::new(near);
        let message = [packet(1, 0, b"first "), packet(1, 1, b"second")].concat();
        for part in message.chunks(5) {
            far.write_all(part).await.unwrap();
            let last = part.as_ptr_range().end == message.as_ptr_range().end;
            if !last {
                let cancelled = tokio::time::timeout(Duration::from_millis(1), reader.read_message(100)).await;
                assert!(cancelled.is_err());
            }
        }
        assert_eq!(reader.read_message(100).await.unwrap().unwrap().payload, b"first second");
    }

    #[tokio::test]
    async fn an_end_between_packets_is_an_end_and_elsewhere_a_cut() {
        let whole = packet(1, 0, b"x");
        assert!(PacketReader::new(&[][..]).next().await.unwrap().is_none());
        assert!(matches!(PacketReader::new(&whole[..8]).next().await, Err(WireError::Cut)));
        assert!(matches!(PacketReader::new(&whole[..3]).next().await, Err(WireError::Cut)));
        assert!(matches!(PacketReader::new(&whole[..]).read_message(9).await, Err(WireError::Cut)));
    }

    #[tokio::test]
    async fn packets_and_messages_keep_to_their_limits() {
        let large = packet(1, 1, &[7; 600]);
        let mut reader = PacketReader::new(&large[..]);
        reader.limit_packets(512);
        assert!(matches!(reader.next().await, Err(WireError::PacketSize(608))));
        assert!(matches!(PacketReader::new(&large[..]).read_message(599).await, Err(WireError::MessageSize(599))));
        assert!(matches!(PacketReader::new(&[1, 1, 0, 7, 0, 0, 0, 0][..]).next().await, Err(WireError::PacketSize(7))));
        let mixed = [packet(1, 0, b"x"), packet(3, 1, b"y")].concat();
        assert!(matches!(
            PacketReader::new(&mixed[..]).read_message(9).await,
            Err(WireError::Mixed { expected: 1, found: 3 })
        ));
    }

    #[tokio::test]
    async fn smp_packets_pass_where_they_are_allowed() {
        let mut smp = vec![0x53, 0x08, 1, 0, 24, 0, 0, 0, 1, 0, 0, 0, 4, 0, 0, 0];
        smp.extend_from_slice(&[1, 1, 0, 8, 0, 0, 0, 0]);
        let both = [smp.clone(), packet(4, 1, b"z")].concat();
        let mut reader = PacketReader::new(&both[..]);
        reader.allow_smp();
        let frame = reader.next().await.unwrap().unwrap();
        assert!(frame.is_smp());
        assert_eq!(frame.bytes(), smp);
        assert_eq!(frame.payload(), &smp[16..]);
        assert_eq!(reader.next().await.unwrap().unwrap().payload(), b"z");
        let endless = [0x53, 8, 1, 0, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0, 0, 0, 0, 0];
        let mut reader = PacketReader::new(&endless[..]);
        reader.allow_smp();
        assert!(matches!(reader.next().await, Err(WireError::PacketSize(_))));
    }

    proptest! {
        #[test]
        fn a_message_reads_back_as_it_was_written(
            payload in proptest::collection::vec(any::<u8>(), 0..5000),
            size in 512usize..4096,
            kind in 1u8..0x13,
            step in 1usize..700,
        ) {
            let read = run(async {
                let (far, near) = tokio::io::duplex(step);
                let mut writer = PacketWriter::new(far);
                writer.set_packet_size(size);
                let mut reader = PacketReader::new(near);
                reader.limit_packets(size);
                let write = async { writer.write_message(kind, 0x08, &payload).await.unwrap() };
                tokio::join!(write, reader.read_message(5000)).1
            });
            let message = read.unwrap().unwrap();
            prop_assert_eq!(message.kind, kind);
            prop_assert_eq!(message.first_status & 0x08, 0x08);
            prop_assert_eq!(message.last_status & END_OF_MESSAGE, END_OF_MESSAGE);
            prop_assert_eq!(message.payload, payload);
        }

        #[test]
        fn no_bytes_make_a_reader_panic_or_hold_more_than_its_limits(bytes: Vec<u8>, smp: bool) {
            run(async {
                let mut reader = PacketReader::new(&bytes[..]);
                if smp {
                    reader.allow_smp();
                }
                while let Ok(Some(_)) = reader.read_message(1000).await {}
                assert!(reader.buffer.capacity() <= 2 * (MAX_PACKET_SIZE + SMP_HEADER));
                assert!(reader.message.is_none_or(|m| m.payload.len() <= 1000));
            });
        }
    }
}
