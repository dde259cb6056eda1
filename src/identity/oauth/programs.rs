//! Programs that people let in: the record, its tokens by their hashes, and what puts one out.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::clients;
use super::codes::Consent;
use super::dpop::Thumbprint;
use super::rotation::Unused;
use crate::audit::{Actor, Entry};
use crate::domain::{AccountId, Credential, Event, Name, ProgramId, Scopes, Timestamp};
use crate::identity::generated::Kind;
use crate::identity::records::{Account, Accounts, SecretHash};
use crate::identity::sign_in::{Owned, Renewed};
use crate::identity::web::Origin;
use crate::identity::{Identity, IdentityError};
use crate::store::{self, Change, StoreError, prefix};

/// A program that a person let in.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Program {
    /// Its id.
    pub id: ProgramId,
    /// For whom it acts.
    pub account: AccountId,
    /// Its client.
    pub client: String,
    /// What the client was called then.
    pub client_name: Name,
    /// What it may do.
    pub scopes: Scopes,
    /// The key that its refresh tokens are bound to, where it showed one.
    pub(super) key: Option<Thumbprint>,
    /// The account's generation then.
    pub(super) generation: u64,
    /// When it was let in.
    pub created: Timestamp,
    /// When it last refreshed its access.
    pub used: Timestamp,
    /// From which address it last asked for tokens.
    pub peer: std::net::IpAddr,
    /// What it called itself then.
    pub agent: String,
    /// What all its refresh tokens have in common.
    pub(super) family: SecretHash,
    /// The one that counts, as long as there is nothing unused.
    pub(super) refresh: SecretHash,
    /// What was given for it, and not used yet. Programs of former versions have none.
    #[serde(default)]
    pub(super) unused: Option<Unused>,
    /// Its access tokens that count, with their ends.
    pub(super) access: Vec<(SecretHash, Timestamp)>,
}

/// An access token, as it is kept.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Access {
    pub(super) account: AccountId,
    pub(super) program: ProgramId,
    pub(super) expires: Timestamp,
}

/// The tokens of one answer, by their hashes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Fresh {
    pub(super) family: SecretHash,
    pub(super) refresh: SecretHash,
    pub(super) access: SecretHash,
    pub(super) now: Timestamp,
    pub(super) expires: Timestamp,
}

store::tables! {
    /// Programs, by account.
    Programs = "oauth-programs": (AccountId, ProgramId) => Program;
    /// Access tokens.
    AccessTokens = "oauth-access-tokens": SecretHash => Access;
    /// Whose a refresh token is, by what all of the program's have in common.
    Families = "oauth-families": SecretHash => (AccountId, ProgramId);
}

impl Identity {
    /// The programs that an account let in, the one used last first.
    pub fn programs(&self, account: AccountId) -> Result<Vec<Program>, IdentityError> {
        let Some(owner) = self.account_by_id(account)? else { return Ok(Vec::new()) };
        let programs = self.inner.store.scan_prefix::<Programs>(&prefix(&account))?;
        let programs = programs.into_iter().map(|(_, program)| program);
        let mut live: Vec<Program> = programs.filter(|program| self.is_live_program(&owner, program)).collect();
        live.sort_by_key(|program| (std::cmp::Reverse(program.used), program.id));
        Ok(live)
    }

    /// Puts a program out: by its person, or by an administrator. Its tokens count no more, and its sessions end.
    pub async fn revoke_program(
        &self,
        actor: &Actor,
        account: AccountId,
        id: ProgramId,
    ) -> Result<Program, IdentityError> {
        let revoke = move |state: &mut Change<'_>| {
            let program = state.read::<Programs>(&(account, id))?;
            let program = program
                .ok_or_else(|| IdentityError::NoSuch { kind: "program of this account", name: id.to_string() })?;
            remove(state, &program)?;
            Ok(program)
        };
        let program: Program = self.change(revoke, |program| about(actor.clone(), "program.revoke", program)).await?;
        self.publish(Event::ProgramRevoked(id));
        Ok(program)
    }

    /// The program, if it still counts.
    pub(in crate::identity) fn live_program(
        &self,
        account: &Account,
        id: ProgramId,
    ) -> Result<Option<Program>, StoreError> {
        let program = self.inner.store.read::<Programs>(&(account.id, id))?;
        Ok(program.filter(|program| self.is_live_program(account, program)))
    }

    fn is_live_program(&self, account: &Account, program: &Program) -> bool {
        let idle = self.inner.clock.now().since(program.used);
        account.generation == program.generation && idle < self.inner.oauth.idle_limit
    }

    /// What an access token belongs to.
    pub(in crate::identity) fn find_program(&self, hash: SecretHash) -> Result<Option<Owned>, StoreError> {
        let (store, now) = (&self.inner.store, self.inner.clock.now());
        let Some(access) = store.read::<AccessTokens>(&hash)?.filter(|access| now < access.expires) else {
            return Ok(None);
        };
        let Some(account) = store.read::<Accounts>(&access.account)? else { return Ok(None) };
        let Some(program) = self.live_program(&account, access.program)? else { return Ok(None) };
        let renewed = program.is_unused(hash).then_some(Renewed::Program(account.id, program.id, hash));
        let (credential, scopes) = (Credential::Program(program.id), program.scopes);
        Ok(Some(Owned { account: account.id, credential, expires: None, device: None, scopes, renewed }))
    }
}

/// Lets a program in within a change. An account that has as many as it may loses the one used least lately: which, is told.
pub(super) fn let_in(
    state: &mut Change<'_>,
    consent: &Consent,
    client_name: &Name,
    key: Option<Thumbprint>,
    origin: &Origin,
    fresh: Fresh,
) -> Result<(Program, Vec<ProgramId>), IdentityError> {
    if !clients::is_registered(state, &consent.client)? {
        // It was removed since the person said yes.
        return Err(IdentityError::NoSuch { kind: "client", name: consent.client.clone() });
    }
    let account = state.read::<Accounts>(&consent.account)?;
    let account = account.filter(|account| account.generation == consent.generation && account.enabled);
    let account = account.filter(|account| !account.has_ended(fresh.now)).ok_or(IdentityError::NotActive)?;
    let mut others = of(state, account.id)?;
    others.sort_by_key(|program| std::cmp::Reverse((program.used, program.id)));
    let surplus = others.split_off(others.len().min(MOST_PROGRAMS - 1));
    surplus.iter().try_for_each(|program| remove(state, program))?;
    let mut program = Program {
        id: consent.program,
        account: account.id,
        client: consent.client.clone(),
        client_name: client_name.clone(),
        scopes: consent.scopes.clone(),
        key,
        generation: account.generation,
        created: fresh.now,
        used: fresh.now,
        peer: origin.peer,
        agent: origin.agent.clone(),
        family: fresh.family,
        refresh: fresh.refresh,
        unused: None,
        access: Vec::new(),
    };
    state.put::<Families>(&fresh.family, &(account.id, program.id))?;
    give(state, &mut program, fresh)?;
    Ok((program, surplus.into_iter().map(|program| program.id).collect()))
}

/// Gives a program its access token, and keeps it. Access tokens that are over, and more than it needs, go.
pub(super) fn give(state: &mut Change<'_>, program: &mut Program, fresh: Fresh) -> Result<(), StoreError> {
    let (mut kept, mut over): (Vec<_>, Vec<_>) =
        std::mem::take(&mut program.access).into_iter().partition(|(_, expires)| fresh.now < *expires);
    let surplus = kept.len().saturating_sub(MOST_ACCESS - 1);
    over.extend(kept.drain(..surplus));
    for (hash, _) in over {
        state.remove::<AccessTokens>(&hash)?;
    }
    kept.push((fresh.access, fresh.expires));
    (program.access, program.used) = (kept, fresh.now);
    let access = Access { account: program.account, program: program.id, expires: fresh.expires };
    state.put::<AccessTokens>(&fresh.access, &access)?;
    state.put::<Programs>(&(program.account, program.id), program)
}

/// Removes a program with its tokens.
pub(super) fn remove(state: &mut Change<'_>, program: &Program) -> Result<(), StoreError> {
    state.remove::<Programs>(&(program.account, program.id))?;
    state.remove::<Families>(&program.family)?;
    for (hash, _) in &program.access {
        state.remove::<AccessTokens>(hash)?;
    }
    Ok(())
}

/// Removes the programs of a client that is removed. Says which.
pub(super) fn forget_client(state: &mut Change<'_>, client: &str) -> Result<Vec<Program>, StoreError> {
    let mut programs: Vec<Program> = state.scan::<Programs>()?.into_iter().map(|(_, program)| program).collect();
    programs.retain(|program| program.client == client);
    programs.iter().try_for_each(|program| remove(state, program))?;
    Ok(programs)
}

/// Removes the programs of an account.
pub(in crate::identity) fn forget(state: &mut Change<'_>, account: AccountId) -> Result<(), StoreError> {
    of(state, account)?.iter().try_for_each(|program| remove(state, program))
}

/// Removes the programs of an account that did not refresh for too long, and the access tokens that are over.
pub(in crate::identity) fn sweep(
    state: &mut Change<'_>,
    account: AccountId,
    idle_limit: Duration,
    now: Timestamp,
) -> Result<(), StoreError> {
    for mut program in of(state, account)? {
        if now.since(program.used) >= idle_limit {
            remove(state, &program)?;
            continue;
        }
        let (kept, over): (Vec<_>, Vec<_>) = program.access.iter().partition(|(_, expires)| now < *expires);
        for (hash, _) in &over {
            state.remove::<AccessTokens>(hash)?;
        }
        if !over.is_empty() {
            program.access = kept;
            state.put::<Programs>(&(account, program.id), &program)?;
        }
    }
    Ok(())
}

fn of(state: &Change<'_>, account: AccountId) -> Result<Vec<Program>, StoreError> {
    Ok(state.scan_prefix::<Programs>(&prefix(&account))?.into_iter().map(|(_, program)| program).collect())
}

/// What the audit says of a program.
pub(super) fn about(actor: Actor, action: &'static str, program: &Program) -> Entry {
    Entry::new(actor, action)
        .subject(program.client_name.as_str())
        .detail("program", program.id)
        .detail("account", program.account)
        .detail("scopes", &program.scopes)
}

/// What refresh tokens of one program are found by: the first half of each, which they share.
pub(super) fn family_hash(identity: &Identity, token: &crate::domain::Secret) -> SecretHash {
    let half = crate::identity::generated::family_of(token);
    SecretHash(identity.inner.store.keyed_hash("identity.oauth-family", half.as_bytes()))
}

/// The hash of a token of this kind.
pub(super) fn hash(identity: &Identity, kind: Kind, token: &crate::domain::Secret) -> SecretHash {
    identity.secret_hash(kind, token)
}

const MOST_PROGRAMS: usize = 50;
const MOST_ACCESS: usize = 6;
