//! The sample SQL Server as a real driver meets it.

use std::sync::Arc;
use std::time::Duration;

use futures_util::TryStreamExt as _;
use gatehouse::domain::Secret;
use gatehouse::platform::{SystemClock, Tasks};
use gatehouse::sample::{Encryption, Sample, SampleOptions};
use tiberius::{AuthMethod, Client, Config, EncryptionLevel, ToSql};
use tokio::net::TcpStream;
use tokio_util::compat::{Compat, TokioAsyncWriteCompatExt as _};

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
