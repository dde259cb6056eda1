//! Composition: build, bind, ready, run, drain, stop; the administration service and its local socket.

pub mod admin;
mod appliance;
pub mod control;
pub mod demo;
mod doors;
pub mod lifecycle;
pub mod state;
pub mod trust;
mod upkeep;

pub use appliance::Appliance;
pub use state::{Layout, State};
