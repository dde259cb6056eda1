//! Whether a service can be reached from the appliance, and whether its certificate is believed by the operating system's
//! authorities. It connects, and asks for nothing: no URL is fetched, no redirect followed, nobody signs in. Addresses that
//! mean this machine, its link or a cloud's own services are left out ([`super::egress`]), and nothing is shown of what a place says.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::ServerName;
use rustls::{ClientConfig, RootCertStore};
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::egress::Reaches;
use super::kind::{Kind, MailSecurity};
use super::url::HttpsUrl;
use crate::domain::Timestamp;
use crate::platform::clock::within;
use crate::platform::{Clock, Resolve};
use crate::wire::CertificateFacts;

/// One place that a service is at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    /// What it is for.
    pub what: &'static str,
    /// Its host.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// What comes before TLS.
    pub speaks: Speaks,
}

/// What comes before TLS.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Speaks {
    /// Nothing.
    Tls,
    /// SMTP, until it is asked to change over.
    Smtp,
}

/// What was found, and when.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Checked {
    /// When.
    pub at: Timestamp,
    /// At each place.
    pub findings: Vec<Finding>,
}

/// What was found at one place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// What it is for.
    pub what: String,
    /// `host:port`.
    pub place: String,
    /// Whether it can be used.
    pub well: bool,
    /// What was found, in words.
    pub text: String,
}

impl Checked {
    /// Whether everything can be used.
    pub fn is_well(&self) -> bool {
        self.findings.iter().all(|finding| finding.well)
    }
}

/// What a check is made with. Clones share it.
#[derive(Clone)]
pub struct Checker {
    resolver: Arc<dyn Resolve>,
    tls: Arc<ClientConfig>,
    reaches: Reaches,
}

impl Checker {
    /// Believes what the operating system does.
    pub fn new(resolver: Arc<dyn Resolve>) -> Self {
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        Self::with_roots(resolver, roots)
    }

    /// Believes these authorities.
    pub fn with_roots(resolver: Arc<dyn Resolve>, roots: RootCertStore) -> Self {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let builder = ClientConfig::builder_with_provider(provider).with_protocol_versions(rustls::DEFAULT_VERSIONS);
        let tls = match builder {
            Ok(builder) => builder.with_root_certificates(roots).with_no_client_auth(),
            // The provider has both versions of TLS, so this is never reached; what is made here believes nobody.
            Err(_) => ClientConfig::builder().with_root_certificates(RootCertStore::empty()).with_no_client_auth(),
        };
        Self { resolver, tls: Arc::new(tls), reaches: Reaches::Others }
    }

    /// The same, and it reaches this machine's loopback addresses, too: for tests, whose servers are there. No setting and no
    /// request leads here.
    pub fn reaching_this_machine(self) -> Self {
        Self { reaches: Reaches::ThisMachine, ..self }
    }
}

impl std::fmt::Debug for Checker {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Checker")
    }
}

impl Kind {
    /// The places that it is at, each once.
    pub fn endpoints(&self) -> Vec<Endpoint> {
        let mut all = Vec::new();
        match self {
            Self::Office365(one) => all.push(of_url("authority", &one.authority)),
            Self::SharePoint(one) => {
                all.push(of_url("site", &one.site));
                all.extend(one.libraries.iter().map(|library| of_url("library", library)));
            }
            Self::Exchange(one) => {
                all.push(of_url("EWS", &one.ews));
                all.extend(one.autodiscover.iter().map(|url| of_url("Autodiscover", url)));
                all.extend(one.smtp.iter().map(|smtp| Endpoint {
                    what: "SMTP",
                    host: smtp.host.clone(),
                    port: smtp.port,
                    speaks: match smtp.security {
                        MailSecurity::Tls => Speaks::Tls,
                        MailSecurity::StartTls => Speaks::Smtp,
                    },
                }));
            }
            // What is in somebody's own words is not looked at: a URL among them need not be meant for the appliance.
            Self::Free(_) => {}
        }
        let mut once: Vec<Endpoint> = Vec::new();
        for endpoint in all {
            if !once.iter().any(|other| (&other.host, other.port) == (&endpoint.host, endpoint.port)) {
                once.push(endpoint);
            }
        }
        once
    }
}

fn of_url(what: &'static str, url: &HttpsUrl) -> Endpoint {
    Endpoint { what, host: url.host().to_owned(), port: url.port(), speaks: Speaks::Tls }
}

/// Looks at every place of a service, all at once.
pub async fn check(kind: &Kind, checker: &Checker, clock: &dyn Clock) -> Checked {
    let endpoints = kind.endpoints();
    let looks = endpoints.iter().map(|endpoint| async move {
        let outcome = within(clock, LIMIT, look(endpoint, checker)).await;
        let (well, text) = match outcome {
            Ok(Ok(facts)) => (
                true,
                format!("reached; its certificate is signed by {} and valid until {}", facts.issuer, facts.not_after),
            ),
            Ok(Err(Trouble::Reach(error))) => (false, format!("not reached: {error}")),
            Ok(Err(Trouble::Certificate(why))) => {
                (false, format!("reached, but its certificate is not believed: {why}"))
            }
            Ok(Err(Trouble::Talk(why))) => (false, format!("reached, but {why}")),
            Err(_) => (false, format!("no answer within {} seconds", LIMIT.as_secs())),
        };
        let text = text.chars().filter(|c| !c.is_control()).take(LONGEST_TEXT).collect();
        Finding { what: endpoint.what.to_owned(), place: place(endpoint), well, text }
    });
    let findings = futures_util::future::join_all(looks).await;
    Checked { at: clock.now(), findings }
}

fn place(endpoint: &Endpoint) -> String {
    match endpoint.host.contains(':') {
        true => format!("[{}]:{}", endpoint.host, endpoint.port),
        false => format!("{}:{}", endpoint.host, endpoint.port),
    }
}

enum Trouble {
    Reach(io::Error),
    Certificate(String),
    Talk(String),
}

async fn look(endpoint: &Endpoint, checker: &Checker) -> Result<CertificateFacts, Trouble> {
    let found = checker.resolver.resolve(&endpoint.host, endpoint.port).await.map_err(Trouble::Reach)?;
    // What is connected to is what was judged: the name is not looked up again.
    let (mut addresses, mut refused) = (Vec::new(), None);
    for address in found {
        match checker.reaches.refuses(address.ip()) {
            None => addresses.push(address),
            Some(why) => refused = Some(format!("{} {why}, and is not checked from here", address.ip())),
        }
    }
    if let Some(why) = refused.filter(|_| addresses.is_empty()) {
        return Err(Trouble::Reach(io::Error::other(why)));
    }
    let mut stream = TcpStream::connect(addresses.as_slice()).await.map_err(Trouble::Reach)?;
    if endpoint.speaks == Speaks::Smtp {
        change_over(&mut stream)
            .await
            .map_err(|error| Trouble::Talk(format!("it does not change over to TLS: {error}")))?;
    }
    let name = ServerName::try_from(endpoint.host.clone()).map_err(|error| Trouble::Talk(error.to_string()))?;
    let tls = TlsConnector::from(Arc::clone(&checker.tls)).connect(name, stream).await.map_err(|error| match error
        .get_ref()
        .and_then(|inner| inner.downcast_ref::<rustls::Error>())
    {
        Some(rustls::Error::InvalidCertificate(why)) => Trouble::Certificate(in_words(why)),
        Some(other) => Trouble::Talk(format!("it speaks no TLS that is known here: {other}")),
        None => Trouble::Talk(format!("it ended the connection: {error}")),
    })?;
    let chain = tls.get_ref().1.peer_certificates().unwrap_or_default();
    let facts = chain.first().map(|certificate| CertificateFacts::read(certificate));
    facts.and_then(Result::ok).ok_or_else(|| Trouble::Talk("its certificate cannot be read".to_owned()))
}

fn in_words(why: &rustls::CertificateError) -> String {
    use rustls::CertificateError as Why;
    match why {
        Why::Expired | Why::ExpiredContext { .. } => "it has expired".to_owned(),
        Why::NotValidYet | Why::NotValidYetContext { .. } => "it is not valid yet".to_owned(),
        Why::UnknownIssuer => "no authority that this machine trusts has signed it".to_owned(),
        Why::NotValidForName | Why::NotValidForNameContext { .. } => "it is for other names".to_owned(),
        other => other.to_string(),
    }
}

/// SMTP as far as TLS (RFC 3207): greeting, EHLO, STARTTLS. Nothing that the server sends ahead of TLS is kept.
async fn change_over(stream: &mut TcpStream) -> io::Result<()> {
    let mut stream = BufReader::new(stream);
    said(&mut stream, "220").await?;
    stream.get_mut().write_all(b"EHLO gatehouse.invalid\r\n").await?;
    said(&mut stream, "250").await?;
    stream.get_mut().write_all(b"STARTTLS\r\n").await?;
    said(&mut stream, "220").await?;
    match stream.buffer().is_empty() {
        true => Ok(()),
        false => Err(io::Error::other("it spoke on after changing over")),
    }
}

/// Reads an answer of one line or several; its code has to be the expected one. Of another answer its code is told and no more:
/// what a place says is not for whoever had it checked.
async fn said(stream: &mut BufReader<&mut TcpStream>, code: &str) -> io::Result<()> {
    for _ in 0..MOST_LINES {
        let mut line = String::new();
        (&mut *stream).take(LONGEST_LINE).read_line(&mut line).await?;
        if !line.starts_with(code) || !line.ends_with('\n') {
            let told = line.get(..3).filter(|told| told.bytes().all(|byte| byte.is_ascii_digit()));
            return Err(io::Error::other(
                told.map_or("it does not speak SMTP".to_owned(), |told| format!("it answers {told}")),
            ));
        }
        if line.as_bytes().get(3) != Some(&b'-') {
            return Ok(());
        }
    }
    Err(io::Error::other("its answer does not end"))
}

/// How long one place may take, from its name to its certificate.
pub const LIMIT: Duration = Duration::from_secs(10);
const LONGEST_TEXT: usize = 240;
const LONGEST_LINE: u64 = 1024;
const MOST_LINES: usize = 50;
