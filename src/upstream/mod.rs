//! The way to a SQL Server: addresses, PRELOGIN, TLS by the server's rule, and what was met there.
//!
//! Nothing here knows of logins: what goes through the stream afterwards is the gateway's and `sql`'s.

pub mod connect;
pub mod dial;
pub mod dialer;
pub mod error;
pub mod leg;
pub mod met;
pub mod target;
mod verify;

pub use connect::{connect, connect_strict, probe};
pub use dialer::Dialer;
pub use error::ConnectError;
pub use leg::{Ask, Leg, LegStream};
pub use met::{Met, Verdict};
pub use target::{Target, TlsRule};
