//! The command line: one file a command. Here are the arguments, the dispatch, and the exit codes.

mod admin;
mod audit;
mod check;
mod connect;
mod demo;
mod discover;
mod discovery;
mod healthcheck;
mod output;
mod run;
mod setup_code;
mod state;
mod trust;
mod version;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};

use crate::config::{self, ConfigError, Environment, Loaded, Sources};

/// It failed.
const FAILED: u8 = 1;
/// The settings are not usable (EX_USAGE of sysexits.h, as it is used for configuration by proxies).
const UNUSABLE_SETTINGS: u8 = 64;

#[derive(Debug, Parser)]
#[command(name = "gatehouse", version, about = "An automatic-TLS gateway in front of Microsoft SQL Server", long_about = None)]
struct Arguments {
    #[command(flatten)]
    settings: Settings,
    #[command(subcommand)]
    command: Option<Command>,
}

/// Where the settings come from: the same for every command.
#[derive(Debug, Clone, Args)]
pub(crate) struct Settings {
    /// The settings file [default: gatehouse.toml in the data folder, then /etc/gatehouse/gatehouse.toml]
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    /// The folder of everything that the appliance keeps
    #[arg(long, global = true, value_name = "FOLDER")]
    data_dir: Option<PathBuf>,
    /// A setting; may be given several times
    #[arg(long, global = true, value_name = "SECTION.KEY=VALUE")]
    set: Vec<String>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the appliance (what happens without a command)
    Run,
    /// Run a demonstration: a sample SQL Server, the gateway before it, an account and a database
    Demo(demo::Demo),
    /// Check the settings and the files they name, and show what is in force and where it comes from
    Check(check::Check),
    /// Ask the running appliance whether it is ready
    Healthcheck(healthcheck::Healthcheck),
    /// The record of who did what
    Audit(audit::Audit),
    /// Make another one-time code for the set-up page, while there is no administrator
    SetupCode(setup_code::SetupCode),
    /// The whole state in one encrypted file, to be carried to another machine
    State(state::State),
    /// Administer accounts, devices, servers, databases, grants and sessions
    Admin(admin::Admin),
    /// Trust an appliance's authority on this machine, or no longer
    Trust(trust::Trust),
    /// Look for an appliance from a workstation, and say on which ground it is believed
    Discover(discover::Discover),
    /// Serve programs on this workstation that cannot do TLS, and carry them to an appliance
    Connect(connect::Connect),
    /// How workstations find this appliance
    Discovery(discovery::Discovery),
    /// Show the version
    Version(version::Version),
}

/// Parses the arguments, runs the command, and gives the program's exit code.
pub fn main() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => {
            let _ = error.print();
            return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(FAILED));
        }
    };
    match dispatch(arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            output::error(&error);
            exit_code(&error)
        }
    }
}

fn dispatch(Arguments { settings, command }: Arguments) -> anyhow::Result<()> {
    match command.unwrap_or(Command::Run) {
        Command::Run => run::run(&settings),
        Command::Demo(demo) => demo.run(&settings),
        Command::Check(check) => check.run(&settings),
        Command::Healthcheck(healthcheck) => healthcheck.run(&settings),
        Command::Audit(audit) => audit.run(&settings),
        Command::SetupCode(setup_code) => setup_code.run(&settings),
        Command::State(state) => state.run(&settings),
        Command::Admin(admin) => admin.run(&settings),
        Command::Trust(trust) => trust.run(&settings),
        Command::Discover(discover) => discover.run(),
        Command::Connect(connect) => connect.run(),
        Command::Discovery(discovery) => discovery.run(&settings),
        Command::Version(version) => version.run(),
    }
}

fn exit_code(error: &anyhow::Error) -> ExitCode {
    let own = error.downcast_ref::<connect::Exit>().map(|exit| exit.code);
    ExitCode::from(own.unwrap_or(if error.is::<ConfigError>() { UNUSABLE_SETTINGS } else { FAILED }))
}

impl Settings {
    /// Reads the settings from all their sources.
    pub(crate) fn load(&self) -> Result<Loaded, ConfigError> {
        self.sources().load()
    }

    /// The sources, for whoever reads them again.
    pub(crate) fn sources(&self) -> Sources {
        let flags =
            config::Flags { config: self.config.clone(), data_dir: self.data_dir.clone(), set: self.set.clone() };
        Sources::new(flags, Environment::of_process())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory as _;

    #[test]
    fn the_arguments_are_put_together_rightly() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn without_a_command_the_appliance_runs() {
        let arguments = Arguments::try_parse_from(["gatehouse", "--data-dir", "x"]).unwrap();
        assert!(arguments.command.is_none());
        assert_eq!(arguments.settings.data_dir, Some(PathBuf::from("x")));
    }

    #[test]
    fn unusable_settings_have_an_exit_code_of_their_own() {
        let unusable = anyhow::Error::from(ConfigError { complaints: Vec::new() }).context("somewhere");
        assert_eq!(exit_code(&unusable), ExitCode::from(64));
        assert_eq!(exit_code(&anyhow::anyhow!("anything else")), ExitCode::from(1));
    }
}
