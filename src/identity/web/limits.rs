//! How long a browser stays signed in, by role.

use std::time::Duration;

use super::records::WebSession;
use crate::config;
use crate::domain::{Role, Timestamp};

/// The limits of sessions.
#[derive(Debug, Clone, Copy)]
pub(in crate::identity) struct Limits {
    /// Of administrators, operators and auditors.
    staff: Pair,
    /// Of members.
    members: Pair,
}

#[derive(Debug, Clone, Copy)]
struct Pair {
    idle: Duration,
    absolute: Duration,
}

impl Limits {
    pub(super) fn of(settings: &config::SignIn) -> Self {
        Self {
            staff: Pair { idle: settings.web_idle_limit, absolute: settings.web_absolute_limit },
            members: Pair { idle: settings.web_idle_limit_members, absolute: settings.web_absolute_limit_members },
        }
    }

    /// When a session of this role ends, unless something is heard from it before.
    pub(super) fn end(&self, session: &WebSession, role: Role) -> Timestamp {
        let pair = if role == Role::Member { self.members } else { self.staff };
        session.seen.after(pair.idle).min(session.began.after(pair.absolute))
    }
}
