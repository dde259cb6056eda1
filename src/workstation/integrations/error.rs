//! Why a service beside the databases was not kept as asked.

use crate::audit::AuditError;
use crate::domain::Side;
use crate::store::StoreError;

/// Why it was not done.
#[derive(Debug, thiserror::Error)]
pub enum IntegrationError {
    /// Nothing has that name or id. The operator's side.
    #[error("there is no integration {0:?}")]
    NoSuch(String),
    /// The name is taken. The operator's side.
    #[error("the name {0:?} is taken")]
    NameTaken(String),
    /// There are as many as there can be. The operator's side.
    #[error("there are {0} integrations already, which is the most; remove one first")]
    TooMany(usize),
    /// No group, or too many. The operator's side.
    #[error("name 1 to {0} groups, or everybody")]
    Groups(usize),
    /// It is in somebody's own words, which are not looked at. The operator's side.
    #[error("{0:?} is in your own words: there is nothing to check")]
    NothingToCheck(String),
    /// One of its values cannot be one. The operator's side.
    #[error("{what}: {why}")]
    Invalid {
        /// Which value.
        what: &'static str,
        /// What is wrong with it.
        why: String,
    },
    /// The state cannot be read or written. The appliance's side.
    #[error("the state could not be read or written")]
    Store(#[from] StoreError),
    /// The audit could not be written, so nothing was changed. The appliance's side.
    #[error("nothing was changed, because the audit could not be written")]
    Audit(#[from] AuditError),
}

impl IntegrationError {
    /// Whose side it is on.
    pub fn side(&self) -> Side {
        match self {
            Self::Store(_) | Self::Audit(_) => Side::Appliance,
            _ => Side::Operator,
        }
    }
}
