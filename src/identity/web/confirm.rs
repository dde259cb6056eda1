//! Proving again to be there, before something sensitive: the session goes on under another cookie.

use super::records::{Origin, WebSession};
use super::sessions::{self, Visit};
use crate::audit::Entry;
use crate::domain::Secret;
use crate::identity::Identity;
use crate::identity::error::{IdentityError, SignInError};
use crate::identity::factors::{self, Proven, RelyingParty};
use crate::identity::generated::Kind;
use crate::identity::records::Account;
use crate::identity::web::Begun;
use crate::store::Change;

impl Identity {
    /// The person of this visit gives the password again. From then on [`Visit::is_confirmed`] for a while, and the
    /// session has another cookie: the former one opens nothing any more.
    pub async fn confirm(&self, visit: &Visit, password: &Secret, origin: &Origin) -> Result<Begun, SignInError> {
        let given = self.web_password(visit.principal.name.as_str(), password, origin).await;
        let own = given.and_then(|account| {
            if account.id == visit.principal.account { Ok((account, None)) } else { Err(SignInError::Wrong) }
        });
        self.confirmed(visit, own, origin).await
    }

    /// Asks for one of the person's passkeys, instead of the password; nothing where they have none for this name.
    pub fn confirm_asks_for_passkey(
        &self,
        visit: &Visit,
        party: &RelyingParty,
    ) -> Result<Option<(Secret, serde_json::Value)>, SignInError> {
        let ticket = Kind::Ticket.generate().map_err(IdentityError::from)?;
        let hash = self.secret_hash(Kind::Ticket, &ticket);
        let asked = self.ask_for_passkey(visit.principal.account, hash, party)?;
        Ok(asked.map(|options| (ticket, options)))
    }

    /// The same as [`Identity::confirm`] by what the browser answered to [`Identity::confirm_asks_for_passkey`]: the device has
    /// looked who holds it.
    pub async fn confirm_by_passkey(
        &self,
        visit: &Visit,
        ticket: &Secret,
        shown: &str,
        origin: &Origin,
    ) -> Result<Begun, SignInError> {
        let own = self.own_passkey(visit, ticket, shown);
        self.confirmed(visit, own, origin).await
    }

    fn own_passkey(
        &self,
        visit: &Visit,
        ticket: &Secret,
        shown: &str,
    ) -> Result<(Account, Option<Proven>), SignInError> {
        let id = visit.principal.account;
        let proven = self.passkey_shown(id, self.secret_hash(Kind::Ticket, ticket), shown)?;
        // As it was at the sign-in: what changed since then asks for another sign-in.
        let account = self.account_by_id(id)?.filter(|account| account.generation == visit.session.generation);
        Ok((account.ok_or(SignInError::Passkey)?, Some(proven)))
    }

    /// Lets the session go on for whoever proved to be there, and writes down who did not.
    async fn confirmed(
        &self,
        visit: &Visit,
        own: Result<(Account, Option<Proven>), SignInError>,
        origin: &Origin,
    ) -> Result<Begun, SignInError> {
        let outcome = match own {
            Ok((account, proven)) => self.go_on_as(visit, account, proven, origin).await,
            Err(error) => Err(error),
        };
        if let Err(error) = &outcome {
            self.record_refused(visit.principal.name.as_str(), error, origin).await?;
        }
        outcome
    }

    async fn go_on_as(
        &self,
        visit: &Visit,
        account: Account,
        proven: Option<Proven>,
        origin: &Origin,
    ) -> Result<Begun, SignInError> {
        let cookie = Kind::WebSession.generate().map_err(IdentityError::from)?;
        let hash = self.secret_hash(Kind::WebSession, &cookie);
        let (key, now) = ((account.id, visit.session.id), self.inner.clock.now());
        let by = if proven.is_some() { "passkey" } else { "password" };
        let rotate = move |state: &mut Change<'_>| {
            if let Some(proven) = &proven {
                factors::accept_passkey(state, account.id, proven, now)?;
            }
            let session = sessions::kept(state, key)?;
            let gone = || IdentityError::NoSuch { kind: "web session of this account", name: key.1.to_string() };
            Ok(sessions::go_on(state, session.ok_or_else(gone)?, &account, hash, now)?)
        };
        let entry = |session: &WebSession| {
            let entry = Entry::new(visit.actor(), "web.confirm").peer(origin.peer);
            entry.detail("web_session", session.id).detail("by", by)
        };
        let session = self.change(rotate, entry).await?;
        Ok(Begun { cookie, session })
    }
}
