//! What a workstation is told: where the databases are, how to connect, what else there is.
//!
//! [`strings`] writes connection strings, purely.

pub mod connection;
pub mod strings;
