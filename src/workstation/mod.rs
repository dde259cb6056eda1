//! What a workstation is told: where the databases are, how to connect, what else there is.
//!
//! | part | what it does |
//! |---|---|
//! | [`documents`] | the discovery and the config document, and their JSON Schemas |
//! | [`Workstations`] | fills them for one who has signed in; hands out passes; tells who waits of changes |
//! | [`strings`] | connection strings, one file a format |
//! | [`integrations`] | services beside the databases |
//! | [`dns`] | the DNS records by which an appliance is found |
//! | [`downloads`] | files for people: `.udl`, `.dsn`, registry, PowerShell, a QR code |
//!
//! Nothing here speaks HTTP: `web` does.

mod changes;
pub mod connection;
pub mod dns;
pub mod documents;
pub mod downloads;
mod error;
mod etag;
pub mod integrations;
mod passes;
mod records;
mod service;
pub mod strings;

pub use connection::{Connection, Encryption, Trust};
pub use error::WorkstationError;
pub use etag::ETag;
pub use integrations::Integrations;
pub use records::tables;
pub use service::{Answer, Parts, Place, Waited, Workstations};
