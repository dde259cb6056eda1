//! Who is it, and where may it go: identity's and estate's answers as refusals, with the reason for the audit.

use std::net::IpAddr;

use super::refusal::Refusal;
use crate::domain::{Credential, Principal};
use crate::estate::{Estate, Route, RouteError};
use crate::identity::{Identity, Presented, SignInError};
use crate::tds::Login7;

/// Signs in. `password_allowed` is the gateway's own policy about account passwords; each account may have a stricter one.
pub(super) async fn identify(
    identity: &Identity,
    presented: Presented,
    peer: IpAddr,
    password_allowed: bool,
) -> Result<Principal, (Refusal, String)> {
    let user = match &presented {
        Presented::Password { name, .. } => name.clone(),
        Presented::Token(_) => String::new(),
    };
    match identity.sign_in(presented, peer).await {
        Ok(principal) if principal.credential == Credential::Password && !password_allowed => {
            Err((Refusal::PasswordNotAllowed { user }, "account passwords do not sign in at the gateway".to_owned()))
        }
        Ok(principal) => Ok(principal),
        Err(error) => {
            if let SignInError::Unavailable(cause) = &error {
                tracing::error!(%cause, "a sign-in could not be checked");
            }
            let reason = error.audit_reason().to_owned();
            let refusal = match error {
                SignInError::Wrong
                | SignInError::WrongCode
                | SignInError::Passkey
                | SignInError::PasskeyCopied
                | SignInError::TooLate => Refusal::Wrong { user },
                SignInError::Disabled => Refusal::Disabled { user },
                SignInError::Expired => Refusal::Expired { user },
                SignInError::Throttled { retry_after } => Refusal::Throttled { user, retry_after },
                SignInError::PasswordNotAllowed => Refusal::PasswordNotAllowed { user },
                SignInError::Address => Refusal::Address { user },
                SignInError::Scope => Refusal::NotForDatabases { user },
                SignInError::Busy => Refusal::Busy,
                SignInError::Unavailable(_) => Refusal::Unavailable,
            };
            Err((refusal, reason))
        }
    }
}

/// The way to the database that the login names. Whether there is no such alias or no grant to it is for the audit only.
pub(super) fn way(estate: &Estate, principal: &Principal, login: &Login7) -> Result<Route, (Refusal, String)> {
    let alias = Some(login.database.as_str()).filter(|alias| !alias.is_empty());
    estate.route(principal, alias).map_err(|error| {
        let refusal = match &error {
            RouteError::UnknownAlias { .. } | RouteError::NoGrant { .. } if alias.is_some() => {
                Refusal::NoDatabase { database: login.database.clone() }
            }
            RouteError::UnknownAlias { .. } | RouteError::NoGrant { .. } | RouteError::NoDefault { .. } => {
                Refusal::NoDefaultDatabase { user: principal.name.to_string() }
            }
            RouteError::Unavailable(_) => {
                tracing::error!(%error, "a route could not be looked up");
                Refusal::Unavailable
            }
        };
        (refusal, error.to_string())
    })
}
