//! `gatehouse admin mail`.

use super::reach::Reach;
use super::show::show;
use crate::admin::{AdminRequest, MailRequest};
use crate::domain::MailAddress;

#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// Send a test mail now, and tell how the mail server took it
    Test {
        /// Where to
        address: MailAddress,
    },
}

impl Command {
    pub(super) fn run(&self, reach: &mut Reach, json: bool) -> anyhow::Result<()> {
        let Self::Test { address } = self;
        show(&reach.ask(AdminRequest::Mail(MailRequest::Test(address.clone())))?, json)
    }
}
