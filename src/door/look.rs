//! Looking at a connection's first bytes without taking them, and without asking again and again.

use std::io;
use std::time::Duration;

use rustix::net::RecvFlags;
use tokio::io::Interest;
use tokio::net::TcpStream;

use super::sniff::{ENOUGH, Kind, sniff};
use crate::platform::Clock;

/// What the connection is; nothing when it ended before it said so. Costs no memory until a byte came, and after that
/// at most twice what came.
pub(super) async fn first_bytes(stream: &TcpStream, clock: &dyn Clock) -> io::Result<Option<Kind>> {
    let mut bytes = Vec::new();
    let mut seen = 0;
    loop {
        let ready = stream.ready(Interest::READABLE).await?;
        if seen == bytes.len() {
            bytes.resize((seen * 2).clamp(FIRST_LOOK, ENOUGH), 0);
        }
        // What was seen already lies there still. To call that "nothing there" makes the next `ready` wait for more.
        let look = || match rustix::net::recv(stream, bytes.as_mut_slice(), RecvFlags::PEEK)? {
            (_, there) if there == seen && there > 0 => Err(io::ErrorKind::WouldBlock.into()),
            (_, there) => Ok(there),
        };
        match stream.try_io(Interest::READABLE, look) {
            Ok(0) => return Ok(None),
            Ok(there) => seen = there,
            // Nobody who has closed says more.
            Err(error) if error.kind() == io::ErrorKind::WouldBlock && ready.is_read_closed() => return Ok(None),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                // There `ready` tells what lies there, not what is new.
                if cfg!(windows) {
                    clock.sleep(PAUSE).await;
                }
                continue;
            }
            Err(error) => return Err(error),
        }
        if let Ok(kind) = sniff(bytes.get(..seen).unwrap_or_default()) {
            return Ok(Some(kind));
        }
    }
}

/// Most ClientHellos fit.
const FIRST_LOOK: usize = 1024;
const PAUSE: Duration = Duration::from_millis(20);

#[cfg(test)]
mod tests {
    use std::future::{Future as _, poll_fn};

    use tokio::io::AsyncWriteExt as _;

    use super::*;
    use crate::platform::SystemClock;

    #[tokio::test]
    async fn who_stays_in_the_middle_of_its_first_words_is_not_asked_again_and_again() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (stream, _) = listener.accept().await.unwrap();
        client.write_all(b"OPT").await.unwrap();
        let clock = SystemClock::new();
        let mut polls = 0;
        let mut looking = std::pin::pin!(first_bytes(&stream, &*clock));
        let mut counted = poll_fn(|cx| {
            polls += 1;
            looking.as_mut().poll(cx)
        });
        let waited = tokio::time::timeout(Duration::from_millis(200), &mut counted).await;
        assert!(waited.is_err());
        client.write_all(b"IONS ").await.unwrap();
        assert_eq!(counted.await.unwrap(), Some(Kind::Http));
        assert!(polls < 10, "{polls} polls for two arrivals");
    }
}
