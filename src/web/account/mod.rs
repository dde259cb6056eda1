//! A person's own account: what it is, what it signs in with, and what is signed in with it.

mod program;

use std::net::IpAddr;

use super::page::minute;
use crate::domain::Timestamp;
use crate::identity::web::Visit;

/// The sign-in before the present one, as pages show it (`parts/last_sign_in.html`): the person knows whether it was their own.
#[derive(Debug, Clone)]
pub struct SignInBefore {
    /// When.
    pub at: Timestamp,
    /// From which address.
    pub peer: IpAddr,
    /// With which program.
    pub program: String,
}

impl SignInBefore {
    /// Of whoever visits; none where there was no other.
    pub fn of(visit: &Visit) -> Option<Self> {
        let before = visit.session.previous.as_ref()?;
        Some(Self { at: before.at, peer: before.peer, program: program::name(&before.agent) })
    }

    /// When, as people read it.
    pub fn when(&self) -> String {
        minute(self.at)
    }
}
