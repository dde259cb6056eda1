//! The beginning of a connection: PRELOGIN and TLS as SQL Server answers them (MS-TDS 3.3.5.1 to 3.3.5.4).

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use super::options::Encryption;
use crate::tds::packet::{HEADER_LEN, PacketHeader, PacketType};
use crate::tds::prelogin::{Encryption as Asked, PreLogin};
use crate::tls::ServerConfigs;
use crate::wire::{PacketReader, PacketWriter, PreLoginTunnel, WireError, tunnel};

/// A stream of either kind.
pub trait Io: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Io for T {}

/// A connection that is ready for LOGIN7.
pub struct Opened {
    /// What LOGIN7 comes through, and all that follows.
    pub stream: Box<dyn Io>,
    /// LOGIN7's first packet, where that alone was encrypted.
    pub first_packet: Option<Vec<u8>>,
    /// Whether all that follows is encrypted.
    pub encrypted: bool,
    /// Whether TLS came first.
    pub strict: bool,
    /// Whether MARS was asked for, and so granted.
    pub mars: bool,
}

/// Why a connection did not come to a login.
#[derive(Debug, thiserror::Error)]
pub enum HandshakeError {
    /// The stream, or TLS on it, failed. Side: the client's.
    #[error("the connection failed before its login")]
    Io(#[from] io::Error),
    /// A packet that cannot be read. Side: the client's.
    #[error("the connection failed before its login")]
    Wire(#[from] WireError),
    /// It is no TDS, or not what the server allows. Side: the client's.
    #[error("{0}")]
    Refused(&'static str),
}

/// Reads PRELOGIN, answers it, and makes TLS as far as both sides want it.
pub async fn open(tcp: TcpStream, encryption: Encryption, configs: &ServerConfigs) -> Result<Opened, HandshakeError> {
    let mut first = [0u8; 1];
    if tcp.peek(&mut first).await? == 0 {
        return Err(HandshakeError::Refused("the client went away"));
    }
    match first {
        [0x16] if encryption == Encryption::StrictAndTls => {
            let mut tls = TlsAcceptor::from(Arc::clone(&configs.strict)).accept(tcp).await?;
            let asked = read_prelogin(&mut tls).await?;
            answer(&mut tls, Asked::On, &asked).await?;
            Ok(Opened {
                stream: Box::new(tls),
                first_packet: None,
                encrypted: true,
                strict: true,
                mars: asked.mars == Some(true),
            })
        }
        [0x12] => open_seven(tcp, encryption, configs).await,
        _ => Err(HandshakeError::Refused("the first byte is neither PRELOGIN's nor one of TLS that is spoken here")),
    }
}

async fn open_seven(
    mut tcp: TcpStream,
    encryption: Encryption,
    configs: &ServerConfigs,
) -> Result<Opened, HandshakeError> {
    let asked = read_prelogin(&mut tcp).await?;
    let mars = asked.mars == Some(true);
    let wanted = asked.encryption.unwrap_or(Asked::NotSupported);
    let given = match (encryption, wanted) {
        (Encryption::None, Asked::On | Asked::Required | Asked::Off | Asked::NotSupported) => Asked::NotSupported,
        (Encryption::LoginOnly, Asked::Off) => Asked::Off,
        (Encryption::LoginOnly, Asked::NotSupported) => Asked::NotSupported,
        (_, Asked::Off | Asked::NotSupported) => Asked::Required,
        (_, Asked::On | Asked::Required) => Asked::On,
        (_, Asked::Other(_)) => return Err(HandshakeError::Refused("client certificates are not known here")),
    };
    answer(&mut tcp, given, &asked).await?;
    if given == Asked::NotSupported {
        return Ok(Opened { stream: Box::new(tcp), first_packet: None, encrypted: false, strict: false, mars });
    }
    if given == Asked::Off {
        let (stream, packet) = login_packet_alone(tcp, configs).await?;
        return Ok(Opened {
            stream: Box::new(stream),
            first_packet: Some(packet),
            encrypted: false,
            strict: false,
            mars,
        });
    }
    let tls = tunnel::accept(tcp, Arc::clone(&configs.tunnel)).await?;
    Ok(Opened { stream: Box::new(tls), first_packet: None, encrypted: true, strict: false, mars })
}

async fn read_prelogin(stream: &mut (impl AsyncRead + Unpin)) -> Result<PreLogin, HandshakeError> {
    let mut reader = PacketReader::new(stream);
    let message = reader.read_message(4096).await?.ok_or(HandshakeError::Refused("the client went away"))?;
    if message.kind != PacketType::PreLogin as u8 {
        return Err(HandshakeError::Refused("the first message is no PRELOGIN"));
    }
    PreLogin::decode(&message.payload).map_err(|_| HandshakeError::Refused("a PRELOGIN that cannot be read"))
}

async fn answer(
    stream: &mut (impl AsyncWrite + Unpin),
    encryption: Asked,
    asked: &PreLogin,
) -> Result<(), HandshakeError> {
    let answer = PreLogin {
        version: super::VERSION,
        encryption: Some(encryption),
        instance: Some(vec![0]),
        mars: Some(asked.mars == Some(true)),
        fed_auth_required: asked.fed_auth_required.map(|_| false),
        ..PreLogin::default()
    };
    let payload = answer.encode().map_err(|_| HandshakeError::Refused("an answer that cannot be written"))?;
    Ok(PacketWriter::new(stream).write_message(PacketType::TabularResult as u8, 0, &payload).await?)
}

/// TLS for LOGIN7's first packet; what follows it is clear again, on the same stream.
async fn login_packet_alone(
    tcp: TcpStream,
    configs: &ServerConfigs,
) -> Result<(PreLoginTunnel<TcpStream>, Vec<u8>), HandshakeError> {
    let records = OneRecord { inner: PreLoginTunnel::server(tcp), header: [0; 5], have: 0, left: 0 };
    let mut tls: TlsStream<_> = TlsAcceptor::from(Arc::clone(&configs.tunnel)).accept(records).await?;
    tls.get_mut().0.inner.finish_handshake()?;
    let mut packet = vec![0; HEADER_LEN];
    tls.read_exact(&mut packet).await?;
    let header = PacketHeader::decode(&packet).map_err(|_| HandshakeError::Refused("no TDS packet inside TLS"))?;
    packet.resize(header.length.into(), 0);
    tls.read_exact(packet.get_mut(HEADER_LEN..).unwrap_or_default()).await?;
    Ok((tls.into_inner().0.inner, packet))
}

/// Gives TLS one record at a time and never a byte beyond, so that what follows in clear is still there.
struct OneRecord<S> {
    inner: S,
    header: [u8; 5],
    have: usize,
    left: usize,
}

impl<S: AsyncRead + Unpin> AsyncRead for OneRecord<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, out: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self;
        let wanted = if this.left > 0 { this.left } else { this.header.len() - this.have };
        let mut part = vec![0; wanted.min(out.remaining())];
        let mut buffer = ReadBuf::new(&mut part);
        ready!(Pin::new(&mut this.inner).poll_read(cx, &mut buffer))?;
        let read = buffer.filled();
        out.put_slice(read);
        if this.left > 0 {
            this.left -= read.len();
            return Poll::Ready(Ok(()));
        }
        for (slot, byte) in this.header.iter_mut().skip(this.have).zip(read) {
            *slot = *byte;
        }
        this.have += read.len();
        if let ([_, _, _, high, low], 5) = (this.header, this.have) {
            this.left = usize::from(u16::from_be_bytes([high, low]));
            this.have = 0;
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for OneRecord<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}
