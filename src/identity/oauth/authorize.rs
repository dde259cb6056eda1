//! The authorisation endpoint: what a program asks for, and the code that a person's yes gives it.

use std::sync::PoisonError;

use super::clients::Client;
use super::codes::{Bound, Consent};
use super::error::OAuthError;
use super::pkce::Challenge;
use super::redirect;
use crate::audit::{Entry, Outcome};
use crate::domain::{ProgramId, Scopes, Secret};
use crate::identity::generated::Kind;
use crate::identity::web::Visit;
use crate::identity::{Identity, IdentityError};

/// The parameters of the request, as they came.
#[derive(Debug, Clone, Default)]
pub struct AuthorizationRequest {
    /// `client_id`.
    pub client_id: String,
    /// `redirect_uri`.
    pub redirect_uri: String,
    /// `response_type`.
    pub response_type: String,
    /// `scope`.
    pub scope: Option<String>,
    /// `code_challenge`.
    pub code_challenge: Option<String>,
    /// `code_challenge_method`.
    pub code_challenge_method: Option<String>,
}

/// A request that can be put before the person.
#[derive(Debug, Clone)]
pub struct Authorization {
    /// Who asks.
    pub client: Client,
    /// For what.
    pub scopes: Scopes,
    /// Where the answer goes.
    pub redirect_uri: String,
    challenge: Challenge,
}

/// Why a request is not put before anybody.
#[derive(Debug, thiserror::Error)]
pub enum AuthorizeError {
    /// The client or the address is unknown: shown on a page, and nothing is sent to that address.
    #[error(transparent)]
    Shown(OAuthError),
    /// Anything else: sent to the address, as the RFC says.
    #[error("{error}")]
    Sent {
        /// Where to.
        redirect_uri: String,
        /// What.
        #[source]
        error: OAuthError,
    },
}

impl Identity {
    /// Looks at a request before the person does.
    pub fn authorization(&self, request: &AuthorizationRequest) -> Result<Authorization, AuthorizeError> {
        let client = self.client(&request.client_id).map_err(AuthorizeError::Shown)?;
        let redirect_uri = request.redirect_uri.clone();
        if !client.redirect_uris.iter().any(|registered| redirect::matches(registered, &redirect_uri)) {
            let error = OAuthError::InvalidRequest("this redirect address is not registered for the client");
            return Err(AuthorizeError::Shown(error));
        }
        let sent = |error| AuthorizeError::Sent { redirect_uri: redirect_uri.clone(), error };
        match request.response_type.as_str() {
            "code" => {}
            "" => return Err(sent(OAuthError::InvalidRequest("there is no response_type"))),
            _ => return Err(sent(OAuthError::UnsupportedResponseType)),
        }
        if request.code_challenge_method.as_deref() != Some("S256") {
            return Err(sent(OAuthError::InvalidRequest("the code challenge method has to be S256")));
        }
        let challenge = request.code_challenge.as_deref().and_then(Challenge::parse);
        let challenge = challenge.ok_or_else(|| sent(OAuthError::InvalidRequest("there is no good code challenge")))?;
        let scopes = client.asked(request.scope.as_deref()).map_err(sent)?;
        Ok(Authorization { client, scopes, redirect_uri: request.redirect_uri.clone(), challenge })
    }

    /// The person says yes: the code to be sent to the redirect address. It counts once, for a minute.
    pub async fn authorize(&self, visit: &Visit, authorization: &Authorization) -> Result<Secret, OAuthError> {
        let code = Kind::Code.generate().map_err(IdentityError::from)?;
        let consent = self.consent(visit, &authorization.client, &authorization.scopes);
        self.record_answer(visit, &authorization.client, &authorization.scopes, Outcome::Done).await?;
        let (redirect_uri, challenge) = (authorization.redirect_uri.clone(), authorization.challenge);
        let mut codes = self.inner.oauth.codes.lock().unwrap_or_else(PoisonError::into_inner);
        let hash = self.secret_hash(Kind::Code, &code);
        codes.issue(hash, Bound { consent, redirect_uri, challenge }, self.inner.clock.monotonic());
        Ok(code)
    }

    /// The person says no: to be told the program as `access_denied`.
    pub async fn deny(&self, visit: &Visit, authorization: &Authorization) -> Result<OAuthError, OAuthError> {
        self.record_answer(visit, &authorization.client, &authorization.scopes, Outcome::Refused).await?;
        Ok(OAuthError::AccessDenied)
    }

    pub(super) fn consent(&self, visit: &Visit, client: &Client, scopes: &Scopes) -> Consent {
        Consent {
            account: visit.principal.account,
            generation: visit.principal.generation,
            session: visit.session.id,
            client: client.id.clone(),
            scopes: scopes.clone(),
            program: ProgramId::random(),
        }
    }

    pub(super) async fn record_answer(
        &self,
        visit: &Visit,
        client: &Client,
        scopes: &Scopes,
        outcome: Outcome,
    ) -> Result<(), OAuthError> {
        let entry = Entry::new(visit.actor(), "oauth.consent").subject(client.name.as_str()).outcome(outcome);
        let entry = entry.peer(visit.session.seen_from).detail("client", &client.id).detail("scopes", scopes);
        Ok(self.inner.audit.record(entry).await.map_err(IdentityError::from)?)
    }
}
