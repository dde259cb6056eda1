//! From where gateway sign-ins may come: from where the account signed in on the web, or from fixed networks.

use std::net::IpAddr;
use std::time::Duration;

use gatehouse::audit::Actor;
use gatehouse::domain::{AccountId, Event, Principal};
use gatehouse::identity::addresses::{AddressRule, Whose};
use gatehouse::identity::web::{Origin, Step};
use gatehouse::identity::{IdentityError, Member, SignInError};

use crate::support::house::{HERE, House, PASSWORD, THERE, is_wrong, name};

const HOUR: u64 = 3600;

fn within(hours: u64) -> Option<AddressRule> {
    Some(AddressRule { within: Some(Duration::from_secs(hours * HOUR)), networks: Vec::new() })
}

fn networks(of: &[&str]) -> Option<AddressRule> {
    Some(AddressRule { within: None, networks: of.iter().map(|text| text.parse().unwrap()).collect() })
}

async fn set(house: &House, whose: Whose, rule: Option<AddressRule>) {
    house.identity().set_address_rule(&Actor::Console, whose, rule).await.unwrap();
}

async fn on_the_web(house: &House, who: &str, from: IpAddr) {
    let step = house.web_sign_in(who, PASSWORD, &Origin::new(from, "Firefox")).await.unwrap();
    assert!(matches!(step, Step::Done(_)));
}

fn is_elsewhere(outcome: &Result<Principal, SignInError>) -> bool {
    matches!(outcome, Err(SignInError::Address))
}

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

#[tokio::test]
async fn a_sign_in_on_the_web_opens_the_gateway_for_that_address_and_that_account_for_its_time() {
    let house = House::build();
    let ada = house.member("ada").await;
    house.member("bob").await;
    set(&house, Whose::Appliance, within(8)).await;
    assert!(is_elsewhere(&house.sign_in("ada", PASSWORD).await));
    assert!(is_wrong(&house.sign_in("ada", "not her password").await), "told only to who has the secret");
    on_the_web(&house, "ada", HERE).await;
    assert!(house.sign_in("ada", PASSWORD).await.is_ok());
    assert!(house.sign_in_from("ada", PASSWORD, ip("::ffff:192.0.2.10")).await.is_ok(), "the same address");
    assert!(is_elsewhere(&house.sign_in_from("ada", PASSWORD, THERE).await));
    assert!(is_elsewhere(&house.sign_in("bob", PASSWORD).await), "another account's sign-in is not his");
    let known = house.identity().known_addresses(ada.id).unwrap();
    assert_eq!((known[0].address, known[0].seen, known[0].agent.as_str()), (HERE, Some(house.now()), "Firefox"));
    house.wait(8 * HOUR);
    assert!(house.sign_in("ada", PASSWORD).await.is_ok());
    house.wait(1);
    assert!(is_elsewhere(&house.sign_in("ada", PASSWORD).await));
}

#[tokio::test]
async fn every_kind_of_credential_meets_the_rule() {
    let house = House::build();
    let ada = house.member("ada").await;
    let hour = Duration::from_secs(HOUR);
    let (_, pass) = house.identity().issue_pass(&Actor::Console, ada.id, None, hour).await.unwrap();
    let (_, device) = house.identity().add_device(&Actor::Console, name("desk-1"), ada.id).await.unwrap();
    set(&house, Whose::Account(ada.id), within(1)).await;
    for (who, secret) in [("ada", PASSWORD), ("ada", pass.expose()), ("desk-1", device.expose())] {
        assert!(is_elsewhere(&house.sign_in(who, secret).await), "{who}");
    }
    on_the_web(&house, "ada", HERE).await;
    for (who, secret) in [("ada", PASSWORD), ("ada", pass.expose()), ("desk-1", device.expose())] {
        assert!(house.sign_in(who, secret).await.is_ok(), "{who}");
    }
}

#[tokio::test]
async fn the_nearest_rule_counts_and_all_of_a_members_groups_do() {
    let house = House::build();
    let (ada, robot) = (house.member("ada").await, house.member("robot").await);
    let (north, south) = (house.group("north").await, house.group("south").await);
    for group in [north, south] {
        house.identity().add_member(&Actor::Console, group, Member::Account(ada.id)).await.unwrap();
    }
    set(&house, Whose::Appliance, within(1)).await;
    set(&house, Whose::Account(robot.id), networks(&["192.0.2.0/24"])).await;
    assert!(house.sign_in("robot", PASSWORD).await.is_ok());
    assert!(is_elsewhere(&house.sign_in_from("robot", PASSWORD, THERE).await));
    set(&house, Whose::Group(north), networks(&["192.0.2.0/24", "198.51.100.0/24"])).await;
    assert!(house.sign_in("ada", PASSWORD).await.is_ok(), "a group's rule is nearer than the appliance's");
    set(&house, Whose::Group(south), networks(&["198.51.100.0/24"])).await;
    assert!(is_elsewhere(&house.sign_in("ada", PASSWORD).await));
    assert!(house.sign_in_from("ada", PASSWORD, THERE).await.is_ok());
    house.identity().remove_group(&Actor::Console, south).await.unwrap();
    assert!(house.sign_in("ada", PASSWORD).await.is_ok());
    assert_eq!(house.identity().address_rules().unwrap().len(), 3, "the rule went with its group");
}

#[tokio::test]
async fn an_address_is_pinned_and_removed_and_live_sessions_follow() {
    let house = House::build();
    let ada = house.member("ada").await;
    set(&house, Whose::Account(ada.id), within(1)).await;
    house.identity().pin_address(&Actor::Console, ada.id, HERE).await.unwrap();
    house.wait(1000 * HOUR);
    let session = house.principal("ada").await;
    house.take_events();
    house.identity().remove_address(&Actor::Console, ada.id, HERE).await.unwrap();
    assert_eq!(house.take_events(), [Event::AddressesChanged]);
    assert!(!house.identity().still_valid(&session));
    assert!(is_elsewhere(&house.sign_in("ada", PASSWORD).await));
    let again = house.identity().remove_address(&Actor::Console, ada.id, HERE).await;
    assert!(matches!(again, Err(IdentityError::NoSuch { .. })));
    let actions = house.audited_actions();
    assert!(["address.pin", "address.remove", "address-rule.set"].iter().all(|one| actions.iter().any(|a| a == one)));
}

#[tokio::test]
async fn a_live_session_outlives_its_addresss_time_and_ends_with_a_new_rule() {
    let house = House::build();
    let ada = house.member("ada").await;
    set(&house, Whose::Account(ada.id), within(1)).await;
    on_the_web(&house, "ada", HERE).await;
    let session = house.principal("ada").await;
    house.wait(5 * HOUR);
    assert!(is_elsewhere(&house.sign_in("ada", PASSWORD).await));
    assert!(house.identity().still_valid(&session), "it was let in rightly, and nothing was taken away");
    set(&house, Whose::Account(ada.id), networks(&["10.0.0.0/8"])).await;
    assert!(!house.identity().still_valid(&session));
    set(&house, Whose::Account(ada.id), None).await;
    assert!(house.identity().still_valid(&session));
}

#[tokio::test]
async fn of_an_ipv6_address_its_network_counts() {
    let house = House::build();
    let ada = house.member("ada").await;
    set(&house, Whose::Account(ada.id), within(1)).await;
    on_the_web(&house, "ada", ip("2001:db8::1")).await;
    assert!(house.sign_in_from("ada", PASSWORD, ip("2001:db8::2")).await.is_ok());
    assert!(is_elsewhere(&house.sign_in_from("ada", PASSWORD, ip("2001:db8:0:1::1")).await));
}

#[tokio::test]
async fn the_addresses_of_an_account_are_bounded_and_pinned_ones_stay() {
    let house = House::build();
    let ada = house.member("ada").await;
    house.identity().pin_address(&Actor::Console, ada.id, THERE).await.unwrap();
    for n in 0..130_u8 {
        house.wait(1);
        on_the_web(&house, "ada", IpAddr::from([10, 0, 0, n])).await;
    }
    let known = house.identity().known_addresses(ada.id).unwrap();
    assert_eq!(known.len(), 101);
    assert!(known.iter().any(|known| known.address == THERE));
    assert_eq!(known[0].address, IpAddr::from([10, 0, 0, 129]));
}

#[tokio::test]
async fn a_rule_that_makes_no_sense_is_refused() {
    let house = House::build();
    let refused = |whose, rule| {
        let identity = house.identity().clone();
        async move { identity.set_address_rule(&Actor::Console, whose, rule).await.unwrap_err() }
    };
    let empty = Some(AddressRule { within: None, networks: Vec::new() });
    assert!(matches!(refused(Whose::Appliance, empty).await, IdentityError::EmptyRule));
    assert!(matches!(refused(Whose::Appliance, within(31 * 24)).await, IdentityError::Lifetime(_)));
    let nobody = Whose::Account(AccountId::random());
    assert!(matches!(refused(nobody, within(1)).await, IdentityError::NoSuch { .. }));
    let many = Some(AddressRule { within: None, networks: vec!["10.0.0.0/8".parse().unwrap(); 33] });
    assert!(matches!(refused(Whose::Appliance, many).await, IdentityError::TooMany { .. }));
}

#[tokio::test]
async fn a_device_bound_to_networks_counts_from_there_alone_with_its_passes() {
    let house = House::build();
    let ada = house.member("ada").await;
    let (device, secret) = house.identity().add_device(&Actor::Console, name("desk-1"), ada.id).await.unwrap();
    let hour = Duration::from_secs(HOUR);
    let (_, pass) = house.identity().issue_pass(&Actor::Console, ada.id, Some(device.id), hour).await.unwrap();
    let sessions = [
        house.sign_in_from("desk-1", secret.expose(), THERE).await.unwrap(),
        house.sign_in_from("ada", pass.expose(), THERE).await.unwrap(),
    ];
    let bound = vec!["192.0.2.0/24".parse().unwrap()];
    house.identity().bind_device(&Actor::Console, device.id, bound).await.unwrap();
    assert!(sessions.iter().all(|session| !house.identity().still_valid(session)));
    for (who, secret) in [("desk-1", secret.expose()), ("ada", pass.expose())] {
        assert!(house.sign_in(who, secret).await.is_ok());
        assert!(is_elsewhere(&house.sign_in_from(who, secret, THERE).await));
    }
}
