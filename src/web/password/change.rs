//! Changing one's own password: everything else that the account has signed in ends, and this browser goes on.

use askama::Template;
use axum::extract::State;
use axum::response::{IntoResponse as _, Redirect, Response};
use serde::Deserialize;

use super::typed_twice;
use crate::identity::web::{Begun, Origin, Visit};
use crate::identity::{PasswordChangeError, SignInError};
use crate::web::access::SignedIn;
use crate::web::form::{Form, Typed};
use crate::web::page::Frame;
use crate::web::problem::Problem;
use crate::web::{Web, cookie, page};

#[derive(Template)]
#[template(path = "password_change.html", config = ".askama.toml")]
struct ChangePage<'a> {
    frame: Frame,
    name: &'a str,
    wrong_old: Option<&'a str>,
    wrong_new: Option<&'a str>,
}

#[derive(Template)]
#[template(path = "password_changed.html", config = ".askama.toml")]
struct ChangedPage {
    frame: Frame,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::web) struct ChangeForm {
    old: Typed,
    new: Typed,
    again: Typed,
}

/// What is wrong, and with which of the passwords.
enum Wrong {
    Old(Problem),
    New(Problem),
}

/// `GET /account/password`
pub(super) async fn page(State(web): State<Web>, SignedIn(visit): SignedIn) -> Result<Response, Problem> {
    let (frame, name) = (Frame::of(&web, Some(&visit)), visit.principal.name.as_str());
    page::show(&ChangePage { frame, name, wrong_old: None, wrong_new: None })
}

/// `POST /account/password`
pub(super) async fn submit(
    State(web): State<Web>,
    SignedIn(visit): SignedIn,
    origin: Origin,
    Form(form): Form<ChangeForm>,
) -> Result<Response, Problem> {
    let wrong = match change(&web, &visit, &origin, form).await {
        Ok(begun) => {
            let mut response = Redirect::to("/account/password/changed").into_response();
            cookie::set(&mut response, &begun);
            return Ok(response);
        }
        Err(wrong) => wrong,
    };
    let (old, problem) = match wrong {
        Wrong::Old(problem) => (true, problem.or_again()?),
        Wrong::New(problem) => (false, problem.or_again()?),
    };
    let (frame, name) = (Frame::of(&web, Some(&visit)), visit.principal.name.as_str());
    let said = |here: bool| here.then(|| problem.detail());
    page::show_again(&ChangePage { frame, name, wrong_old: said(old), wrong_new: said(!old) }, &problem)
}

async fn change(web: &Web, visit: &Visit, origin: &Origin, form: ChangeForm) -> Result<Begun, Wrong> {
    let new = typed_twice(form.new.0, &form.again.0).map_err(Wrong::New)?;
    let changed = web.identity.change_password(visit, &form.old.0, new, origin).await;
    changed.map_err(|error| match error {
        PasswordChangeError::Old(SignInError::Wrong) => {
            Wrong::Old(Problem::unprocessable("This is not your present password."))
        }
        PasswordChangeError::Old(error) => Wrong::Old(error.into()),
        PasswordChangeError::New(error) => Wrong::New(error.into()),
    })
}

/// `GET /account/password/changed`
pub(super) async fn changed(State(web): State<Web>, SignedIn(visit): SignedIn) -> Result<Response, Problem> {
    page::show(&ChangedPage { frame: Frame::of(&web, Some(&visit)) })
}
