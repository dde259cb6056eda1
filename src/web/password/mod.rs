//! Passwords: changed by who knows the present one, or set by an administrator's one-time link.
//!
//! `reset` knows links and not who delivered them: mail, once there is any, asks `identity` for a link as administrators do,
//! and the page for forgotten passwords gets a form for it.

mod change;
mod reset;

use askama::Template;
use axum::extract::State;
use axum::response::Response;

use super::access::{Access, Visitor};
use super::page::Frame;
use super::problem::Problem;
use super::routes::{Route, get, post};
use super::{Web, page};
use crate::domain::Secret;

/// The routes of passwords.
pub fn routes() -> Vec<Route> {
    vec![
        get("/account/password", Access::SignedIn, change::page),
        post("/account/password", Access::SignedIn, change::submit),
        get("/account/password/changed", Access::SignedIn, change::changed),
        get("/forgotten", Access::Browser, forgotten),
        get("/reset/{secret}", Access::Browser, reset::page),
        post("/reset/{secret}", Access::Browser, reset::submit),
    ]
}

#[derive(Template)]
#[template(path = "forgotten.html", config = ".askama.toml")]
struct ForgottenPage {
    frame: Frame,
}

/// `GET /forgotten`: asks for no name, so there is nothing to find out by it.
async fn forgotten(State(web): State<Web>, Visitor(visit): Visitor) -> Result<Response, Problem> {
    page::show(&ForgottenPage { frame: Frame::of(&web, visit.as_ref()) })
}

/// A new password, typed twice: nobody sees what they type.
fn typed_twice(new: Secret, again: &Secret) -> Result<Secret, Problem> {
    if new == *again {
        Ok(new)
    } else {
        Err(Problem::unprocessable("The two new passwords differ. Type the same one twice."))
    }
}
