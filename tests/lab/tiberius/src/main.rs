//! The client lab's program over `tiberius`: the job comes on standard input, the answer goes to standard output (see `drivers/job.py`).

#[path = "../../drivers/job.rs"]
mod job;

use std::time::Duration;

use futures_util::TryStreamExt;
use job::{Answer, BULK_COLUMNS, Failure, Job, NUMBERS, Numbers, big_text, bulk_rows, digest_of_bulk, digest_of_text, na, say};
use serde_json::json;
use tiberius::{AuthMethod, Client, Config, EncryptionLevel, Row, SqlBrowser as _, TokenRow, time::chrono::NaiveDateTime};
use tokio::{net::TcpStream, time::Instant};
use tokio_util::compat::{Compat, TokioAsyncWriteCompatExt};

type Session = Client<Compat<TcpStream>>;
#[tokio::main]
async fn main() {
    let job = job::read();
    job::answer(act(&job).await);
}

async fn act(job: &Job) -> Answer {
    match job.text("action") {
        "who" => who(job).await,
        "query" => query(job).await,
        "types" => types(job).await,
        "parameters" => parameters(job).await,
        "prepared" => na("tiberius has no prepared statements (each query is an sp_executesql)"),
        "server_error" => server_error(job).await,
        "all_rows" => all_rows(job).await,
        "big_parameter" => big_parameter(job).await,
        "big_value" => big_value(job).await,
        "transactions" => transactions(job).await,
        "bulk" => bulk(job).await,
        "array_inserts" => na("tiberius has no array inserts"),
        "cancel" => cancel(job).await,
        "timeout" => timeout(job).await,
        "mars" => na("tiberius has no MARS"),
        "packets" => packets(job).await,
        "pool" => na("tiberius has no reset of a connection (its pools open new ones)"),
        "ended" => ended(job).await,
        "cut_idle" => cut_idle(job).await,
        _ => na("the driver's program has no such action"),
    }
}

// The actions, in the order of the lab's table.

async fn who(job: &Job) -> Answer {
    let mut session = connect(job).await?;
    let row = one(&mut session, "SELECT DB_NAME(), SUSER_SNAME(), HOST_NAME(), APP_NAME()").await?;
    Ok(json!({
        "database": row.get::<&str, _>(0), "login": row.get::<&str, _>(1), "host": row.get::<&str, _>(2), "app": row.get::<&str, _>(3),
        "told": { "host": job.text("host_name"), "app": job.text("app_name") },
    }))
}

async fn query(job: &Job) -> Answer {
    let mut session = connect(job).await?;
    let row = one(&mut session, "SELECT 1 AS one, N'Grüße, 世界 🎉' AS greeting, CAST(NULL AS int) AS nothing").await?;
    Ok(json!({ "one": row.get::<i32, _>("one"), "greeting": row.get::<&str, _>("greeting"), "nothing": row.get::<i32, _>("nothing") }))
}

async fn types(job: &Job) -> Answer {
    let mut session = connect(job).await?;
    let sql = "SELECT CAST(1 AS bit), CAST(9007199254740993 AS bigint), CAST(12345.6789 AS decimal(18,4)), CAST(1.5 AS float),
        CAST('2024-02-29T12:34:56.789' AS datetime2(3)), CAST('6F9619FF-8B86-D011-B42D-00C04FC964FF' AS uniqueidentifier),
        CAST(0x00FF10 AS varbinary(8)), N'Grüße, 世界 🎉', CAST(NULL AS int)";
    let row = one(&mut session, sql).await?;
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    Ok(json!({
        "bit": row.get::<bool, _>(0),
        "bigint": row.get::<i64, _>(1).map(|value| value.to_string()),
        "decimal": row.get::<tiberius::numeric::Numeric, _>(2).map(|value| value.to_string()),
        "float": row.get::<f64, _>(3),
        "datetime2": row.get::<NaiveDateTime, _>(4).map(|value| format!("{value:?}")),
        "guid": row.get::<tiberius::Uuid, _>(5).map(|value| value.to_string().to_uppercase()),
        "varbinary": row.get::<&[u8], _>(6).map(hex),
        "nvarchar": row.get::<&str, _>(7),
        "null": row.get::<i32, _>(8),
    }))
}

async fn parameters(job: &Job) -> Answer {
    let mut session = connect(job).await?;
    let row = session
        .query("SELECT @P1 + 1, @P2, @P3", &[&41i32, &"O'Brien -- 世界", &Option::<i32>::None])
        .await?
        .into_row()
        .await?
        .ok_or("no row")?;
    Ok(json!({ "sum": row.get::<i32, _>(0), "text": row.get::<&str, _>(1), "nothing": row.get::<i32, _>(2) }))
}

async fn server_error(job: &Job) -> Answer {
    let mut session = connect(job).await?;
    let before = spid(&mut session).await?;
    let error = run(&mut session, "RAISERROR(N'the lab asks for an error', 16, 1)").await.err().map(text_of);
    Ok(json!({ "error": error, "same_session": spid(&mut session).await? == before }))
}

async fn all_rows(job: &Job) -> Answer {
    let mut session = connect(job).await?;
    Ok(numbers(&mut session, &format!("SELECT id, label FROM {NUMBERS} ORDER BY id")).await?.end())
}

async fn big_parameter(job: &Job) -> Answer {
    let mut session = connect(job).await?;
    let text = big_text(job.number("length"));
    let row = session
        .query("SELECT @P1 AS value, DATALENGTH(@P1) AS bytes", &[&text.as_str()])
        .await?
        .into_row()
        .await?
        .ok_or("no row")?;
    let mut saw = digest_of_text(row.get::<&str, _>(0).unwrap_or_default());
    saw["bytes"] = json!(row.get::<i64, _>(1));
    Ok(saw)
}

async fn big_value(job: &Job) -> Answer {
    let mut session = connect(job).await?;
    let sql = format!("SELECT REPLICATE(CAST(N'0123456789abcdef' AS nvarchar(max)), {}) AS value", job.number("length") / 16);
    let row = one(&mut session, &sql).await?;
    Ok(digest_of_text(row.get::<&str, _>(0).unwrap_or_default()))
}

async fn transactions(job: &Job) -> Answer {
    let (mut witness, mut session) = (connect(job).await?, connect(job).await?);
    let table = job.text("table");
    run(&mut witness, &format!("DROP TABLE IF EXISTS {table}")).await?;
    run(&mut witness, &format!("CREATE TABLE {table} (id int NOT NULL)")).await?;
    let count = format!("SELECT COUNT(*) FROM {table}");
    session.begin_transaction().await?;
    run(&mut session, &format!("INSERT INTO {table} (id) VALUES (1), (2)")).await?;
    session.commit_transaction().await?;
    let committed = one(&mut witness, &count).await?.get::<i32, _>(0);
    session.begin_transaction().await?;
    run(&mut session, &format!("INSERT INTO {table} (id) VALUES (3)")).await?;
    let inside = one(&mut session, &count).await?.get::<i32, _>(0);
    session.rollback_transaction().await?;
    let rolled_back = one(&mut witness, &count).await?.get::<i32, _>(0);
    run(&mut witness, &format!("DROP TABLE {table}")).await?;
    Ok(json!({ "committed": committed, "inside": inside, "rolled_back": rolled_back }))
}

async fn bulk(job: &Job) -> Answer {
    let mut session = connect(job).await?;
    let table = job.text("table");
    run(&mut session, &format!("DROP TABLE IF EXISTS {table}")).await?;
    run(&mut session, &format!("CREATE TABLE {table} {BULK_COLUMNS}")).await?;
    let rows: Vec<_> = bulk_rows().collect();
    let mut load = session.bulk_insert(table).await?;
    for (number, name, price, payload) in &rows {
        let mut row = TokenRow::new();
        row.push(tiberius::IntoSql::into_sql(*number));
        row.push(tiberius::IntoSql::into_sql(name.as_deref()));
        row.push(tiberius::IntoSql::into_sql(*price));
        row.push(tiberius::IntoSql::into_sql(payload.as_deref()));
        load.send(row).await?;
    }
    load.finalize().await?;
    let read = session
        .simple_query(format!("SELECT id, name, price, payload FROM {table} ORDER BY id"))
        .await?
        .into_first_result()
        .await?;
    let saw = digest_of_bulk(read.iter().map(|row| (row.get(0).unwrap_or_default(), row.get(1), row.get(2), row.get(3))));
    run(&mut session, &format!("DROP TABLE {table}")).await?;
    Ok(saw)
}

/// The driver's way: drop what waits, then tell the server.
async fn cancel(job: &Job) -> Answer {
    let mut session = connect(job).await?;
    let before = spid(&mut session).await?;
    let began = Instant::now();
    let waited = tokio::time::timeout(Duration::from_millis(500), run(&mut session, "WAITFOR DELAY '00:00:30'")).await;
    if waited.is_ok() {
        return Ok(json!({ "error": null, "seconds": 0, "same_session": true }));
    }
    match session.cancel_query().await {
        Err(error) if error.to_string().contains("Never got a DONE token") => {
            return na("tiberius 0.13 looks for the acknowledgement in the cancelled response only, not in the message that follows it");
        }
        cancelled => cancelled?,
    }
    Ok(json!({ "error": "cancelled", "seconds": began.elapsed().as_secs_f64(), "same_session": spid(&mut session).await? == before }))
}

async fn timeout(job: &Job) -> Answer {
    let mut session = connect_with(job, |config| config.command_timeout(Some(Duration::from_secs(5)))).await?;
    let before = spid(&mut session).await?;
    let began = Instant::now();
    let error = run(&mut session, "WAITFOR DELAY '00:00:30'").await.err().map(text_of);
    let seconds = began.elapsed().as_secs_f64();
    if error.is_some() && spid(&mut session).await.is_err() {
        return na("tiberius gives a connection up when its command_timeout is met, as its documentation says");
    }
    Ok(json!({ "error": error, "seconds": seconds, "same_session": spid(&mut session).await? == before }))
}

async fn packets(job: &Job) -> Answer {
    let size = job.number("packet_size") as u32;
    let mut session = connect_with(job, |config| config.packet_size(size)).await?;
    let seen = numbers(&mut session, &format!("SELECT id, label FROM {NUMBERS} WHERE id <= 20000 ORDER BY id")).await?.end();
    let text = big_text(100_000);
    let row = session.query("SELECT @P1", &[&text.as_str()]).await?.into_row().await?.ok_or("no row")?;
    let same = row.get::<&str, _>(0) == Some(text.as_str());
    Ok(json!({ "rows": seen["rows"], "sum": seen["sum"], "text": same, "negotiated": null }))
}

/// Reads a long result; the lab has the session ended in the middle of it.
async fn ended(job: &Job) -> Answer {
    let mut session = connect(job).await?;
    let sql = format!("SELECT id, label, REPLICATE(N'x', 400) AS padding FROM {NUMBERS} ORDER BY id");
    let mut rows = 0;
    let mut stream = session.simple_query(sql).await?.into_row_stream();
    while rows < 1000 && stream.try_next().await?.is_some() {
        rows += 1;
    }
    say("reading", rows);
    let began = Instant::now();
    let error = loop {
        match stream.try_next().await {
            Ok(Some(_)) => rows += 1,
            Ok(None) => break None,
            Err(error) => break Some(text_of(error.into())),
        }
    };
    let seconds = began.elapsed().as_secs_f64();
    Ok(json!({ "error": error, "seconds": seconds, "rows": rows, "again": again(job).await }))
}

/// Holds an idle session; the lab has its account disabled.
async fn cut_idle(job: &Job) -> Answer {
    let mut session = connect(job).await?;
    run(&mut session, "SELECT 1").await?;
    say("idle", 1);
    let began = Instant::now();
    let error = run(&mut session, "SELECT 1").await.err().map(text_of);
    Ok(json!({ "error": error, "seconds": began.elapsed().as_secs_f64(), "again": again(job).await }))
}

// Connections and statements.

async fn connect(job: &Job) -> Result<Session, Failure> {
    connect_with(job, |_| {}).await
}

async fn connect_with(job: &Job, settle: impl FnOnce(&mut Config)) -> Result<Session, Failure> {
    let mut config = Config::new();
    config.host(job.text("host"));
    match job.text("instance") {
        "" => config.port(job.number("port") as u16),
        name => config.instance_name(name),
    }
    config.database(job.text("database"));
    config.application_name(job.text("app_name"));
    config.client_name(job.text("host_name"));
    config.encryption(match job.text("mode") {
        "strict" => EncryptionLevel::Strict,
        "clear" => EncryptionLevel::NotSupported,
        _ => EncryptionLevel::Required,
    });
    config.authentication(match job.text("token") {
        "" => AuthMethod::sql_server(job.text("user"), job.text("password")),
        token => AuthMethod::aad_token(token),
    });
    match job.text("ca_file") {
        "" => config.trust_cert(),
        file => config.trust_cert_ca(file),
    }
    config.command_timeout(Some(Duration::from_secs(120)));
    settle(&mut config);
    let stream = match job.text("instance") {
        "" => TcpStream::connect(config.get_addr()).await?,
        _ => TcpStream::connect_named(&config).await?,
    };
    stream.set_nodelay(true)?;
    Ok(Client::connect(config, stream.compat_write()).await?)
}

async fn again(job: &Job) -> Option<String> {
    connect(job).await.err().map(text_of)
}

async fn run(session: &mut Session, sql: &str) -> Result<(), Failure> {
    session.simple_query(sql).await?.into_results().await?;
    Ok(())
}

async fn one(session: &mut Session, sql: &str) -> Result<Row, Failure> {
    Ok(session.simple_query(sql).await?.into_row().await?.ok_or("no row")?)
}

async fn spid(session: &mut Session) -> Result<Option<i16>, Failure> {
    Ok(one(session, "SELECT @@SPID").await?.get(0))
}

async fn numbers(session: &mut Session, sql: &str) -> Result<Numbers, Failure> {
    let mut numbers = Numbers::default();
    let mut stream = session.simple_query(sql).await?.into_row_stream();
    while let Some(row) = stream.try_next().await? {
        numbers.add(row.get(0).unwrap_or_default(), row.get(1).unwrap_or_default());
    }
    Ok(numbers)
}

fn text_of(failure: Failure) -> String {
    failure.to_string()
}
