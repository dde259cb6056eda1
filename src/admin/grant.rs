//! Grants, as administrators see them.

use serde::{Deserialize, Serialize};

use super::access::Need;
use super::{Admin, AdminError, AdminResponse, SentSecret, shown};
use crate::audit::Actor;
use crate::domain::{AccessLevel, GrantId};
use crate::estate::{Grant, Grantee, NewGrant};

/// A request about grants.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum GrantRequest {
    /// Grant a database.
    Add {
        /// To whom.
        grantee: GranteeName,
        /// Which.
        database: String,
        /// How far.
        access: AccessLevel,
        /// The SQL login that realises it.
        login: String,
        /// The SQL login's password.
        password: SentSecret,
        /// Whether to try the SQL login first. A server that refuses it refuses the grant.
        check: bool,
    },
    /// All of them.
    List,
    /// It is taken away, and its sessions end.
    Remove(String),
}

/// Who is granted something, by name or id.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum GranteeName {
    /// An account.
    Account(String),
    /// A group.
    Group(String),
}

/// A grant, without its SQL login's password.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct GrantView {
    /// Its id.
    pub id: GrantId,
    /// To whom.
    pub grantee: GranteeName,
    /// Of which database.
    pub database: String,
    /// How far.
    pub access: AccessLevel,
    /// The name of the SQL login that realises it.
    pub login: String,
    /// When it was made.
    pub created: String,
    /// What came of trying the SQL login: in the answer to the grant's making.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub check: Option<String>,
}

impl GrantRequest {
    pub(super) fn need(&self) -> Need {
        if matches!(self, Self::List) { Need::Read } else { Need::Change }
    }
}

impl Admin {
    pub(super) async fn grant(&self, actor: &Actor, request: GrantRequest) -> Result<AdminResponse, AdminError> {
        let estate = &self.estate;
        let grant = match request {
            GrantRequest::List => {
                let grants = estate.grants()?.into_iter().map(|grant| self.grant_view(grant));
                return Ok(AdminResponse::Grants(grants.collect::<Result<_, _>>()?));
            }
            GrantRequest::Add { grantee, database, access, login, password, check } => {
                let (grantee, database) = (self.grantee(grantee)?, estate.database(&database)?);
                let check = match check {
                    true => Some(Box::pin(self.try_login(&database, &login, &password.0)).await?),
                    false => None,
                };
                let (database, login_password) = (database.id, password.0);
                let new = NewGrant { grantee, database, access, login_user: login, login_password };
                let view = self.grant_view(estate.add_grant(actor, new).await?)?;
                return Ok(AdminResponse::Grant(GrantView { check, ..view }));
            }
            GrantRequest::Remove(id) => {
                let id = id.parse().map_err(|_| AdminError::NotAnId(id, "grant"))?;
                estate.remove_grant(actor, id).await?
            }
        };
        Ok(AdminResponse::Grant(self.grant_view(grant)?))
    }

    fn grantee(&self, name: GranteeName) -> Result<Grantee, AdminError> {
        Ok(match name {
            GranteeName::Account(name) => Grantee::Account(self.identity.account(&name)?.id),
            GranteeName::Group(name) => Grantee::Group(self.identity.group(&name)?.id),
        })
    }

    fn grant_view(&self, grant: Grant) -> Result<GrantView, AdminError> {
        let grantee = match grant.grantee {
            Grantee::Account(id) => GranteeName::Account(self.account_name(id)?),
            Grantee::Group(id) => GranteeName::Group(self.group_name(id)?),
        };
        let (database, created) = (self.alias_of(grant.database)?, shown(grant.created));
        let (id, access, login) = (grant.id, grant.access, grant.login_user);
        Ok(GrantView { id, grantee, database, access, login, created, check: None })
    }
}
