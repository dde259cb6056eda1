//! The password once more, before something sensitive: the session goes on under a new cookie.

use askama::Template;
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use serde::Deserialize;

use super::next::Next;
use crate::identity::SignInError;
use crate::identity::web::Origin;
use crate::web::access::SignedIn;
use crate::web::form::{Form, Typed};
use crate::web::page::Frame;
use crate::web::problem::Problem;
use crate::web::{Web, cookie, page};

#[derive(Template)]
#[template(path = "confirm.html", config = ".askama.toml")]
struct ConfirmPage<'a> {
    frame: Frame,
    name: &'a str,
    next: &'a str,
    wrong: Option<&'a str>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::web) struct ConfirmForm {
    password: Typed,
    next: Option<String>,
}

/// `GET /confirm`
pub(super) async fn page(State(web): State<Web>, SignedIn(visit): SignedIn, next: Next) -> Result<Response, Problem> {
    let (frame, name) = (Frame::of(&web, Some(&visit)), visit.principal.name.as_str());
    page::show(&ConfirmPage { frame, name, next: next.as_str(), wrong: None })
}

/// `POST /confirm`
pub(super) async fn submit(
    State(web): State<Web>,
    SignedIn(visit): SignedIn,
    origin: Origin,
    Form(form): Form<ConfirmForm>,
) -> Result<Response, Problem> {
    let next = Next::of(form.next.as_deref());
    match web.identity.confirm(&visit, &form.password.0, &origin).await {
        Ok(begun) => {
            let mut response = next.redirect().into_response();
            cookie::set(&mut response, &begun);
            Ok(response)
        }
        Err(error) => {
            let wrong_password = matches!(error, SignInError::Wrong);
            let problem = Problem::from(error).or_again()?;
            let wrong = Some(if wrong_password { "This is not your password." } else { problem.detail() });
            let (frame, name) = (Frame::of(&web, Some(&visit)), visit.principal.name.as_str());
            page::show_again(&ConfirmPage { frame, name, next: next.as_str(), wrong }, &problem)
        }
    }
}
