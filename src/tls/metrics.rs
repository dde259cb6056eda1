//! The numbers of the certificates: how long each lasts, which one is shown, how its source fares.

use std::sync::Arc;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric as _};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::gauge::ConstGauge;

use super::shown::Shown;
use super::source::{Origin, Status};
use crate::domain::Timestamp;
use crate::platform::Clock;
use crate::telemetry::Metrics;

/// Registers them: they are read whenever somebody asks.
pub(super) fn register(shown: &Shown, clock: Arc<dyn Clock>, metrics: &Metrics) {
    let numbers = Numbers { shown: shown.clone(), clock };
    metrics.register(|registry| registry.register_collector(Box::new(numbers)));
}

/// Asks the sources.
struct Numbers {
    shown: Shown,
    clock: Arc<dyn Clock>,
}

impl std::fmt::Debug for Numbers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Numbers")
    }
}

/// One number of a source, where it has it.
type Number<'a> = dyn Fn(&Status) -> Option<f64> + 'a;

impl Collector for Numbers {
    fn encode(&self, mut encoder: DescriptorEncoder) -> Result<(), std::fmt::Error> {
        let (now, active) = (self.clock.now(), self.shown.active());
        let statuses = self.shown.statuses();
        // Sources that nobody uses are left out.
        let in_use = |status: &&Status| {
            status.certificate.is_some() || status.error.is_some() || status.origin == Origin::Authority
        };
        let end = |status: &Status| status.certificate.as_ref().map(|facts| facts.not_after);
        let numbers: [(&str, &str, &Number<'_>); 6] = [
            ("certificate_expiry_timestamp_seconds", "When the certificate of a source ends", &|s| end(s).map(seconds)),
            ("certificate_days_left", "How many days the certificate of a source lasts", &|s| {
                end(s).map(|end| (seconds(end) - seconds(now)) / 86_400.0)
            }),
            ("certificate_active", "Whether the certificate of a source is the one that is shown", &|s| {
                Some(f64::from(u8::from(s.origin == active)))
            }),
            ("certificate_renewed_timestamp_seconds", "When a source last got a certificate", &|s| {
                s.renewed.map(seconds)
            }),
            ("certificate_next_try_timestamp_seconds", "When a source tries for another one", &|s| {
                s.next_try.map(seconds)
            }),
            ("certificate_last_try_failed", "Whether the last try of a source failed", &|s| {
                Some(f64::from(u8::from(s.error.is_some())))
            }),
        ];
        for (name, help, number) in numbers {
            let mut family = encoder.encode_descriptor(name, help, None, MetricType::Gauge)?;
            for status in statuses.iter().filter(in_use) {
                if let Some(value) = number(status) {
                    let labels = [("origin", status.origin.as_str())];
                    ConstGauge::new(value).encode(family.encode_family(&labels)?)?;
                }
            }
        }
        Ok(())
    }
}

fn seconds(at: Timestamp) -> f64 {
    at.as_millis() as f64 / 1000.0
}
