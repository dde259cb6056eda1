//! What went through a session: counted by its relay, read by anybody.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use serde::Serialize;

/// What went through a session so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Traffic {
    /// Bytes from the workstation to the SQL Server.
    pub bytes_up: u64,
    /// Bytes from the SQL Server to the workstation.
    pub bytes_down: u64,
    /// Packets from the workstation to the SQL Server.
    pub packets_up: u64,
    /// Packets from the SQL Server to the workstation.
    pub packets_down: u64,
    /// Whole requests: batches, calls, bulk loads, transaction requests.
    pub batches: u64,
}

/// The counters, written by the relay alone and read by anybody.
#[derive(Debug)]
pub struct Counters {
    bytes_up: AtomicU64,
    bytes_down: AtomicU64,
    packets_up: AtomicU64,
    packets_down: AtomicU64,
    batches: AtomicU64,
    /// A request was sent whose response has not ended.
    awaiting: AtomicBool,
    /// Monotonic time of the last byte, in milliseconds.
    last: AtomicU64,
}

impl Counters {
    /// Nothing yet; the last byte passed at `now`.
    pub fn starting_at(now: Duration) -> Self {
        Self {
            bytes_up: AtomicU64::new(0),
            bytes_down: AtomicU64::new(0),
            packets_up: AtomicU64::new(0),
            packets_down: AtomicU64::new(0),
            batches: AtomicU64::new(0),
            awaiting: AtomicBool::new(false),
            last: AtomicU64::new(millis(now)),
        }
    }

    /// Adds what a lane carried since it was last counted.
    pub(super) fn add(&self, up: Tally, down: Tally, now: Duration) {
        for (counter, amount) in [
            (&self.bytes_up, up.bytes),
            (&self.bytes_down, down.bytes),
            (&self.packets_up, up.packets),
            (&self.packets_down, down.packets),
            (&self.batches, up.messages),
        ] {
            if amount > 0 {
                counter.fetch_add(amount, Relaxed);
            }
        }
        if up.messages > 0 {
            self.awaiting.store(true, Relaxed);
        }
        if down.messages > 0 {
            self.awaiting.store(false, Relaxed);
        }
        self.last.store(millis(now), Relaxed);
    }

    /// What was counted.
    pub fn traffic(&self) -> Traffic {
        Traffic {
            bytes_up: self.bytes_up.load(Relaxed),
            bytes_down: self.bytes_down.load(Relaxed),
            packets_up: self.packets_up.load(Relaxed),
            packets_down: self.packets_down.load(Relaxed),
            batches: self.batches.load(Relaxed),
        }
    }

    /// How long no byte has passed, at `now`.
    pub fn idle(&self, now: Duration) -> Duration {
        now.saturating_sub(Duration::from_millis(self.last.load(Relaxed)))
    }

    /// Whether the SQL Server still works on a request: a long quiet statement is not an idle session.
    pub fn is_awaiting(&self) -> bool {
        self.awaiting.load(Relaxed)
    }
}

/// What one lane carried in one go.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Tally {
    pub bytes: u64,
    pub packets: u64,
    pub messages: u64,
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
