//! Every route as everybody: who is let in is what the table says, and each answer carries the headers that it should.
//!
//! Both tests go over the router's own table, so that no route can be left out.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;
use std::time::Duration;

use axum::http::{Method, StatusCode};
use gatehouse::audit::Actor;
use gatehouse::domain::{Role, Scope, Scopes};
use gatehouse::web::access::Access;
use gatehouse::web::routes::{self, Route};

use crate::support::house::House;
use crate::support::pages::{Answer, Pages, Tab};

const ROLES: [Role; 4] = [Role::Administrator, Role::Operator, Role::Auditor, Role::Member];

/// A path of the route: anything stands in the places that take something.
fn path(route: &Route) -> String {
    let parts = route.path.split('/').map(|part| if part.starts_with('{') { "anything" } else { part });
    parts.collect::<Vec<_>>().join("/")
}

async fn ask(tab: &Tab, route: &Route) -> Answer {
    let kind = (route.method == Method::POST).then_some("application/x-www-form-urlencoded");
    tab.clone().send(route.method.clone(), &path(route), kind, "").await
}

/// What kept somebody out, if something did.
fn barrier(answer: &Answer) -> Option<&'static str> {
    let location = answer.header("location");
    match answer.status {
        StatusCode::SEE_OTHER if location.starts_with("/sign-in?") => Some("sign in"),
        StatusCode::SEE_OTHER if location.starts_with("/confirm?") => Some("confirm"),
        StatusCode::SEE_OTHER if location == "/setup" => Some("set up"),
        StatusCode::UNAUTHORIZED if !answer.header("www-authenticate").is_empty() => Some("token"),
        StatusCode::FORBIDDEN => Some("forbidden"),
        StatusCode::SERVICE_UNAVAILABLE => Some("not set up"),
        StatusCode::CONFLICT => Some("is set up"),
        _ => None,
    }
}

#[tokio::test]
async fn every_route_lets_in_whom_the_table_names_and_nobody_else() {
    // Each request comes in a session of its own: some routes end theirs. A second factor would make that slow.
    let house = House::build_with(|config| config.sign_in.second_factor_optional_first_day = true);
    let pages = Pages::open(&house).await;
    let mut people = Vec::new();
    for role in ROLES {
        let account = house.account(&format!("some {role}"), role).await;
        let mut tokens = BTreeMap::new();
        for scope in Scope::ALL {
            let hour = Duration::from_secs(3600);
            let issued =
                house.identity().issue_token(&Actor::Console, account.id, String::new(), Scopes::of([scope]), hour);
            tokens.insert(scope, issued.await.unwrap().1.expose().to_owned());
        }
        people.push((role, account.name.to_string(), tokens));
    }
    let mut tried = 0;
    for route in routes::all() {
        let nobody = barrier(&ask(&pages.browser(), &route).await);
        let stranger = barrier(&ask(&pages.program("ght_nonsense"), &route).await);
        let expected = match route.access {
            Access::SetUp if route.method == Method::POST => Some("is set up"),
            Access::SignedIn | Access::Confirmed | Access::Staff(_) => Some("sign in"),
            Access::Bearer(_) => Some("token"),
            _ => None,
        };
        assert_eq!(nobody, expected, "nobody at {route:?}");
        match route.access {
            Access::Bearer(_) => assert_eq!(stranger, Some("token"), "a made-up token at {route:?}"),
            Access::Always => assert_eq!(stranger, None, "a program at {route:?}"),
            _ => {}
        }
        for (role, name, tokens) in &people {
            let met = barrier(&ask(&pages.signed_in(&house, name).await, &route).await);
            let expected = match route.access {
                Access::SetUp if route.method == Method::POST => Some("is set up"),
                Access::Staff(roles) if !roles.contains(role) => Some("forbidden"),
                Access::Bearer(_) => Some("token"),
                _ => None,
            };
            // A handler may refuse more: what an account may do is the services' to say.
            if expected.is_some() || met != Some("forbidden") {
                assert_eq!(met, expected, "{role} at {route:?}");
            }
            if let Access::Bearer(needed) = route.access {
                for (scope, token) in tokens {
                    let met = barrier(&ask(&pages.program(token), &route).await);
                    if *scope == needed {
                        assert_ne!(met, Some("token"), "{role} with {scope:?} at {route:?}");
                    } else {
                        assert_eq!(met, Some("forbidden"), "{role} with {scope:?} at {route:?}");
                    }
                }
            }
            tried += 1;
        }
    }
    assert!(tried > 100, "the table was read");

    for (_, name, _) in &people {
        let tab = pages.signed_in(&house, name).await;
        house.wait(6 * 60);
        for route in routes::all().iter().filter(|route| route.access == Access::Confirmed) {
            assert_eq!(barrier(&ask(&tab, route).await), Some("confirm"), "the password again at {route:?}");
        }
    }
    // Staff's pages ask again, too; a form that was shown may be filled in for longer.
    for (role, name, _) in &people {
        let tab = pages.signed_in(&house, name).await;
        // As long as something is done now and then: an administrator's session that lies idle ends sooner.
        for (wait, minutes) in [(6, 6), (13, 19), (13, 32)] {
            house.wait(wait * 60);
            for route in routes::all() {
                let Access::Staff(roles) = route.access else { continue };
                let met = barrier(&ask(&tab, &route).await);
                if !roles.contains(role) {
                    assert_eq!(met, Some("forbidden"), "{role} at {route:?}");
                } else if route.method == Method::POST && minutes < 30 {
                    assert_ne!(met, Some("confirm"), "a form at {route:?}");
                } else {
                    assert_eq!(met, Some("confirm"), "{role} at {route:?} after {minutes} minutes");
                }
            }
        }
    }
}

#[tokio::test]
async fn who_has_to_sign_in_again_before_a_form_is_taken_is_led_back_to_a_page() {
    let house = House::build_with(|config| config.sign_in.second_factor_optional_first_day = true);
    let pages = Pages::open(&house).await;
    let mut tab = pages.signed_in(&house, "root").await;
    let mut tried = 0;
    for route in routes::all().iter().filter(|route| route.method == Method::POST) {
        // The consent page shows what stands in its address: `web_oauth` tries it with something there.
        let takes_people = matches!(route.access, Access::SignedIn | Access::Confirmed | Access::Staff(_));
        if !takes_people || route.path == "/oauth/authorize" {
            continue;
        }
        let led = ask(&pages.browser(), route).await;
        let query = led.leads_to().strip_prefix("/sign-in?").unwrap();
        let next: Vec<(String, String)> = serde_urlencoded::from_str(query).unwrap();
        let back = tab.get(&next[0].1).await;
        let answers = [StatusCode::OK, StatusCode::SEE_OTHER];
        assert!(answers.contains(&back.status), "{} after signing in for {route:?}", back.status);
        tried += 1;
    }
    assert!(tried > 10, "the table was read");
}

#[tokio::test]
async fn who_is_not_allowed_is_in_the_audit_by_name() {
    let house = House::build();
    let ada = house.member("ada").await;
    let pages = Pages::open(&house).await;
    assert_eq!(pages.signed_in(&house, "ada").await.get("/setup/name").await.status, StatusCode::FORBIDDEN);
    let scopes = Scopes::of([Scope::WorkstationConfig]);
    let hour = Duration::from_secs(3600);
    let (_, token) = house.identity().issue_token(&Actor::Console, ada.id, String::new(), scopes, hour).await.unwrap();
    house.wait(60);
    let left = pages.program(token.expose()).post("/api/v1/devices/leave", &[]).await;
    assert_eq!(left.status, StatusCode::FORBIDDEN, "a token is no device");
    let entries: Vec<_> = house.audited().into_iter().filter(|entry| entry["action"] == "web.forbidden").collect();
    let told = entries.iter().map(|entry| (entry["actor"]["name"].as_str(), entry["subject"].as_str()));
    let expected = ["/setup/name", "/api/v1/devices/leave"].map(|path| (Some("ada"), Some(path)));
    assert_eq!(told.collect::<Vec<_>>(), expected);
}

#[tokio::test]
async fn whatever_a_route_writes_down_bears_the_id_that_its_answer_shows() {
    let house = House::build();
    house.member("ada").await;
    let pages = Pages::open(&house).await;
    let (ada, stranger) = (pages.signed_in(&house, "ada").await, pages.program("ghp_x"));
    let (mut known, mut written) = (house.audited().len(), 0);
    let wrong = [("name", "ada"), ("password", "not this one"), ("next", "/")];
    let refused = pages.browser().post("/sign-in", &wrong).await;
    let entry = house.audited().split_off(known).remove(0);
    assert_eq!((&entry["outcome"], &entry["request"]), (&"refused".into(), &refused.header("x-request-id").into()));
    for route in routes::all() {
        for tab in [&ada, &stranger] {
            known = house.audited().len();
            let answer = ask(tab, &route).await;
            for entry in house.audited().split_off(known) {
                assert_eq!(entry["request"], answer.header("x-request-id"), "{route:?}: {entry}");
                written += 1;
            }
        }
    }
    assert!(written >= 5, "{written} entries");
}

#[tokio::test]
async fn what_another_sites_page_sends_is_taken_by_no_route_that_knows_the_browser() {
    let house = House::build();
    let pages = Pages::open(&house).await;
    let root = pages.signed_in(&house, "root").await;
    for route in routes::all().iter().filter(|route| route.method != Method::GET) {
        if matches!(route.access, Access::Program | Access::Bearer(_) | Access::SetUp) {
            continue;
        }
        let request = axum::http::Request::builder().method(route.method.clone()).uri(path(route));
        let request = request.header("cookie", format!("__Host-gatehouse={}", root.cookie.as_ref().unwrap()));
        let request = request.header("sec-fetch-site", "cross-site").header("origin", "https://evil.example");
        let answer = root.clone().ask(request.body(axum::body::Body::empty()).unwrap()).await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{route:?}");
        assert_eq!(answer.json()["title"], "From another site", "{route:?}");
    }
}

#[tokio::test]
async fn in_set_up_every_route_but_those_for_it_leads_there() {
    let house = House::build();
    let pages = Pages::in_set_up(&house).await;
    for route in routes::all() {
        let (browser, program) = (ask(&pages.browser(), &route).await, ask(&pages.program("ght_x"), &route).await);
        let expected = match route.access {
            Access::Always | Access::SetUp => [None, None],
            _ => [Some("set up"), Some("not set up")],
        };
        // A program never comes from a page of the appliance.
        let program = barrier(&program).filter(|met| route.access != Access::SetUp || *met != "forbidden");
        assert_eq!([barrier(&browser), program], expected, "{route:?}");
    }
}

/// Names every route, whom it takes, and what an anonymous browser is answered with: a change of any of it is seen.
#[tokio::test]
async fn the_headers_of_every_route_are_as_they_were_agreed_on() {
    let house = House::build();
    let pages = Pages::open(&house).await;
    let mut seen = String::from(
        "# Each route, and how an anonymous browser is answered. GATEHOUSE_TEST_REWRITE=1 writes this file.\n",
    );
    let mut everywhere: Option<BTreeMap<String, String>> = None;
    let mut answers = Vec::new();
    for route in routes::all() {
        let answer = ask(&pages.browser(), &route).await;
        let fields =
            answer.headers.iter().filter(|(name, _)| !["x-request-id", "content-length"].contains(&name.as_str()));
        let fields = fields.map(|(name, value)| (name.to_string(), masked(value.to_str().unwrap())));
        let fields: BTreeMap<String, String> = fields.collect();
        let common = everywhere.get_or_insert_with(|| fields.clone());
        common.retain(|name, value| fields.get(name) == Some(value));
        assert_eq!(answer.headers["x-request-id"].len(), 32, "{route:?}");
        answers.push((route, answer.status, fields));
    }
    let everywhere = everywhere.unwrap();
    for must in ["content-security-policy", "x-content-type-options", "x-frame-options", "referrer-policy"] {
        assert!(answers.iter().all(|(_, _, fields)| fields.contains_key(must)), "{must} is in every answer");
    }
    writeln!(seen, "\nevery route").unwrap();
    everywhere.iter().for_each(|(name, value)| writeln!(seen, "    {name}: {value}").unwrap());
    for (route, status, fields) in answers {
        writeln!(seen, "\n{} {}  {:?}\n    {}", route.method, route.path, route.access, status.as_u16()).unwrap();
        let own = fields.iter().filter(|(name, _)| !everywhere.contains_key(*name));
        own.for_each(|(name, value)| writeln!(seen, "    {name}: {value}").unwrap());
    }
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/web_access.txt");
    if std::env::var_os("GATEHOUSE_TEST_REWRITE").is_some() {
        std::fs::write(&file, &seen).unwrap();
    }
    let agreed = std::fs::read_to_string(&file).unwrap_or_default();
    assert!(
        agreed == seen,
        "{} is another by now: look at the difference after GATEHOUSE_TEST_REWRITE=1",
        file.display()
    );
}

/// What differs from run to run, out of sight.
fn masked(value: &str) -> String {
    if let Some((before, after)) = value.split_once("gatehouse-authority-") {
        return format!("{before}gatehouse-authority-…{}", after.get(8..).unwrap_or_default());
    }
    let words = value.split_inclusive(['"', '-', '.']);
    let mask = |word: &str| {
        if word.len() > 30 && word.chars().all(|c| c.is_ascii_alphanumeric() || "_\"-".contains(c)) {
            "…".to_owned()
        } else {
            word.to_owned()
        }
    };
    words.map(mask).collect()
}
