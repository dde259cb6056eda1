//! The device flow's two pages: where a program begins it, and where a person answers (RFC 8628).

use std::net::{IpAddr, Ipv4Addr};
use std::sync::PoisonError;
use std::time::Duration;

use super::clients::Client;
use super::error::OAuthError;
use super::flows::{Answer, Flow, INTERVAL, LIFE};
use crate::audit::Outcome;
use crate::domain::{Scopes, Secret};
use crate::identity::generated::{self, Kind};
use crate::identity::records::SecretHash;
use crate::identity::web::{Origin, Visit};
use crate::identity::{Identity, IdentityError, SignInError, sign_in};

/// The answer to a program that begins a device flow.
#[derive(Debug, Clone)]
pub struct DeviceAuthorization {
    /// What the program asks with.
    pub device_code: Secret,
    /// What the person types: `BCDF-GHJK`.
    pub user_code: Secret,
    /// How long both count.
    pub expires_in: Duration,
    /// How long the program waits between two questions.
    pub interval: Duration,
}

/// What the person is asked.
#[derive(Debug, Clone)]
pub struct DeviceRequestView {
    /// Who asks.
    pub client: Client,
    /// For what.
    pub scopes: Scopes,
    /// From where.
    pub peer: IpAddr,
    /// What it calls itself.
    pub agent: String,
}

impl Identity {
    /// Begins a device flow.
    pub async fn begin_device_flow(
        &self,
        client_id: &str,
        scope: Option<&str>,
        origin: &Origin,
    ) -> Result<DeviceAuthorization, OAuthError> {
        let client = self.client(client_id)?;
        if !client.device_flow {
            return Err(OAuthError::UnauthorizedClient);
        }
        let scopes = client.asked(scope)?;
        let device_code = Kind::DeviceCode.generate().map_err(IdentityError::from)?;
        let user_code = generated::user_code().map_err(IdentityError::from)?;
        let hashes = (self.secret_hash(Kind::DeviceCode, &device_code), self.user_code_hash(user_code.expose()));
        let begun = {
            let (now, from) = (self.inner.clock.monotonic(), (origin.peer, origin.agent.clone()));
            let mut flows = self.inner.oauth.flows.lock().unwrap_or_else(PoisonError::into_inner);
            flows.begin(hashes.0, hashes.1, (client.id, scopes), from, now)
        };
        if !begun {
            return Err(OAuthError::TemporarilyUnavailable);
        }
        Ok(DeviceAuthorization { device_code, user_code, expires_in: LIFE, interval: INTERVAL })
    }

    /// What the person is asked who typed this code; nothing where no flow waits for it. Wrong codes are counted against the account.
    pub async fn device_request(
        &self,
        visit: &Visit,
        user_code: &str,
    ) -> Result<Option<DeviceRequestView>, OAuthError> {
        let Some(flow) = self.open_flow(visit, user_code).await? else { return Ok(None) };
        let client = self.client(&flow.client)?;
        Ok(Some(DeviceRequestView { client, scopes: flow.scopes, peer: flow.peer, agent: flow.agent }))
    }

    /// The person answers. False where no flow waits for this code any more.
    pub async fn answer_device(&self, visit: &Visit, user_code: &str, allow: bool) -> Result<bool, OAuthError> {
        let Some(flow) = self.open_flow(visit, user_code).await? else { return Ok(false) };
        let client = self.client(&flow.client)?;
        let (answer, outcome) = match allow {
            true => (Answer::Yes(self.consent(visit, &client, &flow.scopes)), Outcome::Done),
            false => (Answer::No, Outcome::Refused),
        };
        self.record_answer(visit, &client, &flow.scopes, outcome).await?;
        let (hash, now) = (self.user_code_hash(user_code), self.inner.clock.monotonic());
        let mut flows = self.inner.oauth.flows.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(flows.answer(hash, answer, now))
    }

    async fn open_flow(&self, visit: &Visit, user_code: &str) -> Result<Option<Flow>, OAuthError> {
        let (part, now) = (&self.inner.oauth, self.inner.clock.monotonic());
        let suspect = part.user_codes.suspect(&visit.principal.account.to_string(), ANYWHERE);
        let hash = self.user_code_hash(user_code);
        let tried = {
            // Under one lock: of a burst of guesses, each counts before the next is made.
            let flows = part.flows.lock().unwrap_or_else(PoisonError::into_inner);
            part.user_codes.check(suspect, now).map(|()| flows.open(hash, now)).inspect(|open| {
                // A right one forgives nothing: an account would wash its guesses away with codes of its own.
                if open.is_none() {
                    part.user_codes.failed_with_generated(suspect, now);
                }
            })
        };
        let open = match tried {
            Ok(open) => open,
            Err(wait) => {
                let error = sign_in::throttled(wait);
                self.record_no_flow(visit, &error).await?;
                return Err(error.into());
            }
        };
        if open.is_none() {
            self.record_no_flow(visit, &SignInError::WrongCode).await?;
        }
        Ok(open)
    }

    /// What a typed user code is found by: letters in any case, spaces and hyphens as one likes.
    fn user_code_hash(&self, typed: &str) -> SecretHash {
        let letters = typed.chars().filter(char::is_ascii_alphabetic).take(32).map(|c| c.to_ascii_uppercase());
        let code: String = letters.collect();
        SecretHash(self.inner.store.keyed_hash("identity.oauth-user-code", code.as_bytes()))
    }
}

/// User codes are counted by account, wherever they are typed.
const ANYWHERE: IpAddr = IpAddr::V4(Ipv4Addr::UNSPECIFIED);
