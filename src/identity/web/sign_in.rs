//! The stages of a sign-in on the web.

use super::records::{Origin, WebSession};
use crate::audit::{Actor, Entry, Outcome};
use crate::domain::{Event, Secret, WebSessionId};
use crate::identity::error::{IdentityError, SignInError};
use crate::identity::records::{Account, Accounts};
use crate::identity::{Identity, web};
use crate::store::Change;

/// What a sign-in has come to, and so what the page asks for next.
#[derive(Debug)]
pub enum Step {
    /// The person is signed in.
    Done(Begun),
}

/// A session that has begun.
#[derive(Debug)]
pub struct Begun {
    /// What goes into the cookie, and is told nowhere else.
    pub cookie: Secret,
    /// The session; [`WebSession::previous`] is the sign-in before it.
    pub session: WebSession,
}

impl Identity {
    /// The first stage: a name and its password. Costs the same for a name that is not there, and says the same.
    pub async fn web_sign_in(&self, name: &str, password: &Secret, origin: &Origin) -> Result<Step, SignInError> {
        let outcome = self.web_password(name, password, origin).await;
        if let Err(error) = &outcome {
            self.record_refused(name, error, origin).await?;
        }
        let account = outcome?;
        self.begin_web_session(account, origin).await.map(Step::Done)
    }

    /// The account of a name and its password, if it may sign in on the web.
    pub(super) async fn web_password(
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

    async fn begin_web_session(&self, account: Account, origin: &Origin) -> Result<Begun, SignInError> {
        let opening = self.opening(origin).map_err(IdentityError::from)?;
        let (id, generation, begin) = (account.id, account.generation, opening.clone());
        let begin = move |state: &mut Change<'_>| {
            // What was right for the account as it was then is wrong by now.
            let account = state.read::<Accounts>(&id)?.filter(|account| account.generation == generation);
            let account = account.ok_or(IdentityError::NotActive)?;
            let (session, ended) = web::open(state, &account, &begin, false)?;
            Ok((account, session, ended))
        };
        let entry = |(account, session, _): &(Account, WebSession, Vec<WebSessionId>)| signed_in(account, session);
        let (_, session, ended) = self.change(begin, entry).await?;
        ended.iter().for_each(|id| self.publish(Event::WebSessionEnded(*id)));
        Ok(Begun { cookie: opening.secret, session })
    }

    /// Writes down who was refused, and why.
    pub(in crate::identity) async fn record_refused(
        &self,
        name: &str,
        error: &SignInError,
        origin: &Origin,
    ) -> Result<(), SignInError> {
        let cheap = matches!(error, SignInError::Throttled { .. } | SignInError::Busy);
        let mut entry = Entry::new(Actor::Anonymous { claimed: Some(name.to_owned()) }, "web.sign-in")
            .outcome(Outcome::Refused)
            .reason(error.audit_reason())
            .side(error.side())
            .peer(origin.peer)
            .detail("agent", &origin.agent);
        if cheap {
            match self.inner.web.refusals.to_write(origin.peer, self.inner.clock.monotonic()) {
                None => return Ok(()),
                Some(0) => {}
                Some(unwritten) => entry = entry.detail("repeated", unwritten),
            }
        }
        Ok(self.inner.audit.record(entry).await.map_err(IdentityError::from)?)
    }
}

fn signed_in(account: &Account, session: &WebSession) -> Entry {
    let actor = Actor::Account { id: account.id, name: account.name.clone() };
    Entry::new(actor, "web.sign-in")
        .peer(session.peer)
        .detail("web_session", session.id)
        .detail("second_factor", session.second_factor)
        .detail("agent", &session.agent)
}
