//! The second stage of who must have a second factor and has none: an authenticator app is set up or a passkey made, and the
//! recovery codes are shown, once.

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use serde::Deserialize;

use super::enrolment::{Codes, Shown};
use super::next::Next;
use super::passkey::PasskeyForm;
use super::{refused, signed_in};
use crate::domain::Secret;
use crate::identity::SignInError;
use crate::identity::factors::{Enrolment, RecoveryCodes};
use crate::identity::web::{Asks, Begun, Origin, Visit};
use crate::web::access::Visitor;
use crate::web::caller::Host;
use crate::web::form::{Form, Typed};
use crate::web::page::Frame;
use crate::web::problem::Problem;
use crate::web::{Web, page};

pub(super) const PASSKEY: &str = "/sign-in/enrol/passkey";

#[derive(Template)]
#[template(path = "sign_in_enrol.html", config = ".askama.toml")]
struct EnrolPage<'a> {
    frame: Frame,
    enrolment: Shown,
    ticket: &'a str,
    next: &'a str,
    /// What the browser is asked for, where passkeys can be made.
    passkey: Option<String>,
    wrong: Option<&'a str>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::web) struct EnrolForm {
    ticket: Typed,
    code: Typed,
    next: Option<String>,
}

/// Shows what the app is set up with, and asks for its first code; or for a passkey.
pub(super) fn ask(
    web: &Web,
    host: &str,
    ticket: &Secret,
    enrolment: &Enrolment,
    next: &Next,
) -> Result<Response, Problem> {
    page::show(&enrol_page(web, host, ticket, enrolment, next)?)
}

fn enrol_page<'a>(
    web: &Web,
    host: &str,
    ticket: &'a Secret,
    enrolment: &Enrolment,
    next: &'a Next,
) -> Result<EnrolPage<'a>, Problem> {
    let party = web.identity.relying_party(host);
    let asked = party.map(|party| web.identity.web_asks_for_new_passkey(ticket, &party)).transpose()?.flatten();
    let (frame, passkey) = (Frame::of(web, None), asked.map(|options| options.to_string()));
    let (enrolment, ticket) = (Shown::of(enrolment)?, ticket.expose());
    Ok(EnrolPage { frame, enrolment, ticket, next: next.as_str(), passkey, wrong: None })
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
    let outcome = web.identity.web_enrol(&form.ticket.0, form.code.0.expose(), &origin).await;
    go_on(&web, former, &host, &origin, &form.ticket.0, &next, outcome).await
}

/// `POST /sign-in/enrol/passkey`
pub(super) async fn submit_passkey(
    State(web): State<Web>,
    Visitor(former): Visitor,
    Host(host): Host,
    origin: Origin,
    Form(form): Form<PasskeyForm>,
) -> Result<Response, Problem> {
    let next = Next::of(form.next.as_deref());
    let outcome = web.identity.web_enrol_passkey(&form.ticket.0, form.answer.0.expose(), &origin).await;
    go_on(&web, former, &host, &origin, &form.ticket.0, &next, outcome).await
}

async fn go_on(
    web: &Web,
    former: Option<Visit>,
    host: &str,
    origin: &Origin,
    ticket: &Secret,
    next: &Next,
    outcome: Result<(Begun, RecoveryCodes), SignInError>,
) -> Result<Response, Problem> {
    let error = match outcome {
        Ok((begun, codes)) => {
            let visit = web.identity.visit(&begun.cookie, origin).await?;
            let answer = Codes::page(Frame::of(web, visit.as_ref()), &codes, next.as_str())?;
            return signed_in(web, former, &begun, answer).await;
        }
        Err(error) => error,
    };
    let Some(Asks::Enrol(enrolment)) = web.identity.web_asks(ticket)? else {
        return refused(web, host, "", next, error);
    };
    let problem = Problem::from(error).or_again()?;
    let page = enrol_page(web, host, ticket, &enrolment, next)?;
    page::show_again(&EnrolPage { wrong: Some(problem.detail()), ..page }, &problem)
}
