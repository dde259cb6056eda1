//! TDS sessions: from a workstation's first byte to its last.
#![allow(dead_code, reason = "the parts are being put together")]

mod counters;
mod framing;
mod lane;
mod relay;
