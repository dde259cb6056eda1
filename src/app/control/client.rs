//! The command line's end of the socket. Blocks: a command has nothing else to do.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::{ControlRequest, ControlResponse, RESPONSE_LIMIT, transport};
use crate::admin::Refusal;
use crate::state::Layout;

/// Asks the appliance that runs on a data folder.
#[derive(Debug, Clone)]
pub struct Client {
    socket: PathBuf,
}

/// Why the appliance did not answer.
#[derive(Debug, thiserror::Error)]
pub enum ControlError {
    /// The socket cannot be used: most often the data folder is another user's. The operator's side.
    #[error("cannot talk to the running appliance through {}: {source}", socket.display())]
    Socket {
        /// The socket.
        socket: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// It answered something else than was asked; most often another version. The operator's side.
    #[error("the running appliance gave an answer that this version does not understand")]
    Strange,
    /// It did not do what was asked.
    #[error(transparent)]
    Refused(#[from] Refusal),
}

impl Client {
    /// The appliance of this data folder.
    pub fn of(data_dir: &Path) -> Self {
        Self { socket: Layout::of(data_dir).control_socket() }
    }

    /// Asks, and waits at most `limit` for the answer; `None` when no appliance runs.
    pub fn ask(&self, request: &ControlRequest, limit: Duration) -> Result<Option<ControlResponse>, ControlError> {
        let failed = |source| ControlError::Socket { socket: self.socket.clone(), source };
        let mut line = zeroize::Zeroizing::new(serde_json::to_vec(request).map_err(|_| ControlError::Strange)?);
        line.push(b'\n');
        let most = u64::try_from(RESPONSE_LIMIT).unwrap_or(u64::MAX);
        let Some(answer) = transport::exchange(&self.socket, &line, most, limit).map_err(failed)? else {
            return Ok(None);
        };
        match serde_json::from_slice(&answer).map_err(|_| ControlError::Strange)? {
            ControlResponse::Refused(refusal) => Err(refusal.into()),
            response => Ok(Some(response)),
        }
    }
}
