//! What can go wrong: when a login is routed, and when the estate is changed.

use crate::audit::AuditError;
use crate::domain::{NameError, Side};
use crate::store::StoreError;

/// Why a login leads to no database.
#[derive(Debug, thiserror::Error)]
pub enum RouteError {
    /// No database has that alias. The workstation's side.
    #[error("there is no database {alias:?}")]
    UnknownAlias {
        /// What the login named.
        alias: String,
    },
    /// The account was not granted the database. The operator's side.
    #[error("the database {alias:?} is not granted to this account")]
    NoGrant {
        /// The alias.
        alias: String,
    },
    /// The login named no database, the account has no default, and not just one is granted. The workstation's side.
    #[error("the login names no database, and there is none to take by default ({granted} are granted)")]
    NoDefault {
        /// How many databases are granted.
        granted: usize,
    },
    /// The state cannot be read. The appliance's side.
    #[error("the state could not be read")]
    Unavailable(#[from] StoreError),
}

impl RouteError {
    /// What the person at the workstation is told. Who lacks a grant does not learn whether the database exists.
    pub fn text(&self) -> String {
        match self {
            Self::UnknownAlias { alias } | Self::NoGrant { alias } => {
                format!("Cannot open database \"{alias}\" requested by the login. Ask your administrator for access.")
            }
            Self::NoDefault { granted: 0 } => "No database is granted to this account. Ask your administrator.".into(),
            Self::NoDefault { .. } => "Name the database to connect to: this account has several.".into(),
            Self::Unavailable(_) => "Gatehouse cannot look up databases now. Try again in a moment.".into(),
        }
    }

    /// The reason in the audit.
    pub fn audit_reason(&self) -> &'static str {
        match self {
            Self::UnknownAlias { .. } => "unknown-database",
            Self::NoGrant { .. } => "no-grant",
            Self::NoDefault { .. } => "no-default-database",
            Self::Unavailable(_) => "unavailable",
        }
    }

    /// Whose side it is on.
    pub fn side(&self) -> Side {
        match self {
            Self::UnknownAlias { .. } | Self::NoDefault { .. } => Side::Workstation,
            Self::NoGrant { .. } => Side::Operator,
            Self::Unavailable(_) => Side::Appliance,
        }
    }
}

/// Why the estate was not changed.
#[derive(Debug, thiserror::Error)]
pub enum EstateError {
    /// Nothing has that name or id. The operator's side.
    #[error("there is no {kind} {name:?}")]
    NoSuch {
        /// What was looked for.
        kind: &'static str,
        /// The name or id.
        name: String,
    },
    /// The name is taken. The operator's side.
    #[error("the name {0:?} is taken")]
    NameTaken(String),
    /// Not a name. The operator's side.
    #[error(transparent)]
    Name(#[from] NameError),
    /// Something depends on it. The operator's side.
    #[error("{what} is still in use (by {by}: {count}); remove them first, or ask for all of it to go")]
    InUse {
        /// What was to be removed.
        what: String,
        /// How many depend on it.
        count: usize,
        /// What they are.
        by: &'static str,
    },
    /// The grantee has a grant of this database already. The operator's side.
    #[error("this account or group has a grant of this database already; remove it first")]
    AlreadyGranted,
    /// An address, a database name or a SQL login that cannot be one. The operator's side.
    #[error("{0}")]
    Invalid(&'static str),
    /// The state cannot be read or written. The appliance's side.
    #[error("the state could not be read or written")]
    Store(#[from] StoreError),
    /// The audit could not be written, so nothing was changed. The appliance's side.
    #[error("nothing was changed, because the audit could not be written")]
    Audit(#[from] AuditError),
}

impl EstateError {
    /// Whose side it is on.
    pub fn side(&self) -> Side {
        match self {
            Self::Store(_) | Self::Audit(_) => Side::Appliance,
            _ => Side::Operator,
        }
    }
}
