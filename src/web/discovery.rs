//! What anybody may ask who looks for an appliance: the discovery document, and how programs are let in (RFC 8414).

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderName, StatusCode, header};
use axum::response::{IntoResponse as _, Redirect, Response};
use serde_json::{Value, json};

use super::access::Access;
use super::form::Path;
use super::oauth::Issuer;
use super::problem::{Problem, wants_page};
use super::routes::{Route, get};
use super::{Web, device, workstations};
use crate::domain::Scope;
use crate::identity::oauth::dpop::ALGORITHM;
use crate::workstation::ETag;
use crate::workstation::documents::{self, DISCOVERY_PATH};

/// The routes of this file.
pub fn routes() -> Vec<Route> {
    vec![
        get(DISCOVERY_PATH, Access::Program, discovery),
        get("/.well-known/oauth-authorization-server", Access::Program, metadata),
        get("/api/v1/schemas/{name}", Access::Program, schema),
    ]
}

/// What is the same for everybody may be kept for a while, by whoever asked for it.
const KEPT: &str = "public, max-age=300";

/// `GET /.well-known/gatehouse`: the document for programs; people are led to their page.
async fn discovery(State(web): State<Web>, headers: HeaderMap) -> Response {
    let facts: [(HeaderName, &str); 2] = [(header::CACHE_CONTROL, KEPT), (header::VARY, "accept, sec-fetch-dest")];
    if wants_page(&headers) {
        return (facts, Redirect::to(workstations::PATH)).into_response();
    }
    let (tag, text) = web.workstations.discovery_text();
    let kind = [(header::CONTENT_TYPE, "application/json")];
    tagged(&headers, &tag, (facts, kind, text.to_string()).into_response())
}

/// `GET /.well-known/oauth-authorization-server`: what the authorisation server can do, and where.
async fn metadata(issuer: Issuer) -> Response {
    let scopes: Vec<&str> = Scope::ALL.into_iter().map(Scope::as_str).collect();
    let at = |path: &str| issuer.at(path);
    let document: Value = json!({
        "issuer": issuer.as_str(),
        "authorization_endpoint": at("/oauth/authorize"),
        "token_endpoint": at("/oauth/token"),
        "device_authorization_endpoint": at("/oauth/device_authorization"),
        "revocation_endpoint": at("/oauth/revoke"),
        "introspection_endpoint": at("/oauth/introspect"),
        "service_documentation": at(workstations::PATH),
        "scopes_supported": scopes,
        "response_types_supported": ["code"],
        "response_modes_supported": ["query"],
        "grant_types_supported": ["authorization_code", "refresh_token", device::GRANT],
        "code_challenge_methods_supported": ["S256"],
        "dpop_signing_alg_values_supported": [ALGORITHM],
        "token_endpoint_auth_methods_supported": ["none"],
        "revocation_endpoint_auth_methods_supported": ["none"],
        "authorization_response_iss_parameter_supported": true,
    });
    // Another name is another issuer.
    let facts = [(header::CACHE_CONTROL, KEPT), (header::VARY, "host")];
    (facts, Json(document)).into_response()
}

/// `GET /api/v1/schemas/<name>`: the JSON Schema of a document.
async fn schema(Path(name): Path<String>, headers: HeaderMap) -> Result<Response, Problem> {
    let found = documents::schemas().into_iter().find(|(file, _)| *file == name);
    let (_, schema) = found.ok_or_else(Problem::not_found)?;
    let facts = [(header::CONTENT_TYPE, "application/schema+json"), (header::CACHE_CONTROL, KEPT)];
    let tag = ETag::of(&schema);
    Ok(tagged(&headers, &tag, (facts, schema.to_string()).into_response()))
}

/// The answer with its tag; without its content where the client has that already (RFC 9110 15.4.5).
pub(super) fn tagged(asked: &HeaderMap, tag: &ETag, mut answer: Response) -> Response {
    let known = asked.get(header::IF_NONE_MATCH).and_then(|value| value.to_str().ok());
    if known.is_some_and(|known| tag.is_in(known)) {
        let mut bare = StatusCode::NOT_MODIFIED.into_response();
        answer.headers_mut().remove(header::CONTENT_TYPE);
        answer.headers_mut().remove(header::CONTENT_LENGTH);
        *bare.headers_mut() = std::mem::take(answer.headers_mut());
        answer = bare;
    }
    if let Ok(value) = tag.as_str().parse() {
        answer.headers_mut().insert(header::ETAG, value);
    }
    answer
}
