//! The SQL Server: looked at with what a person typed, its exact failure shown; kept once its certificate is believed on a
//! ground that the person chose.

use askama::Template;
use axum::extract::State;
use axum::response::{IntoResponse as _, Redirect, Response};
use serde::Deserialize;

use super::database;
use crate::admin::{AdminError, AdminRequest, AdminResponse, MetView, ServerRequest, ServerView};
use crate::domain::Name;
use crate::identity::web::Visit;
use crate::upstream::{Target, TlsRule};
use crate::web::Web;
use crate::web::access::SignedIn;
use crate::web::form::Form;
use crate::web::page::{self, Frame};
use crate::web::problem::Problem;

pub(super) const PATH: &str = "/setup/server";

#[derive(Template)]
#[template(path = "set_up/server.html", config = ".askama.toml")]
struct ServerPage {
    frame: Frame,
    there: Vec<ServerView>,
    host: String,
    port: String,
    name: String,
    met: Option<MetView>,
    wrong: Option<String>,
    next: &'static str,
}

/// The form: what to look at, and how to believe it once it was seen.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ServerForm {
    host: String,
    port: String,
    #[serde(default)]
    name: String,
    /// The rule, once something was seen: `system`, `pin` or `authority`.
    #[serde(default)]
    believe: Option<String>,
    /// The fingerprint of what was seen: what is believed has to be what the person looked at.
    #[serde(default)]
    seen: Option<String>,
}

/// `GET /setup/server`
pub(super) async fn page(State(web): State<Web>, SignedIn(visit): SignedIn) -> Result<Response, Problem> {
    let form = ServerForm { port: "1433".to_owned(), ..ServerForm::default() };
    page::show(&server_page(&web, &visit, &form, None, None).await?)
}

/// `POST /setup/server`
pub(super) async fn send(
    State(web): State<Web>,
    SignedIn(visit): SignedIn,
    Form(form): Form<ServerForm>,
) -> Result<Response, Problem> {
    let target = match target(&form) {
        Ok(target) => target,
        Err(problem) => return again(&web, &visit, &form, problem).await,
    };
    let met = match look(&web, &visit, target.clone()).await {
        Ok(met) => met,
        Err(error) => {
            let problem = Problem::from(error);
            return if problem.status().is_client_error() {
                again(&web, &visit, &form, problem).await
            } else {
                Err(problem)
            };
        }
    };
    let Some(believe) = &form.believe else {
        return page::show(&server_page(&web, &visit, &form, Some(met), None).await?);
    };
    let leaf = met.certificates.first().map(|leaf| leaf.sha256.clone());
    if leaf != form.seen {
        let changed = Problem::unprocessable("It shows another certificate now. Look at it again.");
        return page::show_again(
            &server_page(&web, &visit, &form, Some(met), Some(changed.detail().to_owned())).await?,
            &changed,
        );
    }
    let rule = match (believe.as_str(), leaf) {
        ("system", _) => TlsRule::SystemRoots,
        ("pin", Some(sha256)) => TlsRule::Certificate { sha256 },
        ("authority", _) => match met.certificates.last().filter(|top| top.authority) {
            Some(top) => TlsRule::Authority { pem: top.pem.clone() },
            None => return Err(Problem::unprocessable("It shows no certificate of an authority.")),
        },
        _ => return Err(Problem::bad_request("Choose how the certificate is to be believed.")),
    };
    let name = if form.name.trim().is_empty() { form.host.trim() } else { form.name.trim() };
    let added = async {
        let name = Name::parse(name).map_err(|error| AdminError::Identity(error.into()))?;
        let request = ServerRequest::Add { name, target: Target { tls: rule, ..target } };
        web.admin.handle(&visit.actor(), AdminRequest::Server(request)).await
    };
    match added.await {
        Ok(_) => Ok(Redirect::to(database::PATH).into_response()),
        Err(error) => again(&web, &visit, &form, Problem::from(error)).await,
    }
}

fn target(form: &ServerForm) -> Result<Target, Problem> {
    let host = form.host.trim();
    if !crate::domain::host::is_host(host) {
        return Err(Problem::unprocessable("The host has to be a DNS name or an address."));
    }
    let port = form.port.trim().parse().ok().filter(|port| *port != 0);
    let port = port.ok_or_else(|| Problem::unprocessable("The port has to be a number from 1 to 65535."))?;
    Ok(Target::new(host, port))
}

async fn look(web: &Web, visit: &Visit, target: Target) -> Result<MetView, AdminError> {
    match web.admin.handle(&visit.actor(), AdminRequest::Server(ServerRequest::Probe(target))).await? {
        AdminResponse::Met(met) => Ok(met),
        _ => Err(AdminError::NotAllowed),
    }
}

async fn again(web: &Web, visit: &Visit, form: &ServerForm, problem: Problem) -> Result<Response, Problem> {
    let wrong = Some(problem.detail().to_owned());
    page::show_again(&server_page(web, visit, form, None, wrong).await?, &problem)
}

async fn server_page(
    web: &Web,
    visit: &Visit,
    form: &ServerForm,
    met: Option<MetView>,
    wrong: Option<String>,
) -> Result<ServerPage, Problem> {
    let there = servers(web, visit).await?;
    let (host, port, name) = (form.host.clone(), form.port.clone(), form.name.clone());
    Ok(ServerPage { frame: Frame::of(web, Some(visit)), there, host, port, name, met, wrong, next: database::PATH })
}

/// The servers that are known already.
pub(super) async fn servers(web: &Web, visit: &Visit) -> Result<Vec<ServerView>, Problem> {
    match web.admin.handle(&visit.actor(), AdminRequest::Server(ServerRequest::List)).await? {
        AdminResponse::Servers(servers) => Ok(servers),
        _ => Ok(Vec::new()),
    }
}
