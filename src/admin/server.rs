//! Servers, as administrators see them.

use serde::{Deserialize, Serialize};

use super::access::Need;
use super::{Admin, AdminError, AdminResponse, shown};
use crate::audit::{Actor, Entry};
use crate::domain::{Name, ServerId};
use crate::estate::{Dependents, Server};
use crate::upstream::{self, Met, Target, TlsRule};
use crate::wire::CertificateFacts;

/// A request about servers.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ServerRequest {
    /// Add one.
    Add {
        /// Its name.
        name: Name,
        /// Where it is, and how its certificate is believed.
        target: Target,
    },
    /// All of them.
    List,
    /// One of them.
    Show(String),
    /// What is shown at an address.
    Probe(Target),
    /// Another rule for the certificate of one.
    Trust {
        /// The server.
        server: String,
        /// The rule.
        tls: TlsRule,
    },
    /// It is removed.
    Remove {
        /// The server.
        server: String,
        /// With its databases and their grants; otherwise refused while there are any.
        with_databases: bool,
    },
}

/// A server.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ServerView {
    /// Its id.
    pub id: ServerId,
    /// Its name.
    pub name: String,
    /// Where it is, and how its certificate is believed.
    #[serde(flatten)]
    pub target: Target,
    /// How many databases are on it.
    pub databases: usize,
    /// When it was added.
    pub created: String,
}

/// What a server showed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MetView {
    /// The address that was reached.
    pub address: String,
    /// TDS 8.0 (TLS first) rather than 7.x.
    pub strict: bool,
    /// Whether the certificate is believed by the rule that was probed with.
    pub verified: bool,
    /// By what it is believed, or why not.
    pub verdict: String,
    /// The chain, the server's own certificate first.
    pub certificates: Vec<CertificateView>,
}

/// A certificate.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CertificateView {
    /// Its holder.
    pub subject: String,
    /// Who signed it.
    pub issuer: String,
    /// The names and addresses that it is for.
    pub names: Vec<String>,
    /// From when it is valid.
    pub not_before: String,
    /// Until when.
    pub not_after: String,
    /// Its SHA-256 fingerprint, in hexadecimal.
    pub sha256: String,
    /// Whether its holder signed it himself.
    pub self_signed: bool,
    /// Whether it may sign others.
    pub authority: bool,
    /// The certificate itself.
    pub pem: String,
}

impl ServerRequest {
    pub(super) fn need(&self) -> Need {
        match self {
            Self::List | Self::Show(_) => Need::Read,
            _ => Need::Change,
        }
    }
}

impl Admin {
    pub(super) async fn server(&self, actor: &Actor, request: ServerRequest) -> Result<AdminResponse, AdminError> {
        let estate = &self.estate;
        let server = match request {
            ServerRequest::List => {
                let servers = estate.servers()?.into_iter().map(|server| self.server_view(server));
                return Ok(AdminResponse::Servers(servers.collect::<Result<_, _>>()?));
            }
            ServerRequest::Show(name) => estate.server(&name)?,
            ServerRequest::Add { name, target } => estate.add_server(actor, name, target).await?,
            ServerRequest::Probe(target) => {
                let address = format!("{}:{}", target.host, target.port);
                self.audit.record(Entry::new(actor.clone(), "server.probe").subject(address)).await?;
                let met = upstream::probe(&target, &self.dialer).await?;
                return Ok(AdminResponse::Met(MetView::of(&met)));
            }
            ServerRequest::Trust { server, tls } => {
                let Server { id, target, .. } = estate.server(&server)?;
                estate.set_target(actor, id, Target { tls, ..target }).await?
            }
            ServerRequest::Remove { server, with_databases } => {
                let view = self.server_view(estate.server(&server)?)?;
                let dependents = if with_databases { Dependents::Remove } else { Dependents::Refuse };
                estate.remove_server(actor, view.id, dependents).await?;
                return Ok(AdminResponse::Server(view));
            }
        };
        Ok(AdminResponse::Server(self.server_view(server)?))
    }

    fn server_view(&self, server: Server) -> Result<ServerView, AdminError> {
        let databases = self.estate.databases()?.iter().filter(|database| database.server == server.id).count();
        let (name, created) = (server.name.to_string(), shown(server.created));
        Ok(ServerView { id: server.id, name, target: server.target, databases, created })
    }
}

impl MetView {
    fn of(met: &Met) -> Self {
        let certificates = met.certificates.iter().zip(&met.chain).map(|(facts, der)| CertificateView::of(facts, der));
        Self {
            address: met.address.to_string(),
            strict: met.strict,
            verified: met.verified(),
            verdict: met.verdict.to_string(),
            certificates: certificates.collect(),
        }
    }
}

impl CertificateView {
    fn of(facts: &CertificateFacts, der: &[u8]) -> Self {
        Self {
            subject: facts.subject.clone(),
            issuer: facts.issuer.clone(),
            names: facts.names.clone(),
            not_before: shown(facts.not_before),
            not_after: shown(facts.not_after),
            sha256: facts.sha256.clone(),
            self_signed: facts.self_signed,
            authority: facts.authority,
            pem: pem(der),
        }
    }
}

fn pem(der: &[u8]) -> String {
    use base64::Engine as _;
    let text = base64::engine::general_purpose::STANDARD.encode(der);
    let lines: Vec<&str> = (0..text.len()).step_by(64).filter_map(|at| text.get(at..text.len().min(at + 64))).collect();
    format!("-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n", lines.join("\n"))
}
