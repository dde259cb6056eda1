//! The password or a passkey once more, before something sensitive: the session goes on under a new cookie.

use askama::Template;
use axum::extract::State;
use axum::response::{IntoResponse as _, Redirect, Response};
use serde::Deserialize;

use super::next::Next;
use super::passkey::PasskeyForm;
use crate::domain::Secret;
use crate::identity::SignInError;
use crate::identity::web::{Begun, Origin, Visit};
use crate::web::access::{CONFIRM, SignedIn};
use crate::web::caller::Host;
use crate::web::form::{Form, Typed};
use crate::web::page::Frame;
use crate::web::problem::Problem;
use crate::web::{Web, cookie, page};

pub(super) const PASSKEY: &str = "/confirm/passkey";

#[derive(Template)]
#[template(path = "confirm.html", config = ".askama.toml")]
struct ConfirmPage<'a> {
    frame: Frame,
    name: &'a str,
    next: &'a str,
    /// The ticket, and what the browser is asked for, where the person has a passkey for this name.
    passkey: Option<(Secret, String)>,
    wrong: Option<&'a str>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::web) struct ConfirmForm {
    password: Typed,
    next: Option<String>,
}

/// `GET /confirm`
pub(super) async fn page(
    State(web): State<Web>,
    SignedIn(visit): SignedIn,
    Host(host): Host,
    next: Next,
) -> Result<Response, Problem> {
    page::show(&confirm_page(&web, &visit, &host, &next)?)
}

fn confirm_page<'a>(web: &Web, visit: &'a Visit, host: &str, next: &'a Next) -> Result<ConfirmPage<'a>, Problem> {
    let party = web.identity.relying_party(host);
    let asked = party.map(|party| web.identity.confirm_asks_for_passkey(visit, &party)).transpose()?.flatten();
    let passkey = asked.map(|(ticket, options)| (ticket, options.to_string()));
    let (frame, name) = (Frame::of(web, Some(visit)), visit.principal.name.as_str());
    Ok(ConfirmPage { frame, name, next: next.as_str(), passkey, wrong: None })
}

/// `POST /confirm`
pub(super) async fn submit(
    State(web): State<Web>,
    SignedIn(visit): SignedIn,
    Host(host): Host,
    origin: Origin,
    Form(form): Form<ConfirmForm>,
) -> Result<Response, Problem> {
    let next = Next::of(form.next.as_deref());
    let outcome = web.identity.confirm(&visit, &form.password.0, &origin).await;
    go_on(&web, &visit, &host, &next, outcome)
}

/// `GET /confirm/passkey`: who had to sign in again on the way starts over.
pub(super) async fn start_over(next: Next) -> Redirect {
    next.after(CONFIRM)
}

/// `POST /confirm/passkey`
pub(super) async fn submit_passkey(
    State(web): State<Web>,
    SignedIn(visit): SignedIn,
    Host(host): Host,
    origin: Origin,
    Form(form): Form<PasskeyForm>,
) -> Result<Response, Problem> {
    let next = Next::of(form.next.as_deref());
    let outcome = web.identity.confirm_by_passkey(&visit, &form.ticket.0, form.answer.0.expose(), &origin).await;
    go_on(&web, &visit, &host, &next, outcome)
}

fn go_on(
    web: &Web,
    visit: &Visit,
    host: &str,
    next: &Next,
    outcome: Result<Begun, SignInError>,
) -> Result<Response, Problem> {
    let error = match outcome {
        Ok(begun) => {
            let mut response = next.redirect().into_response();
            cookie::set(&mut response, &begun);
            return Ok(response);
        }
        Err(error) => error,
    };
    let own_words = match &error {
        SignInError::Wrong => Some("This is not your password."),
        SignInError::TooLate => Some("This took too long. Try again."),
        _ => None,
    };
    let problem = Problem::from(error).or_again()?;
    // A challenge is answered once: the next try has another.
    let page = confirm_page(web, visit, host, next)?;
    page::show_again(&ConfirmPage { wrong: Some(own_words.unwrap_or(problem.detail())), ..page }, &problem)
}
