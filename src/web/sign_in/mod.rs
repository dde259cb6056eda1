//! Signing in with a browser, stage after stage, and out again.
//!
//! The password first; then the second factor (`code`), or, for whoever must have one and has none, a new one
//! (`enrol`). A ticket in a hidden field carries a sign-in from one stage to the next; it is in no address, and so in no log
//! and no history. No page tells whether a name exists: what is refused says the same, under the same status.

mod code;
mod confirm;
mod enrol;
pub mod enrolment;
pub mod next;
mod passkey;

use std::time::Duration;

use askama::Template;
use axum::extract::State;
use axum::response::{IntoResponse as _, Redirect, Response};
use serde::Deserialize;

use super::access::{Access, CONFIRM, SIGN_IN, Visitor};
use super::caller::Host;
use super::form::{Form, Typed};
use super::page::Frame;
use super::problem::Problem;
use super::routes::{Route, get, post};
use super::{Web, cookie, page};
use crate::identity::web::{Begun, Origin, Step, Visit};
use crate::identity::{IdentityError, SignInError};
use next::Next;

const CODE: &str = "/sign-in/code";
const ENROL: &str = "/sign-in/enrol";

/// How long somebody who is turned away waits for the answer while too many sign in.
const BUSY_PAUSE: Duration = Duration::from_secs(1);

/// The routes of signing in and out.
pub fn routes() -> Vec<Route> {
    vec![
        get(SIGN_IN, Access::Browser, page),
        post(SIGN_IN, Access::Browser, submit),
        get(CODE, Access::Browser, start_over),
        post(CODE, Access::Browser, code::submit),
        get(ENROL, Access::Browser, start_over),
        post(ENROL, Access::Browser, enrol::submit),
        get(passkey::PATH, Access::Browser, start_over),
        post(passkey::PATH, Access::Browser, passkey::submit),
        post(passkey::OPTIONS, Access::Browser, passkey::options),
        get(enrol::PASSKEY, Access::Browser, start_over),
        post(enrol::PASSKEY, Access::Browser, enrol::submit_passkey),
        get(CONFIRM, Access::SignedIn, confirm::page),
        post(CONFIRM, Access::SignedIn, confirm::submit),
        get(confirm::PASSKEY, Access::SignedIn, confirm::start_over),
        post(confirm::PASSKEY, Access::SignedIn, confirm::submit_passkey),
        post("/sign-out", Access::Browser, sign_out),
    ]
}

#[derive(Template)]
#[template(path = "sign_in.html", config = ".askama.toml")]
struct SignInPage<'a> {
    frame: Frame,
    next: &'a str,
    name: &'a str,
    wrong: Option<&'a str>,
    /// Whether passkeys are offered here.
    passkeys: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SignInForm {
    name: String,
    password: Typed,
    next: Option<String>,
}

/// `GET /sign-in`
async fn page(
    State(web): State<Web>,
    Visitor(visit): Visitor,
    Host(host): Host,
    next: Next,
) -> Result<Response, Problem> {
    if visit.is_some() {
        return Ok(next.redirect().into_response());
    }
    let passkeys = web.identity.relying_party(&host).is_some();
    page::show(&SignInPage { frame: Frame::of(&web, None), next: next.as_str(), name: "", wrong: None, passkeys })
}

/// `POST /sign-in`
async fn submit(
    State(web): State<Web>,
    Visitor(former): Visitor,
    Host(host): Host,
    origin: Origin,
    Form(form): Form<SignInForm>,
) -> Result<Response, Problem> {
    let next = Next::of(form.next.as_deref());
    match web.identity.web_sign_in(&form.name, &form.password.0, &origin).await {
        Ok(Step::Done(begun)) => signed_in(&web, former, &begun, next.redirect()).await,
        Ok(Step::Code { ticket, .. }) => code::ask(&web, &host, &ticket, &next),
        Ok(Step::Enrol { ticket, enrolment, .. }) => enrol::ask(&web, &host, &ticket, &enrolment, &next),
        Err(error) => {
            if matches!(error, SignInError::Busy) {
                // Whoever asks again at once gains nothing over who waits, and keeps no processor busy.
                web.clock.sleep(BUSY_PAUSE).await;
            }
            refused(&web, &host, &form.name, &next, error)
        }
    }
}

/// The first stage again, with what was wrong.
fn refused(web: &Web, host: &str, name: &str, next: &Next, error: SignInError) -> Result<Response, Problem> {
    let problem = Problem::from(error).or_again()?;
    let (wrong, passkeys) = (Some(problem.detail()), web.identity.relying_party(host).is_some());
    page::show_again(&SignInPage { frame: Frame::of(web, None), next: next.as_str(), name, wrong, passkeys }, &problem)
}

/// A later stage cannot be opened, only reached.
async fn start_over(next: Next) -> Redirect {
    next.after(SIGN_IN)
}

/// The browser is signed in, and its former session, if it had one, is over: nobody could reach it any more.
async fn signed_in(
    web: &Web,
    former: Option<Visit>,
    begun: &Begun,
    answer: impl axum::response::IntoResponse,
) -> Result<Response, Problem> {
    if let Some(former) = former {
        end(web, &former).await?;
    }
    let mut response = answer.into_response();
    cookie::set(&mut response, begun);
    Ok(response)
}

/// `POST /sign-out`
async fn sign_out(State(web): State<Web>, Visitor(visit): Visitor) -> Result<Response, Problem> {
    if let Some(visit) = visit {
        end(&web, &visit).await?;
    }
    let mut response = Redirect::to("/").into_response();
    cookie::clear(&mut response);
    Ok(response)
}

async fn end(web: &Web, visit: &Visit) -> Result<(), Problem> {
    let ended = web.identity.end_web_session(&visit.actor(), visit.principal.account, visit.session.id).await;
    match ended {
        // Over already: somebody ended it from another browser meanwhile.
        Ok(()) | Err(IdentityError::NoSuch { .. }) => Ok(()),
        Err(error) => Err(error.into()),
    }
}
