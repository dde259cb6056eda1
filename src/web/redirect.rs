//! What plain HTTP is answered: the way to HTTPS, and on port 80 the key authorisations that an ACME server asks for. Nothing
//! else is served in clear, `/trust/` least of all: who could change an answer on its way could hand out another authority.

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::net::Ipv6Addr;

use axum::body::Body;
use axum::http::header::{CACHE_CONTROL, CONNECTION, CONTENT_TYPE, HOST, LOCATION};
use axum::http::{Method, Request, Response, StatusCode, Uri};

use crate::domain::host::is_host;
use crate::tls::Challenges;

/// Where ACME servers look (RFC 8555 8.3).
const CHALLENGES: &str = "/.well-known/acme-challenge/";
/// The port that an https address need not name.
const HTTPS: u16 = 443;

/// What one plain HTTP door answers.
#[derive(Debug, Clone)]
pub struct Redirect {
    /// The appliance's first name, for callers that name none that is valid.
    pub name: String,
    /// Where HTTPS is.
    pub target: HttpsPort,
    /// Answers for ACME, on doors that give them.
    pub challenges: Option<Challenges>,
}

/// Which port HTTPS answers on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HttpsPort {
    /// The one that was called, whatever the caller calls it: there may be a translation of ports on the way. The number is
    /// for callers that do not say.
    Same(u16),
    /// Another one.
    Other(u16),
}

impl Redirect {
    /// The answer to a request.
    pub fn answer<B>(&self, request: &Request<B>) -> Response<Body> {
        if let (Some(challenges), Some(token)) = (&self.challenges, request.uri().path().strip_prefix(CHALLENGES)) {
            let authorization = (request.method() == Method::GET).then(|| challenges.http_answer(token)).flatten();
            return authorization.map_or_else(
                || plain(StatusCode::NOT_FOUND, "Not found.\n".to_owned()),
                |text| plain(StatusCode::OK, text),
            );
        }
        let Some(location) = self.location(request).parse().ok() else {
            return plain(StatusCode::BAD_REQUEST, "Bad request.\n".to_owned());
        };
        let mut response = plain(StatusCode::PERMANENT_REDIRECT, String::new());
        response.headers_mut().insert(LOCATION, location);
        response
    }

    fn location<B>(&self, request: &Request<B>) -> String {
        let uri = request.uri();
        let header = || request.headers().get(HOST).and_then(|value| value.to_str().ok());
        let (host, called) = uri
            .authority()
            .map(|authority| authority.as_str())
            .or_else(header)
            .and_then(split)
            .unwrap_or((&self.name, None));
        let port = match self.target {
            HttpsPort::Same(own) => called.unwrap_or(own),
            HttpsPort::Other(port) => port,
        };
        let host = if host.parse::<Ipv6Addr>().is_ok() { format!("[{host}]") } else { host.to_owned() };
        let port = if port == HTTPS { String::new() } else { format!(":{port}") };
        format!("https://{host}{port}{}", path(uri))
    }
}

impl<B> hyper::service::Service<Request<B>> for Redirect {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Ready<Result<Self::Response, Infallible>>;

    fn call(&self, request: Request<B>) -> Self::Future {
        ready(Ok(self.answer(&request)))
    }
}

/// Host and port of a Host field, where the host is a name or an address.
pub(super) fn split(text: &str) -> Option<(&str, Option<u16>)> {
    let (host, port) = match text.strip_prefix('[') {
        Some(rest) => rest.split_once(']').filter(|(host, _)| host.parse::<Ipv6Addr>().is_ok())?,
        None => text.find(':').map_or((text, ""), |at| text.split_at(at)),
    };
    let port = match port {
        "" | ":" => None,
        port => Some(port.strip_prefix(':')?.parse().ok()?),
    };
    is_host(host).then_some((host, port))
}

/// The path and query to go on with; `*` and what CONNECT has are none.
fn path(uri: &Uri) -> &str {
    uri.path_and_query().map(|path| path.as_str()).filter(|path| path.starts_with('/')).unwrap_or("/")
}

fn plain(status: StatusCode, text: String) -> Response<Body> {
    let mut response = Response::new(Body::from(text));
    *response.status_mut() = status;
    let fields = [
        (CONNECTION, "close"),
        (CONTENT_TYPE, "text/plain; charset=utf-8"),
        // Ports change; a browser that remembered this for ever would not notice.
        (CACHE_CONTROL, "no-store"),
    ];
    for (name, value) in fields {
        response.headers_mut().insert(name, axum::http::HeaderValue::from_static(value));
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    fn location(target: HttpsPort, uri: &str, host: Option<&str>) -> String {
        let redirect = Redirect { name: "gate.example".to_owned(), target, challenges: None };
        let mut request = Request::builder().uri(uri);
        if let Some(host) = host {
            request = request.header(HOST, host);
        }
        let response = redirect.answer(&request.body(()).unwrap());
        assert_eq!(response.status(), StatusCode::PERMANENT_REDIRECT);
        response.headers()[LOCATION].to_str().unwrap().to_owned()
    }

    #[test]
    fn the_host_that_was_called_is_kept_where_it_can_be_one() {
        let to = HttpsPort::Other(443);
        for (host, kept) in [
            (Some("sql.contoso.com"), "sql.contoso.com"),
            (Some("sql.contoso.com:80"), "sql.contoso.com"),
            (Some("10.0.0.5:8080"), "10.0.0.5"),
            (Some("[2001:db8::5]:80"), "[2001:db8::5]"),
            (Some("[2001:db8::5]"), "[2001:db8::5]"),
            (Some("sql.contoso.com:"), "sql.contoso.com"),
            (None, "gate.example"),
            (Some(""), "gate.example"),
            (Some("evil.example/@"), "gate.example"),
            (Some("user@evil.example"), "gate.example"),
            (Some("sql.contoso.com:80:80"), "gate.example"),
            (Some("sql.contoso.com:99999"), "gate.example"),
            (Some("[::1"), "gate.example"),
            (Some("[::1]x"), "gate.example"),
        ] {
            assert_eq!(location(to, "/a?b=c", host), format!("https://{kept}/a?b=c"), "{host:?}");
        }
        assert_eq!(location(to, "http://other.example:81/x", Some("sql")), "https://other.example/x");
        assert_eq!(location(to, "*", Some("sql")), "https://sql/");
        assert_eq!(location(to, "//evil.example/", Some("sql")), "https://sql//evil.example/");
    }

    #[test]
    fn the_port_is_that_of_https_and_left_out_where_it_is_the_usual_one() {
        assert_eq!(location(HttpsPort::Other(8443), "/", Some("sql:80")), "https://sql:8443/");
        assert_eq!(location(HttpsPort::Same(8443), "/", Some("sql:9000")), "https://sql:9000/");
        assert_eq!(location(HttpsPort::Same(8443), "/", Some("sql")), "https://sql:8443/");
        assert_eq!(location(HttpsPort::Same(443), "/", Some("sql:443")), "https://sql/");
    }

    #[test]
    fn only_a_door_that_is_for_it_answers_acme_and_only_what_was_asked_for() {
        let challenges = Challenges::new();
        challenges.set_http(Some(Box::new(|token| (token == "abc").then(|| "abc.thumb".to_owned()))));
        let (name, target) = ("gate.example".to_owned(), HttpsPort::Other(443));
        let with = Redirect { name, target, challenges: Some(challenges) };
        let without = Redirect { challenges: None, ..with.clone() };
        let ask = |redirect: &Redirect, method, path: &str| {
            redirect.answer(&Request::builder().method(method).uri(path).body(()).unwrap()).status().as_u16()
        };
        assert_eq!(ask(&with, "GET", "/.well-known/acme-challenge/abc"), 200);
        assert_eq!(ask(&with, "GET", "/.well-known/acme-challenge/other"), 404);
        assert_eq!(ask(&with, "POST", "/.well-known/acme-challenge/abc"), 404);
        assert_eq!(ask(&with, "GET", "/.well-known/gatehouse"), 308);
        assert_eq!(ask(&with, "GET", "/trust/"), 308);
        assert_eq!(ask(&without, "GET", "/.well-known/acme-challenge/abc"), 308);
    }
}
