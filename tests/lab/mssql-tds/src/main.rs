//! The client lab's program over Microsoft's `mssql-tds`: the job comes on standard input, the answer goes to standard output (see `drivers/job.py`).
//! The crate trusts what OpenSSL trusts: the lab names the authority in `SSL_CERT_FILE`.

#[path = "../../drivers/job.rs"]
mod job;

use std::time::{Duration, Instant};

use async_trait::async_trait;
use job::{
    Answer, BULK_COLUMNS, Failure, Job, NUMBERS, Numbers, big_text, bulk_rows, digest_of_bulk, digest_of_text, na, say,
};
use mssql_tds::{
    connection::{
        bulk_copy::{BulkCopy, BulkLoadRow},
        client_context::{ClientContext, TdsAuthenticationMethod},
        tds_client::{ExecuteOptions, PreparedStatement, ResultSet, StatementResult, TdsClient},
    },
    connection_provider::tds_connection_provider::TdsConnectionProvider,
    core::{CancelHandle, EncryptionOptions, EncryptionSetting, TdsResult},
    datatypes::{column_values::ColumnValues, sql_string::SqlString, sqltypes::SqlType},
    message::{
        bulk_load::StreamingBulkLoadWriter,
        parameters::rpc_parameters::{RpcParameter, StatusFlags},
        transaction_management::TransactionIsolationLevel,
    },
};
use serde_json::{Value, json};

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
        "prepared" => prepared(job).await,
        "server_error" => server_error(job).await,
        "all_rows" => all_rows(job).await,
        "big_parameter" => big_parameter(job).await,
        "big_value" => big_value(job).await,
        "transactions" => transactions(job).await,
        "bulk" => bulk(job).await,
        "array_inserts" => array_inserts(job).await,
        "cancel" => cancel(job).await,
        "timeout" => timeout(job).await,
        "mars" => na("mssql-tds 0.3 asks for MARS in PRELOGIN and has no session multiplexing behind it"),
        "packets" => packets(job).await,
        "pool" => pool(job).await,
        "ended" => ended(job).await,
        "cut_idle" => cut_idle(job).await,
        _ => na("the driver's program has no such action"),
    }
}

// The actions, in the order of the lab's table.

async fn who(job: &Job) -> Answer {
    let mut client = connect(job).await?;
    let row = one(&mut client, "SELECT DB_NAME(), SUSER_SNAME(), HOST_NAME(), APP_NAME()").await?;
    let told = json!({ "host": job.text("host_name"), "app": job.text("app_name") });
    Ok(
        json!({ "database": plain(&row[0]), "login": plain(&row[1]), "host": plain(&row[2]), "app": plain(&row[3]), "told": told }),
    )
}

async fn query(job: &Job) -> Answer {
    let mut client = connect(job).await?;
    let row = one(&mut client, "SELECT 1 AS one, N'Grüße, 世界 🎉' AS greeting, CAST(NULL AS int) AS nothing").await?;
    Ok(json!({ "one": plain(&row[0]), "greeting": plain(&row[1]), "nothing": plain(&row[2]) }))
}

async fn types(job: &Job) -> Answer {
    let mut client = connect(job).await?;
    let sql = "SELECT CAST(1 AS bit), CAST(9007199254740993 AS bigint), CAST(12345.6789 AS decimal(18,4)), CAST(1.5 AS float),
        CAST('2024-02-29T12:34:56.789' AS datetime2(3)), CAST('6F9619FF-8B86-D011-B42D-00C04FC964FF' AS uniqueidentifier),
        CAST(0x00FF10 AS varbinary(8)), N'Grüße, 世界 🎉', CAST(NULL AS int)";
    let row = one(&mut client, sql).await?;
    Ok(json!({
        "bit": plain(&row[0]), "bigint": plain(&row[1]).to_string(), "decimal": plain(&row[2]), "float": plain(&row[3]), "datetime2": plain(&row[4]),
        "guid": plain(&row[5]), "varbinary": plain(&row[6]), "nvarchar": plain(&row[7]), "null": plain(&row[8]),
    }))
}

async fn parameters(job: &Job) -> Answer {
    let mut client = connect(job).await?;
    let values = vec![
        parameter("@a", SqlType::Int(Some(41))),
        parameter("@b", SqlType::NVarchar(Some(SqlString::from_utf8_string("O'Brien -- 世界".to_owned())), 100)),
        parameter("@c", SqlType::Int(None)),
    ];
    let first = client.execute_sp_executesql("SELECT @a + 1, @b, @c".to_owned(), values, ()).await?;
    let row = rest(&mut client, first).await?.pop().ok_or("no row")?;
    Ok(json!({ "sum": plain(&row[0]), "text": plain(&row[1]), "nothing": plain(&row[2]) }))
}

async fn prepared(job: &Job) -> Answer {
    let mut client = connect(job).await?;
    let mut statement = PreparedStatement::new(format!("SELECT label FROM {NUMBERS} WHERE id = @id"));
    let mut labels = Vec::new();
    for id in [1, 500, 99999] {
        let values = vec![parameter("@id", SqlType::Int(Some(id)))];
        let first = client.execute_prepared(&mut statement, values, &mut None, ()).await?;
        labels.extend(rest(&mut client, first).await?.iter().map(|row| plain(&row[0])));
    }
    if let Some(id) = statement.take_id() {
        client.unprepare(id, ()).await?;
    }
    Ok(json!({ "labels": labels }))
}

async fn server_error(job: &Job) -> Answer {
    let mut client = connect(job).await?;
    let before = spid(&mut client).await?;
    let error = rows(&mut client, "RAISERROR(N'the lab asks for an error', 16, 1)").await.err().map(text_of);
    Ok(json!({ "error": error, "same_session": spid(&mut client).await? == before }))
}

async fn all_rows(job: &Job) -> Answer {
    let mut client = connect(job).await?;
    Ok(numbers(&mut client, &format!("SELECT id, label FROM {NUMBERS} ORDER BY id")).await?.end())
}

async fn big_parameter(job: &Job) -> Answer {
    let mut client = connect(job).await?;
    let text = SqlString::from_utf8_string(big_text(job.number("length")));
    let values = vec![parameter("@p", SqlType::NVarcharMax(Some(text)))];
    let first =
        client.execute_sp_executesql("SELECT @p AS value, DATALENGTH(@p) AS bytes".to_owned(), values, ()).await?;
    let row = rest(&mut client, first).await?.pop().ok_or("no row")?;
    let mut saw = digest_of_text(plain(&row[0]).as_str().unwrap_or_default());
    saw["bytes"] = plain(&row[1]);
    Ok(saw)
}

async fn big_value(job: &Job) -> Answer {
    let mut client = connect(job).await?;
    let sql =
        format!("SELECT REPLICATE(CAST(N'0123456789abcdef' AS nvarchar(max)), {}) AS value", job.number("length") / 16);
    let row = one(&mut client, &sql).await?;
    Ok(digest_of_text(plain(&row[0]).as_str().unwrap_or_default()))
}

async fn transactions(job: &Job) -> Answer {
    let (mut witness, mut client) = (connect(job).await?, connect(job).await?);
    let table = job.text("table");
    rows(&mut witness, &format!("DROP TABLE IF EXISTS {table}")).await?;
    rows(&mut witness, &format!("CREATE TABLE {table} (id int NOT NULL)")).await?;
    let count = format!("SELECT COUNT(*) FROM {table}");
    client.begin_transaction(TransactionIsolationLevel::ReadCommitted, None).await?;
    rows(&mut client, &format!("INSERT INTO {table} (id) VALUES (1), (2)")).await?;
    client.commit_transaction(None, None).await?;
    let committed = plain(&one(&mut witness, &count).await?[0]);
    client.begin_transaction(TransactionIsolationLevel::ReadCommitted, None).await?;
    rows(&mut client, &format!("INSERT INTO {table} (id) VALUES (3)")).await?;
    let inside = plain(&one(&mut client, &count).await?[0]);
    client.rollback_transaction(None, None).await?;
    let rolled_back = plain(&one(&mut witness, &count).await?[0]);
    rows(&mut witness, &format!("DROP TABLE {table}")).await?;
    Ok(json!({ "committed": committed, "inside": inside, "rolled_back": rolled_back }))
}

async fn bulk(job: &Job) -> Answer {
    let mut client = connect(job).await?;
    let table = job.text("table");
    rows(&mut client, &format!("DROP TABLE IF EXISTS {table}")).await?;
    rows(&mut client, &format!("CREATE TABLE {table} {BULK_COLUMNS}")).await?;
    BulkCopy::new(&mut client, table).write_to_server_zerocopy(bulk_rows().map(BulkRow::from)).await?;
    read_back(&mut client, table).await
}

/// Many rows of parameters for one prepared statement, in one request: as many procedure calls in one message.
async fn array_inserts(job: &Job) -> Answer {
    let mut client = connect(job).await?;
    let table = job.text("table");
    rows(&mut client, &format!("DROP TABLE IF EXISTS {table}")).await?;
    rows(&mut client, &format!("CREATE TABLE {table} {BULK_COLUMNS}")).await?;
    // The crate names the parameters by their places.
    let sql = format!("INSERT INTO {table} (id, name, price, payload) VALUES (@P1, @P2, @P3, @P4)");
    let mut statement = PreparedStatement::new(sql);
    let values = bulk_rows().map(BulkRow::from).enumerate().map(|(place, row)| {
        let values = vec![
            parameter("@id", SqlType::Int(Some(row.id))),
            parameter("@name", SqlType::NVarchar(row.name.map(SqlString::from_utf8_string), 80)),
            parameter("@price", SqlType::Float(row.price)),
            parameter("@payload", SqlType::VarBinary(row.payload, 200)),
        ];
        Ok((place, values))
    });
    let done = client.execute_prepared_batch(&mut statement, values, &mut None, ()).await?;
    if let Some(failed) = done.rows.iter().find(|row| !row.errors.is_empty()) {
        return Err(format!("row {} was not inserted: {:?}", failed.row_index, failed.errors).into());
    }
    if !done.complete {
        return Err("some rows were not inserted".into());
    }
    if let Some(id) = statement.take_id() {
        client.unprepare(id, ()).await?;
    }
    read_back(&mut client, table).await
}

async fn read_back(client: &mut TdsClient, table: &str) -> Answer {
    let read = rows(client, &format!("SELECT id, name, price, payload FROM {table} ORDER BY id")).await?;
    let read: Vec<_> = read.into_iter().map(BulkRow::try_from).collect::<Result<_, _>>()?;
    let saw = digest_of_bulk(read.iter().map(|row| (row.id, row.name.as_deref(), row.price, row.payload.as_deref())));
    rows(client, &format!("DROP TABLE {table}")).await?;
    Ok(saw)
}

async fn cancel(job: &Job) -> Answer {
    let mut client = connect(job).await?;
    let before = spid(&mut client).await?;
    let handle = CancelHandle::new();
    let trigger = handle.child_handle();
    let began = Instant::now();
    let options = ExecuteOptions::new().cancel(&trigger);
    let (_, waited) = tokio::join!(
        async {
            tokio::time::sleep(Duration::from_millis(500)).await;
            handle.cancel();
        },
        client.execute("WAITFOR DELAY '00:00:30'".to_owned(), options)
    );
    let error = waited.err().map(|error| error.to_string());
    let seconds = began.elapsed().as_secs_f64();
    client.close_query().await?;
    Ok(json!({ "error": error, "seconds": seconds, "same_session": spid(&mut client).await? == before }))
}

async fn timeout(job: &Job) -> Answer {
    let mut client = connect(job).await?;
    let before = spid(&mut client).await?;
    let began = Instant::now();
    let waited = client.execute("WAITFOR DELAY '00:00:30'".to_owned(), ExecuteOptions::new().timeout_secs(1)).await;
    let error = waited.err().map(|error| error.to_string());
    let seconds = began.elapsed().as_secs_f64();
    client.close_query().await?;
    Ok(json!({ "error": error, "seconds": seconds, "same_session": spid(&mut client).await? == before }))
}

async fn packets(job: &Job) -> Answer {
    let size = job.number("packet_size") as u16;
    let mut client = connect_with(job, |context| context.packet_size = size).await?;
    let seen =
        numbers(&mut client, &format!("SELECT id, label FROM {NUMBERS} WHERE id <= 20000 ORDER BY id")).await?.end();
    let text = big_text(100_000);
    let values = vec![parameter("@p", SqlType::NVarcharMax(Some(SqlString::from_utf8_string(text.clone()))))];
    let first = client.execute_sp_executesql("SELECT @p".to_owned(), values, ()).await?;
    let row = rest(&mut client, first).await?.pop().ok_or("no row")?;
    Ok(
        json!({ "rows": seen["rows"], "sum": seen["sum"], "text": plain(&row[0]) == json!(text), "negotiated": client.packet_size() }),
    )
}

async fn pool(job: &Job) -> Answer {
    let mut client = connect(job).await?;
    let before = spid(&mut client).await?;
    rows(&mut client, "CREATE TABLE #gatehouse_lab (id int)").await?;
    client.prepare_reset_connection(false);
    let leftover = plain(&one(&mut client, "SELECT OBJECT_ID('tempdb..#gatehouse_lab')").await?[0]);
    Ok(json!({ "same_session": spid(&mut client).await? == before, "leftover": leftover }))
}

/// Reads a long result; the lab has the session ended in the middle of it.
async fn ended(job: &Job) -> Answer {
    let mut client = connect(job).await?;
    let sql = format!("SELECT id, label, REPLICATE(N'x', 400) AS padding FROM {NUMBERS} ORDER BY id");
    client.execute(sql, ()).await?;
    let mut read = 0;
    while read < 1000 && client.next_row().await?.is_some() {
        read += 1;
    }
    say("reading", read);
    let began = Instant::now();
    let error = loop {
        match client.next_row().await {
            Ok(Some(_)) => read += 1,
            Ok(None) => break None,
            Err(error) => break Some(error.to_string()),
        }
    };
    let seconds = began.elapsed().as_secs_f64();
    Ok(json!({ "error": error, "seconds": seconds, "rows": read, "again": again(job).await }))
}

/// Holds an idle session; the lab has its account disabled.
async fn cut_idle(job: &Job) -> Answer {
    let mut client = connect(job).await?;
    one(&mut client, "SELECT 1").await?;
    say("idle", 1);
    let began = Instant::now();
    let error = one(&mut client, "SELECT 1").await.err().map(text_of);
    Ok(json!({ "error": error, "seconds": began.elapsed().as_secs_f64(), "again": again(job).await }))
}

// Connections and statements.

async fn connect(job: &Job) -> Result<TdsClient, Failure> {
    connect_with(job, |_| {}).await
}

async fn connect_with(job: &Job, settle: impl FnOnce(&mut ClientContext)) -> Result<TdsClient, Failure> {
    let source = match job.text("instance") {
        "" => format!("tcp:{},{}", job.text("host"), job.number("port")),
        name => format!("{}\\{name}", job.text("host")),
    };
    let mut context = ClientContext::with_data_source(&source);
    context.database = job.text("database").to_owned();
    context.application_name = job.text("app_name").to_owned();
    context.workstation_id = job.text("host_name").to_owned();
    context.encryption_options = EncryptionOptions::new();
    context.encryption_options.mode =
        if job.text("mode") == "strict" { EncryptionSetting::Strict } else { EncryptionSetting::On };
    context.encryption_options.trust_server_certificate = job.text("ca_file").is_empty();
    match job.text("token") {
        "" => {
            context.user_name = job.text("user").to_owned();
            context.password = job.text("password").to_owned();
        }
        token => {
            context.tds_authentication_method = TdsAuthenticationMethod::AccessToken;
            context.access_token = Some(token.to_owned());
        }
    }
    settle(&mut context);
    Ok(TdsConnectionProvider::new().create_client(context, &source, None).await?)
}

async fn again(job: &Job) -> Option<String> {
    connect(job).await.err().map(text_of)
}

async fn rows(client: &mut TdsClient, sql: &str) -> Result<Vec<Vec<ColumnValues>>, Failure> {
    let first = client.execute(sql.to_owned(), ()).await?;
    rest(client, first).await
}

/// The rows of this result and of those that follow.
async fn rest(client: &mut TdsClient, first: StatementResult) -> Result<Vec<Vec<ColumnValues>>, Failure> {
    let mut rows = Vec::new();
    let mut on_rows = matches!(first, StatementResult::Rows) || client.advance_to_rows().await?;
    while on_rows {
        while let Some(row) = client.next_row().await? {
            rows.push(row);
        }
        on_rows = client.advance_to_rows().await?;
    }
    client.close_query().await?;
    Ok(rows)
}

async fn one(client: &mut TdsClient, sql: &str) -> Result<Vec<ColumnValues>, Failure> {
    Ok(rows(client, sql).await?.pop().ok_or("no row")?)
}

async fn spid(client: &mut TdsClient) -> Result<Value, Failure> {
    Ok(plain(&one(client, "SELECT @@SPID").await?[0]))
}

async fn numbers(client: &mut TdsClient, sql: &str) -> Result<Numbers, Failure> {
    let mut numbers = Numbers::default();
    client.execute(sql.to_owned(), ()).await?;
    while let Some(row) = client.next_row().await? {
        if let [ColumnValues::Int(number), ColumnValues::String(label)] = row.as_slice() {
            numbers.add(*number, &label.to_utf8_string());
        }
    }
    client.close_query().await?;
    Ok(numbers)
}

fn parameter(name: &str, value: SqlType) -> RpcParameter {
    RpcParameter::new(Some(name.to_owned()), StatusFlags::NONE, value)
}

fn text_of(failure: Failure) -> String {
    failure.to_string()
}

/// A value as the lab compares it.
fn plain(value: &ColumnValues) -> Value {
    match value {
        ColumnValues::Bit(bit) => json!(bit),
        ColumnValues::TinyInt(number) => json!(number),
        ColumnValues::SmallInt(number) => json!(number),
        ColumnValues::Int(number) => json!(number),
        ColumnValues::BigInt(number) => json!(number),
        ColumnValues::Float(number) => json!(number),
        ColumnValues::Decimal(number) | ColumnValues::Numeric(number) => json!(number.to_decimal_string()),
        ColumnValues::String(text) => json!(text.to_utf8_string()),
        ColumnValues::Bytes(bytes) => json!(bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>()),
        ColumnValues::Uuid(id) => json!(id.to_string().to_uppercase()),
        ColumnValues::DateTime2(when) => json!(iso(when.days, when.time.time_nanoseconds)),
        _ => Value::Null,
    }
}

/// Days since 0001-01-01 and ticks since midnight (of 100 ns, whatever the field is called), as ISO 8601 with milliseconds.
fn iso(days: u32, since_midnight: u64) -> String {
    let millis = since_midnight / 10_000;
    // Civil date from a day count, by eras of 400 years that begin in March.
    let day = i64::from(days) + 306;
    let (era, of_era) = (day / 146_097, day % 146_097);
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let day_of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let from_march = (5 * day_of_year + 2) / 153;
    let (day, month) =
        (day_of_year - (153 * from_march + 2) / 5 + 1, if from_march < 10 { from_march + 3 } else { from_march - 9 });
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    let (seconds, fraction) = (millis / 1000, millis % 1000);
    format!(
        "{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}.{fraction:03}",
        seconds / 3600,
        seconds / 60 % 60,
        seconds % 60
    )
}

/// A row of the bulk load, on its way there and back.
struct BulkRow {
    id: i32,
    name: Option<String>,
    price: Option<f64>,
    payload: Option<Vec<u8>>,
}

impl From<(i32, Option<String>, Option<f64>, Option<Vec<u8>>)> for BulkRow {
    fn from((id, name, price, payload): (i32, Option<String>, Option<f64>, Option<Vec<u8>>)) -> Self {
        Self { id, name, price, payload }
    }
}

impl TryFrom<Vec<ColumnValues>> for BulkRow {
    type Error = Failure;

    fn try_from(row: Vec<ColumnValues>) -> Result<Self, Failure> {
        let [ColumnValues::Int(id), name, price, payload] = row.as_slice() else {
            return Err("a row of another shape".into());
        };
        Ok(Self {
            id: *id,
            name: match name {
                ColumnValues::String(text) => Some(text.to_utf8_string()),
                _ => None,
            },
            price: match price {
                ColumnValues::Float(number) => Some(*number),
                _ => None,
            },
            payload: match payload {
                ColumnValues::Bytes(bytes) => Some(bytes.clone()),
                _ => None,
            },
        })
    }
}

#[async_trait]
impl BulkLoadRow for BulkRow {
    async fn write_to_packet(&self, writer: &mut StreamingBulkLoadWriter<'_>, column: &mut usize) -> TdsResult<()> {
        let values = [
            ColumnValues::Int(self.id),
            self.name
                .clone()
                .map_or(ColumnValues::Null, |name| ColumnValues::String(SqlString::from_utf8_string(name))),
            self.price.map_or(ColumnValues::Null, ColumnValues::Float),
            self.payload.clone().map_or(ColumnValues::Null, ColumnValues::Bytes),
        ];
        for value in &values {
            writer.write_column_value(*column, value).await?;
            *column += 1;
        }
        Ok(())
    }
}
