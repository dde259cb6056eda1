//! Groups, as administrators see them.

use serde::{Deserialize, Serialize};

use super::access::Need;
use super::{Admin, AdminError, AdminResponse, shown};
use crate::audit::Actor;
use crate::domain::{GroupId, Name};
use crate::estate::Grantee;
use crate::identity::{Group, Member};

/// A request about groups.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum GroupRequest {
    /// Make one.
    Add(Name),
    /// All of them.
    List,
    /// One of them.
    Show(String),
    /// Put an account or group into one.
    AddMember {
        /// The group.
        group: String,
        /// What to put in.
        member: MemberName,
    },
    /// Take an account or group out of one.
    RemoveMember {
        /// The group.
        group: String,
        /// What to take out.
        member: MemberName,
    },
    /// It is removed, and its grants with it.
    Remove(String),
}

/// An account or a group, by name or id.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum MemberName {
    /// An account.
    Account(String),
    /// A group.
    Group(String),
}

/// A group.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct GroupView {
    /// Its id.
    pub id: GroupId,
    /// Its name.
    pub name: String,
    /// The accounts directly in it.
    pub accounts: Vec<String>,
    /// The groups directly in it.
    pub groups: Vec<String>,
    /// When it was made.
    pub created: String,
}

impl GroupRequest {
    pub(super) fn need(&self) -> Need {
        match self {
            Self::List | Self::Show(_) => Need::Read,
            _ => Need::Change,
        }
    }
}

impl Admin {
    pub(super) async fn group(&self, actor: &Actor, request: GroupRequest) -> Result<AdminResponse, AdminError> {
        let identity = &self.identity;
        let group = match request {
            GroupRequest::List => {
                let groups = identity.groups()?.into_iter().map(|group| self.group_view(group));
                return Ok(AdminResponse::Groups(groups.collect::<Result<_, _>>()?));
            }
            GroupRequest::Show(name) => identity.group(&name)?,
            GroupRequest::Add(name) => identity.add_group(actor, name).await?,
            GroupRequest::AddMember { group, member } => {
                let group = identity.group(&group)?;
                identity.add_member(actor, group.id, self.member(member)?).await?;
                group
            }
            GroupRequest::RemoveMember { group, member } => {
                let group = identity.group(&group)?;
                identity.remove_member(actor, group.id, self.member(member)?).await?;
                group
            }
            GroupRequest::Remove(name) => {
                let view = self.group_view(identity.group(&name)?)?;
                identity.remove_group(actor, view.id).await?;
                self.estate.forget_grantee(actor, Grantee::Group(view.id)).await?;
                return Ok(AdminResponse::Group(view));
            }
        };
        Ok(AdminResponse::Group(self.group_view(group)?))
    }

    fn member(&self, name: MemberName) -> Result<Member, AdminError> {
        Ok(match name {
            MemberName::Account(name) => Member::Account(self.identity.account(&name)?.id),
            MemberName::Group(name) => Member::Group(self.identity.group(&name)?.id),
        })
    }

    fn group_view(&self, group: Group) -> Result<GroupView, AdminError> {
        let (mut accounts, mut groups) = (Vec::new(), Vec::new());
        for member in self.identity.members(group.id)? {
            match member {
                Member::Account(id) => accounts.push(self.account_name(id)?),
                Member::Group(id) => groups.push(self.group_name(id)?),
            }
        }
        accounts.sort();
        groups.sort();
        let (name, created) = (group.name.to_string(), shown(group.created));
        Ok(GroupView { id: group.id, name, accounts, groups, created })
    }

    /// The name of a group, or what is left to say of one that is gone.
    pub(super) fn group_name(&self, id: GroupId) -> Result<String, AdminError> {
        Ok(self.identity.group_by_id(id)?.map_or_else(|| format!("(gone: {id})"), |group| group.name.to_string()))
    }
}
