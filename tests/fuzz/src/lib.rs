//! The wire layer, the sniffer of first bytes, and what they import, compiled by themselves from the product's own files, and the targets over them.
#![allow(dead_code, missing_docs, unexpected_cfgs, reason = "only a part of the house")]

#[path = "../../../src/tds/mod.rs"]
pub mod tds;

#[path = "../../../src/domain/secret.rs"]
mod secret;

#[path = "../../../src/door/sniff.rs"]
pub mod sniff;

/// What the wire layer imports of the room below it.
pub mod domain {
    pub use super::secret::Secret;
}

pub mod targets;
