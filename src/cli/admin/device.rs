//! `gatehouse admin device`.

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
            Self::Add { name, account } => DeviceRequest::Add { name: name.clone(), account: account.clone() },
            Self::List => DeviceRequest::List,
            Self::Networks { device, networks } => {
                DeviceRequest::Networks { device: device.clone(), networks: networks.clone() }
            }
            Self::Revoke { device } => DeviceRequest::Revoke(device.clone()),
        };
        show(&reach.ask(AdminRequest::Device(request))?, json)
    }
}
