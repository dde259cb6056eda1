//! `/device`: where a person types the code that a program shows which has no browser (RFC 8628 3.3), and says yes or no.

use askama::Template;
use axum::extract::State;
use axum::http::Uri;
use axum::response::{IntoResponse as _, Redirect, Response};
use serde::Deserialize;

use super::Web;
use super::access::{Access, SignedIn, confirm_first};
use super::form::{Form, Query};
use super::oauth::{Choice, in_words};
use super::page::{self, Frame};
use super::problem::Problem;
use super::routes::{Route, get, post};

/// The page's path.
pub const PATH: &str = "/device";
/// The flow's grant type.
pub const GRANT: &str = "urn:ietf:params:oauth:grant-type:device_code";

const ANSWER: &str = "/device/answer";
const ALLOWED: &str = "/device/allowed";
const DENIED: &str = "/device/denied";

/// The routes of this folder.
pub fn routes() -> Vec<Route> {
    vec![
        get(PATH, Access::SignedIn, ask),
        post(PATH, Access::SignedIn, look),
        // Who had to sign in again, or to confirm, before the answer types the code again.
        get(ANSWER, Access::SignedIn, async || Redirect::to(PATH)),
        post(ANSWER, Access::SignedIn, answer),
        get(ALLOWED, Access::SignedIn, async |state, visit| done(state, visit, true)),
        get(DENIED, Access::SignedIn, async |state, visit| done(state, visit, false)),
    ]
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Linked {
    user_code: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Typed {
    user_code: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Answered {
    user_code: String,
    answer: Choice,
}

#[derive(Template)]
#[template(path = "device/code.html", config = ".askama.toml")]
struct CodePage {
    frame: Frame,
    user_code: String,
    wrong: Option<String>,
}

#[derive(Template)]
#[template(path = "device/confirm.html", config = ".askama.toml")]
struct ConfirmPage {
    frame: Frame,
    user_code: String,
    client: String,
    person: String,
    words: Vec<&'static str>,
    peer: String,
    agent: String,
}

#[derive(Template)]
#[template(path = "device/done.html", config = ".askama.toml")]
struct DonePage {
    frame: Frame,
    allowed: bool,
}

/// `GET /device`: the code is typed, or stands there already when a link brought it; it is looked up when it is sent.
async fn ask(
    State(web): State<Web>,
    SignedIn(visit): SignedIn,
    Query(linked): Query<Linked>,
) -> Result<Response, Problem> {
    let user_code = linked.user_code.chars().take(LONGEST).collect();
    page::show(&CodePage { frame: Frame::of(&web, Some(&visit)), user_code, wrong: None })
}

/// `POST /device`: which program it is, and from where.
async fn look(
    State(web): State<Web>,
    SignedIn(visit): SignedIn,
    Form(typed): Form<Typed>,
) -> Result<Response, Problem> {
    let frame = Frame::of(&web, Some(&visit));
    let Some(view) = web.identity.device_request(&visit, &typed.user_code).await? else {
        return unknown(frame, typed.user_code);
    };
    page::show(&ConfirmPage {
        frame,
        user_code: typed.user_code.trim().to_ascii_uppercase(),
        client: view.client.name.to_string(),
        person: visit.principal.name.to_string(),
        words: in_words(&view.scopes),
        peer: view.peer.to_string(),
        agent: view.agent,
    })
}

/// `POST /device/answer`
async fn answer(
    State(web): State<Web>,
    SignedIn(visit): SignedIn,
    uri: Uri,
    Form(form): Form<Answered>,
) -> Result<Response, Problem> {
    let allow = form.answer == Choice::Allow;
    if allow {
        let view = web.identity.device_request(&visit, &form.user_code).await?;
        if let Some(confirm) = view.and_then(|view| confirm_first(&web, &visit, &view.scopes, &uri)) {
            return Ok(confirm.into_response());
        }
    }
    if !web.identity.answer_device(&visit, &form.user_code, allow).await? {
        return unknown(Frame::of(&web, Some(&visit)), form.user_code);
    }
    Ok(Redirect::to(if allow { ALLOWED } else { DENIED }).into_response())
}

fn unknown(frame: Frame, user_code: String) -> Result<Response, Problem> {
    let problem = Problem::unprocessable(
        "No program waits for this code. Compare it with what the program shows, or let the program begin again.",
    );
    let user_code = user_code.chars().take(LONGEST).collect();
    page::show_again(&CodePage { frame, user_code, wrong: Some(problem.detail().to_owned()) }, &problem)
}

fn done(State(web): State<Web>, SignedIn(visit): SignedIn, allowed: bool) -> Result<Response, Problem> {
    page::show(&DonePage { frame: Frame::of(&web, Some(&visit)), allowed })
}

/// Longer than any code with its hyphen.
const LONGEST: usize = 32;
