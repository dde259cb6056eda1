//! A forgotten password: a form for the account's name where mail is configured, and what to ask an administrator for where it is not.
//!
//! Whoever sends the form gets the same page, whatever there is behind the name.

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use serde::Deserialize;

use crate::identity::SignInError;
use crate::identity::web::Origin;
use crate::web::access::Visitor;
use crate::web::form::Form;
use crate::web::page::Frame;
use crate::web::problem::Problem;
use crate::web::{Web, page};

#[derive(Template)]
#[template(path = "forgotten.html", config = ".askama.toml")]
struct ForgottenPage<'a> {
    frame: Frame,
    /// Whether links are sent by mail.
    by_mail: bool,
    asked: bool,
    wrong: Option<&'a str>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::web) struct ForgottenForm {
    name: String,
}

/// `GET /forgotten`
pub(super) async fn page(State(web): State<Web>, Visitor(visit): Visitor) -> Result<Response, Problem> {
    let (frame, by_mail) = (Frame::of(&web, visit.as_ref()), web.forgotten.is_some());
    page::show(&ForgottenPage { frame, by_mail, asked: false, wrong: None })
}

/// `POST /forgotten`
pub(super) async fn submit(
    State(web): State<Web>,
    Visitor(visit): Visitor,
    origin: Origin,
    Form(form): Form<ForgottenForm>,
) -> Result<Response, Problem> {
    let forgotten = web.forgotten.as_ref().ok_or_else(Problem::not_found)?;
    let outcome = forgotten.ask(&form.name, &origin).await.map_err(|error| match error {
        SignInError::Throttled { retry_after } => Problem::asked_too_often(retry_after),
        error => error.into(),
    });
    let frame = Frame::of(&web, visit.as_ref());
    let problem = match outcome {
        Ok(()) => return page::show(&ForgottenPage { frame, by_mail: true, asked: true, wrong: None }),
        Err(problem) => problem.or_again()?,
    };
    page::show_again(&ForgottenPage { frame, by_mail: true, asked: false, wrong: Some(problem.detail()) }, &problem)
}
