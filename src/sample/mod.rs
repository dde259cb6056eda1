//! The sample SQL Server that `demo` and the tests run against: it speaks TDS as SQL Server does, over `tds`, `wire` and
//! `tls`, and keeps two small databases in memory.
//!
//! It is a model and says so: in `@@VERSION`, in its program name, and in a clear error for whatever it does not know.
//! It never answers with a made-up result.
//!
//! | part | what it is |
//! |---|---|
//! | `engine/` | values, types, syntax, storage, plans: no network, and nothing that waits |
//! | `handshake`, `login` | from the first byte to the answer of LOGIN7 |
//! | `connection`, `mars` | packets in and out of one connection, one or several sessions in it |
//! | `session`, `batch`, `rpc`, … | requests carried out, results streamed with back-pressure |

mod batch;
mod bulk;
mod change;
mod codec;
mod connection;
mod describe;
pub mod engine;
mod handshake;
mod login;
mod mars;
mod options;
mod procedures;
mod query;
mod reply;
mod rpc;
mod running;
mod session;
mod simple;
mod state;
mod transaction;

pub use engine::server::{Access, SessionInfo};
pub use options::{Encryption, Routing, SampleLogin, SampleOptions};
pub use running::{Sample, SampleError};

/// The version that PRELOGIN and LOGINACK show: the generation of SQL Server that this is a model of, and a build that
/// none of them has.
pub const VERSION: [u8; 6] = [16, 0, 0, 1, 0, 0];
