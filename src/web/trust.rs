//! `/trust/`: the certificate of the appliance's own authority, its fingerprint, and how a workstation comes to trust it.
//!
//! Served over HTTPS alone, as everything in this room. A page cannot vouch for itself, though: whoever installs the
//! certificate compares the fingerprint with one that came by another way.

use std::sync::Arc;

use askama::Template;
use axum::extract::State;
use axum::http::{HeaderName, StatusCode, header};
use axum::response::{IntoResponse as _, Redirect, Response};

use super::problem::Problem;
use super::{Web, page};
use crate::domain::Timestamp;
use crate::tls::Anchor;

/// What the pages tell. Cheap to clone.
#[derive(Clone)]
pub struct Trust {
    /// The own authority's certificate, at the moment.
    pub authority: Arc<dyn Fn() -> Option<Anchor> + Send + Sync>,
    /// Where workstations find this appliance: `sql.corp.example`, or `sql.corp.example:8443`.
    pub host: Arc<str>,
    /// Who signed the certificate that is shown at the moment.
    pub signed_by: Arc<dyn Fn() -> SignedBy + Send + Sync>,
}

/// Who signed the certificate that is shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SignedBy {
    /// The own authority: workstations have to trust it.
    Own,
    /// An authority that browsers know: nothing needs installing.
    Public(String),
    /// Another one, such as the company's.
    Other(String),
}

#[derive(Template)]
#[template(path = "trust.html", config = ".askama.toml")]
struct TrustPage<'a> {
    appliance: &'a str,
    host: &'a str,
    signed_by: SignedBy,
    authority: Option<&'a Anchor>,
}

impl TrustPage<'_> {
    /// The day of a time, as people read it.
    fn day(&self, at: &Timestamp) -> String {
        at.to_string().chars().take(10).collect()
    }
}

/// `GET /trust/`
pub async fn page(State(web): State<Web>) -> Result<Response, Problem> {
    let trust = &web.trust;
    let authority = (trust.authority)();
    page::show(&TrustPage {
        appliance: &web.appliance,
        host: &trust.host,
        signed_by: (trust.signed_by)(),
        authority: authority.as_ref(),
    })
}

/// `GET /trust`
pub async fn without_slash() -> Redirect {
    Redirect::permanent("/trust/")
}

/// `GET /trust/authority.pem`
pub async fn in_pem(State(web): State<Web>) -> Result<Response, Problem> {
    file(&web, "application/pem-certificate-chain", "pem", |anchor| anchor.pem().into_bytes())
}

/// `GET /trust/authority.crt`: DER, by the media type that makes systems offer to install it.
pub async fn in_der(State(web): State<Web>) -> Result<Response, Problem> {
    file(&web, "application/x-x509-ca-cert", "crt", |anchor| anchor.der().to_vec())
}

/// `GET /trust/authority.cer`: the same under the name and media type (RFC 2585) that Windows' tools and Intune ask for.
pub async fn in_cer(State(web): State<Web>) -> Result<Response, Problem> {
    file(&web, "application/pkix-cert", "cer", |anchor| anchor.der().to_vec())
}

fn file(web: &Web, kind: &str, ending: &str, content: fn(&Anchor) -> Vec<u8>) -> Result<Response, Problem> {
    let anchor = (web.trust.authority)().ok_or_else(Problem::not_found)?;
    let name = format!("attachment; filename=\"gatehouse-authority-{}.{ending}\"", anchor.short());
    let facts: [(HeaderName, String); 2] =
        [(header::CONTENT_TYPE, kind.to_owned()), (header::CONTENT_DISPOSITION, name)];
    Ok((StatusCode::OK, facts, content(&anchor)).into_response())
}
