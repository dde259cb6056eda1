//! Guessing is slowed down, and nobody is locked out by a stranger.

use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use futures_util::future::join_all;
use gatehouse::audit::Actor;
use gatehouse::domain::{Principal, Scopes, Secret};
use gatehouse::identity::{Presented, SignInError};

use crate::support::house::{HERE, House, OTHER_PASSWORD, PASSWORD, THERE, is_wrong};

fn wait_of(outcome: Result<Principal, SignInError>) -> Option<u64> {
    match outcome {
        Err(SignInError::Throttled { retry_after }) => Some(retry_after.as_secs()),
        _ => None,
    }
}

fn somewhere(n: u32) -> IpAddr {
    IpAddr::V4(Ipv4Addr::from_bits(0x0a00_0000 + n))
}

#[tokio::test]
async fn after_five_wrong_tries_even_the_right_password_waits_and_the_wait_doubles() {
    let house = House::build();
    house.member("ada").await;
    for _ in 0..5 {
        assert!(is_wrong(&house.sign_in("ada", OTHER_PASSWORD).await));
    }
    let before = house.identity().hashes_computed();
    assert_eq!(wait_of(house.sign_in("ada", PASSWORD).await), Some(1));
    assert_eq!(house.identity().hashes_computed(), before, "a throttled try costs nothing");
    house.wait(1);
    assert!(is_wrong(&house.sign_in("ada", OTHER_PASSWORD).await));
    assert_eq!(wait_of(house.sign_in("ada", PASSWORD).await), Some(2));
    house.wait(2);
    assert!(house.sign_in("ada", PASSWORD).await.is_ok());
    assert!(is_wrong(&house.sign_in("ada", OTHER_PASSWORD).await), "a success forgave the pair");
}

#[tokio::test]
async fn a_name_that_does_not_exist_is_throttled_like_one_that_does() {
    let house = House::build();
    house.member("ada").await;
    for who in ["ada", "nobody"] {
        let mut seen = Vec::new();
        for _ in 0..8 {
            let outcome = house.sign_in_from(who, OTHER_PASSWORD, if who == "ada" { HERE } else { THERE }).await;
            seen.push(wait_of(outcome));
        }
        assert_eq!(seen, [None, None, None, None, None, Some(1), Some(1), Some(1)], "{who}");
    }
}

#[tokio::test]
async fn a_burst_of_guesses_gets_no_further_than_one_after_the_other() {
    let house = House::build();
    house.member("ada").await;
    let before = house.identity().hashes_computed();
    let guesses: Vec<String> = (0..60).map(|n| format!("guess number {n}")).collect();
    let outcomes = join_all(guesses.iter().map(|guess| house.sign_in("ada", guess))).await;
    assert!(outcomes.iter().all(Result::is_err));
    let computed = house.identity().hashes_computed() - before;
    // Five are free; those that were being computed as the fifth failed, one for each other place, come on top.
    assert!((5..=6).contains(&computed), "{computed}");
    assert_eq!(outcomes.iter().filter(|outcome| is_wrong(outcome)).count() as u64, computed);
}

#[tokio::test]
async fn the_queue_is_bounded_and_says_busy() {
    let house = House::build();
    let attempts: Vec<_> = (0..400_u32).map(|n| (format!("name {n}"), somewhere(n))).collect();
    let outcomes = join_all(attempts.iter().map(|(who, from)| house.sign_in_from(who, OTHER_PASSWORD, *from))).await;
    let busy = outcomes.iter().filter(|outcome| matches!(outcome, Err(SignInError::Busy))).count();
    let wrong = outcomes.iter().filter(|outcome| is_wrong(outcome)).count();
    assert!(busy > 0 && wrong > 0 && busy + wrong == 400, "busy {busy}, wrong {wrong}");
}

#[tokio::test]
async fn strangers_elsewhere_do_not_lock_out_whoever_signs_in_from_here() {
    let house = House::build();
    house.member("ada").await;
    house.sign_in("ada", PASSWORD).await.unwrap();
    for n in 0..120 {
        let _ = house.sign_in_from("ada", OTHER_PASSWORD, somewhere(n)).await;
    }
    assert!(wait_of(house.sign_in_from("ada", PASSWORD, THERE).await).is_some(), "a newcomer waits");
    assert!(house.sign_in("ada", PASSWORD).await.is_ok());
}

#[tokio::test]
async fn a_newcomer_to_a_name_under_attack_gets_in_within_a_tenth_of_the_longest_delay() {
    let house = House::build();
    house.member("ada").await;
    for n in 0..120 {
        let _ = house.sign_in_from("ada", OTHER_PASSWORD, somewhere(n)).await;
    }
    let wait = wait_of(house.sign_in_from("ada", PASSWORD, THERE).await).unwrap();
    assert!(wait <= 30, "{wait}");
    house.wait(wait + 1);
    assert!(house.sign_in_from("ada", PASSWORD, THERE).await.is_ok());
}

#[tokio::test]
async fn one_address_that_tries_many_names_is_slowed_down_and_its_own_account_washes_nothing_away() {
    let house = House::build();
    house.member("mallory").await;
    for n in 0..50 {
        assert!(is_wrong(&house.sign_in(&format!("name {n}"), OTHER_PASSWORD).await), "{n}");
        house.sign_in("mallory", PASSWORD).await.unwrap();
    }
    assert!(wait_of(house.sign_in("one more", OTHER_PASSWORD).await).is_some());
    assert!(house.sign_in("mallory", PASSWORD).await.is_ok(), "who signed in here before is not held up");
    assert!(is_wrong(&house.sign_in_from("one more", OTHER_PASSWORD, THERE).await), "another address is another count");
}

#[tokio::test]
async fn an_old_pass_that_is_tried_again_and_again_waits_and_a_right_one_never_does() {
    let house = House::build();
    let ada = house.member("ada").await;
    let hour = Duration::from_secs(3600);
    let (old, old_secret) = house.identity().issue_pass(&Actor::Console, ada.id, None, hour).await.unwrap();
    let (_, new_secret) = house.identity().issue_pass(&Actor::Console, ada.id, None, hour).await.unwrap();
    house.identity().revoke_pass(&Actor::Console, old.id).await.unwrap();
    for _ in 0..5 {
        assert!(is_wrong(&house.sign_in("ada", old_secret.expose()).await));
    }
    assert_eq!(wait_of(house.sign_in("ada", old_secret.expose()).await), Some(1));
    assert!(house.sign_in("ada", new_secret.expose()).await.is_ok());
}

#[tokio::test]
async fn a_stale_token_on_one_machine_does_not_hold_up_the_others_behind_the_same_address() {
    let house = House::build();
    let ada = house.member("ada").await;
    let hour = Duration::from_secs(3600);
    let (_, good) =
        house.identity().issue_token(&Actor::Console, ada.id, String::new(), Scopes::sql(), hour).await.unwrap();
    let stale = Secret::new(format!("ght_{}", "0".repeat(43)));
    let mut last = None;
    for _ in 0..100 {
        last = wait_of(house.identity().sign_in(Presented::Token(stale.clone()), HERE).await);
    }
    assert!(last.is_some());
    assert!(house.identity().sign_in(Presented::Token(good), HERE).await.is_ok());
    assert!(house.sign_in("ada", PASSWORD).await.is_ok());
}
