//! Programs that cannot do TLS, served on a workstation and carried to an appliance: what passes, and who is let in.

use std::time::Duration;

use futures_util::TryStreamExt as _;
use gatehouse::audit::Actor;
use gatehouse::connector::Ended;
use gatehouse::connector::local::guard::Guard;
use gatehouse::domain::Secret;
use gatehouse::identity::Alteration;
use tiberius::EncryptionLevel;

use crate::support::appliance::scalar;
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
    assert!(error.message().contains(&format!("gatehouse connect {}", bench.url())), "{error:?}");
    connector.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tokens_are_refreshed_before_they_end_and_a_restart_finds_the_new_ones() {
    let bench = Bench::start().await;
    bench.connected().await.stop().await;
    let known = bench.known().await;
    let (_, vault) = bench.state(&known);
    let mut before = vault.load().unwrap().unwrap();
    before.expires = bench.clock.now().after(Duration::from_secs(5));
    vault.store(&before).unwrap();
    for _ in 0..2 {
        let connector = bench.connected().await;
        let mut sql = driver(connector.addresses()[0], EncryptionLevel::NotSupported, ANYBODY).await.unwrap();
        assert_eq!(scalar(&mut sql, "SELECT DB_NAME()").await.unwrap(), "Nordwind");
        connector.stop().await;
    }
    let after = vault.load().unwrap().unwrap();
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
