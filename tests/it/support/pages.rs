//! The pages and endpoints over a [`House`], asked in process: as a browser asks, with its cookie, or as a program does.

use std::net::IpAddr;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, Method, Request, StatusCode, header};
use gatehouse::config;
use gatehouse::domain::{Role, Secret, Timestamp};
use gatehouse::identity::web::{Origin, Step};
use gatehouse::tls::{Anchor, PublicTrust, Root};
use gatehouse::web::{DoorLine, Parts, Peer, Proxies, Readiness, SignedBy, Trust, router};
use gatehouse::workstation::{self, Place, Workstations};
use tower::ServiceExt as _;

use super::app::App;
use super::house::{HERE, House, PASSWORD};

/// What a browser takes.
const ACCEPT: &str = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";

/// What the pages are made from, over this house.
pub async fn parts(house: &House) -> Parts {
    let readiness = Readiness::new();
    readiness.set(true);
    let anchor = anchor();
    Parts {
        appliance: "Contoso <b>gate</b>".into(),
        names: house.config.appliance.names.clone().into(),
        doors: Arc::new(vec![DoorLine { port: 1433, answers: "SQL" }]),
        demo: None,
        readiness,
        public_trust: PublicTrust::default(),
        trust: trust(&anchor, SignedBy::Own),
        identity: house.identity().clone(),
        forgotten: None,
        admin: house.admin(None),
        workstations: workstations(house, &anchor).await,
        proxies: Proxies::new(&house.config.listen.trusted_proxies),
        clock: house.clock.clone(),
    }
}

fn anchor() -> Anchor {
    let root = Root::create("Contoso <b>root</b>", Timestamp::from_millis(1_795_000_000_000)).unwrap();
    Anchor::read(root.certificate_der()).unwrap()
}

/// How workstations come to trust it.
pub fn trust(anchor: &Anchor, signed_by: SignedBy) -> Trust {
    let anchor = anchor.clone();
    let authority = Arc::new(move || Some(anchor.clone()));
    Trust { authority, host: "sql.corp.example".into(), signed_by: Arc::new(move || signed_by.clone()) }
}

async fn workstations(house: &House, anchor: &Anchor) -> Workstations {
    let appliance = config::Appliance { names: vec!["sql.corp.example".into()], ..config::Appliance::default() };
    let settings = config::Workstation::default();
    let (state, anchor) = (house.state.clone(), Arc::new(anchor.clone()));
    let parts = workstation::Parts {
        store: state.store,
        identity: state.identity,
        estate: state.estate,
        integrations: state.integrations,
        events: state.events,
        clock: house.clock.clone(),
        place: Place::of(&appliance, &settings, Some(1433), Some(443)),
        settings,
        authority: Arc::new(move || Some(Arc::clone(&anchor))),
    };
    Workstations::open(parts).await.unwrap()
}

/// The router over a house, and who comes to it.
pub struct Pages {
    router: Router,
}

impl Pages {
    /// Over a house that is set up: it has an administrator, `root`, whom no test needs to be.
    pub async fn open(house: &House) -> Self {
        if house.identity().in_set_up() {
            house.account("root", Role::Administrator).await;
        }
        Self::in_set_up(house).await
    }

    /// Over a house as it is.
    pub async fn in_set_up(house: &House) -> Self {
        Self::of(parts(house).await)
    }

    pub fn of(parts: Parts) -> Self {
        Self { router: router(parts.into()) }
    }

    /// A browser without any cookie.
    pub fn browser(&self) -> Tab {
        Tab { router: self.router.clone(), cookie: None, peer: HERE, bearer: None, page: true, fields: Vec::new() }
    }

    /// A program, with this bearer's token.
    pub fn program(&self, token: &str) -> Tab {
        Tab { bearer: Some(token.to_owned()), page: false, ..self.browser() }
    }

    /// A program without any token.
    pub fn stranger(&self) -> Tab {
        Tab { page: false, ..self.browser() }
    }

    /// A browser whose person is signed in with [`PASSWORD`], and with a second factor where one is wanted.
    pub async fn signed_in(&self, house: &House, who: &str) -> Tab {
        let mut tab = self.browser();
        tab.cookie = Some(sign_in(house, who).await.expose().to_owned());
        tab
    }
}

/// Signs in on the web, past all stages; the cookie's secret.
pub async fn sign_in(house: &House, who: &str) -> Secret {
    let origin = Origin::new(HERE, "a test");
    match house.web_sign_in(who, PASSWORD, &origin).await.unwrap() {
        Step::Done(begun) => begun.cookie,
        Step::Enrol { ticket, enrolment, .. } => {
            let code = App::scan(&enrolment).code(house.now());
            house.identity().web_enrol(&ticket, &code, &origin).await.unwrap().0.cookie
        }
        Step::Code { .. } => panic!("{who} has a second factor already: the test signs in by itself"),
    }
}

/// A browser's window, or a program.
#[derive(Clone)]
pub struct Tab {
    router: Router,
    pub cookie: Option<String>,
    pub peer: IpAddr,
    bearer: Option<String>,
    /// Whether it is a browser, which says that it takes pages and from where it sends.
    pub page: bool,
    fields: Vec<(&'static str, String)>,
}

impl Tab {
    /// The same, which sends this header with each request besides.
    pub fn with(&self, field: &'static str, value: &str) -> Self {
        let mut tab = self.clone();
        tab.fields.push((field, value.to_owned()));
        tab
    }

    pub async fn get(&mut self, path: &str) -> Answer {
        self.send(Method::GET, path, None, "").await
    }

    /// Sends a form of the page that the browser is on.
    pub async fn post(&mut self, path: &str, fields: &[(&str, &str)]) -> Answer {
        let body = serde_urlencoded::to_string(fields).unwrap();
        self.send(Method::POST, path, Some("application/x-www-form-urlencoded"), &body).await
    }

    /// Sends anything.
    pub async fn send(&mut self, method: Method, path: &str, kind: Option<&str>, body: &str) -> Answer {
        let mut request = Request::builder().method(method).uri(path).header(header::HOST, "sql.corp.example");
        if self.page {
            request = request.header(header::ACCEPT, ACCEPT).header("sec-fetch-site", "same-origin");
        }
        if let Some(cookie) = &self.cookie {
            request = request.header(header::COOKIE, format!("__Host-gatehouse={cookie}"));
        }
        if let Some(token) = &self.bearer {
            request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
        }
        for (field, value) in &self.fields {
            request = request.header(*field, value);
        }
        if let Some(kind) = kind {
            request = request.header(header::CONTENT_TYPE, kind);
        }
        self.ask(request.body(Body::from(body.to_owned())).unwrap()).await
    }

    /// Sends a request as it is.
    pub async fn ask(&mut self, mut request: Request<Body>) -> Answer {
        request.extensions_mut().insert(Peer(self.peer));
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let body = axum::body::to_bytes(body, 1 << 22).await.unwrap();
        for set in parts.headers.get_all(header::SET_COOKIE) {
            let set = set.to_str().unwrap();
            assert!(set.contains("; Path=/; Secure; HttpOnly; SameSite=Lax"), "{set}");
            let value = set.strip_prefix("__Host-gatehouse=").unwrap().split(';').next().unwrap();
            self.cookie = Some(value.to_owned()).filter(|value| !value.is_empty());
        }
        Answer { status: parts.status, headers: parts.headers, body: body.to_vec() }
    }
}

/// What came back.
#[derive(Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Vec<u8>,
}

impl Answer {
    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    /// A header's value, or nothing.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// Where it leads to: a redirect after a form (303), by RFC 9110 15.4.4.
    pub fn leads_to(&self) -> &str {
        assert_eq!(self.status, StatusCode::SEE_OTHER, "{}", String::from_utf8_lossy(&self.body));
        self.header("location")
    }

    /// The value of the hidden field of this name.
    pub fn hidden(&self, field: &str) -> String {
        let before = format!("name=\"{field}\" value=\"");
        let rest = self.text().split_once(&before).unwrap_or_else(|| panic!("no {field} in {}", self.text())).1;
        rest.split('"').next().unwrap().to_owned()
    }
}
