//! TDS sessions: from a workstation's first byte to its last.
//!
//! | file | what it is |
//! |---|---|
//! | `serve` | the gateway, and the way of one connection through it |
//! | `handshake`, `greeting` | PRELOGIN and TLS, in either order |
//! | `login`, `authenticate` | LOGIN7 read and sorted; who is it, and where may it go |
//! | `refusal` | every way to say no: the table of error numbers and texts |
//! | `dial`, `rewrite`, `answer` | to the SQL Server with an edited login; its answer, cleaned |
//! | `relay`, `lane`, `framing` | packets both ways, until one side ends |
//! | `alias` | the one statement that is changed on its way: `USE alias` |
//! | `registry`, `session`, `counters`, `watch`, `numbers` | the live sessions: listed, limited, ended, re-checked, counted |
//! | `record`, `repeats` | what the audit holds about them; floods of refusals, counted |

mod alias;
mod answer;
mod authenticate;
mod client;
mod counters;
mod dial;
mod framing;
mod greeting;
mod handshake;
mod lane;
mod login;
mod numbers;
mod record;
mod refusal;
mod registry;
mod relay;
mod repeats;
mod rewrite;
mod serve;
mod session;
mod watch;

pub use counters::Traffic;
pub use numbers::SessionNumbers;
pub use registry::{Limits, Registry};
pub use serve::{Gateway, Parts};
pub use session::{Session, Summary, Why};
