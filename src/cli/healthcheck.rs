//! `gatehouse healthcheck`: is the running appliance ready? Exit code 0 if it is. Needs no shell and no curl.

use std::time::Duration;

use super::{Settings, output};
use crate::app::control::{Client, ControlRequest, ControlResponse};

#[derive(Debug, clap::Args)]
pub(super) struct Healthcheck {
    /// Show the answer as JSON
    #[arg(long)]
    json: bool,
}

/// An appliance that takes longer to answer is not well.
const LIMIT: Duration = Duration::from_secs(4);

impl Healthcheck {
    /// Asks over the local socket in the data folder.
    pub(super) fn run(&self, settings: &Settings) -> anyhow::Result<()> {
        let config = settings.load()?.config;
        let data_dir = &config.appliance.data_dir;
        let answer = Client::of(data_dir).ask(&ControlRequest::Ready, LIMIT)?;
        let (running, ready, problems) = match answer {
            None => (false, false, vec![format!("no appliance runs on {}", data_dir.display())]),
            Some(ControlResponse::Ready { ready, problems }) => (true, ready, problems),
            Some(_) => anyhow::bail!("the appliance gave an answer to another question"),
        };
        if self.json {
            output::json(&serde_json::json!({ "running": running, "ready": ready, "problems": problems }));
        }
        anyhow::ensure!(ready, "not ready: {}", problems.join("; "));
        if !self.json {
            output::line("ready");
            problems.iter().for_each(|problem| output::note(format_args!("although: {problem}")));
        }
        Ok(())
    }
}
