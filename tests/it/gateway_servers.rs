//! The way to the SQL Server: what goes wrong there, whose fault it is said to be, and where routing may lead.

use std::time::Duration;

use gatehouse::config;
use gatehouse::platform::SystemClock;
use gatehouse::tds::login7::{Feature, FeatureId};
use gatehouse::tds::prelogin::PreLogin;
use gatehouse::tds::token::{EnvChange, EnvKind, Route, ServerMessage};
use gatehouse::tds::{Login7, Token};
use gatehouse::upstream::{Target, TlsRule};

use crate::support::caller::{self, LoggedIn, login, prelogin};
use crate::support::peer::{Answer, Peer};
use crate::support::rig::{PASSWORD, Rig, SQL_USER};

fn wish() -> Login7 {
    login("ada", PASSWORD, "sales")
}

/// A member's text tells neither the address nor the SQL login; the audit tells everything.
fn discreet(error: &ServerMessage, rig: &Rig) {
    for secret in [SQL_USER, "127.0.0.1", &format!(":{}", rig.peer.address.port()), "SalesDB"] {
        assert!(!error.message.contains(secret), "{}", error.message);
    }
}

fn cause(rig: &Rig) -> String {
    rig.audited("session.refused").last().expect("a refusal in the audit").to_string()
}

#[tokio::test]
async fn a_server_that_is_down_is_said_to_be_down() {
    let rig = Rig::build(config::Gateway::default(), SystemClock::new(), |target| Target { port: 1, ..target }).await;
    let error = rig.refusal(&wish()).await;
    assert_eq!(error.number, 40613);
    assert!(error.message.contains("does not answer"), "{}", error.message);
    discreet(&error, &rig);
    assert!(cause(&rig).contains("127.0.0.1:1"), "{}", cause(&rig));
}

#[tokio::test]
async fn a_server_with_the_wrong_certificate_gets_nothing() {
    let wrong = |target| Target { tls: TlsRule::Certificate { sha256: "ab".repeat(32) }, ..target };
    let rig = Rig::build(config::Gateway::default(), SystemClock::new(), wrong).await;
    let error = rig.refusal(&wish()).await;
    assert!(error.message.contains("another certificate"), "{}", error.message);
    discreet(&error, &rig);
    assert!(rig.peer.logins.lock().unwrap().is_empty());
    assert!(cause(&rig).contains("operator"), "{}", cause(&rig));
}

#[tokio::test]
async fn a_server_that_refuses_our_login_is_not_quoted() {
    let rig = Rig::start().await;
    for (number, word) in [(18456, "own login"), (4060, "cannot open"), (18401, "no logins"), (50_000, "refused")] {
        rig.peer.set(|manners| manners.login = Answer::Refuse(number, "Login failed for user 'sales_reader'."));
        let error = rig.refusal(&wish()).await;
        assert!(error.message.contains(word), "{}", error.message);
        discreet(&error, &rig);
        assert!(cause(&rig).contains(&number.to_string()) && cause(&rig).contains(SQL_USER));
    }
}

#[tokio::test]
async fn a_server_that_does_not_answer_its_login_is_given_up_in_time() {
    let settings = config::Gateway::default();
    let limit = settings.server_login_timeout;
    let (rig, clock) = Rig::with_manual_clock(settings).await;
    rig.peer.set(|manners| manners.login = Answer::Silence);
    let mut caller = rig.call().await;
    caller.send(0x10, 0, &wish().encode().unwrap()).await;
    rig.until("the server has the login", |rig| !rig.peer.logins.lock().unwrap().is_empty()).await;
    tokio::time::sleep(Duration::from_millis(50)).await;
    clock.advance(limit);
    let error = caller.answer().await.error();
    assert!(error.message.contains("too long"), "{}", error.message);
    rig.until("the server is let go", |rig| rig.peer.live() == 0).await;
}

#[tokio::test]
async fn a_server_that_talks_nonsense_costs_one_sentence_and_no_more() {
    let rig = Rig::start().await;
    for answer in [Answer::Close, Answer::Garbage, Answer::TooMuch] {
        rig.peer.set(|manners| manners.login = answer);
        let error = rig.refusal(&wish()).await;
        assert!(error.message.contains("does not understand"), "{}", error.message);
        discreet(&error, &rig);
    }
    rig.until("the server is let go", |rig| rig.peer.live() == 0 && rig.gateway.registry().count() == 0).await;
}

#[tokio::test]
async fn a_workstation_that_leaves_while_the_server_thinks_takes_the_dial_with_it() {
    let rig = Rig::start().await;
    rig.peer.set(|manners| manners.login = Answer::Silence);
    let mut caller = rig.call().await;
    caller.send(0x10, 0, &wish().encode().unwrap()).await;
    rig.until("the server has the login", |rig| !rig.peer.logins.lock().unwrap().is_empty()).await;
    drop(caller);
    rig.until("both are gone", |rig| rig.peer.live() == 0 && rig.gateway.registry().count() == 0).await;
}

#[tokio::test]
async fn only_features_that_were_asked_for_and_may_travel_do() {
    let rig = Rig::start().await;
    let all = [0x01, 0x04, 0x09, 0x0A, 0x0B, 0x0D, 0x0F].map(|id| Feature { id: FeatureId(id), data: vec![1] });
    rig.peer.set(|manners| {
        manners.features = all.to_vec();
        manners.more = vec![EnvChange::text(EnvKind::MIRRORING_PARTNER, "sql2.corp.example", "")];
    });
    let asked = [0x01, 0x0A, 0x0B, 0x0F].map(|id| Feature { id: FeatureId(id), data: vec![] });
    let tokens = rig.call().await.log_in(&Login7 { features: asked.to_vec(), ..wish() }).await.tokens();
    let acked: Vec<u8> = tokens
        .iter()
        .filter_map(|token| if let Token::FeatureExtAck(acked) = token { Some(acked) } else { None })
        .flat_map(|acked| acked.iter().map(|feature| feature.id.0))
        .collect();
    assert_eq!(acked, [0x0A]);
    let seen: Vec<u8> = rig.peer.last_login().features.iter().map(|feature| feature.id.0).collect();
    assert_eq!(seen, [0x0A]);
    assert!(!format!("{tokens:?}").contains("sql2.corp.example"));
}

#[tokio::test]
async fn session_recovery_passes_both_ways_where_the_policy_allows_it() {
    let rig = Rig::with(config::Gateway { session_recovery: true, ..config::Gateway::default() }).await;
    let recovery = |data: &[u8]| vec![Feature { id: FeatureId::SESSION_RECOVERY, data: data.to_vec() }];
    rig.peer.set(|manners| manners.features = recovery(&[1, 2]));
    let tokens = rig.call().await.log_in(&Login7 { features: recovery(&[7; 54]), ..wish() }).await.tokens();
    assert!(tokens.contains(&Token::FeatureExtAck(recovery(&[1, 2]))), "{tokens:?}");
    assert_eq!(rig.peer.last_login().features, recovery(&[7; 54]));
}

#[tokio::test]
async fn mars_is_granted_only_as_far_as_the_server_has_it() {
    let rig = Rig::start().await;
    let asked = PreLogin { mars: Some(true), ..prelogin() };
    let mut caller = caller::tunnel(rig.address, &rig.root_pem, &asked).await;
    assert_eq!(caller.answered.mars, Some(true));
    caller.log_in(&wish()).await.tokens();
    rig.peer.set(|manners| manners.mars = false);
    let mut caller = caller::tunnel(rig.address, &rig.root_pem, &asked).await;
    assert!(caller.log_in(&wish()).await.error().message.contains("MARS"));
}

fn route(peer: &Peer) -> Route {
    Route { protocol: 0, port: peer.address.port(), server: "127.0.0.1".into(), database: None }
}

#[tokio::test]
async fn routing_is_followed_inside_and_never_shown() {
    let rig = Rig::start().await;
    let second = Peer::start(rig.clock.now()).await;
    // The second server's certificate comes from an authority of its own, which the entry does not name.
    rig.peer.set(|manners| manners.login = Answer::Route(route(&second)));
    let error = rig.refusal(&wish()).await;
    assert!(error.message.contains("another certificate"), "{}", error.message);
    assert!(second.logins.lock().unwrap().is_empty(), "the SQL login went to a stranger");

    let trusting = |target| Target { tls: TlsRule::TrustAnything, ..target };
    let rig = Rig::build(config::Gateway::default(), SystemClock::new(), trusting).await;
    rig.peer.set(|manners| manners.login = Answer::Route(route(&second)));
    let mut caller = rig.call().await;
    let LoggedIn::Yes(tokens) = caller.log_in(&wish()).await else { panic!() };
    let routed = |token: &Token| matches!(token, Token::EnvChange(change) if change.route().is_some());
    assert!(!tokens.iter().any(routed));
    assert_eq!(second.last_login().user_name, SQL_USER);
    assert_eq!(caller.ask("rows 10").await.unwrap().len(), 10);
    rig.until("the first server is let go", |rig| rig.peer.live() == 0).await;
}

#[tokio::test]
async fn routing_that_goes_around_in_circles_or_out_of_bounds_is_refused() {
    let rig = Rig::start().await;
    let itself = route(&rig.peer);
    rig.peer.set(|manners| manners.login = Answer::Route(itself));
    let error = rig.refusal(&wish()).await;
    assert!(error.message.contains("sends logins on"), "{}", error.message);
    assert_eq!(rig.peer.logins.lock().unwrap().len(), 11, "the first and ten hops");
    assert!(cause(&rig).contains("10 routing hops"));

    let away = Route { protocol: 0, port: 1433, server: "sql.evil.example".into(), database: None };
    rig.peer.set(|manners| manners.login = Answer::Route(away));
    let error = rig.refusal(&wish()).await;
    assert!(error.message.contains("sends logins on") && !error.message.contains("evil"), "{}", error.message);
    assert!(cause(&rig).contains("sql.evil.example"));
}
