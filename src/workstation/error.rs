//! Why a workstation is not told what it asked for.

use crate::domain::Side;
use crate::estate::EstateError;
use crate::identity::IdentityError;
use crate::store::StoreError;

use super::connection::Unwritable;

/// Why a workstation is not told what it asked for.
#[derive(Debug, thiserror::Error)]
pub enum WorkstationError {
    /// What the workstation signed in with does not hold any more. The workstation's side.
    #[error("the sign-in does not hold any more; sign in again")]
    SignedOut,
    /// The name or the device is not of the account. The workstation's side.
    #[error("the device is not one of this account's")]
    OtherDevice,
    /// No pass could be made.
    #[error("no pass could be made")]
    Identity(#[from] IdentityError),
    /// What is behind the appliance could not be read.
    #[error("the databases could not be read")]
    Estate(#[from] EstateError),
    /// The appliance's own name cannot stand in a connection string. The operator's side.
    #[error("the connection strings cannot be written")]
    Unwritable(#[from] Unwritable),
    /// The state cannot be read or written. The appliance's side.
    #[error("the state could not be read or written")]
    Store(#[from] StoreError),
}

impl WorkstationError {
    /// Whose side it is on.
    pub fn side(&self) -> Side {
        match self {
            Self::SignedOut | Self::OtherDevice => Side::Workstation,
            Self::Identity(error) => error.side(),
            Self::Estate(error) => error.side(),
            Self::Unwritable(_) => Side::Operator,
            Self::Store(_) => Side::Appliance,
        }
    }
}
