//! The SQL passes that were handed out and still may be handed out again.
//!
//! The store keeps of a pass nothing but its keyed hash, so it cannot be told a second time from there. A workstation that
//! starts a second program, or lost its memory, has to be told all the same, and a new pass for each question would fill the
//! store. So a pass is kept here, in memory alone, until half of its life is over; a new one is made then, and after a restart of
//! the appliance. Each account has one for each of its devices and one for what asks without a device. A client that says which
//! document it has is told "not modified", and no password at all.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::domain::{AccountId, DeviceId, PassId, Secret, Timestamp};

/// Whom a pass was made for.
pub(super) type Holder = (AccountId, Option<DeviceId>);

/// A pass that can be handed out.
#[derive(Debug, Clone)]
pub(super) struct Held {
    pub id: PassId,
    pub secret: Secret,
    pub expires: Timestamp,
    /// From when on another is made.
    pub renew_after: Timestamp,
}

/// Every pass that can be handed out.
#[derive(Debug, Default)]
pub(super) struct Passes {
    held: Mutex<HashMap<Holder, Held>>,
    /// Who makes a pass has this: of two programs that ask at once, one makes it. Making one takes some milliseconds, and
    /// changes of the state are made one after the other anyway.
    making: tokio::sync::Mutex<()>,
    /// How many were revoked.
    revoked: AtomicU64,
}

impl Passes {
    /// The pass to hand out, if there is one that is not due.
    pub fn current(&self, holder: Holder, now: Timestamp) -> Option<Held> {
        self.all().get(&holder).filter(|held| now < held.renew_after).cloned()
    }

    /// The pass to hand out: the one there is, or what `make` makes.
    pub async fn current_or<E>(
        &self,
        holder: Holder,
        now: Timestamp,
        make: impl Future<Output = Result<Held, E>>,
    ) -> Result<Held, E> {
        if let Some(held) = self.current(holder, now) {
            return Ok(held);
        }
        let _turn = self.making.lock().await;
        if let Some(held) = self.current(holder, now) {
            return Ok(held);
        }
        let revoked = self.revoked.load(Ordering::SeqCst);
        let made = make.await?;
        let mut all = self.all();
        // One that was revoked before it got here must not stay here.
        if self.revoked.load(Ordering::SeqCst) == revoked {
            if all.len() >= MOST {
                all.retain(|_, held| now < held.renew_after);
            }
            if all.len() < MOST {
                all.insert(holder, made.clone());
            }
        }
        Ok(made)
    }

    /// Forgets a pass that was revoked.
    pub fn forget(&self, id: PassId) {
        let mut all = self.all();
        self.revoked.fetch_add(1, Ordering::SeqCst);
        all.retain(|_, held| held.id != id);
    }

    fn all(&self) -> MutexGuard<'_, HashMap<Holder, Held>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// So many are kept; who comes then is given a new one each time.
const MOST: usize = 100_000;
