//! `gatehouse admin setting`.

use super::reach::Reach;
use super::show::show;
use crate::admin::{AdminRequest, SettingRequest};
use crate::cli::output;
use crate::config::Choice;

#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// List the settings that can be chosen here and on the pages, and where their values come from; `gatehouse check` shows all
    List,
    /// Choose a setting; a running appliance starts anew with it, within the same process
    Set {
        /// The setting, such as appliance.name
        name: String,
        /// Its value; several where it takes several
        #[arg(required = true)]
        values: Vec<String>,
        /// Make the own authority anew where it may not sign for the chosen names; workstations then have to trust that one
        #[arg(long)]
        new_authority: bool,
    },
    /// Choose a setting no more: its default counts
    Unset {
        /// The settings
        #[arg(required = true)]
        names: Vec<String>,
    },
}

impl Command {
    pub(super) fn run(&self, reach: &mut Reach, json: bool) -> anyhow::Result<()> {
        let (choices, new_authority) = match self {
            Self::List => return show(&reach.ask(AdminRequest::Setting(SettingRequest::List))?, json),
            Self::Set { name, values, new_authority } => {
                (vec![(name.clone(), Choice::of_words(name, values)?)], *new_authority)
            }
            Self::Unset { names } => (names.iter().map(|name| (name.clone(), Choice::Default)).collect(), false),
        };
        let answer = reach.ask(AdminRequest::Setting(SettingRequest::Choose { choices, new_authority }))?;
        if json {
            return show(&answer, json);
        }
        output::line("chosen");
        Ok(())
    }
}
