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
pub(super) fn ask(web: &Web, ticket: &Secret, next: &Next) -> Result<Response, Problem> {
    let frame = Frame::of(web, None);
    page::show(&CodePage { frame, ticket: ticket.expose(), next: next.as_str(), wrong: None })
}

/// `POST /sign-in/code`
pub(super) async fn submit(
    State(web): State<Web>,
    Visitor(former): Visitor,
    origin: Origin,
    Form(form): Form<CodeForm>,
) -> Result<Response, Problem> {
    let next = Next::of(form.next.as_deref());
    let error = match web.identity.web_code(&form.ticket.0, form.code.0.expose(), &origin).await {
        Ok(begun) => return signed_in(&web, former, &begun, next.redirect()).await,
        Err(error) => error,
    };
    let Some(Asks::Code) = web.identity.web_asks(&form.ticket.0)? else {
        return refused(&web, "", &next, SignInError::TooLate);
    };
    let problem = Problem::from(error).or_again()?;
    let (frame, wrong) = (Frame::of(&web, None), Some(problem.detail()));
    page::show_again(&CodePage { frame, ticket: form.ticket.0.expose(), next: next.as_str(), wrong }, &problem)
}
