//! Set-up: while the appliance has no administrator, whoever has the one-time code makes the first one.
//!
//! Making the administrator, its password, its second factor and its session, and consuming the code, are one change, which
//! asks once more whether there is no administrator yet: of two browsers at once, one gets it, and the other is told.

use std::sync::{PoisonError, RwLock};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::accounts::take_name;
use super::error::{IdentityError, SetUpError, SignInError};
use super::factors::{self, Enrolment, NewFactor, RecoveryCodes, TotpSecret};
use super::generated::{self, Kind};
use super::records::{Account, Accounts, NameOwner, SecretHash};
use super::web::{self, Begun, Origin, WebSession};
use super::{Identity, NewAccount};
use crate::audit::{Actor, Entry, Outcome};
use crate::domain::{Event, Name, Role, Secret, Timestamp};
use crate::store::{self, Change, StoreError};

/// A code for set-up, to be shown to whoever has the appliance's machine.
#[derive(Debug, Clone)]
pub struct SetUpCode {
    /// The code.
    pub code: Secret,
    /// When it ends.
    pub expires: Timestamp,
}

/// What the administrator's page asks for next.
#[derive(Debug)]
pub struct SetUpStep {
    /// Goes into the form.
    pub ticket: Secret,
    /// How long it counts.
    pub until: Timestamp,
    /// What the authenticator app is set up with.
    pub enrolment: Enrolment,
    /// Whether the administrator may do without a second factor today.
    pub optional: bool,
}

/// The code that counts, as it is kept.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Kept {
    hash: SecretHash,
    expires: Timestamp,
}

/// An administrator to be made, waiting for the first code of the app.
#[derive(Debug, Clone)]
pub(super) struct Pending {
    account: Account,
    secret: TotpSecret,
    code: SecretHash,
}

/// Whether there is an administrator: asked at each request, so it is kept.
#[derive(Debug, Default)]
pub(super) struct Known(RwLock<bool>);

store::tables! {
    /// The code for set-up, under [`THE_CODE`].
    SetUpCodes = "set-up": String => Kept;
}

impl Identity {
    /// Whether the appliance is in set-up: it has no administrator.
    pub fn in_set_up(&self) -> bool {
        !*self.inner.has_administrator.0.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Looks again whether there is an administrator: after each change of accounts.
    pub(super) fn look_for_administrators(&self) -> Result<(), StoreError> {
        // Who looks holds the lock, so that the last one to look has seen the last change.
        let mut known = self.inner.has_administrator.0.write().unwrap_or_else(PoisonError::into_inner);
        let accounts = self.inner.store.scan::<Accounts>()?;
        *known = accounts.iter().any(|(_, account)| account.role == Role::Administrator);
        Ok(())
    }

    /// A new code, which takes the former one's place. Refused when there is an administrator.
    pub async fn new_set_up_code(&self, actor: &Actor) -> Result<SetUpCode, SetUpError> {
        let code = generated::password().map_err(IdentityError::from)?;
        let expires = self.inner.clock.now().after(CODE_LIFE);
        let kept = Kept { hash: self.set_up_hash(&code), expires };
        let put = move |state: &mut Change<'_>| {
            nobody_administers(state)?;
            Ok(state.put::<SetUpCodes>(&THE_CODE.to_owned(), &kept)?)
        };
        let entry = |()| Entry::new(actor.clone(), "set-up.code").detail("expires", expires);
        self.change(put, |()| entry(())).await?;
        Ok(SetUpCode { code, expires })
    }

    /// Whether this is the code: for the first page, before anything is filled in. Nothing is consumed.
    pub async fn check_set_up_code(&self, code: &Secret, origin: &Origin) -> Result<(), SetUpError> {
        let outcome = self.the_code(code, origin).await;
        self.record_set_up(outcome, origin).await.map(drop)
    }

    /// The first stage: the code, and the administrator's name and password. Nothing is made yet.
    pub async fn begin_set_up(
        &self,
        code: &Secret,
        name: Name,
        password: Secret,
        origin: &Origin,
    ) -> Result<SetUpStep, SetUpError> {
        let hash = self.record_set_up(self.the_code(code, origin).await, origin).await?;
        let account = self.account_of(administrator(name, password)).await?;
        let secret = TotpSecret::generate().map_err(IdentityError::from)?;
        let enrolment = self.enrolment(&secret, account.name.as_str());
        let ticket = Kind::Ticket.generate().map_err(IdentityError::from)?;
        let (waiting, clock) = (&self.inner.setting_up, &self.inner.clock);
        let (id, pending) = (account.id, Pending { account, secret, code: hash });
        waiting.insert(self.secret_hash(Kind::Ticket, &ticket), id, pending, clock.monotonic());
        let optional = self.is_first_day().map_err(IdentityError::from)?;
        Ok(SetUpStep { ticket, until: clock.now().after(waiting.lifetime()), enrolment, optional })
    }

    /// What the ticket waits for, and whether it may be left for later, to show the page again; nothing when its time is over.
    pub fn set_up_enrolment(&self, ticket: &Secret) -> Result<Option<(Enrolment, bool)>, IdentityError> {
        let Some(pending) = self.setting_up(ticket) else { return Ok(None) };
        Ok(Some((self.enrolment(&pending.secret, pending.account.name.as_str()), self.is_first_day()?)))
    }

    /// The second stage: the first code of the administrator's app. Makes the administrator, signs it in, and ends set-up. Without
    /// a code only where [`SetUpStep::optional`] says so.
    pub async fn complete_set_up(
        &self,
        ticket: &Secret,
        code: Option<&str>,
        origin: &Origin,
    ) -> Result<(Begun, Option<RecoveryCodes>), SetUpError> {
        let outcome = self.complete(ticket, code, origin).await;
        let completed = self.record_set_up(outcome, origin).await?;
        self.publish(Event::AccountChanged(completed.0.session.account));
        Ok(completed)
    }

    async fn complete(
        &self,
        ticket: &Secret,
        code: Option<&str>,
        origin: &Origin,
    ) -> Result<(Begun, Option<RecoveryCodes>), SetUpError> {
        let Some(Pending { account, secret, code: hash }) = self.setting_up(ticket) else {
            return Err(if self.in_set_up() { SetUpError::TooLate } else { SetUpError::Closed });
        };
        let factor = match code {
            Some(code) => {
                let suspect = self.count_code(account.id)?;
                let made = self.new_totp(account.id, &secret, code, "")?;
                self.code_was_right(suspect);
                Some(made)
            }
            None if self.is_first_day().map_err(IdentityError::from)? => None,
            None => return Err(IdentityError::FactorRequired.into()),
        };
        let (new, codes) = factor.unzip();
        let opening = self.opening(origin).map_err(IdentityError::from)?;
        let begin = opening.clone();
        let complete = move |state: &mut Change<'_>| {
            nobody_administers(state)?;
            let kept = state.read::<SetUpCodes>(&THE_CODE.to_owned())?;
            if kept.is_none_or(|kept| kept.hash != hash) {
                return Err(IdentityError::TooLate);
            }
            let account = put_administrator(state, &account, new.as_ref())?;
            let (session, _) = web::open(state, &account, &begin, new.is_some())?;
            Ok((account, session))
        };
        let entry = |(account, session): &(Account, WebSession)| {
            let entry =
                Entry::new(Actor::Anonymous { claimed: None }, "set-up.complete").subject(account.name.as_str());
            entry.peer(origin.peer).detail("web_session", session.id).detail("agent", &origin.agent)
        };
        let (_, session) = self.change(complete, entry).await?;
        self.look_for_administrators().map_err(IdentityError::from)?;
        self.inner.setting_up.take(self.secret_hash(Kind::Ticket, ticket), self.inner.clock.monotonic());
        Ok((Begun { cookie: opening.secret, session }, codes))
    }

    /// The unattended way: makes the administrator that the settings name, where there is none; else does nothing. Without a
    /// secret for an authenticator app, the administrator adds one at the first sign-in.
    pub async fn set_up_unattended(
        &self,
        name: Name,
        password: Secret,
        totp: Option<&Secret>,
    ) -> Result<Option<Account>, SetUpError> {
        if !self.in_set_up() {
            return Ok(None);
        }
        let account = self.account_of(administrator(name, password)).await?;
        let factor = match totp {
            None => None,
            Some(text) => {
                let secret = TotpSecret::parse(text.expose()).ok_or(SetUpError::TotpSecret)?;
                Some(self.new_totp_at(account.id, &secret, 0, "from the settings")?.0.without_recovery())
            }
        };
        let complete = move |state: &mut Change<'_>| {
            nobody_administers(state)?;
            put_administrator(state, &account, factor.as_ref())
        };
        let entry =
            |account: &Account| Entry::new(Actor::Appliance, "set-up.unattended").subject(account.name.as_str());
        let account: Account = self.change(complete, entry).await?;
        self.look_for_administrators().map_err(IdentityError::from)?;
        self.publish(Event::AccountChanged(account.id));
        Ok(Some(account))
    }

    /// What the code is found by, if it is the one that counts. A wrong one is counted against its sender.
    async fn the_code(&self, code: &Secret, origin: &Origin) -> Result<SecretHash, SetUpError> {
        if !self.in_set_up() {
            return Err(SetUpError::Closed);
        }
        let (throttle, clock) = (&self.inner.throttle, &self.inner.clock);
        let suspect = throttle.suspect("set-up code", origin.peer);
        throttle.attempt(suspect, clock.monotonic()).map_err(super::sign_in::throttled)?;
        let (hash, now) = (self.set_up_hash(code), clock.now());
        // Wrong ones end nothing: a code of 99 bits is not guessed, and a stranger could end it at will.
        let kept = self.inner.store.read::<SetUpCodes>(&THE_CODE.to_owned()).map_err(IdentityError::from)?;
        if kept.is_none_or(|kept| kept.hash != hash || kept.expires <= now) {
            return Err(SetUpError::Code);
        }
        throttle.succeeded(suspect, clock.monotonic());
        Ok(hash)
    }

    fn setting_up(&self, ticket: &Secret) -> Option<Pending> {
        self.inner.setting_up.get(self.secret_hash(Kind::Ticket, ticket), self.inner.clock.monotonic())
    }

    fn set_up_hash(&self, code: &Secret) -> SecretHash {
        let letters = code.expose().chars().filter(char::is_ascii_alphanumeric).take(100);
        let typed = zeroize::Zeroizing::new(letters.map(|c| c.to_ascii_lowercase()).collect::<String>());
        SecretHash(self.inner.store.keyed_hash("identity.set-up", typed.as_bytes()))
    }

    /// Writes down what was refused.
    async fn record_set_up<T>(&self, outcome: Result<T, SetUpError>, origin: &Origin) -> Result<T, SetUpError> {
        let Err(error) = &outcome else { return outcome };
        let cheap = matches!(
            error,
            SetUpError::Code
                | SetUpError::Closed
                | SetUpError::TooLate
                | SetUpError::SignIn(SignInError::Throttled { .. })
        );
        let entry = Entry::new(Actor::Anonymous { claimed: None }, "set-up.refused")
            .outcome(Outcome::Refused)
            .reason(error)
            .side(error.side())
            .peer(origin.peer);
        self.record_bounded(entry, cheap, origin.peer).await?;
        outcome
    }
}

fn administrator(name: Name, password: Secret) -> NewAccount {
    // An administrator's password is for the dashboard. It opens databases only if somebody says so.
    NewAccount {
        role: Role::Administrator,
        password: Some(password),
        password_at_gateway: false,
        ..NewAccount::member(name)
    }
}

fn put_administrator(
    state: &mut Change<'_>,
    account: &Account,
    factor: Option<&NewFactor>,
) -> Result<Account, IdentityError> {
    take_name(state, &account.name, NameOwner::Account(account.id))?;
    state.put::<Accounts>(&account.id, account)?;
    if let Some(new) = factor {
        factors::put_first(state, new)?;
    }
    state.remove::<SetUpCodes>(&THE_CODE.to_owned())?;
    Ok(account.clone())
}

fn nobody_administers(state: &Change<'_>) -> Result<(), IdentityError> {
    let there = state.scan::<Accounts>()?.iter().any(|(_, account)| account.role == Role::Administrator);
    if there { Err(IdentityError::SetUpClosed) } else { Ok(()) }
}

/// The first stages wait for the second for so long.
pub(super) const TO_FINISH: Duration = Duration::from_secs(15 * 60);
const CODE_LIFE: Duration = Duration::from_secs(30 * 60);
const THE_CODE: &str = "code";
