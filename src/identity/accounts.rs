//! Accounts: added, found, altered, removed.

use super::error::IdentityError;
use super::password::NewPassword;
use super::records::{
    Account, Accounts, Devices, Member, Members, Memberships, NameOwner, Names, Passes, PasswordRecord, Secrets, Tokens,
};
use super::{Identity, addresses, enrolment, factors, hasher, oauth, reset, web};
use crate::audit::{Actor, Entry};
use crate::domain::{AccountId, DatabaseId, Event, MailAddress, Name, Role, Secret, Timestamp};
use crate::store::{Change, StoreError, prefix};

/// An account to be made.
#[derive(Debug, Clone)]
pub struct NewAccount {
    /// Its name.
    pub name: Name,
    /// What it may do at the appliance.
    pub role: Role,
    /// Its password; without one it signs in by passes, devices and tokens alone.
    pub password: Option<Secret>,
    /// Whether its own password opens the gateway.
    pub password_at_gateway: bool,
    /// The database taken when a login names none.
    pub default_database: Option<DatabaseId>,
    /// When it ends by itself.
    pub expires: Option<Timestamp>,
    /// Where its owner gets mail.
    pub mail: Option<MailAddress>,
}

/// A change of an account. One that takes something away ends what the account has signed in; one that changes nothing ends nothing.
#[derive(Debug, Clone)]
pub enum Alteration {
    /// It may sign in again.
    Enable,
    /// It may not sign in.
    Disable,
    /// It gets another role. This ends what it has signed in, a higher one too: what was signed in under a member's rules (idle
    /// limits, second factors) is not to be an administrator's.
    Role(Role),
    /// It gets another password: made by [`Identity::set_password`].
    Password(PasswordRecord),
    /// Its own password opens the gateway from now on, or does not.
    PasswordAtGateway(bool),
    /// It ends then, or never. What it has signed in goes on where it gets more time; not where its time was over.
    Expires(Option<Timestamp>),
    /// Another database is taken when a login names none.
    DefaultDatabase(Option<DatabaseId>),
    /// Its owner gets mail there, or none. Links that were sent before count no more. Administrators alone change it, never the account
    /// itself: whoever found its browser open would have the next link sent to themselves, and with it the account.
    Mail(Option<MailAddress>),
}

impl NewAccount {
    /// A member of this name, whose password, once it has one, opens the gateway.
    pub fn member(name: Name) -> Self {
        Self {
            name,
            role: Role::Member,
            password: None,
            password_at_gateway: true,
            default_database: None,
            expires: None,
            mail: None,
        }
    }
}

impl Identity {
    /// Makes an account.
    pub async fn add_account(&self, actor: &Actor, new: NewAccount) -> Result<Account, IdentityError> {
        let account = self.account_of(new).await?;
        let insert = move |state: &mut Change<'_>| {
            take_name(state, &account.name, NameOwner::Account(account.id))?;
            state.put::<Accounts>(&account.id, &account)?;
            Ok(account.clone())
        };
        let entry = |account: &Account| {
            Entry::new(actor.clone(), "account.add")
                .subject(account.name.as_str())
                .detail("role", account.role.as_str())
        };
        let account: Account = self.change(insert, entry).await?;
        self.look_for_administrators()?;
        self.publish(Event::AccountChanged(account.id));
        Ok(account)
    }

    /// The record of an account to be made; its password is judged and hashed.
    pub(super) async fn account_of(&self, new: NewAccount) -> Result<Account, IdentityError> {
        let password = match new.password {
            Some(chosen) => Some(self.hashed(chosen, &new.name).await?),
            None => None,
        };
        Ok(Account {
            id: AccountId::random(),
            name: new.name,
            role: new.role,
            enabled: true,
            password,
            password_at_gateway: new.password_at_gateway,
            generation: 1,
            default_database: new.default_database,
            expires: new.expires,
            mail: new.mail,
            created: self.inner.clock.now(),
        })
    }

    /// Every account, by name.
    pub fn accounts(&self) -> Result<Vec<Account>, IdentityError> {
        let mut accounts: Vec<Account> = self.inner.store.scan::<Accounts>()?.into_iter().map(|(_, a)| a).collect();
        accounts.sort_by_key(|account| account.name.folded());
        Ok(accounts)
    }

    /// The account with this id, if it is there.
    pub fn account_by_id(&self, id: AccountId) -> Result<Option<Account>, IdentityError> {
        Ok(self.inner.store.read::<Accounts>(&id)?)
    }

    /// The account with this name or id.
    pub fn account(&self, name_or_id: &str) -> Result<Account, IdentityError> {
        let by_name = self.account_named(name_or_id)?;
        let by_id = || name_or_id.parse().ok().map(|id| self.account_by_id(id)).transpose();
        let found = match by_name {
            Some(account) => Some(account),
            None => by_id()?.flatten(),
        };
        found.ok_or_else(|| IdentityError::NoSuch { kind: "account", name: name_or_id.to_owned() })
    }

    /// The account with this name or id, if it is enabled and its end is not past.
    pub fn active_account(&self, name_or_id: &str) -> Result<Account, IdentityError> {
        let account = self.account(name_or_id)?;
        let is_active = account.enabled && !account.has_ended(self.inner.clock.now());
        if is_active { Ok(account) } else { Err(IdentityError::NotActive) }
    }

    /// The account with this name.
    pub(super) fn account_named(&self, name: &str) -> Result<Option<Account>, StoreError> {
        match self.inner.store.read::<Names>(&crate::domain::name::fold(name))? {
            Some(NameOwner::Account(id)) => self.inner.store.read::<Accounts>(&id),
            _ => Ok(None),
        }
    }

    /// Gives an account another password.
    pub async fn set_password(&self, actor: &Actor, id: AccountId, chosen: Secret) -> Result<Account, IdentityError> {
        let account = self.account_by_id(id)?.ok_or_else(|| no_such(id))?;
        let record = self.hashed(chosen, &account.name).await?;
        self.alter_account(actor, id, Alteration::Password(record)).await
    }

    /// Alters an account; what was signed in before is no longer valid where that takes something away. Where everything is
    /// as it is to be already, nothing is altered, and the audit says who asked for it.
    pub async fn alter_account(
        &self,
        actor: &Actor,
        id: AccountId,
        alteration: Alteration,
    ) -> Result<Account, IdentityError> {
        let (action, detail) = (alteration.action(), alteration.detail());
        let now = self.inner.clock.now();
        let alter = move |state: &mut Change<'_>| {
            let mut account = state.read::<Accounts>(&id)?.ok_or_else(|| no_such(id))?;
            let before = account.clone();
            alteration.apply(&mut account, now);
            if account == before {
                return Ok((account, false));
            }
            state.put::<Accounts>(&id, &account)?;
            if account.generation != before.generation {
                web::end_all(state, id)?;
                oauth::forget(state, id)?;
            }
            if matches!(alteration, Alteration::Mail(_)) {
                reset::forget(state, id, now)?;
            }
            if administers(&before) && !administers(&account) {
                somebody_administers(state)?;
            }
            Ok((account, true))
        };
        let entry = |(account, altered): &(Account, bool)| {
            let mut entry = Entry::new(actor.clone(), action).subject(account.name.as_str());
            if let Some((key, value)) = &detail {
                entry = entry.detail(key, value.as_str());
            }
            if *altered { entry } else { entry.detail("change", "none") }
        };
        let (account, altered): (Account, bool) = self.change(alter, entry).await?;
        if !altered {
            return Ok(account);
        }
        self.inner.memory.forget(id);
        self.look_for_administrators()?;
        self.publish(Event::AccountChanged(id));
        Ok(account)
    }

    /// Removes an account with its devices, passes, tokens and memberships.
    pub async fn remove_account(&self, actor: &Actor, id: AccountId) -> Result<Account, IdentityError> {
        let now = self.inner.clock.now();
        let remove = move |state: &mut Change<'_>| {
            let account = state.read::<Accounts>(&id)?.ok_or_else(|| no_such(id))?;
            state.remove::<Accounts>(&id)?;
            state.remove::<Names>(&account.name.folded())?;
            remove_belongings(state, id, now)?;
            if administers(&account) {
                somebody_administers(state)?;
            }
            Ok(account)
        };
        let entry = |account: &Account| Entry::new(actor.clone(), "account.remove").subject(account.name.as_str());
        let account: Account = self.change(remove, entry).await?;
        self.inner.memory.forget(id);
        self.look_for_administrators()?;
        self.publish(Event::AccountRemoved(id));
        Ok(account)
    }

    /// The record of a chosen password, if the rules accept it. Judging and hashing both run where they may take a while.
    pub(super) async fn hashed(&self, chosen: Secret, name: &Name) -> Result<PasswordRecord, IdentityError> {
        let name = name.as_str().to_owned();
        let work = move |function: &hasher::Function| {
            let password = NewPassword::parse(&chosen, &[&name])?;
            Ok::<_, IdentityError>(PasswordRecord(function.record(password.secret())?))
        };
        self.inner.hasher.run(work).await?
    }
}

impl Alteration {
    pub(super) fn apply(&self, account: &mut Account, now: Timestamp) {
        if self.takes_away(account, now) {
            account.generation = account.generation.saturating_add(1);
        }
        match self {
            Self::Enable => account.enabled = true,
            Self::Disable => account.enabled = false,
            Self::Role(role) => account.role = *role,
            Self::Password(record) => account.password = Some(record.clone()),
            Self::PasswordAtGateway(allowed) => account.password_at_gateway = *allowed,
            Self::Expires(when) => account.expires = *when,
            Self::DefaultDatabase(database) => account.default_database = *database,
            Self::Mail(mail) => account.mail.clone_from(mail),
        }
    }

    /// Whether the account, as it is before this, has something signed in that must not go on.
    fn takes_away(&self, account: &Account, now: Timestamp) -> bool {
        match self {
            Self::Disable => account.enabled,
            Self::Role(role) => account.role != *role,
            Self::Password(_) => true,
            Self::PasswordAtGateway(allowed) => account.password_at_gateway && !allowed,
            Self::Expires(when) => {
                let sooner = when.is_some_and(|when| account.expires.is_none_or(|expires| when < expires));
                // What ended with its time does not begin again when it gets more of it.
                sooner || (account.has_ended(now) && account.expires != *when)
            }
            // What it had signed in ended when it was disabled.
            Self::Enable | Self::DefaultDatabase(_) | Self::Mail(_) => false,
        }
    }

    fn action(&self) -> &'static str {
        match self {
            Self::Enable => "account.enable",
            Self::Disable => "account.disable",
            Self::Role(_) => "account.role",
            Self::Password(_) => "account.password",
            Self::PasswordAtGateway(_) => "account.password-at-gateway",
            Self::Expires(_) => "account.expires",
            Self::DefaultDatabase(_) => "account.default-database",
            Self::Mail(_) => "account.mail",
        }
    }

    fn detail(&self) -> Option<(&'static str, String)> {
        match self {
            Self::Enable | Self::Disable | Self::Password(_) => None,
            Self::Role(role) => Some(("role", role.to_string())),
            Self::PasswordAtGateway(allowed) => Some(("allowed", allowed.to_string())),
            Self::Expires(when) => Some(("expires", when.map_or("never".to_owned(), |when| when.to_string()))),
            // The address is a person's, and the record is kept for good: it has whether there is one.
            Self::Mail(mail) => Some(("address", if mail.is_some() { "set" } else { "none" }.to_owned())),
            Self::DefaultDatabase(id) => Some(("database", id.map_or("none".to_owned(), |id| id.to_string()))),
        }
    }
}

/// Takes a name for its owner; names are unique among accounts and devices.
pub(super) fn take_name(state: &mut Change<'_>, name: &Name, owner: NameOwner) -> Result<(), IdentityError> {
    let folded = name.folded();
    if state.read::<Names>(&folded)?.is_some() {
        return Err(IdentityError::NameTaken(name.to_string()));
    }
    Ok(state.put::<Names>(&folded, &owner)?)
}

/// The account, as long as it may sign in: only such a one gets devices, passes and tokens.
pub(super) fn active(state: &Change<'_>, id: AccountId, now: Timestamp) -> Result<Account, IdentityError> {
    let account = state.read::<Accounts>(&id)?.ok_or_else(|| no_such(id))?;
    if account.enabled && !account.has_ended(now) { Ok(account) } else { Err(IdentityError::NotActive) }
}

fn remove_belongings(state: &mut Change<'_>, id: AccountId, now: Timestamp) -> Result<(), StoreError> {
    for (key, device) in state.scan::<Devices>()?.into_iter().filter(|(_, device)| device.account == id) {
        state.remove::<Devices>(&key)?;
        state.remove::<Names>(&device.name.folded())?;
        for hash in device.hashes() {
            state.remove::<Secrets>(&hash)?;
        }
    }
    for (key, pass) in state.scan::<Passes>()?.into_iter().filter(|(_, pass)| pass.account == id) {
        state.remove::<Passes>(&key)?;
        state.remove::<Secrets>(&pass.hash)?;
    }
    for (key, token) in state.scan::<Tokens>()?.into_iter().filter(|(_, token)| token.account == id) {
        state.remove::<Tokens>(&key)?;
        state.remove::<Secrets>(&token.hash)?;
    }
    web::forget(state, id)?;
    factors::forget(state, id)?;
    addresses::forget(state, id)?;
    oauth::forget(state, id)?;
    enrolment::forget(state, id)?;
    reset::forget(state, id, now)?;
    let member = Member::Account(id);
    factors::forget_rule(state, member)?;
    for ((_, group), _) in state.scan_prefix::<Memberships>(&prefix(&member))? {
        state.remove::<Memberships>(&(member, group))?;
        state.remove::<Members>(&(group, member))?;
    }
    Ok(())
}

/// Whether it can administer the appliance for as long as nobody changes it.
fn administers(account: &Account) -> bool {
    account.role == Role::Administrator && account.enabled && account.expires.is_none()
}

fn somebody_administers(state: &Change<'_>) -> Result<(), IdentityError> {
    let left = state.scan::<Accounts>()?.iter().any(|(_, account)| administers(account));
    if left { Ok(()) } else { Err(IdentityError::LastAdministrator) }
}

fn no_such(id: AccountId) -> IdentityError {
    IdentityError::NoSuch { kind: "account", name: id.to_string() }
}
