//! What programs are refused, written down: once each, where most is known of it.

use super::error::OAuthError;
use crate::audit::{Actor, Entry, Outcome};
use crate::domain::Side;
use crate::identity::web::{Origin, Visit};
use crate::identity::{Identity, IdentityError, SignInError};

impl Identity {
    /// Writes down why a program did not get what it asked for; `visit` is whoever it asks, where somebody is there.
    ///
    /// Not what is told to a program that asks again and again (RFC 8628 3.5), nor what is written down where it is found: codes and
    /// tokens that count no more, and user codes.
    pub async fn record_oauth_refused(
        &self,
        visit: Option<&Visit>,
        client: &str,
        error: &OAuthError,
        origin: &Origin,
    ) -> Result<(), IdentityError> {
        match error {
            OAuthError::AuthorizationPending | OAuthError::SlowDown => return Ok(()),
            OAuthError::InvalidGrant | OAuthError::Throttled { .. } | OAuthError::Server(_) => return Ok(()),
            _ => {}
        }
        let actor = visit.map_or(Actor::Anonymous { claimed: None }, Visit::actor);
        let entry = Entry::new(actor, "oauth.refused").outcome(Outcome::Refused).reason(error).side(error.side());
        let entry = entry.peer(origin.peer).detail("client", client).detail("agent", &origin.agent);
        self.record_bounded(entry, true, origin.peer).await
    }

    /// Refuses a code or token, and writes down more of why than the program is told.
    pub(super) async fn refused<T>(&self, client: &str, why: &'static str, origin: &Origin) -> Result<T, OAuthError> {
        let entry = Entry::new(Actor::Anonymous { claimed: None }, "oauth.refused").outcome(Outcome::Refused);
        let entry = entry.reason(why).side(Side::Workstation).peer(origin.peer);
        let entry = entry.detail("client", client).detail("agent", &origin.agent);
        self.record_bounded(entry, true, origin.peer).await?;
        Err(OAuthError::InvalidGrant)
    }

    /// Writes down that somebody typed a user code that no program waits with, or too many of them.
    pub(super) async fn record_no_flow(&self, visit: &Visit, error: &SignInError) -> Result<(), IdentityError> {
        let peer = visit.session.seen_from;
        let entry = Entry::new(visit.actor(), "oauth.user-code").outcome(Outcome::Refused);
        let entry = entry.reason(error.audit_reason()).side(error.side()).peer(peer);
        self.record_bounded(entry, matches!(error, SignInError::Throttled { .. }), peer).await
    }
}
