//! Secrets are planted, everything is made to fail, and everything that was written is searched for them.

mod appliance;
mod debug;
mod links;
mod panics;
pub mod traces;
