//! Recovery codes: ten, shown once, each of which counts once in a factor's place.

use std::collections::BTreeSet;

use super::records::{RecoveryCodeHashes, remove_codes};
use crate::domain::{AccountId, Secret, Timestamp};
use crate::identity::generated::{self, NoRandomness};
use crate::identity::records::SecretHash;
use crate::identity::{Identity, IdentityError};
use crate::store::{Change, StoreError, prefix};

/// Recovery codes, to be shown once.
#[derive(Debug, Clone)]
pub struct RecoveryCodes(pub Vec<Secret>);

impl Identity {
    /// Ten new codes of an account, and what they are found by.
    pub(super) fn recovery_codes(
        &self,
        account: AccountId,
    ) -> Result<(RecoveryCodes, BTreeSet<SecretHash>), NoRandomness> {
        let (mut codes, mut hashes) = (Vec::with_capacity(HOW_MANY), BTreeSet::new());
        while codes.len() < HOW_MANY {
            let code = generated::recovery_code()?;
            if hashes.insert(self.recovery_hash(account, code.expose())) {
                codes.push(code);
            }
        }
        Ok((RecoveryCodes(codes), hashes))
    }

    /// What a typed recovery code is found by: letters in any case, spaces and hyphens as one likes.
    pub(super) fn recovery_hash(&self, account: AccountId, typed: &str) -> SecretHash {
        let letters = typed.chars().filter(char::is_ascii_alphanumeric).take(LONGEST).map(|c| c.to_ascii_lowercase());
        let code = zeroize::Zeroizing::new(letters.collect::<String>());
        let data = zeroize::Zeroizing::new([account.as_bytes().as_slice(), code.as_bytes()].concat());
        SecretHash(self.inner.store.keyed_hash("identity.recovery-code", &data))
    }

    /// How many recovery codes an account has left.
    pub fn recovery_codes_left(&self, account: AccountId) -> Result<usize, IdentityError> {
        Ok(self.inner.store.scan_prefix::<RecoveryCodeHashes>(&prefix(&account))?.len())
    }
}

/// Puts codes in the place of those that there were.
pub(super) fn replace(
    state: &mut Change<'_>,
    account: AccountId,
    hashes: &BTreeSet<SecretHash>,
    now: Timestamp,
) -> Result<(), StoreError> {
    remove_codes(state, account)?;
    hashes.iter().try_for_each(|hash| state.put::<RecoveryCodeHashes>(&(account, *hash), &now))
}

const HOW_MANY: usize = 10;
/// More characters than any code has.
const LONGEST: usize = 64;
