//! Access tokens, as administrators see them.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::access::Need;
use super::{Admin, AdminError, AdminResponse, SentSecret, shown};
use crate::audit::Actor;
use crate::domain::{Scopes, TokenId};
use crate::identity::Token;

/// A request about access tokens.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TokenRequest {
    /// Issue one.
    Issue {
        /// To whom.
        account: String,
        /// What for.
        label: String,
        /// What it may be used for; databases where it is left out.
        #[serde(default = "Scopes::sql")]
        scopes: Scopes,
        /// For how long.
        lifetime: Duration,
    },
    /// All of them.
    List,
    /// It no longer counts.
    Revoke(String),
}

/// An access token.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct TokenView {
    /// Its id.
    pub id: TokenId,
    /// The account that it signs in.
    pub account: String,
    /// What it is for.
    pub label: String,
    /// What it may be used for.
    #[serde(default)]
    pub scopes: Scopes,
    /// When it was issued.
    pub created: String,
    /// When it ends.
    pub expires: String,
    /// Whether it has ended already.
    pub expired: bool,
    /// The token itself: in the answer to its issue, and never again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret: Option<SentSecret>,
}

impl TokenRequest {
    pub(super) fn need(&self) -> Need {
        if matches!(self, Self::List) { Need::Read } else { Need::Change }
    }
}

impl Admin {
    pub(super) async fn token(&self, actor: &Actor, request: TokenRequest) -> Result<AdminResponse, AdminError> {
        let identity = &self.identity;
        match request {
            TokenRequest::List => {
                let tokens = identity.tokens()?.into_iter().map(|token| self.token_view(token));
                Ok(AdminResponse::Tokens(tokens.collect::<Result<_, _>>()?))
            }
            TokenRequest::Issue { account, label, scopes, lifetime } => {
                let account = identity.account(&account)?.id;
                let (token, secret) = identity.issue_token(actor, account, label, scopes, lifetime).await?;
                let view = self.token_view(token)?;
                Ok(AdminResponse::Token(TokenView { secret: Some(SentSecret(secret)), ..view }))
            }
            TokenRequest::Revoke(id) => {
                let id = id.parse().map_err(|_| AdminError::NotAnId(id, "token"))?;
                let token = identity.revoke_token(actor, id).await?;
                Ok(AdminResponse::Token(self.token_view(token)?))
            }
        }
    }

    fn token_view(&self, token: Token) -> Result<TokenView, AdminError> {
        Ok(TokenView {
            id: token.id,
            account: self.account_name(token.account)?,
            label: token.label,
            scopes: token.scopes,
            created: shown(token.created),
            expires: shown(token.expires),
            expired: token.expires <= self.clock.now(),
            secret: None,
        })
    }
}
