//! Who must have a second factor: administrators always; others by the appliance's setting, or because they, or a group
//! that they are in, were told so.

use std::time::Duration;

use super::records::{FactorRules, Factors};
use crate::audit::{Actor, Entry};
use crate::config::SecondFactor;
use crate::domain::{Event, Role};
use crate::identity::groups::name_of;
use crate::identity::records::{Account, Accounts, Member};
use crate::identity::{Identity, IdentityError};
use crate::store::{Change, StoreError, prefix};

impl Identity {
    /// Tells an account, or whoever is in a group, to have a second factor, or to do as the appliance's setting says.
    /// It is looked at when they next sign in on the web.
    pub async fn require_second_factor(
        &self,
        actor: &Actor,
        whose: Member,
        required: bool,
    ) -> Result<(), IdentityError> {
        let now = self.inner.clock.now();
        let set = move |state: &mut Change<'_>| {
            let name = name_of(state, whose)?;
            match required {
                true => state.put::<FactorRules>(&whose, &now)?,
                false => state.remove::<FactorRules>(&whose)?,
            }
            Ok(name)
        };
        let action = if required { "factor.require" } else { "factor.require-not" };
        let entry = |name: &crate::domain::Name| Entry::new(actor.clone(), action).subject(name.as_str());
        self.change(set, entry).await?;
        if let Member::Account(id) = whose {
            self.publish(Event::FactorsChanged(id));
        }
        Ok(())
    }

    /// The accounts and groups that were told to have a second factor.
    pub fn second_factor_rules(&self) -> Result<Vec<Member>, IdentityError> {
        Ok(self.inner.store.scan::<FactorRules>()?.into_iter().map(|(whose, _)| whose).collect())
    }

    /// Whether an account must have a second factor.
    pub fn second_factor_required(&self, account: &Account) -> Result<bool, IdentityError> {
        Ok(is_required(self, account)?)
    }

    /// Whether an account has a second factor.
    pub(in crate::identity) fn has_factor(&self, account: &Account) -> Result<bool, StoreError> {
        Ok(!self.inner.store.scan_prefix::<Factors>(&prefix(&account.id))?.is_empty())
    }

    /// Whether the setting lets administrators do without today: on the day after the first of them was made.
    pub(in crate::identity) fn is_first_day(&self) -> Result<bool, StoreError> {
        if !self.inner.factors.first_day {
            return Ok(false);
        }
        let accounts = self.inner.store.scan::<Accounts>()?.into_iter().map(|(_, account)| account);
        let administrators = accounts.filter(|account| account.role == Role::Administrator);
        let first = administrators.map(|account| account.created).min();
        Ok(first.is_none_or(|first| self.inner.clock.now().since(first) < DAY))
    }
}

/// Whether an account must have a second factor.
pub(in crate::identity) fn is_required(identity: &Identity, account: &Account) -> Result<bool, StoreError> {
    let policy = identity.inner.factors.policy;
    let by_role = match account.role {
        Role::Administrator => !identity.is_first_day()?,
        Role::Operator | Role::Auditor => policy != SecondFactor::Administrators,
        Role::Member => policy == SecondFactor::Everybody,
    };
    if by_role {
        return Ok(true);
    }
    let groups = identity.groups_of(account.id)?.into_iter().map(Member::Group);
    for whose in groups.chain([Member::Account(account.id)]) {
        if identity.inner.store.read::<FactorRules>(&whose)?.is_some() {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Removes what is kept of a removed account or group.
pub(in crate::identity) fn forget_rule(state: &mut Change<'_>, whose: Member) -> Result<(), StoreError> {
    state.remove::<FactorRules>(&whose)
}

const DAY: Duration = Duration::from_secs(24 * 60 * 60);
