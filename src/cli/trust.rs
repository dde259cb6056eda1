//! `gatehouse trust`: an appliance's authority in the operating system's store, or out of it again.
//!
//! Nothing is put there that was not compared: by a fingerprint that came by another way, or by a person who says so.

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context as _, bail, ensure};

use super::{Settings, output};
use crate::app::trust::{Connection, Site, entry};
use crate::cli::admin::input::confirm;
use crate::platform::trust_store::{Change, TrustStore};
use crate::platform::{Clock, SystemClock};
use crate::state::Layout;
use crate::tls::Anchor;
use crate::tls::anchor::{grouped, parse_fingerprint};

#[derive(Debug, clap::Args)]
pub(super) struct Trust {
    #[command(subcommand)]
    command: TrustCommand,
}

#[derive(Debug, clap::Subcommand)]
enum TrustCommand {
    /// Put an appliance's authority into the operating system's store
    Install(Install),
    /// Take it out again
    Uninstall(Uninstall),
    /// Show which authorities of Gatehouse the operating system trusts, and the fingerprint of the appliance's own
    Status(Status),
}

#[derive(Debug, clap::Args)]
struct Install {
    /// Where the appliance is [default: the appliance on this machine]
    #[arg(value_name = "https://HOST[:PORT]")]
    url: Option<String>,
    /// The authority's certificate in a file, PEM or DER
    #[arg(long, value_name = "FILE", conflicts_with = "url")]
    file: Option<PathBuf>,
    /// The SHA-256 that the certificate must have, as it came by another way: the appliance's log, `trust status` there, a message
    #[arg(long, value_name = "SHA256", value_parser = fingerprint)]
    fingerprint: Option<String>,
    /// Take an authority that may sign for any name, too
    #[arg(long)]
    any_name: bool,
    /// Do not ask; a certificate that came over the network needs its --fingerprint all the same
    #[arg(long)]
    yes: bool,
    #[command(flatten)]
    system: System,
}

#[derive(Debug, clap::Args)]
struct Uninstall {
    /// The one with this SHA-256
    #[arg(long, value_name = "SHA256", value_parser = fingerprint)]
    fingerprint: Option<String>,
    /// Every authority that was installed by this program
    #[arg(long, conflicts_with = "fingerprint")]
    all: bool,
    #[command(flatten)]
    system: System,
}

#[derive(Debug, clap::Args)]
struct Status {
    /// Show it as JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    system: System,
}

/// Whose store.
#[derive(Debug, clap::Args)]
struct System {
    /// The folder of the system to change: an image that is being prepared
    #[arg(long, value_name = "FOLDER", default_value = "/", hide = true)]
    root: PathBuf,
}

impl System {
    fn store(&self) -> anyhow::Result<TrustStore> {
        Ok(TrustStore::under(&self.root)?)
    }
}

impl Trust {
    pub(super) fn run(&self, settings: &Settings) -> anyhow::Result<()> {
        match &self.command {
            TrustCommand::Install(install) => install.run(settings),
            TrustCommand::Uninstall(uninstall) => uninstall.run(),
            TrustCommand::Status(status) => status.run(settings),
        }
    }
}

impl Install {
    fn run(&self, settings: &Settings) -> anyhow::Result<()> {
        let anchor = self.obtain(settings)?;
        output::note(format_args!("{}", anchor.facts().subject));
        output::note(format_args!("SHA-256       {}", grouped(anchor.sha256())));
        output::note(format_args!("may sign for  {}", reach(&anchor)));
        if let Some(wanted) = &self.fingerprint {
            ensure!(
                anchor.sha256() == wanted,
                "the fingerprint is another one: expected {}, found {}; nothing was changed",
                grouped(wanted),
                grouped(anchor.sha256())
            );
        }
        let limited = anchor.constraints().is_some_and(|constraints| !constraints.permitted.is_empty());
        ensure!(
            limited || self.any_name,
            "this authority may sign for any name: whoever got hold of its key could take the place of every site and server. \
             If that is wanted, say --any-name"
        );
        if self.fingerprint.is_none() {
            ensure!(
                self.url.is_none() || !self.yes,
                "--yes alone does not believe what came over the network: give --fingerprint, as it came to you by another way"
            );
            let question = "Is that the fingerprint which came to you by another way, and shall this machine trust it?";
            ensure!(confirm(question, self.yes)?, "nothing was changed");
        }
        let store = self.system.store()?;
        let entry = entry(&anchor);
        let told = match store.install(&entry)? {
            Change::Done => "installed",
            Change::Already => "was installed already",
        };
        output::line(format_args!("{told}: {}", store.file(&entry).display()));
        Ok(())
    }

    fn obtain(&self, settings: &Settings) -> anyhow::Result<Anchor> {
        if let Some(file) = &self.file {
            return read(file);
        }
        let Some(url) = &self.url else {
            return own(settings)?.context(
                "no appliance has run on this machine: give its address (https://host), or its certificate with --file",
            );
        };
        let clock: Arc<dyn Clock> = SystemClock::new();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let fetched = runtime.block_on(async { Site::parse(url)?.fetch(&*clock).await })?;
        if let Connection::Stranger(why) = fetched.connection {
            bail!(
                "{url} handed out an authority that did not sign its own connection ({why}): somebody may sit on the way. \
                 If another authority signed it, take the file from its page and give it with --file"
            );
        }
        Ok(fetched.anchor)
    }
}

impl Uninstall {
    fn run(&self) -> anyhow::Result<()> {
        let store = self.system.store()?;
        let mut chosen = installed(&store)?;
        match &self.fingerprint {
            Some(wanted) => chosen.retain(|anchor| anchor.sha256() == wanted),
            None => ensure!(
                self.all || chosen.len() <= 1,
                "there are {} of them: say --all, or which one with --fingerprint (`gatehouse trust status` shows them)",
                chosen.len()
            ),
        }
        if chosen.is_empty() {
            output::line("nothing of it is installed");
        }
        for anchor in chosen {
            store.uninstall(&entry(&anchor))?;
            output::line(format_args!("removed: {} {}", anchor.facts().subject, grouped(anchor.sha256())));
        }
        Ok(())
    }
}

impl Status {
    fn run(&self, settings: &Settings) -> anyhow::Result<()> {
        let own = own(settings)?;
        let store = self.system.store();
        let known = store.as_ref().map_or_else(|_| Ok(Vec::new()), installed)?;
        let in_effect = |anchor: &Anchor| store.as_ref().is_ok_and(|store| store.is_in_effect(&entry(anchor)));
        if self.json {
            let view = |anchor: &Anchor| {
                serde_json::json!({
                    "subject": anchor.facts().subject,
                    "sha256": anchor.sha256(),
                    "until": anchor.facts().not_after.to_string(),
                    "in_effect": in_effect(anchor),
                })
            };
            let (own, installed) = (own.as_ref().map(view), known.iter().map(view).collect::<Vec<_>>());
            output::json(&serde_json::json!({ "own": own, "installed": installed }));
            return Ok(());
        }
        let show = |anchor: &Anchor| {
            output::line(format_args!("  {}", anchor.facts().subject));
            output::line(format_args!("  SHA-256       {}", grouped(anchor.sha256())));
            output::line(format_args!("  valid until   {}", anchor.facts().not_after));
            output::line(format_args!("  may sign for  {}", reach(anchor)));
            output::line(format_args!("  in effect     {}", if in_effect(anchor) { "yes" } else { "no" }));
        };
        if let Some(own) = &own {
            output::line("The authority of the appliance on this machine:");
            show(own);
        }
        match known.as_slice() {
            [] => output::line("This machine has installed no authority of Gatehouse."),
            known => {
                output::line("Installed in this machine's store:");
                known.iter().for_each(show);
            }
        }
        if let Err(error) = store {
            output::note(format_args!("{error:#}"));
        }
        Ok(())
    }
}

fn fingerprint(text: &str) -> Result<String, String> {
    parse_fingerprint(text)
        .ok_or_else(|| "expected a SHA-256 of 64 hexadecimal digits, with colons or without".to_owned())
}

/// The authority of the appliance whose data folder the settings name; nothing where none has run.
fn own(settings: &Settings) -> anyhow::Result<Option<Anchor>> {
    let file = Layout::of(&settings.load()?.config.appliance.data_dir).authority();
    match file.try_exists() {
        Ok(true) => read(&file).map(Some),
        Ok(false) => Ok(None),
        // Another user's data folder is as good as none.
        Err(error) => {
            output::note(format_args!("{}: {error}", file.display()));
            Ok(None)
        }
    }
}

fn read(file: &std::path::Path) -> anyhow::Result<Anchor> {
    let content = std::fs::read(file).with_context(|| format!("{}", file.display()))?;
    Anchor::read(&content).with_context(|| format!("{}", file.display()))
}

/// What is in the store of our making. What cannot be read as an authority any more is told, and left alone.
fn installed(store: &TrustStore) -> anyhow::Result<Vec<Anchor>> {
    let mut anchors = Vec::new();
    for (path, content) in store.installed()? {
        match Anchor::read(&content) {
            Ok(anchor) => anchors.push(anchor),
            Err(error) => output::note(format_args!("{}: {error}", path.display())),
        }
    }
    Ok(anchors)
}

/// What an authority may sign for, in a line.
fn reach(anchor: &Anchor) -> String {
    match anchor.constraints() {
        Some(constraints) if !constraints.permitted.is_empty() => constraints.permitted.join(", "),
        _ => "any name".to_owned(),
    }
}
