//! `gatehouse audit verify`: is the record of who did what whole?

use std::path::PathBuf;

use super::Settings;

#[derive(Debug, clap::Args)]
pub(super) struct Audit {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Check the chain of entries, and name the first one that was altered, removed or reordered
    Verify {
        /// The folder of the record [default: audit in the data folder]
        #[arg(long, value_name = "FOLDER")]
        folder: Option<PathBuf>,
    },
}

impl Audit {
    pub(super) fn run(&self, settings: &Settings) -> anyhow::Result<()> {
        let Command::Verify { folder } = &self.command;
        let _folder = match folder {
            Some(folder) => folder.clone(),
            None => settings.load()?.config.appliance.data_dir.join("audit"),
        };
        anyhow::bail!("the record's check is not put together yet")
    }
}
