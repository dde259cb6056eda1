//! Refusals that cost whoever causes them nothing: of each action and address one a minute is written to the audit, the
//! others are counted, and told with the next one that is written. By action, so that no noise hides what else is tried.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::domain::network::origin;

/// What was refused of late.
#[derive(Debug, Default)]
pub(in crate::identity) struct Refusals {
    seen: Mutex<HashMap<Key, Seen>>,
}

/// What was refused, and from where.
type Key = (&'static str, IpAddr);

#[derive(Debug, Clone, Copy)]
struct Seen {
    written: Duration,
    unwritten: u64,
}

impl Refusals {
    /// Whether this one is to be written, and how many before it were not.
    pub(super) fn to_write(&self, action: &'static str, peer: IpAddr, now: Duration) -> Option<u64> {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let mut from = (action, origin(peer));
        if seen.len() >= MOST_APART && !seen.contains_key(&from) {
            make_room(&mut seen, now);
            if seen.len() >= MOST_APART {
                from = (action, EVERYWHERE);
            }
        }
        match seen.get_mut(&from) {
            Some(one) if now.saturating_sub(one.written) < MINUTE => {
                one.unwritten = one.unwritten.saturating_add(1);
                None
            }
            Some(one) => {
                one.written = now;
                Some(std::mem::take(&mut one.unwritten))
            }
            None => {
                seen.insert(from, Seen { written: now, unwritten: 0 });
                Some(0)
            }
        }
    }
}

/// Drops what was written a minute ago and longer. What was counted since is not lost: it counts with what comes from everywhere.
fn make_room(seen: &mut HashMap<Key, Seen>, now: Duration) {
    let mut untold: HashMap<&'static str, u64> = HashMap::new();
    seen.retain(|(action, from), one| {
        let stays = *from == EVERYWHERE || now.saturating_sub(one.written) < MINUTE;
        if !stays && one.unwritten > 0 {
            let count = untold.entry(*action).or_default();
            *count = count.saturating_add(one.unwritten);
        }
        stays
    });
    for (action, count) in untold {
        let all = seen.entry((action, EVERYWHERE)).or_insert(Seen { written: now, unwritten: 0 });
        all.unwritten = all.unwritten.saturating_add(count);
    }
}

/// Stands for whatever addresses are not kept apart.
const EVERYWHERE: IpAddr = IpAddr::V6(Ipv6Addr::UNSPECIFIED);
const MINUTE: Duration = Duration::from_secs(60);
/// So many are kept apart; more of an action count together, from wherever they come.
const MOST_APART: usize = 1024;

#[cfg(test)]
mod tests {
    use super::*;

    const ACTION: &str = "web.sign-in";

    #[test]
    fn a_flood_is_written_once_a_minute_and_counted() {
        let (refusals, here) = (Refusals::default(), IpAddr::from([192, 0, 2, 1]));
        assert_eq!(refusals.to_write(ACTION, here, Duration::ZERO), Some(0));
        for _ in 0..500 {
            assert_eq!(refusals.to_write(ACTION, here, Duration::from_secs(1)), None);
        }
        assert_eq!(refusals.to_write(ACTION, here, Duration::from_secs(60)), Some(500));
        assert_eq!(refusals.to_write(ACTION, here, Duration::from_secs(120)), Some(0));
    }

    #[test]
    fn noise_of_one_kind_hides_nothing_of_another() {
        let (refusals, here) = (Refusals::default(), IpAddr::from([192, 0, 2, 1]));
        for n in 0..3 {
            assert_eq!(refusals.to_write("web.malformed", here, Duration::ZERO), (n == 0).then_some(0));
        }
        assert_eq!(refusals.to_write("api.sign-in", here, Duration::from_secs(1)), Some(0));
        assert_eq!(refusals.to_write("web.malformed", here, Duration::from_secs(60)), Some(2));
    }

    #[test]
    fn after_a_flood_addresses_are_told_apart_again_and_what_was_counted_is_told() {
        let (refusals, minute) = (Refusals::default(), Duration::from_secs(60));
        let peer = |n: u32| IpAddr::V4(std::net::Ipv4Addr::from_bits(n + 1));
        for n in (0..1024).chain(0..1024) {
            refusals.to_write(ACTION, peer(n), Duration::ZERO);
        }
        let second = (2000..4000).filter_map(|n| refusals.to_write(ACTION, peer(n), minute));
        assert_eq!(second.collect::<Vec<_>>(), [0; 1023], "the table was full of what is a minute old");
        assert_eq!(refusals.to_write(ACTION, peer(5000), minute * 3), Some(0));
        let told = (6000..8000).filter_map(|n| refusals.to_write(ACTION, peer(n), minute * 3)).sum::<u64>();
        assert_eq!(told, 1024 + (2000 - 1023), "each that was not written was counted");
    }

    #[test]
    fn a_flood_from_everywhere_takes_a_bounded_room() {
        let refusals = Refusals::default();
        let flood = |action, from: std::ops::Range<u32>| {
            let peer = |n| IpAddr::V4(std::net::Ipv4Addr::from_bits(n + 1));
            from.filter(|n| refusals.to_write(action, peer(*n), Duration::ZERO).is_some()).count()
        };
        assert_eq!(flood(ACTION, 0..5000), MOST_APART + 1);
        assert_eq!(flood("web.malformed", 0..5000), 1, "what comes late counts together, each action by itself");
    }
}
