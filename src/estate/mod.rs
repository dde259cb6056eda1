//! What is behind the appliance: servers, databases (aliases), grants and their SQL logins.
//!
//! [`Estate`] is the one service. As in `identity`, changes are recorded before they are made, durable before they
//! return, and published then; who may ask for them is decided by the administration service. What refers to something
//! is there as long as what it refers to is: each change checks both ends in one transaction.

mod databases;
mod error;
mod grants;
mod records;
mod route;
mod servers;

use std::sync::Arc;

pub use error::{EstateError, RouteError};
pub use grants::NewGrant;
pub use records::{Database, Grant, Grantee, Server, tables};
pub use route::{Revision, Route, SqlLogin};

use crate::audit::{Audit, Entry, Ledger};
use crate::domain::{Event, Events};
use crate::platform::Clock;
use crate::store::{Change, Store};

/// Servers, databases and grants. Clones are handles to the same service.
#[derive(Clone)]
pub struct Estate {
    inner: Arc<Inner>,
}

struct Inner {
    store: Store,
    ledger: Ledger,
    clock: Arc<dyn Clock>,
    events: Events,
}

/// What becomes of what depends on something that is removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dependents {
    /// While there is any, the removal is refused.
    Refuse,
    /// It goes too.
    Remove,
}

impl Estate {
    /// The service over a store that was opened with this room's [`tables`].
    pub fn open(store: Store, audit: Audit, clock: Arc<dyn Clock>, events: Events) -> Self {
        let ledger = Ledger::new(store.clone(), audit);
        Self { inner: Arc::new(Inner { store, ledger, clock, events }) }
    }

    /// Makes a change once the audit has what `entry` says of it.
    async fn change<R: Send + 'static>(
        &self,
        change: impl Fn(&mut Change<'_>) -> Result<R, EstateError> + Send + Sync + 'static,
        entry: impl Fn(&R) -> Entry,
    ) -> Result<R, EstateError> {
        self.inner.ledger.change(change, entry).await
    }

    fn publish(&self, event: Event) {
        self.inner.events.publish(&event);
    }
}

impl std::fmt::Debug for Estate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Estate")
    }
}
