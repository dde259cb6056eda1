//! `gatehouse state export`, `gatehouse state import`: the whole state in one encrypted file, to be carried to another machine.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail, ensure};

use super::admin::input::{NewPasswordSource, PasswordSource, confirm};
use super::admin::reach::Reach;
use super::{Settings, output};
use crate::admin::{AdminRequest, AdminResponse, SentSecret, StateRequest};
use crate::platform::{Lock, files};
use crate::state::{Layout, prepare_state_file};

#[derive(Debug, clap::Args)]
pub(super) struct State {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Write everything that the appliance keeps into one file, encrypted under a passphrase
    Export {
        /// The file; it must not be there yet
        file: PathBuf,
        #[command(flatten)]
        passphrase: NewPasswordSource,
    },
    /// Take a state file's content over at the next start, in the place of what is there, which is kept aside
    Import {
        /// The file
        file: PathBuf,
        #[command(flatten)]
        passphrase: PasswordSource,
        /// Do not ask
        #[arg(long)]
        yes: bool,
    },
}

impl State {
    pub(super) fn run(&self, settings: &Settings) -> anyhow::Result<()> {
        match &self.command {
            Command::Export { file, passphrase } => export(settings, file, passphrase),
            Command::Import { file, passphrase, yes } => import(settings, file, passphrase, *yes),
        }
    }
}

fn export(settings: &Settings, file: &Path, passphrase: &NewPasswordSource) -> anyhow::Result<()> {
    ensure!(!file.exists(), "{} is there already", file.display());
    let chosen = passphrase.take("Passphrase of the state file")?;
    let request = AdminRequest::State(StateRequest::Export(SentSecret(chosen.secret.clone())));
    let AdminResponse::StateFile(written) = Reach::of(settings)?.ask(request)? else {
        bail!("the running appliance answered something else");
    };
    // The appliance writes into its own folder alone; from there the file goes where it was asked for.
    let content = std::fs::read(&written.path).with_context(|| format!("{}", written.path.display()))?;
    files::write_private(file, &content).with_context(|| format!("{}", file.display()))?;
    std::fs::remove_file(&written.path).with_context(|| format!("{}", written.path.display()))?;
    output::line(format_args!("{} holds the whole state. Without its passphrase nobody opens it.", file.display()));
    if chosen.made {
        output::line("passphrase, shown only this once:");
        output::line(chosen.secret.expose());
    }
    Ok(())
}

fn import(settings: &Settings, file: &Path, passphrase: &PasswordSource, yes: bool) -> anyhow::Result<()> {
    let config = settings.load()?.config;
    let layout = Layout::of(&config.appliance.data_dir);
    files::private_folder(&config.appliance.data_dir)?;
    if layout.store().exists() {
        let lock = layout.store().join("lock");
        let free = Lock::take(&lock).with_context(|| format!("{}", lock.display()))?;
        ensure!(free.is_some(), "the appliance is running; stop it first");
        if !confirm("There is a state already. Put it aside, and the file's in its place?", yes)? {
            bail!("nothing was changed");
        }
    }
    let secret = passphrase.take("Passphrase of the state file")?;
    prepare_state_file(&config, file, &secret)?;
    output::line("The state was read and is whole. The next start of the appliance takes it over.");
    Ok(())
}
