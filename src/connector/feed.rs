//! The config document, kept current by a long poll: a change is here within a second, and so is the news that this program
//! is let in no more.

use std::sync::Arc;
use std::time::Duration;

use hyper::StatusCode;
use serde::Serialize;
use tokio::sync::{Notify, watch};

use super::access::{Access, NoAccess};
use super::client::{Client, Reply};
use super::patience::Patience;
use crate::domain::Secret;
use crate::platform::Clock;
use crate::workstation::documents::Config;

/// How it stands with the appliance.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "state", content = "why")]
pub enum Standing {
    /// It was not asked yet.
    Connecting,
    /// What is known is current.
    Connected,
    /// It does not answer, or is in trouble: it is tried again.
    Waiting(String),
    /// This program is let in no more.
    SignedOut(String),
}

/// What is known now.
#[derive(Debug, Clone)]
pub struct Now {
    /// How it stands.
    pub standing: Standing,
    /// The document that came last.
    pub document: Option<Arc<Config>>,
}

/// Where the document comes from.
pub(super) struct Feed {
    pub client: Client,
    pub access: Access,
    /// The document's path.
    pub path: String,
    pub clock: Arc<dyn Clock>,
    pub now: watch::Sender<Now>,
    /// Told when somebody wants it to ask now, and not when its patience is over.
    pub hurry: Arc<Notify>,
}

/// What came of asking.
enum Asked {
    Fresh(Box<Config>, Option<String>),
    Same,
    Trouble(String, Option<Duration>),
    Ended(String),
}

impl Feed {
    /// Keeps the document current until this program is let in no more; says why.
    pub(super) async fn run(&self) -> String {
        let (mut tag, mut patience): (Option<String>, _) = (None, Patience::default());
        loop {
            let began = self.clock.monotonic();
            match self.ask(tag.as_deref()).await {
                Asked::Fresh(document, fresh) => {
                    tag = fresh;
                    patience.rest();
                    self.take(*document);
                    if tag.is_none() {
                        // There is nothing to compare with.
                        self.clock.sleep(UNTAGGED).await;
                    }
                }
                Asked::Same => {
                    patience.rest();
                    self.stand(Standing::Connected);
                    if self.clock.monotonic().saturating_sub(began) < QUICK {
                        // It does not wait; it is not to be asked without a pause.
                        self.clock.sleep(QUICK).await;
                    }
                }
                Asked::Trouble(why, retry_after) => {
                    tracing::warn!(%why, "the appliance cannot be asked; it is tried again");
                    self.stand(Standing::Waiting(why));
                    let pause = patience.next().max(retry_after.unwrap_or_default()).min(PATIENCE);
                    tokio::select! { () = self.clock.sleep(pause) => {}, () = self.hurry.notified() => {} }
                }
                Asked::Ended(why) => {
                    self.stand(Standing::SignedOut(why.clone()));
                    return why;
                }
            }
        }
    }

    async fn ask(&self, tag: Option<&str>) -> Asked {
        let bearer = match self.access.bearer().await {
            Ok(bearer) => bearer,
            Err(no) => return no.into(),
        };
        match self.get(&bearer, tag).await {
            Asked::Ended(_) => {}
            other => return other,
        }
        // Its time may be over by another clock than ours; or it is one of two, and the other counts.
        match self.access.instead_of(&bearer).await {
            Ok(bearer) => self.get(&bearer, tag).await,
            Err(no) => no.into(),
        }
    }

    async fn get(&self, bearer: &Secret, tag: Option<&str>) -> Asked {
        let path = if tag.is_some() { format!("{}?wait={}", self.path, WAIT.as_secs()) } else { self.path.clone() };
        let reply = self.client.get_as(bearer, &path, tag, WAIT).await;
        if reply.as_ref().is_ok_and(|reply| matches!(reply.status, StatusCode::OK | StatusCode::NOT_MODIFIED)) {
            self.access.counted(bearer).await;
        }
        match reply {
            Ok(Reply { status: StatusCode::NOT_MODIFIED, .. }) => Asked::Same,
            Ok(Reply { status: StatusCode::OK, etag, body, .. }) => match serde_json::from_str(body.expose()) {
                Ok(document) => Asked::Fresh(Box::new(document), etag),
                Err(_) => Asked::Trouble("its configuration is not understood by this version".to_owned(), None),
            },
            Ok(Reply { status: StatusCode::UNAUTHORIZED, .. }) => {
                Asked::Ended("the appliance lets this program in no more".to_owned())
            }
            // Not from this network, for example: that may change without anybody signing in again.
            Ok(reply) => Asked::Trouble(told(&reply), reply.retry_after),
            Err(error) => Asked::Trouble(error.to_string(), None),
        }
    }

    fn take(&self, document: Config) {
        let before = self.now.borrow().document.clone();
        let known = |notice| before.as_ref().is_some_and(|before| before.notices.contains(notice));
        for notice in document.notices.iter().filter(|notice| !known(notice)) {
            tracing::info!(level = ?notice.level, "the appliance says: {}", notice.text);
        }
        if is_newer(&document.minimum_client, env!("CARGO_PKG_VERSION")) {
            tracing::warn!(wanted = %document.minimum_client, "the appliance serves newer versions of gatehouse connect better");
        }
        let document = Some(Arc::new(document));
        self.now.send_replace(Now { standing: Standing::Connected, document });
    }

    fn stand(&self, standing: Standing) {
        self.now.send_if_modified(|now| {
            let changed = now.standing != standing;
            now.standing = standing;
            changed
        });
    }
}

impl From<NoAccess> for Asked {
    fn from(no: NoAccess) -> Self {
        match no {
            NoAccess::Ended(why) => Self::Ended(why),
            NoAccess::Trouble(why) => Self::Trouble(why, None),
        }
    }
}

/// What an answer says that is none.
fn told(reply: &Reply) -> String {
    match reply.problem() {
        Some(words) => format!("it answers with {}: {words}", reply.status),
        None => format!("it answers with {}", reply.status),
    }
}

/// Whether version `one` is newer than `other`, by their numbers.
fn is_newer(one: &str, other: &str) -> bool {
    let numbers = |text: &str| {
        let core = text.split(['-', '+']).next().unwrap_or_default();
        core.split('.').map(|part| part.parse::<u64>().unwrap_or(0)).collect::<Vec<_>>()
    };
    numbers(one) > numbers(other)
}

/// How long the appliance may wait for a change before it says that there is none.
const WAIT: Duration = Duration::from_secs(60);
const QUICK: Duration = Duration::from_secs(5);
const UNTAGGED: Duration = Duration::from_secs(60);
const PATIENCE: Duration = Duration::from_secs(120);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_is_told_in_the_appliances_words_as_far_as_they_are_words() {
        let reply = |body: &str| Reply {
            status: StatusCode::FORBIDDEN,
            etag: None,
            retry_after: None,
            body: Secret::new(body),
        };
        for (body, expected) in [
            (r#"{"title":"Forbidden","detail":"Not from\nhere."}"#, "it answers with 403 Forbidden: Not fromhere."),
            (r#"{"title":"No"}"#, "it answers with 403 Forbidden: No"),
            (r#"{"detail":7}"#, "it answers with 403 Forbidden"),
            ("<html>", "it answers with 403 Forbidden"),
        ] {
            assert_eq!(told(&reply(body)), expected);
        }
        assert!(told(&reply(&format!("{{\"detail\":\"{}\"}}", "x".repeat(9000)))).len() < 400);
    }

    #[test]
    fn versions_are_compared_by_their_numbers() {
        for (one, other, newer) in [
            ("0.2.0", "0.1.9", true),
            ("0.10.0", "0.9.0", true),
            ("1.0.0-rc.1", "0.9.0", true),
            ("0.1.0", "0.1.0", false),
            ("", "0.1.0", false),
        ] {
            assert_eq!(is_newer(one, other), newer, "{one} {other}");
        }
    }
}
