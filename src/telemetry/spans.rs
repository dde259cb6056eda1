//! The ids that tie log lines together: a request's and a session's.

use std::net::IpAddr;
use std::sync::Arc;

use tracing::Instrument as _;

use crate::domain::SessionId;

/// The span of one SQL session; every line within it carries `session.id`.
pub fn session_span(session: &SessionId, peer: IpAddr) -> tracing::Span {
    tracing::info_span!("session", session.id = %session, session.peer = %peer)
}

tokio::task_local! {
    static REQUEST: Arc<str>;
}

/// Carries out one HTTP request: every line within it carries `request.id`, and every audit entry the same.
pub async fn within_request<F: Future>(request: Arc<str>, method: &str, path: &str, work: F) -> F::Output {
    let span = tracing::info_span!("request", request.id = &*request, http.method = method, http.path = path);
    REQUEST.scope(request, work).instrument(span).await
}

/// The id of the HTTP request that is carried out here, if one is.
pub fn current_request() -> Option<Arc<str>> {
    REQUEST.try_with(Arc::clone).ok()
}

/// What goes on in a task of its own and belongs to the request, if there is one, that it is begun in.
pub fn within_same_request<F: Future>(work: F) -> impl Future<Output = F::Output> {
    let (request, span) = (current_request(), tracing::Span::current());
    let work = async move {
        match request {
            Some(request) => REQUEST.scope(request, work).await,
            None => work.await,
        }
    };
    work.instrument(span)
}
