//! `gatehouse admin server`.

use super::reach::Reach;
use super::server_trust::TrustChoice;
use super::show::show;
use crate::admin::{AdminRequest, AdminResponse, ServerRequest};
use crate::domain::Name;
use crate::domain::name::fold;
use crate::upstream::Target;

#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// Add a SQL Server: look at its certificate, decide how it is believed, keep that
    Add {
        /// What to call it
        name: Name,
        #[command(flatten)]
        place: Place,
        #[command(flatten)]
        trust: TrustChoice,
    },
    /// List servers
    List,
    /// Look at the certificate that a server shows, and, with one of the options, decide anew how it is believed
    Probe {
        /// A server's name or id, or an address (host, host:port)
        server: String,
        #[command(flatten)]
        trust: TrustChoice,
    },
    /// Remove a server
    Remove {
        /// Its name or id
        server: String,
        /// With its databases and their grants; otherwise this is refused while there are any
        #[arg(long)]
        with_databases: bool,
    },
}

/// Where a server is.
#[derive(Debug, clap::Args)]
pub(super) struct Place {
    /// Its address: host, or host:port
    #[arg(value_name = "ADDRESS")]
    address: String,
    /// The name that its certificate carries, where it is not the host
    #[arg(long, value_name = "NAME")]
    certificate_name: Option<String>,
    /// A host that it may route logins to, or a pattern such as *.example.com; may be given several times
    #[arg(long = "routing-allowed", value_name = "HOST")]
    routing_allowed: Vec<String>,
}

impl Command {
    pub(super) fn run(&self, reach: &mut Reach, json: bool) -> anyhow::Result<()> {
        let request = match self {
            Self::Add { name, place, trust } => {
                let mut target = place.target()?;
                target.tls = trust.decide(reach, &target)?;
                ServerRequest::Add { name: name.clone(), target }
            }
            Self::List => ServerRequest::List,
            Self::Probe { server, trust } => return probe(reach, server, trust, json),
            Self::Remove { server, with_databases } => {
                ServerRequest::Remove { server: server.clone(), with_databases: *with_databases }
            }
        };
        show(&reach.ask(AdminRequest::Server(request))?, json)
    }
}

fn probe(reach: &mut Reach, server: &str, trust: &TrustChoice, json: bool) -> anyhow::Result<()> {
    let known = match reach.ask(AdminRequest::Server(ServerRequest::List))? {
        AdminResponse::Servers(servers) => {
            servers.into_iter().find(|one| fold(&one.name) == fold(server) || one.id.to_string() == server)
        }
        _ => None,
    };
    let target = match &known {
        Some(server) => server.target.clone(),
        None => target_of(server)?,
    };
    match known {
        Some(server) if trust.is_chosen() => {
            let tls = trust.decide(reach, &target)?;
            let request = ServerRequest::Trust { server: server.id.to_string(), tls };
            show(&reach.ask(AdminRequest::Server(request))?, json)
        }
        None if trust.is_chosen() => anyhow::bail!("{server} is not a server that was added; `server add` adds it"),
        _ => show(&reach.ask(AdminRequest::Server(ServerRequest::Probe(target)))?, json),
    }
}

impl Place {
    fn target(&self) -> anyhow::Result<Target> {
        let Self { certificate_name, routing_allowed, .. } = self;
        let target = target_of(&self.address)?;
        Ok(Target { certificate_name: certificate_name.clone(), routing_allowed: routing_allowed.clone(), ..target })
    }
}

/// `host`, `host:port`, `[v6]:port`, an IPv6 address; and SQL Server's own `host,port`.
fn target_of(address: &str) -> anyhow::Result<Target> {
    if address.parse::<std::net::Ipv6Addr>().is_ok() {
        return Ok(Target::new(address, USUAL_PORT));
    }
    let (host, port) = match address.rsplit_once([':', ',']) {
        Some((host, port)) => match port.parse() {
            Ok(port) => (host, port),
            Err(_) => anyhow::bail!("{port:?} is not a port"),
        },
        None => (address, USUAL_PORT),
    };
    Ok(Target::new(host.trim_start_matches('[').trim_end_matches(']'), port))
}

const USUAL_PORT: u16 = 1433;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_a_host_with_or_without_a_port() {
        for (text, host, port) in [
            ("sql1", "sql1", 1433),
            ("sql1:1444", "sql1", 1444),
            ("sql1,1444", "sql1", 1444),
            ("10.0.0.5:1", "10.0.0.5", 1),
            ("::1", "::1", 1433),
            ("[::1]:1444", "::1", 1444),
        ] {
            let target = target_of(text).unwrap();
            assert_eq!((target.host.as_str(), target.port), (host, port), "{text}");
        }
        assert!(target_of("sql1:port").is_err());
    }
}
