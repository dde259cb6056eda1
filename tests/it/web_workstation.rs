//! What workstations fetch: the discovery document, the configuration with its tag and its long poll, the schemas.

use std::time::Duration;

use axum::body::Body;
use axum::http::{Request, StatusCode};
use gatehouse::audit::Actor;
use gatehouse::domain::{Scope, Scopes};

use crate::support::house::{House, name};
use crate::support::pages::{Answer, Pages, Tab};

const CONFIG: &str = "/api/v1/workstation/config";

/// Asks for a path as a program that has this document already.
async fn get_known(program: &mut Tab, path: &str, tag: &str) -> Answer {
    program.with("if-none-match", tag).get(path).await
}

async fn open() -> (House, Pages, String) {
    let house = House::build();
    let ada = house.member("ada").await;
    let (_, secret) = house.identity().add_device(&Actor::Console, name("desk"), ada.id).await.unwrap();
    let pages = Pages::open(&house).await;
    (house, pages, secret.expose().to_owned())
}

#[tokio::test]
async fn anybody_is_told_where_to_go_on_and_a_browser_is_led_to_the_page_for_people() {
    let (_house, pages, _) = open().await;
    let mut program = pages.stranger();
    let answer = program.get("/.well-known/gatehouse").await;
    let document = answer.json();
    assert_eq!((&document["product"], &document["endpoints"]["config"]), (&"gatehouse".into(), &CONFIG.into()));
    assert_eq!(
        (answer.header("cache-control"), answer.header("vary")),
        ("public, max-age=300", "accept, sec-fetch-dest")
    );
    let again = get_known(&mut program, "/.well-known/gatehouse", answer.header("etag")).await;
    assert_eq!((again.status, again.body.len()), (StatusCode::NOT_MODIFIED, 0));
    assert_eq!(again.header("etag"), answer.header("etag"));
    assert_eq!(pages.browser().get("/.well-known/gatehouse").await.leads_to(), "/workstations");
    for schema in ["discovery.v1.schema.json", "workstation-config.v1.schema.json"] {
        let answer = program.get(&format!("/api/v1/schemas/{schema}")).await;
        assert_eq!(answer.header("content-type"), "application/schema+json");
        assert!(answer.json()["$schema"].is_string());
    }
    assert_eq!(program.get("/api/v1/schemas/other.json").await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn the_configuration_is_told_to_who_has_a_token_for_it_and_kept_by_nobody() {
    let (house, pages, secret) = open().await;
    let mut device = pages.program(&secret);
    let answer = device.get(CONFIG).await;
    assert_eq!((answer.status, answer.header("cache-control")), (StatusCode::OK, "no-store"));
    assert_eq!(answer.json()["account"]["device"], "desk");
    let again = get_known(&mut device, CONFIG, answer.header("etag")).await;
    assert_eq!(
        (again.status, again.body.len(), again.header("cache-control")),
        (StatusCode::NOT_MODIFIED, 0, "no-store")
    );
    let pass = answer.json()["pass"]["password"].as_str().unwrap().to_owned();
    assert_eq!(pages.program(&pass).get(CONFIG).await.status, StatusCode::UNAUTHORIZED, "a pass begets no passes");
    let ada = house.identity().account("ada").unwrap();
    let day = Duration::from_secs(86_400);
    let token = async |scope| {
        let issued =
            house.identity().issue_token(&Actor::Console, ada.id, "a test".into(), Scopes::of([scope]), day).await;
        issued.unwrap().1.expose().to_owned()
    };
    assert_eq!(pages.program(&token(Scope::Sql).await).get(CONFIG).await.status, StatusCode::FORBIDDEN);
    assert_eq!(pages.program(&token(Scope::WorkstationConfig).await).get(CONFIG).await.status, StatusCode::OK);
    let cookie = pages.signed_in(&house, "ada").await.get(CONFIG).await;
    assert_eq!(cookie.status, StatusCode::UNAUTHORIZED, "a cookie is no token");
    assert_eq!(device.get(&format!("{CONFIG}?wait=soon")).await.status, StatusCode::BAD_REQUEST);
    assert_eq!(house.audited().last().unwrap()["action"], "web.malformed", "a broken query is written down");
    let basic = Request::builder().uri(CONFIG).header("authorization", "Basic YTpi").body(Body::empty()).unwrap();
    assert_eq!(device.ask(basic).await.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn a_client_that_waits_is_answered_by_the_change_and_without_one_when_its_time_is_over() {
    let (house, pages, secret) = open().await;
    let mut device = pages.program(&secret);
    let tag = device.get(CONFIG).await.header("etag").to_owned();
    let path = format!("{CONFIG}?wait=30");
    let waiting = async || get_known(&mut pages.program(&secret), &path, &tag).await;
    let mut first = std::pin::pin!(waiting());
    let over = loop {
        tokio::select! {
            biased;
            over = &mut first => break over,
            () = tokio::task::yield_now() => house.wait(31),
        }
    };
    assert_eq!(over.status, StatusCode::NOT_MODIFIED);
    let ada = house.identity().account("ada").unwrap();
    let change = async {
        tokio::task::yield_now().await;
        let renamed = gatehouse::identity::Alteration::Expires(Some(house.now().after(Duration::from_secs(86_400))));
        house.identity().alter_account(&Actor::Console, ada.id, renamed).await.unwrap();
    };
    let (changed, ()) = tokio::join!(waiting(), change);
    assert_eq!(changed.status, StatusCode::OK);
    assert!(changed.text().contains("This account ends at"), "{}", changed.text());
    let tag = changed.header("etag").to_owned();
    let revoke = async {
        tokio::task::yield_now().await;
        let id = house.identity().device("desk").unwrap().id;
        house.identity().revoke_device(&Actor::Console, id).await.unwrap();
    };
    let mut device = pages.program(&secret);
    let (gone, ()) = tokio::join!(get_known(&mut device, &path, &tag), revoke);
    assert_eq!(gone.status, StatusCode::UNAUTHORIZED);
}
