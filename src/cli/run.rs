//! `gatehouse run`: the appliance itself.

use super::Settings;

/// Reads the settings, starts logging, and runs until it is told to stop.
pub(super) fn run(settings: &Settings) -> anyhow::Result<()> {
    let loaded = settings.load()?;
    crate::telemetry::init(&loaded.config.log)?;
    anyhow::bail!("the appliance is not put together yet")
}
