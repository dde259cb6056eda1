//! `GET /api/v1/workstation/config`: everything that a signed-in workstation needs; at once, or when it changes.

use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::{Extensions, HeaderMap, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use serde::Deserialize;

use crate::domain::Scope;
use crate::web::Web;
use crate::web::access::{Access, Bearer, bearer};
use crate::web::form::Query;
use crate::web::problem::Problem;
use crate::web::routes::{Route, get};
use crate::workstation::documents::CONFIG_PATH;
use crate::workstation::{Answer, ETag, Waited, WorkstationError};

pub(super) fn routes() -> Vec<Route> {
    vec![get(CONFIG_PATH, Access::Bearer(Scope::WorkstationConfig), config)]
}

#[derive(Debug, Deserialize)]
struct Asked {
    /// For how many seconds at most to wait for a change.
    wait: Option<u64>,
}

/// A client that has the document of now may wait for the next: `?wait=` seconds, with its tag in `If-None-Match`.
async fn config(
    State(web): State<Web>,
    Bearer(caller): Bearer,
    Query(asked): Query<Asked>,
    headers: HeaderMap,
    extensions: Extensions,
) -> Result<Response, Problem> {
    let known = headers.get(header::IF_NONE_MATCH).and_then(|value| value.to_str().ok());
    let service = &web.workstations;
    let answer = service.config(&caller.principal, caller.device, known).await?;
    let limit = asked.wait.map(|seconds| Duration::from_secs(seconds).min(LONGEST_WAIT));
    let (Answer::NotModified(_), Some(known), Some(limit)) = (&answer, known, limit) else { return Ok(told(answer)) };
    let began = web.clock.monotonic();
    let mut who = caller;
    loop {
        let left = limit.saturating_sub(web.clock.monotonic().saturating_sub(began));
        let waited = tokio::select! {
            waited = service.wait_for_change(&who.principal, who.device, known, left) => waited,
            // Nobody waits here for an appliance that stops.
            () = web.readiness.over() => return Err(Problem::stopping()),
        };
        match waited {
            Ok(Waited::Unchanged) => return Ok(told(answer)),
            Ok(Waited::Changed) => {}
            // The account changed, and what the program came with may count all the same.
            Err(WorkstationError::SignedOut) => {
                who = bearer(&web, Scope::WorkstationConfig, &headers, &extensions).await?;
            }
            Err(error) => return Err(error.into()),
        }
        // A change that changed nothing in the document: a client that is answered sooner asks sooner.
        let now = service.config(&who.principal, who.device, Some(known)).await?;
        if left.is_zero() || matches!(now, Answer::Document(..)) {
            return Ok(told(now));
        }
    }
}

/// Every answer says `no-store`, as all do here that do not say otherwise: this one holds a password.
fn told(answer: Answer) -> Response {
    match answer {
        Answer::NotModified(tag) => (StatusCode::NOT_MODIFIED, etag(&tag)).into_response(),
        Answer::Document(tag, document) => (etag(&tag), Json(document)).into_response(),
    }
}

fn etag(tag: &ETag) -> [(header::HeaderName, String); 1] {
    [(header::ETAG, tag.as_str().to_owned())]
}

/// Proxies and clients give up on silence after a minute or so.
const LONGEST_WAIT: Duration = Duration::from_secs(60);
