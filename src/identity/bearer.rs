//! Programs at the API: who comes with a bearer's token, and for what it is.

use std::net::IpAddr;

use super::Identity;
use super::error::SignInError;
use super::generated::Kind;
use crate::audit::{Actor, Entry, Outcome};
use crate::domain::{DeviceId, Principal, Scope, Scopes, Secret};

/// A program that came with a token.
#[derive(Debug, Clone)]
pub struct Caller {
    /// For whom it acts.
    pub principal: Principal,
    /// What the token is for. The account's role decides as well: what it may not do, no scope allows.
    pub scopes: Scopes,
    /// The device that it comes from: the one whose secret it is, or that a program is bound to.
    pub device: Option<DeviceId>,
}

impl Caller {
    /// For whom it acts, as the audit names them.
    pub fn actor(&self) -> Actor {
        Actor::Account { id: self.principal.account, name: self.principal.name.clone() }
    }
}

impl Identity {
    /// Who comes with this bearer's token, if it is for `needed`: an OAuth access token, an API token, or a device's secret.
    /// A SQL pass opens databases alone. Address rules are the gateway's; a device's networks count here, too.
    ///
    /// A refusal is written down: with the account that the token is of, where there is one.
    pub async fn bearer(&self, token: &Secret, needed: Scope, peer: IpAddr) -> Result<Caller, SignInError> {
        let kind = Kind::of(token.expose()).filter(|kind| matches!(kind, Kind::Access | Kind::Token | Kind::Device));
        let kind = kind.unwrap_or(Kind::Token);
        let outcome = self.by_bearer(kind, token, needed, peer).await;
        if let Err(error) = &outcome {
            let found = self.find(kind, None, token).ok().flatten();
            let claimed = found.map(|found| found.account.name.to_string());
            let entry = Entry::new(Actor::Anonymous { claimed }, "api.sign-in").outcome(Outcome::Refused);
            let entry = entry.reason(error.audit_reason()).side(error.side()).peer(peer);
            self.record_bounded(entry.detail("scope", needed.as_str()), true, peer).await?;
        }
        outcome
    }

    async fn by_bearer(&self, kind: Kind, token: &Secret, needed: Scope, peer: IpAddr) -> Result<Caller, SignInError> {
        let (found, suspect) = self.found(kind, None, token, peer)?;
        if !found.scopes.contains(needed) {
            return Err(SignInError::Scope);
        }
        let device = found.device.as_ref().map(|device| device.id);
        let principal = self.principal(found.account, found.credential, found.expires, peer)?;
        if let Some(renewed) = found.renewed {
            self.settle(renewed).await?;
        }
        self.inner.throttle.succeeded(suspect, self.inner.clock.monotonic());
        Ok(Caller { principal, scopes: found.scopes, device })
    }
}
