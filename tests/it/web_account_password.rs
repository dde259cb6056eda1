//! A new password: chosen by who knows the present one, or by an administrator's one-time link.

use axum::http::StatusCode;
use gatehouse::audit::Actor;
use gatehouse::domain::Role;

use crate::support::house::{HERE, House, OTHER_PASSWORD, PASSWORD};
use crate::support::pages::{Answer, Pages, Tab};

const CHANGE: &str = "/account/password";

async fn house_with(member: &str) -> (House, Pages) {
    let house = House::build();
    house.member(member).await;
    let pages = Pages::open(&house).await;
    (house, pages)
}

async fn change(tab: &mut Tab, old: &str, new: &str, again: &str) -> Answer {
    tab.post(CHANGE, &[("old", old), ("new", new), ("again", again)]).await
}

#[tokio::test]
async fn a_changed_password_ends_everything_else_and_this_browser_goes_on_under_a_new_cookie() {
    let (house, pages) = house_with("ada").await;
    let (mut tab, mut other) = (pages.signed_in(&house, "ada").await, pages.signed_in(&house, "ada").await);
    let mut former = tab.clone();
    assert_eq!(
        change(&mut tab, PASSWORD, OTHER_PASSWORD, OTHER_PASSWORD).await.leads_to(),
        "/account/password/changed"
    );
    assert!(tab.get("/account/password/changed").await.text().contains("Your password is changed"));
    for mut gone in [other.clone(), former.clone()] {
        assert!(gone.get(CHANGE).await.leads_to().starts_with("/sign-in"));
    }
    assert_ne!(tab.cookie, former.cookie);
    assert!(house.sign_in("ada", OTHER_PASSWORD).await.is_ok() && house.sign_in("ada", PASSWORD).await.is_err());
    let refused = change(&mut other, OTHER_PASSWORD, PASSWORD, PASSWORD).await;
    assert!(refused.leads_to().starts_with("/sign-in"));
    assert!(former.get(CHANGE).await.leads_to().starts_with("/sign-in"));
}

#[tokio::test]
async fn what_is_wrong_with_a_change_is_said_next_to_the_field_and_changes_nothing() {
    let (house, pages) = house_with("ada").await;
    let mut tab = pages.signed_in(&house, "ada").await;
    for (old, new, again, id, said) in [
        (OTHER_PASSWORD, "umbrella thirty oven 9", "umbrella thirty oven 9", "wrong-old", "not your present password"),
        (PASSWORD, "short", "short", "wrong-new", "at least 12 characters"),
        (PASSWORD, "password12345", "password12345", "wrong-new", "too easy to guess"),
        (PASSWORD, OTHER_PASSWORD, "another one entirely", "wrong-new", "differ"),
    ] {
        let answer = change(&mut tab, old, new, again).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{new}");
        let text = answer.text().split_once(&format!("role=\"alert\" id=\"{id}\">")).expect(id).1;
        assert!(text.split('<').next().unwrap().contains(said), "{text}");
        assert!(!answer.text().contains(old) && !answer.text().contains(new), "what was typed is not sent back");
    }
    assert!(house.sign_in("ada", PASSWORD).await.is_ok());
    let mut last = StatusCode::UNPROCESSABLE_ENTITY;
    while last == StatusCode::UNPROCESSABLE_ENTITY {
        last = change(&mut tab, OTHER_PASSWORD, "umbrella thirty oven 9", "umbrella thirty oven 9").await.status;
    }
    assert_eq!(last, StatusCode::TOO_MANY_REQUESTS, "the present password is not to be guessed here, either");
}

#[tokio::test]
async fn a_link_sets_a_password_once_and_signs_nobody_in() {
    let (house, pages) = house_with("ada").await;
    let mut signed_in = pages.signed_in(&house, "ada").await;
    let ada = house.identity().account("ada").unwrap().id;
    let (link, _) = house.identity().issue_reset_link(&Actor::Console, ada).await.unwrap();
    let path = format!("/reset/{}", link.expose());
    let mut tab = pages.browser();
    let page = tab.get(&path).await;
    assert!(page.text().contains("value=\"ada\"") && !page.text().contains(link.expose()), "{}", page.text());
    assert_eq!((page.header("cache-control"), page.header("referrer-policy")), ("no-store", "strict-origin"));
    for (new, again) in [("short", "short"), (OTHER_PASSWORD, PASSWORD)] {
        let answer = tab.post(&path, &[("new", new), ("again", again)]).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
        assert!(answer.text().contains("wrong-new") && answer.header("referrer-policy") == "strict-origin");
    }
    let done = tab.post(&path, &[("new", OTHER_PASSWORD), ("again", OTHER_PASSWORD)]).await;
    assert!(done.status == StatusCode::OK && done.text().contains("The password is set"), "{}", done.text());
    assert!(tab.cookie.is_none());
    assert!(signed_in.get(CHANGE).await.leads_to().starts_with("/sign-in"));
    assert!(house.sign_in("ada", OTHER_PASSWORD).await.is_ok());
    let again = tab.post(&path, &[("new", PASSWORD), ("again", PASSWORD)]).await;
    assert!(again.status == StatusCode::NOT_FOUND && again.text().contains("counts no more"), "{}", again.text());
    assert_eq!(tab.get(&path).await.status, StatusCode::NOT_FOUND);
    let entries = house.audited();
    let reset: Vec<_> = entries.iter().filter(|entry| entry["action"] == "account.password-reset").collect();
    assert_eq!(reset.iter().map(|entry| entry["outcome"].as_str().unwrap()).collect::<Vec<_>>(), ["done", "refused"]);
    assert!(!format!("{entries:?}").contains(link.expose()));
}

#[tokio::test]
async fn a_link_that_is_made_up_or_past_its_time_tells_nothing() {
    let (house, pages) = house_with("ada").await;
    let ada = house.identity().account("ada").unwrap().id;
    let (link, _) = house.identity().issue_reset_link(&Actor::Console, ada).await.unwrap();
    house.wait(3600);
    let made_up = format!("ghl_{}", "0".repeat(43));
    for link in [link.expose(), &made_up, "x", &"y".repeat(5000)] {
        let page = pages.browser().get(&format!("/reset/{link}")).await;
        assert_eq!(page.status, StatusCode::NOT_FOUND);
        // Nothing but the id of the request tells the page from that of any other link.
        let told = page.text().split("Request <code>").next().unwrap();
        assert!(told.contains("counts no more") && !told.contains(">ada"), "{told}");
    }
    let refused =
        |entry: &serde_json::Value| entry["action"] == "account.password-reset" && entry["outcome"] == "refused";
    let written: Vec<_> = house.audited().into_iter().filter(refused).collect();
    assert_eq!((written.len(), written[0]["peer"].as_str()), (1, Some(HERE.to_string().as_str())), "of a minute, one");
}

#[tokio::test]
async fn a_link_is_no_way_around_the_second_factor() {
    let (house, pages) = house_with("ada").await;
    let grace = house.account("grace", Role::Administrator).await;
    pages.signed_in(&house, "grace").await;
    let (link, _) = house.identity().issue_reset_link(&Actor::Console, grace.id).await.unwrap();
    let path = format!("/reset/{}", link.expose());
    let mut tab = pages.browser();
    assert_eq!(tab.post(&path, &[("new", OTHER_PASSWORD), ("again", OTHER_PASSWORD)]).await.status, StatusCode::OK);
    let page = tab.post("/sign-in", &[("name", "grace"), ("password", OTHER_PASSWORD)]).await;
    assert!(tab.cookie.is_none() && page.text().contains("action=\"/sign-in/code\""), "{}", page.text());
}
