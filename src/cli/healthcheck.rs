//! `gatehouse healthcheck`: is the running appliance ready? Exit code 0 if it is. Needs no shell and no curl.

use super::Settings;

#[derive(Debug, clap::Args)]
pub(super) struct Healthcheck {}

impl Healthcheck {
    pub(super) fn run(&self, _settings: &Settings) -> anyhow::Result<()> {
        anyhow::bail!("the health check is not put together yet")
    }
}
