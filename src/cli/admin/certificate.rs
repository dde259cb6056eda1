//! `gatehouse admin certificate`.

use std::path::PathBuf;

use anyhow::{Context as _, bail};

use super::input::confirm;
use super::reach::Reach;
use super::show::{fingerprint, show};
use super::table::{facts, table};
use crate::admin::{AdminRequest, AdminResponse, CertificateRequest, CertificatesView, SigningRequestView};
use crate::cli::output;
use crate::tls::KeyKind;

#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// Where the appliance's certificates come from, which one is shown, and how long they last
    List,
    /// Make a key and a signing request (PKCS#10) for your own authority; the key stays in the appliance
    Request {
        /// Write the request to a file instead of the standard output
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,
        /// With an RSA key of 3072 (or 2048) bits instead of an ECDSA key
        #[arg(long, value_name = "BITS", num_args = 0..=1, default_missing_value = "3072", value_parser = ["2048", "3072"])]
        rsa: Option<String>,
    },
    /// Use the certificate that your authority signed over the request
    Import {
        /// A PEM file: the appliance's certificate first, then each issuer's
        #[arg(value_name = "FILE")]
        chain: PathBuf,
    },
    /// Forget the imported certificate and its key; where there is none, the request that waits for one
    Remove {
        /// Ask nothing
        #[arg(long)]
        yes: bool,
    },
    /// Make a new own authority for today's names; every workstation that trusts the old one has to trust the new one
    NewAuthority {
        /// Ask nothing
        #[arg(long)]
        yes: bool,
    },
}

impl Command {
    pub(super) fn run(&self, reach: &mut Reach, json: bool) -> anyhow::Result<()> {
        let request = match self {
            Self::List => CertificateRequest::List,
            Self::Request { out, rsa } => return request(reach, out.as_ref(), rsa.as_deref(), json),
            Self::Import { chain } => {
                let text = std::fs::read_to_string(chain).with_context(|| format!("{}", chain.display()))?;
                if text.contains("PRIVATE KEY") {
                    bail!("{} has a private key in it; the appliance's own never left it", chain.display());
                }
                CertificateRequest::Import(text)
            }
            Self::Remove { yes } => {
                sure("The imported certificate is forgotten with its key.", *yes)?;
                CertificateRequest::Remove
            }
            Self::NewAuthority { yes } => {
                sure(
                    "Workstations that trust the own authority refuse the appliance until they trust the new one.",
                    *yes,
                )?;
                CertificateRequest::NewAuthority
            }
        };
        show(&reach.ask(AdminRequest::Certificate(request))?, json)
    }
}

fn sure(what: &str, yes: bool) -> anyhow::Result<()> {
    if confirm(&format!("{what} Go on?"), yes)? { Ok(()) } else { bail!("nothing was done") }
}

fn request(reach: &mut Reach, out: Option<&PathBuf>, rsa: Option<&str>, json: bool) -> anyhow::Result<()> {
    let kind = match rsa {
        None => KeyKind::EcdsaP256,
        Some("2048") => KeyKind::Rsa2048,
        Some(_) => KeyKind::Rsa3072,
    };
    let answer = reach.ask(AdminRequest::Certificate(CertificateRequest::Request(kind)))?;
    let (Some(path), AdminResponse::SigningRequest(view)) = (out, &answer) else { return show(&answer, json) };
    crate::platform::files::write_public(path, view.pem.as_bytes()).with_context(|| format!("{}", path.display()))?;
    if json {
        return show(&answer, json);
    }
    output::line(format_args!("{}: a request for {}", path.display(), view.names.join(", ")));
    Ok(())
}

/// A signing request: nothing but itself on the standard output, so that it can be sent on.
pub(super) fn show_request(view: &SigningRequestView) {
    output::note(format_args!(
        "a request for {}; its certificate comes in by `certificate import`",
        view.names.join(", ")
    ));
    output::line(view.pem.trim_end());
}

/// Every source, the own authority, and what is not as it should be.
pub(super) fn show_list(view: &CertificatesView) {
    let dash = || "-".to_owned();
    let rows = view.sources.iter().map(|source| {
        let shown = match source.active {
            Some(true) => "shown".to_owned(),
            _ => dash(),
        };
        let leaf = source.certificate.as_ref();
        [
            source.origin.clone(),
            shown,
            leaf.map_or_else(dash, |leaf| leaf.names.join(", ")),
            leaf.map_or_else(dash, |leaf| leaf.issuer.clone()),
            leaf.map_or_else(dash, |leaf| leaf.not_after.clone()),
            leaf.map_or_else(dash, |leaf| leaf.days_left.to_string()),
            source.renewed.clone().unwrap_or_else(dash),
            source.next_try.clone().unwrap_or_else(dash),
        ]
    });
    table(["source", "state", "names", "issuer", "until", "days", "renewed", "next try"], rows.collect());
    for source in &view.sources {
        for text in source.error.iter().chain(&source.warning) {
            output::line(format_args!("{}: {text}", source.origin));
        }
    }
    if view.request_waits {
        output::line("a request waits for its certificate");
    }
    if let Some(authority) = &view.authority {
        output::line("");
        facts([
            ("own authority", fingerprint(&authority.sha256)),
            ("valid until", authority.not_after.clone()),
            ("may sign for", authority.may_sign_for.clone()),
        ]);
    }
}
