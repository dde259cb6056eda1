//! `gatehouse admin session`.

use super::reach::Reach;
use super::show::show;
use crate::admin::{AdminRequest, SessionRequest};

#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// List the live sessions
    List,
    /// End a session, or all of an account; what is not forbidden may come back
    End {
        /// The session's id
        #[arg(required_unless_present = "account")]
        session: Option<String>,
        /// All sessions of this account
        #[arg(long, value_name = "NAME", conflicts_with = "session")]
        account: Option<String>,
    },
}

impl Command {
    pub(super) fn run(&self, reach: &mut Reach, json: bool) -> anyhow::Result<()> {
        let request = match self {
            Self::List => SessionRequest::List,
            Self::End { account: Some(account), .. } => SessionRequest::EndAccount(account.clone()),
            Self::End { session, .. } => SessionRequest::End(session.clone().unwrap_or_default()),
        };
        show(&reach.ask(AdminRequest::Session(request))?, json)
    }
}
