//! A named pipe. Its name is random, new at each start, and stands in the data folder: who may not write there cannot have a pipe
//! of his own taken for the appliance's. By the system's default the pipe is open to whoever made it, to administrators and to
//! the system; everybody else may not write to it, and so can ask nothing.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::windows::named_pipe::{ClientOptions, NamedPipeClient, NamedPipeServer, ServerOptions};
use zeroize::Zeroizing;

use crate::platform::clock::within;
use crate::platform::files::write_private;
use crate::platform::{Clock, SystemClock};

/// One conversation.
pub(in super::super) type Stream = NamedPipeServer;

/// The pipe, and the file with its name.
#[derive(Debug)]
pub(in super::super) struct Listener {
    path: PathBuf,
    name: String,
    /// There is one that waits at every moment: without one, the pipe would not exist.
    next: NamedPipeServer,
}

impl Listener {
    /// Makes the pipe. The name that a killed appliance left behind is replaced; one whose pipe answers is not.
    pub(in super::super) fn bind(path: PathBuf) -> io::Result<Self> {
        if let Some(name) = named(&path)?
            && !matches!(ClientOptions::new().open(name), Err(error) if error.kind() == io::ErrorKind::NotFound)
        {
            return Err(io::Error::new(io::ErrorKind::AddrInUse, "another appliance answers on it"));
        }
        let name = format!("{PREFIX}{}", uuid::Uuid::new_v4().simple());
        let next = ServerOptions::new().first_pipe_instance(true).create(&name)?;
        write_private(&path, name.as_bytes())?;
        Ok(Self { path, name, next })
    }

    /// The next one who asks.
    pub(in super::super) async fn accept(&mut self) -> io::Result<Stream> {
        self.next.connect().await?;
        let next = ServerOptions::new().create(&self.name)?;
        Ok(std::mem::replace(&mut self.next, next))
    }

    /// Takes the pipe's name away.
    pub(in super::super) fn remove(self) {
        let _ = std::fs::remove_file(&self.path);
    }
}

/// The system has asked already: whoever may write to the pipe is trusted.
#[allow(clippy::unnecessary_wraps, reason = "elsewhere asking can fail")]
pub(in super::super) fn is_trusted(_: &Stream) -> io::Result<bool> {
    Ok(true)
}

/// Ends a conversation once all was heard: what lies in a pipe that is taken down is lost.
pub(in super::super) async fn finish(mut stream: Stream, clock: &dyn Clock) -> io::Result<()> {
    // Who has heard it closes the pipe, which ends the reading, whatever with.
    let _ = within(clock, TO_HEAR, stream.read_u8()).await;
    Ok(())
}

/// Says a line to a running appliance and gives the line that it answers; `None` when nobody listens. All takes at most
/// `limit`, the answer at most `most` bytes.
pub(in super::super) fn exchange(
    path: &Path,
    line: &[u8],
    most: u64,
    limit: Duration,
) -> io::Result<Option<Zeroizing<Vec<u8>>>> {
    let Some(name) = named(path)? else { return Ok(None) };
    let clock = SystemClock::new();
    let talk = async {
        let Some(mut pipe) = open(&name, &*clock).await? else { return Ok(None) };
        pipe.write_all(line).await?;
        let mut answer = Zeroizing::new(Vec::new());
        BufReader::new(pipe).take(most).read_until(b'\n', &mut answer).await?;
        Ok(Some(answer))
    };
    // Files of the standard library wait for a pipe without end.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(within(&*clock, limit, talk)).unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
}

async fn open(name: &str, clock: &dyn Clock) -> io::Result<Option<NamedPipeClient>> {
    loop {
        // The server learns who asks; it may not act as them, which is what the default would allow.
        match ClientOptions::new().security_qos_flags(SECURITY_IDENTIFICATION).open(name) {
            Ok(pipe) => return Ok(Some(pipe)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) if error.raw_os_error() == Some(ERROR_PIPE_BUSY) => clock.sleep(PAUSE).await,
            Err(error) => return Err(error),
        }
    }
}

/// The pipe's name, where one stands; an error where something else does.
fn named(path: &Path) -> io::Result<Option<String>> {
    match std::fs::read_to_string(path) {
        Ok(name) if name.starts_with(PREFIX) => Ok(Some(name)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Ok(_) => Err(io::Error::new(io::ErrorKind::AlreadyExists, "there is something else in its place")),
        Err(error) => Err(error),
    }
}

const PREFIX: &str = r"\\.\pipe\gatehouse-";
const TO_HEAR: Duration = Duration::from_secs(10);
const PAUSE: Duration = Duration::from_millis(20);
/// Win32's names: all instances are taken; who asks may be identified, not impersonated.
const ERROR_PIPE_BUSY: i32 = 231;
const SECURITY_IDENTIFICATION: u32 = 0x0001_0000;
