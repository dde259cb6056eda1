//! The ids that tie log lines together: a request's and a session's.

use crate::domain::SessionId;

/// The span of one SQL session; every line within it carries `session`.
pub fn session_span(session: &SessionId) -> tracing::Span {
    tracing::info_span!("session", session = %session)
}

/// The span of one HTTP request; every line within it carries `request`.
pub fn request_span(request: &str) -> tracing::Span {
    tracing::info_span!("request", request)
}
