//! `gatehouse admin grant`.

use super::group::Who;
use super::input::PasswordSource;
use super::reach::Reach;
use super::show::show;
use crate::admin::{AdminRequest, GrantRequest, GranteeName, SentSecret};
use crate::domain::AccessLevel;

#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// Grant a database to an account or group; the SQL login's password is asked for unless an option says where it
    /// comes from
    Add {
        /// The database's alias
        database: String,
        #[command(flatten)]
        to: Who,
        /// read, write or owner: what the SQL login may do
        #[arg(long, default_value = "write")]
        access: AccessLevel,
        /// The SQL login at the server that realises the access
        #[arg(long, value_name = "NAME")]
        login: String,
        #[command(flatten)]
        password: PasswordSource,
        /// Do not try the SQL login at its server first
        #[arg(long)]
        no_check: bool,
    },
    /// List grants
    List,
    /// Take a grant away; its sessions end
    Remove {
        /// Its id
        grant: String,
    },
}

impl Command {
    pub(super) fn run(&self, reach: &mut Reach, json: bool) -> anyhow::Result<()> {
        let request = match self {
            Self::Add { database, to, access, login, password, no_check } => GrantRequest::Add {
                grantee: to.account_or_group().map_or_else(GranteeName::Group, GranteeName::Account),
                database: database.clone(),
                access: *access,
                login: login.clone(),
                password: SentSecret(password.take(&format!("Password of the SQL login {login}"))?),
                check: !no_check,
            },
            Self::List => GrantRequest::List,
            Self::Remove { grant } => GrantRequest::Remove(grant.clone()),
        };
        show(&reach.ask(AdminRequest::Grant(request))?, json)
    }
}
