//! TLS inside PRELOGIN packets (MS-TDS 3.2.5.2, 3.3.5.2): a stream under rustls that wraps while the handshake lasts.
//!
//! What drivers insist on: packets of type 0x12 in both directions, one flight of records = one message with its end
//! marked once, no packet above 4,096 bytes. After the handshake the records travel bare.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt as _, ReadBuf};
use tokio_rustls::{TlsAcceptor, TlsConnector, client, server};

use super::packets::{END_OF_MESSAGE, put_packet};
use crate::tds::packet::{DEFAULT_PACKET_SIZE as PACKET, HEADER_LEN as HEADER, PacketType};

/// Accepts a TLS handshake inside PRELOGIN packets, as a server, and unwraps what follows. The alert of a failed
/// handshake still reaches the client.
pub async fn accept<S>(inner: S, config: Arc<rustls::ServerConfig>) -> io::Result<server::TlsStream<PreLoginTunnel<S>>>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    match TlsAcceptor::from(config).accept(PreLoginTunnel::server(inner)).into_fallible().await {
        Ok(mut stream) => {
            stream.get_mut().0.finish_handshake()?;
            Ok(stream)
        }
        Err((error, mut tunnel)) => {
            let _ = tunnel.flush().await;
            Err(error)
        }
    }
}

/// Makes a TLS handshake inside PRELOGIN packets, as a client, and unwraps what follows.
pub async fn connect<S>(
    inner: S,
    config: Arc<rustls::ClientConfig>,
    name: ServerName<'static>,
) -> io::Result<client::TlsStream<PreLoginTunnel<S>>>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    match TlsConnector::from(config).connect(name, PreLoginTunnel::client(inner)).into_fallible().await {
        Ok(mut stream) => {
            stream.get_mut().0.finish_handshake()?;
            Ok(stream)
        }
        Err((error, mut tunnel)) => {
            let _ = tunnel.flush().await;
            Err(error)
        }
    }
}

/// A stream that wraps what is written to it, and unwraps what is read, until [`PreLoginTunnel::finish_handshake`].
#[derive(Debug)]
pub struct PreLoginTunnel<S> {
    inner: S,
    role: Role,
    wrapping: bool,
    incoming: Incoming,
    /// The records of the flight in progress, bare.
    flight: Vec<u8>,
    /// The flight on its way, in packets.
    packets: Vec<u8>,
    sent: usize,
}

impl<S> PreLoginTunnel<S> {
    /// The server's end: takes packets of type 0x12.
    pub fn server(inner: S) -> Self {
        Self::new(inner, Role::Server)
    }

    /// The client's end: takes packets of type 0x12, and 0x04 as older servers send them.
    pub fn client(inner: S) -> Self {
        Self::new(inner, Role::Client)
    }

    /// A stream that never wrapped anything: the same type for TDS 8.0, where TLS comes first.
    pub fn bare(inner: S) -> Self {
        Self { wrapping: false, ..Self::client(inner) }
    }

    /// From now on bytes pass as they are. Fails when the peer's last packet is still incomplete, or an own flight is
    /// still on its way: both mean that the handshake is not over.
    pub fn finish_handshake(&mut self) -> io::Result<()> {
        if !self.flight.is_empty() || self.sent < self.packets.len() || !self.incoming.is_between_packets() {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "the TLS handshake ended inside a packet"));
        }
        self.wrapping = false;
        (self.flight, self.packets, self.sent) = (Vec::new(), Vec::new(), 0);
        Ok(())
    }

    /// The stream underneath.
    pub fn inner(&self) -> &S {
        &self.inner
    }

    /// The stream underneath. Reading from or writing to it breaks the tunnel; its options may be set.
    pub fn inner_mut(&mut self) -> &mut S {
        &mut self.inner
    }

    fn new(inner: S, role: Role) -> Self {
        let incoming = Incoming { header: [0; HEADER], have: 0, left: 0 };
        Self { inner, role, wrapping: true, incoming, flight: Vec::new(), packets: Vec::new(), sent: 0 }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> PreLoginTunnel<S> {
    /// Puts the flight into packets, if there is one, and writes them out.
    fn poll_send_flight(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        loop {
            while let Some(rest) = self.packets.get(self.sent..).filter(|rest| !rest.is_empty()) {
                match ready!(Pin::new(&mut self.inner).poll_write(cx, rest))? {
                    0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                    n => self.sent += n,
                }
            }
            self.packets.clear();
            self.sent = 0;
            if self.flight.is_empty() {
                return Poll::Ready(Ok(()));
            }
            wrap_flight(&self.flight, &mut self.packets);
            self.flight.clear();
        }
    }

    /// Reads payload bytes of the peer's packets into `out`; none at the end of the stream.
    fn poll_unwrap(&mut self, cx: &mut Context<'_>, out: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        while self.incoming.left == 0 {
            let have = self.incoming.have;
            let mut free = ReadBuf::new(self.incoming.header.get_mut(have..).unwrap_or_default());
            ready!(Pin::new(&mut self.inner).poll_read(cx, &mut free))?;
            match free.filled().len() {
                0 if have == 0 => return Poll::Ready(Ok(())),
                0 => return Poll::Ready(Err(io::ErrorKind::UnexpectedEof.into())),
                n => self.incoming.have += n,
            }
            if self.incoming.have == HEADER {
                self.incoming.left = payload_length(&self.incoming.header, self.role)?;
                self.incoming.have = 0;
            }
        }
        let room = out.remaining().min(self.incoming.left);
        let mut part = ReadBuf::new(out.initialize_unfilled_to(room));
        ready!(Pin::new(&mut self.inner).poll_read(cx, &mut part))?;
        let read = part.filled().len();
        if read == 0 && room > 0 {
            return Poll::Ready(Err(io::ErrorKind::UnexpectedEof.into()));
        }
        out.advance(read);
        self.incoming.left -= read;
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for PreLoginTunnel<S> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, out: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if !this.wrapping {
            return Pin::new(&mut this.inner).poll_read(cx, out);
        }
        ready!(this.poll_send_flight(cx))?;
        this.poll_unwrap(cx, out)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for PreLoginTunnel<S> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        if !this.wrapping {
            return Pin::new(&mut this.inner).poll_write(cx, bytes);
        }
        if this.flight.len() + bytes.len() > LARGEST_FLIGHT {
            return Poll::Ready(Err(io::Error::new(io::ErrorKind::InvalidData, "a TLS flight is too large")));
        }
        this.flight.extend_from_slice(bytes);
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        if !this.wrapping {
            return Pin::new(&mut this.inner).poll_write_vectored(cx, parts);
        }
        let first = parts.iter().find(|part| !part.is_empty()).map_or(&[][..], |part| part);
        Pin::new(this).poll_write(cx, first)
    }

    fn is_write_vectored(&self) -> bool {
        !self.wrapping && self.inner.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.wrapping {
            ready!(this.poll_send_flight(cx))?;
        }
        Pin::new(&mut this.inner).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.wrapping {
            ready!(this.poll_send_flight(cx))?;
        }
        Pin::new(&mut this.inner).poll_shutdown(cx)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Role {
    Server,
    Client,
}

/// How far the peer's packet in progress was read: its header, then its payload.
#[derive(Debug)]
struct Incoming {
    header: [u8; HEADER],
    have: usize,
    left: usize,
}

impl Incoming {
    fn is_between_packets(&self) -> bool {
        self.have == 0 && self.left == 0
    }
}

/// One message of packets of at most [`PACKET`] bytes, its end marked on the last.
fn wrap_flight(flight: &[u8], packets: &mut Vec<u8>) {
    let mut parts = flight.chunks(PACKET - HEADER).peekable();
    let mut number = 0u8;
    while let Some(part) = parts.next() {
        number = number.wrapping_add(1);
        let status = if parts.peek().is_none() { END_OF_MESSAGE } else { 0 };
        put_packet(packets, PRELOGIN, status, number, part);
    }
}

/// The payload length that a header of the peer's claims.
fn payload_length(header: &[u8; HEADER], role: Role) -> io::Result<usize> {
    let [kind, _, high, low, ..] = *header;
    let known = kind == PRELOGIN || (role == Role::Client && kind == RESPONSE);
    let length = usize::from(u16::from_be_bytes([high, low]));
    match length.checked_sub(HEADER) {
        Some(payload) if known => Ok(payload),
        _ => Err(io::Error::new(io::ErrorKind::InvalidData, "not a packet of a TLS handshake")),
    }
}

const PRELOGIN: u8 = PacketType::PreLogin as u8;
const RESPONSE: u8 = PacketType::TabularResult as u8;
/// More than the longest certificate chain that TLS can carry in one message.
const LARGEST_FLIGHT: usize = 128 * 1024;
