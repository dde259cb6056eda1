//! `gatehouse admin database`.

use super::reach::Reach;
use super::show::show;
use crate::admin::{AdminRequest, DatabaseRequest};
use crate::domain::Name;

#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// Add an alias: what workstations call a database
    Add {
        /// The alias
        alias: Name,
        /// The server that the database is on
        #[arg(long, value_name = "NAME")]
        server: String,
        /// The database's name at the server [default: the alias]
        #[arg(long, value_name = "NAME")]
        name: Option<String>,
    },
    /// Point an alias elsewhere; its sessions end and find the new place
    Retarget {
        /// The alias
        database: String,
        /// The server [default: as it is]
        #[arg(long, value_name = "NAME")]
        server: Option<String>,
        /// The database's name at the server [default: as it is]
        #[arg(long, value_name = "NAME", required_unless_present = "server")]
        name: Option<String>,
    },
    /// List databases
    List,
    /// Remove an alias; the database at the server stays
    Remove {
        /// The alias
        database: String,
        /// With its grants; otherwise this is refused while there are any
        #[arg(long)]
        with_grants: bool,
    },
}

impl Command {
    pub(super) fn run(&self, reach: &mut Reach, json: bool) -> anyhow::Result<()> {
        let request = match self {
            Self::Add { alias, server, name } => {
                DatabaseRequest::Add { alias: alias.clone(), server: server.clone(), name: name.clone() }
            }
            Self::Retarget { database, server, name } => {
                DatabaseRequest::Retarget { database: database.clone(), server: server.clone(), name: name.clone() }
            }
            Self::List => DatabaseRequest::List,
            Self::Remove { database, with_grants } => {
                DatabaseRequest::Remove { database: database.clone(), with_grants: *with_grants }
            }
        };
        show(&reach.ask(AdminRequest::Database(request))?, json)
    }
}
