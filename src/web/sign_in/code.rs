//! The second stage: a code of the authenticator app, or a recovery code in its place.

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use serde::Deserialize;

use super::next::Next;
use super::{refused, signed_in};
use crate::domain::Secret;
use crate::identity::SignInError;
use crate::identity::web::{Asks, Origin};
use crate::web::access::Visitor;
use crate::web::caller::Host;
use crate::web::form::{Form, Typed};
use crate::web::page::Frame;
use crate::web::problem::Problem;
use crate::web::{Web, page};

#[derive(Template)]
#[template(path = "sign_in_code.html", config = ".askama.toml")]
struct CodePage<'a> {
    frame: Frame,
    ticket: &'a str,
    next: &'a str,
    /// What the browser is asked for, where the account has a passkey for this name.
    passkey: Option<String>,
    wrong: Option<&'a str>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::web) struct CodeForm {
    ticket: Typed,
    code: Typed,
    next: Option<String>,
}

/// Asks for the code.
pub(super) fn ask(web: &Web, host: &str, ticket: &Secret, next: &Next) -> Result<Response, Problem> {
    page::show(&code_page(web, host, ticket, next)?)
}

fn code_page<'a>(web: &Web, host: &str, ticket: &'a Secret, next: &'a Next) -> Result<CodePage<'a>, Problem> {
    let party = web.identity.relying_party(host);
    let asked = party.map(|party| web.identity.web_asks_for_passkey(ticket, &party)).transpose()?.flatten();
    let (frame, passkey) = (Frame::of(web, None), asked.map(|options| options.to_string()));
    Ok(CodePage { frame, ticket: ticket.expose(), next: next.as_str(), passkey, wrong: None })
}

/// The stage again, with what was wrong; the first one where this ticket leads to no stage.
pub(super) fn again(
    web: &Web,
    host: &str,
    ticket: &Secret,
    next: &Next,
    error: SignInError,
) -> Result<Response, Problem> {
    let Some(Asks::Code) = web.identity.web_asks(ticket)? else {
        return refused(web, host, "", next, error);
    };
    let problem = Problem::from(error).or_again()?;
    let page = code_page(web, host, ticket, next)?;
    page::show_again(&CodePage { wrong: Some(problem.detail()), ..page }, &problem)
}

/// `POST /sign-in/code`
pub(super) async fn submit(
    State(web): State<Web>,
    Visitor(former): Visitor,
    Host(host): Host,
    origin: Origin,
    Form(form): Form<CodeForm>,
) -> Result<Response, Problem> {
    let next = Next::of(form.next.as_deref());
    match web.identity.web_code(&form.ticket.0, form.code.0.expose(), &origin).await {
        Ok(begun) => signed_in(&web, former, &begun, next.redirect()).await,
        Err(error) => again(&web, &host, &form.ticket.0, &next, error),
    }
}
