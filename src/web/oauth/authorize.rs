//! `/oauth/authorize`: a program sends the person here, the person says yes or no, and the answer goes back to the program.

use askama::Template;
use axum::extract::State;
use axum::http::{HeaderValue, Uri, header};
use axum::response::{IntoResponse as _, Redirect, Response};
use serde::Deserialize;

use super::{Issuer, destination, in_words};
use crate::identity::oauth::{AuthorizationRequest, AuthorizeError, OAuthError};
use crate::identity::web::{Origin, Visit};
use crate::web::access::{Access, SignedIn, confirm_first};
use crate::web::form::{Form, Query};
use crate::web::page::{self, Frame};
use crate::web::problem::{Problem, sentence};
use crate::web::routes::{Route, get, post};
use crate::web::{Web, headers};

const PATH: &str = "/oauth/authorize";

pub(super) fn routes() -> Vec<Route> {
    vec![get(PATH, Access::SignedIn, ask), post(PATH, Access::SignedIn, answer)]
}

/// The parameters. Others are passed over, as RFC 6749 3.1 has it; one that comes twice is no request.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Asked {
    client_id: String,
    redirect_uri: String,
    response_type: String,
    scope: Option<String>,
    state: Option<String>,
    code_challenge: Option<String>,
    code_challenge_method: Option<String>,
}

/// The form of the page: the request once more, and the answer.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Answered {
    client_id: String,
    redirect_uri: String,
    response_type: String,
    scope: String,
    state: Option<String>,
    code_challenge: String,
    code_challenge_method: String,
    answer: Choice,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(in crate::web) enum Choice {
    Allow,
    Deny,
}

#[derive(Template)]
#[template(path = "oauth/consent.html", config = ".askama.toml")]
struct ConsentPage {
    frame: Frame,
    client: String,
    person: String,
    words: Vec<&'static str>,
    destination: String,
    asked: Asked,
    scopes: String,
}

/// `GET /oauth/authorize`
async fn ask(
    State(web): State<Web>,
    SignedIn(visit): SignedIn,
    origin: Origin,
    issuer: Issuer,
    uri: Uri,
    Query(asked): Query<Asked>,
) -> Result<Response, Problem> {
    let authorization = match web.identity.authorization(&asked.request()) {
        Ok(authorization) => authorization,
        Err(error) => return refused(&web, &visit, &asked, error, &issuer, &origin).await,
    };
    if let Some(confirm) = confirm_first(&web, &visit, &authorization.scopes, &uri) {
        return Ok(confirm.into_response());
    }
    let (destination, source) = destination(&authorization.redirect_uri);
    let page = ConsentPage {
        frame: Frame::of(&web, Some(&visit)),
        client: authorization.client.name.to_string(),
        person: visit.principal.name.to_string(),
        words: in_words(&authorization.scopes),
        destination,
        scopes: authorization.scopes.to_string(),
        asked,
    };
    let mut response = page::show(&page)?;
    // A browser asks the page's policy about the redirect after the form, too.
    if let Ok(policy) = HeaderValue::from_str(&headers::policy_with_form_action(&source)) {
        response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, policy);
    }
    Ok(response)
}

/// `POST /oauth/authorize`
async fn answer(
    State(web): State<Web>,
    SignedIn(visit): SignedIn,
    origin: Origin,
    issuer: Issuer,
    uri: Uri,
    Form(form): Form<Answered>,
) -> Result<Response, Problem> {
    let (choice, asked) = form.split();
    let authorization = match web.identity.authorization(&asked.request()) {
        Ok(authorization) => authorization,
        Err(error) => return refused(&web, &visit, &asked, error, &issuer, &origin).await,
    };
    if let (Choice::Allow, Some(confirm)) = (choice, confirm_first(&web, &visit, &authorization.scopes, &uri)) {
        return Ok(confirm.into_response());
    }
    let (to, state) = (authorization.redirect_uri.as_str(), asked.state.as_deref());
    let error = match choice {
        Choice::Allow => match web.identity.authorize(&visit, &authorization).await {
            Ok(code) => return send(to, &[("code", code.expose())], state, &issuer),
            Err(error) => error,
        },
        Choice::Deny => match web.identity.deny(&visit, &authorization).await {
            Ok(error) | Err(error) => error,
        },
    };
    send_error(to, &error, state, &issuer)
}

/// RFC 6749 4.1.2.1: on a page where the client or its address is in doubt, else to that address.
async fn refused(
    web: &Web,
    visit: &Visit,
    asked: &Asked,
    error: AuthorizeError,
    issuer: &Issuer,
    origin: &Origin,
) -> Result<Response, Problem> {
    let (AuthorizeError::Shown(why) | AuthorizeError::Sent { error: why, .. }) = &error;
    web.identity.record_oauth_refused(Some(visit), &asked.client_id, why, origin).await?;
    match error {
        AuthorizeError::Shown(error @ OAuthError::Server(_)) => Err(error.into()),
        AuthorizeError::Shown(error) => Err(Problem::bad_request(sentence(&error.to_string())).recorded()),
        AuthorizeError::Sent { redirect_uri, error } => {
            send_error(&redirect_uri, &error, asked.state.as_deref(), issuer)
        }
    }
}

fn send_error(to: &str, error: &OAuthError, state: Option<&str>, issuer: &Issuer) -> Result<Response, Problem> {
    if let OAuthError::Server(source) = error {
        // Logged here; the program is told no more than that.
        let _ = Problem::internal(source);
    }
    send(to, &[("error", error.code()), ("error_description", &error.to_string())], state, issuer)
}

fn send(to: &str, answer: &[(&str, &str)], state: Option<&str>, issuer: &Issuer) -> Result<Response, Problem> {
    let state = state.map(|state| ("state", state));
    let pairs: Vec<(&str, &str)> = answer.iter().copied().chain(state).chain([("iss", issuer.as_str())]).collect();
    let query = serde_urlencoded::to_string(pairs).map_err(|error| Problem::internal(&error))?;
    let mark = if to.contains('?') { '&' } else { '?' };
    Ok(Redirect::to(&format!("{to}{mark}{query}")).into_response())
}

impl Asked {
    fn request(&self) -> AuthorizationRequest {
        AuthorizationRequest {
            client_id: self.client_id.clone(),
            redirect_uri: self.redirect_uri.clone(),
            response_type: self.response_type.clone(),
            scope: self.scope.clone(),
            code_challenge: self.code_challenge.clone(),
            code_challenge_method: self.code_challenge_method.clone(),
        }
    }
}

impl Answered {
    fn split(self) -> (Choice, Asked) {
        let asked = Asked {
            client_id: self.client_id,
            redirect_uri: self.redirect_uri,
            response_type: self.response_type,
            scope: Some(self.scope),
            state: self.state,
            code_challenge: Some(self.code_challenge),
            code_challenge_method: Some(self.code_challenge_method),
        };
        (self.answer, asked)
    }
}
