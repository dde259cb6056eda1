//! `gatehouse demo`: a sample SQL Server, the gateway before it, an account and a database, in one command.

use super::Settings;

#[derive(Debug, clap::Args)]
pub(super) struct Demo {
    /// The port for SQL clients; 0 takes a free one
    #[arg(long, value_name = "PORT", default_value_t = 1433)]
    sql_port: u16,
    /// The port for HTTPS; 0 takes a free one
    #[arg(long, value_name = "PORT", default_value_t = 8443)]
    https_port: u16,
    /// The sample SQL Server's own port; 0 takes a free one
    #[arg(long, value_name = "PORT", default_value_t = 0)]
    server_port: u16,
}

impl Demo {
    pub(super) fn run(&self, _settings: &Settings) -> anyhow::Result<()> {
        anyhow::bail!("the demonstration is not put together yet")
    }
}
