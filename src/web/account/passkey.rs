//! A passkey of one's own is added. It needs the page's script: the browser makes the key.

use askama::Template;
use axum::extract::State;
use axum::response::{IntoResponse as _, Redirect, Response};
use serde::Deserialize;

use super::ACCOUNT;
use crate::identity::web::Visit;
use crate::web::Web;
use crate::web::access::SignedIn;
use crate::web::caller::Host;
use crate::web::form::{Form, Typed};
use crate::web::page::{self, Frame};
use crate::web::problem::Problem;
use crate::web::sign_in::enrolment::Codes;

pub(super) const PATH: &str = "/account/factors/passkey";

#[derive(Template)]
#[template(path = "account_passkey.html", config = ".askama.toml")]
struct PasskeyPage<'a> {
    frame: Frame,
    host: &'a str,
    ticket: String,
    options: String,
    label: &'a str,
    wrong: Option<&'a str>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::web) struct PasskeyForm {
    ticket: Typed,
    answer: Typed,
    label: String,
}

/// `GET /account/factors/passkey`
pub(super) async fn page(
    State(web): State<Web>,
    SignedIn(visit): SignedIn,
    Host(host): Host,
) -> Result<Response, Problem> {
    page::show(&passkey_page(&web, &visit, &host, "")?)
}

/// `POST /account/factors/passkey`
pub(super) async fn add(
    State(web): State<Web>,
    SignedIn(visit): SignedIn,
    Host(host): Host,
    Form(form): Form<PasskeyForm>,
) -> Result<Response, Problem> {
    let label = form.label.trim();
    let problem = match web.identity.finish_passkey(&visit, &form.ticket.0, form.answer.0.expose(), label).await {
        Ok(Some(codes)) => return Codes::page(Frame::of(&web, Some(&visit)), &codes, ACCOUNT),
        Ok(None) => return Ok(Redirect::to(ACCOUNT).into_response()),
        Err(error) => Problem::from(error).or_again()?,
    };
    // A challenge is answered once: the next try has another.
    let page = passkey_page(&web, &visit, &host, label)?;
    page::show_again(&PasskeyPage { wrong: Some(problem.detail()), ..page }, &problem)
}

fn passkey_page<'a>(web: &Web, visit: &Visit, host: &'a str, label: &'a str) -> Result<PasskeyPage<'a>, Problem> {
    let party = web.identity.relying_party(host).ok_or_else(Problem::no_passkeys_here)?;
    let (ticket, options) = web.identity.start_passkey(visit, &party)?;
    let (frame, ticket, options) = (Frame::of(web, Some(visit)), ticket.expose().to_owned(), options.to_string());
    Ok(PasskeyPage { frame, host, ticket, options, label, wrong: None })
}
