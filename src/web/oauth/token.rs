//! `/oauth/token`, `/oauth/device_authorization`, `/oauth/revoke`, `/oauth/introspect`: for programs. Forms in, JSON out, no
//! cookies. Clients are public: what runs on a workstation keeps no secret, so none is asked for.

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use serde::Deserialize;
use serde_json::{Value, json};

use super::Issuer;
use crate::domain::{Role, Scope, Secret};
use crate::identity::oauth::dpop::{self, Thumbprint};
use crate::identity::oauth::{Issued, OAuthError};
use crate::identity::web::Origin;
use crate::web::Web;
use crate::web::access::{Access, Bearer};
use crate::web::device;
use crate::web::form::{Form, Typed};
use crate::web::problem::Problem;
use crate::web::routes::{Route, post};

pub(super) fn routes() -> Vec<Route> {
    vec![
        post(TOKEN, Access::Program, token),
        post("/oauth/device_authorization", Access::Program, device_authorization),
        post("/oauth/revoke", Access::Program, revoke),
        post("/oauth/introspect", Access::Bearer(Scope::AdminRead), introspect),
    ]
}

const TOKEN: &str = "/oauth/token";

/// The parameters of all grants. Others are passed over, as RFC 6749 3.2 has it; one that comes twice is no request.
#[derive(Default, Deserialize)]
#[serde(default)]
struct TokenForm {
    grant_type: String,
    client_id: String,
    code: Option<Typed>,
    redirect_uri: Option<String>,
    code_verifier: Option<String>,
    device_code: Option<Typed>,
    refresh_token: Option<Typed>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct DeviceForm {
    client_id: String,
    scope: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct OneToken {
    client_id: String,
    token: Option<Typed>,
}

/// `POST /oauth/token`
async fn token(
    State(web): State<Web>,
    origin: Origin,
    issuer: Issuer,
    headers: HeaderMap,
    form: Result<Form<TokenForm>, Problem>,
) -> Result<Response, Problem> {
    let form = read(&web, &origin, &headers, form).await?;
    let client = form.client_id.clone();
    let issued = match key(&web, &headers, &issuer) {
        Ok(key) => grant(&web, form, key, &origin).await,
        Err(error) => Err(error),
    };
    let told = Json(told(&recorded(&web, &client, &origin, issued).await?));
    // RFC 6749, 5.1 asks for it, beside what all answers with a secret have.
    Ok(([(header::PRAGMA, "no-cache")], told).into_response())
}

async fn grant(web: &Web, form: TokenForm, key: Option<Thumbprint>, origin: &Origin) -> Result<Issued, OAuthError> {
    let (identity, client) = (&web.identity, form.client_id.as_str());
    match form.grant_type.as_str() {
        "authorization_code" => {
            let code = secret(form.code, "there is no code")?;
            let redirect_uri = form.redirect_uri.ok_or(OAuthError::InvalidRequest("there is no redirect_uri"))?;
            let verifier = form.code_verifier.ok_or(OAuthError::InvalidRequest("there is no code_verifier"))?;
            identity.exchange_code(client, &code, &redirect_uri, &verifier, key, origin).await
        }
        "refresh_token" => {
            let refresh = secret(form.refresh_token, "there is no refresh_token")?;
            identity.refresh(client, &refresh, key, origin).await
        }
        device::GRANT => {
            let code = secret(form.device_code, "there is no device_code")?;
            identity.exchange_device_code(client, &code, key, origin).await
        }
        "" => Err(OAuthError::InvalidRequest("there is no grant_type")),
        _ => Err(OAuthError::UnsupportedGrantType),
    }
}

/// The key that the program has shown, where it did (RFC 9449).
fn key(web: &Web, headers: &HeaderMap, issuer: &Issuer) -> Result<Option<Thumbprint>, OAuthError> {
    let mut proofs = headers.get_all("dpop").iter();
    let Some(proof) = proofs.next() else { return Ok(None) };
    let proof = proof.to_str().ok().filter(|_| proofs.next().is_none());
    let proof = proof.ok_or(OAuthError::InvalidDpopProof("there have to be one or none"))?;
    dpop::verified(proof, &issuer.at(TOKEN), web.clock.now()).map(Some)
}

fn told(issued: &Issued) -> Value {
    json!({
        "access_token": issued.access.expose(),
        "token_type": "Bearer",
        "expires_in": issued.expires_in.as_secs(),
        "refresh_token": issued.refresh.expose(),
        "scope": issued.scopes.to_string(),
    })
}

/// `POST /oauth/device_authorization` (RFC 8628 3.1)
async fn device_authorization(
    State(web): State<Web>,
    origin: Origin,
    issuer: Issuer,
    headers: HeaderMap,
    form: Result<Form<DeviceForm>, Problem>,
) -> Result<Response, Problem> {
    let form = read(&web, &origin, &headers, form).await?;
    let begun = web.identity.begin_device_flow(&form.client_id, form.scope.as_deref(), &origin).await;
    let begun = recorded(&web, &form.client_id, &origin, begun).await?;
    let page = issuer.at(device::PATH);
    let document = json!({
        "device_code": begun.device_code.expose(),
        "user_code": begun.user_code.expose(),
        "verification_uri": page,
        "verification_uri_complete": format!("{page}?user_code={}", begun.user_code.expose()),
        "expires_in": begun.expires_in.as_secs(),
        "interval": begun.interval.as_secs(),
    });
    Ok(Json(document).into_response())
}

/// `POST /oauth/revoke` (RFC 7009): what counts no more is no error.
async fn revoke(
    State(web): State<Web>,
    origin: Origin,
    headers: HeaderMap,
    form: Result<Form<OneToken>, Problem>,
) -> Result<StatusCode, Problem> {
    let form = read(&web, &origin, &headers, form).await?;
    let token = secret(form.token, "there is no token")?;
    let revoked = web.identity.revoke_oauth_token(&form.client_id, &token).await;
    recorded(&web, &form.client_id, &origin, revoked).await?;
    Ok(StatusCode::OK)
}

/// `POST /oauth/introspect` (RFC 7662), for administrators' programs.
async fn introspect(
    State(web): State<Web>,
    Bearer(caller): Bearer,
    issuer: Issuer,
    Form(form): Form<OneToken>,
) -> Result<Json<Value>, Problem> {
    if caller.principal.role != Role::Administrator {
        return Err(Problem::forbidden());
    }
    let token = secret(form.token, "there is no token")?;
    let Some(found) = web.identity.introspect(&token)? else {
        return Ok(Json(json!({ "active": false })));
    };
    let mut document = json!({
        "active": true,
        "iss": issuer.as_str(),
        "scope": found.scopes.to_string(),
        "client_id": found.client,
        "username": found.username.as_str(),
        "sub": found.account.to_string(),
        "token_use": found.token_type,
    });
    if let (Some(members), Some(expires)) = (document.as_object_mut(), found.expires) {
        members.insert("exp".to_owned(), json!(expires.as_millis().div_euclid(1000)));
    }
    Ok(Json(document))
}

fn secret(field: Option<Typed>, missing: &'static str) -> Result<Secret, OAuthError> {
    field.map(|Typed(secret)| secret).ok_or(OAuthError::InvalidRequest(missing))
}

/// Writes down what a program is refused. What is no request is malformed, and recorded as that.
async fn recorded<T>(web: &Web, client: &str, origin: &Origin, outcome: Result<T, OAuthError>) -> Result<T, Problem> {
    if let Err(error) = &outcome
        && !matches!(error, OAuthError::InvalidRequest(_))
    {
        web.identity.record_oauth_refused(None, client, error, origin).await?;
    }
    Ok(outcome?)
}

/// The form, where it is one, and no client secret came with it: there is no client here that has one.
async fn read<T>(
    web: &Web,
    origin: &Origin,
    headers: &HeaderMap,
    form: Result<Form<T>, Problem>,
) -> Result<T, Problem> {
    let given = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    if given.and_then(|text| text.split_once(' ')).is_some_and(|(scheme, _)| scheme.eq_ignore_ascii_case("basic")) {
        web.identity.record_oauth_refused(None, "", &OAuthError::InvalidClient, origin).await?;
        return Err(Problem::client_sign_in());
    }
    form.map(|Form(form)| form).map_err(Problem::for_oauth)
}
