//! MS-TDS, the protocol of Microsoft SQL Server, from version 7.1 to 7.4 and 8.0: bytes in, bytes out.
//!
//! No I/O, no clock, no `unsafe`, no indexing. What is read is not trusted, from either side: nothing panics, and no
//! length in the input reserves memory for bytes that are not there.
//!
//! | module | what it is |
//! |---|---|
//! | [`packet`] | packets; messages cut into them and put together again |
//! | [`prelogin`] | PRELOGIN, both ways |
//! | [`login7`] | LOGIN7: decode, edit, encode |
//! | [`proxy`] | what changes in a login, and in its answer, on the way through |
//! | [`token`] | what a server answers, and the walk over its login response |
//! | [`data`] | types, values, columns and rows |
//! | [`all_headers`], [`request`] | what clients ask: batches, procedure calls, transactions |
//! | [`smp`] | headers of sessions that share a connection (MARS) |
//! | [`ssrp`] | which port has an instance of this name: the datagrams of SQL Browser |

pub mod all_headers;
pub mod cursor;
pub mod data;
mod error;
pub mod login7;
mod message;
pub mod packet;
pub mod prelogin;
pub mod proxy;
pub mod request;
pub mod smp;
pub mod ssrp;
pub mod token;
mod version;

pub use all_headers::AllHeaders;
pub use error::{DecodeError, EncodeError};
pub use login7::Login7;
pub use packet::{
    HEADER_LEN, Message, MessageWriter, PacketHeader, PacketType, Progress, Reassembler, Status, packetise,
};
pub use prelogin::{Encryption, PreLogin};
pub use smp::{SMP_HEADER_LEN, SMP_ID, SmpHeader, SmpKind};
pub use token::Token;
pub use version::TdsVersion;
