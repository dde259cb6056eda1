//! A new password by a one-time link. The link is a secret in the address: no log has it, and no other page is told of it.
//!
//! It is no way around the second factor: it sets the password and signs nobody in.

use askama::Template;
use axum::extract::State;
use axum::http::{HeaderValue, header};
use axum::response::Response;
use serde::Deserialize;

use super::typed_twice;
use crate::domain::Secret;
use crate::identity::IdentityError;
use crate::identity::web::Origin;
use crate::web::form::{Form, Path, Typed};
use crate::web::page::Frame;
use crate::web::problem::Problem;
use crate::web::{Web, page};

#[derive(Template)]
#[template(path = "password_reset.html", config = ".askama.toml")]
struct ResetPage<'a> {
    frame: Frame,
    name: &'a str,
    wrong: Option<&'a str>,
}

#[derive(Template)]
#[template(path = "password_reset_done.html", config = ".askama.toml")]
struct DonePage<'a> {
    frame: Frame,
    name: &'a str,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::web) struct ResetForm {
    new: Typed,
    again: Typed,
}

/// `GET /reset/{secret}`
pub(super) async fn page(
    State(web): State<Web>,
    Path(link): Path<String>,
    origin: Origin,
) -> Result<Response, Problem> {
    let name = web.identity.reset_link(&Secret::new(link), &origin).await?;
    let page = ResetPage { frame: Frame::of(&web, None), name: name.as_str(), wrong: None };
    page::show(&page).map(untold)
}

/// `POST /reset/{secret}`
pub(super) async fn submit(
    State(web): State<Web>,
    Path(link): Path<String>,
    origin: Origin,
    Form(form): Form<ResetForm>,
) -> Result<Response, Problem> {
    let link = Secret::new(link);
    let outcome = match typed_twice(form.new.0, &form.again.0) {
        Ok(new) => match web.identity.reset_password(&link, new, &origin).await {
            // The link itself is what counts no more.
            Err(error @ IdentityError::NoLink) => return Err(error.into()),
            done => done.map_err(Problem::from),
        },
        Err(problem) => Err(problem),
    };
    let frame = Frame::of(&web, None);
    let problem = match outcome {
        Ok(name) => return page::show(&DonePage { frame, name: name.as_str() }).map(untold),
        Err(problem) => problem.or_again()?,
    };
    let name = web.identity.reset_link(&link, &origin).await?;
    page::show_again(&ResetPage { frame, name: name.as_str(), wrong: Some(problem.detail()) }, &problem).map(untold)
}

/// Pages that this one leads to are told the appliance's name and not the address. Under `no-referrer`, browsers would send
/// `Origin: null` with the form.
fn untold(mut response: Response) -> Response {
    response.headers_mut().insert(header::REFERRER_POLICY, HeaderValue::from_static("strict-origin"));
    response
}
