//! Liveness and readiness, for process supervisors and load balancers.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::extract::State;
use axum::http::StatusCode;

use super::Web;

/// Whether the appliance takes logins: its listeners are bound, its store takes changes, and it is not draining.
/// The SQL Server's health is not part of it: an appliance with its server down still answers, and says so.
#[derive(Debug, Clone, Default)]
pub struct Readiness {
    ready: Arc<AtomicBool>,
}

impl Readiness {
    /// Not ready yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Says whether logins are taken from now on.
    pub fn set(&self, ready: bool) {
        self.ready.store(ready, Ordering::Release);
    }

    /// Whether logins are taken.
    pub fn is_ready(&self) -> bool {
        self.ready.load(Ordering::Acquire)
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
