//! What whoever stands between a driver and a server changes: the login on its way up ([`for_server`]), and its answer on
//! the way down ([`understand`]). The gateway does it before a SQL Server, the connector before the gateway.

mod answer;
mod rewrite;

pub use answer::{Answer, Asked, understand};
pub use rewrite::{Replacement, for_server};
