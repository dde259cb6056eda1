//! A new passkey: of somebody who is signed in, or who has to have a second factor on the way in.

use webauthn_rs::prelude::{Passkey, RegisterPublicKeyCredential, Uuid};

use super::{Asked, Challenge, RelyingParty, answer, options, refused};
use crate::domain::{AccountId, Secret};
use crate::identity::Identity;
use crate::identity::error::IdentityError;
use crate::identity::error::{FactorError, SignInError};
use crate::identity::factors::records::Means;
use crate::identity::factors::recovery::RecoveryCodes;
use crate::identity::generated::Kind;
use crate::identity::records::SecretHash;
use crate::identity::web::Visit;

impl Identity {
    /// Begins to add a passkey. The ticket goes into the form, the options to the browser.
    pub fn start_passkey(
        &self,
        visit: &Visit,
        party: &RelyingParty,
    ) -> Result<(Secret, serde_json::Value), FactorError> {
        let ticket = Kind::Ticket.generate().map_err(IdentityError::from)?;
        let hash = self.secret_hash(Kind::Ticket, &ticket);
        let (account, name) = (visit.principal.account, visit.principal.name.as_str());
        Ok((ticket, self.ask_for_new_passkey(account, name, hash, party)?))
    }

    /// Asks for a new passkey of an account. The answer comes under the same ticket.
    pub(in crate::identity) fn ask_for_new_passkey(
        &self,
        account: AccountId,
        name: &str,
        ticket: SecretHash,
        party: &RelyingParty,
    ) -> Result<serde_json::Value, SignInError> {
        let known = self.passkeys(account, party)?;
        let known = known.iter().map(|(_, key)| key.cred_id().clone()).collect();
        let handle = Uuid::from_bytes(*account.as_bytes());
        let ceremonies = party.ceremonies(&self.inner.factors.issuer)?;
        let asked = ceremonies.start_passkey_registration(handle, name, name, Some(known));
        let (asked, state) = asked.map_err(|error| refused(&error))?;
        let mut options = options(&asked)?;
        // A device that can is asked to find it by itself later: then it signs in without a name.
        if let Some(selection) =
            options.pointer_mut("/publicKey/authenticatorSelection").and_then(|s| s.as_object_mut())
        {
            selection.insert("residentKey".to_owned(), "preferred".into());
        }
        let challenge = Challenge { party: party.clone(), asked: Asked::Add(Box::new(state)) };
        self.inner.factors.challenges.insert(ticket, account, challenge, self.inner.clock.monotonic());
        Ok(options)
    }

    /// Adds the passkey that the browser made. The recovery codes are in the answer, and nowhere else, when it is the first factor.
    pub async fn finish_passkey(
        &self,
        visit: &Visit,
        ticket: &Secret,
        made: &str,
        label: &str,
    ) -> Result<Option<RecoveryCodes>, FactorError> {
        let outcome = self.add_passkey(visit, ticket, made, label).await;
        if let Err(FactorError::Proof(error)) = &outcome {
            self.record_no_factor(visit, error).await?;
        }
        outcome
    }

    async fn add_passkey(
        &self,
        visit: &Visit,
        ticket: &Secret,
        made: &str,
        label: &str,
    ) -> Result<Option<RecoveryCodes>, FactorError> {
        let account = visit.principal.account;
        let means = self.passkey_made(account, self.secret_hash(Kind::Ticket, ticket), made)?;
        let (new, codes) = self.new_factor(account, means, label)?;
        let counts = self.add_factor(visit, new).await?;
        Ok(counts.then_some(codes))
    }

    /// The passkey that answers what [`Identity::ask_for_new_passkey`] asked. Of two answers, one counts.
    pub(in crate::identity) fn passkey_made(
        &self,
        account: AccountId,
        ticket: SecretHash,
        made: &str,
    ) -> Result<Means, SignInError> {
        let challenge = self.inner.factors.challenges.take(ticket, self.inner.clock.monotonic());
        let Some(Challenge { party, asked: Asked::Add(state) }) = challenge else { return Err(SignInError::TooLate) };
        let ceremonies = party.ceremonies(&self.inner.factors.issuer)?;
        let made: RegisterPublicKeyCredential = answer(made)?;
        let key = ceremonies.finish_passkey_registration(&made, &state).map_err(|error| refused(&error))?;
        if self.passkeys(account, &party)?.iter().any(|(_, other)| other.cred_id() == key.cred_id()) {
            return Err(SignInError::Passkey);
        }
        Ok(Means::Passkey { party: party.0, key: kept(&key)? })
    }
}

/// As it is stored. Devices choose how long the name of a key is: one that takes more room than any known one is refused.
fn kept(key: &Passkey) -> Result<serde_json::Value, SignInError> {
    let value = options(key)?;
    if value.to_string().len() <= LARGEST { Ok(value) } else { Err(SignInError::Passkey) }
}

/// In bytes, of JSON: with the rest of a factor it stays below what the store takes.
const LARGEST: usize = 3000;
