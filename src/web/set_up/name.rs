//! The appliance's name, the names by which it is reached, and where its certificate comes from. They are settings: what the
//! settings file, the environment or a flag fixes is shown, and where. A choice takes a new start of the appliance.

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use serde::Deserialize;

use super::server;
use crate::admin::{AdminError, AdminRequest, AdminResponse, SettingRequest, SettingView};
use crate::config::Choice;
use crate::domain::Side;
use crate::identity::web::Visit;
use crate::tls::Anchor;
use crate::web::Web;
use crate::web::access::SignedIn;
use crate::web::form::Form;
use crate::web::page::{self, Frame};
use crate::web::problem::Problem;
use crate::web::trust::SignedBy;

pub(super) const PATH: &str = "/setup/name";

#[derive(Template)]
#[template(path = "set_up/name.html", config = ".askama.toml")]
struct NamePage {
    frame: Frame,
    form: NameForm,
    /// What something else fixes: the setting, and where.
    fixed: Vec<SettingView>,
    /// Whether anything can be chosen at all.
    given: bool,
    signed_by: SignedBy,
    authority: Option<Anchor>,
    wrong: Option<String>,
    next: &'static str,
}

#[derive(Template)]
#[template(path = "set_up/starting.html", config = ".askama.toml")]
struct StartingPage {
    frame: Frame,
    next: &'static str,
}

/// The form. A field that is fixed is not sent.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NameForm {
    name: Option<String>,
    /// Names and addresses, between spaces or on lines of their own.
    names: Option<String>,
    /// `own` or `acme`.
    certificate: Option<String>,
    contact: Option<String>,
    /// Whether the own authority may be made anew for the names.
    new_authority: Option<String>,
}

impl NamePage {
    fn is_open(&self, setting: &str) -> bool {
        !self.given && self.fixed.iter().all(|view| view.name != setting)
    }

    fn is_acme(&self) -> bool {
        self.form.certificate.as_deref() == Some("acme")
    }
}

/// `GET /setup/name`
pub(super) async fn page(State(web): State<Web>, SignedIn(visit): SignedIn) -> Result<Response, Problem> {
    page::show(&name_page(&web, &visit, None, None).await?)
}

/// `POST /setup/name`
pub(super) async fn send(
    State(web): State<Web>,
    SignedIn(visit): SignedIn,
    Form(form): Form<NameForm>,
) -> Result<Response, Problem> {
    let mut choices = Vec::new();
    let mut choose = |name: &str, choice| choices.push((name.to_owned(), choice));
    if let Some(name) = &form.name {
        choose("appliance.name", Choice::Text(name.trim().to_owned()));
    }
    if let Some(names) = &form.names {
        choose("appliance.names", Choice::List(words(names)));
    }
    if let Some(certificate) = &form.certificate {
        choose("acme.enabled", Choice::Flag(certificate == "acme"));
    }
    if let Some(contact) = &form.contact {
        choose("acme.contact", Choice::List(words(contact)));
    }
    let request = SettingRequest::Choose { choices, new_authority: form.new_authority.is_some() };
    match web.admin.handle(&visit.actor(), AdminRequest::Setting(request)).await {
        Ok(_) => page::show(&StartingPage { frame: Frame::of(&web, Some(&visit)), next: server::PATH }),
        Err(error) if error.side() == Side::Operator => {
            let problem = Problem::from(error);
            let wrong = Some(problem.detail().to_owned());
            page::show_again(&name_page(&web, &visit, Some(form), wrong).await?, &problem)
        }
        Err(error) => Err(error.into()),
    }
}

fn words(text: &str) -> Vec<String> {
    text.split([' ', ',', '\r', '\n', '\t']).filter(|word| !word.is_empty()).map(str::to_owned).collect()
}

async fn name_page(
    web: &Web,
    visit: &Visit,
    form: Option<NameForm>,
    wrong: Option<String>,
) -> Result<NamePage, Problem> {
    let settings = match web.admin.handle(&visit.actor(), AdminRequest::Setting(SettingRequest::List)).await {
        Ok(AdminResponse::Settings(settings)) => Some(settings),
        Ok(_) | Err(AdminError::SettingsAreGiven) => None,
        Err(error) => return Err(error.into()),
    };
    let alone = web.identity.accounts()?.len() < 2;
    let given = settings.is_none();
    let settings = settings.unwrap_or_default();
    let value = |name: &str| settings.iter().find(|view| view.name == name).map_or("", |view| view.value.as_str());
    let list = |name: &str| serde_json::from_str::<Vec<String>>(value(name)).unwrap_or_default().join("\n");
    let form = form.unwrap_or_else(|| NameForm {
        name: Some(serde_json::from_str(value("appliance.name")).unwrap_or_else(|_| web.appliance.to_string())),
        names: Some(list("appliance.names")),
        certificate: Some(if value("acme.enabled") == "true" { "acme" } else { "own" }.to_owned()),
        contact: Some(list("acme.contact")),
        // While there is nobody but the administrator, nobody trusts the present one yet.
        new_authority: alone.then(|| "yes".to_owned()),
    });
    let fixed = settings.into_iter().filter(|view| view.fixed).collect();
    let (signed_by, authority) = ((web.trust.signed_by)(), (web.trust.authority)());
    let frame = Frame::of(web, Some(visit));
    Ok(NamePage { frame, form, fixed, given, signed_by, authority, wrong, next: server::PATH })
}
