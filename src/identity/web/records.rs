//! What the store keeps of people on the web.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use crate::domain::{AccountId, Timestamp, WebSessionId};
use crate::identity::records::SecretHash;
use crate::store;

/// Where a request came from: for the person to recognise, and for the audit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    /// The address.
    pub peer: IpAddr,
    /// What the program calls itself (`User-Agent`): a claim, cut to a line of 200 characters.
    pub agent: String,
}

impl Origin {
    /// An origin; `agent` may be anything that was sent.
    pub fn new(peer: IpAddr, agent: &str) -> Self {
        let agent = agent.chars().filter(|c| !c.is_control()).take(LONGEST_AGENT).collect();
        Self { peer: peer.to_canonical(), agent }
    }
}

/// A signed-in browser.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WebSession {
    /// Its id.
    pub id: WebSessionId,
    /// Whose it is.
    pub account: AccountId,
    /// The keyed hash of its cookie's secret.
    pub(in crate::identity) hash: SecretHash,
    /// The account's generation at the sign-in.
    pub(in crate::identity) generation: u64,
    /// When it began.
    pub began: Timestamp,
    /// When something was last heard from it, give or take a minute.
    pub seen: Timestamp,
    /// When the person last proved to be there: at the sign-in, or by [`confirm`](crate::identity::Identity::confirm).
    pub confirmed: Timestamp,
    /// Whether a second factor was given.
    pub second_factor: bool,
    /// From which address it was signed in.
    pub peer: IpAddr,
    /// From which address something was last heard.
    pub seen_from: IpAddr,
    /// What the browser calls itself.
    pub agent: String,
    /// The sign-in before this one: shown to the person, who knows whether it was their own.
    pub previous: Option<LastSignIn>,
}

/// When and from where an account signed in on the web.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LastSignIn {
    /// When.
    pub at: Timestamp,
    /// From which address.
    pub peer: IpAddr,
    /// What the browser called itself.
    pub agent: String,
}

/// Where a session is kept.
pub(in crate::identity) type SessionKey = (AccountId, WebSessionId);

store::tables! {
    /// Web sessions, by account.
    WebSessions = "web-sessions": SessionKey => WebSession;
    /// Which session a cookie's secret belongs to, by its keyed hash.
    Cookies = "web-cookies": SecretHash => SessionKey;
    /// The last sign-in of each account.
    LastSignIns = "web-last-sign-ins": AccountId => LastSignIn;
}

const LONGEST_AGENT: usize = 200;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_browser_calls_itself_is_a_short_line() {
        let origin = Origin::new([192, 0, 2, 1].into(), &format!("a\r\nb{}", "x".repeat(5000)));
        assert!(origin.agent.starts_with("abxx") && origin.agent.len() == LONGEST_AGENT);
    }
}
