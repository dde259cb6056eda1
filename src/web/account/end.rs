//! The end of something that is signed in with the own account, or that it signs in by. It is asked for on a page of its own, so
//! that nothing ends by a slip, and the page comes back after the password was asked for again.

use askama::Template;
use axum::extract::State;
use axum::http::Uri;
use axum::response::{IntoResponse as _, Redirect, Response};
use serde::Deserialize;

use super::{ACCOUNT, lists};
use crate::identity::web::Visit;
use crate::identity::{Identity, IdentityError};
use crate::web::Web;
use crate::web::access::SignedIn;
use crate::web::form::Form;
use crate::web::page::{self, Frame};
use crate::web::problem::Problem;

pub(super) const PATH: &str = "/account/end";

/// What is to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(in crate::web) enum What {
    Browser,
    OtherBrowsers,
    Device,
    Pass,
    Token,
    Program,
    Factor,
}

/// Which one it is.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::web) struct Asked {
    what: What,
    #[serde(default)]
    id: String,
}

#[derive(Template)]
#[template(path = "account_end.html", config = ".askama.toml")]
struct EndPage<'a> {
    frame: Frame,
    what: &'static str,
    id: &'a str,
    question: &'static str,
    name: &'a str,
    consequence: &'static str,
    wrong: Option<&'a str>,
}

/// `GET /account/end?what=…&id=…`
pub(super) async fn page(State(web): State<Web>, SignedIn(visit): SignedIn, uri: Uri) -> Result<Response, Problem> {
    // Without a query it is what comes back when the password was asked for after the form was sent.
    let asked = serde_urlencoded::from_str::<Asked>(uri.query().unwrap_or_default());
    let Ok(asked) = asked else { return Ok(Redirect::to(ACCOUNT).into_response()) };
    let name = asked.name(&web.identity, &visit)?;
    page::show(&asked.page(Frame::of(&web, Some(&visit)), &name, None))
}

/// `POST /account/end`
pub(super) async fn submit(
    State(web): State<Web>,
    SignedIn(visit): SignedIn,
    Form(asked): Form<Asked>,
) -> Result<Response, Problem> {
    let Err(error) = asked.end(&web.identity, &visit).await else { return Ok(Redirect::to(ACCOUNT).into_response()) };
    let is_gone = matches!(error, IdentityError::NoSuch { .. });
    let problem = Problem::from(error);
    if is_gone {
        return Err(problem);
    }
    let (problem, name) = (problem.or_again()?, asked.name(&web.identity, &visit)?);
    page::show_again(&asked.page(Frame::of(&web, Some(&visit)), &name, Some(problem.detail())), &problem)
}

impl Asked {
    /// What the person knows it by. What is another's is not there.
    fn name(&self, identity: &Identity, visit: &Visit) -> Result<String, Problem> {
        let account = visit.principal.account;
        let lines = match self.what {
            What::OtherBrowsers => return Ok("every browser but this one".to_owned()),
            What::Browser => {
                let sessions = lists::sessions(identity, visit)?;
                let session = sessions.into_iter().find(|session| session.id == self.id);
                return session.map(|one| format!("{}, {}", one.program, one.peer)).ok_or_else(Problem::not_found);
            }
            What::Device => lists::devices(identity, account)?,
            What::Pass => lists::passes(identity, account)?,
            What::Token => lists::tokens(identity, account)?,
            What::Program => lists::programs(identity, account)?,
            What::Factor => lists::factors(identity, account)?,
        };
        let line = lines.into_iter().find(|line| line.id == self.id).ok_or_else(Problem::not_found)?;
        Ok(if line.name.is_empty() { line.about } else { line.name })
    }

    async fn end(&self, identity: &Identity, visit: &Visit) -> Result<(), IdentityError> {
        match self.what {
            What::Browser => identity.end_own_web_session(visit, self.id("web session")?).await,
            What::OtherBrowsers => identity.end_other_web_sessions(visit).await.map(drop),
            What::Device => identity.revoke_own_device(visit, self.id("device")?).await.map(drop),
            What::Pass => identity.revoke_own_pass(visit, self.id("pass")?).await.map(drop),
            What::Token => identity.revoke_own_token(visit, self.id("token")?).await.map(drop),
            What::Program => identity.revoke_own_program(visit, self.id("program")?).await.map(drop),
            What::Factor => identity.remove_own_factor(visit, self.id("second factor")?).await,
        }
    }

    fn id<T: std::str::FromStr>(&self, kind: &'static str) -> Result<T, IdentityError> {
        self.id.parse().map_err(|_| IdentityError::NoSuch { kind, name: String::new() })
    }

    fn page<'a>(&'a self, frame: Frame, name: &'a str, wrong: Option<&'a str>) -> EndPage<'a> {
        let (what, question, consequence) = match self.what {
            What::Browser => ("browser", "Sign this browser out?", "It is asked to sign in again."),
            What::OtherBrowsers => {
                ("other-browsers", "Sign out everywhere else?", "They are asked to sign in again. This one stays.")
            }
            What::Device => (
                "device",
                "Revoke this device?",
                "Its secret and its passes count no more, its connections end within a second, and it has to be enrolled again.",
            ),
            What::Pass => (
                "pass",
                "Revoke this SQL pass?",
                "It opens no database any more, and connections that it opened end within a second.",
            ),
            What::Token => (
                "token",
                "Revoke this API token?",
                "Programs that use it are refused from now on, and connections that it opened end within a second.",
            ),
            What::Program => (
                "program",
                "Put this program out?",
                "It may act for you no more until you let it in again, and its connections end within a second.",
            ),
            What::Factor => ("factor", "Remove this second factor?", "It signs you in no more."),
        };
        EndPage { frame, what, id: &self.id, question, name, consequence, wrong }
    }
}
