//! Who may ask for what: each route says what it takes ([`Access`]), and this is checked before its handler runs.
//!
//! It is the first of two looks. The second is the services' own: what an account may do is decided there, whichever way
//! it came.

use std::time::Duration;

use axum::extract::{FromRequestParts, Request, State};
use axum::http::request::Parts;
use axum::http::{Extensions, HeaderMap, Uri, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Redirect, Response};

use super::problem::{Problem, wants_page};
use super::{Web, caller, cookie};
use crate::audit::Actor;
use crate::domain::{Role, Scope, Scopes, Secret};
use crate::identity::web::{Origin, Visit};
use crate::identity::{Caller, SignInError};

/// What a route takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Access {
    /// Anybody, also while the appliance is being set up.
    Always,
    /// Only while the appliance is being set up.
    SetUp,
    /// Anybody, in a browser: what is sent has to come from a page of this appliance. A [`Visit`] is there where somebody is
    /// signed in.
    Browser,
    /// Anybody, by a program that brings no cookie and is given none.
    Program,
    /// Whoever is signed in with a browser.
    SignedIn,
    /// Whoever is signed in with a browser and gave the password or a passkey within the last minutes.
    Confirmed,
    /// Whoever is signed in with a browser, has one of these roles, and gave the password or a passkey of late: what staff do here
    /// is sensitive throughout.
    Staff(&'static [Role]),
    /// A program with a bearer's token of this scope.
    Bearer(Scope),
}

impl Access {
    /// Whether programs alone come here: they bring no cookie, and are shown no page.
    pub fn is_for_programs(self) -> bool {
        matches!(self, Self::Program | Self::Bearer(_))
    }
}

/// How long a given password or passkey lets somebody change what is sensitive.
pub const CONFIRMED_FOR: Duration = Duration::from_secs(5 * 60);
/// How long the forms of staff's pages are taken after that: there is more to fill in, and something to fetch first.
const FORM_FOR: Duration = Duration::from_secs(30 * 60);

/// Where somebody signs in, and where somebody who is signed in gives the password or a passkey again.
pub const SIGN_IN: &str = "/sign-in";
/// See [`SIGN_IN`].
pub const CONFIRM: &str = "/confirm";
/// Where the appliance is set up.
pub const SET_UP: &str = "/setup";

/// Looks at a request before its handler does.
pub async fn check(State((web, access)): State<(Web, Access)>, mut request: Request, next: Next) -> Response {
    let admitted = admit(&web, access, &mut request).await;
    let actor = actor(request.extensions());
    let mut response = match admitted {
        Ok(()) => next.run(request).await,
        Err(refusal) => *refusal,
    };
    // Whatever is refused is recorded outside of this, with who it was.
    if let Some(actor) = actor {
        response.extensions_mut().insert(actor);
    }
    response
}

fn actor(extensions: &Extensions) -> Option<Actor> {
    let visit = extensions.get::<Visit>().map(Visit::actor);
    visit.or_else(|| extensions.get::<Caller>().map(Caller::actor))
}

async fn admit(web: &Web, access: Access, request: &mut Request) -> Result<(), Box<Response>> {
    let in_set_up = web.identity.in_set_up();
    match access {
        Access::Always => return Ok(()),
        Access::SetUp if !in_set_up && request.method().is_safe() => return refuse(Redirect::to(SIGN_IN)),
        Access::SetUp if !in_set_up => return refuse(Problem::is_set_up()),
        Access::SetUp => {}
        _ if in_set_up && wants_page(request.headers()) => return refuse(Redirect::to(SET_UP)),
        _ if in_set_up => return refuse(Problem::in_set_up()),
        _ => {}
    }
    if !access.is_for_programs() && !is_own(request) {
        return refuse(Problem::foreign());
    }
    match access {
        Access::Bearer(scope) => {
            let caller = bearer(web, scope, request.headers(), request.extensions())
                .await
                .map_err(|problem| Box::new(problem.into_response()))?;
            request.extensions_mut().insert(caller);
        }
        Access::Browser | Access::SignedIn | Access::Confirmed | Access::Staff(_) => {
            let secret = cookie::read(request.headers());
            let origin = caller::origin(web, request.extensions(), request.headers());
            let visit = visit(web, secret, origin).await.map_err(|problem| Box::new(problem.into_response()))?;
            if let Some(visit) = visit.clone() {
                request.extensions_mut().insert(visit);
            }
            match (access, &visit) {
                (Access::Browser, _) => {}
                (_, None) => return refuse(lead(SIGN_IN, request.uri())),
                (Access::SignedIn, _) => {}
                (Access::Staff(roles), Some(visit)) if !roles.contains(&visit.principal.role) => {
                    return refuse(Problem::forbidden());
                }
                (_, Some(visit)) => {
                    let is_staffs_form = matches!(access, Access::Staff(_)) && !request.method().is_safe();
                    let window = if is_staffs_form { FORM_FOR } else { CONFIRMED_FOR };
                    if !visit.is_confirmed(web.clock.now(), window) {
                        return refuse(lead(CONFIRM, request.uri()));
                    }
                }
            }
        }
        _ => {}
    }
    Ok(())
}

fn refuse(answer: impl axum::response::IntoResponse) -> Result<(), Box<Response>> {
    Err(Box::new(answer.into_response()))
}

async fn visit(web: &Web, secret: Option<Secret>, origin: Origin) -> Result<Option<Visit>, Problem> {
    let Some(secret) = secret else { return Ok(None) };
    Ok(web.identity.visit(&secret, &origin).await?)
}

/// Who comes with the token in these headers.
pub(super) async fn bearer(
    web: &Web,
    scope: Scope,
    headers: &HeaderMap,
    extensions: &Extensions,
) -> Result<Caller, Problem> {
    let given = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let (scheme, token) = given.and_then(|text| text.split_once(' ')).ok_or_else(Problem::token_missing)?;
    if !scheme.eq_ignore_ascii_case("bearer") {
        return Err(Problem::token_missing());
    }
    let peer = caller::origin(web, extensions, headers).peer;
    web.identity.bearer(&Secret::new(token.trim()), scope, peer).await.map_err(|error| match error {
        SignInError::Wrong | SignInError::Expired | SignInError::Disabled => Problem::token_invalid(),
        other => other.into(),
    })
}

/// Where somebody is led before a program is let in that administers: it goes on when the session is over, so a session that was
/// left open is not enough. Nothing where the password or a passkey was given of late, or the program does less.
pub(super) fn confirm_first(web: &Web, visit: &Visit, scopes: &Scopes, uri: &Uri) -> Option<Redirect> {
    let administers = scopes.contains(Scope::AdminRead) || scopes.contains(Scope::AdminWrite);
    let asked = administers && !visit.is_confirmed(web.clock.now(), CONFIRMED_FOR);
    asked.then(|| lead(CONFIRM, uri))
}

/// To a page that leads back here afterwards, to what GET answers here. What was sent with a form is not kept: the page itself is
/// what comes back. So whatever takes a form from who is signed in has a GET, too.
fn lead(to: &str, uri: &Uri) -> Redirect {
    let whole = uri.path_and_query().map(|path| path.as_str());
    let back = [whole, Some(uri.path())].into_iter().flatten().find(|path| local_path(path).is_some());
    let query = back.and_then(|path| serde_urlencoded::to_string([("next", path)]).ok());
    Redirect::to(&query.map_or_else(|| to.to_owned(), |query| format!("{to}?{query}")))
}

/// A path on this appliance to go on to, out of what came with a request; nothing that a browser would take for another site.
pub fn local_path(text: &str) -> Option<&str> {
    let safe = text.starts_with('/')
        && !text.starts_with("//")
        && text.len() <= LONGEST_PATH
        && text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\');
    (safe && text.parse::<Uri>().is_ok()).then_some(text)
}

/// Whether a browser sent this from a page of this appliance (or a person typed it): by `Sec-Fetch-Site`, which pages cannot
/// write; by `Origin` from browsers that do not send it. Who sends neither is no browser of today.
fn is_own<B>(request: &axum::http::Request<B>) -> bool {
    if request.method().is_safe() {
        return true;
    }
    let text = |name: &str| request.headers().get(name).and_then(|value| value.to_str().ok());
    if let Some(site) = text("sec-fetch-site") {
        return matches!(site, "same-origin" | "none");
    }
    let (Some(origin), Some(called)) = (text("origin"), caller::called(request.uri(), request.headers())) else {
        return false;
    };
    let own = called.as_str().strip_suffix(":443").unwrap_or(called.as_str());
    origin.strip_prefix("https://").is_some_and(|origin| origin.eq_ignore_ascii_case(own))
}

const LONGEST_PATH: usize = 2000;

/// The visit of whoever is signed in, for the handlers of routes that take nobody else.
#[derive(Debug, Clone)]
pub struct SignedIn(pub Visit);

impl FromRequestParts<Web> for SignedIn {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &Web) -> Result<Self, Problem> {
        parts.extensions.get::<Visit>().cloned().map(Self).ok_or_else(Problem::forbidden)
    }
}

/// The visit, where somebody is signed in.
#[derive(Debug, Clone)]
pub struct Visitor(pub Option<Visit>);

impl FromRequestParts<Web> for Visitor {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &Web) -> Result<Self, Self::Rejection> {
        Ok(Self(parts.extensions.get::<Visit>().cloned()))
    }
}

/// Who comes with a bearer's token, for the handlers of routes that take nobody else.
#[derive(Debug, Clone)]
pub struct Bearer(pub Caller);

impl FromRequestParts<Web> for Bearer {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &Web) -> Result<Self, Problem> {
        parts.extensions.get::<Caller>().cloned().map(Self).ok_or_else(Problem::token_missing)
    }
}

#[cfg(test)]
mod tests {
    use axum::http::Method;

    use super::*;

    #[test]
    fn only_paths_of_this_appliance_are_gone_on_to() {
        for path in ["/", "/account", "/oauth/authorize?client_id=a&scope=sql%20x", "/a:b"] {
            assert_eq!(local_path(path), Some(path));
        }
        let long = format!("/{}", "a".repeat(2000));
        for path in
            ["", "account", "//evil.example", "/\\evil.example", "https://evil.example", "/a b", "/a\r\nb", "/é", &long]
        {
            assert_eq!(local_path(path), None, "{path}");
        }
    }

    #[test]
    fn what_another_sites_page_sends_is_not_taken() {
        let own_at = |uri: &str, method: Method, fields: &[(&'static str, &str)]| {
            let mut request = axum::http::Request::builder().method(method).uri(uri);
            for (name, value) in fields {
                request = request.header(*name, *value);
            }
            is_own(&request.body(()).unwrap())
        };
        let own = |method: Method, fields: &[(&'static str, &str)]| own_at("/account", method, fields);
        let post = || Method::POST;
        assert!(own(Method::GET, &[("sec-fetch-site", "cross-site")]), "a link from anywhere is followed");
        assert!(own(post(), &[("sec-fetch-site", "same-origin")]));
        assert!(own(post(), &[("sec-fetch-site", "none")]));
        assert!(!own(post(), &[("sec-fetch-site", "cross-site"), ("origin", "https://gate"), ("host", "gate")]));
        assert!(!own(post(), &[("sec-fetch-site", "same-site")]));
        assert!(own(post(), &[("origin", "https://gate:8443"), ("host", "gate:8443")]));
        assert!(!own(post(), &[("origin", "http://gate"), ("host", "gate")]));
        assert!(!own(post(), &[("origin", "https://evil"), ("host", "gate")]));
        assert!(!own(post(), &[("origin", "null"), ("host", "gate")]));
        assert!(!own(post(), &[("host", "gate")]));
        // HTTP/2 has the name in the address, and no `Host`.
        assert!(own_at("https://gate:8443/account", post(), &[("origin", "https://gate:8443")]));
        assert!(own_at("https://gate:443/account", post(), &[("origin", "https://gate")]));
        assert!(own_at("https://[::1]:443/account", post(), &[("origin", "https://[::1]")]));
        assert!(!own_at("https://gate:8443/account", post(), &[("origin", "https://gate")]));
        assert!(!own_at("https://gate/account", post(), &[("origin", "https://evil"), ("host", "evil")]));
    }
}
