//! A real driver through the gateway to the sample server: what must pass whole, and what must not pass at all.

use futures_util::TryStreamExt as _;
use tiberius::{AuthMethod, Config, EncryptionLevel, IntoRow as _};
use tokio_util::compat::TokioAsyncReadCompatExt as _;

use crate::support::appliance::{Client, TestAppliance};

/// Ada, over TDS 7.x or 8.0.
async fn ada(
    house: &TestAppliance,
    encryption: EncryptionLevel,
    change: impl FnOnce(&mut Config),
) -> tiberius::Result<Client> {
    let access = &house.demo.access;
    let mut config = Config::new();
    config.host("localhost");
    config.port(house.sql().port());
    config.database(&access.database);
    config.authentication(AuthMethod::sql_server(&access.account, &access.password));
    config.encryption(encryption);
    config.trust_cert_ca(access.ca_file.display().to_string());
    change(&mut config);
    let tcp = tokio::net::TcpStream::connect(house.sql()).await?;
    Client::connect(config, tcp.compat()).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn results_values_and_bulk_loads_pass_whole_over_either_version() {
    let house = TestAppliance::start().await;
    for (encryption, table) in [(EncryptionLevel::Required, "dbo.Seven"), (EncryptionLevel::Strict, "dbo.Eight")] {
        let mut sql = ada(&house, encryption, |_| {}).await.unwrap();
        let series = "SELECT value, N'row ' + CAST(value AS nvarchar(20)) FROM GENERATE_SERIES(1, 100000)";
        let mut rows = sql.simple_query(series).await.unwrap().into_row_stream();
        let (mut count, mut sum) = (0, 0_i64);
        while let Some(row) = rows.try_next().await.unwrap() {
            (count, sum) = (count + 1, sum + i64::from(row.get::<i32, _>(0).unwrap()));
        }
        drop(rows);
        assert_eq!((count, sum), (100_000, 5_000_050_000));

        let large = "ß".repeat(2 << 20);
        let row = sql.query("SELECT @P1", &[&large.as_str()]).await.unwrap().into_row().await.unwrap().unwrap();
        assert!(row.get::<&str, _>(0).unwrap() == large);

        let create = format!("CREATE TABLE {table} (id int NOT NULL PRIMARY KEY, name nvarchar(50) NULL)");
        sql.simple_query(create).await.unwrap().into_results().await.unwrap();
        let mut load = sql.bulk_insert(table).await.unwrap();
        for id in 0..5_000_i32 {
            load.send((id, Some(format!("Nr. {id} ✓"))).into_row()).await.unwrap();
        }
        assert_eq!(load.finalize().await.unwrap().total(), 5_000);
        let right = format!("SELECT COUNT(*) FROM {table} WHERE name = N'Nr. ' + CAST(id AS nvarchar(9)) + N' ✓'");
        let row = sql.simple_query(right).await.unwrap().into_row().await.unwrap().unwrap();
        assert_eq!(row.get::<i32, _>(0), Some(5_000));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_ended_in_the_middle_of_a_result_is_an_error_and_no_short_result() {
    let house = TestAppliance::start().await;
    let mut sql = ada(&house, EncryptionLevel::Required, |_| {}).await.unwrap();
    let endless = "SELECT value FROM GENERATE_SERIES(1, 50000000)";
    let mut rows = sql.simple_query(endless).await.unwrap().into_row_stream();
    for expected in 1..=1000 {
        assert_eq!(rows.try_next().await.unwrap().unwrap().get::<i32, _>(0), Some(expected));
    }
    let registry = house.appliance().registry();
    assert!(registry.end(&registry.list()[0].id));
    let mut expected = 1000;
    let end = loop {
        match rows.try_next().await {
            Ok(Some(row)) => {
                expected += 1;
                assert_eq!(row.get::<i32, _>(0), Some(expected), "no row is made up");
            }
            other => break other,
        }
    };
    assert!(end.is_err(), "a result that was cut looks whole");
    ada(&house, EncryptionLevel::Required, |_| {}).await.expect("an account that was not disabled may come back");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_routing_that_the_server_sends_is_not_seen_by_the_driver() {
    let house = TestAppliance::start().await;
    let away = gatehouse::sample::Routing { host: "replica.example".into(), port: 1444, read_only: true };
    house.demo.sample.route(Some(away));
    match ada(&house, EncryptionLevel::Required, |config| config.readonly(true)).await {
        Err(tiberius::error::Error::Server(error)) => {
            assert!(error.message().contains("sends logins on") && !error.message().contains("replica"), "{error:?}");
        }
        Err(other) => panic!("{other:?}"),
        Ok(_) => panic!("the read-only intent did not reach the server"),
    }
    ada(&house, EncryptionLevel::Required, |_| {}).await.expect("without the intent there is no routing");
}
