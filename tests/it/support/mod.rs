//! What the integration tests share.

pub mod acme;
pub mod app;
pub mod appliance;
pub mod browser;
pub mod caller;
pub mod certificates;
pub mod connector;
pub mod curl;
pub mod dns;
pub mod hello;
pub mod house;
pub mod leaping;
pub mod pages;
pub mod pebble;
pub mod peer;
pub mod ports;
pub mod post_office;
pub mod process;
pub mod program;
pub mod rig;
pub mod site;
