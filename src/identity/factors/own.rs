//! What a signed-in person does with the own factors, and what an administrator does with another's.

use super::enrol::{Enrolment, NewFactor, put_new};
use super::policy::is_required;
use super::records::{self, Factor, Factors};
use super::recovery::{self, RecoveryCodes};
use super::totp::TotpSecret;
use crate::audit::{Actor, Entry, Outcome};
use crate::domain::{AccountId, Event, FactorId, Name, Secret};
use crate::identity::error::{FactorError, IdentityError, SignInError};
use crate::identity::generated::Kind;
use crate::identity::records::{Accounts, Member};
use crate::identity::web::{self, Visit};
use crate::identity::{Identity, groups};
use crate::store::{Change, prefix};

impl Identity {
    /// The factors of an account, oldest first.
    pub fn factors(&self, account: AccountId) -> Result<Vec<Factor>, IdentityError> {
        let factors = self.inner.store.scan_prefix::<Factors>(&prefix(&account))?;
        let mut factors: Vec<Factor> = factors.into_iter().map(|(_, factor)| factor).collect();
        factors.sort_by_key(|factor| (factor.created, factor.id));
        Ok(factors)
    }

    /// Begins to add an authenticator app. The ticket goes into the form, the enrolment is shown.
    pub fn start_totp(&self, visit: &Visit) -> Result<(Secret, Enrolment), IdentityError> {
        let (secret, ticket) = (TotpSecret::generate()?, Kind::Ticket.generate()?);
        let enrolment = self.enrolment(&secret, visit.principal.name.as_str());
        let hash = self.secret_hash(Kind::Ticket, &ticket);
        self.inner.factors.adding.insert(hash, visit.principal.account, secret, self.inner.clock.monotonic());
        Ok((ticket, enrolment))
    }

    /// What is being added under this ticket, to be shown again; none when it took too long.
    pub fn totp_being_added(&self, visit: &Visit, ticket: &Secret) -> Option<Enrolment> {
        let hash = self.secret_hash(Kind::Ticket, ticket);
        let secret = self.inner.factors.adding.get(hash, self.inner.clock.monotonic())?;
        Some(self.enrolment(&secret, visit.principal.name.as_str()))
    }

    /// Adds the app, once it shows a right code. The recovery codes are in the answer, and nowhere else, when it is the first.
    pub async fn finish_totp(
        &self,
        visit: &Visit,
        ticket: &Secret,
        code: &str,
        label: &str,
    ) -> Result<Option<RecoveryCodes>, FactorError> {
        let outcome = self.add_totp(visit, ticket, code, label).await;
        if let Err(FactorError::Proof(error)) = &outcome {
            self.record_no_factor(visit, error).await?;
        }
        outcome
    }

    async fn add_totp(
        &self,
        visit: &Visit,
        ticket: &Secret,
        code: &str,
        label: &str,
    ) -> Result<Option<RecoveryCodes>, FactorError> {
        let (account, hash) = (visit.principal.account, self.secret_hash(Kind::Ticket, ticket));
        let now = self.inner.clock.monotonic();
        let secret = self.inner.factors.adding.get(hash, now).ok_or(SignInError::TooLate)?;
        let suspect = self.count_code(account)?;
        let (new, codes) = self.new_totp(account, &secret, code, label)?;
        self.code_was_right(suspect);
        self.inner.factors.adding.take(hash, now).ok_or(SignInError::TooLate)?;
        let counts = self.add_factor(visit, new).await?;
        Ok(counts.then_some(codes))
    }

    /// Adds a factor to the person's own. Says whether the recovery codes that were made for it count.
    pub(super) async fn add_factor(&self, visit: &Visit, new: NewFactor) -> Result<bool, IdentityError> {
        let (account, id, kind) = (visit.principal.account, new.id(), new.kind());
        let add = move |state: &mut Change<'_>| {
            let there = state.read::<Accounts>(&account)?.is_some();
            if there { put_new(state, &new) } else { Err(IdentityError::NotActive) }
        };
        let entry = |_: &bool| {
            let entry = Entry::new(visit.actor(), "factor.add").subject(visit.principal.name.as_str());
            entry.detail("factor", id).detail("kind", kind)
        };
        let counts = self.change(add, entry).await?;
        self.publish(Event::FactorsChanged(account));
        Ok(counts)
    }

    /// Writes down that somebody who is signed in could not prove a new factor.
    pub(super) async fn record_no_factor(&self, visit: &Visit, error: &SignInError) -> Result<(), IdentityError> {
        let (peer, cheap) =
            (visit.principal.peer, matches!(error, SignInError::Throttled { .. } | SignInError::TooLate));
        let entry = Entry::new(visit.actor(), "factor.add").outcome(Outcome::Refused).reason(error.audit_reason());
        let entry = entry.side(error.side()).peer(peer).subject(visit.principal.name.as_str());
        self.record_bounded(entry, cheap, peer).await
    }

    /// Makes ten new recovery codes; the former ones count no more.
    pub async fn renew_recovery_codes(&self, visit: &Visit) -> Result<RecoveryCodes, IdentityError> {
        let account = visit.principal.account;
        let (codes, hashes) = self.recovery_codes(account)?;
        let now = self.inner.clock.now();
        let renew = move |state: &mut Change<'_>| {
            if records::of(state, account)?.is_empty() {
                return Err(IdentityError::NoSuch { kind: "second factor of", name: account.to_string() });
            }
            Ok(recovery::replace(state, account, &hashes, now)?)
        };
        let subject = visit.principal.name.as_str();
        self.change(renew, |()| Entry::new(visit.actor(), "factor.recovery-codes").subject(subject)).await?;
        Ok(codes)
    }

    /// Removes one of the person's own factors; not the last one, where they must have one.
    pub async fn remove_own_factor(&self, visit: &Visit, id: FactorId) -> Result<(), IdentityError> {
        let account = self.account(visit.principal.account.to_string().as_str())?;
        let required = is_required(self, &account)?;
        let key = (account.id, id);
        let remove = move |state: &mut Change<'_>| {
            let gone = || IdentityError::NoSuch { kind: "second factor of this account", name: id.to_string() };
            state.read::<Factors>(&key)?.ok_or_else(gone)?;
            state.remove::<Factors>(&key)?;
            match records::of(state, key.0)?.is_empty() {
                true if required => Err(IdentityError::FactorRequired),
                true => Ok(records::remove_codes(state, key.0)?),
                false => Ok(()),
            }
        };
        let subject = account.name.as_str();
        self.change(remove, |()| Entry::new(visit.actor(), "factor.remove").subject(subject).detail("factor", id))
            .await?;
        self.publish(Event::FactorsChanged(account.id));
        Ok(())
    }

    /// Takes all factors and recovery codes of an account away, for a person who has lost them. Signed-in browsers of the
    /// account are signed out. Where it must have a factor, the next sign-in adds one.
    pub async fn remove_factors(&self, actor: &Actor, account: AccountId) -> Result<usize, IdentityError> {
        let remove = move |state: &mut Change<'_>| {
            let name = groups::name_of(state, Member::Account(account))?;
            let count = records::forget(state, account)?;
            web::end_all(state, account)?;
            Ok((name, count))
        };
        let entry = |(name, count): &(Name, usize)| {
            Entry::new(actor.clone(), "factor.remove-all").subject(name.as_str()).detail("count", count)
        };
        let (_, count) = self.change(remove, entry).await?;
        self.publish(Event::FactorsChanged(account));
        Ok(count)
    }
}
