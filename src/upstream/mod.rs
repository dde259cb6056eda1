//! The way to a SQL Server: addresses, PRELOGIN, TLS by the server's rule, and what was met there.
//!
//! Nothing here knows of logins: what goes through the stream afterwards is the gateway's and `sql`'s.

pub mod target;

pub use target::{Target, TlsRule};
