//! Programs that cannot do TLS, served on a workstation and carried to an appliance: what passes, and who is let in.

use std::time::Duration;

use futures_util::TryStreamExt as _;
use gatehouse::audit::Actor;
use gatehouse::connector::feed::{Now, Standing};
use gatehouse::connector::local::guard::Guard;
use gatehouse::connector::oauth::{OAuth, Tokens};
use gatehouse::connector::vault::Kept;
use gatehouse::connector::{Access, Ended};
use gatehouse::domain::{AccessLevel, Name, Secret};
use gatehouse::estate::{Grantee, NewGrant};
use gatehouse::identity::Alteration;
use gatehouse::tds::packet::{Status, packetise};
use gatehouse::tds::prelogin::PreLogin;
use gatehouse::tds::request::SqlBatch;
use gatehouse::tds::token::DoneStatus;
use gatehouse::tds::{AllHeaders, Login7, PacketType, TdsVersion, Token};
use gatehouse::wire::PacketReader;
use tiberius::EncryptionLevel;

use crate::support::appliance::{TestAppliance, scalar};
use crate::support::caller;
use crate::support::connector::{Bench, driver};

const ANYBODY: [&str; 3] = ["sa", "whatever", "trade"];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_driver_with_any_name_and_password_reaches_its_database_encrypted_or_not() {
    let bench = Bench::start().await;
    let connector = bench.connected().await;
    let at = connector.addresses()[0];
    for encryption in
        [EncryptionLevel::NotSupported, EncryptionLevel::Off, EncryptionLevel::Required, EncryptionLevel::Strict]
    {
        let mut sql = driver(at, encryption, ANYBODY).await.unwrap_or_else(|error| panic!("{encryption:?}: {error}"));
        assert_eq!(scalar(&mut sql, "SELECT DB_NAME()").await.unwrap(), "Nordwind", "{encryption:?}");
    }
    let mut sql = driver(at, EncryptionLevel::NotSupported, ANYBODY).await.unwrap();
    let series = "SELECT value, N'row ' + CAST(value AS nvarchar(20)) FROM GENERATE_SERIES(1, 100000)";
    let mut rows = sql.simple_query(series).await.unwrap().into_row_stream();
    let (mut count, mut sum) = (0, 0_i64);
    while let Some(row) = rows.try_next().await.unwrap() {
        (count, sum) = (count + 1, sum + i64::from(row.get::<i32, _>(0).unwrap()));
    }
    assert_eq!((count, sum), (100_000, 5_000_050_000));
    // The gateway knows who it is, whatever name was sent.
    let sessions = bench.house.appliance().registry().list();
    assert!(sessions.iter().any(|session| session.account_name.as_str() == "ada"), "{sessions:?}");
    connector.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_gateway_refuses_the_program_hears_in_the_gateways_words() {
    let bench = Bench::start().await;
    let connector = bench.connected().await;
    let Err(tiberius::error::Error::Server(error)) =
        driver(connector.addresses()[0], EncryptionLevel::NotSupported, ["sa", "x", "nowhere"]).await
    else {
        panic!("no such database")
    };
    assert!(error.code() == 4060 && error.message().contains("no such database here"), "{error:?}");
    connector.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_disabled_account_ends_the_session_and_the_connector_which_says_what_to_do() {
    let bench = Bench::start().await;
    let connector = bench.connected().await;
    let at = connector.addresses()[0];
    let mut sql = driver(at, EncryptionLevel::NotSupported, ANYBODY).await.unwrap();
    let identity = &bench.house.state().identity;
    let ada = identity.account("ada").unwrap().id;
    identity.alter_account(&Actor::Console, ada, Alteration::Disable).await.unwrap();
    let Ended(why) = connector.ended().await;
    assert!(!why.is_empty());
    assert!(sql.simple_query("SELECT 1").await.is_err());
    let Err(tiberius::error::Error::Server(error)) = driver(at, EncryptionLevel::NotSupported, ANYBODY).await else {
        panic!("signed out")
    };
    let what_to_do = format!("sign in again: gatehouse connect {}", bench.url());
    assert!(error.message().contains(&what_to_do) && !error.message().contains("enrol"), "{error:?}");
    connector.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tokens_are_refreshed_before_they_end_and_a_restart_finds_the_new_ones() {
    let bench = Bench::start().await;
    bench.connected().await.stop().await;
    let known = bench.known().await;
    let (_, vault) = bench.state(&known).await;
    let mut before = vault.load().await.unwrap().and_then(Kept::tokens).unwrap();
    before.expires = bench.clock.now().after(Duration::from_secs(5));
    vault.store(&Kept::Program(before.clone())).await.unwrap();
    for _ in 0..2 {
        let connector = bench.connected().await;
        let mut sql = driver(connector.addresses()[0], EncryptionLevel::NotSupported, ANYBODY).await.unwrap();
        assert_eq!(scalar(&mut sql, "SELECT DB_NAME()").await.unwrap(), "Nordwind");
        connector.stop().await;
    }
    let after = vault.load().await.unwrap().and_then(Kept::tokens).unwrap();
    assert!(after.access != before.access && after.refresh != before.refresh && after.expires > before.expires);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_users_program_is_told_so_and_one_with_the_local_token_comes_in() {
    let bench = Bench::start().await;
    let pool = gatehouse::platform::Pool::new(1);
    // The system says whose connection it is: this user's, and not that of user 54321.
    let connector = bench.connect(Guard::SameUser { uid: 54_321, pool: pool.clone() }).await;
    let Err(tiberius::error::Error::Server(error)) =
        driver(connector.addresses()[0], EncryptionLevel::NotSupported, ANYBODY).await
    else {
        panic!("another user's")
    };
    assert!(error.message().contains("no others"), "{error:?}");
    connector.stop().await;

    let uid = rustix::process::geteuid().as_raw();
    let connector = bench.connect(Guard::SameUser { uid, pool }).await;
    connector.watch().wait_for(|now| now.document.is_some()).await.unwrap();
    driver(connector.addresses()[0], EncryptionLevel::NotSupported, ANYBODY).await.unwrap();
    connector.stop().await;

    let connector = bench.connect(Guard::Token(Secret::new("ghx_0123"))).await;
    connector.watch().wait_for(|now| now.document.is_some()).await.unwrap();
    let at = connector.addresses()[0];
    let Err(tiberius::error::Error::Server(error)) = driver(at, EncryptionLevel::NotSupported, ANYBODY).await else {
        panic!("no token")
    };
    assert!(error.message().contains("local token"), "{error:?}");
    driver(at, EncryptionLevel::NotSupported, ["ghx_0123", "", "trade"]).await.unwrap();
    driver(at, EncryptionLevel::NotSupported, ["sa", "ghx_0123", "trade"]).await.unwrap();
    connector.stop().await;
}

fn batch(text: &str) -> Vec<u8> {
    SqlBatch { headers: AllHeaders::of_transaction(0), text: text.into() }.encode(TdsVersion::V7_4)
}

/// The DONE that a message ends with.
fn last_done(payload: &[u8]) -> DoneStatus {
    let mut reader = gatehouse::tds::cursor::Reader::new(&payload[payload.len() - 13..]);
    match Token::decode(&mut reader, TdsVersion::V7_4).unwrap() {
        Token::Done(done) => done.status,
        other => panic!("{other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_attention_passes_and_ends_a_result_that_would_never_end() {
    let bench = Bench::start().await;
    let connector = bench.connected().await;
    let mut caller = caller::clear(connector.addresses()[0], &caller::prelogin()).await;
    caller.log_in(&caller::login("sa", "x", "trade")).await.tokens();
    caller.send(1, 0, &batch("SELECT value FROM GENERATE_SERIES(1, 2000000000)")).await;
    let mut reader = PacketReader::new(&mut caller.stream);
    for _ in 0..100 {
        assert!(!reader.next().await.unwrap().unwrap().ends_message());
    }
    caller.send(PacketType::Attention as u8, 0, &[]).await;
    let cut = caller.receive().await.unwrap();
    assert!(last_done(&cut.payload).contains(DoneStatus::ERROR));
    let acknowledged = caller.receive().await.unwrap();
    assert!(last_done(&acknowledged.payload).contains(DoneStatus::ATTENTION));
    assert_eq!(bench.house.demo.sample.attentions(), 1);
    caller.send(1, 0, &batch("SELECT 1")).await;
    assert!(caller.receive().await.is_some(), "and the session goes on");
    connector.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn several_streams_share_a_connection() {
    let bench = Bench::start().await;
    let connector = bench.connected().await;
    let asked = PreLogin { mars: Some(true), ..caller::prelogin() };
    let mut caller = caller::clear(connector.addresses()[0], &asked).await;
    assert_eq!(caller.answered.mars, Some(true));
    caller.log_in(&caller::login("sa", "x", "trade")).await.tokens();
    let frame = |flags: u8, stream: u8, inside: &[u8]| {
        let length = u32::try_from(16 + inside.len()).unwrap().to_le_bytes();
        let number = u8::from(flags == 8);
        [&[0x53, flags, stream, 0][..], &length, &[number, 0, 0, 0, 4, 0, 0, 0], inside].concat()
    };
    let mut request = Vec::new();
    packetise(PacketType::SqlBatch, Status::NORMAL, 0, &batch("SELECT 9"), 4096, &mut request);
    for stream in 0..3 {
        caller.write(&[frame(1, stream, &[]), frame(8, stream, &request)].concat()).await;
    }
    let mut reader = PacketReader::new(&mut caller.stream);
    reader.allow_smp();
    let mut answered = Vec::new();
    while answered.len() < 3 {
        let answer = reader.next().await.unwrap().unwrap();
        assert!(answer.is_smp());
        if answer.bytes()[1] == 8 {
            answered.push(answer.bytes()[2]);
        }
    }
    answered.sort();
    assert_eq!(answered, [0, 1, 2]);
    connector.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn programs_as_old_as_tds_7_1_come_through_and_one_that_asks_for_too_much_is_told() {
    let bench = Bench::start().await;
    let connector = bench.connected().await;
    let at = connector.addresses()[0];
    for version in [TdsVersion::V7_1, TdsVersion::V7_2, TdsVersion::V7_3B] {
        let mut caller = caller::clear(at, &caller::prelogin()).await;
        let login = Login7 { tds_version: version, ..caller::login("sa", "x", "trade") };
        assert_eq!(caller::ack(&caller.log_in(&login).await.tokens()).tds_version, version);
    }
    let mut changing = Login7 { change_password: Secret::new("new"), ..caller::login("sa", "x", "trade") };
    changing.options3.set(gatehouse::tds::login7::OptionFlags3::CHANGE_PASSWORD, true);
    let attaching = Login7 { attach_db_file: "x.mdf".into(), ..caller::login("sa", "x", "trade") };
    for (login, number) in [(changing, 18488), (attaching, 1832)] {
        let mut caller = caller::clear(at, &caller::prelogin()).await;
        assert_eq!(caller.log_in(&login).await.error().number, number);
        assert!(caller.is_closed().await);
    }
    // A token of its own, or a Windows login: nobody looks at them.
    let mut caller = caller::clear(at, &caller::prelogin()).await;
    let tokens = caller.log_in(&caller::token_login("of another house", "trade")).await.tokens();
    assert!(tokens.iter().any(|token| matches!(token, Token::FeatureExtAck(_))), "it waits for this");
    let mut windows = Login7 { sspi: vec![1, 2, 3], ..caller::login("", "", "trade") };
    windows.options2.set(gatehouse::tds::login7::OptionFlags2::INTEGRATED, true);
    caller::clear(at, &caller::prelogin()).await.log_in(&windows).await.tokens();
    connector.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_change_of_the_configuration_is_here_without_a_question() {
    let bench = Bench::start().await;
    let connector = bench.connected().await;
    let (estate, access) = (&bench.house.state().estate, &bench.house.demo.access);
    let name = Name::parse("archive").unwrap();
    let server = estate.server(&access.server).unwrap().id;
    let database = estate.add_database(&Actor::Console, name, server, access.server_database.clone()).await.unwrap();
    let ada = bench.house.state().identity.account("ada").unwrap().id;
    let grant = NewGrant {
        grantee: Grantee::Account(ada),
        database: database.id,
        access: AccessLevel::Read,
        login_user: access.server_login.clone(),
        login_password: Secret::new(access.server_password.as_str()),
    };
    estate.add_grant(&Actor::Console, grant).await.unwrap();
    let aliases = |now: &Now| {
        let document = now.document.as_ref().unwrap();
        document.databases.iter().map(|database| database.alias.clone()).collect::<Vec<_>>()
    };
    connector.watch().wait_for(|now| aliases(now) == ["archive", "trade"]).await.unwrap();
    let wish = ["sa", "x", "ARCHIVE"];
    driver(connector.addresses()[0], EncryptionLevel::NotSupported, wish).await.unwrap();
    connector.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_enrolled_devices_secret_lets_a_service_in_until_it_is_revoked() {
    let bench = Bench::start().await;
    let identity = &bench.house.state().identity;
    let ada = identity.account("ada").unwrap().id;
    let (device, secret) = identity.add_device(&Actor::Console, Name::parse("ws-04").unwrap(), ada).await.unwrap();
    let access = Access::given(secret, bench.clock.clone());
    let connector = bench.run(bench.known().await, access, Guard::Everybody).await;
    connector.watch().wait_for(|now| now.document.is_some()).await.unwrap();
    let _sql = driver(connector.addresses()[0], EncryptionLevel::NotSupported, ANYBODY).await.unwrap();
    let sessions = bench.house.appliance().registry().list();
    assert!(sessions.iter().any(|session| session.device.is_some()), "{sessions:?}");
    identity.revoke_device(&Actor::Console, device.id).await.unwrap();
    connector.ended().await;
    connector.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_renewal_that_nobody_waits_for_any_more_is_kept_all_the_same() {
    let bench = Bench::start().await;
    let known = bench.known().await;
    let (_, vault) = bench.state(&known).await;
    let mut tokens = bench.sign_in(&known).await;
    for patience in [0, 1, 3, 9, 27] {
        tokens.expires = bench.clock.now();
        let access =
            Access::program(bench.client(&known), &known.oauth, vault.clone(), tokens.clone(), bench.clock.clone());
        let left = tokio::time::timeout(Duration::from_millis(patience), access.bearer()).await;
        access.settle().await;
        let kept = vault.load().await.unwrap().and_then(Kept::tokens);
        assert!(kept.is_some() || left.is_err(), "an answer was given, so it is kept");
        tokens = kept.unwrap_or(tokens);
    }
    // Whatever happened to those who asked: the last tokens that were kept are those that count.
    tokens.expires = bench.clock.now();
    let access = Access::program(bench.client(&known), &known.oauth, vault, tokens, bench.clock.clone());
    access.bearer().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn wherever_the_process_dies_while_its_tokens_are_renewed_nobody_has_to_sign_in_again() {
    let bench = Bench::start().await;
    let known = bench.known().await;
    let (_, vault) = bench.state(&known).await;
    let oauth = OAuth::discover(bench.client(&known), &known.oauth, bench.clock.clone()).await.unwrap();
    let keep = async |tokens: &Tokens| {
        // So that a start renews them.
        let tokens = Tokens { expires: bench.clock.now(), ..tokens.clone() };
        vault.store(&Kept::Program(tokens)).await.unwrap();
    };
    let works = async || {
        let connector = bench.connect(Guard::Everybody).await;
        let settled = |now: &Now| now.document.is_some() || matches!(now.standing, Standing::SignedOut(_));
        let standing = connector.watch().wait_for(settled).await.unwrap().standing.clone();
        assert_eq!(standing, Standing::Connected);
        driver(connector.addresses()[0], EncryptionLevel::NotSupported, ANYBODY).await.unwrap();
        connector.stop().await;
        vault.load().await.unwrap().and_then(Kept::tokens).unwrap()
    };
    let first = bench.sign_in(&known).await;

    // The answer was lost, or died with the process before it was kept; once, and several times.
    oauth.refresh(&first).await.unwrap();
    keep(&first).await;
    let second = works().await;
    assert!(second.refresh != first.refresh);
    for _ in 0..5 {
        oauth.refresh(&second).await.unwrap();
    }
    keep(&second).await;
    let third = works().await;

    // It was kept, and never used.
    let fourth = oauth.refresh(&third).await.unwrap();
    keep(&fourth).await;
    let fifth = works().await;
    let account = bench.visit().await.principal.account;
    let programs = || bench.house.state().identity.programs(account).unwrap().len();
    assert_eq!(programs(), 1, "it is the same program all the time");

    // A copy of what was there before: the program that came with it is put out, and the one that goes on.
    keep(&third).await;
    let connector = bench.connect(Guard::Everybody).await;
    let Ended(why) = connector.ended().await;
    assert!(why.contains("counts no longer"), "{why}");
    connector.stop().await;
    assert_eq!(programs(), 0);
    assert!(oauth.refresh(&fifth).await.unwrap_err().is_final());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_the_appliance_is_away_programs_are_told_so_and_the_connector_stays() {
    let bench = Bench::before(TestAppliance::with_its_port().await);
    let connector = bench.connected().await;
    let (appliance, _sample, _tasks) = bench.house.demo.into_parts();
    appliance.drain().await;
    let away = |now: &Now| matches!(now.standing, Standing::Waiting(_));
    connector.watch().wait_for(away).await.unwrap();
    let Err(tiberius::error::Error::Server(error)) =
        driver(connector.addresses()[0], EncryptionLevel::NotSupported, ANYBODY).await
    else {
        panic!("the appliance is away")
    };
    assert!(error.code() == 40613 && error.message().contains("tried again"), "{error:?}");
    connector.stop().await;
}
