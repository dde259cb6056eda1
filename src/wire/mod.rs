//! TDS over tokio: packets in and out of a stream, the tunnel that carries TLS inside PRELOGIN packets, the relay after the
//! login, the last word before a close, what a certificate says, and TLS with a rule of one's own for certificates.
//!
//! The bytes' meaning is `tds`'s; which certificates to show and to believe is `tls`'s and `upstream`'s.

pub mod certificate;
pub mod constraints;
pub mod farewell;
pub mod judge;
pub mod packets;
pub mod relay;
pub mod tunnel;

pub use certificate::{CertificateFacts, fingerprint};
pub use constraints::NameConstraints;
pub use judge::{Judge, Witness};
pub use packets::{Frame, Message, PacketReader, PacketWriter, WireError};
pub use tunnel::{PreLoginTunnel, accept, connect};
