//! TDS over tokio: packets in and out of a stream, and the tunnel that carries TLS inside PRELOGIN packets.
//!
//! The bytes' meaning is `tds`'s; the certificates are `tls`'s and `upstream`'s.

pub mod packets;
pub mod tunnel;

pub use packets::{Frame, Message, PacketReader, PacketWriter, WireError};
pub use tunnel::{PreLoginTunnel, accept, connect};
