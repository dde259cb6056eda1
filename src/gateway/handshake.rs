//! From the first byte to an encrypted connection: PRELOGIN and TLS, in either order (MS-TDS 3.3.5.1, 3.3.5.4).

use std::io;
use std::sync::Arc;

use rustls::ServerConfig;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use zeroize::Zeroize as _;

use super::client::{self, ClientStream};
use super::greeting::{Transport, answer};
use super::refusal::Notice;
use crate::tds::{DecodeError, EncodeError, PacketType, PreLogin, TdsVersion};
use crate::wire::{PacketReader, PacketWriter, WireError};

/// A workstation that has greeted, over an encrypted connection.
#[derive(Debug)]
pub(super) struct Greeted {
    /// The connection.
    pub stream: ClientStream,
    /// What it asked for.
    pub prelogin: PreLogin,
}

/// Why no encrypted connection came about. The workstation's side, all of them.
#[derive(Debug, thiserror::Error)]
pub(super) enum NoHandshake {
    /// It went away before it said anything: drivers that dial several addresses at once do so all the time.
    #[error("the workstation closed without a word")]
    Quiet,
    /// It sent its login without encryption; it was told, and nothing of the login was looked at.
    #[error("the workstation sent its login in clear")]
    Clear,
    /// It closed when it heard that everything is encrypted here.
    #[error("the workstation closed after PRELOGIN: its driver does not encrypt, or does not want to")]
    WillNotEncrypt,
    /// Its first byte belongs to no TDS.
    #[error("a first byte of 0x{0:02x}")]
    Stranger(u8),
    /// Its packets are not what they should be.
    #[error("PRELOGIN: {0}")]
    Wire(#[from] WireError),
    /// Another message where PRELOGIN has to be.
    #[error("a message of type 0x{0:02x} instead of PRELOGIN")]
    NotPreLogin(u8),
    /// A PRELOGIN that contradicts the protocol.
    #[error("PRELOGIN: {0}")]
    Malformed(#[from] DecodeError),
    /// The answer could not be written down. The appliance's side.
    #[error("PRELOGIN's answer: {0}")]
    Answer(#[from] EncodeError),
    /// TLS failed.
    #[error("TLS: {0}")]
    Tls(#[source] io::Error),
    /// The connection failed.
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// Greets whoever connected, and encrypts. `refused` is what somebody hears who sends a login in clear.
pub(super) async fn greet(
    tcp: TcpStream,
    tunnel: Arc<ServerConfig>,
    strict: Arc<ServerConfig>,
    refused: &Notice,
) -> Result<Greeted, NoHandshake> {
    match first_byte(&tcp).await? {
        None => Err(NoHandshake::Quiet),
        Some(PRELOGIN) => greet_tunnel(tcp, tunnel, refused).await,
        Some(TLS) => greet_strict(tcp, strict).await,
        Some(LOGIN) => Err(refuse_clear(tcp, refused).await),
        Some(other) => Err(NoHandshake::Stranger(other)),
    }
}

async fn greet_tunnel(mut tcp: TcpStream, config: Arc<ServerConfig>, refused: &Notice) -> Result<Greeted, NoHandshake> {
    let prelogin = exchange(&mut tcp, Transport::Tunnel).await?;
    match first_byte(&tcp).await? {
        None => return Err(NoHandshake::WillNotEncrypt),
        Some(LOGIN) => return Err(refuse_clear(tcp, refused).await),
        Some(_) => {}
    }
    let stream = crate::wire::accept(tcp, config).await.map_err(NoHandshake::Tls)?;
    Ok(Greeted { stream: ClientStream::Tunnel(Box::new(stream)), prelogin })
}

async fn greet_strict(tcp: TcpStream, config: Arc<ServerConfig>) -> Result<Greeted, NoHandshake> {
    let mut stream = TlsAcceptor::from(config).accept(tcp).await.map_err(NoHandshake::Tls)?;
    let prelogin = exchange(&mut stream, Transport::Strict).await?;
    Ok(Greeted { stream: ClientStream::Strict(Box::new(stream)), prelogin })
}

/// Reads the PRELOGIN and answers it: one packet of type 0x04.
async fn exchange<S: AsyncRead + AsyncWrite + Unpin>(
    stream: &mut S,
    transport: Transport,
) -> Result<PreLogin, NoHandshake> {
    let mut reader = PacketReader::new(&mut *stream);
    reader.limit_packets(LARGEST_PRELOGIN);
    let message = reader.read_message(LARGEST_PRELOGIN).await?.ok_or(NoHandshake::Quiet)?;
    if message.kind != PacketType::PreLogin as u8 {
        return Err(NoHandshake::NotPreLogin(message.kind));
    }
    let asked = PreLogin::decode(&message.payload)?;
    let payload = answer(&asked, transport).encode()?;
    PacketWriter::new(stream).write_message(PacketType::TabularResult as u8, 0, &payload).await?;
    Ok(asked)
}

/// The next byte, left where it is; nothing when the workstation has closed.
async fn first_byte(tcp: &TcpStream) -> Result<Option<u8>, NoHandshake> {
    let mut first = [0];
    match tcp.peek(&mut first).await {
        Ok(0) => Ok(None),
        Ok(_) => Ok(first.first().copied()),
        Err(error) if crate::wire::packets::is_hang_up(&error) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// Takes a login that was sent in clear off the wire without looking at it, and says what is wrong.
async fn refuse_clear(mut tcp: TcpStream, refused: &Notice) -> NoHandshake {
    if discard_message(&mut tcp).await.is_ok() && client::tell(&mut tcp, TdsVersion::V7_4, refused).await.is_ok() {
        // Everything that came was taken, so this is an orderly end, and the driver finds the text before it.
        let _ = tcp.shutdown().await;
    }
    NoHandshake::Clear
}

async fn discard_message(tcp: &mut TcpStream) -> io::Result<()> {
    let mut left_in_all = LARGEST_CLEAR_LOGIN;
    loop {
        let mut header = [0; 8];
        tcp.read_exact(&mut header).await?;
        let [_, status, high, low, ..] = header;
        let mut left = usize::from(u16::from_be_bytes([high, low])).saturating_sub(header.len());
        left_in_all = left_in_all.checked_sub(left + header.len()).ok_or(io::ErrorKind::InvalidData)?;
        let mut payload = [0; 1024];
        while left > 0 {
            let part = payload.get_mut(..left.min(1024)).unwrap_or_default();
            let read = tcp.read(part).await;
            part.zeroize();
            match read? {
                0 => return Err(io::ErrorKind::UnexpectedEof.into()),
                read => left -= read,
            }
        }
        if status & 0x01 != 0 {
            return Ok(());
        }
    }
}

const PRELOGIN: u8 = PacketType::PreLogin as u8;
const LOGIN: u8 = PacketType::Login7 as u8;
const TLS: u8 = 0x16;

/// PRELOGIN is one packet, from before any other size was agreed on.
const LARGEST_PRELOGIN: usize = 4096;
const LARGEST_CLEAR_LOGIN: usize = 128 * 1024;
