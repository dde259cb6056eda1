//! The stages of a sign-in on the web: the password; then, where the account has a second factor, its code, or, where
//! it must have one and has none, a new one; then the session. What waits between two stages opens nothing.

use std::net::IpAddr;

use super::pending::Pending;
use super::records::{Origin, WebSession};
use crate::audit::{Actor, Entry, Outcome};
use crate::domain::{AccountId, Event, Secret, Side, Timestamp, WebSessionId};
use crate::identity::error::{IdentityError, SignInError};
use crate::identity::factors::{self, Candidates, Enrolment, NewFactor, Proven, RecoveryCodes, TotpSecret};
use crate::identity::generated::Kind;
use crate::identity::records::{Account, Accounts};
use crate::identity::{Identity, web};
use crate::store::Change;

/// What a sign-in has come to, and so what the page asks for next.
#[derive(Debug)]
pub enum Step {
    /// The person is signed in.
    Done(Begun),
    /// The second factor is asked for: [`Identity::web_code`] takes it, with the ticket, until this time.
    Code {
        /// Goes into the form, or a cookie of the form's path.
        ticket: Secret,
        /// How long it counts.
        until: Timestamp,
    },
    /// The account must have a second factor and has none: this is shown, and [`Identity::web_enrol`] takes the first code.
    Enrol {
        /// Goes into the form.
        ticket: Secret,
        /// How long it counts.
        until: Timestamp,
        /// What the app is set up with.
        enrolment: Enrolment,
    },
}

/// What a ticket is for, to show the page of its stage again.
#[derive(Debug)]
pub enum Asks {
    /// A code of the second factor.
    Code,
    /// The first code of a new authenticator app.
    Enrol(Enrolment),
}

/// A session that has begun.
#[derive(Debug)]
pub struct Begun {
    /// What goes into the cookie, and is told nowhere else.
    pub cookie: Secret,
    /// The session; [`WebSession::previous`] is the sign-in before it.
    pub session: WebSession,
}

/// By what a session begins, besides the password.
#[derive(Clone)]
pub(super) enum Second {
    None,
    Code(Candidates),
    New(Box<NewFactor>),
    Passkey(Box<Proven>),
    PasskeyAlone(Box<Proven>),
}

/// What a change that began a session tells.
struct Opened {
    account: Account,
    session: WebSession,
    ended: Vec<WebSessionId>,
    by: &'static str,
}

impl Identity {
    /// The first stage: a name and its password. Costs the same for a name that is not there, and says the same.
    pub async fn web_sign_in(&self, name: &str, password: &Secret, origin: &Origin) -> Result<Step, SignInError> {
        let outcome = self.web_password(name, password, origin).await;
        if let Err(error) = &outcome {
            self.record_refused(name, error, origin).await?;
        }
        let account = outcome?;
        let pending = |new| Pending { account: account.id, generation: account.generation, new };
        if self.has_factor(&account)? {
            let (ticket, until) = self.wait_for(pending(None))?;
            return Ok(Step::Code { ticket, until });
        }
        if factors::is_required(self, &account)? {
            let secret = TotpSecret::generate().map_err(IdentityError::from)?;
            let enrolment = self.enrolment(&secret, account.name.as_str());
            let (ticket, until) = self.wait_for(pending(Some(secret)))?;
            return Ok(Step::Enrol { ticket, until, enrolment });
        }
        let begun = self.begin_web_session(pending(None), origin, Second::None).await?;
        Ok(Step::Done(begun))
    }

    /// What the ticket of a sign-in waits for; nothing when its time is over.
    pub fn web_asks(&self, ticket: &Secret) -> Result<Option<Asks>, IdentityError> {
        let Some(pending) = self.pending(ticket) else { return Ok(None) };
        let Some(account) = self.account_by_id(pending.account)? else { return Ok(None) };
        Ok(Some(match &pending.new {
            Some(secret) => Asks::Enrol(self.enrolment(secret, account.name.as_str())),
            None => Asks::Code,
        }))
    }

    /// The second stage: a code of the account's authenticator app, or one of its recovery codes.
    pub async fn web_code(&self, ticket: &Secret, code: &str, origin: &Origin) -> Result<Begun, SignInError> {
        let Some(pending) = self.pending(ticket).filter(|pending| pending.new.is_none()) else {
            return self.too_late(origin).await;
        };
        let code = async {
            let suspect = self.count_code(pending.account)?;
            let second = Second::Code(self.candidates(pending.account, code)?);
            let begun = self.begin_web_session(pending.clone(), origin, second).await?;
            self.code_was_right(suspect);
            Ok(begun)
        };
        let outcome = code.await;
        self.finish(ticket, &pending, &outcome, origin).await?;
        outcome
    }

    /// The second stage of who has to add a factor: the first code of the new app. The recovery codes are in the answer, and
    /// nowhere else.
    pub async fn web_enrol(
        &self,
        ticket: &Secret,
        code: &str,
        origin: &Origin,
    ) -> Result<(Begun, RecoveryCodes), SignInError> {
        self.enrol_first(ticket, origin, |account, secret| {
            let suspect = self.count_code(account)?;
            let new = self.new_totp(account, secret, code, "")?;
            self.code_was_right(suspect);
            Ok(new)
        })
        .await
    }

    /// Lets somebody in by a first factor, which `prove` makes for this account; the secret is that of the app on the page.
    pub(super) async fn enrol_first(
        &self,
        ticket: &Secret,
        origin: &Origin,
        prove: impl FnOnce(AccountId, &TotpSecret) -> Result<(NewFactor, RecoveryCodes), SignInError>,
    ) -> Result<(Begun, RecoveryCodes), SignInError> {
        let pending = self.pending(ticket);
        let Some((pending, secret)) = pending.and_then(|pending| Some((pending.clone(), pending.new?))) else {
            return self.too_late(origin).await;
        };
        let enrol = async {
            let (new, codes) = prove(pending.account, &secret)?;
            let second = Second::New(Box::new(new));
            let begun = self.begin_web_session(pending.clone(), origin, second).await?;
            self.publish(Event::FactorsChanged(pending.account));
            Ok((begun, codes))
        };
        let outcome = enrol.await;
        self.finish(ticket, &pending, &outcome, origin).await?;
        outcome
    }

    /// The account of a name and its password, if it may sign in on the web.
    pub(in crate::identity) async fn web_password(
        &self,
        name: &str,
        password: &Secret,
        origin: &Origin,
    ) -> Result<Account, SignInError> {
        let (account, suspect) = self.proven(name, password, origin.peer).await?;
        if !account.enabled {
            return Err(SignInError::Disabled);
        }
        if account.has_ended(self.inner.clock.now()) {
            return Err(SignInError::Expired);
        }
        self.inner.throttle.succeeded(suspect, self.inner.clock.monotonic());
        Ok(account)
    }

    fn wait_for(&self, pending: Pending) -> Result<(Secret, Timestamp), SignInError> {
        let ticket = Kind::Ticket.generate().map_err(IdentityError::from)?;
        let (waiting, clock) = (&self.inner.web.pending, &self.inner.clock);
        waiting.insert(self.secret_hash(Kind::Ticket, &ticket), pending.account, pending, clock.monotonic());
        Ok((ticket, clock.now().after(waiting.lifetime())))
    }

    pub(super) fn pending(&self, ticket: &Secret) -> Option<Pending> {
        self.inner.web.pending.get(self.secret_hash(Kind::Ticket, ticket), self.inner.clock.monotonic())
    }

    /// A ticket that waits for nothing: used, replaced, too old, or made up.
    pub(super) async fn too_late<T>(&self, origin: &Origin) -> Result<T, SignInError> {
        self.record_refused("", &SignInError::TooLate, origin).await?;
        Err(SignInError::TooLate)
    }

    /// After the second stage: a ticket that led to a session leads to no other, and a refusal is written down.
    pub(super) async fn finish<T>(
        &self,
        ticket: &Secret,
        pending: &Pending,
        outcome: &Result<T, SignInError>,
        origin: &Origin,
    ) -> Result<(), SignInError> {
        let Err(error) = outcome else {
            self.inner.web.pending.take(self.secret_hash(Kind::Ticket, ticket), self.inner.clock.monotonic());
            return Ok(());
        };
        let name = self.account_by_id(pending.account)?.map(|account| account.name.to_string()).unwrap_or_default();
        self.record_refused(&name, error, origin).await
    }

    pub(super) async fn begin_web_session(
        &self,
        pending: Pending,
        origin: &Origin,
        second: Second,
    ) -> Result<Begun, SignInError> {
        let opening = self.opening(origin).map_err(IdentityError::from)?;
        let (begin, now) = (opening.clone(), self.inner.clock.now());
        let begin = move |state: &mut Change<'_>| {
            // What was right for the account as it was then is wrong by now.
            let account = state.read::<Accounts>(&pending.account)?;
            let account = account.filter(|account| account.generation == pending.generation);
            let account = account.ok_or(IdentityError::NotActive)?;
            let by = match &second {
                Second::None => "none",
                Second::Code(candidates) => factors::accept(state, account.id, candidates, now)?.as_str(),
                Second::New(new) => {
                    factors::put_first(state, new)?;
                    if new.kind() == "passkey" { "new-passkey" } else { "new-totp" }
                }
                Second::Passkey(proven) => {
                    factors::accept_passkey(state, account.id, proven, now)?;
                    "passkey"
                }
                Second::PasskeyAlone(proven) => {
                    factors::accept_passkey(state, account.id, proven, now)?;
                    "passkey-alone"
                }
            };
            let (session, ended) = web::open(state, &account, &begin, !matches!(second, Second::None))?;
            Ok(Opened { account, session, ended, by })
        };
        let opened = self.change(begin, signed_in).await?;
        opened.ended.iter().for_each(|id| self.publish(Event::WebSessionEnded(*id)));
        Ok(Begun { cookie: opening.secret, session: opened.session })
    }

    /// Writes down who was refused, and why.
    pub(in crate::identity) async fn record_refused(
        &self,
        name: &str,
        error: &SignInError,
        origin: &Origin,
    ) -> Result<(), SignInError> {
        let cheap = matches!(error, SignInError::Throttled { .. } | SignInError::Busy | SignInError::TooLate);
        let entry = Entry::new(
            Actor::Anonymous { claimed: Some(name.to_owned()).filter(|name| !name.is_empty()) },
            "web.sign-in",
        )
        .outcome(Outcome::Refused)
        .reason(error.audit_reason())
        .side(error.side())
        .peer(origin.peer)
        .detail("agent", &origin.agent);
        Ok(self.record_bounded(entry, cheap, origin.peer).await?)
    }

    /// Records a request that no page or program of ours sends, or that its sender may not: where to, and what about it was
    /// wrong; not what it said.
    pub async fn record_turned_away(
        &self,
        action: &'static str,
        actor: Actor,
        (path, why): (&str, &str),
        origin: &Origin,
    ) -> Result<(), IdentityError> {
        let entry = Entry::new(actor, action).outcome(Outcome::Refused);
        let entry = entry.reason(why).side(Side::Workstation).peer(origin.peer).subject(path);
        self.record_bounded(entry.detail("agent", &origin.agent), true, origin.peer).await
    }

    /// Records an entry; one that costs its sender nothing only once a minute for its action, with the count of those before it.
    pub(in crate::identity) async fn record_bounded(
        &self,
        mut entry: Entry,
        cheap: bool,
        peer: IpAddr,
    ) -> Result<(), IdentityError> {
        if cheap {
            match self.inner.web.refusals.to_write(entry.action(), peer, self.inner.clock.monotonic()) {
                None => return Ok(()),
                Some(0) => {}
                Some(unwritten) => entry = entry.detail("repeated", unwritten),
            }
        }
        Ok(self.inner.audit.record(entry).await?)
    }
}

fn signed_in(opened: &Opened) -> Entry {
    let Opened { account, session, by, .. } = opened;
    let actor = Actor::Account { id: account.id, name: account.name.clone() };
    Entry::new(actor, "web.sign-in")
        .peer(session.peer)
        .detail("web_session", session.id)
        .detail("second_factor", by)
        .detail("agent", &session.agent)
}
