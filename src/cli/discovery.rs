//! `gatehouse discovery`: how workstations find this appliance.

use anyhow::Context as _;

use super::{Settings, output};
use crate::state::Layout;
use crate::tls::Anchor;
use crate::workstation::dns::{Advert, domain_of};

#[derive(Debug, clap::Args)]
pub(super) struct Discovery {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    /// Print the DNS records to add
    Dns {
        /// The domain that the workstations search in [default: the one that the appliance's first name is in]
        #[arg(long)]
        domain: Option<String>,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
}

impl Discovery {
    pub(super) fn run(&self, settings: &Settings) -> anyhow::Result<()> {
        let What::Dns { domain, json } = &self.what;
        let config = settings.load()?.config;
        let named = config.appliance.names.iter().find(|name| domain_of(name).is_some());
        let host = named.or(config.appliance.names.first()).cloned().unwrap_or_default();
        let port = config.listen.https.first().map_or(443, std::net::SocketAddr::port);
        anyhow::ensure!(port != 0, "`listen.https` takes a free port at each start, and records need one that stays");
        let file = Layout::of(&config.appliance.data_dir).authority();
        let authority = match std::fs::read(&file) {
            Ok(content) => Some(Anchor::read(&content).with_context(|| format!("{}", file.display()))?),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
            Err(error) => return Err(error).with_context(|| format!("{}", file.display())),
        };
        let domain = domain.as_deref().or_else(|| domain_of(&host)).unwrap_or_default().to_owned();
        let authority_sha256 = authority.map(|anchor| anchor.sha256().to_owned());
        let advert = Advert { host, port, authority_sha256 };
        let records = advert.records(&domain)?;
        if *json {
            output::json(&serde_json::json!({ "domain": domain, "records": records }));
            return Ok(());
        }
        records.iter().for_each(output::line);
        if advert.authority_sha256.is_none() {
            output::note(
                "without a fingerprint: the appliance was not started yet, so there is no authority of its own",
            );
        }
        Ok(())
    }
}
