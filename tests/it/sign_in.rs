//! Signing in: what is let in, what is told to whom, what it costs, and what ends it.

use std::time::Duration;

use futures_util::future::join_all;
use gatehouse::audit::Actor;
use gatehouse::domain::{Credential, Event, Scopes, Secret};
use gatehouse::identity::{Alteration, Member, NewAccount, Presented, SignInError};

use crate::support::house::{HERE, House, OTHER_PASSWORD, PASSWORD, is_wrong, name};

const HOUR: Duration = Duration::from_secs(3600);

#[tokio::test]
async fn an_account_signs_in_with_its_password_under_its_name_in_any_case() {
    let house = House::build();
    let ada = house.member("Ada").await;
    for typed in ["Ada", "ada", "ADA"] {
        let principal = house.sign_in(typed, PASSWORD).await.unwrap();
        assert_eq!((principal.account, principal.credential), (ada.id, Credential::Password));
        assert!(house.identity().still_valid(&principal));
    }
}

#[tokio::test]
async fn a_wrong_password_and_an_unknown_name_are_the_same_to_whoever_tries() {
    let house = House::build();
    house.member("ada").await;
    let before = house.identity().hashes_computed();
    let wrong = house.sign_in("ada", OTHER_PASSWORD).await;
    let known = house.identity().hashes_computed();
    let unknown = house.sign_in("nobody", OTHER_PASSWORD).await;
    assert_eq!(known - before, 1);
    assert_eq!(house.identity().hashes_computed() - known, 1, "an unknown name costs the same hash");
    assert!(is_wrong(&wrong) && is_wrong(&unknown));
    assert_eq!(wrong.unwrap_err().text(), unknown.unwrap_err().text());
}

#[tokio::test]
async fn an_account_without_a_password_and_a_devices_name_cost_a_hash_too_and_let_nobody_in() {
    let house = House::build();
    let robot = house.identity().add_account(&Actor::Console, NewAccount::member(name("robot"))).await.unwrap();
    house.identity().add_device(&Actor::Console, name("desk-1"), robot.id).await.unwrap();
    for typed in ["robot", "desk-1"] {
        let before = house.identity().hashes_computed();
        assert!(is_wrong(&house.sign_in(typed, PASSWORD).await));
        assert_eq!(house.identity().hashes_computed() - before, 1);
    }
}

#[tokio::test]
async fn a_disabled_or_expired_account_is_told_so_only_with_the_right_password() {
    let house = House::build();
    let (ada, bob) = (house.member("ada").await, house.member("bob").await);
    let soon = house.now().after(HOUR);
    house.identity().alter_account(&Actor::Console, ada.id, Alteration::Disable).await.unwrap();
    house.identity().alter_account(&Actor::Console, bob.id, Alteration::Expires(Some(soon))).await.unwrap();
    assert!(house.sign_in("bob", PASSWORD).await.is_ok(), "not yet");
    house.wait(3600);
    assert!(matches!(house.sign_in("ada", PASSWORD).await, Err(SignInError::Disabled)));
    assert!(matches!(house.sign_in("bob", PASSWORD).await, Err(SignInError::Expired)));
    assert!(is_wrong(&house.sign_in("ada", OTHER_PASSWORD).await));
    assert!(is_wrong(&house.sign_in("bob", OTHER_PASSWORD).await));
    house.identity().alter_account(&Actor::Console, ada.id, Alteration::Enable).await.unwrap();
    assert!(house.sign_in("ada", PASSWORD).await.is_ok());
}

#[tokio::test]
async fn an_account_whose_password_does_not_count_at_the_gateway_comes_in_by_a_pass() {
    let house = House::build();
    let ada = house.member("ada").await;
    house.identity().alter_account(&Actor::Console, ada.id, Alteration::PasswordAtGateway(false)).await.unwrap();
    assert!(matches!(house.sign_in("ada", PASSWORD).await, Err(SignInError::PasswordNotAllowed)));
    assert!(is_wrong(&house.sign_in("ada", OTHER_PASSWORD).await));
    let (_, pass) = house.identity().issue_pass(&Actor::Console, ada.id, None, HOUR).await.unwrap();
    assert!(house.sign_in("ada", pass.expose()).await.is_ok());
}

#[tokio::test]
async fn a_hundred_connections_at_once_pay_for_one_hash_and_the_next_ones_for_none() {
    let house = House::build();
    house.member("ada").await;
    let before = house.identity().hashes_computed();
    let outcomes = join_all((0..100).map(|_| house.sign_in("ada", PASSWORD))).await;
    assert!(outcomes.iter().all(Result::is_ok));
    assert_eq!(house.identity().hashes_computed() - before, 1);
    house.clock.advance(Duration::from_millis(9_999));
    house.sign_in("ada", PASSWORD).await.unwrap();
    assert_eq!(house.identity().hashes_computed() - before, 1, "remembered");
    house.clock.advance(Duration::from_secs(10));
    house.sign_in("ada", PASSWORD).await.unwrap();
    assert_eq!(house.identity().hashes_computed() - before, 2, "forgotten after its time");
}

#[tokio::test]
async fn a_remembered_password_lets_no_wrong_one_through() {
    let house = House::build();
    house.member("ada").await;
    house.sign_in("ada", PASSWORD).await.unwrap();
    for wrong in [OTHER_PASSWORD, "", "kestrel ferry oxide 7", "kestrel ferry oxide 711"] {
        assert!(is_wrong(&house.sign_in("ada", wrong).await), "{wrong:?}");
    }
}

#[tokio::test]
async fn another_password_counts_at_once_and_the_former_no_more() {
    let house = House::build();
    let ada = house.member("ada").await;
    let session = house.principal("ada").await;
    house.identity().set_password(&Actor::Console, ada.id, Secret::new(OTHER_PASSWORD)).await.unwrap();
    assert!(is_wrong(&house.sign_in("ada", PASSWORD).await), "the memory is gone");
    assert!(house.sign_in("ada", OTHER_PASSWORD).await.is_ok());
    assert!(!house.identity().still_valid(&session), "what was signed in with the former has ended");
}

#[tokio::test]
async fn a_device_signs_in_under_its_own_name_until_it_is_revoked() {
    let house = House::build();
    let ada = house.member("ada").await;
    let (device, secret) = house.identity().add_device(&Actor::Console, name("Desk-1"), ada.id).await.unwrap();
    let before = house.identity().hashes_computed();
    let session = house.sign_in("desk-1", secret.expose()).await.unwrap();
    assert_eq!((session.account, session.credential), (ada.id, Credential::Device(device.id)));
    assert!(is_wrong(&house.sign_in("ada", secret.expose()).await), "not under the account's name");
    assert_eq!(house.identity().hashes_computed(), before, "a generated secret costs no slow hash");

    let (pass, _) = house.identity().issue_pass(&Actor::Console, ada.id, Some(device.id), HOUR).await.unwrap();
    house.take_events();
    house.identity().revoke_device(&Actor::Console, device.id).await.unwrap();
    assert_eq!(house.take_events(), [Event::DeviceRevoked(device.id), Event::PassRevoked(pass.id)]);
    assert!(!house.identity().still_valid(&session));
    assert!(is_wrong(&house.sign_in("desk-1", secret.expose()).await));
}

#[tokio::test]
async fn a_pass_signs_in_for_its_time_and_until_it_is_revoked() {
    let house = House::build();
    let ada = house.member("ada").await;
    let (_, short) = house.identity().issue_pass(&Actor::Console, ada.id, None, HOUR).await.unwrap();
    let (long, secret) = house.identity().issue_pass(&Actor::Console, ada.id, None, 2 * HOUR).await.unwrap();
    let session = house.sign_in("ada", secret.expose()).await.unwrap();
    assert_eq!(session.expires, Some(house.now().after(2 * HOUR)));
    assert!(is_wrong(&house.sign_in("bob", secret.expose()).await), "under no other name");
    house.wait(3600);
    assert!(matches!(house.sign_in("ada", short.expose()).await, Err(SignInError::Expired)));
    assert!(house.identity().still_valid(&session));
    house.identity().revoke_pass(&Actor::Console, long.id).await.unwrap();
    assert!(!house.identity().still_valid(&session));
    assert!(is_wrong(&house.sign_in("ada", secret.expose()).await));
}

#[tokio::test]
async fn a_session_ends_with_the_pass_that_it_was_signed_in_with() {
    let house = House::build();
    let ada = house.member("ada").await;
    let (_, pass) = house.identity().issue_pass(&Actor::Console, ada.id, None, HOUR).await.unwrap();
    let session = house.sign_in("ada", pass.expose()).await.unwrap();
    house.wait(3599);
    assert!(house.identity().still_valid(&session));
    house.wait(1);
    assert!(!house.identity().still_valid(&session));
}

#[tokio::test]
async fn a_token_signs_in_alone_or_in_the_passwords_place() {
    let house = House::build();
    let ada = house.member("ada").await;
    let issued = house.identity().issue_token(&Actor::Console, ada.id, "reports".into(), Scopes::sql(), HOUR).await;
    let (token, secret) = issued.unwrap();
    let session = house.identity().sign_in(Presented::Token(secret.clone()), HERE).await.unwrap();
    assert_eq!((session.account, session.credential), (ada.id, Credential::Token(token.id)));
    assert!(house.sign_in("ada", secret.expose()).await.is_ok());
    let (_, pass) = house.identity().issue_pass(&Actor::Console, ada.id, None, HOUR).await.unwrap();
    let as_token = house.identity().sign_in(Presented::Token(pass), HERE).await;
    assert!(is_wrong(&as_token), "a pass is no access token");
    house.identity().revoke_token(&Actor::Console, token.id).await.unwrap();
    assert!(!house.identity().still_valid(&session));
    assert!(is_wrong(&house.identity().sign_in(Presented::Token(secret), HERE).await));
}

#[tokio::test]
async fn whoever_is_disabled_is_out_with_every_credential_and_stays_out() {
    let house = House::build();
    let ada = house.member("ada").await;
    let (_, device) = house.identity().add_device(&Actor::Console, name("desk-1"), ada.id).await.unwrap();
    let (_, pass) = house.identity().issue_pass(&Actor::Console, ada.id, None, HOUR).await.unwrap();
    let ways = [("ada", PASSWORD), ("desk-1", device.expose()), ("ada", pass.expose())];
    let mut sessions = Vec::new();
    for (who, secret) in ways {
        sessions.push(house.sign_in(who, secret).await.unwrap());
    }
    house.identity().alter_account(&Actor::Console, ada.id, Alteration::Disable).await.unwrap();
    assert!(sessions.iter().all(|session| !house.identity().still_valid(session)));
    for (who, secret) in ways {
        assert!(matches!(house.sign_in(who, secret).await, Err(SignInError::Disabled)), "{who}");
    }
    house.identity().alter_account(&Actor::Console, ada.id, Alteration::Enable).await.unwrap();
    assert!(sessions.iter().all(|session| !house.identity().still_valid(session)), "enabling revives no old session");
}

#[tokio::test]
async fn a_removed_account_takes_its_devices_passes_and_tokens_along() {
    let house = House::build();
    let ada = house.member("ada").await;
    let (_, device) = house.identity().add_device(&Actor::Console, name("desk-1"), ada.id).await.unwrap();
    let (_, pass) = house.identity().issue_pass(&Actor::Console, ada.id, None, HOUR).await.unwrap();
    let (_, token) =
        house.identity().issue_token(&Actor::Console, ada.id, String::new(), Scopes::sql(), HOUR).await.unwrap();
    let session = house.principal("ada").await;
    house.take_events();
    house.identity().remove_account(&Actor::Console, ada.id).await.unwrap();
    assert_eq!(house.take_events(), [Event::AccountRemoved(ada.id)]);
    assert!(!house.identity().still_valid(&session));
    for (who, secret) in [("ada", PASSWORD), ("desk-1", device.expose()), ("ada", pass.expose())] {
        assert!(is_wrong(&house.sign_in(who, secret).await), "{who}");
    }
    assert!(is_wrong(&house.identity().sign_in(Presented::Token(token), HERE).await));
    house.member("ada").await;
    assert!(is_wrong(&house.sign_in("ada", pass.expose()).await), "a namesake inherits nothing");
}

#[tokio::test]
async fn a_principal_knows_the_groups_it_is_in_through_others_and_is_stale_when_it_left_one() {
    let house = House::build();
    let ada = house.member("ada").await;
    let (inner, outer, other) = (house.group("inner").await, house.group("outer").await, house.group("other").await);
    let identity = house.identity();
    identity.add_member(&Actor::Console, inner, Member::Account(ada.id)).await.unwrap();
    identity.add_member(&Actor::Console, outer, Member::Group(inner)).await.unwrap();
    let session = house.principal("ada").await;
    let mut groups = session.groups.clone();
    groups.sort();
    let mut expected = vec![inner, outer];
    expected.sort();
    assert_eq!(groups, expected);

    identity.add_member(&Actor::Console, other, Member::Account(ada.id)).await.unwrap();
    assert!(identity.still_valid(&session), "a group more ends nothing");
    assert_eq!(identity.current(&session).unwrap().groups.len(), 3);
    identity.remove_member(&Actor::Console, outer, Member::Group(inner)).await.unwrap();
    assert!(!identity.still_valid(&session));
    assert!(!identity.current(&session).unwrap().groups.contains(&outer));
}

#[tokio::test]
async fn a_password_typed_on_another_system_is_the_same_password() {
    let house = House::build();
    let password = Some(Secret::new("Zo\u{eb} reitet 12 Kamele"));
    let new = NewAccount { password, ..NewAccount::member(name("zoe")) };
    house.identity().add_account(&Actor::Console, new).await.unwrap();
    assert!(house.sign_in("zoe", "Zoe\u{308} reitet 12 Kamele").await.is_ok());
    assert!(is_wrong(&house.sign_in("zoe", "zo\u{eb} reitet 12 Kamele").await), "case counts");
}

#[tokio::test]
async fn an_endless_password_is_wrong_without_being_hashed() {
    let house = House::build();
    house.member("ada").await;
    let before = house.identity().hashes_computed();
    assert!(is_wrong(&house.sign_in("ada", &"x".repeat(100_000)).await));
    assert_eq!(house.identity().hashes_computed(), before);
}
