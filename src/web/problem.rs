//! Errors as documents: RFC 9457 problem details, with the request's id. Every HTTP status code of an error is in this file.

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use super::headers::RequestId;

/// A problem document.
#[derive(Debug, Serialize)]
pub struct Problem {
    #[serde(rename = "type")]
    kind: &'static str,
    title: &'static str,
    status: u16,
    detail: &'static str,
    request_id: String,
}

impl Problem {
    fn new(status: StatusCode, title: &'static str, detail: &'static str, request: &RequestId) -> Self {
        Self { kind: "about:blank", title, status: status.as_u16(), detail, request_id: request.to_string() }
    }

    /// A failure of the appliance itself; the log has the cause under the request's id.
    pub fn internal(request: &RequestId) -> Self {
        let detail =
            "The appliance failed to answer. Its administrator finds the cause in the log under this request id.";
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "Internal error", detail, request)
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = (status, Json(self)).into_response();
        response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        response
    }
}

/// Nothing lives at that path.
pub async fn not_found(request: RequestId) -> Problem {
    Problem::new(StatusCode::NOT_FOUND, "Not found", "Nothing lives at this address.", &request)
}

/// The path exists, for other methods.
pub async fn method_not_allowed(request: RequestId) -> Problem {
    let detail = "This address does not take that method.";
    Problem::new(StatusCode::METHOD_NOT_ALLOWED, "Method not allowed", detail, &request)
}
