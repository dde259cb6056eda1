//! Composition: build, bind, ready, run, drain, stop; the local socket of the administration service.

mod appliance;
pub mod control;
pub mod demo;
mod doors;
pub mod lifecycle;
mod multicast;
pub mod set_up;
mod sql_browser;
pub mod trust;
mod upkeep;
mod workstations;

pub use appliance::Appliance;
