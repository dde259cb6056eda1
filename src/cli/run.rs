//! `gatehouse run`: the appliance itself.

use super::Settings;
use crate::app::lifecycle;

/// Reads the settings, starts logging, and runs until it is told to stop.
pub(super) fn run(settings: &Settings) -> anyhow::Result<()> {
    let sources = settings.sources();
    let loaded = sources.load()?;
    crate::telemetry::init(&loaded.config.log)?;
    tokio::runtime::Runtime::new()?.block_on(lifecycle::run(loaded.config, sources))
}
