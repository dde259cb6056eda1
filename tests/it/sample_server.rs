//! The sample SQL Server as a real driver meets it.

use futures_util::TryStreamExt as _;
use gatehouse::domain::Secret;
use gatehouse::platform::{SystemClock, Tasks};
use gatehouse::sample::{Encryption, Sample, SampleOptions};
use tiberius::{AuthMethod, Client, Config, EncryptionLevel, IntoRow as _};
use tokio::net::TcpStream;
use tokio_util::compat::{Compat, TokioAsyncWriteCompatExt as _};

use crate::support::ports;

type Sql = Client<Compat<TcpStream>>;

const PASSWORD: &str = "a Password of tests 1";

async fn sample(change: impl FnOnce(&mut SampleOptions)) -> (Sample, Tasks) {
    let mut options = SampleOptions::new(Secret::new("sa-secret"), Secret::new(PASSWORD), Secret::new("other"));
    change(&mut options);
    let tasks = Tasks::new();
    let sample = Sample::start(options, &tasks, SystemClock::new()).await.unwrap();
    (sample, tasks)
}

fn config(sample: &Sample, encryption: EncryptionLevel) -> Config {
    let mut config = Config::new();
    config.host("localhost");
    config.port(sample.address().port());
    config.authentication(AuthMethod::sql_server("nordwind_app", PASSWORD));
    config.encryption(encryption);
    config.trust_cert_ca_bundle(sample.certificate_pem().as_bytes());
    config
}

async fn connect(sample: &Sample) -> Sql {
    open(sample, config(sample, EncryptionLevel::Required)).await.unwrap()
}

async fn open(sample: &Sample, config: Config) -> tiberius::Result<Sql> {
    let tcp = TcpStream::connect(sample.address()).await.unwrap();
    tcp.set_nodelay(true).unwrap();
    Client::connect(config, tcp.compat_write()).await
}

async fn one<T>(sql: &mut Sql, text: &str) -> T
where
    T: for<'a> tiberius::FromSql<'a> + 'static,
    for<'a> T: Clone,
{
    let row = sql.simple_query(text).await.unwrap().into_row().await.unwrap().unwrap();
    row.try_get::<T, _>(0).unwrap().unwrap()
}

async fn error_of(sql: &mut Sql, text: &str) -> u32 {
    let outcome = match sql.simple_query(text).await {
        Ok(stream) => stream.into_results().await.map(|_| ()),
        Err(error) => Err(error),
    };
    match outcome {
        Err(tiberius::error::Error::Server(error)) => error.code(),
        other => panic!("{text}: {other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_driver_signs_in_over_every_kind_of_encryption() {
    for (server, client) in [
        (Encryption::StrictAndTls, EncryptionLevel::Required),
        (Encryption::StrictAndTls, EncryptionLevel::Strict),
        (Encryption::LoginOnly, EncryptionLevel::Off),
        (Encryption::None, EncryptionLevel::NotSupported),
    ] {
        let (sample, _tasks) = sample(|options| options.encryption = server).await;
        let mut sql = open(&sample, config(&sample, client)).await.unwrap();
        assert_eq!(one::<i32>(&mut sql, "SELECT 1").await, 1, "{server:?}");
        let encrypted = matches!(server, Encryption::StrictAndTls);
        assert_eq!(sample.connections()[0].encrypted, encrypted, "{server:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_login_is_checked_as_sql_server_checks_it() {
    let (sample, _tasks) = sample(|_| {}).await;
    let code = |outcome: tiberius::Result<Sql>| match outcome {
        Err(tiberius::error::Error::Server(error)) => error.code(),
        other => panic!("{:?}", other.map(|_| ())),
    };
    for (user, password, database, expected) in [
        ("nordwind_app", "wrong", None, 18456),
        ("nobody", PASSWORD, None, 18456),
        ("nordwind_app", PASSWORD, Some("Suedsee"), 4060),
        ("nordwind_app", PASSWORD, Some("nowhere"), 4060),
    ] {
        let mut config = config(&sample, EncryptionLevel::Required);
        config.authentication(AuthMethod::sql_server(user, password));
        if let Some(database) = database {
            config.database(database);
        }
        assert_eq!(code(open(&sample, config).await), expected, "{user} {database:?}");
    }
    sample.refuse_logins(true);
    assert_eq!(code(open(&sample, config(&sample, EncryptionLevel::Required)).await), 18451);
    assert!(sample.connections().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_login_sees_its_own_database_and_no_other() {
    let (sample, _tasks) = sample(|_| {}).await;
    let mut sql = connect(&sample).await;
    assert_eq!(one::<i32>(&mut sql, "SELECT COUNT(*) FROM dbo.Customers").await, 60);
    assert_eq!(error_of(&mut sql, "SELECT * FROM Suedsee.dbo.Customers").await, 916);
    assert_eq!(error_of(&mut sql, "USE Suedsee").await, 916);
    let names: &str = "SELECT STRING_AGG(name, ',') FROM sys.databases";
    assert_eq!(one_text(&mut sql, names).await, "master,tempdb,Nordwind");
    let seen = "SELECT DB_NAME() + '/' + SUSER_SNAME() + '/' + CAST(@@SPID AS varchar(9))";
    let spid = sample.connections()[0].spid;
    assert_eq!(one_text(&mut sql, seen).await, format!("Nordwind/nordwind_app/{spid}"));
}

async fn one_text(sql: &mut Sql, text: &str) -> String {
    let row = sql.simple_query(text).await.unwrap().into_row().await.unwrap().unwrap();
    row.get::<&str, _>(0).unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_sql_server_refuses_is_refused_with_its_number() {
    let (sample, _tasks) = sample(|_| {}).await;
    let mut sql = connect(&sample).await;
    for (text, number) in [
        ("SELECT * FROM nowhere", 208),
        ("SELECT nothing FROM Customers", 207),
        ("SELEC 1", 2812),
        ("SELECT FROM", 156),
        ("SELECT (1", 102),
        ("SELECT 'abc", 105),
        ("SELECT 1/0", 8134),
        ("SELECT CAST('x' AS int)", 245),
        ("SELECT 2147483647 + 1", 8115),
        ("SELECT CAST(300 AS tinyint)", 220),
        ("SELECT @undeclared", 137),
        ("EXEC no_such_procedure", 2812),
        ("INSERT INTO Customers (Name) VALUES (N'x')", 515),
        (
            "SET IDENTITY_INSERT Customers ON; INSERT INTO Customers (CustomerID, Name, City, Country, Since, CreditLimit) VALUES (1, N'x', N'x', N'x', '2024-01-01', 1)",
            2627,
        ),
        ("INSERT INTO Customers (CustomerID, Name) VALUES (1, N'x')", 544),
        ("UPDATE Orders SET Status = 'a status too long for it'", 2628),
        ("RAISERROR('out of order %d', 16, 3, 7)", 50000),
        ("THROW 51000, 'thrown', 1", 51000),
        ("RAISERROR(1205, 13, 1)", 1205),
        ("COMMIT", 3902),
        ("KILL 51", 6102),
        ("MERGE INTO x USING y", 102),
        ("CREATE VIEW v AS SELECT 1", 40000),
        ("SELECT * FROM Customers FOR XML AUTO", 40000),
    ] {
        let number_seen = error_of(&mut sql, text).await;
        // An own error leaves the session as it was.
        assert_eq!(one::<i32>(&mut sql, "SET IDENTITY_INSERT Customers OFF; SELECT 7").await, 7, "{text}");
        assert!(
            number_seen == number || (number == 102 && [156, 102, 2812].contains(&number_seen)),
            "{text}: {number_seen}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_error_of_severity_20_ends_the_connection() {
    let (sample, _tasks) = sample(|_| {}).await;
    let mut config = config(&sample, EncryptionLevel::Required);
    config.authentication(AuthMethod::sql_server("sa", "sa-secret"));
    let mut sql = open(&sample, config).await.unwrap();
    assert_eq!(error_of(&mut sql, "RAISERROR('the end', 20, 1) WITH LOG").await, 50000);
    assert!(sql.simple_query("SELECT 1").await.is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_without_end_stream_and_large_values_travel_both_ways() {
    let (sample, _tasks) = sample(|_| {}).await;
    let mut sql = connect(&sample).await;
    let mut rows = sql
        .simple_query("SELECT value, N'row ' + CAST(value AS nvarchar(20)) FROM GENERATE_SERIES(1, 100000)")
        .await
        .unwrap()
        .into_row_stream();
    let (mut count, mut sum) = (0, 0i64);
    while let Some(row) = rows.try_next().await.unwrap() {
        count += 1;
        sum += i64::from(row.get::<i32, _>(0).unwrap());
    }
    drop(rows);
    assert_eq!((count, sum), (100_000, 5_000_050_000));
    let large = "ä".repeat(2 << 20);
    let row =
        sql.query("SELECT DATALENGTH(@P1), @P1", &[&large.as_str()]).await.unwrap().into_row().await.unwrap().unwrap();
    assert_eq!(row.get::<i64, _>(0).unwrap(), 4 << 20);
    assert_eq!(row.get::<&str, _>(1).unwrap(), large);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_transaction_is_whole_or_nothing_and_nobody_sees_its_middle() {
    let (sample, _tasks) = sample(|_| {}).await;
    let (mut writer, mut reader) = (connect(&sample).await, connect(&sample).await);
    let count = "SELECT COUNT(*) FROM Orders WHERE Status = 'lost'";
    writer
        .simple_query("BEGIN TRAN; UPDATE Orders SET Status = 'lost' WHERE OrderID < 10011")
        .await
        .unwrap()
        .into_results()
        .await
        .unwrap();
    assert_eq!(one::<i32>(&mut writer, count).await, 10);
    assert_eq!(one::<i32>(&mut reader, count).await, 0);
    assert_eq!(error_of(&mut reader, "SET LOCK_TIMEOUT 20; DELETE FROM Orders").await, 1222);
    writer
        .simple_query("SAVE TRAN here; DELETE FROM Orders; ROLLBACK TRAN here")
        .await
        .unwrap()
        .into_results()
        .await
        .unwrap();
    assert_eq!(one::<i32>(&mut writer, "SELECT COUNT(*) FROM Orders").await, 240);
    writer.simple_query("ROLLBACK").await.unwrap().into_results().await.unwrap();
    assert_eq!(one::<i32>(&mut writer, count).await, 0);
    writer
        .simple_query("BEGIN TRAN; UPDATE Orders SET Status = 'lost' WHERE OrderID < 10011; COMMIT")
        .await
        .unwrap()
        .into_results()
        .await
        .unwrap();
    assert_eq!(one::<i32>(&mut reader, count).await, 10);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_transaction_whose_client_leaves_is_rolled_back() {
    let (sample, _tasks) = sample(|_| {}).await;
    let (mut writer, mut other) = (connect(&sample).await, connect(&sample).await);
    writer.simple_query("BEGIN TRAN; DELETE FROM Orders").await.unwrap().into_results().await.unwrap();
    drop(writer);
    assert_eq!(
        one::<i32>(&mut other, "UPDATE Orders SET Remark = NULL WHERE OrderID = 10001; SELECT COUNT(*) FROM Orders")
            .await,
        240
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bulk_load_is_typed_checked_and_stored() {
    let (sample, _tasks) = sample(|_| {}).await;
    let mut sql = connect(&sample).await;
    sql.simple_query(
        "CREATE TABLE dbo.Loaded (id int NOT NULL PRIMARY KEY, name nvarchar(50) NULL, amount float NULL)",
    )
    .await
    .unwrap()
    .into_results()
    .await
    .unwrap();
    let mut load = sql.bulk_insert("dbo.Loaded").await.unwrap();
    for id in 0..5_000i32 {
        let name = if id % 7 == 0 { None } else { Some(format!("Nr. {id} ✓")) };
        load.send((id, name, f64::from(id) / 4.0).into_row()).await.unwrap();
    }
    assert_eq!(load.finalize().await.unwrap().total(), 5_000);
    assert_eq!(sample.bulk_rows(), 5_000);
    assert_eq!(
        one::<i32>(
            &mut sql,
            "SELECT COUNT(*) FROM dbo.Loaded WHERE name = N'Nr. ' + CAST(id AS nvarchar(9)) + N' ✓' OR name IS NULL"
        )
        .await,
        5_000
    );
    assert_eq!(one::<f64>(&mut sql, "SELECT SUM(amount) FROM dbo.Loaded").await, 4_999.0 * 5_000.0 / 8.0);
    let mut again = sql.bulk_insert("dbo.Loaded").await.unwrap();
    again.send((1i32, Some("twice".to_owned()), 1.0f64).into_row()).await.unwrap();
    assert!(again.finalize().await.is_err(), "a key that is there already");
    assert_eq!(sample.bulk_rows(), 5_000);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_is_full_says_so() {
    let (sample, _tasks) = sample(|options| options.memory_limit = 1 << 20).await;
    let mut sql = connect(&sample).await;
    assert_eq!(
        error_of(
            &mut sql,
            "SELECT value AS id, REPLICATE('x', 500) AS pad INTO dbo.Big FROM GENERATE_SERIES(1, 20000)"
        )
        .await,
        1105
    );
    assert_eq!(error_of(&mut sql, "SELECT * FROM dbo.Big").await, 208);
}

#[tokio::test(flavor = "multi_thread")]
async fn routing_is_shown_to_whom_it_is_for() {
    let (sample, _tasks) = sample(|_| {}).await;
    sample.route(Some(gatehouse::sample::Routing { host: "replica.example".into(), port: 1444, read_only: true }));
    let mut sql = connect(&sample).await;
    assert_eq!(one::<i32>(&mut sql, "SELECT 1").await, 1);
    let mut config = config(&sample, EncryptionLevel::Required);
    config.readonly(true);
    match open(&sample, config).await {
        Err(tiberius::error::Error::Routing { host, port }) => {
            assert_eq!((host.as_str(), port), ("replica.example", 1444))
        }
        other => panic!("{:?}", other.map(|_| ())),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_stops_cuts_everybody_and_comes_back_at_its_address() {
    let (sample, _tasks) = sample(|options| options.listen = vec![ports::own_address()]).await;
    let mut sql = connect(&sample).await;
    sample.stop();
    assert!(sql.simple_query("SELECT 1").await.is_err());
    sample.start_again().await.unwrap();
    let mut sql = connect(&sample).await;
    assert_eq!(one::<i32>(&mut sql, "SELECT COUNT(*) FROM Products").await, 24);
}
