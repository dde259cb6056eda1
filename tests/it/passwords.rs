//! New passwords: one's own, and by an administrator's link.

use gatehouse::audit::Actor;
use gatehouse::domain::{Event, Role, Secret};
use gatehouse::identity::web::{Begun, Origin, Step, Visit};
use gatehouse::identity::{Alteration, IdentityError, PasswordChangeError, SignInError};

use crate::support::house::{HERE, House, OTHER_PASSWORD, PASSWORD, is_wrong};

fn here() -> Origin {
    Origin::new(HERE, "Firefox")
}

async fn sign_in(house: &House, who: &str) -> Begun {
    let Step::Done(begun) = house.web_sign_in(who, PASSWORD, &here()).await.unwrap() else { panic!("another stage") };
    begun
}

async fn visit(house: &House, begun: &Begun) -> Option<Visit> {
    house.identity().visit(&begun.cookie, &here()).await.unwrap()
}

#[tokio::test]
async fn a_person_changes_the_password_and_goes_on_while_everything_else_ends() {
    let house = House::build();
    let ada = house.member("ada").await;
    let (mine, other) = (sign_in(&house, "ada").await, sign_in(&house, "ada").await);
    let sql = house.principal("ada").await;
    let seen = visit(&house, &mine).await.unwrap();
    house.take_events();
    let (old, new) = (Secret::new(PASSWORD), Secret::new(OTHER_PASSWORD));
    let again = house.identity().change_password(&seen, &old, new, &here()).await.unwrap();
    assert_eq!(house.take_events(), [Event::AccountChanged(ada.id)]);
    assert_eq!(again.session.id, mine.session.id);
    assert!(visit(&house, &again).await.is_some());
    assert!(visit(&house, &mine).await.is_none(), "the former cookie");
    assert!(visit(&house, &other).await.is_none());
    assert!(!house.identity().still_valid(&sql));
    assert!(is_wrong(&house.sign_in("ada", PASSWORD).await));
    assert!(house.sign_in("ada", OTHER_PASSWORD).await.is_ok());
    assert!(house.audited_actions().contains(&"account.password".to_owned()));
}

#[tokio::test]
async fn a_wrong_old_password_or_a_weak_new_one_changes_nothing_and_guessing_the_old_one_is_slowed_down() {
    let house = House::build();
    house.member("ada").await;
    let begun = sign_in(&house, "ada").await;
    let seen = visit(&house, &begun).await.unwrap();
    let change = |old: &'static str, new: &'static str| {
        let (seen, identity) = (seen.clone(), house.identity().clone());
        async move { identity.change_password(&seen, &Secret::new(old), Secret::new(new), &here()).await }
    };
    let weak = change(PASSWORD, "password").await;
    assert!(matches!(weak, Err(PasswordChangeError::New(IdentityError::Password(_)))));
    for _ in 0..5 {
        let wrong = change("not the old one", OTHER_PASSWORD).await;
        assert!(matches!(wrong, Err(PasswordChangeError::Old(SignInError::Wrong))));
    }
    let held = change(PASSWORD, OTHER_PASSWORD).await;
    assert!(matches!(held, Err(PasswordChangeError::Old(SignInError::Throttled { .. }))));
    assert!(visit(&house, &begun).await.is_some());
}

/// Whether a link counts no more, for who opens it.
async fn is_void(house: &House, link: &Secret) -> bool {
    matches!(house.identity().reset_link(link, &here()).await, Err(IdentityError::NoLink))
}

#[tokio::test]
async fn a_link_sets_the_password_once_and_signs_nobody_in() {
    let house = House::build();
    let ada = house.member("ada").await;
    let begun = sign_in(&house, "ada").await;
    let (link, expires) = house.identity().issue_reset_link(&Actor::Console, ada.id).await.unwrap();
    assert!(link.expose().starts_with("ghl_"));
    assert_eq!(expires, house.now().after(std::time::Duration::from_secs(3600)));
    assert_eq!(house.identity().reset_link(&link, &here()).await.unwrap().as_str(), "ada");
    assert!(visit(&house, &begun).await.is_some(), "until it is used nothing changes");
    let weak = house.identity().reset_password(&link, Secret::new("short"), &here()).await;
    assert!(matches!(weak, Err(IdentityError::Password(_))), "and the link still counts");
    house.identity().reset_password(&link, Secret::new(OTHER_PASSWORD), &here()).await.unwrap();
    assert!(visit(&house, &begun).await.is_none());
    assert!(house.identity().web_sessions(ada.id).unwrap().is_empty());
    assert!(house.sign_in("ada", OTHER_PASSWORD).await.is_ok());
    let again = house.identity().reset_password(&link, Secret::new(PASSWORD), &here()).await;
    assert!(matches!(again, Err(IdentityError::NoLink)));
    assert!(is_void(&house, &link).await);
}

#[tokio::test]
async fn of_two_that_use_a_link_at_once_one_sets_the_password() {
    let house = House::build();
    let ada = house.member("ada").await;
    let (link, _) = house.identity().issue_reset_link(&Actor::Console, ada.id).await.unwrap();
    let from = here();
    let uses = [PASSWORD, OTHER_PASSWORD].map(|new| house.identity().reset_password(&link, Secret::new(new), &from));
    let outcomes = futures_util::future::join_all(uses).await;
    assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 1);
}

#[tokio::test]
async fn a_link_ends_with_its_hour_with_another_one_and_with_any_change_of_the_account() {
    let house = House::build();
    let ada = house.member("ada").await;
    let issue = || async { house.identity().issue_reset_link(&Actor::Console, ada.id).await.unwrap().0 };
    let (first, second) = (issue().await, issue().await);
    assert!(is_void(&house, &first).await, "the second took its place");
    house.identity().alter_account(&Actor::Console, ada.id, Alteration::Disable).await.unwrap();
    assert!(is_void(&house, &second).await);
    let refused = house.identity().issue_reset_link(&Actor::Console, ada.id).await;
    assert!(matches!(refused, Err(IdentityError::NotActive)));
    house.identity().alter_account(&Actor::Console, ada.id, Alteration::Enable).await.unwrap();
    let third = issue().await;
    house.wait(3600);
    assert!(is_void(&house, &third).await);
    for strange in ["", "ghl_", &format!("ghl_{}", "0".repeat(43)), &"x".repeat(9000)] {
        let outcome = house.identity().reset_password(&Secret::new(strange), Secret::new(PASSWORD), &here()).await;
        assert!(matches!(outcome, Err(IdentityError::NoLink)), "{strange}");
    }
}

#[tokio::test]
async fn a_link_is_no_way_around_the_second_factor() {
    let house = House::build();
    let root = house.account("root", Role::Administrator).await;
    let Step::Enrol { ticket, enrolment, .. } = house.web_sign_in("root", PASSWORD, &here()).await.unwrap() else {
        panic!("another stage")
    };
    let code = crate::support::app::App::scan(&enrolment).code(house.now());
    house.identity().web_enrol(&ticket, &code, &here()).await.unwrap();
    let (link, _) = house.identity().issue_reset_link(&Actor::Console, root.id).await.unwrap();
    house.identity().reset_password(&link, Secret::new(OTHER_PASSWORD), &here()).await.unwrap();
    let step = house.web_sign_in("root", OTHER_PASSWORD, &here()).await.unwrap();
    assert!(matches!(step, Step::Code { .. }));
}
