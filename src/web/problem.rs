//! Errors as documents: RFC 9457 problem details, with the request's id. Every HTTP status code of an error is in this file.
//!
//! A handler returns a [`Problem`]; [`finish`] writes it, once the request's id is known: as a page for whoever asked for
//! HTML, as `application/problem+json` for everybody else. What went wrong on the appliance's own side is logged under the
//! id and told to nobody.

use std::borrow::Cow;
use std::time::Duration;

use askama::Template;
use axum::Json;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{Html, IntoResponse, Response};
use serde::Serialize;

use super::headers::RequestId;
use super::{Web, caller, routes};
use crate::admin::AdminError;
use crate::audit::Actor;
use crate::domain::Side;
use crate::identity::oauth::OAuthError;
use crate::identity::{EnrolmentError, FactorError, IdentityError, PasswordChangeError, SetUpError, SignInError};
use crate::workstation::WorkstationError;

/// An error, as whoever asked is told of it.
#[derive(Debug, Clone)]
pub struct Problem {
    status: StatusCode,
    title: &'static str,
    detail: Cow<'static, str>,
    retry_after: Option<Duration>,
    /// The scheme of the sign-in that is missing, for programs (RFC 6750 3).
    challenge: Option<&'static str>,
    /// The code of RFC 6749 5.2, for the programs that OAuth is for.
    oauth: Option<&'static str>,
    /// Whether whoever refused it has written it down.
    is_recorded: bool,
}

/// The document of RFC 6749 5.2.
#[derive(Serialize)]
struct OAuthDocument<'a> {
    error: &'static str,
    error_description: String,
    request_id: &'a str,
}

/// The document of RFC 9457.
#[derive(Serialize)]
struct Document<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    title: &'static str,
    status: u16,
    detail: &'a str,
    request_id: &'a str,
}

#[derive(Template)]
#[template(path = "problem.html", config = ".askama.toml")]
struct ProblemPage<'a> {
    appliance: &'a str,
    title: &'static str,
    detail: &'a str,
    request_id: &'a str,
}

impl Problem {
    fn new(status: StatusCode, title: &'static str, detail: impl Into<Cow<'static, str>>) -> Self {
        Self {
            status,
            title,
            detail: detail.into(),
            retry_after: None,
            challenge: None,
            oauth: None,
            is_recorded: false,
        }
    }

    /// Its status.
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// The action by which the audit has it, where nothing else has written it down: what was sent cannot even be read or came
    /// from another site, which no page of this appliance sends; or whoever sent it may not.
    fn action(&self) -> Option<&'static str> {
        // What OAuth refuses reads well, and is recorded where it is refused.
        if self.is_recorded || self.oauth.is_some_and(|code| code != "invalid_request") {
            return None;
        }
        let unreadable = [
            StatusCode::BAD_REQUEST,
            StatusCode::REQUEST_TIMEOUT,
            StatusCode::PAYLOAD_TOO_LARGE,
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
        ];
        match self.title {
            NOT_ALLOWED => Some("web.forbidden"),
            FOREIGN => Some("web.malformed"),
            _ => unreadable.contains(&self.status).then_some("web.malformed"),
        }
    }

    /// Itself, if the person can try again with the form that was sent; a failure of the appliance otherwise.
    pub fn or_again(self) -> Result<Self, Self> {
        if self.status == StatusCode::INTERNAL_SERVER_ERROR { Err(self) } else { Ok(self) }
    }

    /// Its `Retry-After`, in whole seconds.
    pub fn retry_after(&self) -> Option<HeaderValue> {
        let seconds = |after: Duration| after.as_secs() + u64::from(after.subsec_nanos() > 0);
        self.retry_after.map(|after| HeaderValue::from(seconds(after)))
    }

    /// What it says.
    pub fn detail(&self) -> &str {
        &self.detail
    }

    /// A failure of the appliance itself. What it was is logged here, in the request's span.
    pub fn internal(error: &dyn std::error::Error) -> Self {
        tracing::error!(error = %chain(error), "a request could not be answered");
        Self::failed()
    }

    fn failed() -> Self {
        let detail =
            "The appliance failed to answer. Its administrator finds the cause in the log under this request id.";
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "Internal error", detail)
    }

    /// What was sent is not what is taken here: what about it.
    pub fn bad_request(detail: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "Bad request", detail)
    }

    /// The form or document reads, and what it says cannot be done: why.
    pub fn unprocessable(detail: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, "Not possible", detail)
    }

    /// Something else was sent than the one media type that is taken.
    pub fn media_type(expected: &str) -> Self {
        let detail = format!("This address takes {expected} and nothing else.");
        Self::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "Unsupported media type", detail)
    }

    /// The body is longer than anything that is taken here.
    pub fn too_large() -> Self {
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, "Too large", "The request is longer than anything that is taken here.")
    }

    /// The body did not come in time.
    pub fn too_slow() -> Self {
        Self::new(StatusCode::REQUEST_TIMEOUT, "Too slow", "The request did not arrive in time.")
    }

    /// A browser sent this from another site's page, or does not say from where.
    pub fn foreign() -> Self {
        let detail = "This did not come from a page of this appliance. Open the page here and send it again.";
        Self::new(StatusCode::FORBIDDEN, FOREIGN, detail)
    }

    /// Whoever is signed in may not do this.
    pub fn forbidden() -> Self {
        Self::new(StatusCode::FORBIDDEN, NOT_ALLOWED, "Your account may not do this. Ask an administrator.")
    }

    /// No bearer's token came with the request.
    pub fn token_missing() -> Self {
        let detail = "Send an access token, an API token or a device secret: Authorization: Bearer …";
        Self { challenge: Some("Bearer"), ..Self::new(StatusCode::UNAUTHORIZED, "Sign in", detail) }
    }

    /// The sign-in that came with the request does not count, or not any more.
    pub fn token_invalid() -> Self {
        let challenge = Some("Bearer error=\"invalid_token\"");
        let detail = "The token counts no more, or never did. Get another one.";
        Self { challenge, ..Self::new(StatusCode::UNAUTHORIZED, "Sign in again", detail) }
    }

    /// The appliance has no administrator yet.
    pub fn in_set_up() -> Self {
        let detail = "This appliance is not set up yet. Its administrator finishes that in a browser, at /setup.";
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "Not set up yet", detail)
    }

    /// Somebody else has set the appliance up already.
    pub fn is_set_up() -> Self {
        let detail =
            "This appliance has been set up already, by somebody who was faster or a while ago. Sign in instead.";
        Self::new(StatusCode::CONFLICT, "Set-up is complete", detail)
    }

    /// Nothing lives at that path, or nothing that this caller may know of.
    pub fn not_found() -> Self {
        Self::new(StatusCode::NOT_FOUND, "Not found", "Nothing lives at this address.")
    }

    /// The page was reached by an address, or by a name that is not the appliance's.
    pub fn no_passkeys_here() -> Self {
        Self::unprocessable("Passkeys belong to a name: open this page by the appliance's name, and not by an address.")
    }

    /// A one-time link that counts no more, or never did.
    fn no_link() -> Self {
        let detail = "This link counts no more: it was used, replaced, or is past its time. Ask for another one.";
        Self::new(StatusCode::NOT_FOUND, "Link not valid", detail)
    }

    /// Links by mail were asked for too often, under a name or from an address.
    pub fn asked_too_often(retry_after: Duration) -> Self {
        let seconds = retry_after.as_secs() + u64::from(retry_after.subsec_nanos() > 0);
        Self::throttled(format!("This was asked for too often. Try again in {seconds} seconds."), retry_after)
    }

    /// The appliance stops, and answers nobody who would wait.
    pub fn stopping() -> Self {
        let detail = "This appliance is being stopped. Try again in a moment.";
        let problem = Self::new(StatusCode::SERVICE_UNAVAILABLE, "Stopping", detail);
        Self { retry_after: Some(Duration::from_secs(5)), ..problem }
    }

    fn throttled(detail: String, retry_after: Duration) -> Self {
        let problem = Self::new(StatusCode::TOO_MANY_REQUESTS, "Too many tries", detail);
        Self { retry_after: Some(retry_after), ..problem }
    }

    fn busy(detail: impl Into<Cow<'static, str>>) -> Self {
        let problem = Self::new(StatusCode::SERVICE_UNAVAILABLE, "Busy", detail);
        Self { retry_after: Some(Duration::from_secs(1)), ..problem }
    }

    /// A client's own sign-in came with a request to OAuth: clients have none here (RFC 6749 5.2).
    pub fn client_sign_in() -> Self {
        let detail = "Clients have no secret here. Send the client_id in the form, and no Authorization.";
        let problem = Self::new(StatusCode::UNAUTHORIZED, "No sign-in of clients", detail);
        Self { challenge: Some("Basic realm=\"gatehouse\""), oauth: Some("invalid_client"), ..problem }
    }

    /// What was sent to an endpoint of OAuth does not read: programs there look for a code.
    pub fn for_oauth(self) -> Self {
        Self { oauth: Some("invalid_request"), ..self }
    }

    /// The same, which stands in the audit already.
    pub fn recorded(self) -> Self {
        Self { is_recorded: true, ..self }
    }

    /// By whose side an error is on: told to its own, hidden where it is the appliance's.
    fn by_side(error: &dyn std::error::Error, side: Side) -> Self {
        if side == Side::Appliance { Self::internal(error) } else { Self::unprocessable(sentence(&error.to_string())) }
    }
}

impl From<SignInError> for Problem {
    fn from(error: SignInError) -> Self {
        match &error {
            SignInError::Throttled { retry_after } => Self::throttled(error.text(), *retry_after),
            SignInError::Busy => Self::busy(error.text()),
            SignInError::Unavailable(_) => Self::internal(&error),
            SignInError::Scope => {
                let problem = Self::new(StatusCode::FORBIDDEN, "Not in the token's scope", error.text());
                Self { challenge: Some("Bearer error=\"insufficient_scope\""), ..problem }
            }
            SignInError::Address => Self::new(StatusCode::FORBIDDEN, "Not from here", error.text()),
            _ => Self::unprocessable(error.text()),
        }
    }
}

impl From<OAuthError> for Problem {
    fn from(error: OAuthError) -> Self {
        let text = sentence(&error.to_string());
        let problem = match &error {
            OAuthError::Server(source) => Self::internal(source),
            OAuthError::Throttled { retry_after } => Self::throttled(text, *retry_after),
            OAuthError::TemporarilyUnavailable => Self::busy(text),
            _ => Self::new(StatusCode::BAD_REQUEST, "Not given", text),
        };
        Self { oauth: Some(error.code()), ..problem }
    }
}

impl From<IdentityError> for Problem {
    fn from(error: IdentityError) -> Self {
        match &error {
            IdentityError::NoSuch { .. } => Self::not_found(),
            IdentityError::NoLink => Self::no_link(),
            IdentityError::Hash(_) => Self::busy("Too much is being done at once. Try again in a moment."),
            other => Self::by_side(other, other.side()),
        }
    }
}

impl From<PasswordChangeError> for Problem {
    fn from(error: PasswordChangeError) -> Self {
        match error {
            PasswordChangeError::Old(error) => error.into(),
            PasswordChangeError::New(error) => error.into(),
        }
    }
}

impl From<FactorError> for Problem {
    fn from(error: FactorError) -> Self {
        match error {
            FactorError::Proof(error) => error.into(),
            FactorError::Identity(error) => error.into(),
        }
    }
}

impl From<EnrolmentError> for Problem {
    fn from(error: EnrolmentError) -> Self {
        match error {
            EnrolmentError::Code(error) => error.into(),
            EnrolmentError::Device(error) => error.into(),
        }
    }
}

impl From<SetUpError> for Problem {
    fn from(error: SetUpError) -> Self {
        match error {
            SetUpError::SignIn(error) => error.into(),
            SetUpError::Identity(error) => error.into(),
            SetUpError::Closed => Self::is_set_up(),
            other => Self::by_side(&other, other.side()),
        }
    }
}

impl From<WorkstationError> for Problem {
    fn from(error: WorkstationError) -> Self {
        match error {
            WorkstationError::SignedOut => Self::token_invalid(),
            WorkstationError::OtherDevice => Self::forbidden(),
            WorkstationError::Identity(error) if error.side() != Side::Appliance => Self::forbidden(),
            other => Self::internal(&other),
        }
    }
}

impl From<AdminError> for Problem {
    fn from(error: AdminError) -> Self {
        match error {
            AdminError::NotAllowed => Self::forbidden().recorded(),
            AdminError::Identity(error) => error.into(),
            other if other.side() == Side::Appliance => Self::internal(&other),
            // Administrators are told what a server said.
            other => Self::unprocessable(sentence(&chain(&other))),
        }
    }
}

impl From<askama::Error> for Problem {
    fn from(error: askama::Error) -> Self {
        Self::internal(&error)
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = self.status.into_response();
        response.extensions_mut().insert(self);
        response
    }
}

/// Writes the problem that a handler returned, in the form that was asked for. Refusals of what was sent are recorded.
pub async fn finish(State(web): State<Web>, request: RequestId, asked: Request, next: Next) -> Response {
    let origin = caller::origin(&web, asked.extensions(), asked.headers());
    let path = routes::matched(&asked).unwrap_or("").to_owned();
    let page = wants_page(asked.headers()) && !routes::is_for_programs(&path);
    let mut response = next.run(asked).await;
    let Some(problem) = response.extensions_mut().remove::<Problem>() else { return response };
    let actor = response.extensions_mut().remove::<Actor>().unwrap_or(Actor::Anonymous { claimed: None });
    if let Some(action) = problem.action() {
        // What cannot be recorded is refused all the same.
        let recorded = web.identity.record_turned_away(action, actor, (&path, problem.title), &origin);
        if let Err(error) = recorded.await {
            tracing::warn!(%error, "a refused request could not be recorded");
        }
    }
    let mut written = problem.write(&web.appliance, &request, page);
    // What the handler set besides, such as a cookie that is taken back, stays.
    for (name, value) in response.headers() {
        if name != header::CONTENT_LENGTH {
            written.headers_mut().append(name, value.clone());
        }
    }
    written
}

/// Whether this is a browser that shows what it gets: it says that it opens a document (Fetch Metadata), or, an older one, names
/// XHTML beside HTML; or somebody asks for HTML and nothing else. Libraries that take a page among much else, as Java's do, are
/// programs.
pub fn wants_page(headers: &HeaderMap) -> bool {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    if let Some(destination) = text("sec-fetch-dest") {
        return destination == "document";
    }
    let accept = text("accept").unwrap_or_default().trim();
    accept == "text/html" || (accept.starts_with("text/html") && accept.contains("application/xhtml+xml"))
}

impl Problem {
    fn write(&self, appliance: &str, request: &RequestId, page: bool) -> Response {
        let request_id = request.to_string();
        let (title, detail) = (self.title, self.detail.as_ref());
        let html = page.then(|| ProblemPage { appliance, title, detail, request_id: &request_id }.render());
        let mut response = match (html, self.oauth) {
            (Some(Ok(html)), _) => (self.status, Html(html)).into_response(),
            (_, Some(error)) => {
                // RFC 6749 lets a description have these characters alone.
                let plain = |c: &char| matches!(c, ' '..='~') && !matches!(c, '"' | '\\');
                let error_description = detail.chars().filter(plain).collect();
                let document = OAuthDocument { error, error_description, request_id: &request_id };
                (self.status, Json(document)).into_response()
            }
            _ => {
                let status = self.status.as_u16();
                let document = Document { kind: "about:blank", title, status, detail, request_id: &request_id };
                let mut response = (self.status, Json(document)).into_response();
                let kind = HeaderValue::from_static("application/problem+json");
                response.headers_mut().insert(header::CONTENT_TYPE, kind);
                response
            }
        };
        if let Some(seconds) = self.retry_after() {
            response.headers_mut().insert(header::RETRY_AFTER, seconds);
        }
        // A browser would ask for a name and a password of its own accord.
        // A browser would ask its person for a password that nobody has.
        if let Some(challenge) = self.challenge.filter(|challenge| !page || !challenge.starts_with("Basic")) {
            response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static(challenge));
        }
        response
    }
}

const NOT_ALLOWED: &str = "Not allowed";
const FOREIGN: &str = "From another site";

/// Nothing lives at that path.
pub async fn not_found() -> Problem {
    Problem::not_found()
}

/// The path exists, for other methods.
pub async fn method_not_allowed() -> Problem {
    let detail = "This address does not take that method.";
    Problem::new(StatusCode::METHOD_NOT_ALLOWED, "Method not allowed", detail)
}

/// An error with its causes, in one line.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(next) = cause {
        let said = next.to_string();
        if !text.contains(&said) {
            text = format!("{text}: {said}");
        }
        cause = next.source();
    }
    text
}

/// An error's text as a sentence for a page.
pub(super) fn sentence(text: &str) -> String {
    let mut letters = text.chars();
    let first: String = letters.next().into_iter().flat_map(char::to_uppercase).collect();
    let end = if text.ends_with(['.', '!', '?']) { "" } else { "." };
    format!("{first}{}{end}", letters.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn browsers_want_pages_and_programs_do_not_whatever_their_libraries_say() {
        let wants = |fields: &[(&'static str, &'static str)]| {
            let fields = fields.iter().map(|(name, value)| (name.parse().unwrap(), HeaderValue::from_static(value)));
            wants_page(&fields.collect::<HeaderMap>())
        };
        let chromium =
            "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,image/apng,*/*;q=0.8";
        let safari = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";
        assert!(wants(&[("accept", chromium), ("sec-fetch-dest", "document"), ("sec-fetch-mode", "navigate")]));
        assert!(wants(&[("accept", safari)]), "before it knew Fetch Metadata");
        assert!(wants(&[("accept", "text/html")]));
        assert!(!wants(&[("accept", "*/*"), ("sec-fetch-dest", "empty")]), "a script of a page");
        assert!(!wants(&[("accept", chromium), ("sec-fetch-dest", "iframe")]));
        let java = "text/html, image/gif, image/jpeg, *; q=.2, */*; q=.2";
        for program in [java, "*/*", "application/json", "application/json, text/html", "text/*"] {
            assert!(!wants(&[("accept", program)]), "{program}");
        }
        assert!(!wants(&[]), "curl without anything, and .NET");
    }
}
