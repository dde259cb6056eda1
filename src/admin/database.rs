//! Databases, as administrators see them.

use serde::{Deserialize, Serialize};

use super::access::Need;
use super::{Admin, AdminError, AdminResponse, shown};
use crate::audit::Actor;
use crate::domain::{DatabaseId, Name};
use crate::estate::{Database, Dependents};

/// A request about databases.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DatabaseRequest {
    /// Add an alias.
    Add {
        /// The alias.
        alias: Name,
        /// The server.
        server: String,
        /// The database's name there; the alias when not given.
        name: Option<String>,
    },
    /// Point an alias elsewhere; what is not given stays.
    Retarget {
        /// The alias.
        database: String,
        /// The server.
        server: Option<String>,
        /// The database's name there.
        name: Option<String>,
    },
    /// All of them.
    List,
    /// The alias is removed; the database at the server stays.
    Remove {
        /// The alias.
        database: String,
        /// With its grants; otherwise refused while there are any.
        with_grants: bool,
    },
}

/// A database.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DatabaseView {
    /// Its id.
    pub id: DatabaseId,
    /// The alias: what workstations call it.
    pub alias: String,
    /// The server that it is on.
    pub server: String,
    /// Its name there.
    pub name: String,
    /// How many grants it has.
    pub grants: usize,
    /// When it was added.
    pub created: String,
}

impl DatabaseRequest {
    pub(super) fn need(&self) -> Need {
        if matches!(self, Self::List) { Need::Read } else { Need::Change }
    }
}

impl Admin {
    pub(super) async fn database(&self, actor: &Actor, request: DatabaseRequest) -> Result<AdminResponse, AdminError> {
        let estate = &self.estate;
        let database = match request {
            DatabaseRequest::List => {
                let databases = estate.databases()?.into_iter().map(|database| self.database_view(database));
                return Ok(AdminResponse::Databases(databases.collect::<Result<_, _>>()?));
            }
            DatabaseRequest::Add { alias, server, name } => {
                let server = estate.server(&server)?.id;
                let name = name.unwrap_or_else(|| alias.to_string());
                estate.add_database(actor, alias, server, name).await?
            }
            DatabaseRequest::Retarget { database, server, name } => {
                let database = estate.database(&database)?;
                let server = match server {
                    Some(server) => estate.server(&server)?.id,
                    None => database.server,
                };
                estate.retarget(actor, database.id, server, name.unwrap_or(database.name)).await?
            }
            DatabaseRequest::Remove { database, with_grants } => {
                let view = self.database_view(estate.database(&database)?)?;
                let dependents = if with_grants { Dependents::Remove } else { Dependents::Refuse };
                estate.remove_database(actor, view.id, dependents).await?;
                return Ok(AdminResponse::Database(view));
            }
        };
        Ok(AdminResponse::Database(self.database_view(database)?))
    }

    fn database_view(&self, database: Database) -> Result<DatabaseView, AdminError> {
        let server = self.estate.server(&database.server.to_string())?.name.to_string();
        let grants = self.estate.grants()?.iter().filter(|grant| grant.database == database.id).count();
        let (alias, created) = (database.alias.to_string(), shown(database.created));
        Ok(DatabaseView { id: database.id, alias, server, name: database.name, grants, created })
    }

    /// The database that is meant, if one is; an empty name means none.
    pub(super) fn database_named(&self, alias: Option<String>) -> Result<Option<DatabaseId>, AdminError> {
        let alias = alias.filter(|alias| !alias.is_empty());
        Ok(alias.map(|alias| self.estate.database(&alias)).transpose()?.map(|database| database.id))
    }

    /// The alias of a database, or what is left to say of one that is gone.
    pub(super) fn alias_of(&self, id: DatabaseId) -> Result<String, AdminError> {
        let found = self.estate.databases()?.into_iter().find(|database| database.id == id);
        Ok(found.map_or_else(|| format!("(gone: {id})"), |database| database.alias.to_string()))
    }
}
