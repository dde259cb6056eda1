//! Signing in: a password, or a secret that the appliance made.
//!
//! A password is throttled, looked for in the memory, and else hashed once for all who present it at this moment. An
//! unknown name, a device's name and an account without a password cost that same hash. A generated secret is found
//! by its keyed hash; nobody can guess one, so a right one is let in whatever the counts say, and only a wrong one
//! meets the throttle.

use std::net::IpAddr;

use super::Identity;
use super::error::{IdentityError, SignInError};
use super::generated::Kind;
use super::hasher::Function;
use super::memory::Claim;
use super::password::compared_form;
use super::records::{
    Account, Accounts, Device, Devices, Passes, PasswordRecord, SecretHash, SecretOwner, Secrets, Tokens,
};
use super::throttle::Suspect;
use crate::domain::name::fold;
use crate::domain::{AccountId, Credential, DeviceId, Principal, ProgramId, Scope, Scopes, Secret, Timestamp};
use crate::store::{Change, StoreError};

/// What somebody shows to be let in.
#[derive(Debug, Clone)]
pub enum Presented {
    /// A name with a secret: the account's password, or a pass, a device's secret, or a token, told by its first characters.
    Password {
        /// The name as it was typed.
        name: String,
        /// The secret.
        secret: Secret,
    },
    /// An access token alone.
    Token(Secret),
}

impl Identity {
    /// Signs in. What is wrong with an account is told only to who has its secret.
    pub async fn sign_in(&self, presented: Presented, peer: IpAddr) -> Result<Principal, SignInError> {
        match presented {
            Presented::Token(secret) => {
                let kind = Kind::of(secret.expose()).filter(|kind| *kind == Kind::Access).unwrap_or(Kind::Token);
                self.by_generated(kind, None, &secret, peer).await
            }
            Presented::Password { name, secret } => match Kind::of(secret.expose()) {
                Some(kind) => self.by_generated(kind, Some(&name), &secret, peer).await,
                None => self.by_password(&name, &secret, peer).await,
            },
        }
    }

    async fn by_password(&self, name: &str, secret: &Secret, peer: IpAddr) -> Result<Principal, SignInError> {
        let (account, suspect) = self.proven(name, secret, peer).await?;
        let principal = self.admit(account, Credential::Password, None, peer)?;
        self.inner.throttle.succeeded(suspect, self.inner.clock.monotonic());
        Ok(principal)
    }

    /// The account whose password this is, whether it may sign in or not; and whom a success would be counted for.
    pub(super) async fn proven(
        &self,
        name: &str,
        secret: &Secret,
        peer: IpAddr,
    ) -> Result<(Account, Suspect), SignInError> {
        let inner = &self.inner;
        let suspect = inner.throttle.suspect(name, peer);
        let now = inner.clock.monotonic();
        inner.throttle.check(suspect, now).map_err(throttled)?;
        if secret.expose().len() > LONGEST_PRESENTED {
            inner.throttle.failed(suspect, now);
            return Err(SignInError::Wrong);
        }
        let password = compared_form(secret);
        let (account, folded) = (self.account_named(name)?, fold(name));
        let claim = match &account {
            Some(account) => Claim::Account(account.id, account.generation),
            None => Claim::Nobody(&folded),
        };
        let mark = inner.memory.mark(claim, &password);
        let remembered = account.as_ref().is_some_and(|account| inner.memory.knows(account.id, mark, now));
        if !remembered {
            let verify = self.verify(account.clone(), password, suspect);
            if !inner.memory.once(mark, verify).await? {
                return Err(SignInError::Wrong);
            }
        }
        // Hashing took its time: what was right for a former password is wrong by now.
        let before = account.ok_or(SignInError::Wrong)?;
        let account = inner.store.read::<Accounts>(&before.id)?.ok_or(SignInError::Wrong)?;
        if account.generation != before.generation {
            return Err(SignInError::Wrong);
        }
        if !remembered {
            inner.memory.remember(account.id, mark, inner.clock.monotonic());
        }
        Ok((account, suspect))
    }

    /// Computes a hash, when a place is free, and counts the failure before the place is given to the next: so a burst of
    /// guesses gets no further than one after the other would.
    async fn verify(&self, account: Option<Account>, password: Secret, suspect: Suspect) -> Result<bool, SignInError> {
        let (identity, id) = (self.clone(), account.as_ref().map(|account| account.id));
        let record = account.and_then(|account| account.password);
        let stored = record.clone();
        let work = move |function: &Function| {
            let (throttle, clock) = (&identity.inner.throttle, &identity.inner.clock);
            throttle.check(suspect, clock.monotonic()).map_err(throttled)?;
            let stored = stored.as_ref().map(|record| record.0.as_str());
            if !function.verify(&password, stored) {
                throttle.failed(suspect, clock.monotonic());
                return Ok((false, None));
            }
            let outdated = stored.is_some_and(|record| function.is_outdated(record));
            Ok::<_, SignInError>((true, outdated.then(|| function.record(&password).ok()).flatten()))
        };
        let (right, renewed) = self.inner.hasher.run(work).await??;
        if let (Some(id), Some(old), Some(new)) = (id, record, renewed) {
            self.renew_record(id, old, PasswordRecord(new)).await;
        }
        Ok(right)
    }

    /// Keeps a record made with today's parameters, unless the password changed meanwhile. Signing in does not depend on it.
    async fn renew_record(&self, id: AccountId, old: PasswordRecord, new: PasswordRecord) {
        let renew = move |state: &mut Change<'_>| {
            if let Some(mut account) = state.read::<Accounts>(&id)?.filter(|account| account.password == Some(old)) {
                account.password = Some(new);
                state.put::<Accounts>(&id, &account)?;
            }
            Ok::<_, StoreError>(())
        };
        if let Err(error) = self.inner.store.change(renew).await {
            tracing::warn!(%error, account = %id, "a password record could not be renewed");
        }
    }

    /// Signs in to the gateway by a secret that the appliance made.
    async fn by_generated(
        &self,
        expected: Kind,
        name: Option<&str>,
        secret: &Secret,
        peer: IpAddr,
    ) -> Result<Principal, SignInError> {
        let (found, suspect) = self.found(expected, name, secret, peer)?;
        if !found.scopes.contains(Scope::Sql) {
            return Err(SignInError::Scope);
        }
        let renewed = found.renewed;
        let principal = self.admit(found.account, found.credential, found.expires, peer)?;
        if let Some(renewed) = renewed {
            self.settle(renewed).await?;
        }
        self.inner.throttle.succeeded(suspect, self.inner.clock.monotonic());
        Ok(principal)
    }

    /// A secret was used for the first time: what it takes the place of counts no more.
    pub(super) async fn settle(&self, renewed: Renewed) -> Result<(), IdentityError> {
        match renewed {
            Renewed::Device(id, used) => self.settle_device(id, used).await,
            Renewed::Program(account, id, used) => self.settle_program((account, id), used).await,
        }
    }

    /// What a generated secret belongs to; a wrong one meets the throttle.
    pub(super) fn found(
        &self,
        expected: Kind,
        name: Option<&str>,
        secret: &Secret,
        peer: IpAddr,
    ) -> Result<(Found, Suspect), SignInError> {
        let (throttle, now) = (&self.inner.throttle, self.inner.clock.monotonic());
        let found = match Kind::of(secret.expose()) {
            Some(kind) if kind == expected => self.find(kind, name, secret)?,
            _ => None,
        };
        let Some(found) = found else {
            let suspect = throttle.suspect(name.unwrap_or_default(), peer);
            throttle.check(suspect, now).map_err(throttled)?;
            throttle.failed_with_generated(suspect, now);
            return Err(SignInError::Wrong);
        };
        if !found.device.as_ref().is_none_or(|device| device.may_come_from(peer)) {
            return Err(SignInError::Address);
        }
        let suspect = throttle.suspect(name.unwrap_or(found.account.name.as_str()), peer);
        Ok((found, suspect))
    }

    /// What a generated secret belongs to, if it goes with the name.
    pub(super) fn find(&self, kind: Kind, name: Option<&str>, secret: &Secret) -> Result<Option<Found>, StoreError> {
        let (store, hash) = (&self.inner.store, self.secret_hash(kind, secret));
        let found = if kind == Kind::Access { self.find_program(hash)? } else { self.find_owner(hash)? };
        let Some(Owned { account, credential, expires, device, scopes, renewed }) = found else { return Ok(None) };
        let Some(account) = store.read::<Accounts>(&account)? else { return Ok(None) };
        // A device signs in under its own name, everything else under its account's.
        let goes_with = match (credential, &device) {
            (Credential::Device(_), Some(device)) => device.name.folded(),
            _ => account.name.folded(),
        };
        let fits = name.is_none_or(|name| fold(name) == goes_with);
        Ok(fits.then_some(Found { account, credential, expires, device, scopes, renewed }))
    }

    fn find_owner(&self, hash: SecretHash) -> Result<Option<Owned>, StoreError> {
        let store = &self.inner.store;
        let Some(owner) = store.read::<Secrets>(&hash)? else { return Ok(None) };
        Ok(match owner {
            SecretOwner::Device(id) => store.read::<Devices>(&id)?.map(|device| Owned {
                account: device.account,
                credential: Credential::Device(id),
                expires: None,
                renewed: (device.next == Some(hash)).then_some(Renewed::Device(id, hash)),
                device: Some(device),
                scopes: Scopes::of([Scope::Sql, Scope::WorkstationConfig]),
            }),
            SecretOwner::Pass(id) => match store.read::<Passes>(&id)? {
                None => None,
                Some(pass) => Some(Owned {
                    account: pass.account,
                    credential: Credential::Pass(id),
                    expires: Some(pass.expires),
                    device: pass.device.map(|id| store.read::<Devices>(&id)).transpose()?.flatten(),
                    scopes: Scopes::sql(),
                    renewed: None,
                }),
            },
            SecretOwner::Token(id) => store.read::<Tokens>(&id)?.map(|token| Owned {
                account: token.account,
                credential: Credential::Token(id),
                expires: Some(token.expires),
                device: None,
                scopes: token.scopes,
                renewed: None,
            }),
        })
    }

    /// The principal of an account whose secret was right, at the gateway.
    fn admit(
        &self,
        account: Account,
        credential: Credential,
        expires: Option<Timestamp>,
        peer: IpAddr,
    ) -> Result<Principal, SignInError> {
        let password_allowed = account.password_at_gateway;
        let principal = self.principal(account, credential, expires, peer)?;
        if credential == Credential::Password && !password_allowed {
            return Err(SignInError::PasswordNotAllowed);
        }
        if !self.may_come_from(principal.account, &principal.groups, peer, principal.signed_in)? {
            return Err(SignInError::Address);
        }
        Ok(principal)
    }

    /// The principal of an account that may sign in now.
    pub(super) fn principal(
        &self,
        account: Account,
        credential: Credential,
        expires: Option<Timestamp>,
        peer: IpAddr,
    ) -> Result<Principal, SignInError> {
        let now = self.inner.clock.now();
        if !account.enabled {
            return Err(SignInError::Disabled);
        }
        let expires = account.expires.into_iter().chain(expires).min();
        if expires.is_some_and(|expires| expires <= now) {
            return Err(SignInError::Expired);
        }
        Ok(Principal {
            account: account.id,
            groups: self.groups_of(account.id)?,
            name: account.name,
            role: account.role,
            credential,
            default_database: account.default_database,
            expires,
            generation: account.generation,
            peer,
            signed_in: now,
        })
    }
}

/// What a secret belongs to, and for what it is.
pub(super) struct Found {
    pub(super) account: Account,
    pub(super) credential: Credential,
    pub(super) expires: Option<Timestamp>,
    pub(super) scopes: Scopes,
    pub(super) device: Option<Device>,
    /// Where it was not used before, and others count until it is.
    pub(super) renewed: Option<Renewed>,
}

/// A secret that takes the place of others when it is used for the first time.
#[derive(Debug, Clone, Copy)]
pub(super) enum Renewed {
    /// The next secret of a device.
    Device(DeviceId, SecretHash),
    /// The access token of a program that refreshed its access.
    Program(AccountId, ProgramId, SecretHash),
}

/// The same by ids.
pub(super) struct Owned {
    pub(super) account: AccountId,
    pub(super) credential: Credential,
    pub(super) expires: Option<Timestamp>,
    pub(super) device: Option<Device>,
    pub(super) scopes: Scopes,
    pub(super) renewed: Option<Renewed>,
}

pub(super) fn throttled(retry_after: std::time::Duration) -> SignInError {
    SignInError::Throttled { retry_after }
}

/// In bytes: more than the longest password has in any script.
const LONGEST_PRESENTED: usize = 1024;

#[cfg(test)]
mod tests {
    use argon2::{Argon2, Params, PasswordHasher as _};

    use super::super::NewAccount;
    use super::*;
    use crate::audit::{Actor, Audit};
    use crate::domain::{Events, Name};
    use crate::platform::ManualClock;
    use crate::store::{Store, StoreOptions};

    #[tokio::test]
    async fn a_record_made_with_former_parameters_is_renewed_at_sign_in_and_ends_no_session() {
        let folder = tempfile::tempdir().unwrap();
        let clock = ManualClock::starting_at(Timestamp::from_millis(0));
        let options = StoreOptions {
            folder: folder.path().join("store"),
            master_key_file: folder.path().join("master.key"),
            tables: super::super::tables(),
            clock: clock.clone(),
        };
        let (store, _) = Store::open(options).unwrap();
        let audit = Audit::open(&folder.path().join("audit"), clock.clone()).unwrap();
        let settings = crate::config::Config::default();
        let identity = Identity::open(store.clone(), audit, clock, Events::new(), &settings).unwrap();
        let new = NewAccount::member(Name::parse("ada").unwrap());
        let mut account = identity.add_account(&Actor::Console, new).await.unwrap();

        let former = Argon2::from(Params::new(64, 1, 1, None).unwrap());
        let record = former.hash_password(b"kestrel ferry oxide 71").unwrap().to_string();
        account.password = Some(PasswordRecord(record.clone()));
        let (id, changed) = (account.id, account.clone());
        store.change(move |state| state.put::<Accounts>(&id, &changed)).await.unwrap();

        let sign_in = |secret: &str| {
            let presented = Presented::Password { name: "ada".into(), secret: Secret::new(secret) };
            identity.sign_in(presented, IpAddr::from([192, 0, 2, 1]))
        };
        assert!(sign_in("not that one either").await.is_err());
        assert_eq!(identity.account("ada").unwrap().password, account.password, "a wrong password renews nothing");
        let principal = sign_in("kestrel ferry oxide 71").await.unwrap();
        let renewed = identity.account("ada").unwrap();
        let PasswordRecord(text) = renewed.password.unwrap();
        assert!(text.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{text}");
        assert_eq!(renewed.generation, principal.generation);
        assert!(identity.still_valid(&principal));
        identity.inner.memory.forget(id);
        assert!(sign_in("kestrel ferry oxide 71").await.is_ok(), "the new record is of the same password");
    }
}
