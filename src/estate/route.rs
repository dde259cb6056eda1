//! Where a login goes: which database, by which grant, to which server, with which SQL login.

use super::Estate;
use super::error::RouteError;
use super::records::{Aliases, Database, Databases, Grant, Grantee, Grants, Servers};
use crate::domain::{AccessLevel, DatabaseId, GrantId, Name, Principal, Secret, ServerId};
use crate::store::{StoreError, prefix};
use crate::upstream::Target;

/// The way of one login.
#[derive(Debug, Clone)]
pub struct Route {
    /// By which grant.
    pub grant: GrantId,
    /// To which database.
    pub database: DatabaseId,
    /// Its alias.
    pub alias: Name,
    /// On which server.
    pub server: ServerId,
    /// The server's name at the appliance.
    pub server_name: Name,
    /// Where the server is.
    pub target: Target,
    /// The database's name there.
    pub database_name: String,
    /// How far the grant reaches.
    pub access: AccessLevel,
    /// What to sign in with there.
    pub login: SqlLogin,
    /// What it was made from, to tell whether that still is so.
    pub revision: Revision,
}

/// The credential at the SQL Server.
#[derive(Clone)]
pub struct SqlLogin {
    /// The user name.
    pub user: String,
    /// The password.
    pub password: Secret,
}

/// A SQL login's name is not for members' eyes, so not for logs either.
impl std::fmt::Debug for SqlLogin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SqlLogin(***)")
    }
}

/// The states of server and database that a route was made from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Revision {
    server: u64,
    database: u64,
}

impl Estate {
    /// The way of a login to the database that it names, or to the account's default: the one set for it, or else the
    /// only one that is granted. Of several grants the one with the highest access counts; of equals the account's own.
    pub fn route(&self, who: &Principal, alias: Option<&str>) -> Result<Route, RouteError> {
        let store = &self.inner.store;
        let (database, grant) = match alias.filter(|alias| !alias.is_empty()) {
            Some(alias) => {
                let unknown = || RouteError::UnknownAlias { alias: alias.to_owned() };
                let id = store.read::<Aliases>(&crate::domain::name::fold(alias))?.ok_or_else(unknown)?;
                let database = store.read::<Databases>(&id)?.ok_or_else(unknown)?;
                let grant = self.best_grant(who, id)?.ok_or(RouteError::NoGrant { alias: alias.to_owned() })?;
                (database, grant)
            }
            None => self.default_of(who)?,
        };
        let lost = || RouteError::UnknownAlias { alias: database.alias.to_string() };
        let server = store.read::<Servers>(&database.server)?.ok_or_else(lost)?;
        let password = store.unseal(&Grant::purpose(grant.id), &grant.login_password)?;
        Ok(Route {
            grant: grant.id,
            database: database.id,
            alias: database.alias,
            server: server.id,
            server_name: server.name,
            target: server.target,
            database_name: database.name,
            access: grant.access,
            login: SqlLogin { user: grant.login_user, password },
            revision: Revision { server: server.revision, database: database.revision },
        })
    }

    /// Whether the grant that the route was made from still reaches the principal, and alias and server are what they
    /// were. A grant's SQL login never changes: another one is another grant. A state that cannot be read is no.
    pub fn still_granted(&self, who: &Principal, route: &Route) -> bool {
        self.re_read(who, route).unwrap_or_else(|error| {
            tracing::error!(%error, "a grant could not be checked; it counts as taken away");
            false
        })
    }

    fn re_read(&self, who: &Principal, route: &Route) -> Result<bool, StoreError> {
        let store = &self.inner.store;
        let Some(grant) = store.read::<Grants>(&(route.database, route.grant))? else { return Ok(false) };
        let Some(database) = store.read::<Databases>(&route.database)? else { return Ok(false) };
        let Some(server) = store.read::<Servers>(&route.server)? else { return Ok(false) };
        let revision = Revision { server: server.revision, database: database.revision };
        Ok(grant.reaches(who) && database.server == route.server && revision == route.revision)
    }

    fn best_grant(&self, who: &Principal, database: DatabaseId) -> Result<Option<Grant>, StoreError> {
        let grants = self.inner.store.scan_prefix::<Grants>(&prefix(&database))?;
        let theirs = grants.into_iter().map(|(_, grant)| grant).filter(|grant| grant.reaches(who));
        let direct = |grant: &Grant| matches!(grant.grantee, Grantee::Account(_));
        // The id settles what is left, so that the same login always takes the same way.
        Ok(theirs.max_by_key(|grant| (grant.access, direct(grant), grant.id)))
    }

    fn default_of(&self, who: &Principal) -> Result<(Database, Grant), RouteError> {
        let store = &self.inner.store;
        let set = who.default_database.map(|id| store.read::<Databases>(&id)).transpose()?.flatten();
        if let Some(database) = set {
            let grant = self.best_grant(who, database.id)?;
            let grant = grant.ok_or_else(|| RouteError::NoGrant { alias: database.alias.to_string() })?;
            return Ok((database, grant));
        }
        let grants = store.scan::<Grants>()?;
        let mut granted: Vec<DatabaseId> =
            grants.iter().filter(|(_, grant)| grant.reaches(who)).map(|((database, _), _)| *database).collect();
        granted.dedup();
        let none = RouteError::NoDefault { granted: granted.len() };
        let [only] = granted.as_slice() else { return Err(none) };
        let found = store.read::<Databases>(only)?.zip(self.best_grant(who, *only)?);
        found.ok_or(none)
    }
}
