//! A Unix socket.

use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::os::unix::fs::{FileTypeExt as _, PermissionsExt as _};
use std::os::unix::net::UnixStream as ClientStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::io::AsyncWriteExt as _;
use tokio::net::{UnixListener, UnixStream};
use zeroize::Zeroizing;

use crate::platform::Clock;

/// One conversation.
pub(in super::super) type Stream = UnixStream;

/// The bound socket.
#[derive(Debug)]
pub(in super::super) struct Listener {
    path: PathBuf,
    socket: UnixListener,
}

impl Listener {
    /// Binds the socket, for its owner alone. One that a killed appliance left behind is replaced; one that answers is not.
    pub(in super::super) fn bind(path: PathBuf) -> io::Result<Self> {
        if let Ok(found) = std::fs::symlink_metadata(&path) {
            if !found.file_type().is_socket() {
                return Err(io::Error::new(
                    io::ErrorKind::AlreadyExists,
                    "there is something else in the socket's place",
                ));
            }
            if ClientStream::connect(&path).is_ok() {
                return Err(io::Error::new(io::ErrorKind::AddrInUse, "another appliance answers on it"));
            }
            std::fs::remove_file(&path)?;
        }
        let socket = UnixListener::bind(&path)?;
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600))?;
        Ok(Self { path, socket })
    }

    /// The next one who asks.
    pub(in super::super) async fn accept(&mut self) -> io::Result<Stream> {
        Ok(self.socket.accept().await?.0)
    }

    /// Takes the socket away.
    pub(in super::super) fn remove(self) {
        let _ = std::fs::remove_file(&self.path);
    }
}

/// Whether the peer runs as the appliance's own user, or as root.
pub(in super::super) fn is_trusted(stream: &Stream) -> io::Result<bool> {
    let peer = stream.peer_cred()?.uid();
    Ok(peer == 0 || peer == rustix::process::geteuid().as_raw())
}

/// Ends a conversation once all was said.
pub(in super::super) async fn finish(mut stream: Stream, _: &dyn Clock) -> io::Result<()> {
    stream.shutdown().await
}

/// Says a line to a running appliance and gives the line that it answers; `None` when nobody listens. Each step takes at most
/// `limit`, the answer at most `most` bytes.
pub(in super::super) fn exchange(
    path: &Path,
    line: &[u8],
    most: u64,
    limit: Duration,
) -> io::Result<Option<Zeroizing<Vec<u8>>>> {
    let mut stream = match ClientStream::connect(path) {
        Ok(stream) => stream,
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused) => {
            return Ok(None);
        }
        Err(error) => return Err(error),
    };
    stream.set_read_timeout(Some(limit))?;
    stream.set_write_timeout(Some(limit))?;
    stream.write_all(line)?;
    let mut answer = Zeroizing::new(Vec::new());
    BufReader::new(stream).take(most).read_until(b'\n', &mut answer)?;
    Ok(Some(answer))
}
