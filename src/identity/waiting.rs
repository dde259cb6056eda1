//! What waits for a person's next step, for minutes, in memory: a restart forgets it, and the person begins again.
//!
//! Each entry is found by the keyed hash of a ticket that only the person's browser has. How many wait is bounded, in
//! all and for each owner; the oldest goes first.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::records::SecretHash;
use crate::domain::AccountId;

/// Things that wait.
pub(super) struct Waiting<T> {
    lifetime: Duration,
    entries: Mutex<HashMap<SecretHash, Entry<T>>>,
}

struct Entry<T> {
    owner: AccountId,
    until: Duration,
    value: T,
}

impl<T: Clone> Waiting<T> {
    /// Nothing waits; what will, waits for `lifetime`.
    pub(super) fn new(lifetime: Duration) -> Self {
        Self { lifetime, entries: Mutex::default() }
    }

    /// For how long things wait.
    pub(super) fn lifetime(&self) -> Duration {
        self.lifetime
    }

    /// Lets something wait.
    pub(super) fn insert(&self, ticket: SecretHash, owner: AccountId, value: T, now: Duration) {
        let mut entries = self.entries();
        entries.retain(|_, entry| now < entry.until);
        while entries.values().filter(|entry| entry.owner == owner).count() >= MOST_PER_OWNER {
            drop_oldest(&mut entries, |entry| entry.owner == owner);
        }
        while entries.len() >= MOST {
            drop_oldest(&mut entries, |_| true);
        }
        entries.insert(ticket, Entry { owner, until: now.saturating_add(self.lifetime), value });
    }

    /// What waits under this ticket.
    pub(super) fn get(&self, ticket: SecretHash, now: Duration) -> Option<T> {
        self.entries().get(&ticket).filter(|entry| now < entry.until).map(|entry| entry.value.clone())
    }

    /// The same, which then waits no more: of two that take it, one gets it.
    pub(super) fn take(&self, ticket: SecretHash, now: Duration) -> Option<T> {
        self.entries().remove(&ticket).filter(|entry| now < entry.until).map(|entry| entry.value)
    }

    fn entries(&self) -> MutexGuard<'_, HashMap<SecretHash, Entry<T>>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn drop_oldest<T>(entries: &mut HashMap<SecretHash, Entry<T>>, among: impl Fn(&Entry<T>) -> bool) {
    let oldest = entries.iter().filter(|(_, entry)| among(entry)).min_by_key(|(_, entry)| entry.until);
    if let Some(ticket) = oldest.map(|(ticket, _)| *ticket) {
        entries.remove(&ticket);
    }
}

const MOST: usize = 4096;
const MOST_PER_OWNER: usize = 8;

#[cfg(test)]
mod tests {
    use super::*;

    fn ticket(n: u16) -> SecretHash {
        let mut bytes = [0; 32];
        bytes[..2].copy_from_slice(&n.to_be_bytes());
        SecretHash(bytes)
    }

    #[test]
    fn what_waits_is_taken_once_and_not_after_its_time() {
        let (waiting, ada) = (Waiting::new(Duration::from_secs(60)), AccountId::random());
        waiting.insert(ticket(1), ada, "one", Duration::ZERO);
        waiting.insert(ticket(2), ada, "two", Duration::ZERO);
        assert_eq!(waiting.get(ticket(1), Duration::from_secs(59)), Some("one"));
        assert_eq!(waiting.take(ticket(1), Duration::from_secs(59)), Some("one"));
        assert_eq!(waiting.take(ticket(1), Duration::from_secs(59)), None);
        assert_eq!(waiting.take(ticket(2), Duration::from_secs(60)), None);
        assert_eq!(waiting.get(ticket(3), Duration::ZERO), None);
    }

    #[test]
    fn nobody_fills_the_room_and_the_oldest_goes_first() {
        let (waiting, ada) = (Waiting::new(Duration::from_secs(60)), AccountId::random());
        for n in 0..20 {
            waiting.insert(ticket(n), ada, n, Duration::from_secs(n.into()));
        }
        let now = Duration::from_secs(20);
        let left: Vec<u16> = (0..20).filter(|n| waiting.get(ticket(*n), now).is_some()).collect();
        assert_eq!(left, (12..20).collect::<Vec<_>>());
        for n in 0..5000 {
            waiting.insert(ticket(n), AccountId::random(), n, now);
        }
        assert_eq!(waiting.entries().len(), MOST);
    }
}
