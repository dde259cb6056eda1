//! What does not read, wherever it is sent: it is answered as a problem, a page or a document of OAuth, and written down.
//!
//! The first test goes over the router's own table, so that no route can be left out.

use axum::body::{Body, Bytes};
use axum::http::{Method, Request, StatusCode};
use gatehouse::audit::Actor;
use gatehouse::domain::{Role, Scopes};
use gatehouse::web::access::Access;
use gatehouse::web::routes::{self, Route};

use crate::support::house::House;
use crate::support::pages::{Answer, Pages, Tab};

const FORM: &str = "application/x-www-form-urlencoded";

/// The route's path, with this in the places that take something.
fn path(route: &Route, filling: &str) -> String {
    let parts = route.path.split('/').map(|part| if part.starts_with('{') { filling } else { part });
    parts.collect::<Vec<_>>().join("/")
}

/// Ways to ask for a route that no page or program of ours goes: the path, the media type and the body.
fn attempts(route: &Route) -> Vec<(String, Option<&'static str>, &'static str)> {
    let plain = path(route, "anything");
    let broken = format!("{plain}?wait=abc&user_code=1&user_code=2&client_id=%FF&next=%FF&id=%FF&kind=1&kind=2&%FF");
    let filled = path(route, "%FF");
    if route.method == Method::GET {
        return [plain, broken, filled].map(|path| (path, None, "")).into();
    }
    let bodies = [
        (None, ""),
        (None, "x"),
        (Some("text/plain"), "x"),
        (Some(FORM), "%FF=%FF&x"),
        (Some(FORM), "x=1&x=2"),
        (Some("application/json"), "{"),
        (Some("application/json"), "{\"x\":1}"),
        (Some("multipart/form-data"), "x"),
        (Some("multipart/form-data; boundary=b"), "--b\r\nx"),
    ];
    let bodies = bodies.map(|(kind, body)| (plain.clone(), kind, body));
    bodies.into_iter().chain([(broken, Some(FORM), ""), (filled, Some(FORM), "")]).collect()
}

/// Whoever the route takes.
async fn guest(house: &House, pages: &Pages, in_set_up: &Pages, route: &Route) -> Tab {
    match route.access {
        Access::SetUp => in_set_up.browser(),
        Access::Always | Access::Program => pages.browser(),
        Access::Bearer(scope) => {
            let root = house.identity().account("root").unwrap().id;
            let hour = std::time::Duration::from_secs(3600);
            let scopes = Scopes::of([scope]);
            let token = house.identity().issue_token(&Actor::Console, root, String::new(), scopes, hour).await;
            pages.program(token.unwrap().1.expose())
        }
        _ => pages.signed_in(house, "root").await,
    }
}

/// Whether a route shows pages to who wants some.
fn has_pages(route: &Route) -> bool {
    !matches!(route.access, Access::Program | Access::Bearer(_))
}

fn is_told_properly(answer: &Answer, page: bool, what: &str) {
    assert!(!answer.status.is_server_error(), "{} for {what}", answer.status);
    if !answer.status.is_client_error() {
        return;
    }
    match answer.header("content-type") {
        "application/problem+json" => assert_eq!(answer.json()["status"], answer.status.as_u16(), "{what}"),
        "application/json" => assert!(answer.json()["error"].is_string(), "{what}"),
        // A form that reads and cannot be done is shown again, to whoever sent it.
        "text/html; charset=utf-8" if page => assert!(answer.text().contains("<h1>"), "{what}"),
        other => panic!("{} as {other:?} for {what}", answer.status),
    }
}

#[tokio::test]
async fn whatever_does_not_read_is_answered_as_a_problem_a_page_or_a_document_of_oauth() {
    let house = House::build_with(|config| config.sign_in.second_factor_optional_first_day = true);
    let new = House::build();
    house.account("root", Role::Administrator).await;
    let (pages, in_set_up) = (Pages::open(&house).await, Pages::in_set_up(&new).await);
    let (mut tried, mut refused) = (0, 0);
    for route in routes::all() {
        for page in [true, false] {
            let mut tab = guest(&house, &pages, &in_set_up, &route).await;
            if !page {
                tab = tab.with("sec-fetch-site", "same-origin");
            }
            tab.page = page;
            for (path, kind, body) in attempts(&route) {
                let answer = tab.clone().send(route.method.clone(), &path, kind, body).await;
                let what = format!("{route:?} at {path} with {kind:?} {body:?}");
                let is_form = answer.status == StatusCode::UNPROCESSABLE_ENTITY;
                is_told_properly(&answer, (page || is_form) && has_pages(&route), &what);
                let places = route.path.contains('{') && path.contains("/%FF");
                let read = answer.status != StatusCode::BAD_REQUEST && !answer.status.is_redirection();
                assert!(!places || !read, "{} for {what}", answer.status);
                tried += 1;
                refused += usize::from(answer.status.is_client_error());
            }
        }
    }
    assert!(tried > 500 && refused > tried / 2, "{refused} of {tried} were refused: the routes were reached");
}

/// `java.net.HttpURLConnection` says this of its own accord.
const JAVA: &str = "text/html, image/gif, image/jpeg, *; q=.2, */*; q=.2";

#[tokio::test]
async fn programs_are_shown_no_page_whatever_their_libraries_say_they_take() {
    let house = House::build();
    let pages = Pages::open(&house).await;
    let mut java = pages.program("ght_nonsense").with("accept", JAVA);
    let config = java.get("/api/v1/workstation/config").await;
    assert_eq!((config.status, config.header("content-type")), (StatusCode::UNAUTHORIZED, "application/problem+json"));
    let token = java.post("/oauth/token", &[("grant_type", "password")]).await;
    assert_eq!((token.status, &token.json()["error"]), (StatusCode::BAD_REQUEST, &"unsupported_grant_type".into()));
    assert_eq!(java.get("/oauth/token").await.header("content-type"), "application/problem+json", "another method");
    let found = java.get("/.well-known/gatehouse").await;
    assert_eq!((found.status, found.header("content-type")), (StatusCode::OK, "application/json"));
    let new = House::build();
    let in_set_up = Pages::in_set_up(&new).await.stranger().with("accept", JAVA).get("/.well-known/gatehouse").await;
    assert_eq!(in_set_up.header("content-type"), "application/problem+json");

    let mut browser = pages.browser();
    assert_eq!(browser.get("/.well-known/gatehouse").await.leads_to(), "/workstations");
    let token = browser.post("/oauth/token", &[("grant_type", "password")]).await;
    assert_eq!(token.json()["error"], "unsupported_grant_type", "a browser is no exception");
    let opens = pages.stranger().with("accept", "*/*").with("sec-fetch-dest", "document");
    assert_eq!(opens.clone().get("/.well-known/gatehouse").await.leads_to(), "/workstations");
}

#[tokio::test]
async fn what_does_not_read_is_written_down_with_its_place_and_without_what_it_said() {
    let house = House::build();
    let pages = Pages::open(&house).await;
    let last = || house.audited().pop().unwrap();
    for (path, place) in [
        ("/assets/%FFcanary", "/assets/{*path}"),
        ("/reset/%FFcanary", "/reset/{secret}"),
        ("/api/v1/schemas/%FFcanary", "/api/v1/schemas/{name}"),
    ] {
        house.wait(60);
        assert_eq!(pages.stranger().get(path).await.status, StatusCode::BAD_REQUEST, "{path}");
        let entry = last();
        assert_eq!((&entry["action"], &entry["subject"]), (&"web.malformed".into(), &place.into()));
        assert!(!entry.to_string().contains("canary"));
    }
    let new = House::build();
    let mut tab = Pages::in_set_up(&new).await.browser();
    let answer = tab.send(Method::POST, "/setup/restore", Some("text/plain"), "x").await;
    assert_eq!(answer.status, StatusCode::UNSUPPORTED_MEDIA_TYPE);
    assert_eq!(new.audited().pop().unwrap()["subject"], "/setup/restore");
}

#[tokio::test]
async fn a_body_that_never_ends_is_given_up_and_written_down() {
    let house = House::build();
    let mut stranger = Pages::open(&house).await.stranger();
    let body = Body::from_stream(futures_util::stream::pending::<Result<Bytes, std::io::Error>>());
    let request = Request::post("/api/v1/devices/enrol").header("content-type", "application/json").body(body).unwrap();
    let time = async {
        loop {
            house.wait(1);
            tokio::task::yield_now().await;
        }
    };
    let answer = tokio::select! {
        answer = stranger.ask(request) => answer,
        () = time => unreachable!(),
    };
    assert_eq!((answer.status, &answer.json()["title"]), (StatusCode::REQUEST_TIMEOUT, &"Too slow".into()));
    let entry = house.audited().pop().unwrap();
    assert_eq!((&entry["action"], &entry["reason"]), (&"web.malformed".into(), &"Too slow".into()));
}
