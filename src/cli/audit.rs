//! `gatehouse audit verify`: is the record of who did what whole? Works beside the running appliance, and on a copy of a record.

use std::path::PathBuf;

use super::{Settings, output};
use crate::audit::{self, Verified, VerifyError};
use crate::config::Config;
use crate::state::{self, Layout};

#[derive(Debug, clap::Args)]
pub(super) struct Audit {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Check the chain of entries, and name the first one that was altered, removed or reordered
    Verify {
        /// A copy of a record, of which only the chain is checked [default: audit in the data folder, with its signatures]
        #[arg(long, value_name = "FOLDER")]
        folder: Option<PathBuf>,
        /// Show the outcome as JSON
        #[arg(long)]
        json: bool,
    },
}

impl Audit {
    pub(super) fn run(&self, settings: &Settings) -> anyhow::Result<()> {
        let Command::Verify { folder, json } = &self.command;
        let outcome = match folder {
            Some(folder) => audit::verify(folder),
            None => verify_own(&settings.load()?.config)?,
        };
        if *json {
            output::json(&as_json(&outcome));
        }
        let verified = outcome?;
        if !json {
            output::line(format_args!(
                "whole: {} entries in {} segments; the last one's hash is {}",
                verified.entries, verified.segments, verified.last_hash
            ));
            output::line(if verified.signed { "every signature was checked" } else { "signatures were not checked" });
        }
        Ok(())
    }
}

fn verify_own(config: &Config) -> anyhow::Result<Result<Verified, VerifyError>> {
    let folder = Layout::of(&config.appliance.data_dir).audit();
    Ok(match state::audit_key_at(config)? {
        Some(key) => audit::verify_signed(&folder, &key),
        None => audit::verify(&folder),
    })
}

fn as_json(outcome: &Result<Verified, VerifyError>) -> serde_json::Value {
    match outcome {
        Ok(verified) => serde_json::json!({ "whole": true, "verified": verified }),
        Err(VerifyError::Broken(finding)) => serde_json::json!({ "whole": false, "finding": finding }),
        Err(error) => serde_json::json!({ "whole": false, "error": error.to_string() }),
    }
}
