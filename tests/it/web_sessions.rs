//! Signed-in browsers: what begins a session, what it is told by, and everything that ends it.

use std::time::Duration;

use futures_util::future::join_all;
use gatehouse::audit::Actor;
use gatehouse::domain::{Credential, Event, Role, Secret};
use gatehouse::identity::web::{Begun, Origin, Step, Visit};
use gatehouse::identity::{Alteration, SignInError};

use crate::support::house::{HERE, House, OTHER_PASSWORD, PASSWORD, THERE};

const MINUTE: u64 = 60;
const HOUR: u64 = 3600;

async fn sign_in(house: &House, who: &str) -> Begun {
    let Step::Done(begun) = house.web_sign_in(who, PASSWORD, &here()).await.unwrap() else { panic!("another stage") };
    begun
}

fn here() -> Origin {
    Origin::new(HERE, "Firefox")
}

async fn visit(house: &House, begun: &Begun) -> Option<Visit> {
    house.identity().visit(&begun.cookie, &here()).await.unwrap()
}

#[tokio::test]
async fn a_member_signs_in_with_a_password_and_is_known_by_the_cookie_alone() {
    let house = House::build();
    let ada = house.member("Ada").await;
    let begun = sign_in(&house, "ada").await;
    assert!(begun.cookie.expose().starts_with("ghs_"));
    let visit = visit(&house, &begun).await.unwrap();
    assert_eq!((visit.principal.account, visit.principal.credential), (ada.id, Credential::Web(begun.session.id)));
    assert_eq!((visit.session.peer, visit.session.agent.as_str()), (HERE, "Firefox"));
    assert!(house.identity().still_valid(&visit.principal));
    for strange in ["", "ghs_", &"x".repeat(9000), &format!("ghs_{}", "0".repeat(43))] {
        assert!(house.identity().visit(&Secret::new(strange), &here()).await.unwrap().is_none(), "{strange}");
    }
    assert!(house.sign_in("ada", begun.cookie.expose()).await.is_err(), "a cookie opens no database");
}

#[tokio::test]
async fn a_password_that_does_not_count_at_the_gateway_counts_on_the_web() {
    let house = House::build();
    let ada = house.member("ada").await;
    house.identity().alter_account(&Actor::Console, ada.id, Alteration::PasswordAtGateway(false)).await.unwrap();
    sign_in(&house, "ada").await;
}

#[tokio::test]
async fn whoever_is_refused_learns_no_more_than_at_the_gateway_and_costs_as_much() {
    let house = House::build();
    let (ada, bob) = (house.member("ada").await, house.member("bob").await);
    house.identity().alter_account(&Actor::Console, ada.id, Alteration::Disable).await.unwrap();
    let soon = house.now().after(Duration::from_secs(HOUR));
    house.identity().alter_account(&Actor::Console, bob.id, Alteration::Expires(Some(soon))).await.unwrap();
    house.wait(HOUR);
    let mut texts = Vec::new();
    for who in ["ada", "bob", "nobody"] {
        let before = house.identity().hashes_computed();
        let error = house.web_sign_in(who, OTHER_PASSWORD, &here()).await.unwrap_err();
        assert_eq!(house.identity().hashes_computed() - before, 1, "{who}");
        texts.push(error.text());
    }
    texts.dedup();
    assert_eq!(texts.len(), 1);
    assert!(matches!(house.web_sign_in("ada", PASSWORD, &here()).await, Err(SignInError::Disabled)));
    assert!(matches!(house.web_sign_in("bob", PASSWORD, &here()).await, Err(SignInError::Expired)));
    let refused: Vec<_> = house.audited().into_iter().filter(|entry| entry["outcome"] == "refused").collect();
    let reasons: Vec<&str> = refused.iter().map(|entry| entry["reason"].as_str().unwrap()).collect();
    assert_eq!(reasons, ["wrong-secret", "wrong-secret", "wrong-secret", "account-disabled", "expired"]);
}

#[tokio::test]
async fn a_flood_of_throttled_tries_does_not_fill_the_audit() {
    let house = House::build();
    for _ in 0..100 {
        assert!(house.web_sign_in("ada", OTHER_PASSWORD, &here()).await.is_err());
    }
    let reasons: Vec<_> = house.audited().into_iter().map(|entry| entry["reason"].clone()).collect();
    assert_eq!(reasons.iter().filter(|reason| *reason == "wrong-secret").count(), 5);
    assert_eq!(reasons.iter().filter(|reason| *reason == "throttled").count(), 1);
    house.wait(MINUTE);
    for _ in 0..2 {
        assert!(house.web_sign_in("ada", OTHER_PASSWORD, &here()).await.is_err());
    }
    let last = house.audited().pop().unwrap();
    assert_eq!((last["reason"].as_str(), last["details"]["repeated"].as_str()), (Some("throttled"), Some("94")));
}

#[tokio::test]
async fn an_idle_session_ends_and_one_in_use_goes_on_to_its_absolute_limit() {
    let house = House::build();
    house.member("ada").await;
    let begun = sign_in(&house, "ada").await;
    let idle = sign_in(&house, "ada").await;
    let live = || house.identity().web_sessions(begun.session.account).unwrap().len();
    let mut lived = 0;
    while visit(&house, &begun).await.is_some() {
        assert_eq!(live(), if lived < 8 { 2 } else { 1 }, "after {lived} hours");
        house.wait(HOUR);
        lived += 1;
    }
    assert_eq!((lived, live()), (7 * 24, 0));
    assert!(visit(&house, &idle).await.is_none());
}

#[tokio::test]
async fn when_a_session_was_seen_is_written_once_a_minute_and_from_where() {
    let house = House::build();
    let ada = house.member("ada").await;
    let begun = sign_in(&house, "ada").await;
    let seen = || house.identity().web_sessions(ada.id).unwrap()[0].clone();
    house.wait(59);
    visit(&house, &begun).await.unwrap();
    assert_eq!(seen(), begun.session, "nothing is written");
    house.wait(1);
    house.identity().visit(&begun.cookie, &Origin::new(THERE, "Firefox")).await.unwrap().unwrap();
    assert_eq!((seen().seen, seen().seen_from, seen().peer), (house.now(), THERE, HERE));
}

#[tokio::test]
async fn the_limits_go_by_the_role() {
    let house = House::build();
    house.account("olga", Role::Auditor).await;
    let begun = sign_in(&house, "olga").await;
    house.wait(15 * MINUTE - 1);
    assert!(visit(&house, &begun).await.is_some());
    house.wait(15 * MINUTE);
    assert!(visit(&house, &begun).await.is_none());
}

#[tokio::test]
async fn a_session_ends_with_whatever_ends_what_its_account_signed_in_with() {
    let house = House::build();
    let ada = house.member("ada").await;
    let changes = [Alteration::Disable, Alteration::Enable, Alteration::Role(Role::Operator)];
    for change in changes {
        let begun = match house.web_sign_in("ada", PASSWORD, &here()).await {
            Ok(Step::Done(begun)) => Some(begun),
            _ => None,
        };
        house.identity().alter_account(&Actor::Console, ada.id, change.clone()).await.unwrap();
        if let Some(begun) = begun {
            assert!(visit(&house, &begun).await.is_none(), "{change:?}");
        }
    }
    let begun = sign_in(&house, "ada").await;
    house.identity().set_password(&Actor::Console, ada.id, Secret::new(OTHER_PASSWORD)).await.unwrap();
    assert!(visit(&house, &begun).await.is_none());
    house.identity().set_password(&Actor::Console, ada.id, Secret::new(PASSWORD)).await.unwrap();
    let begun = sign_in(&house, "ada").await;
    house.identity().remove_account(&Actor::Console, ada.id).await.unwrap();
    assert!(visit(&house, &begun).await.is_none());
    assert_eq!(house.identity().last_web_sign_in(ada.id).unwrap(), None);
}

#[tokio::test]
async fn a_session_is_ended_by_its_person_or_an_administrator_one_or_all() {
    let house = House::build();
    let ada = house.member("ada").await;
    let (one, two, three) = (sign_in(&house, "ada").await, sign_in(&house, "ada").await, sign_in(&house, "ada").await);
    house.take_events();
    let seen = visit(&house, &one).await.unwrap();
    house.identity().end_web_session(&seen.actor(), ada.id, two.session.id).await.unwrap();
    assert_eq!(house.take_events(), [Event::WebSessionEnded(two.session.id)]);
    assert!(!house.identity().web_sessions(ada.id).unwrap().iter().any(|session| session.id == two.session.id));
    assert!(visit(&house, &two).await.is_none());
    assert!(house.identity().end_web_session(&seen.actor(), ada.id, two.session.id).await.is_err(), "no second time");
    let ended = house.identity().end_web_sessions(&seen.actor(), ada.id, Some(one.session.id)).await.unwrap();
    assert_eq!(ended, 1);
    assert!(visit(&house, &three).await.is_none() && visit(&house, &one).await.is_some());
    assert_eq!(house.identity().end_web_sessions(&Actor::Console, ada.id, None).await.unwrap(), 1);
    assert!(visit(&house, &one).await.is_none());
    assert!(!house.identity().still_valid(&seen.principal));
    let bob = house.member("bob").await;
    let his = sign_in(&house, "bob").await;
    let other = house.identity().end_web_session(&seen.actor(), ada.id, his.session.id).await;
    assert!(other.is_err(), "nobody ends another's session under his own name");
    assert_eq!(house.identity().web_sessions(bob.id).unwrap().len(), 1);
}

#[tokio::test]
async fn an_account_has_a_bounded_number_of_sessions_and_loses_the_one_in_least_use() {
    let house = House::build();
    let ada = house.member("ada").await;
    let first = sign_in(&house, "ada").await;
    house.wait(MINUTE);
    let second = sign_in(&house, "ada").await;
    house.wait(MINUTE);
    visit(&house, &first).await.unwrap();
    join_all((0..19).map(|_| sign_in(&house, "ada"))).await;
    assert_eq!(house.identity().web_sessions(ada.id).unwrap().len(), 20);
    assert!(visit(&house, &second).await.is_none() && visit(&house, &first).await.is_some());
}

#[tokio::test]
async fn the_person_is_told_of_the_sign_in_before() {
    let house = House::build();
    let ada = house.member("ada").await;
    assert_eq!(sign_in(&house, "ada").await.session.previous, None);
    let first = house.now();
    house.wait(MINUTE);
    let previous = sign_in(&house, "ada").await.session.previous.unwrap();
    assert_eq!((previous.at, previous.peer, previous.agent.as_str()), (first, HERE, "Firefox"));
    assert_eq!(house.identity().last_web_sign_in(ada.id).unwrap().unwrap().at, house.now());
}

#[tokio::test]
async fn whoever_gives_the_password_again_goes_on_under_another_cookie() {
    let house = House::build();
    house.member("ada").await;
    let begun = sign_in(&house, "ada").await;
    let five = Duration::from_secs(5 * MINUTE);
    house.wait(5 * MINUTE + 1);
    let seen = visit(&house, &begun).await.unwrap();
    assert!(!seen.is_confirmed(house.now(), five));
    let wrong = house.identity().confirm(&seen, &Secret::new(OTHER_PASSWORD), &here()).await;
    assert!(matches!(wrong, Err(SignInError::Wrong)));
    let again = house.identity().confirm(&seen, &Secret::new(PASSWORD), &here()).await.unwrap();
    assert!(visit(&house, &begun).await.is_none(), "the former cookie");
    let seen = visit(&house, &again).await.unwrap();
    assert!(seen.is_confirmed(house.now(), five));
    assert_eq!((seen.session.id, seen.session.began), (begun.session.id, begun.session.began));
    house.identity().end_web_session(&seen.actor(), seen.principal.account, seen.session.id).await.unwrap();
    assert!(house.identity().confirm(&seen, &Secret::new(PASSWORD), &here()).await.is_err(), "it revives nothing");
    assert!(visit(&house, &again).await.is_none());
}

#[tokio::test]
async fn what_is_over_is_swept_and_what_is_not_stays() {
    let house = House::build();
    let ada = house.member("ada").await;
    sign_in(&house, "ada").await;
    house.wait(7 * HOUR);
    let live = sign_in(&house, "ada").await;
    house.wait(2 * HOUR);
    house.identity().sweep().await.unwrap();
    assert!(visit(&house, &live).await.is_some());
    let ended = house.identity().end_web_sessions(&Actor::Console, ada.id, None).await.unwrap();
    assert_eq!(ended, 1, "the other was gone already");
}
