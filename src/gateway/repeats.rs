//! Refusals that anybody can cause, as often as they like, without knowing anything: each kind is written to the audit
//! once a minute for each caller, and counted after that, so that a flood fills neither the audit nor the disk.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::record;
use super::refusal::Refusal;
use super::serve::Parts;
use crate::domain::network::origin;
use crate::platform::Tasks;

/// The counts of this minute. Clones count together.
#[derive(Debug, Clone, Default)]
pub(super) struct Repeats {
    counts: Arc<Mutex<HashMap<(IpAddr, String), u64>>>,
}

/// What was not written of one kind of refusal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Unwritten {
    /// Whom it was refused: an address, of IPv6 its /64; `::` for those beyond what is kept apart.
    pub origin: IpAddr,
    /// Why.
    pub reason: String,
    /// How often.
    pub count: u64,
}

impl Repeats {
    /// Whether this refusal is to be written; otherwise it was counted.
    pub(super) fn is_first(&self, refusal: &Refusal, peer: IpAddr) -> bool {
        if !refusal.is_cheap() {
            return true;
        }
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        let mut key = (origin(peer), refusal.to_string());
        if counts.len() >= MOST_APART && !counts.contains_key(&key) {
            key.0 = IpAddr::V6(Ipv6Addr::UNSPECIFIED);
        }
        let seen = counts.entry(key).or_insert(0);
        *seen = seen.saturating_add(1);
        *seen == 1
    }

    /// What was counted and not written, and a new minute.
    fn take(&self) -> Vec<Unwritten> {
        let counts = std::mem::take(&mut *self.counts.lock().unwrap_or_else(PoisonError::into_inner));
        let repeated = counts.into_iter().filter(|(_, seen)| *seen > 1);
        repeated.map(|((origin, reason), seen)| Unwritten { origin, reason, count: seen - 1 }).collect()
    }
}

/// Writes down once a minute, and at the end, what was only counted.
pub(super) fn start(parts: &Arc<Parts>, repeats: &Repeats, tasks: &Tasks) {
    let (parts, repeats, stopping) = (Arc::clone(parts), repeats.clone(), tasks.stopping());
    tasks.spawn("repeated refusals", async move {
        tokio::pin!(stopping);
        let mut last = false;
        while !last {
            last = tokio::select! {
                () = parts.clock.sleep(MINUTE) => false,
                () = &mut stopping => true,
            };
            for unwritten in repeats.take() {
                if let Err(error) = parts.audit.record(record::repeated(&unwritten)).await {
                    tracing::error!(%error, ?unwritten, "refused logins could not be written to the audit");
                }
            }
        }
    });
}

const MINUTE: Duration = Duration::from_secs(60);
/// So many callers and kinds are kept apart in a minute.
const MOST_APART: usize = 1024;

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(last: u32) -> IpAddr {
        IpAddr::from([10, 1, u8::try_from(last / 256).unwrap(), u8::try_from(last % 256).unwrap()])
    }

    #[test]
    fn a_wrong_password_is_always_written_and_a_flood_of_nonsense_once() {
        let repeats = Repeats::default();
        for round in 0..10 {
            assert!(repeats.is_first(&Refusal::Wrong { user: "ada".into() }, ip(1)));
            assert_eq!(repeats.is_first(&Refusal::Malformed, ip(1)), round == 0);
            assert_eq!(repeats.is_first(&Refusal::NotEncrypted, ip(1)), round == 0, "each kind for itself");
        }
        let counted: u64 = repeats.take().iter().map(|unwritten| unwritten.count).sum();
        assert_eq!(counted, 18);
        assert!(repeats.is_first(&Refusal::Malformed, ip(1)), "a new minute");
    }

    #[test]
    fn a_flood_from_everywhere_takes_a_bounded_room() {
        let repeats = Repeats::default();
        let written = (0..5000).filter(|from| repeats.is_first(&Refusal::Malformed, ip(*from))).count();
        assert_eq!(written, MOST_APART + 1);
        assert_eq!(repeats.take().iter().map(|unwritten| unwritten.count).sum::<u64>(), 5000 - written as u64);
    }
}
