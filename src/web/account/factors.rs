//! The own second factors: another authenticator app, new recovery codes.

use askama::Template;
use axum::extract::State;
use axum::response::{IntoResponse as _, Redirect, Response};
use serde::Deserialize;

use super::ACCOUNT;
use crate::domain::Secret;
use crate::identity::factors::Enrolment;
use crate::identity::web::Visit;
use crate::web::Web;
use crate::web::access::SignedIn;
use crate::web::form::{Form, Typed};
use crate::web::page::{self, Frame};
use crate::web::problem::Problem;
use crate::web::sign_in::enrolment::{Codes, Shown};

pub(super) const APP: &str = "/account/factors/app";
pub(super) const CODES: &str = "/account/factors/codes";

#[derive(Template)]
#[template(path = "account_app.html", config = ".askama.toml")]
struct AppPage<'a> {
    frame: Frame,
    enrolment: Shown,
    ticket: &'a str,
    label: &'a str,
    wrong: Option<&'a str>,
}

#[derive(Template)]
#[template(path = "account_codes.html", config = ".askama.toml")]
struct CodesPage {
    frame: Frame,
    left: usize,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::web) struct AppForm {
    ticket: Typed,
    code: Typed,
    label: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::web) struct NoFields {}

/// `GET /account/factors/app`
pub(super) async fn app(State(web): State<Web>, SignedIn(visit): SignedIn) -> Result<Response, Problem> {
    let (ticket, enrolment) = web.identity.start_totp(&visit)?;
    page::show(&app_page(&web, &visit, &ticket, &enrolment, "")?)
}

/// `POST /account/factors/app`
pub(super) async fn add_app(
    State(web): State<Web>,
    SignedIn(visit): SignedIn,
    Form(form): Form<AppForm>,
) -> Result<Response, Problem> {
    let (ticket, label) = (&form.ticket.0, form.label.trim());
    let problem = match web.identity.finish_totp(&visit, ticket, form.code.0.expose(), label).await {
        Ok(Some(codes)) => return Codes::page(Frame::of(&web, Some(&visit)), &codes, ACCOUNT),
        Ok(None) => return Ok(Redirect::to(ACCOUNT).into_response()),
        Err(error) => Problem::from(error).or_again()?,
    };
    // Under a ticket whose time is over there is nothing left to show: another picture begins it anew.
    let (ticket, enrolment) = match web.identity.totp_being_added(&visit, ticket) {
        Some(enrolment) => (ticket.clone(), enrolment),
        None => web.identity.start_totp(&visit)?,
    };
    let page = app_page(&web, &visit, &ticket, &enrolment, label)?;
    page::show_again(&AppPage { wrong: Some(problem.detail()), ..page }, &problem)
}

fn app_page<'a>(
    web: &Web,
    visit: &Visit,
    ticket: &'a Secret,
    enrolment: &Enrolment,
    label: &'a str,
) -> Result<AppPage<'a>, Problem> {
    let (frame, enrolment) = (Frame::of(web, Some(visit)), Shown::of(enrolment)?);
    Ok(AppPage { frame, enrolment, ticket: ticket.expose(), label, wrong: None })
}

/// `GET /account/factors/codes`
pub(super) async fn codes(State(web): State<Web>, SignedIn(visit): SignedIn) -> Result<Response, Problem> {
    let left = web.identity.recovery_codes_left(visit.principal.account)?;
    page::show(&CodesPage { frame: Frame::of(&web, Some(&visit)), left })
}

/// `POST /account/factors/codes`
pub(super) async fn renew_codes(
    State(web): State<Web>,
    SignedIn(visit): SignedIn,
    Form(NoFields {}): Form<NoFields>,
) -> Result<Response, Problem> {
    let codes = web.identity.renew_recovery_codes(&visit).await?;
    Codes::page(Frame::of(&web, Some(&visit)), &codes, ACCOUNT)
}
