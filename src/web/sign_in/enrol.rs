//! The second stage of who must have a second factor and has none: an authenticator app is set up, and the recovery codes are
//! shown, once.

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use serde::Deserialize;

use super::enrolment::{Codes, Shown};
use super::next::Next;
use super::{refused, signed_in};
use crate::domain::Secret;
use crate::identity::SignInError;
use crate::identity::factors::Enrolment;
use crate::identity::web::{Asks, Origin};
use crate::web::access::Visitor;
use crate::web::caller::Host;
use crate::web::form::{Form, Typed};
use crate::web::page::Frame;
use crate::web::problem::Problem;
use crate::web::{Web, page};

#[derive(Template)]
#[template(path = "sign_in_enrol.html", config = ".askama.toml")]
struct EnrolPage<'a> {
    frame: Frame,
    enrolment: Shown,
    ticket: &'a str,
    next: &'a str,
    wrong: Option<&'a str>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::web) struct EnrolForm {
    ticket: Typed,
    code: Typed,
    next: Option<String>,
}

/// Shows what the app is set up with, and asks for its first code.
pub(super) fn ask(web: &Web, ticket: &Secret, enrolment: &Enrolment, next: &Next) -> Result<Response, Problem> {
    let (frame, enrolment) = (Frame::of(web, None), Shown::of(enrolment)?);
    page::show(&EnrolPage { frame, enrolment, ticket: ticket.expose(), next: next.as_str(), wrong: None })
}

/// `POST /sign-in/enrol`
pub(super) async fn submit(
    State(web): State<Web>,
    Visitor(former): Visitor,
    Host(host): Host,
    origin: Origin,
    Form(form): Form<EnrolForm>,
) -> Result<Response, Problem> {
    let next = Next::of(form.next.as_deref());
    let error = match web.identity.web_enrol(&form.ticket.0, form.code.0.expose(), &origin).await {
        Ok((begun, codes)) => {
            let visit = web.identity.visit(&begun.cookie, &origin).await?;
            let answer = Codes::page(Frame::of(&web, visit.as_ref()), &codes, next.as_str())?;
            return signed_in(&web, former, &begun, answer).await;
        }
        Err(error) => error,
    };
    let Some(Asks::Enrol(enrolment)) = web.identity.web_asks(&form.ticket.0)? else {
        return refused(&web, &host, "", &next, SignInError::TooLate);
    };
    let problem = Problem::from(error).or_again()?;
    let (frame, enrolment, ticket) = (Frame::of(&web, None), Shown::of(&enrolment)?, form.ticket.0.expose());
    page::show_again(
        &EnrolPage { frame, enrolment, ticket, next: next.as_str(), wrong: Some(problem.detail()) },
        &problem,
    )
}
