//! The sessions in numbers, read when somebody asks for them.

use std::fmt;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric as _};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::gauge::ConstGauge;

use super::registry::Registry;

/// How many sessions are live, and may be.
#[derive(Debug)]
pub struct SessionNumbers(pub Registry);

impl Collector for SessionNumbers {
    fn encode(&self, mut to: DescriptorEncoder<'_>) -> fmt::Result {
        let limits = self.0.limits();
        let numbers = [
            ("sessions", "Sessions that are live now", self.0.count()),
            ("sessions_limit", "How many sessions there may be; 0 is no limit", limits.total),
            ("sessions_limit_per_account", "How many sessions one account may have; 0 is no limit", limits.per_account),
        ];
        for (name, help, number) in numbers {
            let metric = to.encode_descriptor(name, help, None, MetricType::Gauge)?;
            ConstGauge::new(i64::try_from(number).unwrap_or(i64::MAX)).encode(metric)?;
        }
        Ok(())
    }
}
