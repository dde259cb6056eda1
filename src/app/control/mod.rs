//! The local socket of a running appliance: `control.sock` in its data folder.
//!
//! Who may open the data folder may administer: the folder is the appliance's user's alone (0700), the socket too
//! (0600), and the peer's user must be that user or root. One request and one answer a connection, each one line of
//! JSON within a limit. How the socket is made and opened, and what takes its place on Windows, is `transport`'s.

pub mod client;
mod server;
mod transport;

use serde::{Deserialize, Serialize};

pub use client::{Client, ControlError};
pub use server::{Control, Life};

use crate::admin::{AdminRequest, AdminResponse, Refusal};

/// What the running appliance can be asked.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ControlRequest {
    /// Is it there?
    Ping,
    /// Is it ready to serve?
    Ready,
    /// Take no new logins, give sessions their grace, and stop.
    Drain,
    /// An administrative request, as the console.
    Admin(Box<AdminRequest>),
}

/// What it answers.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ControlResponse {
    /// It is there.
    Pong {
        /// Its version.
        version: String,
    },
    /// Whether it is ready.
    Ready {
        /// Whether it serves.
        ready: bool,
        /// What is not as it should be.
        problems: Vec<String>,
    },
    /// It drains.
    Draining,
    /// The answer to an administrative request.
    Admin(Box<AdminResponse>),
    /// The request was not done.
    Refused(Refusal),
}

/// The longest request: a certificate and some names fit many times.
const REQUEST_LIMIT: usize = 64 * 1024;
/// The longest answer that a client takes: the list of some ten thousand sessions fits.
const RESPONSE_LIMIT: usize = 32 * 1024 * 1024;
