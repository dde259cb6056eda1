//! Passkeys at sign-in: alone, by a button of the first stage, or as the second stage. The page's script (`passkeys.js`) hands what is
//! asked to the browser and puts what it answers into the form; without scripts there are codes.

use axum::Json;
use axum::extract::State;
use axum::response::Response;
use serde::{Deserialize, Serialize};

use super::next::Next;
use super::{code, signed_in};
use crate::identity::web::Origin;
use crate::web::Web;
use crate::web::access::Visitor;
use crate::web::caller::Host;
use crate::web::form::{Form, Typed};
use crate::web::problem::Problem;

pub(super) const PATH: &str = "/sign-in/passkey";
pub(super) const OPTIONS: &str = "/sign-in/passkey/options";

/// What the script asks for when the button is pressed: so that nothing is kept for who only looks at the page.
#[derive(Serialize)]
pub(in crate::web) struct Options {
    ticket: String,
    options: serde_json::Value,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::web) struct PasskeyForm {
    pub(super) ticket: Typed,
    pub(super) answer: Typed,
    pub(super) next: Option<String>,
}

/// `POST /sign-in/passkey/options`
pub(super) async fn options(
    State(web): State<Web>,
    Host(host): Host,
    origin: Origin,
) -> Result<Json<Options>, Problem> {
    let party = web.identity.relying_party(&host).ok_or_else(Problem::no_passkeys_here)?;
    let (ticket, options) = web.identity.start_passkey_sign_in(&party, origin.peer)?;
    Ok(Json(Options { ticket: ticket.expose().to_owned(), options }))
}

/// `POST /sign-in/passkey`: of either stage.
pub(super) async fn submit(
    State(web): State<Web>,
    Visitor(former): Visitor,
    Host(host): Host,
    origin: Origin,
    Form(form): Form<PasskeyForm>,
) -> Result<Response, Problem> {
    let next = Next::of(form.next.as_deref());
    match web.identity.web_passkey(&form.ticket.0, form.answer.0.expose(), &origin).await {
        Ok(begun) => signed_in(&web, former, &begun, next.redirect()).await,
        Err(error) => code::again(&web, &host, &form.ticket.0, &next, error),
    }
}
