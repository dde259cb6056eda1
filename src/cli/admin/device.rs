//! `gatehouse admin device`.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context as _;

use super::input::lifetime;
use super::reach::Reach;
use super::show::show;
use crate::admin::{AdminRequest, DeviceRequest};
use crate::domain::{Name, Network};

#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// Enrol a workstation; its secret is printed once
    Add {
        /// Its name, which is also the user name that it signs in with
        name: Name,
        /// The account that it acts for
        #[arg(long, value_name = "NAME")]
        account: String,
        /// A network that its secret and its passes count from alone, such as 10.0.0.0/8; may be given several times
        #[arg(long = "network", value_name = "NETWORK")]
        networks: Vec<Network>,
    },
    /// Make one-time codes that enrol devices without signing in; printed once, as CSV
    Codes {
        /// The account that the devices will act for; may be given several times
        #[arg(long = "account", value_name = "NAME", required_unless_present = "accounts_from")]
        accounts: Vec<String>,
        /// A CSV file whose first column names accounts; a first line `account` is passed over
        #[arg(long, value_name = "FILE")]
        accounts_from: Option<PathBuf>,
        /// How many for each account: up to 100
        #[arg(long, default_value_t = 1)]
        count: usize,
        /// For how long they count: from one minute to 90 days
        #[arg(long = "for", value_name = "TIME", default_value = "7d", value_parser = lifetime)]
        lifetime: Duration,
        /// A network that the devices will be bound to, such as 10.0.0.0/8; may be given several times
        #[arg(long = "network", value_name = "NETWORK")]
        networks: Vec<Network>,
    },
    /// List the one-time codes that wait for their devices; the codes themselves are not kept
    ListCodes,
    /// One-time codes count no more
    WithdrawCodes {
        /// Their ids, as list-codes shows them
        #[arg(required_unless_present = "account")]
        ids: Vec<String>,
        /// All codes of this account
        #[arg(long, value_name = "NAME", conflicts_with = "ids")]
        account: Option<String>,
    },
    /// List devices
    List,
    /// Bind it to networks: its secret and its passes count from there alone; name none to unbind it
    Networks {
        /// Its name or id
        device: String,
        /// Networks, such as 10.0.0.0/8
        networks: Vec<Network>,
    },
    /// Its secret and its passes count no more, and their sessions end
    Revoke {
        /// Its name or id
        device: String,
    },
}

impl Command {
    pub(super) fn run(&self, reach: &mut Reach, json: bool) -> anyhow::Result<()> {
        let request = match self {
            Self::Add { name, account, networks } => {
                DeviceRequest::Add { name: name.clone(), account: account.clone(), networks: networks.clone() }
            }
            Self::Codes { accounts, accounts_from, count, lifetime, networks } => {
                let mut accounts = accounts.clone();
                if let Some(file) = accounts_from {
                    let text = std::fs::read_to_string(file).with_context(|| format!("{}", file.display()))?;
                    accounts.extend(first_column(&text));
                }
                DeviceRequest::Codes { accounts, count: *count, lifetime: *lifetime, networks: networks.clone() }
            }
            Self::ListCodes => DeviceRequest::ListCodes,
            Self::WithdrawCodes { account: Some(account), .. } => DeviceRequest::WithdrawCodesOf(account.clone()),
            Self::WithdrawCodes { ids, .. } => DeviceRequest::WithdrawCodes(ids.clone()),
            Self::List => DeviceRequest::List,
            Self::Networks { device, networks } => {
                DeviceRequest::Networks { device: device.clone(), networks: networks.clone() }
            }
            Self::Revoke { device } => DeviceRequest::Revoke(device.clone()),
        };
        show(&reach.ask(AdminRequest::Device(request))?, json)
    }
}

/// The first column of a CSV file, without a heading and empty lines.
fn first_column(text: &str) -> Vec<String> {
    // A name has no quotes, so a quoted cell ends at the next one.
    let cell = |line: &str| match line.trim_start().strip_prefix('"') {
        Some(quoted) => quoted.split('"').next().unwrap_or_default().to_owned(),
        None => line.split([',', ';', '\t']).next().unwrap_or_default().trim().to_owned(),
    };
    let cells = text.trim_start_matches('\u{feff}').lines().map(cell).filter(|cell| !cell.is_empty());
    let named = cells.enumerate().filter(|(at, cell)| *at > 0 || !cell.eq_ignore_ascii_case("account"));
    named.map(|(_, cell)| cell).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accounts_are_read_from_the_first_column_of_what_spreadsheets_write() {
        let text = "\u{feff}account,place\r\nada,Berlin\r\n\r\n\"grace, h\",\"x\"\nbob;Paris\n";
        assert_eq!(first_column(text), ["ada", "grace, h", "bob"]);
        assert_eq!(first_column("ada"), ["ada"]);
        assert!(first_column("").is_empty());
    }
}
