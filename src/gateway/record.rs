//! What the audit holds about sessions: opened, refused, ended.

use std::net::IpAddr;
use std::time::Duration;

use super::dial::Dialled;
use super::refusal::Refusal;
use super::repeats::Unwritten;
use super::session::{Session, Why};
use crate::audit::{Actor, Entry, Outcome};
use crate::domain::{AccountId, Name, Principal, SessionId, Side};
use crate::tds::Login7;

/// Who a login said it was, and who it proved to be.
#[derive(Debug, Clone, Default)]
pub(super) struct Claim {
    user: Option<String>,
    database: Option<String>,
    application: Option<String>,
    host: Option<String>,
    principal: Option<(AccountId, Name)>,
}

impl Claim {
    /// Nothing was claimed, or nothing that was looked at.
    pub(super) fn nobody() -> Self {
        Self::default()
    }

    /// What a login says about itself.
    pub(super) fn of(login: &Login7) -> Self {
        let text = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
        Self {
            user: text(&login.user_name),
            database: text(&login.database),
            application: text(&login.app_name),
            host: text(&login.host_name),
            principal: None,
        }
    }

    /// The claim was proven.
    pub(super) fn signed_in(&mut self, principal: &Principal) {
        self.principal = Some((principal.account, principal.name.clone()));
    }

    /// The name, proven or not.
    pub(super) fn name(&self) -> Option<&str> {
        self.principal.as_ref().map(|(_, name)| name.as_str()).or(self.user.as_deref())
    }

    fn actor(&self) -> Actor {
        match &self.principal {
            Some((id, name)) => Actor::Account { id: *id, name: name.clone() },
            None => Actor::Anonymous { claimed: self.user.clone() },
        }
    }
}

/// A session begins.
pub(super) fn opened(session: &Session, dialled: &Dialled) -> Entry {
    let login = if dialled.strict { "8.0" } else { "7.x" };
    about(session, "session.open")
        .detail("credential", session.principal.credential.kind())
        .detail("access", session.route.access)
        .detail("server", &session.route.server_name)
        .detail("address", &dialled.address)
        .detail("server_tds", login)
        .detail("server_verified", dialled.verified)
        .detail("routing_hops", dialled.hops)
        .detail("application", &session.application)
        .detail("host", &session.host)
}

/// A session ended.
pub(super) fn ended(session: &Session, why: Why, now: Duration) -> Entry {
    let traffic = session.counters.traffic();
    about(session, "session.end")
        .reason(why.as_str())
        .side(why.side())
        .detail("seconds", now.saturating_sub(session.began).as_secs())
        .detail("bytes_up", traffic.bytes_up)
        .detail("bytes_down", traffic.bytes_down)
        .detail("packets_up", traffic.packets_up)
        .detail("packets_down", traffic.packets_down)
        .detail("batches", traffic.batches)
}

/// A login was refused; `cause` is what the workstation does not hear.
pub(super) fn refused(refusal: &Refusal, claim: &Claim, cause: Option<&str>, peer: IpAddr, id: SessionId) -> Entry {
    let mut entry = Entry::new(claim.actor(), "session.refused")
        .outcome(Outcome::Refused)
        .reason(cause.map_or_else(|| refusal.to_string(), |cause| format!("{refusal}: {cause}")))
        .side(refusal.side())
        .peer(peer)
        .session(id);
    if let Some(database) = &claim.database {
        entry = entry.subject(database);
    }
    for (key, value) in [("application", &claim.application), ("host", &claim.host)] {
        if let Some(value) = value {
            entry = entry.detail(key, value);
        }
    }
    entry
}

/// Refusals that were counted and not written one by one.
pub(super) fn repeated(unwritten: &Unwritten) -> Entry {
    Entry::new(Actor::Anonymous { claimed: None }, "session.refused")
        .outcome(Outcome::Refused)
        .reason(&unwritten.reason)
        .side(Side::Workstation)
        .peer(unwritten.origin)
        .detail("repeated", unwritten.count)
}

/// SqlClient's `ClientConnectionId` out of the TRACEID option: the first sixteen bytes, a GUID in Windows' byte order.
pub(super) fn trace_id(option: [u8; 36]) -> String {
    let id = option.first_chunk::<16>().copied().unwrap_or_default();
    uuid::Uuid::from_bytes_le(id).to_string()
}

fn about(session: &Session, action: &'static str) -> Entry {
    let Principal { account, name, .. } = &session.principal;
    Entry::new(Actor::Account { id: *account, name: name.clone() }, action)
        .subject(&session.route.alias)
        .peer(session.peer)
        .session(session.id)
}
