//! Services beside the databases that workstations are told of: Office 365, SharePoint Server, Exchange Server, any other.
//!
//! [`Integrations`] keeps them: changes are recorded in the audit, durable before they return, and published then, as in
//! `identity`; who may ask for them is the administration service's to decide. [`Kind`] says what there is to know of one and
//! whether it can be; [`check()`] looks whether it can be reached from here.

mod check;
mod egress;
mod error;
mod kind;
mod url;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

pub use check::{Checked, Checker, Endpoint, Finding, Speaks, check};
pub use error::IntegrationError;
pub use kind::{Exchange, Free, Kind, MailSecurity, Office365, SharePoint, Smtp};
pub use url::HttpsUrl;

use super::records::{Checks, Integrations as Table};
use crate::audit::{Actor, Audit, Entry, Ledger};
use crate::domain::{Event, Events, GroupId, IntegrationId, Name, Principal, Timestamp};
use crate::platform::Clock;
use crate::store::{Change, Store, StoreError};

/// A service beside the databases.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Integration {
    /// Its id.
    pub id: IntegrationId,
    /// Its name, unique among them.
    pub name: Name,
    /// Who is told of it.
    pub audience: Audience,
    /// What it is.
    pub kind: Kind,
    /// When it was added.
    pub created: Timestamp,
}

/// Who is told of a service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Audience {
    /// Everybody who signs in.
    Everybody,
    /// Who is in one of these groups. A group that is gone is nobody.
    Groups(BTreeSet<GroupId>),
}

impl Audience {
    /// Whether somebody belongs to it.
    pub fn includes(&self, who: &Principal) -> bool {
        match self {
            Self::Everybody => true,
            Self::Groups(groups) => who.groups.iter().any(|group| groups.contains(group)),
        }
    }
}

/// The services beside the databases. Clones are handles to the same service.
#[derive(Clone)]
pub struct Integrations {
    inner: Arc<Inner>,
}

struct Inner {
    store: Store,
    ledger: Ledger,
    clock: Arc<dyn Clock>,
    events: Events,
}

impl Integrations {
    /// The service over a store that was opened with this room's tables.
    pub fn open(store: Store, audit: Audit, clock: Arc<dyn Clock>, events: Events) -> Self {
        let ledger = Ledger::new(store.clone(), audit);
        Self { inner: Arc::new(Inner { store, ledger, clock, events }) }
    }

    /// Adds one.
    pub async fn add(
        &self,
        actor: &Actor,
        name: Name,
        audience: Audience,
        kind: Kind,
    ) -> Result<Integration, IntegrationError> {
        check_size(&audience, &kind)?;
        let (id, created) = (IntegrationId::random(), self.inner.clock.now());
        let new = Integration { id, name, audience, kind, created };
        let insert = move |state: &mut Change<'_>| {
            let others = state.scan::<Table>()?;
            if others.len() >= MOST {
                return Err(IntegrationError::TooMany(MOST));
            }
            if others.iter().any(|(_, other)| other.name == new.name) {
                return Err(IntegrationError::NameTaken(new.name.to_string()));
            }
            state.put::<Table>(&new.id, &new)?;
            Ok(new.clone())
        };
        self.change(insert, entry(actor, "integration.add")).await
    }

    /// Gives one another audience, or says anew what it is. What was found by its last check is forgotten.
    pub async fn alter(
        &self,
        actor: &Actor,
        id: IntegrationId,
        audience: Option<Audience>,
        kind: Option<Kind>,
    ) -> Result<Integration, IntegrationError> {
        let alter = move |state: &mut Change<'_>| {
            let mut altered = state.read::<Table>(&id)?.ok_or_else(|| no_such(&id.to_string()))?;
            if let Some(audience) = &audience {
                altered.audience = audience.clone();
            }
            if let Some(kind) = &kind {
                altered.kind = kind.clone();
                state.remove::<Checks>(&id)?;
            }
            check_size(&altered.audience, &altered.kind)?;
            state.put::<Table>(&id, &altered)?;
            Ok(altered)
        };
        self.change(alter, entry(actor, "integration.alter")).await
    }

    /// Removes one.
    pub async fn remove(&self, actor: &Actor, id: IntegrationId) -> Result<Integration, IntegrationError> {
        let remove = move |state: &mut Change<'_>| {
            let gone = state.read::<Table>(&id)?.ok_or_else(|| no_such(&id.to_string()))?;
            state.remove::<Checks>(&id)?;
            state.remove::<Table>(&id)?;
            Ok(gone)
        };
        self.change(remove, entry(actor, "integration.remove")).await
    }

    /// All of them, by name.
    pub fn all(&self) -> Result<Vec<Integration>, StoreError> {
        let mut all: Vec<Integration> = self.inner.store.scan::<Table>()?.into_iter().map(|(_, one)| one).collect();
        all.sort_by_key(|one| one.name.folded());
        Ok(all)
    }

    /// The one with this name or id.
    pub fn one(&self, name_or_id: &str) -> Result<Integration, IntegrationError> {
        let folded = crate::domain::name::fold(name_or_id);
        let is = |one: &Integration| one.name.folded() == folded || one.id.to_string() == folded;
        self.all()?.into_iter().find(is).ok_or_else(|| no_such(name_or_id))
    }

    /// What the last check of one found.
    pub fn checked(&self, id: IntegrationId) -> Result<Option<Checked>, StoreError> {
        self.inner.store.read::<Checks>(&id)
    }

    /// Those whose last check is as old as this, or older, with what it found. Who added one without a check wants none.
    pub fn due(&self, age: Duration) -> Result<Vec<(Integration, Checked)>, StoreError> {
        let now = self.inner.clock.now();
        let checked = self.all()?.into_iter().map(|one| Ok(self.checked(one.id)?.map(|checked| (one, checked))));
        let checked: Vec<_> = checked.collect::<Result<_, StoreError>>()?;
        Ok(checked.into_iter().flatten().filter(|(_, checked)| now.since(checked.at) >= age).collect())
    }

    /// Looks whether one can be reached, and keeps what was found. Takes ten seconds at the most.
    pub async fn check(&self, one: &Integration, checker: &Checker) -> Result<Checked, IntegrationError> {
        let found = check(&one.kind, checker, &*self.inner.clock).await;
        let (id, kind, kept) = (one.id, one.kind.clone(), found.clone());
        let keep = move |state: &mut Change<'_>| {
            // It may be gone or something else by now.
            if state.read::<Table>(&id)?.is_some_and(|now| now.kind == kind) {
                state.put::<Checks>(&id, &kept)?;
            }
            Ok::<_, IntegrationError>(())
        };
        self.inner.store.change(keep).await?;
        Ok(found)
    }

    async fn change(
        &self,
        change: impl Fn(&mut Change<'_>) -> Result<Integration, IntegrationError> + Send + Sync + 'static,
        entry: impl Fn(&Integration) -> Entry,
    ) -> Result<Integration, IntegrationError> {
        let changed = self.inner.ledger.change(change, entry).await?;
        self.inner.events.publish(&Event::IntegrationChanged(changed.id));
        Ok(changed)
    }
}

impl std::fmt::Debug for Integrations {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Integrations")
    }
}

fn check_size(audience: &Audience, kind: &Kind) -> Result<(), IntegrationError> {
    kind.check()?;
    match audience {
        Audience::Groups(groups) if groups.is_empty() || groups.len() > MOST_GROUPS => {
            Err(IntegrationError::Groups(MOST_GROUPS))
        }
        _ => Ok(()),
    }
}

fn entry(actor: &Actor, action: &'static str) -> impl Fn(&Integration) -> Entry {
    move |one| Entry::new(actor.clone(), action).subject(one.name.as_str()).detail("type", one.kind.as_str())
}

fn no_such(name: &str) -> IntegrationError {
    IntegrationError::NoSuch(name.to_owned())
}

/// More than a company has; so few that each config document may have them all.
const MOST: usize = 100;
const MOST_GROUPS: usize = 20;
