//! One's own account: what it shows, what can be ended there, and that nobody gets at another's.

use std::time::Duration;

use axum::http::StatusCode;
use gatehouse::audit::Actor;
use gatehouse::domain::{Role, Scopes, Secret};
use gatehouse::identity::Account;
use gatehouse::identity::factors::Enrolment;
use gatehouse::identity::oauth::CONNECTOR;
use gatehouse::identity::web::Origin;

use crate::support::app::App;
use crate::support::house::{HERE, House, PASSWORD, name};
use crate::support::pages::{Answer, Pages, Tab};

/// What an account has, by the words of the page's links.
struct Things {
    account: Account,
    device: String,
    pass: String,
    token: String,
}

async fn things(house: &House, who: &str) -> Things {
    let account = house.member(who).await;
    let (identity, actor) = (house.identity(), house.actor(&account));
    let (device, _) = identity.add_device(&actor, name(&format!("{who}-pc")), account.id).await.unwrap();
    let hour = Duration::from_secs(3600);
    let (pass, _) = identity.issue_pass(&actor, account.id, Some(device.id), hour).await.unwrap();
    let label = format!("reports of {who}");
    let (token, _) = identity.issue_token(&actor, account.id, label, Scopes::sql(), hour).await.unwrap();
    let [device, pass, token] = [device.id.to_string(), pass.id.to_string(), token.id.to_string()];
    Things { account, device, pass, token }
}

async fn end(tab: &mut Tab, what: &str, id: &str) -> Answer {
    let page = tab.get(&format!("/account/end?what={what}&id={id}")).await;
    if page.status != StatusCode::OK {
        return page;
    }
    let (what, id) = (page.hidden("what"), page.hidden("id"));
    tab.post("/account/end", &[("what", &what), ("id", &id)]).await
}

#[tokio::test]
async fn the_page_shows_what_is_the_persons_own_and_nothing_of_anybody_else() {
    let house = House::build();
    let (ada, bob) = (things(&house, "ada").await, things(&house, "bob").await);
    let team = house.group("sales").await;
    let member = gatehouse::identity::Member::Account(ada.account.id);
    house.identity().add_member(&Actor::Console, team, member).await.unwrap();
    let pages = Pages::open(&house).await;
    pages.signed_in(&house, "ada").await;
    house.wait(3600 - 60);
    let mut tab = pages.signed_in(&house, "ada").await;
    let page = tab.get("/account").await;
    let shown = page.text();
    for own in ["<h1>ada</h1>", "member", "sales", "ada-pc", "reports of ada", &ada.device, &ada.pass, &ada.token] {
        assert!(shown.contains(own), "{own} in {shown}");
    }
    for others in ["bob", &bob.device, &bob.pass, &bob.token] {
        assert!(!shown.contains(others), "{others} in {shown}");
    }
    assert_eq!(shown.matches("(this one)").count(), 1);
    assert!(shown.contains("Your sign-in before this one: <time datetime=\"2027-03-01T08:00:00.000Z\">"), "{shown}");
    house.wait(60);
    assert!(!tab.get("/account").await.text().contains(&ada.pass), "a pass whose time is over is not there");
}

#[tokio::test]
async fn everything_that_is_ones_own_can_be_ended_and_is_gone() {
    let house = House::build();
    let ada = things(&house, "ada").await;
    let pages = Pages::open(&house).await;
    let mut tab = pages.signed_in(&house, "ada").await;
    for (what, id) in [("token", &ada.token), ("pass", &ada.pass), ("device", &ada.device)] {
        assert!(tab.get("/account").await.text().contains(id.as_str()), "{what}");
        let asked = tab.get(&format!("/account/end?what={what}&id={id}")).await;
        assert!(asked.text().contains("<button>Yes</button>"), "{}", asked.text());
        assert_eq!(end(&mut tab, what, id).await.leads_to(), "/account");
        assert!(!tab.get("/account").await.text().contains(id.as_str()), "{what}");
        assert_eq!(end(&mut tab, what, id).await.status, StatusCode::NOT_FOUND, "there is nothing left to end");
    }
    let actions = house.audited_actions();
    for action in ["token.revoke", "pass.revoke", "device.revoke"] {
        assert!(actions.iter().any(|one| one == action), "{action}");
    }
}

#[tokio::test]
async fn what_is_anothers_cannot_be_ended_nor_even_be_told_from_what_is_not_there() {
    let house = House::build();
    let bob = things(&house, "bob").await;
    house.member("ada").await;
    let pages = Pages::open(&house).await;
    let (mut ada, mut his) = (pages.signed_in(&house, "ada").await, pages.signed_in(&house, "bob").await);
    let session = house.identity().web_sessions(bob.account.id).unwrap()[0].id.to_string();
    let nobody = bob.account.id.to_string();
    for (what, id) in [("token", &bob.token), ("pass", &bob.pass), ("device", &bob.device), ("browser", &session)] {
        for id in [id, &nobody] {
            let page = ada.get(&format!("/account/end?what={what}&id={id}")).await;
            let sent = ada.post("/account/end", &[("what", what), ("id", id)]).await;
            assert_eq!((page.status, sent.status), (StatusCode::NOT_FOUND, StatusCode::NOT_FOUND), "{what}");
        }
    }
    let shown = his.get("/account").await;
    for id in [&bob.token, &bob.pass, &bob.device] {
        assert!(shown.text().contains(id.as_str()));
    }
}

#[tokio::test]
async fn other_browsers_are_signed_out_one_or_all_and_this_one_stays() {
    let house = House::build();
    let ada = house.member("ada").await;
    let pages = Pages::open(&house).await;
    let mut tab = pages.signed_in(&house, "ada").await;
    let mut others = [pages.signed_in(&house, "ada").await, pages.signed_in(&house, "ada").await];
    let mine = tab.get("/account").await;
    let first = mine.text().split("what=browser&amp;id=").nth(1).unwrap().split('"').next().unwrap().to_owned();
    assert_eq!(end(&mut tab, "browser", &first).await.leads_to(), "/account");
    assert_eq!(house.identity().web_sessions(ada.id).unwrap().len(), 2);
    assert_eq!(end(&mut tab, "other-browsers", "").await.leads_to(), "/account");
    for other in &mut others {
        assert!(other.get("/account").await.leads_to().starts_with("/sign-in"));
    }
    let alone = tab.get("/account").await;
    assert!(alone.status == StatusCode::OK && !alone.text().contains("everywhere else"));
}

#[tokio::test]
async fn what_is_sensitive_asks_for_the_password_again_and_comes_back() {
    let house = House::build();
    let ada = things(&house, "ada").await;
    let pages = Pages::open(&house).await;
    let mut tab = pages.signed_in(&house, "ada").await;
    house.wait(5 * 60 + 1);
    assert_eq!(tab.get("/account").await.status, StatusCode::OK, "looking is not sensitive");
    let path = format!("/account/end?what=device&id={}", ada.device);
    for (sensitive, path) in
        [("end", path.as_str()), ("app", "/account/factors/app"), ("codes", "/account/factors/codes")]
    {
        let led = tab.get(path).await;
        assert!(led.leads_to().starts_with("/confirm?next="), "{sensitive}");
    }
    let sent = tab.post("/account/end", &[("what", "device"), ("id", &ada.device)]).await;
    let asked = sent.leads_to().to_owned();
    let page = tab.get(&asked).await;
    let done = tab.post("/confirm", &[("password", PASSWORD), ("next", &page.hidden("next"))]).await;
    assert_eq!(tab.get(done.leads_to()).await.leads_to(), "/account", "what was sent is to be asked for anew");
    assert_eq!(end(&mut tab, "device", &ada.device).await.leads_to(), "/account");
}

fn app_of(page: &Answer) -> App {
    let url = page.text().split_once("<a href=\"otpauth:").unwrap().1.split('"').next().unwrap().replace("&#38;", "&");
    let key = page.text().split_once("class=\"key\">").unwrap().1.split('<').next().unwrap().replace(' ', "");
    App::scan(&Enrolment { secret: Secret::new(key), url: Secret::new(format!("otpauth:{url}")) })
}

#[tokio::test]
async fn a_member_adds_an_app_is_shown_recovery_codes_renews_them_and_removes_it() {
    let house = House::build();
    let ada = house.member("ada").await;
    let pages = Pages::open(&house).await;
    let mut tab = pages.signed_in(&house, "ada").await;
    assert!(tab.get("/account").await.text().contains("the password alone signs you in"));
    let none = tab.post("/account/factors/codes", &[]).await;
    assert_eq!(none.status, StatusCode::NOT_FOUND, "codes stand in for a factor: without one there are none");

    let page = tab.get("/account/factors/app").await;
    let (app, ticket) = (app_of(&page), page.hidden("ticket"));
    let form = |code: String, label: &str| [("ticket", ticket.clone()), ("code", code), ("label", label.to_owned())];
    let long = "x".repeat(101);
    for (code, label, said) in
        [("000000".to_owned(), "phone", "not right"), (app.code(house.now()), &*long, "at most 100")]
    {
        let form = form(code, label);
        let fields: Vec<(&str, &str)> = form.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let again = tab.post("/account/factors/app", &fields).await;
        assert!(again.status == StatusCode::UNPROCESSABLE_ENTITY && again.text().contains(said), "{}", again.text());
        assert_eq!((again.hidden("ticket"), app_of(&again).code(house.now())), (ticket.clone(), app.code(house.now())));
    }
    let code = app.code(house.now());
    let fields = [("ticket", ticket.as_str()), ("code", &code), ("label", "old <b>telephone</b>")];
    let codes = tab.post("/account/factors/app", &fields).await;
    assert_eq!(codes.text().matches("<li><code>").count(), 10);
    let replayed = tab.post("/account/factors/app", &fields).await;
    assert!(
        replayed.status == StatusCode::UNPROCESSABLE_ENTITY && replayed.hidden("ticket") != ticket,
        "another picture"
    );

    let page = tab.get("/account").await;
    assert!(page.text().contains("old &#60;b&#62;telephone") && page.text().contains("<strong>10</strong> of 10"));
    let renewed = tab.post("/account/factors/codes", &[]).await;
    assert_eq!(renewed.text().matches("<li><code>").count(), 10);
    assert_ne!(renewed.text(), codes.text());
    let factor = house.identity().factors(ada.id).unwrap()[0].id.to_string();
    assert_eq!(end(&mut tab, "factor", &factor).await.leads_to(), "/account");
    assert!(house.identity().factors(ada.id).unwrap().is_empty());
    assert_eq!(house.identity().recovery_codes_left(ada.id).unwrap(), 0);
    let entries = house.audited();
    let about: Vec<_> =
        entries.iter().filter(|entry| entry["action"].as_str().unwrap().starts_with("factor.")).collect();
    let told: Vec<_> =
        about.iter().map(|entry| (entry["action"].as_str().unwrap(), entry["outcome"].as_str().unwrap())).collect();
    let expected = [
        ("factor.add", "refused"),
        ("factor.add", "done"),
        ("factor.add", "refused"),
        ("factor.recovery-codes", "done"),
        ("factor.remove", "done"),
    ];
    assert_eq!(told, expected);
}

#[tokio::test]
async fn the_last_factor_of_who_must_have_one_stays() {
    let house = House::build();
    let grace = house.account("grace", Role::Administrator).await;
    let pages = Pages::open(&house).await;
    let mut tab = pages.signed_in(&house, "grace").await;
    let factor = house.identity().factors(grace.id).unwrap()[0].id.to_string();
    let refused = end(&mut tab, "factor", &factor).await;
    assert!(refused.status == StatusCode::UNPROCESSABLE_ENTITY && refused.text().contains("add another one first"));
    assert_eq!(house.identity().factors(grace.id).unwrap().len(), 1);
}

#[tokio::test]
async fn a_program_that_was_let_in_is_put_out() {
    let house = House::build();
    house.member("ada").await;
    let pages = Pages::open(&house).await;
    let mut tab = pages.signed_in(&house, "ada").await;
    let (identity, origin) = (house.identity(), Origin::new(HERE, "connector"));
    let visit = identity.visit(&Secret::new(tab.cookie.clone().unwrap()), &origin).await.unwrap().unwrap();
    let asked = identity.begin_device_flow(CONNECTOR, None, &origin).await.unwrap();
    assert!(identity.answer_device(&visit, asked.user_code.expose(), true).await.unwrap());
    identity.exchange_device_code(CONNECTOR, &asked.device_code, None, &origin).await.unwrap();
    let page = tab.get("/account").await;
    let id = page.text().split("what=program&amp;id=").nth(1).unwrap().split('"').next().unwrap().to_owned();
    assert_eq!(end(&mut tab, "program", &id).await.leads_to(), "/account");
    assert!(tab.get("/account").await.text().contains("You let no program in"));
}
