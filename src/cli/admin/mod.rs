//! `gatehouse admin`: accounts, devices, servers, databases, grants, sessions.

use super::Settings;

#[derive(Debug, clap::Args)]
pub(super) struct Admin {}

impl Admin {
    pub(super) fn run(&self, _settings: &Settings) -> anyhow::Result<()> {
        anyhow::bail!("administration is not put together yet")
    }
}
