//! An entry before it is written: who did what to what, and how it ended.

use std::collections::BTreeMap;
use std::net::IpAddr;

use serde::Serialize;

use crate::domain::{AccountId, Name, SessionId, Side};
use crate::telemetry::{self, redacted};

/// Who acted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Actor {
    /// A signed-in account.
    Account {
        /// Its id.
        #[serde(serialize_with = "shown")]
        id: AccountId,
        /// Its name.
        name: Name,
    },
    /// The command line, with the rights of the data folder's owner.
    Console,
    /// The appliance by itself.
    Appliance,
    /// Somebody who has not signed in.
    Anonymous {
        /// The name they gave, if any: nothing but a claim.
        claimed: Option<String>,
    },
}

/// How it ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// It was done.
    Done,
    /// It was not allowed.
    Refused,
    /// It was tried, and did not work.
    Failed,
}

/// An entry to be written. Texts are cut at `TEXT_LIMIT` characters, so that nobody can fill the log with one.
#[derive(Debug, Clone, Serialize)]
pub struct Entry {
    pub(super) actor: Actor,
    pub(super) action: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) subject: Option<String>,
    pub(super) outcome: Outcome,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) side: Option<Side>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) reason: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) peer: Option<IpAddr>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) session: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) request: Option<String>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) details: BTreeMap<&'static str, String>,
}

impl Entry {
    /// An action that was done; `action` is its dotted name, such as `account.disable`.
    pub fn new(actor: Actor, action: &'static str) -> Self {
        let actor = match actor {
            Actor::Anonymous { claimed } => Actor::Anonymous { claimed: claimed.map(|name| cut(&name)) },
            known => known,
        };
        Self {
            actor,
            action,
            subject: None,
            outcome: Outcome::Done,
            side: None,
            reason: None,
            peer: None,
            session: None,
            request: None,
            details: BTreeMap::new(),
        }
    }

    /// Its action's dotted name.
    pub fn action(&self) -> &'static str {
        self.action
    }

    /// What it was done to.
    pub fn subject(mut self, subject: impl std::fmt::Display) -> Self {
        self.subject = Some(cut(&subject.to_string()));
        self
    }

    /// How it ended, where it was not done.
    pub fn outcome(mut self, outcome: Outcome) -> Self {
        self.outcome = outcome;
        self
    }

    /// Whose side a failure is on.
    pub fn side(mut self, side: Side) -> Self {
        self.side = Some(side);
        self
    }

    /// Why it ended so.
    pub fn reason(mut self, reason: impl std::fmt::Display) -> Self {
        self.reason = Some(cut(&reason.to_string()));
        self
    }

    /// From which address it was asked for.
    pub fn peer(mut self, peer: IpAddr) -> Self {
        self.peer = Some(peer);
        self
    }

    /// In which session.
    pub fn session(mut self, session: SessionId) -> Self {
        self.session = Some(session.to_string());
        self
    }

    /// By the HTTP request that is carried out here, if one is.
    pub(super) fn by_current_request(mut self) -> Self {
        self.request = telemetry::current_request().map(|request| request.as_ref().to_owned());
        self
    }

    /// Anything else worth keeping; never a secret. At most `DETAILS_LIMIT` of them.
    pub fn detail(mut self, key: &'static str, value: impl std::fmt::Display) -> Self {
        if self.details.len() < DETAILS_LIMIT {
            self.details.insert(key, cut(&value.to_string()));
        }
        self
    }
}

/// A text of at most the limit, in which nothing is left that looks like a generated secret: people paste those in the wrong place.
fn cut(text: &str) -> String {
    let text = &*redacted(text);
    match text.char_indices().nth(TEXT_LIMIT) {
        None => text.to_owned(),
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
    }
}

fn shown<T: std::fmt::Display, S: serde::Serializer>(value: &T, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(value)
}

/// The longest text in an entry, in characters.
pub const TEXT_LIMIT: usize = 512;
/// The most details in an entry.
pub const DETAILS_LIMIT: usize = 16;
