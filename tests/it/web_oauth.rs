//! OAuth as programs and browsers meet it: metadata, consent, codes, the device flow, refreshing, revoking, looking at tokens.

use aws_lc_rs::digest::{SHA256, digest};
use axum::body::Body;
use axum::http::{Method, Request, StatusCode};
use base64::Engine as _;
use gatehouse::admin::{AdminRequest, AdminResponse, ClientRequest};
use gatehouse::audit::Actor;
use gatehouse::domain::{Role, Scope, Scopes};
use gatehouse::identity::oauth::CONNECTOR;

use crate::support::house::{HERE, House, PASSWORD, name};
use crate::support::pages::{Answer, Pages, Tab};

const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const REDIRECT: &str = "http://127.0.0.1:49152/callback";
const FORM: &str = "application/x-www-form-urlencoded";

/// The fields of a form.
type Fields<'a> = &'a [(&'a str, &'a str)];

/// What a program sends a person's browser with.
fn asked() -> Vec<(&'static str, String)> {
    let challenge = base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(digest(&SHA256, VERIFIER.as_bytes()));
    let plain = [
        ("client_id", CONNECTOR),
        ("redirect_uri", REDIRECT),
        ("response_type", "code"),
        ("scope", "sql workstation.config"),
        ("state", "a&b=<c>"),
        ("code_challenge_method", "S256"),
    ];
    plain.map(|(name, value)| (name, value.to_owned())).into_iter().chain([("code_challenge", challenge)]).collect()
}

/// The address of the page, with some parameters put in another's place.
fn page(changed: &[(&'static str, &str)]) -> String {
    let mut pairs = asked();
    for (name, value) in changed {
        pairs.retain(|(known, _)| known != name);
        pairs.push((name, (*value).to_owned()));
    }
    format!("/oauth/authorize?{}", serde_urlencoded::to_string(pairs).unwrap())
}

/// Sends the form of the consent page as it stands there.
async fn say(tab: &mut Tab, shown: &Answer, answer: &str) -> Answer {
    let hidden = |field: &str| {
        shown
            .hidden(field)
            .replace("&lt;", "<")
            .replace("&#60;", "<")
            .replace("&#62;", ">")
            .replace("&#38;", "&")
            .replace("&gt;", ">")
            .replace("&amp;", "&")
    };
    let fields =
        ["client_id", "redirect_uri", "response_type", "scope", "state", "code_challenge", "code_challenge_method"];
    let fields = fields.map(|field| (field, hidden(field)));
    let mut form: Vec<(&str, &str)> = fields.iter().map(|(name, value)| (*name, value.as_str())).collect();
    form.push(("answer", answer));
    tab.post("/oauth/authorize", &form).await
}

/// The parameters that a redirect brings to the program.
fn brought(answer: &Answer) -> Vec<(String, String)> {
    let query = answer.leads_to().strip_prefix(REDIRECT).unwrap().strip_prefix('?').unwrap();
    serde_urlencoded::from_str(query).unwrap()
}

fn value<'a>(pairs: &'a [(String, String)], name: &str) -> &'a str {
    pairs.iter().find(|(known, _)| known == name).map_or("", |(_, value)| value)
}

/// A code that ada gave.
async fn code(tab: &mut Tab) -> String {
    let shown = tab.get(&page(&[])).await;
    value(&brought(&say(tab, &shown, "allow").await), "code").to_owned()
}

async fn exchange(program: &mut Tab, code: &str) -> Answer {
    let form = [
        ("grant_type", "authorization_code"),
        ("client_id", CONNECTOR),
        ("code", code),
        ("redirect_uri", REDIRECT),
        ("code_verifier", VERIFIER),
    ];
    program.post("/oauth/token", &form).await
}

async fn refresh(program: &mut Tab, token: &str) -> Answer {
    let form = [("grant_type", "refresh_token"), ("client_id", CONNECTOR), ("refresh_token", token)];
    program.post("/oauth/token", &form).await
}

/// A house with ada, her browser, and a program without a token.
async fn open() -> (House, Pages, Tab, Tab) {
    let house = House::build();
    house.member("ada").await;
    let pages = Pages::open(&house).await;
    let (tab, program) = (pages.signed_in(&house, "ada").await, pages.stranger());
    (house, pages, tab, program)
}

fn is_refused(answer: &Answer, status: u16, error: &str) {
    assert_eq!((answer.status.as_u16(), &answer.json()["error"]), (status, &error.into()), "{}", answer.text());
    assert_eq!(answer.header("cache-control"), "no-store");
}

#[tokio::test]
async fn the_issuer_is_the_url_that_was_called_and_never_a_strangers_host() {
    let (_house, pages, ..) = open().await;
    let mut program = pages.stranger();
    for (host, issuer) in [
        ("sql.corp.example", "https://sql.corp.example"),
        ("SQL.corp.example:443", "https://sql.corp.example"),
        ("sql.corp.example:8443", "https://sql.corp.example:8443"),
        ("localhost:49152", "https://localhost:49152"),
        ("evil.example", "https://sql.corp.example"),
        ("evil.example:8443", "https://sql.corp.example"),
        ("sql.corp.example@evil.example", "https://sql.corp.example"),
        ("", "https://sql.corp.example"),
    ] {
        let request = Request::builder().uri("/.well-known/oauth-authorization-server").header("host", host);
        let answer = program.ask(request.body(Body::empty()).unwrap()).await;
        let document = answer.json();
        assert_eq!(document["issuer"], issuer, "{host}");
        for endpoint in ["authorization", "token", "device_authorization", "revocation", "introspection"] {
            let url = document[format!("{endpoint}_endpoint")].as_str().unwrap().to_owned();
            assert!(url.starts_with(&format!("{issuer}/oauth/")), "{url}");
        }
        assert_eq!(document["code_challenge_methods_supported"], serde_json::json!(["S256"]));
        assert_eq!(document["authorization_response_iss_parameter_supported"], true);
        assert_eq!(answer.header("cache-control"), "public, max-age=300");
    }
}

#[tokio::test]
async fn a_person_lets_a_program_in_on_a_page_that_says_who_asks_for_what_and_where_the_answer_goes() {
    let (house, pages, mut tab, mut program) = open().await;
    let shown = tab.get(&page(&[])).await;
    assert_eq!(shown.status, StatusCode::OK);
    for told in
        ["Gatehouse connector", "ada", "Sign in to your databases", "password", "this computer (127.0.0.1:49152)"]
    {
        assert!(shown.text().contains(told), "{told} in {}", shown.text());
    }
    assert!(shown.header("content-security-policy").contains("form-action 'self' http://127.0.0.1:49152;"));
    let answer = say(&mut tab, &shown, "allow").await;
    let pairs = brought(&answer);
    assert_eq!((value(&pairs, "state"), value(&pairs, "iss")), ("a&b=<c>", "https://sql.corp.example"));
    let given = exchange(&mut program, value(&pairs, "code")).await;
    assert_eq!((given.status, given.header("cache-control")), (StatusCode::OK, "no-store"));
    assert_eq!(given.header("set-cookie"), "");
    let tokens = given.json();
    assert_eq!((&tokens["token_type"], &tokens["expires_in"]), (&"Bearer".into(), &900.into()));
    assert_eq!(tokens["scope"], "sql workstation.config");
    let access = tokens["access_token"].as_str().unwrap();
    let config = pages.program(access).get("/api/v1/workstation/config").await;
    assert_eq!((config.status, &config.json()["account"]["name"]), (StatusCode::OK, &"ada".into()));
    assert!(house.audited_actions().iter().any(|action| action == "oauth.consent"));
}

#[tokio::test]
async fn a_client_that_the_administrator_registered_lets_people_in_until_it_is_removed() {
    let (house, pages, mut tab, mut program) = open().await;
    let (admin, console) = (house.admin(None), Actor::Console);
    let redirect_uris = vec!["http://127.0.0.1/callback".to_owned()];
    let scopes = Scopes::of([Scope::WorkstationConfig]);
    let add = ClientRequest::Add { name: name("Reports <b>"), redirect_uris, device_flow: false, scopes };
    let AdminResponse::Client(client) = admin.handle(&console, AdminRequest::Client(add)).await.unwrap() else {
        panic!("a client")
    };
    let asked = page(&[("client_id", &client.id), ("scope", "")]);
    let too_much = page(&[("client_id", &client.id)]);
    assert_eq!(value(&brought(&tab.get(&too_much).await), "error"), "invalid_scope");
    let mut codes = Vec::new();
    for _ in 0..2 {
        let shown = tab.get(&asked).await;
        assert!(shown.text().contains("Reports &#60;b&#62;"), "{}", shown.text());
        codes.push(value(&brought(&say(&mut tab, &shown, "allow").await), "code").to_owned());
    }
    let form = |code: usize| {
        [
            ("grant_type", "authorization_code"),
            ("client_id", client.id.as_str()),
            ("code", codes[code].as_str()),
            ("redirect_uri", REDIRECT),
            ("code_verifier", VERIFIER),
        ]
    };
    let tokens = program.post("/oauth/token", &form(0)).await.json();
    assert_eq!(tokens["scope"], "workstation.config");
    let mut let_in = pages.program(tokens["access_token"].as_str().unwrap());
    let config = "/api/v1/workstation/config";
    assert_eq!(let_in.get(config).await.json()["account"]["name"], "ada");
    let device = program.post("/oauth/device_authorization", &[("client_id", &client.id)]).await;
    is_refused(&device, 400, "unauthorized_client");

    let remove = ClientRequest::Remove(client.id.clone());
    admin.handle(&console, AdminRequest::Client(remove)).await.unwrap();
    assert_eq!(let_in.get(config).await.status, StatusCode::UNAUTHORIZED, "at once");
    let token = tokens["refresh_token"].as_str().unwrap();
    let again = [("grant_type", "refresh_token"), ("client_id", client.id.as_str()), ("refresh_token", token)];
    is_refused(&program.post("/oauth/token", &again).await, 400, "invalid_client");
    is_refused(&program.post("/oauth/token", &form(1)).await, 400, "invalid_client");
    let answer = tab.get(&asked).await;
    assert_eq!((answer.status, answer.header("location")), (StatusCode::BAD_REQUEST, ""));
    let audited = house.audited();
    let of = |action: &str| audited.iter().find(|entry| entry["action"] == action).unwrap();
    assert_eq!(of("oauth-client.add")["subject"], "Reports <b>");
    assert_eq!(of("oauth-client.remove")["actor"], of("oauth-client.add")["actor"]);
}

#[tokio::test]
async fn whoever_is_not_signed_in_is_led_to_do_so_and_back_to_the_question() {
    let (_house, pages, ..) = open().await;
    let answer = pages.browser().get(&page(&[])).await;
    let query = answer.leads_to().strip_prefix("/sign-in?").unwrap().to_owned();
    let pairs: Vec<(String, String)> = serde_urlencoded::from_str(&query).unwrap();
    assert_eq!(value(&pairs, "next"), page(&[]));
}

#[tokio::test]
async fn a_no_and_a_wrong_request_are_told_the_program_and_a_wrong_address_the_person_alone() {
    let (_house, _pages, mut tab, _) = open().await;
    let shown = tab.get(&page(&[])).await;
    let pairs = brought(&say(&mut tab, &shown, "deny").await);
    assert_eq!((value(&pairs, "error"), value(&pairs, "code")), ("access_denied", ""));
    for (changed, error) in [
        (("response_type", "token"), "unsupported_response_type"),
        (("response_type", ""), "invalid_request"),
        (("code_challenge_method", "plain"), "invalid_request"),
        (("code_challenge", "short"), "invalid_request"),
        (("scope", "admin.write"), "invalid_scope"),
    ] {
        let pairs = brought(&tab.get(&page(&[changed])).await);
        assert_eq!((value(&pairs, "error"), value(&pairs, "state")), (error, "a&b=<c>"), "{changed:?}");
        assert_eq!(value(&pairs, "iss"), "https://sql.corp.example");
    }
    for changed in [
        ("client_id", "nobody"),
        ("redirect_uri", "https://evil.example/callback"),
        ("redirect_uri", "http://127.0.0.1:1/other"),
    ] {
        let answer = tab.get(&page(&[changed])).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{changed:?}");
        assert_eq!((answer.header("location"), answer.header("www-authenticate")), ("", ""));
    }
    let twice = format!("{}&client_id={CONNECTOR}", page(&[]));
    assert_eq!(tab.get(&twice).await.status, StatusCode::BAD_REQUEST);
    let form = [("client_id", CONNECTOR), ("answer", "allow"), ("redirect_uri", "https://evil.example/")];
    assert_eq!(tab.post("/oauth/authorize", &form).await.status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn who_has_to_sign_in_again_before_the_answer_is_asked_again() {
    let (house, pages, mut tab, _) = open().await;
    let address = page(&[]);
    let shown = tab.get(&address).await;
    assert!(
        shown.text().contains("<form method=\"post\">\n<input type=\"hidden\" name=\"client_id\""),
        "a form to its own address"
    );
    tab.cookie = None;
    let led = tab.post(&address, &[("answer", "allow")]).await;
    let query = led.leads_to().strip_prefix("/sign-in?").unwrap();
    let next: Vec<(String, String)> = serde_urlencoded::from_str(query).unwrap();
    assert_eq!(next, [("next".to_owned(), address)]);
    let again = pages.signed_in(&house, "ada").await.get(&next[0].1).await;
    assert_eq!((again.status, again.hidden("client_id").as_str()), (StatusCode::OK, CONNECTOR));
}

#[tokio::test]
async fn another_sites_page_says_yes_for_nobody() {
    let (house, _pages, mut tab, _) = open().await;
    let shown = tab.get(&page(&[])).await;
    tab.page = false;
    let answer = say(&mut tab, &shown, "allow").await;
    assert_eq!(answer.status, StatusCode::FORBIDDEN);
    assert!(!house.audited_actions().iter().any(|action| action == "oauth.consent"));
}

#[tokio::test]
async fn a_code_that_comes_twice_puts_the_program_out() {
    let (_house, pages, mut tab, mut program) = open().await;
    let code = code(&mut tab).await;
    let given = exchange(&mut program, &code).await.json();
    is_refused(&exchange(&mut program, &code).await, 400, "invalid_grant");
    let access = given["access_token"].as_str().unwrap();
    let config = pages.program(access).get("/api/v1/workstation/config").await;
    assert_eq!(
        (config.status, config.header("www-authenticate")),
        (StatusCode::UNAUTHORIZED, "Bearer error=\"invalid_token\"")
    );
}

#[tokio::test]
async fn a_refresh_token_counts_once_and_used_again_it_puts_the_program_out() {
    let (_house, _pages, mut tab, mut program) = open().await;
    let code = code(&mut tab).await;
    let first = exchange(&mut program, &code).await.json();
    let first = first["refresh_token"].as_str().unwrap();
    // An answer that is not used may have been lost: it is asked for again.
    refresh(&mut program, first).await;
    let second = refresh(&mut program, first).await.json();
    let second = second["refresh_token"].as_str().unwrap();
    let second = refresh(&mut program, second).await.json();
    let second = second["refresh_token"].as_str().unwrap();
    is_refused(&refresh(&mut program, first).await, 400, "invalid_grant");
    is_refused(&refresh(&mut program, second).await, 400, "invalid_grant");
}

#[tokio::test]
async fn the_token_endpoint_says_what_is_wrong_in_the_codes_of_the_rfc() {
    let (house, _pages, mut tab, mut program) = open().await;
    let code = code(&mut tab).await;
    let forms: [(Fields<'_>, u16, &str); 8] = [
        (&[], 400, "invalid_request"),
        (&[("client_id", CONNECTOR), ("grant_type", "password"), ("username", "ada")], 400, "unsupported_grant_type"),
        (&[("client_id", CONNECTOR), ("grant_type", "authorization_code"), ("code", &code)], 400, "invalid_request"),
        (&[("client_id", "nobody"), ("grant_type", "refresh_token"), ("refresh_token", "x")], 400, "invalid_client"),
        (&[("client_id", CONNECTOR), ("grant_type", "refresh_token")], 400, "invalid_request"),
        (&[("client_id", CONNECTOR), ("grant_type", "refresh_token"), ("refresh_token", "x")], 400, "invalid_grant"),
        (&[("client_id", CONNECTOR), ("client_id", CONNECTOR), ("grant_type", "x")], 400, "invalid_request"),
        (
            &[
                ("client_id", "nobody"),
                ("grant_type", "urn:ietf:params:oauth:grant-type:device_code"),
                ("device_code", "x"),
            ],
            400,
            "invalid_client",
        ),
    ];
    for (form, status, error) in forms {
        is_refused(&program.post("/oauth/token", form).await, status, error);
    }
    let mut with_secret = program.with("authorization", "Basic Y29ubmVjdG9yOnNlY3JldA==");
    is_refused(&exchange(&mut with_secret, &code).await, 401, "invalid_client");
    let json = program.send(Method::POST, "/oauth/token", Some("application/json"), "{}").await;
    is_refused(&json, 415, "invalid_request");
    let long = format!("grant_type={}", "x".repeat(70_000));
    is_refused(&program.send(Method::POST, "/oauth/token", Some(FORM), &long).await, 413, "invalid_request");
    is_refused(&program.send(Method::POST, "/oauth/token", Some(FORM), "client_id=%ff").await, 400, "invalid_request");
    assert_eq!(exchange(&mut program, &code).await.status, StatusCode::OK, "nothing of it used the code up");
    house.wait(60);
    is_refused(&refresh(&mut program, "x").await, 400, "invalid_grant");
    let refusals: Vec<_> = house
        .audited()
        .into_iter()
        .filter(|entry| entry["outcome"] == "refused")
        .map(|entry| (entry["action"].clone(), entry["details"]["repeated"].clone()))
        .collect();
    let nothing = serde_json::Value::Null;
    let expected = [("web.malformed", nothing.clone()), ("oauth.refused", nothing), ("oauth.refused", "4".into())];
    assert_eq!(refusals, expected.map(|(action, repeated)| (action.into(), repeated)), "of each, one of a minute");
}

/// The refusals in the audit: each with its action and reason.
fn refusals(house: &House) -> Vec<(String, String)> {
    let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
    let refused = house.audited().into_iter().filter(|entry| entry["outcome"] == "refused");
    refused.map(|entry| (text(&entry["action"]), text(&entry["reason"]))).collect()
}

#[tokio::test]
async fn each_refusal_is_in_the_audit_once_and_a_question_that_comes_again_is_none() {
    let (house, _pages, mut tab, mut program) = open().await;
    let forms: [(&str, Fields<'_>, &str); 6] = [
        ("/oauth/token", &[("grant_type", "password"), ("username", "ada"), ("password", "x")], "grant type"),
        (
            "/oauth/token",
            &[
                ("grant_type", "authorization_code"),
                ("client_id", "nobody"),
                ("code", "x"),
                ("redirect_uri", REDIRECT),
                ("code_verifier", VERIFIER),
            ],
            "not registered",
        ),
        (
            "/oauth/token",
            &[("grant_type", "refresh_token"), ("client_id", CONNECTOR), ("refresh_token", "x")],
            "not a refresh token",
        ),
        ("/oauth/device_authorization", &[("client_id", "nobody")], "not registered"),
        ("/oauth/device_authorization", &[("client_id", CONNECTOR), ("scope", "admin.read")], "scope"),
        ("/oauth/revoke", &[("client_id", "nobody"), ("token", "x")], "not registered"),
    ];
    for (path, form, _) in forms {
        house.wait(60);
        assert_eq!(program.post(path, form).await.status, StatusCode::BAD_REQUEST, "{form:?}");
    }
    let pages = [
        ("client_id", "nobody", "not registered"),
        ("redirect_uri", "https://evil.example/", "redirect"),
        ("scope", "admin.write", "scope"),
    ];
    for (name, value, _) in pages {
        house.wait(60);
        tab.get(&page(&[(name, value)])).await;
    }
    let reasons = forms.map(|(.., reason)| reason).into_iter().chain(pages.map(|(.., reason)| reason));
    let written = refusals(&house);
    assert_eq!(written.len(), 9, "{written:?}");
    for ((action, told), reason) in written.iter().zip(reasons) {
        assert!(action == "oauth.refused" && told.contains(reason), "{action}: {told}, and not {reason}");
    }
    assert!(house.audited().iter().any(|entry| entry["action"] == "oauth.refused" && entry["actor"]["name"] == "ada"));

    house.wait(60);
    let begun = program.post("/oauth/device_authorization", &[("client_id", CONNECTOR)]).await.json();
    let device_code = begun["device_code"].as_str().unwrap();
    let form = [
        ("grant_type", "urn:ietf:params:oauth:grant-type:device_code"),
        ("client_id", CONNECTOR),
        ("device_code", device_code),
    ];
    is_refused(&program.post("/oauth/token", &form).await, 400, "authorization_pending");
    is_refused(&program.post("/oauth/token", &form).await, 400, "slow_down");
    assert_eq!(refusals(&house).len(), 9);
}

#[tokio::test]
async fn wrong_user_codes_and_their_throttling_are_in_the_audit() {
    let (house, _pages, mut tab, _) = open().await;
    let mut wrong = 0;
    while tab.post("/device", &[("user_code", "BCDF-GHJK")]).await.status == StatusCode::UNPROCESSABLE_ENTITY {
        wrong += 1;
        assert!(wrong < 100, "nobody types on for ever");
    }
    assert_eq!(
        tab.post("/device/answer", &[("user_code", "BCDF-GHJK"), ("answer", "allow")]).await.status.as_u16(),
        429
    );
    let mut expected = vec![("oauth.user-code".to_owned(), "wrong-code".to_owned()); wrong];
    expected.push(("oauth.user-code".to_owned(), "throttled".to_owned()));
    assert_eq!(refusals(&house), expected, "throttled tries cost nothing: one of a minute is written");
    assert!(house.audited().iter().all(|entry| !entry.to_string().contains("BCDF")));
}

#[tokio::test]
async fn an_account_that_is_disabled_between_the_yes_and_the_exchange_is_refused_and_that_is_written_down() {
    let (house, _pages, mut tab, mut program) = open().await;
    let begun = program.post("/oauth/device_authorization", &[("client_id", CONNECTOR)]).await.json();
    let user_code = begun["user_code"].as_str().unwrap();
    tab.post("/device/answer", &[("user_code", user_code), ("answer", "allow")]).await.leads_to();
    let ada = house.identity().account("ada").unwrap().id;
    house.identity().alter_account(&Actor::Console, ada, gatehouse::identity::Alteration::Disable).await.unwrap();
    let form = [
        ("grant_type", "urn:ietf:params:oauth:grant-type:device_code"),
        ("client_id", CONNECTOR),
        ("device_code", begun["device_code"].as_str().unwrap()),
    ];
    is_refused(&program.post("/oauth/token", &form).await, 400, "invalid_grant");
    let why = "the account or the client has changed since the person's yes";
    assert_eq!(refusals(&house), [("oauth.refused".to_owned(), why.to_owned())]);
}

#[tokio::test]
async fn a_program_without_a_browser_is_let_in_by_a_code_that_a_person_types() {
    let (house, _pages, mut tab, mut program) = open().await;
    let begun = program.post("/oauth/device_authorization", &[("client_id", CONNECTOR), ("scope", "sql")]).await.json();
    assert_eq!(begun["verification_uri"], "https://sql.corp.example/device");
    let user_code = begun["user_code"].as_str().unwrap();
    let linked = format!("https://sql.corp.example/device?user_code={user_code}");
    assert_eq!(begun["verification_uri_complete"], linked.as_str());
    let device_code = begun["device_code"].as_str().unwrap().to_owned();
    let form = [
        ("grant_type", "urn:ietf:params:oauth:grant-type:device_code"),
        ("client_id", CONNECTOR),
        ("device_code", device_code.as_str()),
    ];
    is_refused(&program.post("/oauth/token", &form).await, 400, "authorization_pending");
    is_refused(&program.post("/oauth/token", &form).await, 400, "slow_down");
    let prefilled = tab.get(&format!("/device?user_code={user_code}")).await;
    assert!(prefilled.text().contains(&format!("value=\"{user_code}\"")));
    let wrong = tab.post("/device", &[("user_code", "BCDF-<b>")]).await;
    assert_eq!(wrong.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(wrong.text().contains("No program waits for this code") && !wrong.text().contains("<b>"));
    let typed = user_code.to_lowercase().replace('-', " ");
    let shown = tab.post("/device", &[("user_code", &typed)]).await;
    for told in ["Gatehouse connector", &HERE.to_string(), "Sign in to your databases"] {
        assert!(shown.text().contains(told), "{told} in {}", shown.text());
    }
    let hidden = shown.hidden("user_code");
    let answer = tab.post("/device/answer", &[("user_code", &hidden), ("answer", "allow")]).await;
    assert_eq!(answer.leads_to(), "/device/allowed");
    assert!(tab.get("/device/allowed").await.text().contains("The program is let in"));
    let again = tab.post("/device/answer", &[("user_code", &hidden), ("answer", "deny")]).await;
    assert_eq!(again.status, StatusCode::UNPROCESSABLE_ENTITY);
    house.wait(10);
    let given = program.post("/oauth/token", &form).await;
    assert_eq!((given.status, &given.json()["scope"]), (StatusCode::OK, &"sql".into()));
}

#[tokio::test]
async fn a_program_that_was_denied_is_told_so_and_unknown_programs_begin_nothing() {
    let (_house, _pages, mut tab, mut program) = open().await;
    let begun = program.post("/oauth/device_authorization", &[("client_id", CONNECTOR)]).await.json();
    let form = [("user_code", begun["user_code"].as_str().unwrap()), ("answer", "deny")];
    assert_eq!(tab.post("/device/answer", &form).await.leads_to(), "/device/denied");
    let form = [
        ("grant_type", "urn:ietf:params:oauth:grant-type:device_code"),
        ("client_id", CONNECTOR),
        ("device_code", begun["device_code"].as_str().unwrap()),
    ];
    is_refused(&program.post("/oauth/token", &form).await, 400, "access_denied");
    is_refused(&program.post("/oauth/device_authorization", &[("client_id", "nobody")]).await, 400, "invalid_client");
    let more = [("client_id", CONNECTOR), ("scope", "admin.read")];
    is_refused(&program.post("/oauth/device_authorization", &more).await, 400, "invalid_scope");
}

#[tokio::test]
async fn whoever_lets_a_program_in_that_administers_gave_the_password_of_late() {
    let (house, pages, mut tab, _) = open().await;
    let scopes = Scopes::of([Scope::AdminRead]);
    let redirect_uris = vec!["http://127.0.0.1/callback".to_owned()];
    let add = ClientRequest::Add { name: name("Inventory"), redirect_uris, device_flow: true, scopes };
    let added = house.admin(None).handle(&Actor::Console, AdminRequest::Client(add)).await.unwrap();
    let AdminResponse::Client(client) = added else { panic!("a client") };
    let asked = page(&[("client_id", &client.id), ("scope", "admin.read")]);
    let shown = tab.get(&asked).await;
    let begin = [("client_id", client.id.as_str()), ("scope", "admin.read")];
    let begun = pages.stranger().post("/oauth/device_authorization", &begin).await.json();
    let form = |answer| [("user_code", begun["user_code"].as_str().unwrap()), ("answer", answer)];

    house.wait(6 * 60);
    assert_eq!(tab.get(&page(&[])).await.status, StatusCode::OK, "one that does less needs no more");
    let led = tab.get(&asked).await.leads_to().to_owned();
    assert!(led.starts_with("/confirm?next=%2Foauth%2Fauthorize%3F"), "{led}");
    assert!(say(&mut tab, &shown, "allow").await.leads_to().starts_with("/confirm?"));
    assert!(tab.post("/device/answer", &form("allow")).await.leads_to().starts_with("/confirm?"));
    // Nobody has to prove anything to say no.
    assert_eq!(value(&brought(&say(&mut tab, &shown, "deny").await), "error"), "access_denied");

    let confirm = tab.get(&led).await;
    let back = tab.post("/confirm", &[("password", PASSWORD), ("next", &confirm.hidden("next"))]).await;
    assert!(back.leads_to().starts_with("/oauth/authorize?"));
    let shown = tab.get(&asked).await;
    assert_ne!(value(&brought(&say(&mut tab, &shown, "allow").await), "code"), "");
    assert_eq!(tab.post("/device/answer", &form("allow")).await.leads_to(), "/device/allowed");
}

#[tokio::test]
async fn tokens_are_revoked_by_who_has_them_and_looked_at_by_administrators() {
    let (house, pages, mut tab, mut program) = open().await;
    let root = house.identity().account("root").unwrap();
    let day = std::time::Duration::from_secs(86_400);
    let scopes = Scopes::of([Scope::AdminRead]);
    let label = || "a test".to_owned();
    let (_, token) =
        house.identity().issue_token(&Actor::Console, root.id, label(), scopes.clone(), day).await.unwrap();
    let mut administrator = pages.program(token.expose());
    let auditor = house.account("audrey", Role::Auditor).await;
    let (_, token) = house.identity().issue_token(&Actor::Console, auditor.id, label(), scopes, day).await.unwrap();
    let mut auditor = pages.program(token.expose());

    let given = exchange(&mut program, &code(&mut tab).await).await.json();
    let (access, refresh) = (given["access_token"].as_str().unwrap(), given["refresh_token"].as_str().unwrap());
    let look = administrator.post("/oauth/introspect", &[("token", access)]).await.json();
    assert_eq!(
        (&look["active"], &look["username"], &look["client_id"]),
        (&true.into(), &"ada".into(), &CONNECTOR.into())
    );
    assert!(look["exp"].as_i64().unwrap() > house.now().as_millis() / 1000);
    assert_eq!(auditor.post("/oauth/introspect", &[("token", access)]).await.status, StatusCode::FORBIDDEN);
    let own = pages.program(access).post("/oauth/introspect", &[("token", access)]).await;
    assert_eq!(
        (own.status, own.header("www-authenticate")),
        (StatusCode::FORBIDDEN, "Bearer error=\"insufficient_scope\"")
    );
    assert_eq!(program.post("/oauth/introspect", &[("token", access)]).await.status, StatusCode::UNAUTHORIZED);

    is_refused(&program.post("/oauth/revoke", &[("client_id", CONNECTOR)]).await, 400, "invalid_request");
    let unknown = program.post("/oauth/revoke", &[("client_id", CONNECTOR), ("token", "ghr_nothing")]).await;
    assert_eq!((unknown.status, unknown.body.len()), (StatusCode::OK, 0));
    let form = [("client_id", CONNECTOR), ("token", refresh), ("token_type_hint", "refresh_token")];
    assert_eq!(program.post("/oauth/revoke", &form).await.status, StatusCode::OK);
    let look = administrator.post("/oauth/introspect", &[("token", access)]).await.json();
    assert_eq!(look, serde_json::json!({ "active": false }));
}
