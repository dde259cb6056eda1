//! A person's own account: what it is, what it signs in with, and what is signed in with it. Everything here is the own
//! account's: the services take the visit, and nothing else says whose.

mod end;
mod factors;
mod lists;
mod passkey;
mod program;

use std::net::IpAddr;

use askama::Template;
use axum::extract::State;
use axum::response::Response;

use super::Web;
use super::access::{Access, SignedIn};
use super::caller::Host;
use super::page::{self, Frame, minute};
use super::problem::Problem;
use super::routes::{Route, get, post};
use crate::domain::{MailAddress, Timestamp};
use crate::identity::web::Visit;
use lists::{Line, Session};

/// Where it is.
const ACCOUNT: &str = "/account";

/// The routes of one's own account.
pub fn routes() -> Vec<Route> {
    vec![
        get(ACCOUNT, Access::SignedIn, page),
        get(end::PATH, Access::Confirmed, end::page),
        post(end::PATH, Access::Confirmed, end::submit),
        get(factors::APP, Access::Confirmed, factors::app),
        post(factors::APP, Access::Confirmed, factors::add_app),
        get(passkey::PATH, Access::Confirmed, passkey::page),
        post(passkey::PATH, Access::Confirmed, passkey::add),
        get(factors::CODES, Access::Confirmed, factors::codes),
        post(factors::CODES, Access::Confirmed, factors::renew_codes),
    ]
}

#[derive(Template)]
#[template(path = "account.html", config = ".askama.toml")]
struct AccountPage {
    frame: Frame,
    name: String,
    role: &'static str,
    groups: Vec<String>,
    expires: Option<String>,
    /// Shown and not changed here: administrators do that.
    mail: Option<MailAddress>,
    before: Option<SignInBefore>,
    factors: Vec<Line>,
    factor_required: bool,
    passkeys: bool,
    codes_left: usize,
    sessions: Vec<Session>,
    devices: Vec<Line>,
    passes: Vec<Line>,
    tokens: Vec<Line>,
    programs: Vec<Line>,
}

/// `GET /account`
async fn page(State(web): State<Web>, SignedIn(visit): SignedIn, Host(host): Host) -> Result<Response, Problem> {
    let identity = &web.identity;
    let id = visit.principal.account;
    let account = identity.account_by_id(id)?.ok_or_else(Problem::not_found)?;
    page::show(&AccountPage {
        frame: Frame::of(&web, Some(&visit)),
        name: account.name.to_string(),
        role: account.role.as_str(),
        groups: lists::groups(identity, &visit)?,
        expires: account.expires.map(minute),
        mail: account.mail.clone(),
        before: SignInBefore::of(&visit),
        factors: lists::factors(identity, id)?,
        factor_required: identity.second_factor_required(&account)?,
        passkeys: web.identity.relying_party(&host).is_some(),
        codes_left: identity.recovery_codes_left(id)?,
        sessions: lists::sessions(identity, &visit)?,
        devices: lists::devices(identity, id)?,
        passes: lists::passes(identity, id)?,
        tokens: lists::tokens(identity, id)?,
        programs: lists::programs(identity, id)?,
    })
}

/// The sign-in before the present one, as pages show it (`parts/last_sign_in.html`): the person knows whether it was their own.
#[derive(Debug, Clone)]
pub struct SignInBefore {
    /// When.
    pub at: Timestamp,
    /// From which address.
    pub peer: IpAddr,
    /// With which program.
    pub program: String,
}

impl SignInBefore {
    /// Of whoever visits; none where there was no other.
    pub fn of(visit: &Visit) -> Option<Self> {
        let before = visit.session.previous.as_ref()?;
        Some(Self { at: before.at, peer: before.peer, program: program::name(&before.agent) })
    }

    /// When, as people read it.
    pub fn when(&self) -> String {
        minute(self.at)
    }
}
