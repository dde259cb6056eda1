//! What programs that watch the appliance ask, over plain HTTP on a door of its own: `/metrics`, `/health`, `/healthz/live`,
//! `/healthz/ready`.

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use axum::{Json, Router};
use serde_json::json;

use super::health::{self, Readiness};
use super::problem;
use crate::telemetry::{Health, Metrics};

/// What the answers are made from.
#[derive(Debug, Clone)]
pub struct Monitor {
    /// Whether logins are taken.
    pub readiness: Readiness,
    /// What is not as it should be.
    pub health: Health,
    /// The numbers.
    pub metrics: Metrics,
}

/// Who asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asker {
    /// A program on this machine.
    Here,
    /// Another machine. It hears what has a problem, and not the line about it: that may name programs, files, addresses.
    Elsewhere,
}

/// Everything that answers there.
pub fn router(monitor: Monitor, asker: Asker) -> Router {
    Router::new()
        .route("/healthz/live", get(health::live))
        .route(
            "/healthz/ready",
            get(async |State((monitor, _)): State<(Monitor, Asker)>| health::tell(&monitor.readiness)),
        )
        .route("/health", get(board))
        .route("/metrics", get(numbers))
        .fallback(problem::not_found)
        .method_not_allowed_fallback(problem::method_not_allowed)
        .with_state((monitor, asker))
}

/// `GET /health`: whether logins are taken, and what is not as it should be. 503 where no logins are taken.
async fn board(State((monitor, asker)): State<(Monitor, Asker)>) -> Response {
    let ready = monitor.readiness.is_ready();
    let problem = |(what, text)| match asker {
        Asker::Here => json!({ "what": what, "text": text }),
        Asker::Elsewhere => json!({ "what": what }),
    };
    let problems: Vec<_> = monitor.health.problems().into_iter().map(problem).collect();
    let status = if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(json!({ "ready": ready, "problems": problems }))).into_response()
}

/// `GET /metrics`, as OpenMetrics has it.
async fn numbers(State((monitor, _)): State<(Monitor, Asker)>) -> Response {
    match monitor.metrics.text() {
        Ok(text) => ([(header::CONTENT_TYPE, OPEN_METRICS)], text).into_response(),
        Err(error) => {
            tracing::error!(%error, "the numbers could not be written down");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}

const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
