//! The headers that every answer carries, and the id that ties an answer to its log lines and audit entries.

use std::sync::Arc;

use axum::extract::{FromRequestParts, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderName, HeaderValue, header};
use axum::middleware::Next;
use axum::response::Response;

use super::routes;
use crate::telemetry;
use crate::tls::PublicTrust;

/// The response header with the request's id.
pub const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Only what the appliance itself serves; nothing inline, nothing framed, forms go home.
const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
     font-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// The same policy for a page whose form is answered with a redirect to `source`.
pub(super) fn policy_with_form_action(source: &str) -> String {
    CONTENT_SECURITY_POLICY.replace("form-action 'self'", &format!("form-action 'self' {source}"))
}

/// Set on every answer. Under `no-referrer` browsers would send `Origin: null` with the forms of the own pages.
const ALWAYS: [(HeaderName, &str); 6] = [
    (header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::REFERRER_POLICY, "same-origin"),
    (header::X_FRAME_OPTIONS, "DENY"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    (HeaderName::from_static("permissions-policy"), "camera=(), geolocation=(), microphone=()"),
];

/// Set while the certificate that is shown is publicly trusted, and only then: with the appliance's own authority it would lock a
/// browser out for good after a reinstallation. Half a year, as is usual; without the names below this one, which are not ours.
const STRICT_TRANSPORT_SECURITY: &str = "max-age=15552000";

/// The id of one request: shown in the answer's header, on error pages, in the log and in the audit.
#[derive(Debug, Clone)]
pub struct RequestId(Arc<str>);

impl std::fmt::Display for RequestId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl<S: Sync> FromRequestParts<S> for RequestId {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        Ok(parts.extensions.get::<Self>().cloned().unwrap_or_else(Self::random))
    }
}

impl RequestId {
    fn random() -> Self {
        Self(uuid::Uuid::new_v4().simple().to_string().into())
    }
}

/// Gives the request its id and the answer its headers. A handler that set one of them keeps its own.
pub async fn secure(State(public): State<PublicTrust>, mut request: Request, next: Next) -> Response {
    let id = RequestId::random();
    request.extensions_mut().insert(id.clone());
    let (method, path) = (request.method().clone(), routes::path_for_logs(&request).to_owned());
    let mut response = telemetry::within_request(Arc::clone(&id.0), method.as_str(), &path, next.run(request)).await;
    let headers = response.headers_mut();
    for (name, value) in ALWAYS {
        headers.entry(name).or_insert(HeaderValue::from_static(value));
    }
    if public.is_given() {
        headers.insert(header::STRICT_TRANSPORT_SECURITY, HeaderValue::from_static(STRICT_TRANSPORT_SECURITY));
    }
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    if let Ok(value) = HeaderValue::from_str(&id.0) {
        headers.insert(REQUEST_ID, value);
    }
    response
}
