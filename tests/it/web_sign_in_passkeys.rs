//! Passkeys: added, shown as the second step and alone, copied, removed; with Chromium and a device that WebDriver gives it. What
//! is made up is refused in process.

use axum::http::{Method, Request, StatusCode};
use fantoccini::Locator;
use gatehouse::config::Config;
use gatehouse::domain::Secret;

use crate::support::app::App;
use crate::support::appliance::TestAppliance;
use crate::support::browser::Browser;
use crate::support::house::{House, PASSWORD};
use crate::support::pages::{Answer, Pages, Tab};

async fn sign_in(browser: &Browser, name: &str, password: &str) {
    browser.fill(&[("name", name), ("password", password)], "Sign in").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_passkey_is_the_second_step_or_both_until_it_is_copied_or_removed() {
    let house = TestAppliance::start().await;
    let access = &house.demo.access;
    let (name, password) = (access.account.as_str(), access.password.as_str());
    let browser = Browser::trusting(&[&house.root_pem()]).await;
    let device = browser.add_authenticator().await;
    let page = async |path: &str| browser.goto(&format!("{}{path}", access.https_url)).await.unwrap();
    page("sign-in").await;
    sign_in(&browser, name, password).await;
    page("account").await;
    browser.follow("Add a passkey").await;
    browser.picture("passkey").await;
    browser.fill(&[("label", "laptop")], "Make a passkey").await;
    let codes = browser.client.find_all(Locator::Css(".codes code")).await.unwrap();
    assert_eq!(codes.len(), 10, "{}", browser.text().await);
    browser.follow("I have them: go on").await;
    assert!(browser.text().await.contains("laptop"), "{}", browser.text().await);

    browser.fill(&[], "Sign out").await;
    page("sign-in?next=%2Faccount").await;
    browser.fill(&[], "Sign in with a passkey").await;
    assert_eq!(browser.client.current_url().await.unwrap().path(), "/account", "{}", browser.text().await);

    browser.fill(&[], "Sign out").await;
    page("sign-in").await;
    sign_in(&browser, name, password).await;
    browser.picture("passkey-code").await;
    browser.fill(&[], "Use a passkey").await;
    assert!(browser.text().await.contains(&format!("You are signed in as {name}")));
    let cookie = async || browser.client.get_named_cookie("__Host-gatehouse").await.unwrap().value().to_owned();
    let former = cookie().await;
    page("confirm?next=%2Faccount%2Fpassword").await;
    browser.picture("confirm-passkey").await;
    browser.fill(&[], "Use a passkey").await;
    assert_eq!(browser.client.current_url().await.unwrap().path(), "/account/password", "{}", browser.text().await);
    assert_ne!(cookie().await, former, "the session goes on under another cookie");
    browser.copy_passkey(&device).await;
    page("confirm").await;
    browser.fill(&[], "Use a passkey").await;
    assert!(browser.text().await.contains("it may have been copied"), "{}", browser.text().await);
    assert!(browser.text().await.contains("Your password, please"));
    page("account").await;
    browser.fill(&[], "Sign out").await;
    page("sign-in").await;
    browser.fill(&[], "Sign in with a passkey").await;
    assert!(browser.text().await.contains("it may have been copied"), "{}", browser.text().await);

    let ada = house.state().identity.account(name).unwrap().id;
    let removed = house.state().identity.remove_factors(&gatehouse::audit::Actor::Console, ada).await.unwrap();
    assert_eq!(removed, 1);
    page("sign-in").await;
    browser.fill(&[], "Sign in with a passkey").await;
    assert!(browser.text().await.contains("This passkey is not known here"), "{}", browser.text().await);
    sign_in(&browser, name, password).await;
    assert!(browser.text().await.contains("You are signed in"));
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_passkey_may_be_the_first_second_factor_where_the_page_is_opened_by_a_name() {
    let house = TestAppliance::start().await;
    let access = &house.demo.access;
    let (name, password) = (access.admin_account.as_str(), access.admin_password.as_str());
    let browser = Browser::trusting(&[&house.root_pem()]).await;
    browser.add_authenticator().await;
    let by_address = access.https_url.replace("localhost", "127.0.0.1");
    browser.goto(&format!("{by_address}sign-in")).await.unwrap();
    sign_in(&browser, name, password).await;
    let text = browser.text().await;
    assert!(text.contains("Set up a second factor") && text.contains("and not by an address"), "{text}");
    assert!(!text.contains("Make a passkey"), "{text}");

    browser.goto(&format!("{}sign-in?next=%2Faccount", access.https_url)).await.unwrap();
    sign_in(&browser, name, password).await;
    assert!(browser.text().await.contains("authenticator app"), "the other way stays");
    browser.picture("enrol-passkey").await;
    browser.fill(&[], "Make a passkey").await;
    let codes = browser.client.find_all(Locator::Css(".codes code")).await.unwrap();
    assert_eq!(codes.len(), 10, "{}", browser.text().await);
    let recovery = codes[0].text().await.unwrap();
    browser.follow("I have them: go on").await;
    assert_eq!(browser.client.current_url().await.unwrap().path(), "/account", "{}", browser.text().await);
    let identity = &house.state().identity;
    let admin = identity.account(name).unwrap().id;
    assert_eq!(identity.factors(admin).unwrap().iter().map(|factor| factor.kind()).collect::<Vec<_>>(), ["passkey"]);

    browser.fill(&[], "Sign out").await;
    browser.goto(&format!("{}sign-in", access.https_url)).await.unwrap();
    sign_in(&browser, name, password).await;
    browser.fill(&[], "Use a passkey").await;
    assert!(browser.text().await.contains(&format!("You are signed in as {name}")));
    browser.fill(&[], "Sign out").await;
    browser.goto(&format!("{}sign-in", access.https_url)).await.unwrap();
    sign_in(&browser, name, password).await;
    browser.fill(&[("code", &recovery)], "Go on").await;
    assert!(browser.text().await.contains(&format!("You are signed in as {name}")));
    browser.close().await;
}

async fn by(tab: &mut Tab, method: Method, host: &str, path: &str) -> Answer {
    let request = Request::builder().method(method).uri(path).header("host", host).header("accept", "text/html");
    let request = request.header("sec-fetch-site", "same-origin");
    let request = match &tab.cookie {
        Some(cookie) => request.header("cookie", format!("__Host-gatehouse={cookie}")),
        None => request,
    };
    tab.ask(request.body(axum::body::Body::empty()).unwrap()).await
}

#[tokio::test]
async fn passkeys_are_offered_by_the_appliances_names_and_not_by_addresses_or_made_up_names() {
    let house = House::build_with(|config: &mut Config| config.appliance.names.push("192.0.2.1".to_owned()));
    house.member("ada").await;
    let pages = Pages::open(&house).await;
    let (mut tab, mut ada) = (pages.browser(), pages.signed_in(&house, "ada").await);
    for (host, offered) in [
        ("sql.corp.example", true),
        ("SQL.corp.example:8443", true),
        ("192.0.2.1", false),
        ("[::1]:443", false),
        ("evil.example", false),
    ] {
        let page = by(&mut tab, Method::GET, host, "/sign-in").await;
        assert_eq!(page.text().contains("data-passkey="), offered, "{host}");
        assert_eq!(page.text().contains("and not by an address"), !offered, "{host}");
        let options = by(&mut tab, Method::POST, host, "/sign-in/passkey/options").await;
        assert_eq!(options.status == StatusCode::OK, offered, "{host}");
        let account = by(&mut ada, Method::GET, host, "/account").await;
        assert_eq!(account.text().contains("/account/factors/passkey"), offered, "{host}");
        let add = by(&mut ada, Method::GET, host, "/account/factors/passkey").await;
        assert_eq!(add.status == StatusCode::OK, offered, "{host}");
    }
}

#[tokio::test]
async fn a_challenge_asks_to_recognise_the_holder_and_names_nobody() {
    let house = House::build();
    house.member("ada").await;
    let pages = Pages::open(&house).await;
    let asked = pages.browser().post("/sign-in/passkey/options", &[]).await.json();
    let key = &asked["options"]["publicKey"];
    assert_eq!((key["rpId"].as_str(), key["userVerification"].as_str()), (Some("sql.corp.example"), Some("required")));
    assert!(key["allowCredentials"].as_array().is_none_or(Vec::is_empty), "{asked}");
    let page = pages.signed_in(&house, "ada").await.get("/account/factors/passkey").await;
    let options =
        page.text().split("data-options=\"").nth(1).unwrap().split('"').next().unwrap().replace("&#34;", "\"");
    let key = &serde_json::from_str::<serde_json::Value>(&options).unwrap()["publicKey"];
    assert_eq!(key["authenticatorSelection"]["userVerification"], "required");
    assert_eq!((key["rp"]["id"].as_str(), key["attestation"].as_str()), (Some("sql.corp.example"), Some("none")));
}

#[tokio::test]
async fn what_no_passkey_signed_is_refused_and_written_down_and_a_challenge_is_answered_once() {
    let house = House::build();
    house.member("ada").await;
    let pages = Pages::open(&house).await;
    let made_up = r#"{"id":"AA","rawId":"AA","type":"public-key","response":{"clientDataJSON":"e30","authenticatorData":"AA","signature":"AA","userHandle":"AAAAAAAAAAAAAAAAAAAAAA"}}"#;
    let mut tab = pages.browser();
    for answer in ["", "{}", made_up, &"[".repeat(10_000)] {
        let ticket = tab.post("/sign-in/passkey/options", &[]).await.json()["ticket"].as_str().unwrap().to_owned();
        let form = [("ticket", ticket.as_str()), ("answer", answer), ("next", "/account")];
        let refused = tab.post("/sign-in/passkey", &form).await;
        assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
        assert!(refused.text().contains("This passkey is not known here"), "{}", refused.text());
        assert_eq!(refused.hidden("next"), "/account");
        let again = tab.post("/sign-in/passkey", &form).await;
        assert!(again.text().contains("This took too long"), "{}", again.text());
    }
    let mut ada = pages.signed_in(&house, "ada").await;
    let page = ada.get("/account/factors/passkey").await;
    let form = [("ticket", &*page.hidden("ticket")), ("answer", made_up), ("label", "laptop")];
    let refused = ada.post("/account/factors/passkey", &form).await;
    assert!(refused.status == StatusCode::UNPROCESSABLE_ENTITY && refused.text().contains("value=\"laptop\""));
    assert!(!ada.get("/confirm").await.text().contains("data-passkey"), "she has none");
    let cookie = ada.cookie.clone();
    let refused = ada.post("/confirm/passkey", &[("ticket", "ghk_none"), ("answer", made_up)]).await;
    assert!(refused.status == StatusCode::UNPROCESSABLE_ENTITY && refused.text().contains("This took too long"));
    assert_eq!(ada.cookie, cookie);
    let id = house.identity().account("ada").unwrap().id;
    assert!(house.identity().factors(id).unwrap().is_empty());
    let signed_in = tab.post("/sign-in", &[("name", "ada"), ("password", PASSWORD)]).await;
    let shown = [("ticket", "ghk_none"), ("answer", made_up)];
    assert!(pages.browser().post("/sign-in/passkey", &shown).await.text().contains("This took too long"));
    assert_eq!(signed_in.leads_to(), "/");
    let entries = house.audited();
    let reasons: Vec<_> = entries.iter().filter_map(|entry| entry["reason"].as_str()).collect();
    assert!(reasons.iter().filter(|reason| **reason == "wrong-passkey").count() >= 4, "{reasons:?}");
}

#[tokio::test]
async fn a_made_up_passkey_is_no_first_factor_and_the_app_can_still_be_set_up() {
    let house = House::build();
    house.account("root", gatehouse::domain::Role::Administrator).await;
    let pages = Pages::open(&house).await;
    let mut tab = pages.browser();
    let page = tab.post("/sign-in", &[("name", "root"), ("password", PASSWORD), ("next", "/account")]).await;
    assert!(page.text().contains("/sign-in/enrol/passkey"), "{}", page.text());
    let ticket = page.hidden("ticket");
    for answer in ["", "{}"] {
        let form = [("ticket", &*ticket), ("answer", answer), ("next", "/account")];
        let refused = tab.post("/sign-in/enrol/passkey", &form).await;
        assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
        assert!(refused.text().contains("This passkey is not known here"), "{}", refused.text());
        assert!(tab.cookie.is_none() && refused.hidden("ticket") == ticket && refused.hidden("next") == "/account");
    }
    let id = house.identity().account("root").unwrap().id;
    assert!(house.identity().factors(id).unwrap().is_empty());
    let key = page.text().split_once("class=\"key\">").unwrap().1.split_once('<').unwrap().0.replace(' ', "");
    let code = App::typed(&Secret::new(key)).code(house.now());
    let done = tab.post("/sign-in/enrol", &[("ticket", &*ticket), ("code", &code), ("next", "/account")]).await;
    assert!(done.status == StatusCode::OK && tab.cookie.is_some(), "{}", done.text());
    let late = [("ticket", &*ticket), ("answer", "{}")];
    assert!(pages.browser().post("/sign-in/enrol/passkey", &late).await.text().contains("This took too long"));
}
