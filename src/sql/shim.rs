//! What stands between tiberius and a connection that is encrypted and past PRELOGIN already: it swallows tiberius'
//! own PRELOGIN and answers it with "not supported", so that no second TLS begins; everything after passes untouched.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::tds::packet::{DEFAULT_PACKET_SIZE, HEADER_LEN, PacketHeader, PacketType, Status, packetise};
use crate::tds::prelogin::{Encryption, PreLogin};

/// A connection that stands, made to look to tiberius like one that begins.
#[derive(Debug)]
pub(super) struct Standing<S> {
    inner: S,
    state: State,
    /// A reader that waits for the answer to a PRELOGIN which was not asked yet.
    waiting: Option<Waker>,
}

#[derive(Debug)]
enum State {
    /// tiberius is sending its PRELOGIN; this much has come.
    Asking(Vec<u8>),
    /// The answer, as far as it was not read yet.
    Answering(Vec<u8>),
    /// Out of the way.
    Passing,
}

impl<S> Standing<S> {
    pub(super) fn new(inner: S) -> Self {
        Self { inner, state: State::Asking(Vec::new()), waiting: None }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Standing<S> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, out: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        match &mut this.state {
            State::Asking(_) => {
                this.waiting = Some(cx.waker().clone());
                Poll::Pending
            }
            State::Answering(answer) => {
                let now = answer.len().min(out.remaining());
                let left = answer.split_off(now);
                out.put_slice(answer);
                this.state = if left.is_empty() { State::Passing } else { State::Answering(left) };
                Poll::Ready(Ok(()))
            }
            State::Passing => Pin::new(&mut this.inner).poll_read(cx, out),
        }
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Standing<S> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let State::Asking(asked) = &mut this.state else {
            return Pin::new(&mut this.inner).poll_write(cx, bytes);
        };
        let wanted = missing(asked)?;
        let taken = bytes.get(..wanted.min(bytes.len())).unwrap_or_default();
        asked.extend_from_slice(taken);
        if missing(asked)? == 0 {
            this.state = State::Answering(answer()?);
            if let Some(waiting) = this.waiting.take() {
                waiting.wake();
            }
        }
        Poll::Ready(Ok(taken.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().inner).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().inner).poll_shutdown(cx)
    }
}

/// How many bytes of the PRELOGIN packet are still to come: of its header first, of the whole when that is there.
fn missing(asked: &[u8]) -> io::Result<usize> {
    if asked.len() < HEADER_LEN {
        return Ok(HEADER_LEN - asked.len());
    }
    let strange = || io::Error::new(io::ErrorKind::InvalidData, "a login that does not begin with PRELOGIN");
    let header = PacketHeader::decode(asked).map_err(|_| strange())?;
    if header.kind != PacketType::PreLogin || !header.is_last() {
        return Err(strange());
    }
    Ok(usize::from(header.length).saturating_sub(asked.len()))
}

fn answer() -> io::Result<Vec<u8>> {
    let answer = PreLogin {
        encryption: Some(Encryption::NotSupported),
        instance: Some(vec![0]),
        mars: Some(false),
        ..PreLogin::default()
    };
    let payload = answer.encode().map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?;
    let mut packet = Vec::new();
    packetise(PacketType::TabularResult, Status::NORMAL, 0, &payload, DEFAULT_PACKET_SIZE, &mut packet);
    Ok(packet)
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use super::*;

    #[tokio::test]
    async fn the_prelogin_goes_no_further_and_what_follows_passes_untouched() {
        for step in [1, 3, 7, 100] {
            let (near, mut far) = tokio::io::duplex(1024);
            let mut standing = Standing::new(near);
            let mut sent = Vec::new();
            let payload = PreLogin::default().encode().unwrap();
            packetise(PacketType::PreLogin, Status::NORMAL, 0, &payload, DEFAULT_PACKET_SIZE, &mut sent);
            sent.extend_from_slice(b"login and more");
            for part in sent.chunks(step) {
                standing.write_all(part).await.unwrap();
            }
            let mut passed = [0; 14];
            far.read_exact(&mut passed).await.unwrap();
            assert_eq!(&passed, b"login and more");

            let mut header = [0; HEADER_LEN];
            standing.read_exact(&mut header).await.unwrap();
            let header = PacketHeader::decode(&header).unwrap();
            let mut payload = vec![0; header.payload_len()];
            standing.read_exact(&mut payload).await.unwrap();
            assert_eq!(PreLogin::decode(&payload).unwrap().encryption, Some(Encryption::NotSupported));

            far.write_all(b"answer").await.unwrap();
            let mut answer = [0; 6];
            standing.read_exact(&mut answer).await.unwrap();
            assert_eq!(&answer, b"answer");
        }
    }

    #[tokio::test]
    async fn anything_but_a_prelogin_is_refused() {
        let (near, _far) = tokio::io::duplex(1024);
        let login = [0x10, 1, 0, 9, 0, 0, 0, 0, 0];
        assert!(Standing::new(near).write_all(&login).await.is_err());
    }
}
