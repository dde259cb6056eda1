//! The pages and endpoints served over HTTPS, and the little that plain HTTP is answered.
//!
//! [`router`] is everything that answers, built from the table in [`routes`]; [`serve()`] carries one connection from its TLS
//! handshake to its end. Handlers extract, ask one service, and render; what they share lives in [`access`] (who may ask),
//! [`caller`] (from where), [`cookie`], [`form`] (what is sent), [`page`] (the frame of every page), [`headers`] (security
//! headers and the request id), [`problem`] (errors as documents) and [`assets`] (what is packed into the binary).

pub mod access;
pub mod account;
pub mod api;
pub mod assets;
pub mod caller;
pub mod cookie;
pub mod device;
pub mod discovery;
pub mod form;
pub mod front;
pub mod headers;
pub mod health;
pub mod monitor;
pub mod oauth;
pub mod page;
pub mod password;
pub mod plain;
pub mod problem;
pub mod qr;
pub mod redirect;
pub mod routes;
pub mod serve;
pub mod set_up;
pub mod sign_in;
pub mod trust;
pub mod workstations;

use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware;

use crate::admin::Admin;
use crate::identity::{Forgotten, Identity};
use crate::platform::Clock;
use crate::tls::PublicTrust;
use crate::workstation::Workstations;

pub use caller::{Peer, Proxies};
pub use front::{DemoNote, DoorLine};
pub use health::Readiness;
pub use monitor::{Asker, Monitor};
pub use redirect::{HttpsPort, Redirect};
pub use serve::serve;
pub use trust::{SignedBy, Trust};

/// The largest request body taken, in bytes: nothing here reads more than a form.
const BODY_LIMIT: usize = 64 * 1024;

/// What the handlers know. Cheap to clone: a handle to one [`Parts`].
#[derive(Clone)]
pub struct Web(Arc<Parts>);

impl std::ops::Deref for Web {
    type Target = Parts;

    fn deref(&self) -> &Parts {
        &self.0
    }
}

impl From<Parts> for Web {
    fn from(parts: Parts) -> Self {
        Self(Arc::new(parts))
    }
}

/// What the pages and endpoints are made from.
#[derive(Clone)]
pub struct Parts {
    /// The appliance's name, as its administrators chose it.
    pub appliance: Arc<str>,
    /// The names and addresses by which it is reached.
    pub names: Arc<[String]>,
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
    /// Who may come in.
    pub identity: Identity,
    /// Links for forgotten passwords by mail, where a mail server is configured.
    pub forgotten: Option<Forgotten>,
    /// What administrators ask for.
    pub admin: Admin,
    /// What workstations are told.
    pub workstations: Workstations,
    /// Whose word counts about where a request came from.
    pub proxies: Proxies,
    /// The time.
    pub clock: Arc<dyn Clock>,
}

/// Everything that answers over HTTPS.
pub fn router(web: Web) -> Router {
    routes::router(&web)
        .fallback(problem::not_found)
        .method_not_allowed_fallback(problem::method_not_allowed)
        .layer(DefaultBodyLimit::max(BODY_LIMIT))
        .layer(middleware::from_fn_with_state(web.clone(), problem::finish))
        .layer(middleware::from_fn_with_state(web.public_trust.clone(), headers::secure))
        .with_state(web)
}
