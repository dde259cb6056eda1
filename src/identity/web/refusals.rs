//! Refused sign-ins that cost whoever sends them nothing: one of each minute and address is written to the audit, the
//! others are counted, and told with the next one that is written.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::domain::network::origin;

/// What was refused of late.
#[derive(Debug, Default)]
pub(in crate::identity) struct Refusals {
    seen: Mutex<HashMap<IpAddr, Seen>>,
}

#[derive(Debug, Clone, Copy)]
struct Seen {
    written: Duration,
    unwritten: u64,
}

impl Refusals {
    /// Whether this one is to be written, and how many before it were not.
    pub(super) fn to_write(&self, peer: IpAddr, now: Duration) -> Option<u64> {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let mut from = origin(peer);
        if seen.len() >= MOST_APART && !seen.contains_key(&from) {
            seen.retain(|_, one| one.unwritten > 0 || now.saturating_sub(one.written) < MINUTE);
            if seen.len() >= MOST_APART {
                from = IpAddr::V6(Ipv6Addr::UNSPECIFIED);
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

const MINUTE: Duration = Duration::from_secs(60);
/// So many addresses are kept apart.
const MOST_APART: usize = 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_is_written_once_a_minute_and_counted() {
        let (refusals, here) = (Refusals::default(), IpAddr::from([192, 0, 2, 1]));
        assert_eq!(refusals.to_write(here, Duration::ZERO), Some(0));
        for _ in 0..500 {
            assert_eq!(refusals.to_write(here, Duration::from_secs(1)), None);
        }
        assert_eq!(refusals.to_write(here, Duration::from_secs(60)), Some(500));
        assert_eq!(refusals.to_write(here, Duration::from_secs(120)), Some(0));
    }

    #[test]
    fn a_flood_from_everywhere_takes_a_bounded_room() {
        let refusals = Refusals::default();
        let written = (0..5000_u32)
            .filter(|n| refusals.to_write(IpAddr::V4(std::net::Ipv4Addr::from_bits(*n + 1)), Duration::ZERO).is_some());
        assert_eq!(written.count(), MOST_APART + 1);
    }
}
