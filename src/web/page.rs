//! What every page has: the frame around its content, and its way into an answer.

use askama::Template;
use axum::http::header;
use axum::response::{Html, IntoResponse, Response};

use super::Web;
use super::problem::Problem;
use crate::domain::{Role, Timestamp};
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

/// A time, to the minute, as people read it: `2027-03-01 08:00 UTC`.
pub fn minute(at: Timestamp) -> String {
    let text = at.to_string();
    match (text.get(..10), text.get(11..16)) {
        (Some(day), Some(time)) => format!("{day} {time} UTC"),
        _ => text,
    }
}

/// A page as an answer.
pub fn show(page: &impl Template) -> Result<Response, Problem> {
    Ok(Html(page.render()?).into_response())
}

/// The same, under the status of what is wrong with what was sent: the page says what, and lets the person try again.
pub fn show_again(page: &impl Template, problem: &Problem) -> Result<Response, Problem> {
    let mut response = (problem.status(), Html(page.render()?)).into_response();
    if let Some(seconds) = problem.retry_after() {
        response.headers_mut().insert(header::RETRY_AFTER, seconds);
    }
    Ok(response)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_told_to_the_minute() {
        assert_eq!(minute(Timestamp::parse_rfc3339("2027-03-01T08:59:59.999Z").unwrap()), "2027-03-01 08:59 UTC");
    }
}
