//! Why a SQL Server could not be reached, or is not to be trusted. One text for the person, the full cause for the log.

use std::io;
use std::net::SocketAddr;

use super::met::Met;
use crate::domain::Side;
use crate::wire::WireError;

/// Why there is no connection to a SQL Server. `Display` names addresses and causes: it is for the log and for
/// administrators; [`ConnectError::person`] is for everybody else.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// The target's own settings cannot be used. The operator's side.
    #[error("the server's settings cannot be used: {0}")]
    Settings(String),
    /// Its name has no address. The SQL Server's side, or the way to it.
    #[error("the host name {host} could not be resolved: {source}")]
    Resolve {
        /// The name.
        host: String,
        /// What the resolver said.
        source: io::Error,
    },
    /// None of its addresses takes a connection. The SQL Server's side.
    #[error("no address takes a connection: {}", list(.0))]
    Unreachable(Vec<(SocketAddr, io::Error)>),
    /// It took too long. The SQL Server's side.
    #[error("the server did not answer in time ({0})")]
    TimedOut(Stage),
    /// It does not encrypt, and nothing is sent in clear. The SQL Server's side.
    #[error("the server at {address} does not encrypt (it answered ENCRYPTION {answer:?})")]
    NoEncryption {
        /// The address that was reached.
        address: SocketAddr,
        /// The ENCRYPTION option of its PRELOGIN answer.
        answer: Option<u8>,
    },
    /// Its certificate is not believed. The SQL Server's side.
    #[error("the certificate of the server at {} is not believed: {}", .0.address, .0.verdict)]
    Certificate(Box<Met>),
    /// TLS failed for another reason. The SQL Server's side.
    #[error("TLS with the server at {address} failed: {source}")]
    Tls {
        /// The address that was reached.
        address: SocketAddr,
        /// What TLS said.
        source: io::Error,
    },
    /// It answered something that is not TDS, or hung up before its answer. The SQL Server's side.
    #[error("the server at {address} does not speak TDS: {reason}")]
    NotTds {
        /// The address that was reached.
        address: SocketAddr,
        /// What was wrong.
        reason: String,
    },
    /// The connection failed before it was ready. The SQL Server's side.
    #[error("the connection to {address} failed: {source}")]
    Wire {
        /// The address that was reached.
        address: SocketAddr,
        /// What failed.
        source: WireError,
    },
}

/// How far a connection came before its time was over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// Looking its name up.
    Resolve,
    /// TCP.
    Dial,
    /// PRELOGIN and TLS.
    Handshake,
}

impl ConnectError {
    /// Whose side it is on.
    pub fn side(&self) -> Side {
        match self {
            Self::Settings(_) => Side::Operator,
            _ => Side::SqlServer,
        }
    }

    /// One sentence for whoever wanted to connect. It names no address.
    pub fn person(&self) -> &'static str {
        match self {
            Self::Settings(_) => "The database server is not set up correctly at the gateway. Ask your administrator.",
            Self::Resolve { .. } | Self::Unreachable(_) => "The database server cannot be reached at the moment.",
            Self::TimedOut(_) => "The database server did not answer in time.",
            Self::NoEncryption { .. } => {
                "The database server does not offer encryption, so the gateway did not sign in."
            }
            Self::Certificate(_) => {
                "The database server's certificate is not the expected one, so the gateway did not sign in."
            }
            Self::Tls { .. } | Self::NotTds { .. } | Self::Wire { .. } => {
                "The gateway could not set up a secure connection to the database server."
            }
        }
    }

    /// What was met, where the certificate is what it failed on.
    pub fn met(&self) -> Option<&Met> {
        match self {
            Self::Certificate(met) => Some(met),
            _ => None,
        }
    }
}

impl std::fmt::Display for Stage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Resolve => "looking up its name",
            Self::Dial => "opening a connection",
            Self::Handshake => "PRELOGIN and TLS",
        })
    }
}

fn list(failures: &[(SocketAddr, io::Error)]) -> String {
    let each: Vec<_> = failures.iter().map(|(address, error)| format!("{address}: {error}")).collect();
    each.join("; ")
}
