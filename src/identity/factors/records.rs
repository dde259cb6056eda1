//! What the store keeps of second factors.

use serde::{Deserialize, Serialize};

use crate::domain::{AccountId, FactorId, Timestamp};
use crate::identity::records::{Member, SecretHash};
use crate::store::{self, Change, Sealed, StoreError, prefix};

/// A second factor of an account.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Factor {
    /// Its id.
    pub id: FactorId,
    /// Whose it is.
    pub account: AccountId,
    /// What its owner calls it.
    pub label: String,
    /// When it was added.
    pub created: Timestamp,
    /// When it was last used to sign in.
    pub used: Option<Timestamp>,
    /// How it proves its owner.
    pub(in crate::identity) means: Means,
}

/// How a factor proves its owner.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub(in crate::identity) enum Means {
    /// Codes of an authenticator app.
    Totp {
        /// The secret that the app has, too: base 32, sealed.
        secret: Sealed,
        /// The time step of the last code that counted: only later ones count.
        last_step: u64,
    },
    /// A passkey.
    Passkey {
        /// The name that it is for.
        party: String,
        /// Its public key and its counter, as `webauthn-rs` writes them.
        key: serde_json::Value,
    },
}

impl Factor {
    /// The kind's name, in lists, in JSON and in the audit.
    pub fn kind(&self) -> &'static str {
        match self.means {
            Means::Totp { .. } => "totp",
            Means::Passkey { .. } => "passkey",
        }
    }

    /// The kind's name for people.
    pub fn title(&self) -> &'static str {
        match self.means {
            Means::Totp { .. } => "Authenticator app",
            Means::Passkey { .. } => "Passkey",
        }
    }
}

store::tables! {
    /// Second factors, by account.
    Factors = "factors": (AccountId, FactorId) => Factor;
    /// Recovery codes that were not used yet, by account and keyed hash; the value is when they were made.
    RecoveryCodeHashes = "factor-recovery-codes": (AccountId, SecretHash) => Timestamp;
    /// Accounts and groups that must have a second factor; the value is since when.
    FactorRules = "factor-rules": Member => Timestamp;
}

/// The factors of an account, as a change has them.
pub(super) fn of(state: &Change<'_>, account: AccountId) -> Result<Vec<Factor>, StoreError> {
    Ok(state.scan_prefix::<Factors>(&prefix(&account))?.into_iter().map(|(_, factor)| factor).collect())
}

/// Removes the recovery codes of an account.
pub(super) fn remove_codes(state: &mut Change<'_>, account: AccountId) -> Result<(), StoreError> {
    for (key, _) in state.scan_prefix::<RecoveryCodeHashes>(&prefix(&account))? {
        state.remove::<RecoveryCodeHashes>(&key)?;
    }
    Ok(())
}

/// Removes whatever is kept of a removed account, or of one whose factors are taken away. Says how many there were.
pub(in crate::identity) fn forget(state: &mut Change<'_>, account: AccountId) -> Result<usize, StoreError> {
    let factors = of(state, account)?;
    for factor in &factors {
        state.remove::<Factors>(&(account, factor.id))?;
    }
    remove_codes(state, account)?;
    Ok(factors.len())
}
