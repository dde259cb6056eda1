//! The end of set-up: the one URL that workstations are given.

use askama::Template;
use axum::extract::State;
use axum::response::Response;

use crate::domain::Secret;
use crate::web::access::SignedIn;
use crate::web::page::{self, Frame};
use crate::web::problem::Problem;
use crate::web::trust::SignedBy;
use crate::web::{Web, qr};

pub(super) const PATH: &str = "/setup/workstations";

#[derive(Template)]
#[template(path = "set_up/workstations.html", config = ".askama.toml")]
struct WorkstationsPage {
    frame: Frame,
    url: String,
    picture: String,
    own_authority: bool,
}

/// `GET /setup/workstations`
pub(super) async fn page(State(web): State<Web>, SignedIn(visit): SignedIn) -> Result<Response, Problem> {
    let url = format!("https://{}/", web.trust.host);
    let picture = qr::picture(&Secret::new(url.clone()))?;
    let own_authority = (web.trust.signed_by)() == SignedBy::Own;
    page::show(&WorkstationsPage { frame: Frame::of(&web, Some(&visit)), url, picture, own_authority })
}
