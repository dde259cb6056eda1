//! TDS sessions: from a workstation's first byte to its last.
//!
//! | file | what it is |
//! |---|---|
//! | `serve` | the gateway, and the way of one connection through it |
//! | `handshake`, `greeting` | PRELOGIN and TLS, in either order |
//! | `login`, `authenticate` | LOGIN7 read and sorted; who is it, and where may it go |
//! | `refusal` | every way to say no: the table of error numbers and texts |
//! | `dial` | to the SQL Server with an edited login ([`crate::tds::proxy`]) |
//! | `registry`, `session`, `watch`, `numbers` | the live sessions: listed, limited, ended, re-checked, counted |
//! | `record`, `repeats` | what the audit holds about them; floods of refusals, counted |

mod authenticate;
mod client;
mod dial;
mod greeting;
mod handshake;
mod login;
mod numbers;
mod record;
mod refusal;
mod registry;
mod repeats;
mod serve;
mod session;
mod watch;

pub use crate::wire::relay::Traffic;
pub use numbers::SessionNumbers;
pub use registry::{Limits, Registry};
pub use serve::{Gateway, Parts};
pub use session::{Session, Summary, Why};
