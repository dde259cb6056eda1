//! Who may come in: accounts, groups, devices, passes, tokens, passwords, throttling; and the people who signed in on
//! the web ([`web`]), with second factors ([`factors`]).
//!
//! [`Identity`] is the one service. Its changes are asked for by an [`Actor`](crate::audit::Actor), recorded in the
//! audit before they are made ([`Ledger`]), durable before they return, and published as [`Event`]s then. It does not
//! decide who may ask for them: the administration service does, which everything goes through.

mod accounts;
pub mod addresses;
mod bearer;
mod devices;
mod enrolment;
mod error;
pub mod factors;
mod forgotten;
pub mod generated;
mod groups;
mod hasher;
mod memory;
pub mod oauth;
mod own;
mod passes;
pub mod password;
mod records;
mod reset;
mod set_up;
mod sign_in;
mod sweep;
mod throttle;
mod tokens;
mod valid;
mod waiting;
pub mod web;

use std::sync::Arc;

pub use accounts::{Alteration, NewAccount};
pub use bearer::Caller;
pub use enrolment::{LONGEST_CODE_LIFE, MOST_CODES, WaitingCode, WhichCodes};
pub use error::{EnrolmentError, FactorError, IdentityError, PasswordChangeError, SetUpError, SignInError};
pub use forgotten::{Forgotten, Place};
pub use records::{Account, Device, Group, Member, Pass, Token};
pub use set_up::{SetUpCode, SetUpStep};
pub use sign_in::Presented;

use crate::audit::{Audit, Entry, Ledger};
use crate::config::Config;
use crate::domain::{Event, Events};
use crate::platform::Clock;
use crate::store::{Change, Store, TableInfo};
use hasher::Hasher;
use memory::Memory;
use throttle::{Limits, Throttle};
use waiting::Waiting;

/// Every table of this room, for opening the store.
pub fn tables() -> Vec<TableInfo> {
    [
        records::tables(),
        web::tables(),
        factors::tables(),
        set_up::tables(),
        reset::tables(),
        forgotten::tables(),
        addresses::tables(),
        oauth::tables(),
        enrolment::tables(),
    ]
    .concat()
}

/// Accounts and what signs them in. Clones are handles to the same service.
#[derive(Clone)]
pub struct Identity {
    inner: Arc<Inner>,
}

struct Inner {
    store: Store,
    audit: Audit,
    ledger: Ledger,
    clock: Arc<dyn Clock>,
    events: Events,
    hasher: Hasher,
    memory: Memory,
    throttle: Throttle,
    /// Wrong enrolment codes, counted by address.
    enrolment: Throttle,
    /// Requests for links by mail, all of them, by name and by address.
    forgotten: Throttle,
    factors: factors::Part,
    oauth: oauth::Part,
    web: web::Part,
    has_administrator: set_up::Known,
    setting_up: Waiting<set_up::Pending>,
}

impl Identity {
    /// The service over a store that was opened with this room's [`tables`].
    pub fn open(
        store: Store,
        audit: Audit,
        clock: Arc<dyn Clock>,
        events: Events,
        config: &Config,
    ) -> Result<Self, IdentityError> {
        let settings = &config.sign_in;
        let limits = Limits {
            free_tries: u32::try_from(settings.throttle_free_tries).unwrap_or(u32::MAX),
            first_delay: settings.throttle_first_delay,
            longest_delay: settings.throttle_longest_delay,
        };
        let inner = Inner {
            ledger: Ledger::new(store.clone(), audit.clone()),
            audit,
            store,
            clock,
            events,
            hasher: Hasher::new(settings.hashing_places)?,
            memory: Memory::new(settings.remember_for)?,
            throttle: Throttle::new(limits),
            enrolment: Throttle::new(limits),
            forgotten: Throttle::new(limits),
            factors: factors::Part::new(settings, limits, &config.appliance),
            oauth: oauth::Part::new(settings, limits),
            web: web::Part::new(settings),
            has_administrator: set_up::Known::default(),
            setting_up: Waiting::new(set_up::TO_FINISH),
        };
        let identity = Self { inner: Arc::new(inner) };
        identity.look_for_administrators()?;
        Ok(identity)
    }

    /// How many password hashes were computed since the start.
    pub fn hashes_computed(&self) -> u64 {
        self.inner.hasher.computed()
    }

    /// Makes a change once the audit has what `entry` says of it.
    async fn change<R: Send + 'static>(
        &self,
        change: impl Fn(&mut Change<'_>) -> Result<R, IdentityError> + Send + Sync + 'static,
        entry: impl Fn(&R) -> Entry,
    ) -> Result<R, IdentityError> {
        self.inner.ledger.change(change, entry).await
    }

    fn publish(&self, event: Event) {
        self.inner.events.publish(&event);
    }
}

impl std::fmt::Debug for Identity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Identity")
    }
}
