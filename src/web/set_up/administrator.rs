//! The first steps of set-up, for whoever has the code: the administrator and the second factor. The administrator is made,
//! set-up is closed and the browser is signed in by one change: of two browsers one wins, and the other is told.

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use serde::Deserialize;

use super::name;
use crate::domain::{Name, Secret};
use crate::identity::factors::{Enrolment, RecoveryCodes};
use crate::identity::web::Origin;
use crate::identity::{SetUpError, SetUpStep, SignInError};
use crate::web::form::{Form, Typed};
use crate::web::page::{self, Frame};
use crate::web::problem::Problem;
use crate::web::{Web, cookie, qr};

#[derive(Template)]
#[template(path = "set_up/code.html", config = ".askama.toml")]
struct CodePage {
    frame: Frame,
    wrong: Option<String>,
}

#[derive(Template)]
#[template(path = "set_up/administrator.html", config = ".askama.toml")]
struct AdministratorPage {
    frame: Frame,
    code: String,
    name: String,
    wrong: Option<String>,
}

#[derive(Template)]
#[template(path = "set_up/factor.html", config = ".askama.toml")]
struct FactorPage {
    frame: Frame,
    ticket: String,
    picture: String,
    secret: String,
    optional: bool,
    wrong: Option<String>,
}

#[derive(Template)]
#[template(path = "set_up/recovery.html", config = ".askama.toml")]
struct RecoveryPage {
    frame: Frame,
    codes: Vec<String>,
    next: &'static str,
}

/// `GET /setup`
pub(super) async fn first(State(web): State<Web>) -> Result<Response, Problem> {
    page::show(&CodePage { frame: Frame::of(&web, None), wrong: None })
}

/// The form of the first page.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct CodeForm {
    code: Typed,
}

/// `POST /setup/code`
pub(super) async fn code(
    State(web): State<Web>,
    origin: Origin,
    Form(form): Form<CodeForm>,
) -> Result<Response, Problem> {
    let frame = Frame::of(&web, None);
    match web.identity.check_set_up_code(&form.code.0, &origin).await {
        Ok(()) => {
            let (code, name) = (form.code.0.expose().to_owned(), String::new());
            page::show(&AdministratorPage { frame, code, name, wrong: None })
        }
        Err(error) => code_again(frame, error),
    }
}

fn code_again(frame: Frame, error: SetUpError) -> Result<Response, Problem> {
    let problem = told(error)?;
    page::show_again(&CodePage { frame, wrong: Some(problem.detail().to_owned()) }, &problem)
}

/// What the person can mend; everything else is a problem of its own.
fn told(error: SetUpError) -> Result<Problem, Problem> {
    let mends = !matches!(error, SetUpError::Closed);
    let problem = Problem::from(error);
    if mends && problem.status().is_client_error() { Ok(problem) } else { Err(problem) }
}

/// The form of the administrator's name and password.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct AdministratorForm {
    code: Typed,
    name: String,
    password: Typed,
    again: Typed,
}

/// `POST /setup/administrator`
pub(super) async fn begin(
    State(web): State<Web>,
    origin: Origin,
    Form(form): Form<AdministratorForm>,
) -> Result<Response, Problem> {
    let frame = Frame::of(&web, None);
    let AdministratorForm { code: Typed(code), name, password: Typed(password), again: Typed(again) } = form;
    let once_more = |frame, problem: &Problem| {
        let (code, name, wrong) = (code.expose().to_owned(), name.clone(), Some(problem.detail().to_owned()));
        page::show_again(&AdministratorPage { frame, code, name, wrong }, problem)
    };
    if password != again {
        return once_more(frame, &Problem::unprocessable("The two passwords are not the same."));
    }
    let parsed = match Name::parse(&name) {
        Ok(parsed) => parsed,
        Err(error) => return once_more(frame, &Problem::unprocessable(error.to_string())),
    };
    match web.identity.begin_set_up(&code, parsed, password, &origin).await {
        Ok(step) => {
            let SetUpStep { ticket, enrolment, optional, .. } = step;
            page::show(&factor_page(frame, &ticket, &enrolment, optional, None)?)
        }
        Err(error @ SetUpError::Code) => code_again(frame, error),
        Err(error) => once_more(frame, &told(error)?),
    }
}

fn factor_page(
    frame: Frame,
    ticket: &Secret,
    enrolment: &Enrolment,
    optional: bool,
    wrong: Option<String>,
) -> Result<FactorPage, Problem> {
    let (ticket, picture) = (ticket.expose().to_owned(), qr::picture(&enrolment.url)?);
    Ok(FactorPage { frame, ticket, picture, secret: qr::grouped(&enrolment.secret), optional, wrong })
}

/// The form of the authenticator app's first code.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FactorForm {
    ticket: Typed,
    #[serde(default)]
    code: String,
    /// To do without, where that is allowed.
    #[serde(default)]
    later: Option<String>,
}

/// `POST /setup/factor`
pub(super) async fn complete(
    State(web): State<Web>,
    origin: Origin,
    Form(form): Form<FactorForm>,
) -> Result<Response, Problem> {
    let FactorForm { ticket: Typed(ticket), code, later } = form;
    let code = later.is_none().then_some(code.trim());
    let frame = Frame::of(&web, None);
    match web.identity.complete_set_up(&ticket, code, &origin).await {
        Ok((begun, codes)) => {
            let codes = codes.map(|RecoveryCodes(codes)| codes).unwrap_or_default();
            let codes = codes.iter().map(|code| code.expose().to_owned()).collect();
            let mut response = page::show(&RecoveryPage { frame, codes, next: name::PATH })?;
            cookie::set(&mut response, &begun);
            Ok(response)
        }
        Err(SetUpError::TooLate) => code_again(frame, SetUpError::TooLate),
        Err(error @ SetUpError::SignIn(SignInError::WrongCode | SignInError::Throttled { .. })) => {
            let problem = Problem::from(error);
            let Some((enrolment, optional)) = web.identity.set_up_enrolment(&ticket)? else {
                return code_again(frame, SetUpError::TooLate);
            };
            let wrong = Some(problem.detail().to_owned());
            page::show_again(&factor_page(frame, &ticket, &enrolment, optional, wrong)?, &problem)
        }
        Err(error) => Err(error.into()),
    }
}
