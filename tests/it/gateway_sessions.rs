//! Live sessions: listed, limited, ended, and kept out once they are.

use std::time::Duration;

use gatehouse::config;
use gatehouse::domain::{Scopes, Secret};
use gatehouse::identity::Alteration;
use gatehouse::wire::PacketReader;

use crate::support::caller::{LoggedIn, login, token_login};
use crate::support::rig::{ACTOR, PASSWORD, Rig, name};

const HOUR: Duration = Duration::from_secs(3600);

#[tokio::test]
async fn a_session_is_listed_with_who_where_and_what() {
    let rig = Rig::start().await;
    let mut caller = rig.ada().await;
    caller.ask("rows 5000").await.unwrap();
    let [session] = &rig.gateway.registry().list()[..] else { panic!("one session") };
    assert_eq!((session.account_name.as_str(), session.database.as_str()), ("ada", "sales"));
    assert_eq!((session.application.as_str(), session.host.as_str()), ("raw caller", "WS-04"));
    assert!(session.address.is_loopback() && session.device.is_none());
    assert_eq!((session.traffic.batches, session.traffic.packets_up, session.traffic.packets_down), (1, 1, 2));
    assert_eq!(session.traffic.bytes_down, 5000 + 16);
    let opened = rig.audited("session.open");
    assert_eq!(opened.len(), 1);
    assert!(opened[0].to_string().contains(&session.id.to_string()));
}

#[tokio::test]
async fn an_administrator_ends_a_session_and_an_idle_driver_reads_why() {
    let rig = Rig::start().await;
    let (mut one, mut other) = (rig.ada().await, rig.ada().await);
    let id = rig.gateway.registry().list()[0].id;
    assert!(rig.gateway.registry().end(&id));
    let error = one.answer().await.error();
    assert_eq!(error.class, 21);
    assert!(error.message.contains("administrator"), "{}", error.message);
    assert!(one.is_closed().await);
    assert_eq!(other.ask("rows 10").await.unwrap().len(), 10, "the other goes on");
    assert_eq!(rig.gateway.registry().end_account(&rig.ada), 1);
    other.answer().await.error();
    rig.until("none is left", |rig| rig.gateway.registry().count() == 0 && rig.peer.live() == 0).await;
    assert!(!rig.gateway.registry().end(&id), "there is no such session any more");
}

#[tokio::test]
async fn a_disabled_account_loses_its_sessions_in_the_middle_of_a_result_and_stays_out() {
    let rig = Rig::start().await;
    let mut caller = rig.ada().await;
    caller.batch("flood").await;
    let mut reader = PacketReader::new(&mut caller.stream);
    for _ in 0..100 {
        reader.next().await.unwrap().unwrap();
    }
    rig.identity.alter_account(&ACTOR, rig.ada, Alteration::Disable).await.unwrap();
    // What was under way may still come; then it is over, without a made-up end of the result.
    while let Ok(Some(frame)) = reader.next().await {
        assert!(!frame.ends_message());
    }
    rig.until("the server's session is gone", |rig| rig.peer.live() == 0).await;
    // A driver that reconnects by itself, as often as it likes.
    let before = rig.peer.accepted();
    for _ in 0..20 {
        assert_eq!(rig.refusal(&login("ada", PASSWORD, "sales")).await.number, 18456);
    }
    assert_eq!(rig.peer.accepted(), before);
    let end = rig.audited("session.end")[0].to_string();
    assert!(end.contains("no longer counts") && end.contains("operator"), "{end}");
}

#[tokio::test]
async fn whatever_a_session_stands_on_ends_it_when_it_goes() {
    let rig = Rig::start().await;
    let (pass, pass_secret) = rig.identity.issue_pass(&ACTOR, rig.ada, None, HOUR).await.unwrap();
    let (device, device_secret) = rig.identity.add_device(&ACTOR, name("ws-04"), rig.ada).await.unwrap();
    let (token, token_secret) =
        rig.identity.issue_token(&ACTOR, rig.ada, "t".into(), Scopes::sql(), HOUR).await.unwrap();
    let mut callers = Vec::new();
    for wish in [
        login("ada", pass_secret.expose(), "sales"),
        login("ws-04", device_secret.expose(), "sales"),
        token_login(token_secret.expose(), "sales"),
        login("ada", PASSWORD, "sales"),
    ] {
        let mut caller = rig.call().await;
        caller.log_in(&wish).await.tokens();
        callers.push((caller, wish));
    }
    let mut callers = callers.into_iter();
    let mut next_ends = async |left: usize| {
        let (mut caller, wish) = callers.next().unwrap();
        assert!(caller.answer().await.error().message.contains("no longer valid"));
        assert!(matches!(rig.call().await.log_in(&wish).await, LoggedIn::No(_)), "and it stays out");
        rig.until("the others are left", |rig| rig.gateway.registry().count() == left).await;
    };
    rig.identity.revoke_pass(&ACTOR, pass.id).await.unwrap();
    next_ends(3).await;
    rig.identity.revoke_device(&ACTOR, device.id).await.unwrap();
    next_ends(2).await;
    rig.identity.revoke_token(&ACTOR, token.id).await.unwrap();
    next_ends(1).await;
    rig.identity.set_password(&ACTOR, rig.ada, Secret::new("another horse battery")).await.unwrap();
    next_ends(0).await;
}

#[tokio::test]
async fn a_grant_that_is_taken_away_ends_its_sessions() {
    let rig = Rig::start().await;
    let mut caller = rig.ada().await;
    rig.estate.remove_grant(&ACTOR, rig.grant).await.unwrap();
    assert!(caller.answer().await.error().message.contains("access to this database"));
    assert_eq!(rig.refusal(&login("ada", PASSWORD, "sales")).await.number, 4060);
}

#[tokio::test]
async fn an_alias_that_points_elsewhere_ends_the_sessions_that_went_the_old_way() {
    let rig = Rig::start().await;
    let mut caller = rig.ada().await;
    let sales = rig.estate.database("sales").unwrap();
    let server = rig.estate.server(&sales.server.to_string()).unwrap();
    rig.estate.retarget(&ACTOR, sales.id, sales.server, sales.name.clone()).await.unwrap();
    rig.estate.set_target(&ACTOR, server.id, server.target.clone()).await.unwrap();
    assert_eq!(rig.estate.server("main").unwrap().revision, server.revision);
    assert_eq!(caller.ask("rows 10").await.unwrap().len(), 10, "where it points there already, they go on");
    rig.estate.retarget(&ACTOR, sales.id, sales.server, "OtherDB".into()).await.unwrap();
    assert!(caller.answer().await.error().message.contains("access to this database"));
    rig.ada().await;
    assert_eq!(rig.peer.last_login().database, "OtherDB");
}

#[tokio::test]
async fn an_account_disabled_between_sign_in_and_opening_gets_no_session() {
    let rig = Rig::start().await;
    rig.peer.set(|manners| manners.login = crate::support::peer::Answer::Silence);
    let mut caller = rig.call().await;
    caller.send(0x10, 0, &login("ada", PASSWORD, "sales").encode().unwrap()).await;
    rig.until("the server has the login", |rig| !rig.peer.logins.lock().unwrap().is_empty()).await;
    rig.identity.alter_account(&ACTOR, rig.ada, Alteration::Disable).await.unwrap();
    let error = caller.answer().await.error();
    assert!(error.message.contains("no longer valid"), "{}", error.message);
    rig.until("nothing is left", |rig| rig.peer.live() == 0 && rig.gateway.registry().count() == 0).await;
}

#[tokio::test]
async fn an_idle_session_ends_and_one_whose_server_works_does_not() {
    let settings = config::Gateway { idle_limit: Duration::from_secs(600), ..config::Gateway::default() };
    let (rig, clock) = Rig::with_manual_clock(settings).await;
    let (mut idle, mut working) = (rig.ada().await, rig.ada().await);
    working.batch("quiet").await;
    rig.until("the request has passed", |rig| {
        rig.gateway.registry().list().iter().any(|session| session.traffic.batches == 1)
    })
    .await;
    clock.advance(Duration::from_secs(601));
    assert!(idle.answer().await.error().message.contains("idle"));
    working.send(6, 0, &[]).await;
    assert!(working.receive().await.is_some(), "a long quiet statement is not idleness");
    assert_eq!(working.ask("rows 10").await.unwrap().len(), 10);
}

#[tokio::test]
async fn a_session_that_is_too_old_ends_even_if_it_is_busy() {
    let settings = config::Gateway { absolute_limit: HOUR, ..config::Gateway::default() };
    let (rig, clock) = Rig::with_manual_clock(settings).await;
    let mut caller = rig.ada().await;
    clock.advance(HOUR / 2);
    assert_eq!(caller.ask("rows 10").await.unwrap().len(), 10);
    clock.advance(HOUR / 2);
    assert!(caller.answer().await.error().message.contains("lasted longer"));
    rig.ada().await;
}

#[tokio::test]
async fn a_pass_that_expires_ends_its_session() {
    let (rig, clock) = Rig::with_manual_clock(config::Gateway::default()).await;
    let (_, pass) = rig.identity.issue_pass(&ACTOR, rig.ada, None, HOUR).await.unwrap();
    let mut caller = rig.call().await;
    caller.log_in(&login("ada", pass.expose(), "sales")).await.tokens();
    clock.advance(HOUR);
    assert!(caller.answer().await.error().message.contains("no longer valid"));
    assert_eq!(rig.refusal(&login("ada", pass.expose(), "sales")).await.number, 18456);
}

#[tokio::test]
async fn limits_of_sessions_hold_and_a_place_that_is_left_is_free_again() {
    let limits = |per_account, total| config::Gateway {
        sessions_per_account: per_account,
        sessions_total: total,
        ..config::Gateway::default()
    };
    for (settings, word) in [(limits(2, 100), "for this account"), (limits(0, 2), "as many sessions")] {
        let rig = Rig::with(settings).await;
        let (_first, second) = (rig.ada().await, rig.ada().await);
        let error = rig.refusal(&login("ada", PASSWORD, "sales")).await;
        assert_eq!(error.number, 10928);
        assert!(error.message.contains(word), "{}", error.message);
        drop(second);
        rig.until("the place is free", |rig| rig.gateway.registry().count() == 1).await;
        rig.ada().await;
    }
}

#[tokio::test]
async fn a_gateway_that_drains_refuses_new_logins_lets_the_others_finish_and_ends_the_rest() {
    let settings = config::Gateway::default();
    let grace = settings.drain_grace;
    let (rig, clock) = Rig::with_manual_clock(settings).await;
    let (mut finishing, mut staying) = (rig.ada().await, rig.ada().await);
    let mut half_way = rig.call().await;
    let draining = rig.gateway.clone();
    let drained = tokio::spawn(async move { draining.drain().await });
    rig.until("it drains", |rig| rig.gateway.registry().is_closed()).await;

    let error = half_way.log_in(&login("ada", PASSWORD, "sales")).await.error();
    assert!(error.message.contains("being stopped"), "{}", error.message);
    assert_eq!(finishing.ask("rows 10").await.unwrap().len(), 10);
    drop(finishing);
    rig.until("one is left", |rig| rig.gateway.registry().count() == 1).await;
    assert!(!drained.is_finished());
    tokio::time::sleep(Duration::from_millis(50)).await;
    clock.advance(grace);
    assert!(staying.answer().await.error().message.contains("being stopped"));
    drop(staying);
    drained.await.unwrap();
    assert_eq!(rig.gateway.registry().count(), 0);
}

#[tokio::test]
async fn a_workstation_that_reads_nothing_is_cut_all_the_same() {
    let (rig, clock) = Rig::with_manual_clock(config::Gateway::default()).await;
    let mut caller = rig.ada().await;
    caller.batch("flood").await;
    let passed = || rig.gateway.registry().list().first().map_or(0, |session| session.traffic.bytes_down);
    let mut before = u64::MAX;
    while passed() != before {
        before = passed();
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    assert_eq!(rig.gateway.registry().end_account(&rig.ada), 1);
    rig.until("the server is let go at once", |rig| rig.peer.live() == 0).await;
    // One second of the clock is enough for everything that it waits for.
    for _ in 0..10 {
        clock.advance(Duration::from_millis(100));
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    rig.until("the session is gone", |rig| rig.gateway.registry().count() == 0).await;
}
