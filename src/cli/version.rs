//! `gatehouse version`.

use super::output;

#[derive(Debug, clap::Args)]
pub(super) struct Version {
    /// Show it as JSON
    #[arg(long)]
    json: bool,
}

impl Version {
    pub(super) fn run(&self) -> anyhow::Result<()> {
        let version = env!("CARGO_PKG_VERSION");
        if self.json {
            output::json(&serde_json::json!({ "name": "gatehouse", "version": version }));
        } else {
            output::line(format_args!("gatehouse {version}"));
        }
        Ok(())
    }
}
