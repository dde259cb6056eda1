//! TDS over tokio: packets in and out of a stream, the tunnel that carries TLS inside PRELOGIN packets, the relay after the
//! login, the last word before a close, and what a certificate says.
//!
//! The bytes' meaning is `tds`'s; which certificates to show and to believe is `tls`'s and `upstream`'s.

pub mod certificate;
pub mod constraints;
pub mod farewell;
pub mod packets;
pub mod relay;
pub mod tunnel;

pub use certificate::{CertificateFacts, fingerprint};
pub use constraints::NameConstraints;
pub use packets::{Frame, Message, PacketReader, PacketWriter, WireError};
pub use tunnel::{PreLoginTunnel, accept, connect};
