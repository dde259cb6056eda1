//! Liveness and readiness, for process supervisors and load balancers.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use tokio::sync::watch;

use super::Web;

/// Whether the appliance takes logins: its listeners are bound, its store takes changes, and it is not draining.
/// The SQL Server's health is not part of it: an appliance with its server down still answers, and says so.
#[derive(Debug, Clone, Default)]
pub struct Readiness {
    ready: Arc<watch::Sender<bool>>,
}

impl Readiness {
    /// Not ready yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Says whether logins are taken from now on.
    pub fn set(&self, ready: bool) {
        self.ready.send_replace(ready);
    }

    /// Whether logins are taken.
    pub fn is_ready(&self) -> bool {
        *self.ready.borrow()
    }

    /// Ends when no logins are taken any more.
    pub async fn over(&self) {
        // It cannot close: this is one end of it.
        let _ = self.ready.subscribe().wait_for(|ready| !ready).await;
    }
}

/// `GET /healthz/live`: the process answers.
pub async fn live() -> &'static str {
    "live\n"
}

/// `GET /healthz/ready`: 200 when logins are taken, 503 while starting or draining.
pub async fn ready(State(web): State<Web>) -> (StatusCode, &'static str) {
    tell(&web.readiness)
}

/// Readiness as an answer.
pub(super) fn tell(readiness: &Readiness) -> (StatusCode, &'static str) {
    if readiness.is_ready() { (StatusCode::OK, "ready\n") } else { (StatusCode::SERVICE_UNAVAILABLE, "not ready\n") }
}
