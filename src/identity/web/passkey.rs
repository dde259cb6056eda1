//! Signing in with a passkey: after the password, or alone.

use super::pending::Pending;
use super::records::Origin;
use super::sign_in::{Begun, Second};
use crate::domain::Secret;
use crate::identity::Identity;
use crate::identity::error::SignInError;
use crate::identity::factors::RelyingParty;
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

    /// The second stage: what the browser answered to [`Identity::web_asks_for_passkey`].
    pub async fn web_passkey(&self, ticket: &Secret, shown: &str, origin: &Origin) -> Result<Begun, SignInError> {
        let Some(pending) = self.pending(ticket).filter(|pending| pending.new.is_none()) else {
            return self.too_late(origin).await;
        };
        let hash = self.secret_hash(Kind::Ticket, ticket);
        let outcome = match self.passkey_shown(pending.account, hash, shown) {
            Ok(proven) => self.begin_web_session(pending.clone(), origin, Second::Passkey(Box::new(proven))).await,
            Err(error) => Err(error),
        };
        self.finish(ticket, &pending, &outcome, origin).await?;
        outcome
    }

    /// The only stage: what the browser answered to [`Identity::start_passkey_sign_in`]. The device has looked who holds it, so
    /// this is both factors.
    pub async fn web_passkey_alone(&self, ticket: &Secret, shown: &str, origin: &Origin) -> Result<Begun, SignInError> {
        let mut name = String::new();
        let outcome = self.by_passkey(ticket, shown, origin, &mut name).await;
        if let Err(error) = &outcome {
            self.record_refused(&name, error, origin).await?;
        }
        outcome
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
