//! Devices: enrolled by whoever is signed in, or by who has a one-time code; revoked. A device's secret is shown once.

use askama::Template;
use axum::extract::State;
use axum::response::{IntoResponse as _, Redirect, Response};
use serde::Deserialize;

use super::{DatabaseShown, PATH, database, of_account};
use crate::domain::{DeviceId, Name, Network, Principal, Secret};
use crate::identity::Device;
use crate::identity::web::{Origin, Visit};
use crate::web::Web;
use crate::web::access::{Access, SignedIn, Visitor};
use crate::web::form::{Form, Path, Typed};
use crate::web::page::{self, Frame};
use crate::web::problem::{Problem, sentence};
use crate::web::routes::{Route, get, post};
use crate::workstation::Connection;

const ENROL: &str = "/workstations/enrol";
const REVOKE: &str = "/workstations/devices/{id}/revoke";
const BY_CODE: &str = "/device/enrol";

pub(super) fn routes() -> Vec<Route> {
    vec![
        get(ENROL, Access::Confirmed, ask),
        post(ENROL, Access::Confirmed, enrol),
        // Who had to sign in again before it was revoked sees whether it is still there.
        get(REVOKE, Access::SignedIn, async || Redirect::to(PATH)),
        post(REVOKE, Access::SignedIn, revoke),
        get(BY_CODE, Access::Browser, ask_for_code),
        post(BY_CODE, Access::Browser, enrol_by_code),
    ]
}

#[derive(Debug, Default, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    name: String,
    #[serde(default)]
    networks: String,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct WithCode {
    code: Typed,
    name: String,
}

#[derive(Template)]
#[template(path = "workstations/enrol.html", config = ".askama.toml")]
struct EnrolPage {
    frame: Frame,
    asked: Asked,
    wrong: Option<String>,
}

#[derive(Template)]
#[template(path = "workstations/enrol_by_code.html", config = ".askama.toml")]
struct CodePage {
    frame: Frame,
    name: String,
    wrong: Option<String>,
}

#[derive(Template)]
#[template(path = "workstations/enrolled.html", config = ".askama.toml")]
struct EnrolledPage {
    frame: Frame,
    name: String,
    account: String,
    secret: String,
    databases: Vec<DatabaseShown>,
}

/// `GET /workstations/enrol`
async fn ask(State(web): State<Web>, SignedIn(visit): SignedIn) -> Result<Response, Problem> {
    page::show(&EnrolPage { frame: Frame::of(&web, Some(&visit)), asked: Asked::default(), wrong: None })
}

/// `POST /workstations/enrol`
async fn enrol(
    State(web): State<Web>,
    SignedIn(visit): SignedIn,
    Form(asked): Form<Asked>,
) -> Result<Response, Problem> {
    match add(&web, &visit, &asked).await {
        Ok((device, secret)) => {
            let frame = Frame::of(&web, Some(&visit));
            let databases = with_secret(&web, &visit.principal, &device.name, &secret)?;
            let (name, account) = (device.name.to_string(), visit.principal.name.to_string());
            page::show(&EnrolledPage { frame, name, account, secret: secret.expose().to_owned(), databases })
        }
        Err(problem) => {
            let problem = problem.or_again()?;
            let wrong = Some(problem.detail().to_owned());
            page::show_again(&EnrolPage { frame: Frame::of(&web, Some(&visit)), asked, wrong }, &problem)
        }
    }
}

async fn add(web: &Web, visit: &Visit, asked: &Asked) -> Result<(Device, Secret), Problem> {
    let name = named(&asked.name)?;
    let words = asked.networks.split([',', ' ', '\r', '\n']).filter(|word| !word.is_empty());
    let network = |word: &str| {
        let wrong = || Problem::unprocessable(format!("{word:?} is no network, such as 10.1.0.0/16 or 10.1.2.3."));
        word.parse::<Network>().map_err(|_| wrong())
    };
    let networks: Vec<Network> = words.map(network).collect::<Result<_, _>>()?;
    let (account, actor) = (visit.principal.account, visit.actor());
    if of_account(web, account)?.len() >= MOST_DEVICES {
        let detail = format!("You have {MOST_DEVICES} devices already. Revoke one that is used no more.");
        return Err(Problem::unprocessable(detail));
    }
    Ok(web.identity.add_bound_device(&actor, name, account, networks).await?)
}

fn named(text: &str) -> Result<Name, Problem> {
    Name::parse(text.trim()).map_err(|error| Problem::unprocessable(sentence(&error.to_string())))
}

/// The account's databases, with strings for this very device.
fn with_secret(web: &Web, who: &Principal, name: &Name, secret: &Secret) -> Result<Vec<DatabaseShown>, Problem> {
    let connections = web.workstations.connections(who)?.into_iter();
    let filled =
        connections.map(|one| database(&Connection { user: name.to_string(), password: Some(secret.clone()), ..one }));
    filled.collect()
}

/// `POST /workstations/devices/<id>/revoke`
async fn revoke(
    State(web): State<Web>,
    SignedIn(visit): SignedIn,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let id: DeviceId = id.parse().map_err(|_| Problem::not_found())?;
    let device = web.identity.device(&id.to_string())?;
    if device.account != visit.principal.account {
        return Err(Problem::not_found());
    }
    web.identity.revoke_device(&visit.actor(), id).await?;
    Ok(Redirect::to(PATH).into_response())
}

/// `GET /device/enrol`
async fn ask_for_code(State(web): State<Web>, Visitor(visit): Visitor) -> Result<Response, Problem> {
    page::show(&CodePage { frame: Frame::of(&web, visit.as_ref()), name: String::new(), wrong: None })
}

/// `POST /device/enrol`: who has the code is not signed in by it, and so is shown no databases.
async fn enrol_by_code(
    State(web): State<Web>,
    Visitor(visit): Visitor,
    origin: Origin,
    Form(form): Form<WithCode>,
) -> Result<Response, Problem> {
    let frame = Frame::of(&web, visit.as_ref());
    let enrolled = match named(&form.name) {
        Ok(name) => web.identity.enrol_device(&form.code.0, name, &origin).await.map_err(Problem::from),
        Err(problem) => Err(problem),
    };
    match enrolled {
        Ok((device, account, secret)) => page::show(&EnrolledPage {
            frame,
            name: device.name.to_string(),
            account: account.to_string(),
            secret: secret.expose().to_owned(),
            databases: Vec::new(),
        }),
        Err(problem) => {
            let problem = problem.or_again()?;
            let wrong = Some(problem.detail().to_owned());
            page::show_again(&CodePage { frame, name: form.name, wrong }, &problem)
        }
    }
}

/// So many devices one account enrols by itself.
const MOST_DEVICES: usize = 50;
