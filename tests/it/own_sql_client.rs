//! The appliance's own SQL client against a scripted server, over a connection that stands already.

use std::sync::Arc;
use std::time::Duration;

use gatehouse::domain::{Secret, Timestamp};
use gatehouse::platform::{Clock as _, ManualClock};
use gatehouse::sql::{self, SqlError, SqlLogin};
use gatehouse::tds::data::{Column, Columns, TypeInfo, Value};
use gatehouse::tds::request::SqlBatch;
use gatehouse::tds::token::{Done, DoneStatus, EnvChange, LoginResponse, Route, ServerMessage, error_response};
use gatehouse::tds::{Login7, TdsVersion, Token};
use gatehouse::wire::{PacketReader, PacketWriter};
use tokio::io::DuplexStream;

const LIMIT: Duration = Duration::from_secs(10);

fn login() -> SqlLogin {
    SqlLogin { user: "probe".to_owned(), password: Secret::new("geheim!Ä"), database: Some("sales".to_owned()) }
}

fn clock() -> Arc<ManualClock> {
    ManualClock::starting_at(Timestamp::from_millis(0))
}

/// The server's end of a connection that is past PRELOGIN.
struct Peer {
    reader: PacketReader<tokio::io::ReadHalf<DuplexStream>>,
    writer: PacketWriter<tokio::io::WriteHalf<DuplexStream>>,
}

impl Peer {
    fn pair() -> (DuplexStream, Self) {
        let (near, far) = tokio::io::duplex(64 * 1024);
        let (read, write) = tokio::io::split(far);
        (near, Self { reader: PacketReader::new(read), writer: PacketWriter::new(write) })
    }

    /// The first thing that comes must be LOGIN7: the PRELOGIN was answered long ago.
    async fn login7(&mut self) -> Login7 {
        let message = self.reader.read_message(64 * 1024).await.unwrap().unwrap();
        assert_eq!(message.kind, 0x10);
        Login7::decode(&message.payload).unwrap()
    }

    async fn batch(&mut self) -> String {
        let message = self.reader.read_message(64 * 1024).await.unwrap().unwrap();
        assert_eq!(message.kind, 0x01);
        SqlBatch::decode(&message.payload, TdsVersion::V7_4).unwrap().text
    }

    async fn answer(&mut self, payload: &[u8]) {
        self.writer.write_message(0x04, 0, payload).await.unwrap();
    }

    async fn let_in(&mut self, more: Vec<EnvChange>) {
        let response = LoginResponse {
            tds_version: TdsVersion::V7_4,
            program: "Microsoft SQL Server".into(),
            program_version: [16, 0, 4, 1],
            server: "SQL1".into(),
            database: "sales".into(),
            language: "us_english".into(),
            collation: [9, 4, 0xD0, 0, 0x34],
            packet_size: 4096,
            features: vec![],
            more,
        };
        self.answer(&response.encode()).await;
    }

    async fn rows(&mut self, rows: &[&[&str]]) {
        let column = || Column::new("", TypeInfo::nvarchar(128));
        let columns = Columns(rows[0].iter().map(|_| column()).collect());
        let mut out = Vec::new();
        columns.encode(TdsVersion::V7_4, &mut out).unwrap();
        for row in rows {
            let values: Vec<Value> = row.iter().map(|text| Value::Text((*text).to_owned())).collect();
            columns.encode_row(&values, &mut out).unwrap();
        }
        let done = Done::new(DoneStatus::COUNT, 0xC1, u64::try_from(rows.len()).unwrap());
        Token::Done(done).encode(TdsVersion::V7_4, &mut out);
        self.answer(&out).await;
    }
}

#[tokio::test]
async fn a_login_goes_out_once_and_the_inventory_comes_back() {
    let (stream, mut peer) = Peer::pair();
    let server = async {
        let asked = peer.login7().await;
        assert_eq!(asked.user_name, "probe");
        assert_eq!(asked.password.expose(), "geheim!Ä");
        assert_eq!(asked.database, "sales");
        assert_eq!(asked.app_name, "Gatehouse");
        peer.let_in(Vec::new()).await;
        assert!(peer.batch().await.contains("SERVERPROPERTY"));
        peer.rows(&[&["16.0.4135.4", "Developer Edition (64-bit)", "SQL1", "probe"]]).await;
        assert!(peer.batch().await.contains("sys.databases"));
        peer.rows(&[&["master"], &["sales"]]).await;
    };
    let clock = clock();
    let client = async {
        let mut client = sql::login(stream, &login(), &*clock, LIMIT).await.unwrap();
        sql::probe(&mut client).await.unwrap()
    };
    let ((), inventory) = tokio::join!(server, client);
    assert_eq!(inventory.version, "16.0.4135.4");
    assert_eq!(inventory.edition, "Developer Edition (64-bit)");
    assert_eq!((inventory.server_name.as_str(), inventory.login_name.as_str()), ("SQL1", "probe"));
    assert_eq!(inventory.databases, ["master", "sales"]);
}

#[tokio::test]
async fn a_refusal_comes_back_in_the_servers_own_words_and_without_the_password() {
    let (stream, mut peer) = Peer::pair();
    let server = async {
        peer.login7().await;
        let error = ServerMessage::new(18456, 1, 14, "Login failed for user 'probe'.", "SQL1");
        peer.answer(&error_response(TdsVersion::V7_4, error)).await;
    };
    let (clock, login) = (clock(), login());
    let ((), outcome) = tokio::join!(server, sql::login(stream, &login, &*clock, LIMIT));
    let error = outcome.unwrap_err();
    assert!(matches!(error, SqlError::Server { number: 18456, .. }), "{error}");
    assert!(!error.person().contains("probe"), "a member never learns the SQL login's name");
    assert!(!format!("{error:?} {error} {login:?}").contains("geheim"));
}

#[tokio::test]
async fn being_sent_elsewhere_is_told_to_the_caller() {
    let (stream, mut peer) = Peer::pair();
    let server = async {
        peer.login7().await;
        let route = Route { protocol: 0, port: 1444, server: "replica.test".to_owned(), database: None };
        peer.let_in(vec![EnvChange::routing(route)]).await;
    };
    let (clock, login) = (clock(), login());
    let ((), outcome) = tokio::join!(server, sql::login(stream, &login, &*clock, LIMIT));
    let error = outcome.unwrap_err();
    assert!(matches!(&error, SqlError::Routed { host, port: 1444 } if host == "replica.test"), "{error}");
}

#[tokio::test]
async fn a_server_that_keeps_silent_or_hangs_up_is_an_error_by_the_houses_clock() {
    let (stream, mut peer) = Peer::pair();
    let (clock, login) = (clock(), login());
    let server = async {
        peer.login7().await;
        clock.advance(LIMIT);
    };
    let ((), outcome) = tokio::join!(server, sql::login(stream, &login, &*clock, LIMIT));
    assert!(matches!(outcome, Err(SqlError::TimedOut)));

    let (stream, peer) = Peer::pair();
    drop(peer);
    let outcome = sql::login(stream, &login, &*clock, LIMIT).await;
    assert!(matches!(outcome, Err(SqlError::Conversation(_))));
}

#[tokio::test]
async fn garbage_for_an_answer_is_an_error() {
    for garbage in [&b"\x00\x01\x02"[..], &[0xff; 50], &[0xad, 0xff, 0xff, 1]] {
        let (stream, mut peer) = Peer::pair();
        let server = async {
            peer.login7().await;
            peer.answer(garbage).await;
            drop(peer);
        };
        let (clock, login) = (clock(), login());
        let ((), outcome) = tokio::join!(server, sql::login(stream, &login, &*clock, LIMIT));
        assert!(outcome.is_err());
    }
}

#[tokio::test]
async fn the_sample_server_is_dialled_and_looked_around_in_by_either_way_of_tls() {
    use gatehouse::sample::{Encryption, Sample, SampleOptions};
    use gatehouse::upstream::{Ask, Dialer, Target, TlsRule, connect};

    for (encryption, strict) in [(Encryption::FullTls, false), (Encryption::StrictAndTls, true)] {
        let (clock, tasks) = (gatehouse::platform::SystemClock::new(), gatehouse::platform::Tasks::new());
        let secret = |text: &str| Secret::new(text);
        let mut options = SampleOptions::new(secret("administrator"), secret("nordwind"), secret("suedsee"));
        options.encryption = encryption;
        let user = options.logins[0].name.clone();
        let sample = Sample::start(options, &tasks, Arc::clone(&clock) as _).await.unwrap();

        // A stopped clock: nothing takes too long.
        let stopped = ManualClock::starting_at(clock.now());
        let dialer = Dialer::new(Arc::clone(&stopped) as _, LIMIT);
        let mut target = Target::new("127.0.0.1", sample.address().port());
        target.tls = TlsRule::Authority { pem: sample.certificate_pem() };
        let leg = connect(&target, &Ask::default(), &dialer).await.unwrap();
        assert!(leg.met.verified() && leg.strict == strict);
        let login = SqlLogin { user: user.clone(), password: secret("nordwind"), database: None };
        let mut client = sql::login(leg.stream, &login, &*stopped, LIMIT).await.unwrap();
        let inventory = sql::probe(&mut client).await.unwrap();
        assert_eq!(inventory.login_name, user);
        // The databases are not compared: the sample server knows HAS_DBACCESS of a constant only.
        assert!(inventory.version.starts_with("16.") && inventory.edition.contains("sample server"));
        client.close().await.unwrap();
        tasks.drain(&*stopped, LIMIT).await.unwrap();
    }
}
