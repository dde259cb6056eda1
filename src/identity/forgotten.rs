//! Forgotten passwords by mail: whoever gives an account's name gets no answer about it, and its owner gets a link.
//!
//! Names alone are taken, not mail addresses: a name is one account's, an address can be several people's (a shared mailbox). Whoever forgot
//! the name as well asks an administrator.
//!
//! What is done while the person waits is the same for every name: it is counted, and put down to be looked at. Whether there is such an
//! account, whether it may sign in, has a password and an address, is found out in the background, and told to nobody; the record has it.
//! Administrators' accounts are no exception: the link sets the password and signs nobody in, so the second factor still stands.

use std::sync::Arc;

use tokio::sync::Semaphore;

use super::error::{IdentityError, SignInError};
use super::reset::MailedLink;
use super::web::Origin;
use super::{Identity, sign_in};
use crate::audit::{Actor, Entry, Outcome};
use crate::domain::{Secret, Side, Timestamp};
use crate::notify::{Letter, Mailer};
use crate::platform::Tasks;

/// Where links lead to. From the settings alone: nothing that a request says gets into a mail.
#[derive(Debug, Clone)]
pub struct Place {
    /// What the appliance is called.
    pub appliance: String,
    /// Its host, with the port where it is not the usual one.
    pub host: String,
}

/// Answers requests for links by mail. Clones share the queue.
#[derive(Clone)]
pub struct Forgotten {
    inner: Arc<Inner>,
}

struct Inner {
    identity: Identity,
    mailer: Mailer,
    place: Place,
    tasks: Tasks,
    /// Requests that are looked at, and mails that wait to be sent.
    queue: Arc<Semaphore>,
}

impl Forgotten {
    /// Sends by `mailer`, in the background of `tasks`.
    pub fn new(identity: Identity, mailer: Mailer, place: Place, tasks: Tasks) -> Self {
        let queue = Arc::new(Semaphore::new(QUEUE));
        Self { inner: Arc::new(Inner { identity, mailer, place, tasks, queue }) }
    }

    /// Takes a request for the account of this name. The answer depends on how often was asked, under the name and from the address, and on
    /// nothing else: a full queue drops the request with a line in the log.
    pub async fn ask(&self, typed: &str, origin: &Origin) -> Result<(), SignInError> {
        let identity = &self.inner.identity;
        let typed: String = typed.trim().chars().take(LONGEST_NAME).collect();
        let (throttle, now) = (&identity.inner.forgotten, identity.inner.clock.monotonic());
        let suspect = throttle.suspect(&typed, origin.peer);
        if let Err(wait) = throttle.check(suspect, now) {
            identity.record_unsent(&typed, "throttled", origin).await?;
            return Err(sign_in::throttled(wait));
        }
        throttle.failed(suspect, now);
        let Ok(place) = Arc::clone(&self.inner.queue).try_acquire_owned() else {
            tracing::warn!(peer = %origin.peer, "a request for a link by mail was dropped: too many wait already");
            return Ok(());
        };
        let (inner, origin) = (Arc::clone(&self.inner), origin.clone());
        self.inner.tasks.spawn("a link by mail", async move {
            let stopping = inner.tasks.stopping();
            tokio::select! {
                () = inner.answer(&typed, &origin) => {}
                () = stopping => {}
            }
            drop(place);
        });
        Ok(())
    }
}

impl Inner {
    async fn answer(&self, typed: &str, origin: &Origin) {
        let asked = self.identity.inner.clock.now();
        match self.link(typed, origin).await {
            Ok(link) => self.send(link, asked, origin).await,
            Err(error @ (IdentityError::NoSuch { .. } | IdentityError::NotActive | IdentityError::NotByMail(_))) => {
                let reason = match error {
                    IdentityError::NoSuch { .. } => "no-such-account",
                    IdentityError::NotByMail(why) => why,
                    _ => "account-not-active",
                };
                if let Err(error) = self.identity.record_unsent(typed, reason, origin).await {
                    tracing::warn!(%error, "a refused request for a link by mail could not be recorded");
                }
            }
            Err(error) => tracing::error!(%error, "a link by mail could not be made"),
        }
    }

    async fn link(&self, typed: &str, origin: &Origin) -> Result<MailedLink, IdentityError> {
        let account = self.identity.account_named(typed)?;
        let none = || IdentityError::NoSuch { kind: "account", name: typed.to_owned() };
        let claimed = Actor::Anonymous { claimed: Some(typed.to_owned()) };
        self.identity.issue_mailed_link(&claimed, account.ok_or_else(none)?.id, origin).await
    }

    async fn send(&self, link: MailedLink, asked: Timestamp, origin: &Origin) {
        let letter = self.letter(&link, asked, origin);
        let Err(error) = self.mailer.deliver(&letter).await else { return };
        tracing::warn!(%error, account = %link.name, "a link by mail could not be sent, and counts no more");
        let withdrawn = self.identity.withdraw_mailed_link(&link, &error.to_string(), error.side()).await;
        if let Err(error) = withdrawn {
            tracing::error!(%error, "a link that could not be sent was not taken back; it ends within the hour");
        }
    }

    fn letter(&self, link: &MailedLink, asked: Timestamp, origin: &Origin) -> Letter {
        let (Place { appliance, host }, MailedLink { name, .. }) = (&self.place, link);
        let (peer, secret) = (origin.peer, link.secret.expose());
        let text = format!(
            "Somebody asked for a new password for the account {name} at {appliance}.\n\
             They asked from the address {peer}, at {asked}.\n\
             \n\
             To choose a new password, open this link within an hour. It counts once.\n\
             \n\
             https://{host}/reset/{secret}\n\
             \n\
             The link sets the password and nothing else: your second factor stays what it is.\n\
             \n\
             If it was not you, do nothing: your password stays what it is. Tell your administrator if this comes again.\n"
        );
        let subject = format!("A new password for {name} at {appliance}");
        Letter { to: link.to.clone(), subject, text: Secret::new(text) }
    }
}

impl Identity {
    /// Records a request after which no mail was sent.
    async fn record_unsent(&self, typed: &str, reason: &str, origin: &Origin) -> Result<(), IdentityError> {
        let claimed = Actor::Anonymous { claimed: Some(typed.to_owned()) };
        let entry = Entry::new(claimed, "account.reset-mail").outcome(Outcome::Refused).reason(reason);
        let entry = entry.side(Side::Workstation).peer(origin.peer).detail("agent", &origin.agent);
        self.record_bounded(entry, true, origin.peer).await
    }
}

/// Requests and mails that wait at once.
const QUEUE: usize = 64;
/// In characters: no name is longer.
const LONGEST_NAME: usize = 64;
