//! Databases: aliases added, found, pointed elsewhere, removed.

use super::error::EstateError;
use super::records::{Aliases, Database, Databases, Grants, Servers};
use super::{Dependents, Estate};
use crate::audit::{Actor, Entry};
use crate::domain::{DatabaseId, Event, Name, ServerId};
use crate::store::{Change, prefix};

impl Estate {
    /// Adds an alias for database `name` on a server.
    pub async fn add_database(
        &self,
        actor: &Actor,
        alias: Name,
        server: ServerId,
        name: String,
    ) -> Result<Database, EstateError> {
        check(&name)?;
        let (id, created) = (DatabaseId::random(), self.inner.clock.now());
        let database = Database { id, alias, server, name, revision: 1, created };
        let insert = move |state: &mut Change<'_>| {
            known_server(state, server)?;
            if state.read::<Aliases>(&database.alias.folded())?.is_some() {
                return Err(EstateError::NameTaken(database.alias.to_string()));
            }
            state.put::<Aliases>(&database.alias.folded(), &database.id)?;
            state.put::<Databases>(&database.id, &database)?;
            Ok(database.clone())
        };
        let database = self.change(insert, entry(actor, "database.add")).await?;
        self.publish(Event::DatabaseChanged(database.id));
        Ok(database)
    }

    /// Every database, by alias.
    pub fn databases(&self) -> Result<Vec<Database>, EstateError> {
        let mut databases: Vec<Database> = self.inner.store.scan::<Databases>()?.into_iter().map(|(_, d)| d).collect();
        databases.sort_by_key(|database| database.alias.folded());
        Ok(databases)
    }

    /// The database with this alias or id.
    pub fn database(&self, alias_or_id: &str) -> Result<Database, EstateError> {
        let by_alias = self.inner.store.read::<Aliases>(&crate::domain::name::fold(alias_or_id))?;
        let id = by_alias.or_else(|| alias_or_id.parse().ok());
        let found = id.map(|id| self.inner.store.read::<Databases>(&id)).transpose()?.flatten();
        found.ok_or_else(|| EstateError::NoSuch { kind: "database", name: alias_or_id.to_owned() })
    }

    /// Points an alias at another server or another name there. Sessions through it end; new ones go to the new place. Where it
    /// points there already, they go on.
    pub async fn retarget(
        &self,
        actor: &Actor,
        id: DatabaseId,
        server: ServerId,
        name: String,
    ) -> Result<Database, EstateError> {
        check(&name)?;
        let alter = move |state: &mut Change<'_>| {
            known_server(state, server)?;
            let mut database = state.read::<Databases>(&id)?.ok_or_else(|| no_such(id))?;
            if (database.server, &database.name) != (server, &name) {
                (database.server, database.name) = (server, name.clone());
                database.revision = database.revision.saturating_add(1);
                state.put::<Databases>(&id, &database)?;
            }
            Ok(database)
        };
        let database = self.change(alter, entry(actor, "database.retarget")).await?;
        self.publish(Event::DatabaseChanged(id));
        Ok(database)
    }

    /// Removes an alias; the database itself stays as it is.
    pub async fn remove_database(
        &self,
        actor: &Actor,
        id: DatabaseId,
        dependents: Dependents,
    ) -> Result<Database, EstateError> {
        let remove = move |state: &mut Change<'_>| {
            let database = state.read::<Databases>(&id)?.ok_or_else(|| no_such(id))?;
            let events = remove_database(state, &database, dependents)?;
            Ok((database, events))
        };
        let entry = |(database, events): &(Database, Vec<Event>)| {
            let entry = Entry::new(actor.clone(), "database.remove").subject(database.alias.as_str());
            entry.detail("with-it", events.len().saturating_sub(1).to_string())
        };
        let (database, events) = self.change(remove, entry).await?;
        events.into_iter().for_each(|event| self.publish(event));
        Ok(database)
    }
}

/// Removes a database and, if told to, its grants; tells what that changed.
pub(super) fn remove_database(
    state: &mut Change<'_>,
    database: &Database,
    dependents: Dependents,
) -> Result<Vec<Event>, EstateError> {
    let grants = state.scan_prefix::<Grants>(&prefix(&database.id))?;
    if dependents == Dependents::Refuse && !grants.is_empty() {
        let what = format!("database {}", database.alias);
        return Err(EstateError::InUse { what, count: grants.len(), by: "grants" });
    }
    let mut events = vec![Event::DatabaseChanged(database.id)];
    for (key, grant) in grants {
        state.remove::<Grants>(&key)?;
        events.push(Event::GrantRemoved(grant.id));
    }
    state.remove::<Aliases>(&database.alias.folded())?;
    state.remove::<Databases>(&database.id)?;
    Ok(events)
}

fn known_server(state: &Change<'_>, id: ServerId) -> Result<(), EstateError> {
    match state.read::<Servers>(&id)? {
        Some(_) => Ok(()),
        None => Err(EstateError::NoSuch { kind: "server", name: id.to_string() }),
    }
}

/// SQL Server's identifiers have 1 to 128 UTF-16 code units.
fn check(name: &str) -> Result<(), EstateError> {
    let length = name.encode_utf16().count();
    if length == 0 || length > 128 || name.chars().any(char::is_control) {
        return Err(EstateError::Invalid("a database's name at the server has 1 to 128 characters"));
    }
    Ok(())
}

fn entry(actor: &Actor, action: &'static str) -> impl Fn(&Database) -> Entry {
    move |database| {
        let entry = Entry::new(actor.clone(), action).subject(database.alias.as_str());
        entry.detail("server", database.server.to_string()).detail("database", database.name.as_str())
    }
}

fn no_such(id: DatabaseId) -> EstateError {
    EstateError::NoSuch { kind: "database", name: id.to_string() }
}
