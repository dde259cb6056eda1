//! TDS over tokio: packets in and out of a stream, the tunnel that carries TLS inside PRELOGIN packets, and what a
//! certificate says.
//!
//! The bytes' meaning is `tds`'s; which certificates to show and to believe is `tls`'s and `upstream`'s.

pub mod certificate;
pub mod constraints;
pub mod packets;
pub mod tunnel;

pub use certificate::{CertificateFacts, fingerprint};
pub use constraints::NameConstraints;
pub use packets::{Frame, Message, PacketReader, PacketWriter, WireError};
pub use tunnel::{PreLoginTunnel, accept, connect};
