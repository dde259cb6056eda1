//! The connection to a SQL Server, ready for a login.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;

use super::met::Met;
use crate::tds::prelogin::PreLogin;
use crate::wire::PreLoginTunnel;

/// What the client's PRELOGIN asked for, as far as it is passed on.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Ask {
    /// The client driver's version.
    pub version: [u8; 6],
    /// Whether it wants several requests at once. The answer is in [`Leg::prelogin`].
    pub mars: bool,
    /// Its connection and activity ids, which the server's own traces show.
    pub trace_id: Option<[u8; 36]>,
    /// Its thread id, likewise.
    pub thread_id: Option<u32>,
}

/// A connection to a SQL Server: encrypted, verified by its rule, PRELOGIN answered, nothing signed in yet.
#[derive(Debug)]
pub struct Leg {
    /// The encrypted stream. LOGIN7 is what comes next.
    pub stream: LegStream,
    /// The server's PRELOGIN answer.
    pub prelogin: PreLogin,
    /// What was met.
    pub met: Met,
    /// TDS 8.0 rather than 7.x.
    pub strict: bool,
}

/// The encrypted stream to a SQL Server, of either kind.
#[derive(Debug)]
pub struct LegStream {
    tls: TlsStream<PreLoginTunnel<TcpStream>>,
}

impl LegStream {
    pub(super) fn new(tls: TlsStream<PreLoginTunnel<TcpStream>>) -> Self {
        Self { tls }
    }

    /// The server's address.
    pub fn peer_address(&self) -> io::Result<SocketAddr> {
        self.tcp().peer_addr()
    }

    /// From now on dropping the stream resets the connection, and what was not sent yet is thrown away.
    pub fn reset_on_close(&self) {
        // Where it fails the connection is closed in the ordinary way.
        let _ = socket2::SockRef::from(self.tcp()).set_linger(Some(Duration::ZERO));
    }

    fn tcp(&self) -> &TcpStream {
        self.tls.get_ref().0.inner()
    }
}

impl AsyncRead for LegStream {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, out: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().tls).poll_read(cx, out)
    }
}

impl AsyncWrite for LegStream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().tls).poll_write(cx, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().tls).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().tls).poll_shutdown(cx)
    }
}
