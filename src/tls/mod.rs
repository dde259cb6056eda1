//! The certificates that the appliance shows, and how it speaks TLS with those who come to it.
//!
//! [`root`] makes certificates, [`Certificates`] holds the one that is shown and can be changed under way, [`policy`]
//! says which versions and suites are spoken where.

pub mod certificates;
pub mod policy;
pub mod root;

pub use certificates::{Certificates, KeyAndChain};
pub use policy::ServerConfigs;
pub use root::Root;
