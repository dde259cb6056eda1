//! A new factor. An authenticator app's secret is shown, and it counts once it has shown a right code.

use std::collections::BTreeSet;

use super::records::{self, Factor, Factors, Means, RecoveryCodeHashes};
use super::recovery::{self, RecoveryCodes};
use super::totp::TotpSecret;
use crate::domain::{AccountId, FactorId, Secret, Timestamp};
use crate::identity::records::SecretHash;
use crate::identity::{Identity, IdentityError};
use crate::store::{Change, prefix};

/// What a person sets an authenticator app up with.
#[derive(Debug, Clone)]
pub struct Enrolment {
    /// The secret in base 32, to be typed.
    pub secret: Secret,
    /// The same as an `otpauth:` address, to be read from a picture.
    pub url: Secret,
}

/// A factor to be added: all that a change cannot make.
#[derive(Debug, Clone)]
pub(in crate::identity) struct NewFactor {
    factor: Factor,
    hashes: BTreeSet<SecretHash>,
    now: Timestamp,
}

impl Identity {
    /// What an app is set up with for an account of this name.
    pub(in crate::identity) fn enrolment(&self, secret: &TotpSecret, name: &str) -> Enrolment {
        Enrolment { secret: secret.text().clone(), url: secret.url(&self.inner.factors.issuer, name) }
    }

    /// The factor that `code` proves to be set up, and the recovery codes that come with an account's first one.
    pub(in crate::identity) fn new_totp(
        &self,
        account: AccountId,
        secret: &TotpSecret,
        code: &str,
        label: &str,
    ) -> Result<(NewFactor, RecoveryCodes), IdentityError> {
        let step = secret.step(code, self.inner.clock.now()).ok_or(IdentityError::WrongCode)?;
        self.new_totp_at(account, secret, step, label)
    }

    /// The same where nobody gives a code; later codes than that of `last_step` will count.
    pub(in crate::identity) fn new_totp_at(
        &self,
        account: AccountId,
        secret: &TotpSecret,
        last_step: u64,
        label: &str,
    ) -> Result<(NewFactor, RecoveryCodes), IdentityError> {
        self.new_factor(account, Means::Totp { secret: self.seal_totp(secret)?, last_step }, label)
    }

    /// A factor to be added, by whatever means, and the recovery codes that come with an account's first one.
    pub(in crate::identity) fn new_factor(
        &self,
        account: AccountId,
        means: Means,
        label: &str,
    ) -> Result<(NewFactor, RecoveryCodes), IdentityError> {
        if label.chars().count() > 100 || label.chars().any(char::is_control) {
            return Err(IdentityError::Label);
        }
        let now = self.inner.clock.now();
        let (codes, hashes) = self.recovery_codes(account)?;
        let factor =
            Factor { id: FactorId::random(), account, label: label.to_owned(), created: now, used: None, means };
        Ok((NewFactor { factor, hashes, now }, codes))
    }
}

/// Adds a factor within a change. Says whether the recovery codes that were made for it count: they do where there were none.
pub(in crate::identity) fn put_new(state: &mut Change<'_>, new: &NewFactor) -> Result<bool, IdentityError> {
    let account = new.factor.account;
    if records::of(state, account)?.len() >= MOST_FACTORS {
        return Err(IdentityError::TooMany { what: "second factors", limit: MOST_FACTORS });
    }
    state.put::<Factors>(&(account, new.factor.id), &new.factor)?;
    let has_codes = !state.scan_prefix::<RecoveryCodeHashes>(&prefix(&account))?.is_empty();
    if !has_codes {
        recovery::replace(state, account, &new.hashes, new.now)?;
    }
    Ok(!has_codes)
}

/// Adds a factor within a change to an account that has none: who only has the password may do no more.
pub(in crate::identity) fn put_first(state: &mut Change<'_>, new: &NewFactor) -> Result<(), IdentityError> {
    if !records::of(state, new.factor.account)?.is_empty() {
        return Err(IdentityError::TooLate);
    }
    put_new(state, new).map(drop)
}

impl NewFactor {
    /// Without recovery codes: where nobody is there to be shown them. The person makes some when they want them.
    pub(in crate::identity) fn without_recovery(self) -> Self {
        Self { hashes: BTreeSet::new(), ..self }
    }

    /// The factor's id.
    pub(super) fn id(&self) -> FactorId {
        self.factor.id
    }

    /// The name of the factor's kind.
    pub(in crate::identity) fn kind(&self) -> &'static str {
        self.factor.kind()
    }
}

const MOST_FACTORS: usize = 10;
