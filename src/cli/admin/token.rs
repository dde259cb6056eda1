//! `gatehouse admin token`.

use std::time::Duration;

use super::input::lifetime;
use super::reach::Reach;
use super::show::show;
use crate::admin::{AdminRequest, TokenRequest};
use crate::domain::{Scope, Scopes};

#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// Issue an access token, printed once
    Issue {
        /// To whom: an account's name or id
        account: String,
        /// What it is for
        #[arg(long, default_value = "")]
        label: String,
        /// What it may be used for: sql, workstation.config, admin.read, admin.write; may be given several times
        #[arg(long = "scope", value_name = "SCOPE", default_value = "sql")]
        scopes: Vec<Scope>,
        /// For how long: from one minute to 400 days
        #[arg(long = "for", value_name = "TIME", default_value = "90d", value_parser = lifetime)]
        lifetime: Duration,
    },
    /// List tokens
    List,
    /// It counts no more, and its sessions end
    Revoke {
        /// Its id
        token: String,
    },
}

impl Command {
    pub(super) fn run(&self, reach: &mut Reach, json: bool) -> anyhow::Result<()> {
        let request = match self {
            Self::Issue { account, label, scopes, lifetime } => {
                let scopes = Scopes::of(scopes.iter().copied());
                TokenRequest::Issue { account: account.clone(), label: label.clone(), scopes, lifetime: *lifetime }
            }
            Self::List => TokenRequest::List,
            Self::Revoke { token } => TokenRequest::Revoke(token.clone()),
        };
        show(&reach.ask(AdminRequest::Token(request))?, json)
    }
}
