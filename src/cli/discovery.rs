//! `gatehouse discovery`: how workstations find this appliance.

use std::path::Path;
use std::time::Duration;

use anyhow::Context as _;

use super::{Settings, output};
use crate::admin::{AdminRequest, AdminResponse, CertificateRequest, CertificatesView};
use crate::app::control::{Client, ControlRequest, ControlResponse};
use crate::config::Config;
use crate::state::Layout;
use crate::tls::{Anchor, Origin};
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
        /// The domain that the workstations search in [default: the one that the appliance's name is in]
        #[arg(long)]
        domain: Option<String>,
        /// The port by which workstations reach HTTPS, where it is not the one that is listened on (behind a router, for example)
        #[arg(long, value_parser = clap::value_parser!(u16).range(1..))]
        port: Option<u16>,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
}

impl Discovery {
    pub(super) fn run(&self, settings: &Settings) -> anyhow::Result<()> {
        let What::Dns { domain, port, json } = &self.what;
        let config = settings.load()?.config;
        let host = host(&config);
        let port = port.unwrap_or_else(|| config.listen.https.first().map_or(443, std::net::SocketAddr::port));
        anyhow::ensure!(
            port != 0,
            "`listen.https` takes a free port at each start, and records need one that stays: name it with --port"
        );
        let domain = domain.as_deref().or_else(|| domain_of(&host)).unwrap_or_default().to_owned();
        let own = own_authority(&config.appliance.data_dir)?;
        let (authority_sha256, note) = match own {
            Some(own) => worth_telling(own, shown(&config.appliance.data_dir).as_ref()),
            None => (
                None,
                Some(
                    "without a fingerprint: the appliance was not started yet, so there is no authority of its own"
                        .to_owned(),
                ),
            ),
        };
        let records = Advert { host, port, authority_sha256 }.records(&domain)?;
        match json {
            true => output::json(&serde_json::json!({ "domain": domain, "records": records })),
            false => records.iter().for_each(output::line),
        }
        note.iter().for_each(output::note);
        Ok(())
    }
}

/// The name that workstations are given; where that is an address, the first name with a domain.
fn host(config: &Config) -> String {
    let all = || config.workstation.host.iter().chain(&config.appliance.names);
    let named = all().find(|name| domain_of(name).is_some());
    named.or(all().next()).cloned().unwrap_or_default()
}

/// The fingerprint of the appliance's own authority; nothing before the first start.
fn own_authority(data_dir: &Path) -> anyhow::Result<Option<String>> {
    let file = Layout::of(data_dir).authority();
    match std::fs::read(&file) {
        Ok(content) => {
            let anchor = Anchor::read(&content).with_context(|| format!("{}", file.display()))?;
            Ok(Some(anchor.sha256().to_owned()))
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error).with_context(|| format!("{}", file.display())),
    }
}

/// The certificates of the running appliance; nothing where none runs, or does not answer.
fn shown(data_dir: &Path) -> Option<CertificatesView> {
    let request = ControlRequest::Admin(Box::new(AdminRequest::Certificate(CertificateRequest::List)));
    match Client::of(data_dir).ask(&request, PATIENCE) {
        Ok(Some(ControlResponse::Admin(response))) => match *response {
            AdminResponse::Certificates(view) => Some(view),
            _ => None,
        },
        _ => None,
    }
}

/// The fingerprint that the records carry, and what to say of it. While another's certificate is shown, the own authority's
/// fingerprint leads nobody anywhere.
fn worth_telling(own: String, shown: Option<&CertificatesView>) -> (Option<String>, Option<String>) {
    let active = shown.and_then(|view| view.sources.iter().find(|source| source.active == Some(true)));
    match active {
        Some(source) if source.origin == Origin::Authority.as_str() => (Some(own), None),
        Some(source) => {
            let origin = &source.origin;
            (
                None,
                Some(format!(
                    "without a fingerprint: the certificate that is shown is not the own authority's ({origin})"
                )),
            )
        }
        None => {
            let note = "the appliance does not say which certificate it shows, as it is not running: \
                        leave the fingerprint out where that is not its own authority's";
            (Some(own), Some(note.to_owned()))
        }
    }
}

/// The list is made without asking anybody else.
const PATIENCE: Duration = Duration::from_secs(10);

#[cfg(test)]
mod tests {
    use super::*;

    fn config(host: Option<&str>, names: &[&str]) -> Config {
        let mut config = Config::for_tests(Path::new("unused"));
        config.workstation.host = host.map(str::to_owned);
        config.appliance.names = names.iter().map(|name| (*name).to_owned()).collect();
        config
    }

    #[test]
    fn the_records_lead_to_the_host_that_workstations_are_given() {
        for (given, names, expected) in [
            (Some("sql.example"), &["gate.corp.example"][..], "sql.example"),
            (None, &["10.0.0.5", "gate.corp.example"], "gate.corp.example"),
            // SRV records lead to names.
            (Some("10.0.0.5"), &["localhost", "gate.corp.example"], "gate.corp.example"),
            (None, &["gate"], "gate"),
            (None, &[], ""),
        ] {
            assert_eq!(host(&config(given, names)), expected);
        }
    }

    #[test]
    fn the_fingerprint_is_told_while_the_own_authority_signs_what_is_shown() {
        let view = |active: &str| {
            let source = |origin: &str| serde_json::json!({ "origin": origin, "active": origin == active });
            let sources: Vec<_> = ["files", "imported", "acme", "authority"].map(source).into();
            let view = serde_json::json!({ "sources": sources, "authority": null, "request_waits": false });
            serde_json::from_value::<CertificatesView>(view).unwrap()
        };
        let own = "ab".repeat(32);
        assert_eq!(worth_telling(own.clone(), Some(&view("authority"))), (Some(own.clone()), None));
        for other in ["files", "imported", "acme"] {
            let (told, note) = worth_telling(own.clone(), Some(&view(other)));
            assert!(told.is_none() && note.unwrap().contains(other));
        }
        let (told, note) = worth_telling(own.clone(), None);
        assert!(told == Some(own) && note.unwrap().contains("not running"));
    }
}
