//! The end of set-up: the one URL that workstations are given.

use askama::Template;
use axum::extract::State;
use axum::http::Uri;
use axum::response::Response;

use crate::domain::Secret;
use crate::web::access::SignedIn;
use crate::web::page::{self, Frame};
use crate::web::problem::Problem;
use crate::web::trust::SignedBy;
use crate::web::{Web, qr};
use crate::workstation::dns::{Advert, domain_of};

pub(super) const PATH: &str = "/setup/workstations";

#[derive(Template)]
#[template(path = "set_up/workstations.html", config = ".askama.toml")]
struct WorkstationsPage {
    frame: Frame,
    url: String,
    picture: String,
    own_authority: bool,
    /// What to add to the domain, so that workstations find the appliance by themselves; empty where no name of it is in one.
    records: Vec<String>,
}

/// `GET /setup/workstations`
pub(super) async fn page(State(web): State<Web>, SignedIn(visit): SignedIn) -> Result<Response, Problem> {
    let url = format!("https://{}/", web.trust.host);
    let picture = qr::picture(&Secret::new(url.clone()))?;
    let own_authority = (web.trust.signed_by)() == SignedBy::Own;
    let records = records(&web, &url, own_authority);
    page::show(&WorkstationsPage { frame: Frame::of(&web, Some(&visit)), url, picture, own_authority, records })
}

fn records(web: &Web, url: &str, own_authority: bool) -> Vec<String> {
    let named = web.names.iter().find_map(|name| domain_of(name).map(|domain| (name, domain)));
    let Some((name, domain)) = named else { return Vec::new() };
    let port = url.parse::<Uri>().ok().and_then(|url| url.port_u16()).unwrap_or(443);
    let authority = (web.trust.authority)().filter(|_| own_authority);
    let authority_sha256 = authority.map(|anchor| anchor.sha256().to_owned());
    let records = Advert { host: name.clone(), port, authority_sha256 }.records(domain);
    records.map_or_else(|_| Vec::new(), |records| records.iter().map(ToString::to_string).collect())
}
