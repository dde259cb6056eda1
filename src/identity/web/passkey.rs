//! Signing in with a passkey: after the password, or alone.

use super::pending::Pending;
use super::records::Origin;
use super::sign_in::{Begun, Second};
use crate::domain::Secret;
use crate::identity::Identity;
use crate::identity::error::SignInError;
use crate::identity::factors::{RecoveryCodes, RelyingParty};
use crate::identity::generated::Kind;

impl Identity {
    /// Asks for a passkey in the second stage; nothing where the account has none for this name.
    pub fn web_asks_for_passkey(
        &self,
        ticket: &Secret,
        party: &RelyingParty,
    ) -> Result<Option<serde_json::Value>, SignInError> {
        let Some(pending) = self.pending(ticket).filter(|pending| pending.new.is_none()) else { return Ok(None) };
        self.ask_for_passkey(pending.account, self.secret_hash(Kind::Ticket, ticket), party)
    }

    /// What the browser answered: to [`Identity::web_asks_for_passkey`], as the second stage, or to
    /// [`Identity::start_passkey_sign_in`], as the only one. The ticket tells which.
    pub async fn web_passkey(&self, ticket: &Secret, shown: &str, origin: &Origin) -> Result<Begun, SignInError> {
        let Some(pending) = self.pending(ticket).filter(|pending| pending.new.is_none()) else {
            return self.web_passkey_alone(ticket, shown, origin).await;
        };
        let hash = self.secret_hash(Kind::Ticket, ticket);
        let outcome = match self.passkey_shown(pending.account, hash, shown) {
            Ok(proven) => self.begin_web_session(pending.clone(), origin, Second::Passkey(Box::new(proven))).await,
            Err(error) => Err(error),
        };
        self.finish(ticket, &pending, &outcome, origin).await?;
        outcome
    }

    /// The device has looked who holds it, so this is both factors.
    async fn web_passkey_alone(&self, ticket: &Secret, shown: &str, origin: &Origin) -> Result<Begun, SignInError> {
        let mut name = String::new();
        let outcome = self.by_passkey(ticket, shown, origin, &mut name).await;
        if let Err(error) = &outcome {
            self.record_refused(&name, error, origin).await?;
        }
        outcome
    }

    /// Asks whoever must have a second factor and has none for a new passkey; nothing where this ticket waits for something else.
    pub fn web_asks_for_new_passkey(
        &self,
        ticket: &Secret,
        party: &RelyingParty,
    ) -> Result<Option<serde_json::Value>, SignInError> {
        let Some(pending) = self.pending(ticket).filter(|pending| pending.new.is_some()) else { return Ok(None) };
        let Some(account) = self.account_by_id(pending.account)? else { return Ok(None) };
        let hash = self.secret_hash(Kind::Ticket, ticket);
        self.ask_for_new_passkey(account.id, account.name.as_str(), hash, party).map(Some)
    }

    /// The second stage of who has to add a factor: the passkey that the browser made. The recovery codes are in the answer, and
    /// nowhere else.
    pub async fn web_enrol_passkey(
        &self,
        ticket: &Secret,
        made: &str,
        origin: &Origin,
    ) -> Result<(Begun, RecoveryCodes), SignInError> {
        let hash = self.secret_hash(Kind::Ticket, ticket);
        self.enrol_first(ticket, origin, |account, _| {
            let means = self.passkey_made(account, hash, made)?;
            Ok(self.new_factor(account, means, "")?)
        })
        .await
    }

    async fn by_passkey(
        &self,
        ticket: &Secret,
        shown: &str,
        origin: &Origin,
        name: &mut String,
    ) -> Result<Begun, SignInError> {
        let (account, proven) = self.any_passkey_shown(self.secret_hash(Kind::Ticket, ticket), shown)?;
        let account = self.account_by_id(account)?.ok_or(SignInError::Passkey)?;
        *name = account.name.to_string();
        if !account.enabled {
            return Err(SignInError::Disabled);
        }
        if account.has_ended(self.inner.clock.now()) {
            return Err(SignInError::Expired);
        }
        let pending = Pending { account: account.id, generation: account.generation, new: None };
        self.begin_web_session(pending, origin, Second::PasskeyAlone(Box::new(proven))).await
    }
}
