//! What the store keeps of the estate: servers, databases, grants, and the indexes of their names.

use serde::{Deserialize, Serialize};

use crate::domain::{AccessLevel, AccountId, DatabaseId, GrantId, GroupId, Name, Principal, ServerId, Timestamp};
use crate::store::{self, Sealed};
use crate::upstream::Target;

/// A SQL Server instance behind the appliance.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Server {
    /// Its id.
    pub id: ServerId,
    /// Its name, unique among servers.
    pub name: Name,
    /// Where it is, and how its certificate is believed.
    pub target: Target,
    /// Rises with each change of the target.
    pub revision: u64,
    /// When it was added.
    pub created: Timestamp,
}

/// A database alias: the name that workstations use, and what it points at.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Database {
    /// Its id.
    pub id: DatabaseId,
    /// The alias, unique among databases.
    pub alias: Name,
    /// The server that it is on.
    pub server: ServerId,
    /// Its name there.
    pub name: String,
    /// Rises with each retargeting.
    pub revision: u64,
    /// When it was added.
    pub created: Timestamp,
}

/// Who was granted a database.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Grantee {
    /// An account.
    Account(AccountId),
    /// Everybody in a group.
    Group(GroupId),
}

/// A grant: who reaches which database, how far, and through which SQL login.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Grant {
    /// Its id.
    pub id: GrantId,
    /// To whom.
    pub grantee: Grantee,
    /// Of what.
    pub database: DatabaseId,
    /// How far.
    pub access: AccessLevel,
    /// The user name of the SQL login that realises the access.
    pub login_user: String,
    /// Its password, sealed for this grant alone.
    pub login_password: Sealed,
    /// When it was made.
    pub created: Timestamp,
}

impl Grant {
    /// Whether the grant is for this principal, directly or through one of its groups.
    pub fn reaches(&self, who: &Principal) -> bool {
        match self.grantee {
            Grantee::Account(id) => id == who.account,
            Grantee::Group(id) => who.groups.contains(&id),
        }
    }

    /// What its password is sealed for.
    pub(super) fn purpose(id: GrantId) -> String {
        format!("estate.grant.{id}")
    }
}

store::tables! {
    /// Servers.
    Servers = "servers": ServerId => Server;
    /// Databases.
    Databases = "databases": DatabaseId => Database;
    /// Grants, by database and then their own id: a login asks for those of one database.
    Grants = "grants": (DatabaseId, GrantId) => Grant;
    /// Which server has a name, by its folded form.
    ServerNames = "server-names": String => ServerId;
    /// Which database has an alias, by its folded form.
    Aliases = "aliases": String => DatabaseId;
}
