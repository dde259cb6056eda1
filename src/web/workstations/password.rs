//! A password for programs that are set up by hand: a pass, which ends by itself, and connection strings with it.

use askama::Template;
use axum::extract::State;
use axum::response::{Redirect, Response};

use super::{DatabaseShown, PATH, database};
use crate::web::Web;
use crate::web::access::{Access, SignedIn};
use crate::web::page::{self, Frame, minute};
use crate::web::problem::Problem;
use crate::web::routes::{Route, get, post};
use crate::workstation::Connection;

pub(super) fn routes() -> Vec<Route> {
    vec![
        get("/workstations/password", Access::SignedIn, back),
        post("/workstations/password", Access::SignedIn, password),
    ]
}

#[derive(Template)]
#[template(path = "workstations/password.html", config = ".askama.toml")]
struct PasswordPage {
    frame: Frame,
    user: String,
    password: String,
    expires: String,
    databases: Vec<DatabaseShown>,
}

/// `GET /workstations/password`: who had to sign in again on the way starts over.
async fn back() -> Redirect {
    Redirect::to(PATH)
}

/// `POST /workstations/password`
async fn password(State(web): State<Web>, SignedIn(visit): SignedIn) -> Result<Response, Problem> {
    let who = &visit.principal;
    let (expires, secret) = web.workstations.password(who).await?;
    let connections = web.workstations.connections(who)?.into_iter();
    let filled = connections.map(|one| database(&Connection { password: Some(secret.clone()), ..one }));
    page::show(&PasswordPage {
        frame: Frame::of(&web, Some(&visit)),
        user: who.name.to_string(),
        password: secret.expose().to_owned(),
        expires: minute(expires),
        databases: filled.collect::<Result<_, _>>()?,
    })
}
