//! People signed in on the web: the stages of a sign-in, the sessions of browsers, what is told of them.
//!
//! A session is a cookie's secret, found by its keyed hash, and a record. It counts as long as its account is as it
//! was at the sign-in (enabled, same generation), as something was heard from it within the idle limit, and as it is
//! younger than the absolute limit. Both limits go by the account's role.
//!
//! When it was last heard from is written at most once a minute, so a browser may lose up to a minute of its idle limit
//! and never gains one.

mod confirm;
mod limits;
mod passkey;
mod pending;
mod records;
mod refusals;
mod sessions;
mod sign_in;

pub use records::{LastSignIn, Origin, WebSession, tables};
pub use sessions::Visit;
pub use sign_in::{Asks, Begun, Step};

pub(in crate::identity) use sessions::{end_all, forget, go_on, kept, open, sweep};

use super::waiting::Waiting;
use crate::config;
use limits::Limits;
use pending::Pending;
use refusals::Refusals;

/// What the service keeps in memory for the web.
pub(super) struct Part {
    pub(super) limits: Limits,
    pub(super) refusals: Refusals,
    pending: Waiting<Pending>,
}

impl Part {
    pub(super) fn new(settings: &config::SignIn) -> Self {
        Self { limits: Limits::of(settings), refusals: Refusals::default(), pending: Waiting::new(pending::LIFETIME) }
    }
}
