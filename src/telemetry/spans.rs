//! The ids that tie log lines together: a request's and a session's.

use std::net::IpAddr;

use crate::domain::SessionId;

/// The span of one SQL session; every line within it carries `session.id`.
pub fn session_span(session: &SessionId, peer: IpAddr) -> tracing::Span {
    tracing::info_span!("session", session.id = %session, session.peer = %peer)
}

/// The span of one HTTP request; every line within it carries `request.id`.
pub fn request_span(request: &str, method: &str, path: &str) -> tracing::Span {
    tracing::info_span!("request", request.id = request, http.method = method, http.path = path)
}
