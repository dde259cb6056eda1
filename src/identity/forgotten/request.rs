//! Requests for links by mail, in the store for as long as something is left to do: neither a restart nor a crash loses one that was
//! answered.
//!
//! The link is made and put down with its request in one change. The mail itself is kept nowhere: it is written anew for each try.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use crate::domain::{MailId, Timestamp};
use crate::identity::Identity;
use crate::identity::error::IdentityError;
use crate::identity::reset::{LINK_LIFE, MailedLink};
use crate::identity::web::Origin;
use crate::store::{self, Change, StoreError};

/// A request, as it is kept.
#[derive(Clone, Serialize, Deserialize)]
pub struct Request {
    /// The name that was given: of an account, or anything else.
    pub(super) typed: String,
    peer: IpAddr,
    agent: String,
    pub(super) asked: Timestamp,
    /// The link that is to be mailed, once it is made.
    pub(super) link: Option<MailedLink>,
}

impl Request {
    pub(super) fn new(typed: String, origin: &Origin, asked: Timestamp) -> Self {
        Self { typed, peer: origin.peer, agent: origin.agent.clone(), asked, link: None }
    }

    /// The same, with the link that was made.
    pub(in crate::identity) fn with(self, link: MailedLink) -> Self {
        Self { link: Some(link), ..self }
    }

    /// Where it came from.
    pub(in crate::identity) fn origin(&self) -> Origin {
        Origin { peer: self.peer, agent: self.agent.clone() }
    }

    /// When it, and its link, count no more.
    pub(in crate::identity) fn ends(&self) -> Timestamp {
        self.asked.after(LINK_LIFE)
    }
}

/// Shows nothing of what was typed, which may be anything.
impl std::fmt::Debug for Request {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Request").field("asked", &self.asked).finish_non_exhaustive()
    }
}

store::tables! {
    /// Requests for links by mail.
    Requests = "reset-mails": MailId => Request;
}

impl Identity {
    /// Keeps a request; says whether there was room.
    pub(super) async fn keep_request(&self, id: MailId, request: Request) -> Result<bool, StoreError> {
        let keep = move |state: &mut Change<'_>| {
            let room = state.scan::<Requests>()?.len() < MOST_WAITING;
            if room {
                state.put::<Requests>(&id, &request)?;
            }
            Ok(room)
        };
        self.inner.store.change(keep).await
    }

    /// Every request that something is left to do for.
    pub(super) fn waiting_requests(&self) -> Result<Vec<(MailId, Request)>, StoreError> {
        self.inner.store.scan::<Requests>()
    }

    /// Removes a request that nothing is left to do for.
    pub(super) async fn end_request(&self, id: MailId) -> Result<(), IdentityError> {
        let end = move |state: &mut Change<'_>| state.remove::<Requests>(&id);
        Ok(self.inner.store.change(end).await?)
    }
}

/// Removes what waited for a day. Where mail is sent, that is nothing: whatever waits longer than an hour ends with an entry in the record.
pub(in crate::identity) fn sweep(state: &mut Change<'_>, now: Timestamp) -> Result<(), StoreError> {
    for (id, request) in state.scan::<Requests>()? {
        if request.asked.after(24 * LINK_LIFE) <= now {
            state.remove::<Requests>(&id)?;
        }
    }
    Ok(())
}

/// Requests that wait at once, to be looked at or for their mail to be taken.
const MOST_WAITING: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::VALUE_LIMIT;

    #[test]
    fn the_longest_request_fits_and_shows_nothing_of_what_was_typed() {
        let origin = Origin::new([192, 0, 2, 1].into(), &"\u{10ffff}".repeat(1000));
        let typed = format!("canary{}", "\u{1}".repeat(58));
        let request = Request::new(typed, &origin, Timestamp::from_millis(1_795_000_000_000));
        // A link takes less than a kilobyte more.
        assert!(serde_json::to_vec(&request).unwrap().len() + 1024 < VALUE_LIMIT);
        assert!(!format!("{request:?}").contains("canary"));
    }
}
