//! Forgotten passwords by mail: whoever gives an account's name gets no answer about it, and its owner gets a link.
//!
//! Names alone are taken, not mail addresses: a name is one account's, an address can be several people's (a shared mailbox). Whoever forgot
//! the name as well asks an administrator.
//!
//! What is done while the person waits is the same for every name: it is counted, and put down in the store to be looked at. Whether there is
//! such an account, whether it may sign in, has a password and an address, is found out in the background, and told to nobody; the record has
//! it. Administrators' accounts are no exception: the link sets the password and signs nobody in, so the second factor still stands.
//!
//! What was answered is not lost: a start goes on with every request that lies in the store ([`request`]). A mail that was taken just before
//! a crash is sent once more then, under the same `Message-ID`.

mod request;

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::oneshot;

pub(super) use request::{Request, Requests, sweep, tables};

use super::error::{IdentityError, SignInError};
use super::records::Account;
use super::reset::MailedLink;
use super::web::Origin;
use super::{Identity, sign_in};
use crate::audit::{Actor, Entry, Outcome};
use crate::domain::{MailAddress, MailId, Secret, Side};
use crate::notify::{Letter, MailError, Mailer};
use crate::platform::{Tasks, pool};
use crate::store::StoreError;
use crate::telemetry;

/// Where links lead to. From the settings alone: nothing that a request says gets into a mail.
#[derive(Debug, Clone)]
pub struct Place {
    /// What the appliance is called.
    pub appliance: String,
    /// Its host, with the port where it is not the usual one.
    pub host: String,
}

/// Answers requests for links by mail. Clones are handles to the same service.
#[derive(Clone)]
pub struct Forgotten {
    inner: Arc<Inner>,
}

struct Inner {
    identity: Identity,
    mailer: Mailer,
    place: Place,
    tasks: Tasks,
}

impl Forgotten {
    /// Sends by `mailer`, in the background of `tasks`, and goes on there with what lies in the store. Once for a store, before anybody asks.
    pub fn open(identity: Identity, mailer: Mailer, place: Place, tasks: Tasks) -> Result<Self, IdentityError> {
        let waiting = identity.waiting_requests()?;
        let inner = Arc::new(Inner { identity, mailer, place, tasks });
        if !waiting.is_empty() {
            tracing::info!(count = waiting.len(), "requests for links by mail waited for this start");
        }
        for (id, request) in waiting {
            let task = Arc::clone(&inner);
            inner.tasks.spawn(TASK, async move { task.answer(id, request).await });
        }
        Ok(Self { inner })
    }

    /// Takes a request for the account of this name, which is durable then. The answer depends on how often was asked, under the name and
    /// from the address, and on nothing else: where too many wait, the request is dropped with a line in the log.
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
        let (id, request) = (MailId::random(), Request::new(typed, origin, identity.inner.clock.now()));
        let (told, kept) = oneshot::channel();
        let inner = Arc::clone(&self.inner);
        // In a task of its own, since whoever asks may leave while the disk writes.
        let work = async move {
            let kept = inner.identity.keep_request(id, request.clone()).await;
            let goes_on = matches!(kept, Ok(true));
            let _ = told.send(kept);
            if goes_on {
                // The answer goes first, before anything is done that is not the same for every name.
                tokio::task::yield_now().await;
                inner.answer(id, request).await;
            }
        };
        self.inner.tasks.spawn(TASK, telemetry::within_same_request(work));
        if !kept.await.unwrap_or(Err(StoreError::Unfinished(pool::Unfinished)))? {
            tracing::warn!(peer = %origin.peer, "a request for a link by mail was dropped: too many wait already");
        }
        Ok(())
    }
}

/// How the way of a mail ended.
enum Fate {
    /// The mail server has taken it.
    Taken,
    /// It will not.
    Failed(MailError),
    /// Its link counts no more.
    Ended,
    /// The appliance stops: its next start goes on.
    Left,
}

impl Inner {
    async fn answer(&self, id: MailId, request: Request) {
        if let Err(error) = self.handle(id, request).await {
            tracing::error!(%error, "a request for a link by mail could not be handled; the next start tries again");
        }
    }

    async fn handle(&self, id: MailId, request: Request) -> Result<(), IdentityError> {
        let link = match &request.link {
            Some(link) => link.clone(),
            None => match self.link(id, &request).await {
                Ok(link) => link,
                Err(error) => return self.refuse(id, &request, error).await,
            },
        };
        let (reason, side) = match self.deliver(id, &request, &link).await? {
            Fate::Left => return Ok(()),
            Fate::Taken => {
                tracing::info!(account = %link.owner, "a link by mail was taken by the mail server");
                return self.identity.end_request(id).await;
            }
            Fate::Failed(error) => (error.to_string(), error.side()),
            Fate::Ended => ("the link counted no more before the mail could be sent".to_owned(), Side::Operator),
        };
        tracing::warn!(error = reason, account = %link.owner, "a link by mail could not be sent, and counts no more");
        self.identity.withdraw_mailed_link(id, &link, &reason, side).await
    }

    async fn link(&self, id: MailId, request: &Request) -> Result<MailedLink, IdentityError> {
        let account = self.identity.account_named(&request.typed)?;
        let none = || IdentityError::NoSuch { kind: "account", name: request.typed.clone() };
        let claimed = Actor::Anonymous { claimed: Some(request.typed.clone()) };
        self.identity.issue_mailed_link(&claimed, account.ok_or_else(none)?.id, id, request).await
    }

    /// Ends a request that gets no link, where that is what the error says.
    async fn refuse(&self, id: MailId, request: &Request, error: IdentityError) -> Result<(), IdentityError> {
        let reason = match error {
            IdentityError::NoSuch { .. } => "no-such-account",
            IdentityError::NotActive => "account-not-active",
            IdentityError::NotByMail(why) => why,
            error => return Err(error),
        };
        self.identity.record_unsent(&request.typed, reason, &request.origin()).await?;
        self.identity.end_request(id).await
    }

    /// Sends the mail of a link, with a few tries where waiting may help. A link that was used, replaced or is past its time is not sent; nor
    /// is anything to a former address.
    async fn deliver(&self, id: MailId, request: &Request, link: &MailedLink) -> Result<Fate, IdentityError> {
        let secret = self.identity.secret_of(link)?;
        let mut waits = WAITS.into_iter();
        loop {
            let Some(account) = self.identity.owner_of(link)? else { return Ok(Fate::Ended) };
            let Some(to) = account.mail.clone() else { return Ok(Fate::Ended) };
            let letter = self.letter(id, to, &account, &secret, request);
            let error = match self.mailer.send(&letter).await {
                Ok(()) => return Ok(Fate::Taken),
                Err(error) => error,
            };
            let Some(wait) = waits.next().filter(|_| error.passes()) else { return Ok(Fate::Failed(error)) };
            tracing::info!(%error, next_try_in = ?wait, "a mail is not sent yet");
            tokio::select! {
                () = self.identity.inner.clock.sleep(wait) => {}
                () = self.tasks.stopping() => return Ok(Fate::Left),
            }
        }
    }

    fn letter(&self, id: MailId, to: MailAddress, account: &Account, secret: &Secret, request: &Request) -> Letter {
        let (Place { appliance, host }, name) = (&self.place, &account.name);
        let (peer, asked, secret) = (request.origin().peer, request.asked, secret.expose());
        let text = format!(
            "Somebody asked for a new password for the account {name} at {appliance}.\n\
             They asked from the address {peer}, at {asked}.\n\
             \n\
             To choose a new password, open this link within an hour of that. It counts once.\n\
             \n\
             https://{host}/reset/{secret}\n\
             \n\
             The link sets the password and nothing else: your second factor stays what it is.\n\
             \n\
             If it was not you, do nothing: your password stays what it is. Tell your administrator if this comes again.\n"
        );
        let subject = format!("A new password for {name} at {appliance}");
        Letter { id, to, subject, text: Secret::new(text) }
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

const TASK: &str = "a link by mail";
/// In characters: no name is longer.
const LONGEST_NAME: usize = 64;
/// Between tries of one mail: some seven minutes in all, of the hour that a link counts. A start begins anew with them.
const WAITS: [Duration; 3] = [Duration::from_secs(10), Duration::from_secs(60), Duration::from_secs(300)];
