//! Every route, and who it takes. The router is built from this table, and so are the tests that try each route as everybody.

use std::collections::HashSet;
use std::sync::LazyLock;

use axum::extract::{DefaultBodyLimit, Request};
use axum::handler::Handler;
use axum::http::Method;
use axum::routing::{MethodFilter, MethodRouter, on};
use axum::{Router, middleware};

use super::access::{Access, check};
use super::{Web, assets, front, health, trust};

/// One method at one path.
pub struct Route {
    /// The path, with axum's placeholders.
    pub path: &'static str,
    /// The method. GET answers HEAD, too.
    pub method: Method,
    /// Who it takes.
    pub access: Access,
    /// The largest body that it takes, in bytes, where that is not what a form may have.
    body: Option<usize>,
    answers: Box<dyn Fn(MethodFilter) -> MethodRouter<Web> + Send + Sync>,
}

impl std::fmt::Debug for Route {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {} ({:?})", self.method, self.path, self.access)
    }
}

impl Route {
    /// The same, taking bodies of so many bytes.
    pub fn taking(self, bytes: usize) -> Self {
        Self { body: Some(bytes), ..self }
    }
}

/// A route for GET.
pub fn get<H, T>(path: &'static str, access: Access, handler: H) -> Route
where
    H: Handler<T, Web> + Sync,
    T: 'static,
{
    route(path, Method::GET, access, handler)
}

/// A route for POST.
pub fn post<H, T>(path: &'static str, access: Access, handler: H) -> Route
where
    H: Handler<T, Web> + Sync,
    T: 'static,
{
    route(path, Method::POST, access, handler)
}

fn route<H, T>(path: &'static str, method: Method, access: Access, handler: H) -> Route
where
    H: Handler<T, Web> + Sync,
    T: 'static,
{
    Route { path, method, access, body: None, answers: Box::new(move |filter| on(filter, handler.clone())) }
}

/// All of them.
pub fn all() -> Vec<Route> {
    let open = vec![
        get("/", Access::Browser, front::page),
        get("/trust", Access::Always, trust::without_slash),
        get("/trust/", Access::Always, trust::page),
        get("/trust/authority.pem", Access::Always, trust::in_pem),
        get("/trust/authority.crt", Access::Always, trust::in_der),
        get("/trust/authority.cer", Access::Always, trust::in_cer),
        get("/healthz/live", Access::Always, health::live),
        get("/healthz/ready", Access::Always, health::ready),
        get("/assets/{*path}", Access::Always, assets::asset),
    ];
    // A line for each feature.
    let features = [
        open,
        super::set_up::routes(),
        super::sign_in::routes(),
        super::password::routes(),
        super::account::routes(),
        super::discovery::routes(),
        super::oauth::routes(),
        super::device::routes(),
        super::api::routes(),
        super::workstations::routes(),
    ];
    features.into_iter().flatten().collect()
}

/// The router over them, each behind the look at who asks.
pub(super) fn router(web: &Web) -> Router<Web> {
    all().into_iter().fold(Router::new(), |router, route| {
        let filter = MethodFilter::try_from(route.method.clone()).unwrap_or(MethodFilter::GET);
        let look = middleware::from_fn_with_state((web.clone(), route.access), check);
        let answers = (route.answers)(filter);
        let answers = match route.body {
            Some(bytes) => answers.layer(DefaultBodyLimit::max(bytes)),
            None => answers,
        };
        router.route(route.path, answers.layer(look))
    })
}

/// Whether programs alone come to this path of the table.
pub(super) fn is_for_programs(path: &str) -> bool {
    static PATHS: LazyLock<HashSet<&'static str>> = LazyLock::new(|| {
        all().into_iter().filter(|route| route.access.is_for_programs()).map(|route| route.path).collect()
    });
    PATHS.contains(path)
}

/// The path of a request as it stands in the table: without anything secret that stands in its place.
pub(super) fn matched(request: &Request) -> Option<&str> {
    request.extensions().get::<axum::extract::MatchedPath>().map(axum::extract::MatchedPath::as_str)
}

/// The path of a request as logs have it: as it was asked for, and as it stands in the table where a secret is part of it.
pub(super) fn path_for_logs(request: &Request) -> &str {
    matched(request).filter(|path| path.contains("{secret}")).unwrap_or_else(|| request.uri().path())
}
