//! The doors in numbers: who came, who is half open, who was turned away.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric as _};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;

use super::limits::HalfOpen;
use super::sniff::Kind;

/// How many connections of each kind came. Clones count together.
#[derive(Debug, Clone, Default)]
pub struct Arrivals {
    counts: Arc<Counts>,
}

#[derive(Debug, Default)]
struct Counts {
    of_kind: [AtomicU64; Kind::ALL.len()],
    silent: AtomicU64,
}

impl Arrivals {
    /// One more of a kind; of none, when it left or its time was over before it said what it is.
    pub(super) fn add(&self, kind: Option<Kind>) {
        self.count(kind).fetch_add(1, Ordering::Relaxed);
    }

    /// How many of a kind came so far; of none, those that never said what they are.
    pub fn so_far(&self, kind: Option<Kind>) -> u64 {
        self.count(kind).load(Ordering::Relaxed)
    }

    fn count(&self, kind: Option<Kind>) -> &AtomicU64 {
        let of_kind =
            |kind| Kind::ALL.iter().position(|known| *known == kind).and_then(|at| self.counts.of_kind.get(at));
        kind.and_then(of_kind).unwrap_or(&self.counts.silent)
    }
}

/// What is read when somebody asks for the numbers.
#[derive(Debug)]
pub struct DoorNumbers {
    /// Who came.
    pub arrivals: Arrivals,
    /// Who has not signed in.
    pub half_open: HalfOpen,
    /// Browsers.
    pub browsers: HalfOpen,
}

impl Collector for DoorNumbers {
    fn encode(&self, mut to: DescriptorEncoder<'_>) -> fmt::Result {
        let help = "Connections accepted so far, by what their first bytes said they are";
        let mut family = to.encode_descriptor("connections_accepted", help, None, MetricType::Counter)?;
        for kind in Kind::ALL.map(Some).into_iter().chain([None]) {
            let label = [("kind", kind.map_or("silent", Kind::as_str))];
            ConstCounter::new(self.arrivals.so_far(kind)).encode(family.encode_family(&label)?)?;
        }
        let counts = [("half_open", &self.half_open), ("browsers", &self.browsers)];
        let help = "Connections that are there now: those that have not signed in (half_open), and browsers";
        let mut family = to.encode_descriptor("connections", help, None, MetricType::Gauge)?;
        for (name, count) in counts {
            ConstGauge::new(wide(count.count())).encode(family.encode_family(&[("of", name)])?)?;
        }
        let help = "How many connections there may be of each, in all and from one address";
        let mut family = to.encode_descriptor("connections_limit", help, None, MetricType::Gauge)?;
        for (name, count) in counts {
            for (scope, limit) in [("total", count.total()), ("address", count.per_address())] {
                ConstGauge::new(wide(limit)).encode(family.encode_family(&[("of", name), ("scope", scope)])?)?;
            }
        }
        let help = "Connections turned away so far because a limit was met";
        let mut family = to.encode_descriptor("connections_refused", help, None, MetricType::Counter)?;
        for (name, count) in counts {
            ConstCounter::new(count.refused()).encode(family.encode_family(&[("of", name)])?)?;
        }
        Ok(())
    }
}

fn wide(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}
