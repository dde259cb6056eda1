//! A code that somebody gives: what it may be, and that it counts once.

use std::net::{IpAddr, Ipv4Addr};

use super::records::{Factors, Means, RecoveryCodeHashes};
use super::totp::TotpSecret;
use crate::domain::{AccountId, FactorId, Timestamp};
use crate::identity::error::{IdentityError, SignInError};
use crate::identity::records::SecretHash;
use crate::identity::throttle::Suspect;
use crate::identity::{Identity, sign_in};
use crate::store::{Change, Sealed, StoreError, prefix};

/// What a code may be: found out before the change, so that the change only compares.
#[derive(Debug, Clone)]
pub(in crate::identity) struct Candidates {
    /// Apps that show it, with its time step.
    steps: Vec<(FactorId, u64)>,
    /// A recovery code with this hash.
    recovery: SecretHash,
}

/// What a code was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::identity) enum Accepted {
    /// Of an authenticator app.
    Totp,
    /// A recovery code; so many are left.
    RecoveryCode(usize),
}

impl Accepted {
    pub(in crate::identity) fn as_str(self) -> &'static str {
        match self {
            Self::Totp => "totp",
            Self::RecoveryCode(_) => "recovery-code",
        }
    }
}

impl Identity {
    /// Counts a try, before it is made: so a burst of guesses gets no further than one after the other would.
    pub(in crate::identity) fn count_code(&self, account: AccountId) -> Result<Suspect, SignInError> {
        let codes = &self.inner.factors.codes;
        let suspect = codes.suspect(&account.to_string(), ANYWHERE);
        codes.attempt(suspect, self.inner.clock.monotonic()).map_err(sign_in::throttled)?;
        Ok(suspect)
    }

    /// Takes back what was counted: the code was right.
    pub(in crate::identity) fn code_was_right(&self, suspect: Suspect) {
        self.inner.factors.codes.succeeded(suspect, self.inner.clock.monotonic());
    }

    /// What a code of this account may be.
    pub(in crate::identity) fn candidates(&self, account: AccountId, code: &str) -> Result<Candidates, StoreError> {
        let now = self.inner.clock.now();
        let mut steps = Vec::new();
        for ((_, id), factor) in self.inner.store.scan_prefix::<Factors>(&prefix(&account))? {
            let Means::Totp { secret, .. } = &factor.means else { continue };
            let secret = self.unseal_totp(secret)?;
            steps.extend(secret.and_then(|secret| secret.step(code, now)).map(|step| (id, step)));
        }
        Ok(Candidates { steps, recovery: self.recovery_hash(account, code) })
    }

    fn unseal_totp(&self, sealed: &Sealed) -> Result<Option<TotpSecret>, StoreError> {
        Ok(TotpSecret::parse(self.inner.store.unseal(SEALED_FOR, sealed)?.expose()))
    }

    pub(super) fn seal_totp(&self, secret: &TotpSecret) -> Result<Sealed, StoreError> {
        self.inner.store.seal(SEALED_FOR, secret.text())
    }
}

/// Accepts a code within a change, so that it does not count again: the step of an app's code is kept, a recovery code is removed.
pub(in crate::identity) fn accept(
    state: &mut Change<'_>,
    account: AccountId,
    candidates: &Candidates,
    now: Timestamp,
) -> Result<Accepted, IdentityError> {
    for (id, step) in &candidates.steps {
        let Some(mut factor) = state.read::<Factors>(&(account, *id))? else { continue };
        let Means::Totp { last_step, .. } = &mut factor.means else { continue };
        if *step > *last_step {
            *last_step = *step;
            factor.used = Some(now);
            state.put::<Factors>(&(account, *id), &factor)?;
            return Ok(Accepted::Totp);
        }
    }
    let key = (account, candidates.recovery);
    if state.read::<RecoveryCodeHashes>(&key)?.is_none() {
        return Err(IdentityError::WrongCode);
    }
    state.remove::<RecoveryCodeHashes>(&key)?;
    Ok(Accepted::RecoveryCode(state.scan_prefix::<RecoveryCodeHashes>(&prefix(&account))?.len()))
}

const SEALED_FOR: &str = "identity.totp";
/// Codes are counted by account, wherever they come from.
const ANYWHERE: IpAddr = IpAddr::V4(Ipv4Addr::UNSPECIFIED);
