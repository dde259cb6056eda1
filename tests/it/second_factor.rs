//! Second factors: who must have one, how one is added, and that no code counts twice.

use futures_util::future::join_all;
use gatehouse::audit::Actor;
use gatehouse::config::SecondFactor;
use gatehouse::domain::{Event, Role, Secret};
use gatehouse::identity::factors::{Enrolment, RecoveryCodes};
use gatehouse::identity::web::{Asks, Begun, Origin, Step, Visit};
use gatehouse::identity::{Alteration, FactorError, IdentityError, Member, SignInError};

use crate::support::app::App;
use crate::support::house::{HERE, House, OTHER_PASSWORD, PASSWORD};

fn here() -> Origin {
    Origin::new(HERE, "Firefox")
}

async fn step(house: &House, who: &str) -> Step {
    house.web_sign_in(who, PASSWORD, &here()).await.unwrap()
}

async fn asked_to_enrol(house: &House, who: &str) -> (Secret, Enrolment) {
    let Step::Enrol { ticket, enrolment, .. } = step(house, who).await else { panic!("another stage") };
    (ticket, enrolment)
}

async fn asked_for_a_code(house: &House, who: &str) -> Secret {
    let Step::Code { ticket, .. } = step(house, who).await else { panic!("another stage") };
    ticket
}

/// An administrator with an authenticator app, signed in; the app's next code counts.
async fn with_app(house: &House, who: &str) -> (App, Begun, RecoveryCodes) {
    house.account(who, Role::Administrator).await;
    let (ticket, enrolment) = asked_to_enrol(house, who).await;
    let app = App::scan(&enrolment);
    let (begun, codes) = house.identity().web_enrol(&ticket, &app.code(house.now()), &here()).await.unwrap();
    house.wait(60);
    (app, begun, codes)
}

async fn visit(house: &House, begun: &Begun) -> Visit {
    house.identity().visit(&begun.cookie, &here()).await.unwrap().unwrap()
}

#[tokio::test]
async fn an_administrator_without_a_second_factor_adds_one_before_anything_else() {
    let house = House::build();
    let root = house.account("root", Role::Administrator).await;
    let (ticket, enrolment) = asked_to_enrol(&house, "root").await;
    let app = App::scan(&enrolment);
    assert!(house.identity().web_sessions(root.id).unwrap().is_empty(), "a right password alone opens nothing");
    let wrong = house.identity().web_enrol(&ticket, "000000", &here()).await;
    assert!(matches!(wrong, Err(SignInError::WrongCode)));
    let Some(Asks::Enrol(again)) = house.identity().web_asks(&ticket).unwrap() else { panic!("it waits no more") };
    assert_eq!(again.secret, enrolment.secret, "the page shows the same picture again");
    assert!(matches!(house.identity().web_code(&ticket, "000000", &here()).await, Err(SignInError::TooLate)));
    let code = app.code(house.now());
    let (begun, codes) = house.identity().web_enrol(&ticket, &code, &here()).await.unwrap();
    assert!(begun.session.second_factor && codes.0.len() == 10);
    assert!(house.identity().web_enrol(&ticket, &code, &here()).await.is_err(), "a ticket leads to one session");
    assert!(house.identity().web_asks(&ticket).unwrap().is_none());
    let ticket = asked_for_a_code(&house, "root").await;
    let used = house.identity().web_code(&ticket, &code, &here()).await;
    assert!(matches!(used, Err(SignInError::WrongCode)), "the code that proved the app has counted");
}

#[tokio::test]
async fn a_code_counts_once_also_when_two_browsers_send_it_at_once() {
    let house = House::build();
    let (app, _, _) = with_app(&house, "root").await;
    let tickets = [asked_for_a_code(&house, "root").await, asked_for_a_code(&house, "root").await];
    let (code, from) = (app.code(house.now()), here());
    let outcomes = join_all(tickets.iter().map(|ticket| house.identity().web_code(ticket, &code, &from))).await;
    assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 1);
    let begun = outcomes.into_iter().find_map(Result::ok).unwrap();
    assert!(visit(&house, &begun).await.session.second_factor);
}

#[tokio::test]
async fn a_code_of_half_a_minute_ago_counts_and_an_older_one_or_one_before_the_last_used_does_not() {
    let house = House::build();
    let (app, _, _) = with_app(&house, "root").await;
    let (older, old) = (app.code(house.now()), app.code(house.now().after(std::time::Duration::from_secs(30))));
    house.wait(60);
    let ticket = asked_for_a_code(&house, "root").await;
    assert!(matches!(house.identity().web_code(&ticket, &older, &here()).await, Err(SignInError::WrongCode)));
    let now = app.code(house.now());
    house.identity().web_code(&ticket, &now, &here()).await.unwrap();
    let ticket = asked_for_a_code(&house, "root").await;
    let outcome = house.identity().web_code(&ticket, &old, &here()).await;
    assert!(matches!(outcome, Err(SignInError::WrongCode)), "a later one was used");
}

#[tokio::test]
async fn guessing_codes_is_slowed_down_whatever_the_address_and_a_burst_gains_nothing() {
    let house = House::build();
    let (app, _, _) = with_app(&house, "root").await;
    let ticket = asked_for_a_code(&house, "root").await;
    let guesses: Vec<(String, Origin)> =
        (0..40_u8).map(|n| (format!("00{n:04}"), Origin::new([10, 0, 0, n].into(), "curl"))).collect();
    let outcomes = join_all(guesses.iter().map(|(code, from)| house.identity().web_code(&ticket, code, from))).await;
    let wrong = outcomes.iter().filter(|outcome| matches!(outcome, Err(SignInError::WrongCode))).count();
    let held = outcomes.iter().filter(|outcome| matches!(outcome, Err(SignInError::Throttled { .. }))).count();
    assert_eq!((wrong, held), (5, 35));
    let right = house.identity().web_code(&ticket, &app.code(house.now()), &here()).await;
    assert!(matches!(right, Err(SignInError::Throttled { .. })), "also a right one waits");
    house.wait(1);
    house.identity().web_code(&ticket, &app.code(house.now()), &here()).await.unwrap();
}

#[tokio::test]
async fn a_recovery_code_counts_once_in_a_factors_place_however_it_is_typed() {
    let house = House::build();
    let (_, begun, codes) = with_app(&house, "root").await;
    let root = begun.session.account;
    let [first, second] = [codes.0[0].expose().to_owned(), codes.0[1].expose().to_owned()];
    let ticket = asked_for_a_code(&house, "root").await;
    let typed = first.to_uppercase().replace('-', " ");
    house.identity().web_code(&ticket, &typed, &here()).await.unwrap();
    assert_eq!(house.identity().recovery_codes_left(root).unwrap(), 9);
    let ticket = asked_for_a_code(&house, "root").await;
    assert!(matches!(house.identity().web_code(&ticket, &first, &here()).await, Err(SignInError::WrongCode)));
    let renewed = house.identity().renew_recovery_codes(&visit(&house, &begun).await).await.unwrap();
    assert!(matches!(house.identity().web_code(&ticket, &second, &here()).await, Err(SignInError::WrongCode)));
    house.identity().web_code(&ticket, renewed.0[0].expose(), &here()).await.unwrap();
    let kinds: Vec<_> = house.audited().into_iter().map(|entry| entry["details"]["second_factor"].clone()).collect();
    assert_eq!(kinds.iter().filter(|kind| *kind == "recovery-code").count(), 2);
}

#[tokio::test]
async fn a_recovery_code_belongs_to_one_account() {
    let house = House::build();
    let (_, _, codes) = with_app(&house, "root").await;
    with_app(&house, "other").await;
    let ticket = asked_for_a_code(&house, "other").await;
    let outcome = house.identity().web_code(&ticket, codes.0[0].expose(), &here()).await;
    assert!(matches!(outcome, Err(SignInError::WrongCode)));
}

#[tokio::test]
async fn a_sign_in_that_waits_too_long_or_whose_account_changes_begins_again() {
    let house = House::build();
    let (app, begun, _) = with_app(&house, "root").await;
    let ticket = asked_for_a_code(&house, "root").await;
    house.wait(10 * 60);
    let outcome = house.identity().web_code(&ticket, &app.code(house.now()), &here()).await;
    assert!(matches!(outcome, Err(SignInError::TooLate)));
    let ticket = asked_for_a_code(&house, "root").await;
    let password = Secret::new(OTHER_PASSWORD);
    house.identity().set_password(&Actor::Console, begun.session.account, password).await.unwrap();
    assert!(house.identity().web_code(&ticket, &app.code(house.now()), &here()).await.is_err());
    assert!(house.identity().web_sessions(begun.session.account).unwrap().is_empty());
}

#[tokio::test]
async fn whoever_has_only_the_password_cannot_add_a_factor_next_to_one_that_was_added_meanwhile() {
    let house = House::build();
    let root = house.account("root", Role::Administrator).await;
    let (thief, stolen) = asked_to_enrol(&house, "root").await;
    let (owner, enrolment) = asked_to_enrol(&house, "root").await;
    let code = App::scan(&enrolment).code(house.now());
    house.identity().web_enrol(&owner, &code, &here()).await.unwrap();
    let outcome = house.identity().web_enrol(&thief, &App::scan(&stolen).code(house.now()), &here()).await;
    assert!(matches!(outcome, Err(SignInError::TooLate)));
    assert_eq!(house.identity().factors(root.id).unwrap().len(), 1);
}

#[tokio::test]
async fn members_are_asked_by_the_setting_by_their_group_or_by_themselves() {
    let house = House::build();
    let (ada, bob) = (house.member("ada").await, house.member("bob").await);
    let group = house.group("finance").await;
    house.identity().add_member(&Actor::Console, group, Member::Account(ada.id)).await.unwrap();
    for whose in [Member::Group(group), Member::Account(bob.id)] {
        house.identity().require_second_factor(&Actor::Console, whose, true).await.unwrap();
    }
    assert_eq!(house.identity().second_factor_rules().unwrap().len(), 2);
    asked_to_enrol(&house, "ada").await;
    asked_to_enrol(&house, "bob").await;
    house.identity().require_second_factor(&Actor::Console, Member::Account(bob.id), false).await.unwrap();
    house.identity().remove_group(&Actor::Console, group).await.unwrap();
    assert!(house.identity().second_factor_rules().unwrap().is_empty());
    for who in ["ada", "bob"] {
        assert!(matches!(step(&house, who).await, Step::Done(_)));
    }
    let strict = House::build_with(|config| config.sign_in.second_factor = SecondFactor::Everybody);
    strict.member("ada").await;
    asked_to_enrol(&strict, "ada").await;
    let staff = House::build_with(|config| config.sign_in.second_factor = SecondFactor::Staff);
    staff.member("ada").await;
    staff.account("olga", Role::Auditor).await;
    assert!(matches!(step(&staff, "ada").await, Step::Done(_)));
    asked_to_enrol(&staff, "olga").await;
}

#[tokio::test]
async fn a_setting_lets_administrators_do_without_for_one_day() {
    let house = House::build_with(|config| config.sign_in.second_factor_optional_first_day = true);
    house.account("root", Role::Administrator).await;
    assert!(matches!(step(&house, "root").await, Step::Done(_)));
    house.wait(24 * 3600);
    house.account("later", Role::Administrator).await;
    asked_to_enrol(&house, "root").await;
    asked_to_enrol(&house, "later").await;
}

#[tokio::test]
async fn a_member_adds_an_app_at_will_and_is_asked_for_it_from_then_on() {
    let house = House::build();
    let ada = house.member("ada").await;
    let Step::Done(begun) = step(&house, "ada").await else { panic!("another stage") };
    let seen = visit(&house, &begun).await;
    let (ticket, enrolment) = house.identity().start_totp(&seen).unwrap();
    let app = App::scan(&enrolment);
    assert!(house.identity().totp_being_added(&seen, &ticket).is_some());
    let wrong = house.identity().finish_totp(&seen, &ticket, "000000", "phone").await;
    assert!(matches!(wrong, Err(FactorError::Proof(SignInError::WrongCode))));
    assert!(house.identity().factors(ada.id).unwrap().is_empty());
    house.take_events();
    let code = app.code(house.now());
    let codes = house.identity().finish_totp(&seen, &ticket, &code, "phone").await.unwrap();
    assert_eq!(house.take_events(), [Event::FactorsChanged(ada.id)]);
    assert_eq!(codes.unwrap().0.len(), 10);
    let factor = &house.identity().factors(ada.id).unwrap()[0];
    assert_eq!((factor.kind(), factor.label.as_str()), ("totp", "phone"));
    asked_for_a_code(&house, "ada").await;

    let (ticket, enrolment) = house.identity().start_totp(&seen).unwrap();
    let code = App::scan(&enrolment).code(house.now());
    let codes = house.identity().finish_totp(&seen, &ticket, &code, "tablet").await.unwrap();
    assert!(codes.is_none(), "the codes that there are go on counting");
    for factor in house.identity().factors(ada.id).unwrap() {
        house.identity().remove_own_factor(&seen, factor.id).await.unwrap();
    }
    assert_eq!(house.identity().recovery_codes_left(ada.id).unwrap(), 0);
    assert!(matches!(step(&house, "ada").await, Step::Done(_)));
}

#[tokio::test]
async fn nobody_removes_the_last_factor_that_he_must_have_but_an_administrator_takes_them_all_away() {
    let house = House::build();
    let (_, begun, codes) = with_app(&house, "root").await;
    let (root, seen) = (begun.session.account, visit(&house, &begun).await);
    let factor = house.identity().factors(root).unwrap()[0].id;
    let kept = house.identity().remove_own_factor(&seen, factor).await;
    assert!(matches!(kept, Err(IdentityError::FactorRequired)));
    assert_eq!(house.identity().remove_factors(&Actor::Console, root).await.unwrap(), 1);
    assert!(house.audited_actions().contains(&"factor.remove-all".to_owned()));
    assert!(house.identity().visit(&begun.cookie, &here()).await.unwrap().is_none());
    let (ticket, _) = asked_to_enrol(&house, "root").await;
    assert!(house.identity().web_enrol(&ticket, codes.0[0].expose(), &here()).await.is_err(), "codes go with them");
}

#[tokio::test]
async fn factors_go_with_their_account_and_stay_through_a_new_password() {
    let house = House::build();
    let (_, begun, _) = with_app(&house, "root").await;
    let root = begun.session.account;
    house.account("other", Role::Administrator).await;
    house.identity().alter_account(&Actor::Console, root, Alteration::Disable).await.unwrap();
    house.identity().alter_account(&Actor::Console, root, Alteration::Enable).await.unwrap();
    asked_for_a_code(&house, "root").await;
    house.identity().remove_account(&Actor::Console, root).await.unwrap();
    assert!(house.identity().factors(root).unwrap().is_empty());
    house.account("root", Role::Administrator).await;
    asked_to_enrol(&house, "root").await;
}
