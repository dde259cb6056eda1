//! The connection to a workstation once it is encrypted.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::server::TlsStream;

use super::refusal::Notice;
use crate::tds::TdsVersion;
use crate::tds::token::ServerMessage;
use crate::wire::farewell::reset_on_close;
use crate::wire::{PreLoginTunnel, WireError, farewell};

/// TLS in a PRELOGIN tunnel that has been passed, or TLS from the first byte.
#[derive(Debug)]
pub(super) enum ClientStream {
    /// TDS 7.x.
    Tunnel(Box<TlsStream<PreLoginTunnel<TcpStream>>>),
    /// TDS 8.0.
    Strict(Box<TlsStream<TcpStream>>),
}

impl ClientStream {
    /// Lets the next close be a reset: for a workstation that does not read what it is told.
    pub(super) fn reset_on_close(&self) {
        let tcp = match self {
            Self::Tunnel(stream) => stream.get_ref().0.inner(),
            Self::Strict(stream) => stream.get_ref().0,
        };
        reset_on_close(tcp);
    }
}

/// Writes a notice as a message of its own.
pub(super) async fn tell<S: AsyncWrite + Unpin>(
    to: &mut S,
    version: TdsVersion,
    notice: &Notice,
) -> Result<(), WireError> {
    let number = i32::try_from(notice.number).unwrap_or(i32::MAX);
    let error = ServerMessage::new(number, notice.state, notice.class, notice.text.as_str(), SERVER);
    farewell::tell(to, version, error).await
}

/// How long a workstation that was refused may take to read why.
pub(super) const FAREWELL: Duration = Duration::from_secs(2);

/// The server's name in errors of the gateway's own.
const SERVER: &str = "Gatehouse";

impl AsyncRead for ClientStream {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Tunnel(stream) => Pin::new(stream).poll_read(cx, buffer),
            Self::Strict(stream) => Pin::new(stream).poll_read(cx, buffer),
        }
    }
}

impl AsyncWrite for ClientStream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Tunnel(stream) => Pin::new(stream).poll_write(cx, bytes),
            Self::Strict(stream) => Pin::new(stream).poll_write(cx, bytes),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Tunnel(stream) => Pin::new(stream).poll_flush(cx),
            Self::Strict(stream) => Pin::new(stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Tunnel(stream) => Pin::new(stream).poll_shutdown(cx),
            Self::Strict(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }
}
