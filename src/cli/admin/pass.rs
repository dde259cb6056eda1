//! `gatehouse admin pass`.

use std::time::Duration;

use super::input::lifetime;
use super::reach::Reach;
use super::show::show;
use crate::admin::{AdminRequest, PassRequest};

#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// Issue a short-lived password for SQL drivers, printed once
    Issue {
        /// To whom: an account's name or id
        account: String,
        /// To one of the account's devices: the pass ends with it
        #[arg(long, value_name = "NAME")]
        device: Option<String>,
        /// For how long: from one minute to seven days
        #[arg(long = "for", value_name = "TIME", default_value = "12h", value_parser = lifetime)]
        lifetime: Duration,
    },
    /// List passes
    List,
    /// It counts no more, and its sessions end
    Revoke {
        /// Its id
        pass: String,
    },
}

impl Command {
    pub(super) fn run(&self, reach: &mut Reach, json: bool) -> anyhow::Result<()> {
        let request = match self {
            Self::Issue { account, device, lifetime } => {
                PassRequest::Issue { account: account.clone(), device: device.clone(), lifetime: *lifetime }
            }
            Self::List => PassRequest::List,
            Self::Revoke { pass } => PassRequest::Revoke(pass.clone()),
        };
        show(&reach.ask(AdminRequest::Pass(request))?, json)
    }
}
