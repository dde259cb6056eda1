//! Composition: build, bind, ready, run, drain, stop; the administration service and its local socket.

pub mod admin;
pub mod control;
pub mod state;

pub use state::{Layout, State};
