//! How many connections may be half open: accepted, but not signed in yet. Per address and in all.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use crate::domain::network;

/// The counts of half-open connections. Clones, and doors that share one, count together.
#[derive(Debug, Clone)]
pub struct HalfOpen {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    per_address: usize,
    total: usize,
    counts: Mutex<Counts>,
}

#[derive(Debug, Default)]
struct Counts {
    total: usize,
    /// Only addresses that have one: it empties as they leave.
    by_address: HashMap<IpAddr, usize>,
    refused: u64,
}

/// One place among the half-open connections. It travels with its connection, and is given back when dropped: when
/// the connection has signed in, or has ended.
#[derive(Debug)]
pub struct Admission {
    shared: Arc<Shared>,
    address: IpAddr,
}

impl HalfOpen {
    /// At most `per_address` from one address, and `total` in all; at least one each.
    pub fn new(per_address: usize, total: usize) -> Self {
        let shared = Shared { per_address: per_address.max(1), total: total.max(1), counts: Mutex::default() };
        Self { shared: Arc::new(shared) }
    }

    /// Counts of their own within the same limits.
    pub fn same_limits(&self) -> Self {
        Self::new(self.shared.per_address, self.shared.total)
    }

    /// A place for a connection from `address`, if there is one.
    pub fn admit(&self, address: IpAddr) -> Option<Admission> {
        let address = network::origin(address);
        let mut counts = self.shared.counts();
        let from_there = counts.by_address.get(&address).copied().unwrap_or_default();
        if counts.total >= self.shared.total || from_there >= self.shared.per_address {
            counts.refused += 1;
            // Once, twice, four times: said without letting whoever floods us flood the log as well.
            if counts.refused.is_power_of_two() {
                let (refused, total) = (counts.refused, counts.total);
                drop(counts);
                tracing::warn!(peer.ip = %address, from_there, total, refused, "too many connections that have not signed in");
            }
            return None;
        }
        counts.total += 1;
        *counts.by_address.entry(address).or_default() += 1;
        Some(Admission { shared: Arc::clone(&self.shared), address })
    }

    /// Gives `admission` back for a place here, if there is one: who turned out to be of another kind is counted there.
    pub fn take_over(&self, admission: Admission) -> Option<Admission> {
        self.admit(admission.address)
    }

    /// How many are half open now.
    pub fn count(&self) -> usize {
        self.shared.counts().total
    }

    /// How many there may be from one address.
    pub fn per_address(&self) -> usize {
        self.shared.per_address
    }

    /// How many there may be in all.
    pub fn total(&self) -> usize {
        self.shared.total
    }

    /// How many were turned away so far.
    pub fn refused(&self) -> u64 {
        self.shared.counts().refused
    }
}

impl Drop for Admission {
    fn drop(&mut self) {
        let mut counts = self.shared.counts();
        counts.total = counts.total.saturating_sub(1);
        if let Some(left) = counts.by_address.get_mut(&self.address) {
            *left = left.saturating_sub(1);
            if *left == 0 {
                counts.by_address.remove(&self.address);
            }
        }
    }
}

impl Shared {
    fn counts(&self) -> std::sync::MutexGuard<'_, Counts> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn one_address_cannot_take_every_place() {
        let limits = HalfOpen::new(2, 3);
        let first = limits.admit(ip("10.0.0.1")).unwrap();
        let _second = limits.admit(ip("::ffff:10.0.0.1")).unwrap();
        assert!(limits.admit(ip("10.0.0.1")).is_none());
        let _third = limits.admit(ip("10.0.0.2")).unwrap();
        assert!(limits.admit(ip("10.0.0.3")).is_none(), "the total");
        drop(first);
        assert!(limits.admit(ip("10.0.0.1")).is_some());
        assert_eq!(limits.refused(), 2);
    }

    #[test]
    fn who_is_taken_over_counts_there_and_no_longer_here() {
        let limits = HalfOpen::new(1, 1);
        let browsers = limits.same_limits();
        let first = browsers.take_over(limits.admit(ip("10.0.0.1")).unwrap()).unwrap();
        assert_eq!((limits.count(), browsers.count()), (0, 1));
        assert!(browsers.take_over(limits.admit(ip("10.0.0.1")).unwrap()).is_none());
        assert_eq!((limits.count(), browsers.count()), (0, 1));
        drop(first);
        assert_eq!((limits.count(), browsers.count()), (0, 0));
    }

    #[test]
    fn nothing_is_remembered_of_who_left() {
        let limits = HalfOpen::new(2, 100);
        for last in 0..50 {
            drop(limits.admit(IpAddr::from([10, 0, 0, last])));
        }
        assert_eq!(limits.count(), 0);
        assert!(limits.shared.counts().by_address.is_empty());
    }
}
