//! Signing in with a browser, page after page, without scripts.

use std::time::Duration;

use axum::http::{Method, Request, StatusCode};
use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use gatehouse::audit::Actor;
use gatehouse::domain::{Role, Secret};
use gatehouse::identity::Alteration;
use gatehouse::identity::factors::Enrolment;

use crate::support::app::App;
use crate::support::house::{House, OTHER_PASSWORD, PASSWORD};
use crate::support::pages::{Answer, Pages, Tab};

async fn house_with(member: &str) -> (House, Pages) {
    let house = House::build();
    house.member(member).await;
    let pages = Pages::open(&house).await;
    (house, pages)
}

async fn submit(tab: &mut Tab, name: &str, password: &str) -> Answer {
    tab.post("/sign-in", &[("name", name), ("password", password), ("next", "/")]).await
}

/// Reads the picture's address and the key off the page.
fn scan(page: &Answer) -> App {
    let attribute = |before: &str| {
        let rest = page.text().split_once(before).unwrap_or_else(|| panic!("no {before} in {}", page.text())).1;
        rest.split('"').next().unwrap().replace("&#38;", "&")
    };
    let url = attribute("<a href=\"otpauth:");
    let key = page.text().split_once("class=\"key\">").unwrap().1.split('<').next().unwrap().replace(' ', "");
    App::scan(&Enrolment { secret: Secret::new(key), url: Secret::new(format!("otpauth:{url}")) })
}

/// An administrator with an app, and the browser it was set up with.
async fn administrator(house: &House, pages: &Pages, who: &str) -> (App, Tab) {
    house.account(who, Role::Administrator).await;
    let mut tab = pages.browser();
    let page = submit(&mut tab, who, PASSWORD).await;
    let app = scan(&page);
    let (ticket, code) = (page.hidden("ticket"), app.code(house.now()));
    let done = tab.post("/sign-in/enrol", &[("ticket", &ticket), ("code", &code), ("next", "/")]).await;
    assert_eq!(done.status, StatusCode::OK, "{}", done.text());
    house.wait(60);
    (app, tab)
}

#[tokio::test]
async fn a_member_signs_in_goes_on_to_the_page_that_was_asked_for_and_signs_out() {
    let (_house, pages) = house_with("ada").await;
    let mut tab = pages.browser();
    let led = tab.get("/account/password?a=b").await;
    let page = tab.get(led.leads_to()).await;
    assert_eq!(page.hidden("next"), "/account/password?a=b");
    let done = tab.post("/sign-in", &[("name", "Ada"), ("password", PASSWORD), ("next", &page.hidden("next"))]).await;
    assert_eq!(done.leads_to(), "/account/password?a=b");
    assert_eq!(tab.get("/account/password").await.status, StatusCode::OK);
    assert_eq!(tab.get("/sign-in?next=%2Faccount").await.leads_to(), "/account", "who is signed in is not asked");
    let mut copy = tab.clone();
    assert_eq!(tab.post("/sign-out", &[]).await.leads_to(), "/");
    assert!(tab.cookie.is_none());
    assert!(
        copy.get("/account/password").await.leads_to().starts_with("/sign-in"),
        "the cookie opens nothing any more"
    );
    assert_eq!(copy.post("/sign-out", &[]).await.leads_to(), "/", "twice does no harm");
}

#[tokio::test]
async fn no_answer_tells_whether_a_name_exists() {
    let (house, pages) = house_with("ada").await;
    let off = house.member("off").await;
    house.identity().alter_account(&Actor::Console, off.id, Alteration::Disable).await.unwrap();
    administrator(&house, &pages, "second").await;
    let mut seen = Vec::new();
    for who in ["ada", "off", "second", "nobody"] {
        let before = house.identity().hashes_computed();
        let answer = submit(&mut pages.browser(), who, OTHER_PASSWORD).await;
        assert_eq!(house.identity().hashes_computed() - before, 1, "{who} costs the same");
        let names: Vec<String> = answer.headers.keys().map(ToString::to_string).collect();
        seen.push((answer.status, names, answer.text().replace(who, "NAME")));
    }
    let page = seen[0].2.clone();
    assert!(page.contains("role=\"alert\"") && page.contains("the user name or the password is not right"), "{page}");
    seen.dedup();
    assert_eq!((seen.len(), seen[0].0), (1, StatusCode::UNPROCESSABLE_ENTITY));
    assert!(!page.contains(OTHER_PASSWORD), "what was typed is not sent back");
}

#[tokio::test]
async fn too_many_tries_are_told_how_long_to_wait_for_any_name() {
    let (house, pages) = house_with("ada").await;
    for who in ["ada", "nobody"] {
        let mut tab = pages.browser();
        let mut last = submit(&mut tab, who, OTHER_PASSWORD).await;
        while last.status == StatusCode::UNPROCESSABLE_ENTITY {
            last = submit(&mut tab, who, OTHER_PASSWORD).await;
        }
        assert_eq!(last.status, StatusCode::TOO_MANY_REQUESTS);
        let seconds: u64 = last.header("retry-after").parse().unwrap();
        assert!(last.text().contains(&format!("Try again in {seconds} seconds")), "{}", last.text());
        assert_eq!(last.hidden("next"), "/", "the form is there for the next try");
        house.wait(seconds);
        assert_eq!(submit(&mut tab, who, OTHER_PASSWORD).await.status, StatusCode::UNPROCESSABLE_ENTITY);
    }
    house.wait(3600);
    assert_eq!(submit(&mut pages.browser(), "ada", PASSWORD).await.leads_to(), "/");
}

#[tokio::test]
async fn what_is_wrong_with_an_account_is_told_to_who_has_its_password() {
    let (house, pages) = house_with("ada").await;
    let id = house.identity().account("ada").unwrap().id;
    house.identity().alter_account(&Actor::Console, id, Alteration::Disable).await.unwrap();
    let answer = submit(&mut pages.browser(), "ada", PASSWORD).await;
    assert!(answer.status == StatusCode::UNPROCESSABLE_ENTITY && answer.text().contains("This account is disabled"));
}

#[tokio::test]
async fn an_administrator_sets_up_an_app_is_shown_recovery_codes_once_and_needs_a_code_from_then_on() {
    let (house, pages) = house_with("ada").await;
    house.account("grace", Role::Administrator).await;
    let mut tab = pages.browser();
    let page = submit(&mut tab, "grace", PASSWORD).await;
    assert!(page.text().contains("src=\"data:image/svg+xml;base64,"), "{}", page.text());
    assert!(tab.cookie.is_none(), "a right password alone opens nothing");
    let (app, ticket) = (scan(&page), page.hidden("ticket"));
    let enrol = |code: String| [("ticket", ticket.clone()), ("code", code), ("next", "/account".to_owned())];
    let fields = |form: &[(&'static str, String); 3]| form.clone();
    let wrong = fields(&enrol("000000".into()));
    let wrong: Vec<(&str, &str)> = wrong.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let again = tab.post("/sign-in/enrol", &wrong).await;
    assert_eq!(again.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!((again.hidden("ticket"), again.hidden("next")), (ticket.clone(), "/account".to_owned()));
    assert_eq!(scan(&again).code(house.now()), app.code(house.now()), "the same picture again");

    let code = app.code(house.now());
    let right = [("ticket", ticket.as_str()), ("code", code.as_str()), ("next", "/account")];
    let done = tab.post("/sign-in/enrol", &right).await;
    let codes: Vec<&str> =
        done.text().split("<li><code>").skip(1).map(|rest| rest.split('<').next().unwrap()).collect();
    assert_eq!(codes.len(), 10);
    assert!(done.text().contains("href=\"/account\"") && tab.cookie.is_some());
    let replayed = pages.browser().post("/sign-in/enrol", &right).await;
    assert!(replayed.text().contains("This took too long") && !replayed.text().contains(codes[0]));

    let page = submit(&mut pages.browser(), "grace", PASSWORD).await;
    let used = [("ticket", &*page.hidden("ticket")), ("code", &code), ("next", "/")];
    let mut other = pages.browser();
    assert_eq!(
        other.post("/sign-in/code", &used).await.status,
        StatusCode::UNPROCESSABLE_ENTITY,
        "that code has counted"
    );
    house.wait(30);
    let fresh = app.code(house.now());
    let form = [("ticket", &*page.hidden("ticket")), ("code", &fresh), ("next", "/account")];
    assert_eq!(other.post("/sign-in/code", &form).await.leads_to(), "/account");
    let replayed = pages.browser().post("/sign-in/code", &form).await;
    assert!(replayed.status == StatusCode::UNPROCESSABLE_ENTITY && replayed.text().contains("This took too long"));

    let page = submit(&mut pages.browser(), "grace", PASSWORD).await;
    let spoken = codes[3].to_uppercase().replace('-', " ");
    let form = [("ticket", &*page.hidden("ticket")), ("code", &*spoken), ("next", "/")];
    assert_eq!(pages.browser().post("/sign-in/code", &form).await.leads_to(), "/");
    let page = submit(&mut pages.browser(), "grace", PASSWORD).await;
    let form = [("ticket", &*page.hidden("ticket")), ("code", &*spoken), ("next", "/")];
    assert_eq!(pages.browser().post("/sign-in/code", &form).await.status, StatusCode::UNPROCESSABLE_ENTITY);
}

#[tokio::test]
async fn guessing_codes_is_throttled_and_a_ticket_has_its_time() {
    let (house, pages) = house_with("ada").await;
    let (app, _) = administrator(&house, &pages, "grace").await;
    let mut tab = pages.browser();
    let ticket = submit(&mut tab, "grace", PASSWORD).await.hidden("ticket");
    let mut last = StatusCode::UNPROCESSABLE_ENTITY;
    while last == StatusCode::UNPROCESSABLE_ENTITY {
        let answer = tab.post("/sign-in/code", &[("ticket", &ticket), ("code", "000000"), ("next", "/")]).await;
        assert_eq!(answer.hidden("ticket"), ticket);
        last = answer.status;
    }
    assert_eq!(last, StatusCode::TOO_MANY_REQUESTS);
    let code = app.code(house.now());
    let answer = tab.post("/sign-in/code", &[("ticket", &ticket), ("code", &code), ("next", "/")]).await;
    assert!(!answer.header("retry-after").is_empty(), "also a right one has to wait");
    house.wait(600);
    let code = app.code(house.now());
    let late = tab.post("/sign-in/code", &[("ticket", &ticket), ("code", &code), ("next", "/")]).await;
    assert!(late.text().contains("This took too long") && late.text().contains("name=\"password\""));
    for stage in ["/sign-in/code", "/sign-in/enrol"] {
        assert_eq!(tab.get(stage).await.leads_to(), "/sign-in");
    }
}

#[tokio::test]
async fn the_password_given_again_brings_a_new_cookie_and_leads_on() {
    let (house, pages) = house_with("ada").await;
    let mut tab = pages.signed_in(&house, "ada").await;
    let page = tab.get("/confirm?next=%2Faccount%2Fpassword").await;
    let next = page.hidden("next");
    let mut former = tab.clone();
    let wrong = tab.post("/confirm", &[("password", OTHER_PASSWORD), ("next", &next)]).await;
    assert!(wrong.status == StatusCode::UNPROCESSABLE_ENTITY && wrong.text().contains("This is not your password"));
    assert_eq!(tab.post("/confirm", &[("password", PASSWORD), ("next", &next)]).await.leads_to(), "/account/password");
    assert_ne!(tab.cookie, former.cookie);
    assert_eq!(tab.get("/account/password").await.status, StatusCode::OK);
    assert!(former.get("/account/password").await.leads_to().starts_with("/sign-in"));
    let elsewhere = tab.post("/confirm", &[("password", PASSWORD), ("next", "https://evil.example/")]).await;
    assert_eq!(elsewhere.leads_to(), "/");
}

#[tokio::test]
async fn another_sites_page_neither_signs_in_nor_out() {
    let (house, pages) = house_with("ada").await;
    let mut tab = pages.signed_in(&house, "ada").await;
    let form = format!("name=ada&password={}&next=/", PASSWORD.replace(' ', "+"));
    for (path, body) in
        [("/sign-in", form.as_str()), ("/sign-out", ""), ("/confirm", "password=x"), ("/account/password", "")]
    {
        let request = Request::builder().method(Method::POST).uri(path).header("sec-fetch-site", "cross-site");
        let request = request.header("cookie", format!("__Host-gatehouse={}", tab.cookie.clone().unwrap()));
        let request = request.header("content-type", "application/x-www-form-urlencoded");
        let answer = tab.ask(request.body(body.to_owned().into()).unwrap()).await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{path}");
        assert!(answer.header("set-cookie").is_empty());
    }
    assert_eq!(tab.get("/account/password").await.status, StatusCode::OK, "still signed in");
}

#[tokio::test]
async fn a_form_that_no_page_has_is_refused_and_written_down() {
    let (house, pages) = house_with("ada").await;
    let mut tab = pages.browser();
    for path in ["/sign-in", "/sign-in/code", "/sign-in/enrol"] {
        assert_eq!(tab.post(path, &[("name", "ada"), ("role", "administrator")]).await.status, StatusCode::BAD_REQUEST);
    }
    let json = tab.send(Method::POST, "/sign-in", Some("application/json"), "{}").await;
    assert_eq!(json.status, StatusCode::UNSUPPORTED_MEDIA_TYPE);
    let long = tab.post("/sign-in", &[("name", &"x".repeat(70_000)), ("password", ""), ("next", "")]).await;
    assert_eq!(long.status, StatusCode::PAYLOAD_TOO_LARGE);
    assert!(house.audited_actions().iter().any(|action| action == "web.malformed"));
}

#[tokio::test]
async fn a_disabled_accounts_browsers_are_out_at_once() {
    let (house, pages) = house_with("ada").await;
    let mut tab = pages.signed_in(&house, "ada").await;
    assert_eq!(tab.get("/account/password").await.status, StatusCode::OK);
    let id = house.identity().account("ada").unwrap().id;
    house.identity().alter_account(&Actor::Console, id, Alteration::Disable).await.unwrap();
    assert!(tab.get("/account/password").await.leads_to().starts_with("/sign-in"));
    assert!(!tab.get("/").await.text().contains("signed in as"));
}

#[tokio::test]
async fn the_first_page_tells_who_is_signed_in_and_the_sign_in_before() {
    let (house, pages) = house_with("ada").await;
    let mut tab = pages.browser();
    assert!(tab.get("/").await.text().contains("href=\"/sign-in\""));
    submit(&mut tab, "ada", PASSWORD).await;
    assert!(tab.get("/").await.text().contains("This is the first sign-in"));
    house.wait(3600);
    let mut other = pages.signed_in(&house, "ada").await;
    let page = other.get("/").await;
    assert!(page.text().contains("signed in as <strong>ada</strong>"), "{}", page.text());
    assert!(page.text().contains("2027-03-01 08:00 UTC</time> from 192.0.2.10"), "{}", page.text());
}

#[tokio::test]
async fn a_browser_that_signs_in_again_leaves_no_session_behind() {
    let (house, pages) = house_with("ada").await;
    let mut tab = pages.signed_in(&house, "ada").await;
    let id = house.identity().account("ada").unwrap().id;
    assert_eq!(submit(&mut tab, "ada", PASSWORD).await.leads_to(), "/");
    assert_eq!(house.identity().web_sessions(id).unwrap().len(), 1);
}

#[tokio::test]
async fn who_is_turned_away_from_a_crowd_waits_a_second_for_the_answer() {
    let house = House::build_with(|config| {
        config.sign_in.hashing_places = 1;
        config.sign_in.throttle_free_tries = 1000;
    });
    let pages = Pages::open(&house).await;
    let tries = (0..200).map(|number| {
        let mut tab = pages.browser();
        async move { submit(&mut tab, &format!("nobody {number}"), OTHER_PASSWORD).await.status }
    });
    let mut tries: FuturesUnordered<_> = tries.collect();
    // The clock stands still: those who found a place are answered, and nobody else is.
    for _ in 0..65 {
        assert_eq!(tries.next().await, Some(StatusCode::UNPROCESSABLE_ENTITY));
    }
    let time_goes_by = async {
        loop {
            house.wait(1);
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    let rest: Vec<StatusCode> = tokio::select! {
        rest = tries.collect() => rest,
        () = time_goes_by => panic!("time has no end"),
    };
    assert!(rest.contains(&StatusCode::SERVICE_UNAVAILABLE), "{rest:?}");
}
