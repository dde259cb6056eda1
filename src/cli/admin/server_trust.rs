//! How a server's certificate is to be believed: decided by options, or by a person who looked at it. Nothing is ever
//! pinned that was not shown and agreed to; `--yes` agrees to what an option asks for, and to nothing else.

use std::path::PathBuf;

use anyhow::{Context as _, bail};

use super::input::confirm;
use super::reach::Reach;
use super::show::{fingerprint, met};
use crate::admin::{AdminRequest, AdminResponse, MetView, ServerRequest};
use crate::cli::output;
use crate::upstream::{Target, TlsRule};

#[derive(Debug, clap::Args)]
#[group(multiple = true)]
pub(super) struct TrustChoice {
    /// Believe what the operating system's authorities signed
    #[arg(long, group = "rule")]
    system_roots: bool,
    /// Believe exactly the certificate that it shows now, or the one with this SHA-256
    #[arg(long, group = "rule", value_name = "SHA256", num_args = 0..=1, require_equals = true)]
    pin: Option<Option<String>>,
    /// Believe what the authority at the top of the chain that it shows now signed, or the one in this PEM file
    #[arg(long, group = "rule", value_name = "FILE", num_args = 0..=1, require_equals = true)]
    pin_authority: Option<Option<PathBuf>>,
    /// Believe any certificate: whoever sits on the way can read and change everything
    #[arg(long, group = "rule")]
    trust_anything: bool,
    /// Do not ask
    #[arg(long)]
    yes: bool,
}

impl TrustChoice {
    /// Whether an option decides the rule.
    pub(super) fn is_chosen(&self) -> bool {
        self.system_roots || self.trust_anything || self.pin.is_some() || self.pin_authority.is_some()
    }

    /// The rule for the server at `target`, once what it shows was shown.
    pub(super) fn decide(&self, reach: &mut Reach, target: &Target) -> anyhow::Result<TlsRule> {
        if self.trust_anything {
            return self.trust_anything();
        }
        if let Some(Some(sha256)) = &self.pin {
            let sha256 = sha256.to_lowercase().chars().filter(char::is_ascii_hexdigit).collect();
            return Ok(TlsRule::Certificate { sha256 });
        }
        if let Some(Some(file)) = &self.pin_authority {
            let pem = std::fs::read_to_string(file).with_context(|| format!("{}", file.display()))?;
            return Ok(TlsRule::Authority { pem });
        }
        let shown = look(reach, target);
        if self.system_roots {
            // Chosen with open eyes: a server that is down, or not yet as it will be, may be added all the same.
            match shown {
                Ok(view) if view.verified => {}
                Ok(view) => output::note(format_args!("warning: not believed as it is now: {}", view.verdict)),
                Err(error) => output::note(format_args!("warning: it could not be looked at: {error:#}")),
            }
            return Ok(TlsRule::SystemRoots);
        }
        let shown = shown?;
        if self.pin_authority.is_some() {
            return self.pin_authority(&shown);
        }
        if self.pin.is_none() && shown.verified {
            return Ok(TlsRule::SystemRoots);
        }
        self.pin(&shown)
    }

    fn trust_anything(&self) -> anyhow::Result<TlsRule> {
        output::note("WARNING: with --trust-anything the server is not verified. Whoever sits between the appliance");
        output::note("WARNING: and the server can take its place, read every query and take the SQL logins.");
        if confirm("Trust any certificate from this server?", self.yes)? {
            return Ok(TlsRule::TrustAnything);
        }
        bail!("nothing was changed")
    }

    fn pin(&self, shown: &MetView) -> anyhow::Result<TlsRule> {
        let leaf = shown.certificates.first().context("the server showed no certificate")?;
        if self.pin.is_none() && self.yes {
            bail!(
                "its certificate is not believed ({}); --yes pins nothing by itself: \
                 add --pin, --pin-authority, --system-roots or --trust-anything",
                shown.verdict
            );
        }
        let question = format!("Believe exactly this certificate, {}?", fingerprint(&leaf.sha256));
        if confirm(&question, self.yes)? {
            return Ok(TlsRule::Certificate { sha256: leaf.sha256.clone() });
        }
        bail!("nothing was changed")
    }

    fn pin_authority(&self, shown: &MetView) -> anyhow::Result<TlsRule> {
        let top = shown.certificates.last().filter(|top| top.authority);
        let top = top.context("it shows no certificate of an authority; --pin believes its own, or give a file")?;
        let question = format!("Believe what {} signed, {}?", top.subject, fingerprint(&top.sha256));
        if confirm(&question, self.yes)? {
            return Ok(TlsRule::Authority { pem: top.pem.clone() });
        }
        bail!("nothing was changed")
    }
}

/// Looks at the server with the operating system's authorities in mind, and shows what was met.
fn look(reach: &mut Reach, target: &Target) -> anyhow::Result<MetView> {
    let target = Target { tls: TlsRule::SystemRoots, ..target.clone() };
    match reach.ask(AdminRequest::Server(ServerRequest::Probe(target)))? {
        AdminResponse::Met(view) => {
            met(&view, output::note);
            Ok(view)
        }
        _ => bail!("the appliance answered something else"),
    }
}
