//! The first database: the alias that workstations use, the SQL login that opens it, and the first account that may.

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use serde::Deserialize;

use super::{server, workstations};
use crate::admin::{
    AccountRequest, AdminError, AdminRequest, AdminResponse, DatabaseRequest, DatabaseView, GrantRequest, GranteeName,
    SentSecret, ServerView,
};
use crate::domain::{AccessLevel, Name, Role};
use crate::identity::IdentityError;
use crate::identity::web::Visit;
use crate::web::Web;
use crate::web::access::SignedIn;
use crate::web::form::{Form, Typed};
use crate::web::page::{self, Frame};
use crate::web::problem::Problem;

pub(super) const PATH: &str = "/setup/database";

#[derive(Template)]
#[template(path = "set_up/database.html", config = ".askama.toml")]
struct DatabasePage {
    frame: Frame,
    servers: Vec<ServerView>,
    form: DatabaseForm,
    wrong: Option<String>,
    before: &'static str,
    next: &'static str,
}

#[derive(Template)]
#[template(path = "set_up/granted.html", config = ".askama.toml")]
struct GrantedPage {
    frame: Frame,
    alias: String,
    account: String,
    check: Option<String>,
    /// The link by which the account's owner chooses a password; shown once.
    link: Option<String>,
    next: &'static str,
}

/// The form.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct DatabaseForm {
    server: String,
    alias: String,
    #[serde(default)]
    name: String,
    login: String,
    #[serde(default)]
    password: Option<Typed>,
    account: String,
    access: String,
}

impl DatabaseForm {
    fn is_access(&self, level: &str) -> bool {
        self.access == level
    }
}

/// `GET /setup/database`
pub(super) async fn page(State(web): State<Web>, SignedIn(visit): SignedIn) -> Result<Response, Problem> {
    let form = DatabaseForm { access: AccessLevel::Write.as_str().to_owned(), ..DatabaseForm::default() };
    page::show(&database_page(&web, &visit, form, None).await?)
}

/// `POST /setup/database`
pub(super) async fn send(
    State(web): State<Web>,
    SignedIn(visit): SignedIn,
    Form(form): Form<DatabaseForm>,
) -> Result<Response, Problem> {
    match add(&web, &visit, &form).await {
        Ok(page) => page::show(&page),
        Err(problem) if problem.status().is_client_error() => {
            let form = DatabaseForm { password: None, ..form };
            page::show_again(&database_page(&web, &visit, form, Some(problem.detail().to_owned())).await?, &problem)
        }
        Err(problem) => Err(problem),
    }
}

/// Makes what is not there yet, in this order: the alias, the account, the grant. What was made before something failed is found
/// by the next try.
async fn add(web: &Web, visit: &Visit, form: &DatabaseForm) -> Result<GrantedPage, Problem> {
    let parse = |text: &str| Name::parse(text.trim()).map_err(|error| Problem::unprocessable(error.to_string()));
    let (alias, account) = (parse(&form.alias)?, parse(&form.account)?);
    let access: AccessLevel =
        form.access.parse().map_err(|_| Problem::bad_request("The access is read, write or owner."))?;
    let password = form.password.clone().map(|typed| typed.0);
    let password = password.ok_or_else(|| Problem::unprocessable("The SQL login has a password."))?;
    let database = database(web, visit, &alias, form).await?;
    let chooses = has_no_password(web, visit, &account).await?;
    let request = GrantRequest::Add {
        grantee: GranteeName::Account(account.to_string()),
        database: database.alias.clone(),
        access,
        login: form.login.trim().to_owned(),
        password: SentSecret(password),
        check: true,
    };
    let check = match ask(web, visit, AdminRequest::Grant(request)).await? {
        AdminResponse::Grant(grant) => grant.check,
        _ => None,
    };
    let link = if chooses { reset_link(web, visit, &account).await? } else { None };
    let frame = Frame::of(web, Some(visit));
    Ok(GrantedPage {
        frame,
        alias: database.alias,
        account: account.to_string(),
        check,
        link,
        next: workstations::PATH,
    })
}

async fn database(web: &Web, visit: &Visit, alias: &Name, form: &DatabaseForm) -> Result<DatabaseView, Problem> {
    let name = Some(form.name.trim()).filter(|name| !name.is_empty()).map_or_else(|| alias.to_string(), str::to_owned);
    if let AdminResponse::Databases(there) = ask(web, visit, AdminRequest::Database(DatabaseRequest::List)).await? {
        let same = |one: &&DatabaseView| one.alias == alias.as_str() && one.server == form.server && one.name == name;
        if let Some(same) = there.iter().find(same) {
            return Ok(same.clone());
        }
    }
    let request = DatabaseRequest::Add { alias: alias.clone(), server: form.server.clone(), name: Some(name) };
    match ask(web, visit, AdminRequest::Database(request)).await? {
        AdminResponse::Database(database) => Ok(database),
        _ => Err(Problem::forbidden()),
    }
}

/// Makes the account where there is none of that name. Whether its owner has yet to choose a password.
async fn has_no_password(web: &Web, visit: &Visit, name: &Name) -> Result<bool, Problem> {
    match web.identity.account(name.as_str()) {
        Ok(account) => return Ok(account.password.is_none()),
        Err(IdentityError::NoSuch { .. }) => {}
        Err(error) => return Err(error.into()),
    }
    let request = AccountRequest::Add {
        name: name.clone(),
        role: Role::Member,
        password: None,
        password_at_gateway: true,
        default_database: None,
        expires: None,
        mail: None,
    };
    ask(web, visit, AdminRequest::Account(request)).await.map(|_| true)
}

async fn reset_link(web: &Web, visit: &Visit, account: &Name) -> Result<Option<String>, Problem> {
    let request = AdminRequest::Account(AccountRequest::ResetLink(account.to_string()));
    Ok(match ask(web, visit, request).await? {
        AdminResponse::ResetLink(link) => Some(format!("https://{}/reset/{}", web.trust.host, link.secret.0.expose())),
        _ => None,
    })
}

async fn ask(web: &Web, visit: &Visit, request: AdminRequest) -> Result<AdminResponse, Problem> {
    match web.admin.handle(&visit.actor(), request).await {
        // Here it is a field of the form that names nothing, and no address of this appliance.
        Err(AdminError::Identity(error @ IdentityError::NoSuch { .. })) => {
            Err(Problem::unprocessable(error.to_string()))
        }
        other => Ok(other?),
    }
}

async fn database_page(
    web: &Web,
    visit: &Visit,
    form: DatabaseForm,
    wrong: Option<String>,
) -> Result<DatabasePage, Problem> {
    let servers = server::servers(web, visit).await?;
    let frame = Frame::of(web, Some(visit));
    Ok(DatabasePage { frame, servers, form, wrong, before: server::PATH, next: workstations::PATH })
}
