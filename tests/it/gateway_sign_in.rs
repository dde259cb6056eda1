//! Who may come in, through what, and what the others are told.

use std::time::Duration;

use gatehouse::config;
use gatehouse::domain::{Scopes, Secret};
use gatehouse::identity::Alteration;
use gatehouse::tds::login7::{FeatureId, OptionFlags2, OptionFlags3};
use gatehouse::tds::{Login7, TdsVersion, Token};

use crate::support::caller::{login, token_login};
use crate::support::rig::{ACTOR, PASSWORD, Rig, SQL_PASSWORD, SQL_USER, name};

const HOUR: Duration = Duration::from_secs(3600);

#[tokio::test]
async fn every_kind_of_credential_opens_a_session() {
    let rig = Rig::start().await;
    let (_, pass) = rig.identity.issue_pass(&ACTOR, rig.ada, None, HOUR).await.unwrap();
    let (_, device) = rig.identity.add_device(&ACTOR, name("ws-04"), rig.ada).await.unwrap();
    let (_, token) = rig.identity.issue_token(&ACTOR, rig.ada, "laptop".into(), Scopes::sql(), HOUR).await.unwrap();
    for (kind, wish) in [
        ("password", login("ada", PASSWORD, "sales")),
        ("password", login("ADA", PASSWORD, "SALES")),
        ("pass", login("ada", pass.expose(), "sales")),
        ("device", login("ws-04", device.expose(), "sales")),
        ("token", login("ada", token.expose(), "sales")),
        ("token", token_login(token.expose(), "sales")),
    ] {
        let mut caller = rig.call().await;
        caller.log_in(&wish).await.tokens();
        let [session] = &rig.gateway.registry().list()[..] else { panic!("one session") };
        assert_eq!((session.credential, session.account), (kind, rig.ada));
        drop(caller);
        rig.until("the session is gone", |rig| rig.gateway.registry().count() == 0).await;
    }
}

#[tokio::test]
async fn a_token_is_acknowledged_in_zero_bytes_and_goes_no_further() {
    let rig = Rig::start().await;
    let (_, token) = rig.identity.issue_token(&ACTOR, rig.ada, "laptop".into(), Scopes::sql(), HOUR).await.unwrap();
    let tokens = rig.call().await.log_in(&token_login(token.expose(), "sales")).await.tokens();
    let acked =
        tokens.iter().find_map(|token| if let Token::FeatureExtAck(acked) = token { Some(acked) } else { None });
    let [fed_auth] = &acked.expect("an acknowledgement")[..] else { panic!("{acked:?}") };
    assert_eq!((fed_auth.id, fed_auth.data.len()), (FeatureId::FED_AUTH, 0));
    assert!(rig.peer.last_login().features.is_empty());
}

#[tokio::test]
async fn the_server_sees_the_workstations_login_with_the_sql_login_in_it() {
    let rig = Rig::start().await;
    let wish =
        Login7 { packet_size: 0, client_lcid: 0x0407, language: "Deutsch".into(), ..login("ada", PASSWORD, "sales") };
    rig.call().await.log_in(&wish).await.tokens();
    let seen = rig.peer.last_login();
    let expected = Login7 {
        user_name: SQL_USER.into(),
        password: Secret::new(SQL_PASSWORD),
        database: "SalesDB".into(),
        server_name: "127.0.0.1".into(),
        ..wish
    };
    assert_eq!(seen, expected);
}

#[tokio::test]
async fn a_login_without_a_database_takes_the_only_one_that_is_granted() {
    let rig = Rig::start().await;
    rig.call().await.log_in(&login("ada", PASSWORD, "")).await.tokens();
    assert_eq!(rig.peer.last_login().database, "SalesDB");
    let error = rig.refusal(&login("bob", PASSWORD, "")).await;
    assert_eq!(error.number, 4060);
    assert!(error.message.contains("Name a database"), "{}", error.message);
}

#[tokio::test]
async fn wrong_names_and_wrong_passwords_are_not_told_apart() {
    let rig = Rig::start().await;
    let mut texts = Vec::new();
    for user in ["ada", "nobody"] {
        let error = rig.refusal(&login(user, "wrong wrong wrong", "sales")).await;
        assert_eq!((error.number, error.state, error.class), (18456, 1, 14));
        assert!(error.message.starts_with(&format!("Login failed for user '{user}'.")), "{}", error.message);
        let text = error.message.replace(user, "").split("reference").next().unwrap().to_owned();
        texts.push(text);
    }
    assert_eq!(texts[0], texts[1]);
    assert_eq!(rig.audited("session.refused").len(), 2);
    assert_eq!(rig.peer.accepted(), 0, "no server is dialled for somebody unknown");
}

#[tokio::test]
async fn a_disabled_account_is_told_so_only_when_its_secret_was_right() {
    let rig = Rig::start().await;
    rig.identity.alter_account(&ACTOR, rig.ada, Alteration::Disable).await.unwrap();
    let right = rig.refusal(&login("ada", PASSWORD, "sales")).await;
    assert!(right.message.contains("disabled"), "{}", right.message);
    let wrong = rig.refusal(&login("ada", "wrong wrong wrong", "sales")).await;
    assert!(!wrong.message.contains("is disabled"), "{}", wrong.message);
    assert_eq!((right.number, wrong.number), (18456, 18456));
}

#[tokio::test]
async fn whoever_fails_too_often_is_told_when_to_try_again() {
    let (rig, _clock) = Rig::with_manual_clock(config::Gateway::default()).await;
    let mut last = String::new();
    for _ in 0..8 {
        last = rig.refusal(&login("ada", "wrong wrong wrong", "sales")).await.message;
    }
    assert!(last.contains("try again in"), "{last}");
}

#[tokio::test]
async fn unknown_databases_and_those_that_are_not_granted_are_not_told_apart() {
    let rig = Rig::start().await;
    let mut texts = Vec::new();
    for database in ["sales", "nothing"] {
        let error = rig.refusal(&login("bob", PASSWORD, database)).await;
        assert_eq!((error.number, error.class), (4060, 11));
        assert!(error.message.starts_with(&format!("Cannot open database \"{database}\" requested by the login.")));
        texts.push(error.message.replace(database, "").split("reference").next().unwrap().to_owned());
    }
    assert_eq!(texts[0], texts[1]);
    let reasons: Vec<String> = rig.audited("session.refused").iter().map(|line| line["reason"].to_string()).collect();
    assert!(reasons[0].contains("not granted") && reasons[1].contains("there is no database"), "{reasons:?}");
}

#[tokio::test]
async fn what_a_login_may_not_ask_for_is_refused_by_name() {
    let rig = Rig::start().await;
    let plain = || login("ada", PASSWORD, "sales");
    let mut integrated = plain();
    integrated.options2.set(OptionFlags2::INTEGRATED, true);
    integrated.sspi = vec![0x4E, 0x54, 0x4C, 0x4D];
    let mut change = plain();
    change.options3.set(OptionFlags3::CHANGE_PASSWORD, true);
    change.change_password = Secret::new("another horse battery");
    let mut instance = plain();
    instance.options3.set(OptionFlags3::USER_INSTANCE, true);
    let attach = Login7 { attach_db_file: "c:\\x.mdf".into(), ..plain() };
    for (wish, word) in [
        (integrated, "Windows authentication"),
        (change, "cannot be changed"),
        (instance, "user instance"),
        (attach, "database file"),
    ] {
        let error = rig.refusal(&wish).await;
        assert!(error.message.contains(word), "{}", error.message);
    }
    rig.call().await.log_in(&plain()).await.tokens();
}

#[tokio::test]
async fn a_login_that_is_too_large_or_no_login_gets_an_error_that_says_so() {
    let rig = Rig::start().await;
    let mut caller = rig.call().await;
    caller.send(0x10, 0, &vec![0x44; 200 * 1024]).await;
    assert!(caller.answer().await.error().message.contains("larger than"));
    assert!(caller.is_closed().await);
    for (kind, payload) in [(0x10, vec![0xFF; 300]), (0x01, vec![0; 40]), (0x10, vec![])] {
        let mut caller = rig.call().await;
        caller.send(kind, 0, &payload).await;
        let error = caller.answer().await.error();
        assert!(error.message.contains("could not be read"), "{}", error.message);
        assert!(caller.is_closed().await);
    }
}

#[tokio::test]
async fn an_old_driver_reads_its_refusal_in_its_own_format() {
    let rig = Rig::start().await;
    let wish = Login7 { tds_version: TdsVersion::V7_1, ..login("ada", "wrong wrong wrong", "sales") };
    assert_eq!(rig.refusal(&wish).await.number, 18456);
}

#[tokio::test]
async fn where_account_passwords_are_not_allowed_the_other_credentials_still_are() {
    let rig = Rig::with(config::Gateway { password_sign_in: false, ..config::Gateway::default() }).await;
    let error = rig.refusal(&login("ada", PASSWORD, "sales")).await;
    assert!(error.message.contains("SQL pass"), "{}", error.message);
    let (_, pass) = rig.identity.issue_pass(&ACTOR, rig.ada, None, HOUR).await.unwrap();
    rig.call().await.log_in(&login("ada", pass.expose(), "sales")).await.tokens();
}

#[tokio::test]
async fn a_login_whose_names_are_longer_than_any_driver_allows_is_not_repeated_anywhere() {
    let rig = Rig::start().await;
    let long = "ghp_".repeat(1000);
    let host = gatehouse::tds::Login7 { host_name: long.clone(), ..login("ada", PASSWORD, "sales") };
    for wish in [login(&long, PASSWORD, "sales"), login("ada", PASSWORD, &long), host] {
        let error = rig.refusal(&wish).await;
        assert_eq!(error.number, 17832);
        assert!(!error.message.contains("ghp_"), "{}", error.message);
    }
    assert!(rig.audited("session.refused").iter().all(|entry| !entry.to_string().contains("ghp_ghp_")));
}

#[tokio::test]
async fn a_flood_of_nonsense_is_written_once_and_counted_after_that() {
    let (rig, clock) = Rig::with_manual_clock(gatehouse::config::Gateway::default()).await;
    let wish = login(&"x".repeat(500), PASSWORD, "sales");
    for _ in 0..20 {
        assert_eq!(rig.refusal(&wish).await.number, 17832);
    }
    assert_eq!(rig.audited("session.refused").len(), 1);
    clock.advance(Duration::from_secs(60));
    rig.until("the rest is counted", |rig| rig.audited("session.refused").len() == 2).await;
    assert_eq!(rig.audited("session.refused")[1]["details"]["repeated"], "19");
}
