//! A new passkey of somebody who is signed in.

use webauthn_rs::prelude::{Passkey, RegisterPublicKeyCredential, Uuid};

use super::{Asked, Challenge, RelyingParty, answer, options, refused};
use crate::domain::Secret;
use crate::identity::Identity;
use crate::identity::error::IdentityError;
use crate::identity::error::{FactorError, SignInError};
use crate::identity::factors::records::Means;
use crate::identity::factors::recovery::RecoveryCodes;
use crate::identity::generated::Kind;
use crate::identity::web::Visit;

impl Identity {
    /// Begins to add a passkey. The ticket goes into the form, the options to the browser.
    pub fn start_passkey(
        &self,
        visit: &Visit,
        party: &RelyingParty,
    ) -> Result<(Secret, serde_json::Value), FactorError> {
        let (account, name) = (visit.principal.account, visit.principal.name.as_str());
        let known = self.passkeys(account, party).map_err(IdentityError::from)?;
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
        let ticket = Kind::Ticket.generate().map_err(IdentityError::from)?;
        let challenge = Challenge { party: party.clone(), asked: Asked::Add(Box::new(state)) };
        let now = self.inner.clock.monotonic();
        self.inner.factors.challenges.insert(self.secret_hash(Kind::Ticket, &ticket), account, challenge, now);
        Ok((ticket, options))
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
        let (hash, now) = (self.secret_hash(Kind::Ticket, ticket), self.inner.clock.monotonic());
        let challenge = self.inner.factors.challenges.take(hash, now);
        let Some(Challenge { party, asked: Asked::Add(state) }) = challenge else {
            return Err(SignInError::TooLate.into());
        };
        let ceremonies = party.ceremonies(&self.inner.factors.issuer)?;
        let made: RegisterPublicKeyCredential = answer(made)?;
        let key = ceremonies.finish_passkey_registration(&made, &state).map_err(|error| refused(&error))?;
        let account = visit.principal.account;
        let known = self.passkeys(account, &party).map_err(IdentityError::from)?;
        if known.iter().any(|(_, other)| other.cred_id() == key.cred_id()) {
            return Err(SignInError::Passkey.into());
        }
        let means = Means::Passkey { party: party.0, key: kept(&key)? };
        let (new, codes) = self.new_factor(account, means, label)?;
        let counts = self.add_factor(visit, new).await?;
        Ok(counts.then_some(codes))
    }
}

/// As it is stored. Devices choose how long the name of a key is: one that takes more room than any known one is refused.
fn kept(key: &Passkey) -> Result<serde_json::Value, SignInError> {
    let value = options(key)?;
    if value.to_string().len() <= LARGEST { Ok(value) } else { Err(SignInError::Passkey) }
}

/// In bytes, of JSON: with the rest of a factor it stays below what the store takes.
const LARGEST: usize = 3000;
