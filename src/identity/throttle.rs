//! Growing delays after failed sign-ins. No I/O, no clock: the time is passed in.
//!
//! Failures are counted three ways: for a name from an address (the pair), for an address whatever the name, and for a
//! name whatever the address. The pair is the sharp one: `free_tries`, then `first_delay`, doubling to `longest_delay`.
//! The other two stop who spreads guesses over many names or many addresses, and begin only at ten times as many
//! tries; the name's delay stays at a tenth of the longest, so that a flood against one name slows guessing to a
//! crawl and yet leaves its owner a way in. A pair that signed in within the last half day is held to its own count
//! alone: no stranger's failures, from elsewhere or from behind the same router, lock it out. A success forgives its
//! own pair and nothing else, so an attacker cannot wash his failures away with an account of his own.
//!
//! Names are counted whether they exist or not. Attempts made during a delay do not lengthen it: a driver that
//! reconnects by itself does not lock its user out for good. Memory is bounded; the longest untouched goes first.

use std::collections::HashMap;
use std::hash::{BuildHasher as _, RandomState};
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::domain::name::fold;
use crate::domain::network;

/// How many tries are free, and how the delay grows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Failures without a delay.
    pub free_tries: u32,
    /// The first delay.
    pub first_delay: Duration,
    /// What the doubling delay stops at.
    pub longest_delay: Duration,
}

/// The counts of failed sign-ins.
#[derive(Debug)]
pub struct Throttle {
    limits: Limits,
    hashing: RandomState,
    counts: Mutex<Counts>,
}

/// Whom an attempt counts against.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Suspect {
    name: u64,
    address: IpAddr,
}

impl Throttle {
    /// No failures yet.
    pub fn new(limits: Limits) -> Self {
        Self { limits, hashing: RandomState::new(), counts: Mutex::default() }
    }

    /// Whom an attempt under `name` from `peer` counts against. Of an IPv6 address the network counts: its holder has all of it.
    pub fn suspect(&self, name: &str, peer: IpAddr) -> Suspect {
        Suspect { name: self.hashing.hash_one(fold(name)), address: network::origin(peer) }
    }

    /// Whether a guess may be made now, or how long to wait.
    pub fn check(&self, suspect: Suspect, now: Duration) -> Result<(), Duration> {
        let counts = self.counts();
        let mut until = counts.pairs.until(&suspect);
        if !counts.trusts(suspect, now) {
            until = until.max(counts.addresses.until(&suspect.address)).max(counts.names.until(&suspect.name));
        }
        match until.checked_sub(now) {
            Some(wait) if !wait.is_zero() => Err(wait),
            _ => Ok(()),
        }
    }

    /// Counts a guess against its pair before it is made, if it may be made now; [`Throttle::succeeded`] takes that back.
    pub fn attempt(&self, suspect: Suspect, now: Duration) -> Result<(), Duration> {
        let (pair, forget) = (self.limits, self.forget_after());
        let mut counts = self.counts();
        match counts.pairs.until(&suspect).checked_sub(now) {
            Some(wait) if !wait.is_zero() => Err(wait),
            _ => {
                counts.pairs.add(suspect, now, pair, forget);
                Ok(())
            }
        }
    }

    /// Counts a wrong guess at a password.
    pub fn failed(&self, suspect: Suspect, now: Duration) {
        let (pair, wider, forget) = (self.limits, self.wider(), self.forget_after());
        let mut counts = self.counts();
        counts.pairs.add(suspect, now, pair, forget);
        counts.addresses.add(suspect.address, now, wider, forget);
        counts.names.add(suspect.name, now, wider, forget);
    }

    /// Counts against its pair alone: a wrong generated secret, which nobody can guess, so this only quietens whoever keeps presenting an
    /// old one; or a wrong code that somebody tries who is signed in.
    pub fn failed_with_generated(&self, suspect: Suspect, now: Duration) {
        self.counts().pairs.add(suspect, now, self.limits, self.forget_after());
    }

    /// Forgives the pair, and trusts it for a while.
    pub fn succeeded(&self, suspect: Suspect, now: Duration) {
        let mut counts = self.counts();
        counts.pairs.entries.remove(&suspect);
        counts.good.add(suspect, now, self.limits, TRUST_FOR);
    }

    fn wider(&self) -> Limits {
        let Limits { free_tries, first_delay, longest_delay } = self.limits;
        Limits { free_tries: free_tries.saturating_mul(WIDER), first_delay, longest_delay: longest_delay / WIDER }
    }

    fn forget_after(&self) -> Duration {
        self.limits.longest_delay.saturating_mul(12).max(Duration::from_secs(900))
    }

    fn counts(&self) -> std::sync::MutexGuard<'_, Counts> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Limits {
    /// The delay after so many failures.
    fn delay(&self, failures: u32) -> Duration {
        match failures.checked_sub(self.free_tries) {
            None => Duration::ZERO,
            Some(over) => self.first_delay.saturating_mul(2u32.saturating_pow(over)).min(self.longest_delay),
        }
    }
}

#[derive(Debug, Default)]
struct Counts {
    pairs: Tally<Suspect>,
    addresses: Tally<IpAddr>,
    names: Tally<u64>,
    good: Tally<Suspect>,
}

impl Counts {
    fn trusts(&self, suspect: Suspect, now: Duration) -> bool {
        self.good.entries.get(&suspect).is_some_and(|entry| now.saturating_sub(entry.touched) < TRUST_FOR)
    }
}

/// A bounded map of counts.
#[derive(Debug)]
struct Tally<K> {
    entries: HashMap<K, Entry>,
}

#[derive(Debug, Clone, Copy)]
struct Entry {
    failures: u32,
    touched: Duration,
    until: Duration,
}

impl<K: std::hash::Hash + Eq + Copy> Tally<K> {
    fn until(&self, key: &K) -> Duration {
        self.entries.get(key).map_or(Duration::ZERO, |entry| entry.until)
    }

    fn add(&mut self, key: K, now: Duration, limits: Limits, forget_after: Duration) {
        if self.entries.len() >= MOST_ENTRIES && !self.entries.contains_key(&key) {
            self.make_room(now, forget_after);
        }
        let entry = self.entries.entry(key).or_insert(Entry { failures: 0, touched: now, until: now });
        if now.saturating_sub(entry.touched) >= forget_after {
            entry.failures = 0;
        }
        entry.failures = entry.failures.saturating_add(1);
        entry.touched = now;
        entry.until = now.saturating_add(limits.delay(entry.failures));
    }

    /// Drops what is forgotten anyway; if that is too little, the quarter that was touched longest ago.
    fn make_room(&mut self, now: Duration, forget_after: Duration) {
        self.entries.retain(|_, entry| now.saturating_sub(entry.touched) < forget_after);
        if self.entries.len() > MOST_ENTRIES / 4 * 3 {
            let mut touched: Vec<Duration> = self.entries.values().map(|entry| entry.touched).collect();
            let (_, oldest_kept, _) = touched.select_nth_unstable(MOST_ENTRIES / 4);
            let oldest_kept = *oldest_kept;
            self.entries.retain(|_, entry| entry.touched > oldest_kept);
        }
    }
}

impl<K> Default for Tally<K> {
    fn default() -> Self {
        Self { entries: HashMap::new() }
    }
}

/// How much further the counts by address alone and by name alone reach than the pair's.
const WIDER: u32 = 10;

/// How long a pair is trusted after it signed in.
const TRUST_FOR: Duration = Duration::from_secs(12 * 60 * 60);

/// Entries of each count: about a megabyte each when full.
const MOST_ENTRIES: usize = 16_384;

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: Limits =
        Limits { free_tries: 5, first_delay: Duration::from_secs(1), longest_delay: Duration::from_secs(300) };
    const HERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1));
    const THERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(198, 51, 100, 7));

    fn seconds(n: u64) -> Duration {
        Duration::from_secs(n)
    }

    fn address(n: u32) -> IpAddr {
        IpAddr::V4(std::net::Ipv4Addr::from_bits(0x0a00_0000 + n))
    }

    #[test]
    fn the_first_tries_are_free_and_the_delay_doubles_up_to_the_longest() {
        let throttle = Throttle::new(LIMITS);
        let suspect = throttle.suspect("ada", HERE);
        let mut waits = Vec::new();
        let mut now = Duration::ZERO;
        for _ in 0..16 {
            throttle.failed(suspect, now);
            let wait = throttle.check(suspect, now).err().unwrap_or_default();
            waits.push(wait.as_secs());
            now += wait;
        }
        assert_eq!(waits, [0, 0, 0, 0, 1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300, 300]);
    }

    #[test]
    fn a_name_is_the_same_name_in_any_case_and_an_ipv6_network_is_one_address() {
        let throttle = Throttle::new(LIMITS);
        let [a, b] = ["2001:db8::1", "2001:db8::ffff:2"].map(|text| text.parse().unwrap());
        assert_eq!(throttle.suspect("Ada", a), throttle.suspect("ADA", b));
        assert_eq!(throttle.suspect("ada", "::ffff:192.0.2.1".parse().unwrap()), throttle.suspect("ada", HERE));
    }

    #[test]
    fn failures_elsewhere_do_not_delay_whoever_signed_in_here_before() {
        let throttle = Throttle::new(LIMITS);
        let owner = throttle.suspect("ada", HERE);
        throttle.succeeded(owner, seconds(0));
        for n in 0..1000 {
            throttle.failed(throttle.suspect("ada", address(n)), seconds(1));
        }
        assert_eq!(throttle.check(owner, seconds(1)), Ok(()));
        assert!(throttle.check(throttle.suspect("ada", THERE), seconds(1)).is_err(), "a newcomer waits");
    }

    #[test]
    fn a_newcomer_waits_at_most_a_tenth_of_the_longest_delay_for_a_name_under_attack() {
        let throttle = Throttle::new(LIMITS);
        for n in 0..1000 {
            throttle.failed(throttle.suspect("ada", address(n)), seconds(1));
        }
        assert_eq!(throttle.check(throttle.suspect("ada", THERE), seconds(1)), Err(seconds(30)));
    }

    #[test]
    fn an_attacker_does_not_wash_his_failures_away_with_an_account_of_his_own() {
        let throttle = Throttle::new(LIMITS);
        for n in 0..60 {
            throttle.failed(throttle.suspect(&format!("name {n}"), HERE), seconds(1));
            throttle.succeeded(throttle.suspect("mallory", HERE), seconds(1));
        }
        assert!(throttle.check(throttle.suspect("another name", HERE), seconds(1)).is_err());
        assert_eq!(throttle.check(throttle.suspect("mallory", HERE), seconds(1)), Ok(()));
    }

    #[test]
    fn a_trusted_pair_is_held_to_its_own_count() {
        let throttle = Throttle::new(LIMITS);
        let suspect = throttle.suspect("ada", HERE);
        throttle.succeeded(suspect, seconds(0));
        (0..5).for_each(|_| throttle.failed(suspect, seconds(1)));
        assert_eq!(throttle.check(suspect, seconds(1)), Err(seconds(1)));
    }

    #[test]
    fn failures_are_forgotten_after_a_long_quiet() {
        let throttle = Throttle::new(LIMITS);
        let suspect = throttle.suspect("ada", HERE);
        (0..20).for_each(|_| throttle.failed(suspect, seconds(0)));
        throttle.failed(suspect, seconds(3600));
        assert_eq!(throttle.check(suspect, seconds(3600)), Ok(()));
    }

    #[test]
    fn however_many_strangers_come_the_memory_is_bounded_and_recent_counts_stay() {
        let throttle = Throttle::new(LIMITS);
        for n in 0..60_000u32 {
            throttle.failed(throttle.suspect(&n.to_string(), address(n)), Duration::from_millis(n.into()));
        }
        let last = throttle.suspect("59999", address(59_999));
        (0..5).for_each(|_| throttle.failed(last, seconds(60)));
        assert!(throttle.check(last, seconds(60)).is_err());
        let counts = throttle.counts();
        assert!(counts.pairs.entries.len() <= MOST_ENTRIES);
        assert!(counts.names.entries.len() <= MOST_ENTRIES);
        assert!(counts.addresses.entries.len() <= MOST_ENTRIES);
    }

    proptest::proptest! {
        #[test]
        fn a_delay_never_passes_the_longest_and_never_shrinks_with_more_failures(a in 0u32..200, b in 0u32..200) {
            let (fewer, more) = (LIMITS.delay(a.min(b)), LIMITS.delay(a.max(b)));
            proptest::prop_assert!(fewer <= more && more <= LIMITS.longest_delay);
        }
    }
}
