//! SQL passes, as administrators see them.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::access::Need;
use super::{Admin, AdminError, AdminResponse, SentSecret, shown};
use crate::audit::Actor;
use crate::domain::PassId;
use crate::identity::Pass;

/// A request about passes.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PassRequest {
    /// Issue one.
    Issue {
        /// To whom.
        account: String,
        /// To which of the account's devices.
        device: Option<String>,
        /// For how long.
        lifetime: Duration,
    },
    /// All of them.
    List,
    /// It no longer counts.
    Revoke(String),
}

/// A pass.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct PassView {
    /// Its id.
    pub id: PassId,
    /// The account that it signs in: the user name that goes with it.
    pub account: String,
    /// The device that it was issued to.
    pub device: Option<String>,
    /// When it was issued.
    pub created: String,
    /// When it ends.
    pub expires: String,
    /// Whether it has ended already.
    pub expired: bool,
    /// The pass itself: in the answer to its issue, and never again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret: Option<SentSecret>,
}

impl PassRequest {
    pub(super) fn need(&self) -> Need {
        if matches!(self, Self::List) { Need::Read } else { Need::Change }
    }
}

impl Admin {
    pub(super) async fn pass(&self, actor: &Actor, request: PassRequest) -> Result<AdminResponse, AdminError> {
        let identity = &self.identity;
        match request {
            PassRequest::List => {
                let passes = identity.passes()?.into_iter().map(|pass| self.pass_view(pass));
                Ok(AdminResponse::Passes(passes.collect::<Result<_, _>>()?))
            }
            PassRequest::Issue { account, device, lifetime } => {
                let account = identity.account(&account)?.id;
                let device = device.map(|name| identity.device(&name)).transpose()?.map(|device| device.id);
                let (pass, secret) = identity.issue_pass(actor, account, device, lifetime).await?;
                let view = self.pass_view(pass)?;
                Ok(AdminResponse::Pass(PassView { secret: Some(SentSecret(secret)), ..view }))
            }
            PassRequest::Revoke(id) => {
                let id = id.parse().map_err(|_| AdminError::NotAnId(id, "pass"))?;
                let pass = identity.revoke_pass(actor, id).await?;
                Ok(AdminResponse::Pass(self.pass_view(pass)?))
            }
        }
    }

    fn pass_view(&self, pass: Pass) -> Result<PassView, AdminError> {
        let device = pass.device.map(|id| self.identity.device(&id.to_string())).transpose()?;
        Ok(PassView {
            id: pass.id,
            account: self.account_name(pass.account)?,
            device: device.map(|device| device.name.to_string()),
            created: shown(pass.created),
            expires: shown(pass.expires),
            expired: pass.expires <= self.clock.now(),
            secret: None,
        })
    }
}
