//! What the appliance tells about itself: log lines as text or JSON, with secrets kept out; [`Health`]; [`Metrics`].
//!
//! Secrets are kept out three times over: they have a type that does not print ([`crate::domain::Secret`]); libraries, which do not
//! know that type, are never heard below `info`; and whatever still looks like a generated secret is masked on its way out.

mod health;
mod metrics;
mod panics;
mod redact;
mod spans;

use std::io::IsTerminal as _;

use tracing_subscriber::Layer as _;
use tracing_subscriber::filter::{EnvFilter, FilterExt as _, filter_fn};
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt as _;

pub use health::Health;
pub use metrics::Metrics;
pub use redact::redacted;
pub use spans::{current_request, session_span, within_request, within_same_request};

use crate::config::{Log, LogFormat};

/// Why logging did not start. The operator's side.
#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    /// `log.filter` is not a filter.
    #[error("the setting log.filter is not a filter")]
    Filter(#[source] tracing_subscriber::filter::ParseError),
    /// Somebody in this process logs already.
    #[error("logging was started twice")]
    Twice(#[source] tracing::subscriber::SetGlobalDefaultError),
}

/// Starts logging to the standard error of this process, and reports panics there too.
pub fn init(settings: &Log) -> Result<(), TelemetryError> {
    let text = match settings.format {
        LogFormat::Auto => std::io::stderr().is_terminal(),
        LogFormat::Text => true,
        LogFormat::Json => false,
    };
    let subscriber = subscriber(&settings.filter, text, std::io::stderr)?;
    tracing::subscriber::set_global_default(subscriber).map_err(TelemetryError::Twice)?;
    panics::report();
    Ok(())
}

/// A subscriber that writes to `out` what [`init`] would write to the standard error.
pub fn subscriber<W>(filter: &str, text: bool, out: W) -> Result<impl tracing::Subscriber + Send + Sync, TelemetryError>
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let asked = EnvFilter::builder().parse(filter).map_err(TelemetryError::Filter)?;
    // Libraries print what they handle at debug level: packets, keys, pages of the store.
    let ours = |target: &str| target == "gatehouse" || target.starts_with("gatehouse::");
    let capped = filter_fn(move |meta| ours(meta.target()) || *meta.level() <= tracing::Level::INFO);
    let layer = tracing_subscriber::fmt::layer().with_writer(redact::Redacting(out));
    let layer = if text { layer.with_ansi(false).boxed() } else { layer.json().flatten_event(true).boxed() };
    Ok(tracing_subscriber::registry().with(layer.with_filter(asked.and(capped))))
}

#[cfg(test)]
pub(crate) mod tests;
