//! Grants: given, found, taken away.

use super::Estate;
use super::error::EstateError;
use super::records::{Databases, Grant, Grantee, Grants};
use crate::audit::{Actor, Entry};
use crate::domain::{AccessLevel, DatabaseId, Event, GrantId, Name, Secret};
use crate::store::{Change, prefix};

/// A grant to be made.
#[derive(Debug, Clone)]
pub struct NewGrant {
    /// To whom; whether they exist is the caller's to know.
    pub grantee: Grantee,
    /// Of which database.
    pub database: DatabaseId,
    /// How far it reaches.
    pub access: AccessLevel,
    /// The user name of the SQL login that realises it.
    pub login_user: String,
    /// The SQL login's password.
    pub login_password: Secret,
}

impl Estate {
    /// Grants a database.
    pub async fn add_grant(&self, actor: &Actor, new: NewGrant) -> Result<Grant, EstateError> {
        check(&new)?;
        let id = GrantId::random();
        let grant = Grant {
            id,
            grantee: new.grantee,
            database: new.database,
            access: new.access,
            login_password: self.inner.store.seal(&Grant::purpose(id), &new.login_password)?,
            login_user: new.login_user,
            created: self.inner.clock.now(),
        };
        let insert = move |state: &mut Change<'_>| {
            let database = state.read::<Databases>(&grant.database)?;
            let database = database.ok_or_else(|| no_such("database", grant.database.to_string()))?;
            let others = state.scan_prefix::<Grants>(&prefix(&grant.database))?;
            if others.iter().any(|(_, other)| other.grantee == grant.grantee) {
                return Err(EstateError::AlreadyGranted);
            }
            state.put::<Grants>(&(grant.database, grant.id), &grant)?;
            Ok((grant.clone(), database.alias))
        };
        let entry =
            |(grant, alias): &(Grant, Name)| entry(actor, "grant.add", grant).detail("database", alias.as_str());
        let (grant, _) = self.change(insert, entry).await?;
        self.publish(Event::GrantChanged(grant.id));
        Ok(grant)
    }

    /// Every grant, oldest first.
    pub fn grants(&self) -> Result<Vec<Grant>, EstateError> {
        let mut grants: Vec<Grant> = self.inner.store.scan::<Grants>()?.into_iter().map(|(_, grant)| grant).collect();
        grants.sort_by_key(|grant| (grant.created, grant.id));
        Ok(grants)
    }

    /// Takes a grant away.
    pub async fn remove_grant(&self, actor: &Actor, id: GrantId) -> Result<Grant, EstateError> {
        let remove = move |state: &mut Change<'_>| {
            let found = state.scan::<Grants>()?.into_iter().find(|(_, grant)| grant.id == id);
            let (key, grant) = found.ok_or_else(|| no_such("grant", id.to_string()))?;
            state.remove::<Grants>(&key)?;
            Ok(grant)
        };
        let entry = |grant: &Grant| entry(actor, "grant.remove", grant).detail("database", grant.database.to_string());
        let grant = self.change(remove, entry).await?;
        self.publish(Event::GrantRemoved(id));
        Ok(grant)
    }

    /// Takes away every grant of an account or group that is gone. Tells how many there were.
    pub async fn forget_grantee(&self, actor: &Actor, grantee: Grantee) -> Result<usize, EstateError> {
        let none = move || no_such("grant", grantee_id(grantee));
        let remove = move |state: &mut Change<'_>| {
            let mut removed = Vec::new();
            for (key, grant) in state.scan::<Grants>()?.into_iter().filter(|(_, grant)| grant.grantee == grantee) {
                state.remove::<Grants>(&key)?;
                removed.push(grant.id);
            }
            if removed.is_empty() { Err(none()) } else { Ok(removed) }
        };
        let entry = |removed: &Vec<GrantId>| {
            let entry = Entry::new(actor.clone(), "grant.remove-all").subject(grantee_id(grantee));
            entry.detail("count", removed.len())
        };
        let removed = match self.change(remove, entry).await {
            // Nothing to do is nothing to record.
            Err(EstateError::NoSuch { .. }) => return Ok(0),
            other => other?,
        };
        let count = removed.len();
        removed.into_iter().for_each(|id| self.publish(Event::GrantRemoved(id)));
        Ok(count)
    }
}

fn check(new: &NewGrant) -> Result<(), EstateError> {
    let user = new.login_user.encode_utf16().count();
    if user == 0 || user > 128 || new.login_user.chars().any(char::is_control) {
        return Err(EstateError::Invalid("a SQL login's name has 1 to 128 characters"));
    }
    let password = new.login_password.expose().encode_utf16().count();
    if password == 0 || password > 128 {
        return Err(EstateError::Invalid("a SQL login's password has 1 to 128 characters"));
    }
    Ok(())
}

/// The audit does not say the SQL login's name: who reads the audit need not know it.
fn entry(actor: &Actor, action: &'static str, grant: &Grant) -> Entry {
    let entry = Entry::new(actor.clone(), action).subject(grant.id.to_string());
    entry.detail("grantee", grantee_id(grant.grantee)).detail("access", grant.access.as_str())
}

fn grantee_id(grantee: Grantee) -> String {
    match grantee {
        Grantee::Account(id) => id.to_string(),
        Grantee::Group(id) => id.to_string(),
    }
}

fn no_such(kind: &'static str, name: String) -> EstateError {
    EstateError::NoSuch { kind, name }
}
