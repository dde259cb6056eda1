//! A passkey that somebody shows: which one it may be, and that the answer counts once.

use std::net::IpAddr;

use webauthn_rs::prelude::{AuthenticationResult, PublicKeyCredential};

use super::{Asked, Challenge, RelyingParty, answer, options, parse, refused};
use crate::domain::{AccountId, FactorId, Secret, Timestamp};
use crate::identity::Identity;
use crate::identity::error::{IdentityError, SignInError};
use crate::identity::factors::records::{Factors, Means};
use crate::identity::generated::Kind;
use crate::identity::records::SecretHash;
use crate::store::Change;

/// A passkey that signed a challenge.
#[derive(Debug, Clone)]
pub(in crate::identity) struct Proven {
    id: FactorId,
    result: AuthenticationResult,
}

impl Identity {
    /// Asks for a passkey of an account; nothing where it has none for this name. The answer comes under the same ticket.
    pub(in crate::identity) fn ask_for_passkey(
        &self,
        account: AccountId,
        ticket: SecretHash,
        party: &RelyingParty,
    ) -> Result<Option<serde_json::Value>, SignInError> {
        let keys: Vec<_> = self.passkeys(account, party)?.into_iter().map(|(_, key)| key).collect();
        if keys.is_empty() {
            return Ok(None);
        }
        let ceremonies = party.ceremonies(&self.inner.factors.issuer)?;
        let (asked, state) = ceremonies.start_passkey_authentication(&keys).map_err(|error| refused(&error))?;
        let challenge = Challenge { party: party.clone(), asked: Asked::Known(Box::new(state)) };
        self.inner.factors.challenges.insert(ticket, account, challenge, self.inner.clock.monotonic());
        options(&asked).map(Some)
    }

    /// The passkey that answers what [`Identity::ask_for_passkey`] asked. Of two answers, one counts.
    pub(in crate::identity) fn passkey_shown(
        &self,
        account: AccountId,
        ticket: SecretHash,
        shown: &str,
    ) -> Result<Proven, SignInError> {
        let challenge = self.inner.factors.challenges.take(ticket, self.inner.clock.monotonic());
        let Some(Challenge { party, asked: Asked::Known(state) }) = challenge else { return Err(SignInError::TooLate) };
        let ceremonies = party.ceremonies(&self.inner.factors.issuer)?;
        let shown: PublicKeyCredential = answer(shown)?;
        let result = ceremonies.finish_passkey_authentication(&shown, &state).map_err(|error| refused(&error))?;
        let keys = self.passkeys(account, &party)?;
        let own = keys.iter().find(|(_, key)| key.cred_id() == result.cred_id()).ok_or(SignInError::Passkey)?;
        Ok(Proven { id: own.0.id, result })
    }

    /// Asks for whichever passkey the person has for this name, whoever it is: so nothing is told of who exists.
    pub fn start_passkey_sign_in(
        &self,
        party: &RelyingParty,
        peer: IpAddr,
    ) -> Result<(Secret, serde_json::Value), SignInError> {
        let ceremonies = party.ceremonies(&self.inner.factors.issuer)?;
        let (asked, state) = ceremonies.start_discoverable_authentication().map_err(|error| refused(&error))?;
        let ticket = Kind::Ticket.generate().map_err(IdentityError::from)?;
        let challenge = Challenge { party: party.clone(), asked: Asked::Any(Box::new(state)) };
        let (hash, now) = (self.secret_hash(Kind::Ticket, &ticket), self.inner.clock.monotonic());
        self.inner.factors.open_challenges.insert(hash, self.stranger(peer), challenge, now);
        let mut options = options(&asked)?;
        // The person pressed a button: nothing is to be offered while they type.
        options.as_object_mut().and_then(|options| options.remove("mediation"));
        Ok((ticket, options))
    }

    /// Whose passkey answers what [`Identity::start_passkey_sign_in`] asked.
    pub(in crate::identity) fn any_passkey_shown(
        &self,
        ticket: SecretHash,
        shown: &str,
    ) -> Result<(AccountId, Proven), SignInError> {
        let challenge = self.inner.factors.open_challenges.take(ticket, self.inner.clock.monotonic());
        let Some(Challenge { party, asked: Asked::Any(state) }) = challenge else { return Err(SignInError::TooLate) };
        let ceremonies = party.ceremonies(&self.inner.factors.issuer)?;
        let shown: PublicKeyCredential = answer(shown)?;
        let (handle, _) = ceremonies.identify_discoverable_authentication(&shown).map_err(|error| refused(&error))?;
        let account = AccountId::from_bytes(handle.into_bytes());
        let keys = self.passkeys(account, &party)?;
        let own = keys.iter().find(|(_, key)| key.cred_id().as_slice() == shown.raw_id.as_slice());
        let (factor, key) = own.ok_or(SignInError::Passkey)?;
        let result = ceremonies.finish_discoverable_authentication_v2(&shown, *state, key);
        Ok((account, Proven { id: factor.id, result: result.map_err(|error| refused(&error))? }))
    }

    /// Whom the challenges of people who have not said who they are count against: the network that they ask from.
    fn stranger(&self, peer: IpAddr) -> AccountId {
        let from = crate::domain::network::origin(peer).to_string();
        let hash = self.inner.store.keyed_hash("identity.stranger", from.as_bytes());
        let mut bytes = [0; 16];
        bytes.iter_mut().zip(hash).for_each(|(to, from)| *to = from);
        AccountId::from_bytes(bytes)
    }
}

/// Accepts a passkey within a change, and keeps its counter. A counter that has not risen since the answer was looked at means that
/// the key was used elsewhere meanwhile: it exists twice.
pub(in crate::identity) fn accept_passkey(
    state: &mut Change<'_>,
    account: AccountId,
    proven: &Proven,
    now: Timestamp,
) -> Result<(), IdentityError> {
    let mut factor = state.read::<Factors>(&(account, proven.id))?.ok_or(IdentityError::Passkey)?;
    let Means::Passkey { key: kept, .. } = &mut factor.means else { return Err(IdentityError::Passkey) };
    let mut key = parse(kept).ok_or(IdentityError::Passkey)?;
    let changed = key.update_credential(&proven.result).ok_or(IdentityError::Passkey)?;
    if proven.result.counter() > 0 && !changed {
        return Err(IdentityError::PasskeyCopied);
    }
    *kept = options(&key).map_err(|_| IdentityError::Passkey)?;
    factor.used = Some(now);
    Ok(state.put::<Factors>(&(account, proven.id), &factor)?)
}
