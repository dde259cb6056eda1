//! Changes of the state that are not made without their audit entry.
//!
//! A change is rehearsed (run, and nothing of it kept), recorded, and then made, one after the other:
//!
//! * refused at the rehearsal: neither recorded nor made; the caller learns why;
//! * the record fails: not made;
//! * recorded, but then not kept (the disk failed, the appliance was killed in between): the audit tells of a change
//!   too many, and, where the appliance still lives, a second entry says that it failed. There is never a change that
//!   the audit does not tell of.
//!
//! Once begun, a change is driven to its end: who may be dropped in between (a page whose reader leaves) runs it in a
//! task of its own, or else what listens for it may learn of it late.

use std::sync::Arc;

use tokio::sync::Mutex;

use super::{Audit, AuditError, Entry, Outcome};
use crate::store::{Change, Store, StoreError};

/// Makes audited changes, one at a time. Clones share the turn.
#[derive(Clone)]
pub struct Ledger {
    store: Store,
    audit: Audit,
    turn: Arc<Mutex<()>>,
}

impl Ledger {
    /// A ledger over this store and this audit.
    pub fn new(store: Store, audit: Audit) -> Self {
        Self { store, audit, turn: Arc::default() }
    }

    /// Makes `change`, after recording what `entry` says of its result. `change` runs twice and must do the same each
    /// time: ids, times and secrets are made before.
    pub async fn change<R, E, F>(&self, change: F, entry: impl Fn(&R) -> Entry) -> Result<R, E>
    where
        F: Fn(&mut Change<'_>) -> Result<R, E> + Send + Sync + 'static,
        R: Send + 'static,
        E: From<StoreError> + From<AuditError> + std::fmt::Display + Send + 'static,
    {
        let _turn = self.turn.lock().await;
        let change = Arc::new(change);
        let rehearsed = self.rehearse(Arc::clone(&change)).await?;
        self.audit.record(entry(&rehearsed).outcome(Outcome::Done)).await?;
        let made = self.store.change(move |state| change(state)).await;
        if let Err(error) = &made {
            let error: &E = error;
            let failed = entry(&rehearsed).outcome(Outcome::Failed).reason("the recorded change was not kept");
            if let Err(second) = self.audit.record(failed).await {
                tracing::error!(%error, %second, "a recorded change was not kept, and the audit could not be told");
            }
        }
        made
    }

    /// What `change` would give. Nothing is kept, because the store is told that it failed.
    async fn rehearse<R, E, F>(&self, change: Arc<F>) -> Result<R, E>
    where
        F: Fn(&mut Change<'_>) -> Result<R, E> + Send + Sync + 'static,
        R: Send + 'static,
        E: From<StoreError> + Send + 'static,
    {
        let rehearsal = move |state: &mut Change<'_>| Err::<(), _>(Rehearsed(change(state)));
        match self.store.change::<(), Rehearsed<R, E>, _>(rehearsal).await {
            Err(Rehearsed(result)) => result,
            Ok(()) => Err(StoreError::Crypto.into()),
        }
    }
}

/// The result of a rehearsal, in an error's place.
struct Rehearsed<R, E>(Result<R, E>);

impl<R, E: From<StoreError>> From<StoreError> for Rehearsed<R, E> {
    fn from(error: StoreError) -> Self {
        Self(Err(error.into()))
    }
}

impl std::fmt::Debug for Ledger {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Ledger")
    }
}
