//! What a person has that is signed in with the own account, and its end at the person's own word.
//!
//! Whoever visits gets at what is their account's and at nothing else: what is another's is not there for them.

use super::error::IdentityError;
use super::records::{Device, Devices, Pass, Passes, Token, Tokens};
use super::web::Visit;
use super::{Identity, oauth};
use crate::domain::{AccountId, DeviceId, PassId, ProgramId, TokenId, WebSessionId};

impl Identity {
    /// The devices that act for an account, by name.
    pub fn devices_of(&self, account: AccountId) -> Result<Vec<Device>, IdentityError> {
        let mut devices = self.devices()?;
        devices.retain(|device| device.account == account);
        Ok(devices)
    }

    /// The passes of an account that count, oldest first.
    pub fn passes_of(&self, account: AccountId) -> Result<Vec<Pass>, IdentityError> {
        let (mut passes, now) = (self.passes()?, self.inner.clock.now());
        passes.retain(|pass| pass.account == account && now < pass.expires);
        Ok(passes)
    }

    /// The API tokens of an account that count, oldest first.
    pub fn tokens_of(&self, account: AccountId) -> Result<Vec<Token>, IdentityError> {
        let (mut tokens, now) = (self.tokens()?, self.inner.clock.now());
        tokens.retain(|token| token.account == account && now < token.expires);
        Ok(tokens)
    }

    /// Revokes one of the person's own devices.
    pub async fn revoke_own_device(&self, visit: &Visit, id: DeviceId) -> Result<Device, IdentityError> {
        let owner = self.inner.store.read::<Devices>(&id)?.map(|device| device.account);
        is_own(visit, owner, "device", &id)?;
        self.revoke_device(&visit.actor(), id).await
    }

    /// Revokes one of the person's own passes.
    pub async fn revoke_own_pass(&self, visit: &Visit, id: PassId) -> Result<Pass, IdentityError> {
        let owner = self.inner.store.read::<Passes>(&id)?.map(|pass| pass.account);
        is_own(visit, owner, "pass", &id)?;
        self.revoke_pass(&visit.actor(), id).await
    }

    /// Revokes one of the person's own API tokens.
    pub async fn revoke_own_token(&self, visit: &Visit, id: TokenId) -> Result<Token, IdentityError> {
        let owner = self.inner.store.read::<Tokens>(&id)?.map(|token| token.account);
        is_own(visit, owner, "token", &id)?;
        self.revoke_token(&visit.actor(), id).await
    }

    /// Puts a program out that the person let in.
    pub async fn revoke_own_program(&self, visit: &Visit, id: ProgramId) -> Result<oauth::Program, IdentityError> {
        self.revoke_program(&visit.actor(), visit.principal.account, id).await
    }

    /// Ends one of the person's own web sessions, this one or another.
    pub async fn end_own_web_session(&self, visit: &Visit, id: WebSessionId) -> Result<(), IdentityError> {
        self.end_web_session(&visit.actor(), visit.principal.account, id).await
    }

    /// Ends every other web session of the person. Says how many.
    pub async fn end_other_web_sessions(&self, visit: &Visit) -> Result<usize, IdentityError> {
        self.end_web_sessions(&visit.actor(), visit.principal.account, Some(visit.session.id)).await
    }
}

/// What is another's is as if it were not there. A thing never changes its owner, so looking before the change is early enough.
fn is_own(
    visit: &Visit,
    owner: Option<AccountId>,
    kind: &'static str,
    id: &impl ToString,
) -> Result<(), IdentityError> {
    let own = owner == Some(visit.principal.account);
    if own { Ok(()) } else { Err(IdentityError::NoSuch { kind, name: id.to_string() }) }
}
