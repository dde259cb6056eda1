//! What the integration tests share.

pub mod app;
pub mod appliance;
pub mod caller;
pub mod certificates;
pub mod hello;
pub mod house;
pub mod peer;
pub mod rig;

pub mod process;
pub mod program;
