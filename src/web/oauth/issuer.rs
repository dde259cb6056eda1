//! The issuer: the URL under which a client found the authorisation server (RFC 8414 2). A client compares it with what it
//! asked, so it has to have the host and port that were called; but only where that host is the appliance's own.

use std::net::IpAddr;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, Uri, header};

use crate::web::Web;
use crate::web::redirect::split;

/// The issuer, as a URL without a slash at its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Issuer(String);

impl Issuer {
    /// As it stands in documents.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The URL of a path here.
    pub fn at(&self, path: &str) -> String {
        format!("{}{path}", self.0)
    }

    fn of(web: &Web, uri: &Uri, headers: &HeaderMap) -> Self {
        let called = match uri.authority() {
            Some(authority) => Some(authority.as_str()),
            None => headers.get(header::HOST).and_then(|value| value.to_str().ok()),
        };
        let place = web.workstations.place();
        let own = || web.names.iter().map(String::as_str).chain([place.host.as_str()]);
        let known = called.and_then(split).filter(|(host, _)| own().any(|name| is_same(name, host)));
        let Some((host, port)) = known else { return Self(format!("https://{}", web.trust.host)) };
        let host = if host.contains(':') { format!("[{host}]") } else { host.to_ascii_lowercase() };
        match port {
            Some(port) if port != HTTPS => Self(format!("https://{host}:{port}")),
            _ => Self(format!("https://{host}")),
        }
    }
}

impl FromRequestParts<Web> for Issuer {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, web: &Web) -> Result<Self, Self::Rejection> {
        Ok(Self::of(web, &parts.uri, &parts.headers))
    }
}

/// Whether both name one host: a name in any case, an address however it is written.
fn is_same(name: &str, other: &str) -> bool {
    let address = |text: &str| text.parse::<IpAddr>().ok();
    match (address(name), address(other)) {
        (Some(name), Some(other)) => name == other,
        _ => name.eq_ignore_ascii_case(other),
    }
}

const HTTPS: u16 = 443;
