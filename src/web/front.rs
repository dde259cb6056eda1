//! The first page: what runs here, and how a workstation connects. Shows nothing that an anonymous caller must not know.

use std::sync::Arc;

use askama::Template;
use axum::extract::State;
use axum::response::Response;

use super::access::Visitor;
use super::account::SignInBefore;
use super::page::Frame;
use super::problem::Problem;
use super::{Web, page};

/// One line of the table of doors.
#[derive(Debug, Clone)]
pub struct DoorLine {
    /// The port.
    pub port: u16,
    /// What answers there, in a person's words.
    pub answers: &'static str,
}

/// What the demo set up, said on its front page. No password: those are in `demo.json` and on the terminal.
#[derive(Debug, Clone)]
pub struct DemoNote {
    /// The database alias to connect to.
    pub database: String,
    /// The account to sign in with.
    pub account: String,
}

#[derive(Template)]
#[template(path = "front.html", config = ".askama.toml")]
struct FrontPage {
    frame: Frame,
    before: Option<SignInBefore>,
    doors: Arc<Vec<DoorLine>>,
    demo: Option<Arc<DemoNote>>,
    accepting: bool,
}

/// `GET /`
pub async fn page(State(web): State<Web>, Visitor(visit): Visitor) -> Result<Response, Problem> {
    page::show(&FrontPage {
        frame: Frame::of(&web, visit.as_ref()),
        before: visit.as_ref().and_then(SignInBefore::of),
        accepting: web.readiness.is_ready(),
        doors: Arc::clone(&web.doors),
        demo: web.demo.clone(),
    })
}
