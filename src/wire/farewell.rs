//! The last word to a driver, so that it is heard: an error as a message of its own, and an orderly close.

use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::{PacketWriter, WireError};
use crate::platform::Clock;
use crate::platform::clock::within;
use crate::tds::token::{ServerMessage, error_response};
use crate::tds::{PacketType, TdsVersion};

/// Writes an error as a message of its own, the way a server refuses a login or ends a session.
pub async fn tell<S: AsyncWrite + Unpin>(
    to: &mut S,
    version: TdsVersion,
    error: ServerMessage,
) -> Result<(), WireError> {
    let payload = error_response(version, error);
    PacketWriter::new(to).write_message(PacketType::TabularResult as u8, 0, &payload).await
}

/// Closes in order: flush, TLS close_notify, FIN; then reads on for a moment, since a socket that is closed with unread
/// bytes in it sends a reset, which can take the error from a driver before it has read it.
///
/// False when the workstation did not even take the farewell within `limit`: then it reads nothing, and waiting is idle.
pub async fn close<S>(stream: &mut S, clock: &dyn Clock, limit: Duration) -> bool
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let Ok(shut) = within(clock, limit, stream.shutdown()).await else { return false };
    let listening = async {
        let mut unread = [0; 2048];
        for _ in 0..READ_AFTER_CLOSE / unread.len() {
            if !matches!(stream.read(&mut unread).await, Ok(read) if read > 0) {
                break;
            }
        }
    };
    if shut.is_ok() {
        let _ = within(clock, limit, listening).await;
    }
    true
}

/// From now on dropping `stream` resets the connection, and what was not sent yet is thrown away.
pub fn reset_on_close(stream: &TcpStream) {
    // Where it fails the connection is closed in the ordinary way.
    let _ = socket2::SockRef::from(stream).set_linger(Some(Duration::ZERO));
}

const READ_AFTER_CLOSE: usize = 128 * 1024;
