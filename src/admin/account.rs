//! Accounts, as administrators see them.

use serde::{Deserialize, Serialize};

use super::access::Need;
use super::{Admin, AdminError, AdminResponse, SentSecret, shown};
use crate::audit::Actor;
use crate::domain::{AccountId, MailAddress, Name, Role, Timestamp};
use crate::estate::Grantee;
use crate::identity::{Account, Alteration, IdentityError, Member, NewAccount};

/// A request about accounts.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AccountRequest {
    /// Make one.
    Add {
        /// Its name.
        name: Name,
        /// Its role.
        role: Role,
        /// Its password; without one it signs in by passes, devices and tokens.
        password: Option<SentSecret>,
        /// Whether its own password opens the gateway.
        password_at_gateway: bool,
        /// The database taken when a login names none.
        default_database: Option<String>,
        /// When it ends.
        expires: Option<Timestamp>,
        /// Where its owner gets mail.
        #[serde(default)]
        mail: Option<MailAddress>,
    },
    /// All of them.
    List,
    /// One of them.
    Show(String),
    /// It may not sign in, and its sessions end.
    Disable(String),
    /// It may sign in again.
    Enable(String),
    /// Another password, which ends its sessions.
    Password {
        /// The account.
        account: String,
        /// The password.
        password: SentSecret,
    },
    /// Another role, policy, default database or end; what is not given stays.
    Set {
        /// The account.
        account: String,
        /// Its role.
        role: Option<Role>,
        /// Whether its own password opens the gateway.
        password_at_gateway: Option<bool>,
        /// The database taken when a login names none; empty for none.
        default_database: Option<String>,
        /// When it ends.
        expires: Option<Expiry>,
    },
    /// Another mail address, or none; links that were sent to the former one count no more.
    Mail {
        /// The account.
        account: String,
        /// Where its owner gets mail.
        mail: Option<MailAddress>,
    },
    /// A link by which its owner chooses another password.
    ResetLink(String),
    /// Its second factors and recovery codes are taken away, and its browsers signed out.
    RemoveFactors(String),
    /// Whether it must have a second factor, whatever the appliance's setting says of its role.
    RequireFactor {
        /// The account.
        account: String,
        /// Whether it must.
        required: bool,
    },
    /// It is removed, with all that is its own.
    Remove(String),
}

/// A link that sets a password.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ResetLinkView {
    /// The account.
    pub account: String,
    /// What the link's address ends with, after `/reset/`.
    pub secret: SentSecret,
    /// When it ends.
    pub expires: String,
}

/// When an account ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Expiry {
    /// It does not.
    Never,
    /// Then.
    At(Timestamp),
}

/// An account, without its secrets.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AccountView {
    /// Its id.
    pub id: AccountId,
    /// Its name.
    pub name: String,
    /// Its role.
    pub role: Role,
    /// Whether it may sign in.
    pub enabled: bool,
    /// Whether it has a password of its own.
    pub has_password: bool,
    /// Whether that password opens the gateway.
    pub password_at_gateway: bool,
    /// The alias of its default database.
    pub default_database: Option<String>,
    /// The kinds of its second factors.
    #[serde(default)]
    pub second_factors: Vec<String>,
    /// Whether it must have one.
    #[serde(default)]
    pub second_factor_required: bool,
    /// The groups that it is in, directly or through others.
    pub groups: Vec<String>,
    /// When it ends.
    pub expires: Option<String>,
    /// Where its owner gets mail.
    #[serde(default)]
    pub mail: Option<MailAddress>,
    /// When it was made.
    pub created: String,
}

impl AccountRequest {
    pub(super) fn need(&self) -> Need {
        match self {
            Self::List | Self::Show(_) => Need::Read,
            _ => Need::Change,
        }
    }
}

impl Admin {
    pub(super) async fn account(&self, actor: &Actor, request: AccountRequest) -> Result<AdminResponse, AdminError> {
        let identity = &self.identity;
        let id = |name: &str| identity.account(name).map(|account| account.id);
        let account = match request {
            AccountRequest::List => return self.list_accounts(),
            AccountRequest::Show(name) => identity.account(&name)?,
            AccountRequest::Add { name, role, password, password_at_gateway, default_database, expires, mail } => {
                let default_database = self.database_named(default_database)?;
                let password = password.map(|sent| sent.0);
                let new = NewAccount { name, role, password, password_at_gateway, default_database, expires, mail };
                identity.add_account(actor, new).await?
            }
            AccountRequest::Disable(name) => identity.alter_account(actor, id(&name)?, Alteration::Disable).await?,
            AccountRequest::Enable(name) => identity.alter_account(actor, id(&name)?, Alteration::Enable).await?,
            AccountRequest::Password { account, password } => {
                identity.set_password(actor, id(&account)?, password.0).await?
            }
            AccountRequest::Set { account, role, password_at_gateway, default_database, expires } => {
                let mut account = identity.account(&account)?;
                let database = match default_database {
                    Some(alias) => Some(Alteration::DefaultDatabase(self.database_named(Some(alias))?)),
                    None => None,
                };
                let expires = expires.map(|expiry| match expiry {
                    Expiry::Never => Alteration::Expires(None),
                    Expiry::At(when) => Alteration::Expires(Some(when)),
                });
                let policy = password_at_gateway.map(Alteration::PasswordAtGateway);
                let alterations = [role.map(Alteration::Role), policy, expires, database];
                for alteration in alterations.into_iter().flatten() {
                    account = identity.alter_account(actor, account.id, alteration).await?;
                }
                account
            }
            AccountRequest::Mail { account, mail } => {
                identity.alter_account(actor, id(&account)?, Alteration::Mail(mail)).await?
            }
            AccountRequest::ResetLink(name) => {
                let account = identity.account(&name)?;
                let (secret, expires) = identity.issue_reset_link(actor, account.id).await?;
                let (account, secret, expires) = (account.name.to_string(), SentSecret(secret), shown(expires));
                return Ok(AdminResponse::ResetLink(ResetLinkView { account, secret, expires }));
            }
            AccountRequest::RemoveFactors(name) => {
                let account = identity.account(&name)?;
                identity.remove_factors(actor, account.id).await?;
                account
            }
            AccountRequest::RequireFactor { account, required } => {
                let account = identity.account(&account)?;
                identity.require_second_factor(actor, Member::Account(account.id), required).await?;
                account
            }
            AccountRequest::Remove(name) => {
                let account = identity.account(&name)?;
                let view = self.account_view(account)?;
                identity.remove_account(actor, view.id).await?;
                self.estate.forget_grantee(actor, Grantee::Account(view.id)).await?;
                return Ok(AdminResponse::Account(view));
            }
        };
        Ok(AdminResponse::Account(self.account_view(account)?))
    }

    fn list_accounts(&self) -> Result<AdminResponse, AdminError> {
        let accounts = self.identity.accounts()?.into_iter().map(|account| self.account_view(account));
        Ok(AdminResponse::Accounts(accounts.collect::<Result<_, _>>()?))
    }

    fn account_view(&self, account: Account) -> Result<AccountView, AdminError> {
        let groups = self.identity.groups_of(account.id).map_err(IdentityError::from)?;
        let groups = groups.into_iter().filter_map(|id| self.identity.group_by_id(id).transpose());
        let mut groups: Vec<String> =
            groups.map(|group| group.map(|group| group.name.to_string())).collect::<Result<_, _>>()?;
        groups.sort();
        let default_database = account.default_database.map(|id| self.alias_of(id)).transpose()?;
        let factors = self.identity.factors(account.id)?;
        let second_factor_required = self.identity.second_factor_required(&account)?;
        Ok(AccountView {
            id: account.id,
            name: account.name.to_string(),
            role: account.role,
            enabled: account.enabled,
            has_password: account.password.is_some(),
            password_at_gateway: account.password_at_gateway,
            default_database,
            second_factors: factors.iter().map(|factor| factor.kind().to_owned()).collect(),
            second_factor_required,
            groups,
            expires: account.expires.map(shown),
            mail: account.mail,
            created: shown(account.created),
        })
    }

    /// The name of an account, or what is left to say of one that is gone.
    pub(super) fn account_name(&self, id: AccountId) -> Result<String, AdminError> {
        Ok(self.identity.account_by_id(id)?.map_or_else(|| format!("(gone: {id})"), |account| account.name.to_string()))
    }
}
