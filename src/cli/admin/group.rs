//! `gatehouse admin group`.

use super::reach::Reach;
use super::show::show;
use crate::admin::{AdminRequest, GroupRequest, MemberName};
use crate::domain::Name;

#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// Make a group
    Add {
        /// Its name
        name: Name,
    },
    /// List groups
    List,
    /// Show a group
    Show {
        /// Its name or id
        group: String,
    },
    /// Put an account or another group into it
    AddMember {
        /// The group's name or id
        group: String,
        #[command(flatten)]
        member: Who,
    },
    /// Take an account or another group out of it; sessions that came through it end
    RemoveMember {
        /// The group's name or id
        group: String,
        #[command(flatten)]
        member: Who,
    },
    /// Remove it, with its grants
    Remove {
        /// Its name or id
        group: String,
    },
}

/// An account or a group.
#[derive(Debug, clap::Args)]
#[group(required = true, multiple = false)]
pub(super) struct Who {
    /// An account, by name or id
    #[arg(long, value_name = "NAME")]
    account: Option<String>,
    /// A group, by name or id
    #[arg(long = "group", value_name = "NAME")]
    of_group: Option<String>,
}

impl Who {
    /// The account or else the group, of which there is one.
    pub(super) fn account_or_group(&self) -> Result<String, String> {
        match &self.account {
            Some(account) => Ok(account.clone()),
            None => Err(self.of_group.clone().unwrap_or_default()),
        }
    }

    fn member(&self) -> MemberName {
        self.account_or_group().map_or_else(MemberName::Group, MemberName::Account)
    }
}

impl Command {
    pub(super) fn run(&self, reach: &mut Reach, json: bool) -> anyhow::Result<()> {
        let request = match self {
            Self::Add { name } => GroupRequest::Add(name.clone()),
            Self::List => GroupRequest::List,
            Self::Show { group } => GroupRequest::Show(group.clone()),
            Self::AddMember { group, member } => {
                GroupRequest::AddMember { group: group.clone(), member: member.member() }
            }
            Self::RemoveMember { group, member } => {
                GroupRequest::RemoveMember { group: group.clone(), member: member.member() }
            }
            Self::Remove { group } => GroupRequest::Remove(group.clone()),
        };
        show(&reach.ask(AdminRequest::Group(request))?, json)
    }
}
