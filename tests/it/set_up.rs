//! Set-up: the first administrator is made by whoever has the code, once.

use gatehouse::app::Appliance;
use gatehouse::audit::Actor;
use gatehouse::config::Config;
use gatehouse::domain::{Event, Role, Secret};
use gatehouse::identity::web::{Origin, Step};
use gatehouse::identity::{Alteration, IdentityError, SetUpError, SetUpStep, SignInError};
use gatehouse::platform::{Clock, SystemClock};

use crate::support::app::App;
use crate::support::house::{HERE, House, PASSWORD, THERE, name};

fn here() -> Origin {
    Origin::new(HERE, "Firefox")
}

async fn code_of(house: &House) -> Secret {
    house.identity().new_set_up_code(&Actor::Appliance).await.unwrap().code
}

async fn begin(house: &House, code: &Secret, who: &str) -> Result<SetUpStep, SetUpError> {
    house.identity().begin_set_up(code, name(who), Secret::new(PASSWORD), &here()).await
}

#[tokio::test]
async fn whoever_has_the_code_makes_the_first_administrator_with_a_second_factor_and_is_signed_in() {
    let house = House::build();
    assert!(house.identity().in_set_up());
    let code = code_of(&house).await;
    house.identity().check_set_up_code(&code, &here()).await.unwrap();
    let step = begin(&house, &code, "root").await.unwrap();
    assert!(house.identity().in_set_up() && house.identity().accounts().unwrap().is_empty(), "nothing is made yet");
    let app = App::scan(&step.enrolment);
    let wrong = house.identity().complete_set_up(&step.ticket, Some("000000"), &here()).await;
    assert!(matches!(wrong, Err(SetUpError::SignIn(SignInError::WrongCode))));
    assert!(matches!(
        house.identity().complete_set_up(&step.ticket, None, &here()).await,
        Err(SetUpError::Identity(IdentityError::FactorRequired))
    ));
    assert_eq!(house.identity().set_up_enrolment(&step.ticket).unwrap().unwrap().0.secret, step.enrolment.secret);
    house.take_events();
    let shown = app.code(house.now());
    let (begun, codes) = house.identity().complete_set_up(&step.ticket, Some(&shown), &here()).await.unwrap();
    let root = house.identity().account("root").unwrap();
    assert_eq!(house.take_events(), [Event::AccountChanged(root.id)]);
    assert!(!house.identity().in_set_up());
    assert_eq!((root.role, codes.unwrap().0.len()), (Role::Administrator, 10));
    let visit = house.identity().visit(&begun.cookie, &here()).await.unwrap().unwrap();
    assert!(visit.session.second_factor && visit.principal.account == root.id);
    for outcome in [
        house.identity().check_set_up_code(&code, &here()).await.err(),
        house.identity().new_set_up_code(&Actor::Console).await.err(),
        begin(&house, &code, "second").await.err(),
        house.identity().complete_set_up(&step.ticket, Some(&shown), &here()).await.err(),
    ] {
        assert!(matches!(outcome, Some(SetUpError::Closed)), "{outcome:?}");
    }
}

#[tokio::test]
async fn of_two_browsers_at_once_one_wins_and_the_other_is_told() {
    let house = House::build();
    let code = code_of(&house).await;
    let steps = [begin(&house, &code, "one").await.unwrap(), begin(&house, &code, "two").await.unwrap()];
    let codes = [0, 1].map(|n| App::scan(&steps[n].enrolment).code(house.now()));
    let from = here();
    let both = [0, 1].map(|n| house.identity().complete_set_up(&steps[n].ticket, Some(&codes[n]), &from));
    let outcomes = futures_util::future::join_all(both).await;
    assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 1);
    assert_eq!(outcomes.iter().filter(|outcome| matches!(outcome, Err(SetUpError::Closed))).count(), 1);
    assert_eq!(house.identity().accounts().unwrap().len(), 1);
}

#[tokio::test]
async fn a_code_ends_after_half_an_hour_and_with_the_next_one_however_it_is_typed() {
    let house = House::build();
    let first = code_of(&house).await;
    let step = begin(&house, &first, "root").await.unwrap();
    let second = code_of(&house).await;
    let app = App::scan(&step.enrolment);
    let late = house.identity().complete_set_up(&step.ticket, Some(&app.code(house.now())), &here()).await;
    assert!(matches!(late, Err(SetUpError::TooLate)), "the code that it began with was replaced");
    assert!(matches!(house.identity().check_set_up_code(&first, &here()).await, Err(SetUpError::Code)));
    let typed = Secret::new(second.expose().to_uppercase().replace('-', " "));
    house.identity().check_set_up_code(&typed, &here()).await.unwrap();
    house.wait(30 * 60);
    assert!(matches!(house.identity().check_set_up_code(&second, &here()).await, Err(SetUpError::Code)));
    assert!(house.identity().in_set_up());
}

#[tokio::test]
async fn guessing_the_code_is_slowed_down_ends_nothing_for_whoever_has_it_and_does_not_fill_the_audit() {
    let house = House::build();
    let code = code_of(&house).await;
    let guess = Secret::new("aaaaa-aaaaa-aaaaa-aaaaa");
    for _ in 0..5 {
        assert!(matches!(house.identity().check_set_up_code(&guess, &here()).await, Err(SetUpError::Code)));
    }
    let held = house.identity().check_set_up_code(&code, &here()).await;
    assert!(matches!(held, Err(SetUpError::SignIn(SignInError::Throttled { .. }))));
    house.identity().check_set_up_code(&code, &Origin::new(THERE, "")).await.unwrap();
    let before = house.audited().len();
    for n in 0..200_u8 {
        let from = Origin::new([10, 0, n, 1].into(), "curl");
        assert!(matches!(house.identity().check_set_up_code(&guess, &from).await, Err(SetUpError::Code)));
    }
    house.identity().check_set_up_code(&code, &Origin::new(THERE, "")).await.unwrap();
    for _ in 0..4 {
        let again = house.identity().check_set_up_code(&guess, &Origin::new([10, 0, 0, 1].into(), "curl")).await;
        assert!(matches!(again, Err(SetUpError::Code)));
    }
    assert_eq!(house.audited().len() - before, 200, "one of a minute and address is written");
}

#[tokio::test]
async fn an_administrator_made_in_another_way_ends_set_up() {
    let house = House::build();
    house.member("ada").await;
    assert!(house.identity().in_set_up(), "members do not count");
    let code = code_of(&house).await;
    let step = begin(&house, &code, "root").await.unwrap();
    let other = house.account("other", Role::Administrator).await;
    assert!(!house.identity().in_set_up());
    let app = App::scan(&step.enrolment);
    let late = house.identity().complete_set_up(&step.ticket, Some(&app.code(house.now())), &here()).await;
    assert!(matches!(late, Err(SetUpError::Closed)));
    let disabled = house.identity().alter_account(&Actor::Console, other.id, Alteration::Disable).await;
    assert!(disabled.is_err() && !house.identity().in_set_up(), "the last one stays");
}

#[tokio::test]
async fn a_name_that_is_taken_or_a_weak_password_is_told_and_the_code_still_counts() {
    let house = House::build();
    house.member("ada").await;
    let code = code_of(&house).await;
    let weak = house.identity().begin_set_up(&code, name("root"), Secret::new("short"), &here()).await;
    assert!(matches!(weak, Err(SetUpError::Identity(IdentityError::Password(_)))));
    let step = begin(&house, &code, "ADA").await.unwrap();
    let shown = App::scan(&step.enrolment).code(house.now());
    let taken = house.identity().complete_set_up(&step.ticket, Some(&shown), &here()).await;
    assert!(matches!(taken, Err(SetUpError::Identity(IdentityError::NameTaken(_)))));
    house.identity().check_set_up_code(&code, &here()).await.unwrap();
}

#[tokio::test]
async fn on_the_first_day_the_setting_lets_the_administrator_do_without_a_second_factor() {
    let house = House::build_with(|config| config.sign_in.second_factor_optional_first_day = true);
    let code = code_of(&house).await;
    let step = begin(&house, &code, "root").await.unwrap();
    assert!(step.optional);
    let (begun, codes) = house.identity().complete_set_up(&step.ticket, None, &here()).await.unwrap();
    assert!(!begun.session.second_factor && codes.is_none());
}

#[tokio::test]
async fn the_settings_make_an_administrator_where_there_is_none_and_never_again() {
    let house = House::build();
    let secret = Secret::new("GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ");
    let bad = Secret::new("not base 32");
    let make = |who: &'static str, totp: Option<Secret>| {
        let identity = house.identity().clone();
        async move { identity.set_up_unattended(name(who), Secret::new(PASSWORD), totp.as_ref()).await }
    };
    assert!(matches!(make("root", Some(bad)).await, Err(SetUpError::TotpSecret)));
    let root = make("root", Some(secret.clone())).await.unwrap().unwrap();
    assert!(!house.identity().in_set_up());
    assert_eq!(house.identity().recovery_codes_left(root.id).unwrap(), 0, "codes that nobody was shown");
    assert!(make("other", None).await.unwrap().is_none());
    assert_eq!(house.identity().accounts().unwrap().len(), 1);
    let Step::Code { ticket, .. } = house.web_sign_in("root", PASSWORD, &here()).await.unwrap() else {
        panic!("another stage")
    };
    let code = App::typed(&secret).code(house.now());
    let begun = house.identity().web_code(&ticket, &code, &here()).await.unwrap();
    assert_eq!(begun.session.account, root.id);
}

#[tokio::test]
async fn an_appliance_without_an_administrator_writes_a_note_that_goes_when_there_is_one() {
    let folder = tempfile::tempdir().unwrap();
    let config = Config::for_tests(&folder.path().join("data"));
    let clock = SystemClock::new();
    let appliance = Appliance::start(&config, clock.clone(), None).await.unwrap();
    let note = folder.path().join("data/setup-code");
    let text = std::fs::read_to_string(&note).unwrap();
    assert_eq!(
        std::os::unix::fs::PermissionsExt::mode(&std::fs::metadata(&note).unwrap().permissions()) & 0o777,
        0o600
    );
    let port = appliance.https_addresses()[0].port();
    assert!(text.contains(&format!("https://localhost:{port}/setup")), "{text}");
    let code = Secret::new(text.lines().last().unwrap().trim());
    let identity = &appliance.state().identity;
    let step = identity.begin_set_up(&code, name("root"), Secret::new(PASSWORD), &here()).await.unwrap();
    let shown = App::scan(&step.enrolment).code(clock.now());
    identity.complete_set_up(&step.ticket, Some(&shown), &here()).await.unwrap();
    while note.exists() {
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    appliance.stop().await;
}

#[tokio::test]
async fn an_appliance_whose_settings_name_an_administrator_starts_with_it_and_without_a_code() {
    let folder = tempfile::tempdir().unwrap();
    let mut config = Config::for_tests(&folder.path().join("data"));
    config.setup.administrator = Some("root".to_owned());
    for password in [PASSWORD, "another one that nobody looks at"] {
        config.setup.password = Some(Secret::new(password));
        let appliance = Appliance::start(&config, SystemClock::new(), None).await.unwrap();
        assert_eq!(appliance.state().identity.accounts().unwrap().len(), 1);
        assert!(!appliance.state().identity.in_set_up() && !folder.path().join("data/setup-code").exists());
        appliance.stop().await;
    }
    let folder = tempfile::tempdir().unwrap();
    let mut config = Config { setup: config.setup, ..Config::for_tests(&folder.path().join("data")) };
    config.setup.password = Some(Secret::new("too short"));
    let refused = Appliance::start(&config, SystemClock::new(), None).await;
    assert!(refused.is_err(), "a password that the rules refuse refuses the start");
}
