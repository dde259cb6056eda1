//! `gatehouse admin address`.

use std::net::IpAddr;
use std::time::Duration;

use super::input::lifetime;
use super::reach::Reach;
use super::show::show;
use crate::admin::{AddressRequest, AdminRequest, WhoseName};
use crate::domain::Network;

#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// List the addresses where somebody of an account signed in on the web
    List {
        /// The account's name or id
        account: String,
    },
    /// Let an address count for good
    Pin {
        /// The account's name or id
        account: String,
        /// The address
        address: IpAddr,
    },
    /// Let an address count no more; sessions that came in by it end
    Remove {
        /// The account's name or id
        account: String,
        /// The address
        address: IpAddr,
    },
    /// List the rules about where gateway logins may come from
    Rules,
    /// Set the rule of an account, a group, or the whole appliance; with neither a time nor a network, take it away
    Rule {
        #[command(flatten)]
        whose: Whose,
        /// From where somebody of the account signed in on the web so long ago at most, such as 12h
        #[arg(long, value_name = "TIME", value_parser = lifetime)]
        within: Option<Duration>,
        /// Always from this network, such as 10.0.0.0/8; may be given several times
        #[arg(long, value_name = "NETWORK")]
        network: Vec<Network>,
    },
}

#[derive(Debug, clap::Args)]
#[group(required = true, multiple = false)]
pub(super) struct Whose {
    /// Of this account
    #[arg(long, value_name = "NAME")]
    account: Option<String>,
    /// Of this group
    #[arg(long, value_name = "NAME")]
    group: Option<String>,
    /// Of everybody for whom there is no nearer rule
    #[arg(long)]
    appliance: bool,
}

impl Command {
    pub(super) fn run(&self, reach: &mut Reach, json: bool) -> anyhow::Result<()> {
        let request = match self {
            Self::List { account } => AddressRequest::List(account.clone()),
            Self::Pin { account, address } => AddressRequest::Pin { account: account.clone(), address: *address },
            Self::Remove { account, address } => AddressRequest::Remove { account: account.clone(), address: *address },
            Self::Rules => AddressRequest::Rules,
            Self::Rule { whose, within, network } => AddressRequest::SetRule {
                whose: match (&whose.account, &whose.group) {
                    (Some(name), _) => WhoseName::Account(name.clone()),
                    (None, Some(name)) => WhoseName::Group(name.clone()),
                    (None, None) => WhoseName::Appliance,
                },
                within: *within,
                networks: network.clone(),
            },
        };
        show(&reach.ask(AdminRequest::Address(request))?, json)
    }
}
