//! The pages and endpoints served over HTTPS, and the little that plain HTTP is answered.
//!
//! [`router`] is everything that answers; [`serve()`] carries one connection from its TLS handshake to its end. Handlers
//! extract, ask one service, and render; what they share lives in [`headers`] (security headers and the request id),
//! [`problem`] (errors as documents) and [`assets`] (what is packed into the binary).

pub mod assets;
pub mod front;
pub mod headers;
pub mod health;
pub mod monitor;
pub mod plain;
pub mod problem;
pub mod redirect;
pub mod serve;
pub mod trust;

use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware;
use axum::routing::get;

use crate::tls::PublicTrust;

pub use front::{DemoNote, DoorLine};
pub use health::Readiness;
pub use monitor::{Asker, Monitor};
pub use redirect::{HttpsPort, Redirect};
pub use serve::serve;
pub use trust::{SignedBy, Trust};

/// The largest request body taken, in bytes: nothing here reads more than a form.
const BODY_LIMIT: usize = 64 * 1024;

/// What the handlers know. Cheap to clone.
#[derive(Clone)]
pub struct Web {
    /// The appliance's name, as its administrators chose it.
    pub appliance: Arc<str>,
    /// The doors that answer, for the front page.
    pub doors: Arc<Vec<DoorLine>>,
    /// What the demo set up; absent in an appliance that works for a living.
    pub demo: Option<Arc<DemoNote>>,
    /// Whether the appliance takes logins now.
    pub readiness: Readiness,
    /// Whether browsers believe its certificate without anything being installed, at the moment.
    pub public_trust: PublicTrust,
    /// How workstations come to trust it.
    pub trust: Trust,
}

/// Everything that answers over HTTPS.
pub fn router(web: Web) -> Router {
    Router::new()
        .route("/", get(front::page))
        .route("/trust", get(trust::without_slash))
        .route("/trust/", get(trust::page))
        .route("/trust/authority.pem", get(trust::in_pem))
        .route("/trust/authority.crt", get(trust::in_der))
        .route("/trust/authority.cer", get(trust::in_cer))
        .route("/healthz/live", get(health::live))
        .route("/healthz/ready", get(health::ready))
        .route("/assets/{*path}", get(assets::asset))
        .fallback(problem::not_found)
        .method_not_allowed_fallback(problem::method_not_allowed)
        .layer(DefaultBodyLimit::max(BODY_LIMIT))
        .layer(middleware::from_fn_with_state(web.public_trust.clone(), headers::secure))
        .with_state(web)
}
