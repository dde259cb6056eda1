//! SQL passes: short-lived passwords for drivers, issued to an account or to one of its devices.

use std::time::Duration;

use super::Identity;
use super::accounts::active;
use super::error::IdentityError;
use super::generated::Kind;
use super::records::{Devices, Pass, Passes, SecretOwner, Secrets};
use crate::audit::{Actor, Entry};
use crate::domain::{AccountId, DeviceId, Event, Name, PassId, Secret, Timestamp};
use crate::store::{Change, StoreError};

impl Identity {
    /// Issues a pass. It is in the answer, and nowhere else.
    pub async fn issue_pass(
        &self,
        actor: &Actor,
        account: AccountId,
        device: Option<DeviceId>,
        lifetime: Duration,
    ) -> Result<(Pass, Secret), IdentityError> {
        if !(SHORTEST_LIFE..=LONGEST_LIFE).contains(&lifetime) {
            return Err(IdentityError::Lifetime("one minute and seven days"));
        }
        let secret = Kind::Pass.generate()?;
        let (now, hash) = (self.inner.clock.now(), self.secret_hash(Kind::Pass, &secret));
        let expires = now.after(lifetime);
        let pass = Pass { id: PassId::random(), account, device, hash, created: now, expires };
        let insert = move |state: &mut Change<'_>| {
            let owner = active(state, account, now)?;
            if let Some(id) = pass.device {
                let known = state.read::<Devices>(&id)?.is_some_and(|device| device.account == account);
                if !known {
                    return Err(IdentityError::NoSuch { kind: "device of this account", name: id.to_string() });
                }
            }
            forget_old(state, now)?;
            state.put::<Passes>(&pass.id, &pass)?;
            state.put::<Secrets>(&pass.hash, &SecretOwner::Pass(pass.id))?;
            Ok((pass.clone(), owner.name))
        };
        let entry = |(pass, owner): &(Pass, Name)| {
            let entry = Entry::new(actor.clone(), "pass.issue").subject(owner.as_str());
            entry.detail("pass", pass.id.to_string()).detail("expires", pass.expires.to_string())
        };
        let (pass, _) = self.change(insert, entry).await?;
        Ok((pass, secret))
    }

    /// Every pass, also those that have ended of late, oldest first.
    pub fn passes(&self) -> Result<Vec<Pass>, IdentityError> {
        let mut passes: Vec<Pass> = self.inner.store.scan::<Passes>()?.into_iter().map(|(_, pass)| pass).collect();
        passes.sort_by_key(|pass| (pass.created, pass.id));
        Ok(passes)
    }

    /// Revokes a pass.
    pub async fn revoke_pass(&self, actor: &Actor, id: PassId) -> Result<Pass, IdentityError> {
        let revoke = move |state: &mut Change<'_>| {
            let pass = state.read::<Passes>(&id)?;
            let pass = pass.ok_or_else(|| IdentityError::NoSuch { kind: "pass", name: id.to_string() })?;
            state.remove::<Passes>(&id)?;
            state.remove::<Secrets>(&pass.hash)?;
            Ok(pass)
        };
        let entry = |pass: &Pass| {
            let entry = Entry::new(actor.clone(), "pass.revoke").subject(pass.id.to_string());
            entry.detail("account", pass.account.to_string())
        };
        let pass: Pass = self.change(revoke, entry).await?;
        self.publish(Event::PassRevoked(id));
        Ok(pass)
    }
}

/// Drops passes that ended long enough ago that nobody needs to be told "expired" any more.
fn forget_old(state: &mut Change<'_>, now: Timestamp) -> Result<(), StoreError> {
    for (id, pass) in state.scan::<Passes>()? {
        if now.since(pass.expires) > KEEP_ENDED {
            state.remove::<Passes>(&id)?;
            state.remove::<Secrets>(&pass.hash)?;
        }
    }
    Ok(())
}

const SHORTEST_LIFE: Duration = Duration::from_secs(60);
const LONGEST_LIFE: Duration = Duration::from_secs(7 * 24 * 60 * 60);
const KEEP_ENDED: Duration = Duration::from_secs(24 * 60 * 60);
