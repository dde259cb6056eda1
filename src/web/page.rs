//! What every page has: the frame around its content, and its way into an answer.

use askama::Template;
use axum::response::{Html, IntoResponse, Response};

use super::Web;
use super::problem::Problem;
use crate::domain::Role;
use crate::identity::web::Visit;

/// The frame: `web/templates/base.html`.
#[derive(Debug, Clone)]
pub struct Frame {
    /// The appliance's name.
    pub appliance: String,
    /// Who is signed in.
    pub person: Option<Person>,
}

/// Who is signed in, as the frame shows it.
#[derive(Debug, Clone)]
pub struct Person {
    /// The account's name.
    pub name: String,
    /// Whether the account administers.
    pub administers: bool,
}

impl Frame {
    /// The frame for whoever visits.
    pub fn of(web: &Web, visit: Option<&Visit>) -> Self {
        let person = visit.map(|visit| Person {
            name: visit.principal.name.to_string(),
            administers: visit.principal.role == Role::Administrator,
        });
        Self { appliance: web.appliance.to_string(), person }
    }
}

/// A page as an answer.
pub fn show(page: &impl Template) -> Result<Response, Problem> {
    Ok(Html(page.render()?).into_response())
}

/// The same, under the status of what is wrong with what was sent: the page says what, and lets the person try again.
pub fn show_again(page: &impl Template, problem: &Problem) -> Result<Response, Problem> {
    Ok((problem.status(), Html(page.render()?)).into_response())
}
