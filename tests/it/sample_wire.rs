//! The sample SQL Server byte by byte: Attention, packet sizes, MARS, RESETCONNECTION, transaction manager requests.

use gatehouse::domain::Secret;
use gatehouse::platform::{SystemClock, Tasks};
use gatehouse::sample::{Encryption, Sample, SampleOptions};
use gatehouse::tds::data::{RowItem, Rows, Value};
use gatehouse::tds::packet::{PacketType, Status, packetise};
use gatehouse::tds::prelogin::{Encryption as Asked, PreLogin};
use gatehouse::tds::request::{SqlBatch, TransactionAction, TransactionRequest};
use gatehouse::tds::token::{DoneStatus, EnvKind, Token};
use gatehouse::tds::{Login7, TdsVersion};
use gatehouse::wire::{PacketReader, PacketWriter};
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};

const V: TdsVersion = TdsVersion::V7_4;

async fn sample() -> (Sample, Tasks) {
    let mut options = SampleOptions::new(Secret::new("sa-secret"), Secret::new("one"), Secret::new("two"));
    options.encryption = Encryption::None;
    let tasks = Tasks::new();
    (Sample::start(options, &tasks, SystemClock::new()).await.unwrap(), tasks)
}

struct Client {
    reader: PacketReader<OwnedReadHalf>,
    writer: PacketWriter<OwnedWriteHalf>,
}

impl Client {
    async fn connect(sample: &Sample, packet_size: u32, mars: bool) -> Self {
        let (read, write) = TcpStream::connect(sample.address()).await.unwrap().into_split();
        let (mut reader, mut writer) = (PacketReader::new(read), PacketWriter::new(write));
        let prelogin = PreLogin { encryption: Some(Asked::NotSupported), mars: Some(mars), ..PreLogin::default() };
        writer.write_message(0x12, 0, &prelogin.encode().unwrap()).await.unwrap();
        let answer = reader.read_message(4096).await.unwrap().unwrap();
        assert_eq!(answer.kind, 0x04);
        assert_eq!(PreLogin::decode(&answer.payload).unwrap().mars, Some(mars));
        let login = Login7 {
            packet_size,
            user_name: "nordwind_app".into(),
            password: Secret::new("one"),
            host_name: "RAW".into(),
            ..Login7::default()
        };
        writer.write_message(0x10, 0, &login.encode().unwrap()).await.unwrap();
        let answer = reader.read_message(65_536).await.unwrap().unwrap();
        let changed = tokens(&answer.payload).into_iter().find_map(|token| match token {
            Token::EnvChange(change) if change.kind == EnvKind::PACKET_SIZE => change.packet_size(),
            _ => None,
        });
        assert_eq!(changed, Some(packet_size));
        writer.set_packet_size(packet_size as usize);
        Self { reader, writer }
    }

    async fn send(&mut self, text: &str, status: Status) {
        self.writer.write_message(PacketType::SqlBatch as u8, status.0, &batch(text)).await.unwrap();
    }

    async fn answer(&mut self) -> Vec<RowItem> {
        let message = self.reader.read_message(64 << 20).await.unwrap().unwrap();
        Rows::new(&message.payload, V).map(|item| item.unwrap()).collect()
    }

    async fn ask(&mut self, text: &str) -> Vec<RowItem> {
        self.send(text, Status::NORMAL).await;
        self.answer().await
    }
}

fn batch(text: &str) -> Vec<u8> {
    SqlBatch { headers: gatehouse::tds::AllHeaders::of_transaction(0), text: text.into() }.encode(V)
}

fn tokens(payload: &[u8]) -> Vec<Token> {
    gatehouse::tds::token::walk(payload, V).map(|step| step.unwrap().token).collect()
}

fn ints(items: &[RowItem]) -> Vec<i64> {
    let first = |row: &Vec<Value>| match row[0] {
        Value::Int(n) => i64::from(n),
        Value::BigInt(n) => n,
        ref other => panic!("{other:?}"),
    };
    items.iter().filter_map(|item| if let RowItem::Row(row) = item { Some(first(row)) } else { None }).collect()
}

fn answers_attention(items: &[RowItem]) -> bool {
    matches!(items.last(), Some(RowItem::Token(Token::Done(done))) if done.status.contains(DoneStatus::ATTENTION))
}

#[tokio::test(flavor = "multi_thread")]
async fn every_packet_but_the_last_is_as_large_as_was_agreed() {
    let (sample, _tasks) = sample().await;
    for size in [512u32, 4096, 16_384, 32_767] {
        let mut client = Client::connect(&sample, size, false).await;
        client.send("SELECT value, REPLICATE('x', 100) FROM GENERATE_SERIES(1, 2000)", Status::NORMAL).await;
        let (mut payload, mut sizes) = (Vec::new(), Vec::new());
        loop {
            let frame = client.reader.next().await.unwrap().unwrap();
            sizes.push(frame.bytes().len());
            payload.extend_from_slice(frame.payload());
            if frame.ends_message() {
                break;
            }
        }
        let last = sizes.pop().unwrap();
        assert!(sizes.iter().all(|seen| *seen == size as usize) && last <= size as usize, "{size}: {sizes:?}");
        let items: Vec<RowItem> = Rows::new(&payload, V).map(|item| item.unwrap()).collect();
        assert_eq!(ints(&items), (1..=2000).collect::<Vec<i64>>());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_attention_ends_a_result_without_end_at_the_border_of_a_token() {
    let (sample, _tasks) = sample().await;
    let mut client = Client::connect(&sample, 4096, false).await;
    client.send("SELECT value FROM GENERATE_SERIES(1, 2000000000)", Status::NORMAL).await;
    client.reader.next().await.unwrap().unwrap();
    client.writer.write_message(PacketType::Attention as u8, 0, &[]).await.unwrap();
    let mut last = Vec::new();
    loop {
        let frame = client.reader.next().await.unwrap().unwrap();
        last = [last, frame.payload().to_vec()].concat();
        if frame.ends_message() {
            break;
        }
    }
    // The rows end with a DONE of an error, at the border of a token; the Attention has an answer of its own.
    let done = Token::decode(&mut gatehouse::tds::cursor::Reader::new(&last[last.len() - 13..]), V).unwrap();
    assert!(matches!(done, Token::Done(done) if done.status.contains(DoneStatus::ERROR)));
    assert!(answers_attention(&client.answer().await));
    assert_eq!(sample.attentions(), 1);
    assert_eq!(ints(&client.ask("SELECT 5").await), [5]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_attention_ends_a_wait_and_a_gathering_and_comes_back_when_nothing_runs() {
    let (sample, _tasks) = sample().await;
    let mut client = Client::connect(&sample, 4096, false).await;
    for text in [
        "WAITFOR DELAY '01:00:00'",
        "SELECT COUNT(*) FROM GENERATE_SERIES(1, 2000000000)",
        "WHILE 1 = 1 SET NOCOUNT ON",
    ] {
        client.send(text, Status::NORMAL).await;
        client.writer.write_message(PacketType::Attention as u8, 0, &[]).await.unwrap();
        let items = client.answer().await;
        assert!(
            matches!(items.last(), Some(RowItem::Token(Token::Done(done))) if done.status.contains(DoneStatus::ERROR)),
            "{text}: {items:?}"
        );
        assert!(answers_attention(&client.answer().await), "{text}");
    }
    client.writer.write_message(PacketType::Attention as u8, 0, &[]).await.unwrap();
    assert!(answers_attention(&client.answer().await));
    assert_eq!(ints(&client.ask("SELECT 6").await), [6]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_interrupted_change_leaves_nothing_behind() {
    let (sample, _tasks) = sample().await;
    let mut client = Client::connect(&sample, 4096, false).await;
    client.ask("CREATE TABLE dbo.t (id int)").await;
    client.send("INSERT INTO dbo.t SELECT value FROM GENERATE_SERIES(1, 2000000000)", Status::NORMAL).await;
    client.writer.write_message(PacketType::Attention as u8, 0, &[]).await.unwrap();
    client.answer().await;
    assert!(answers_attention(&client.answer().await));
    assert_eq!(ints(&client.ask("SELECT COUNT(*) FROM dbo.t").await), [0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_is_taken_back_is_not_carried_out() {
    let (sample, _tasks) = sample().await;
    let mut client = Client::connect(&sample, 512, false).await;
    let mut packets = Vec::new();
    let text = format!("DELETE FROM Orders -- {}", "x".repeat(600));
    packetise(PacketType::SqlBatch, Status::NORMAL, 0, &batch(&text), 512, &mut packets);
    packets.truncate(1024);
    packets.extend_from_slice(&[0x01, 0x03, 0, 8, 0, 0, 3, 0]);
    client.writer.inner_mut().write_all(&packets).await.unwrap();
    let items = client.answer().await;
    assert!(
        matches!(items.as_slice(), [RowItem::Token(Token::Done(done))] if !done.status.contains(DoneStatus::ATTENTION))
    );
    assert_eq!(ints(&client.ask("SELECT COUNT(*) FROM Orders").await), [240]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reset_forgets_what_the_session_made() {
    let (sample, _tasks) = sample().await;
    let mut client = Client::connect(&sample, 4096, false).await;
    client.ask("SELECT 1 AS a INTO #mine; BEGIN TRAN; DELETE FROM Orders; SET LOCK_TIMEOUT 7").await;
    client.send("SELECT @@TRANCOUNT + @@LOCK_TIMEOUT", Status::RESET_CONNECTION).await;
    let items = client.answer().await;
    assert!(
        matches!(&items[0], RowItem::Token(Token::EnvChange(change)) if change.kind == EnvKind::RESET_DONE),
        "{items:?}"
    );
    assert_eq!(ints(&items), [-1]);
    assert_eq!(ints(&client.ask("SELECT COUNT(*) FROM Orders").await), [240]);
    let items = client.ask("SELECT * FROM #mine").await;
    assert!(
        items.iter().any(|item| matches!(item, RowItem::Token(Token::Error(error)) if error.number == 208)),
        "{items:?}"
    );
    assert_eq!(sample.resets(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_transaction_manager_begins_and_rolls_back() {
    let (sample, _tasks) = sample().await;
    let mut client = Client::connect(&sample, 4096, false).await;
    let request =
        |action| TransactionRequest { headers: gatehouse::tds::AllHeaders::of_transaction(0), action }.encode(V);
    let begin = request(TransactionAction::Begin { isolation: 2, name: String::new() });
    client.writer.write_message(0x0E, 0, &begin).await.unwrap();
    let items = client.answer().await;
    assert!(items.iter().any(
        |item| matches!(item, RowItem::Token(Token::EnvChange(change)) if change.kind == EnvKind::BEGIN_TRANSACTION)
    ));
    client.ask("DELETE FROM Orders").await;
    assert_eq!(ints(&client.ask("SELECT COUNT(*) FROM Orders").await), [0]);
    let rollback = request(TransactionAction::Rollback { name: String::new(), next: None });
    client.writer.write_message(0x0E, 0, &rollback).await.unwrap();
    let items = client.answer().await;
    assert!(items.iter().any(
        |item| matches!(item, RowItem::Token(Token::EnvChange(change)) if change.kind == EnvKind::ROLLBACK_TRANSACTION)
    ));
    assert_eq!(ints(&client.ask("SELECT COUNT(*) FROM Orders").await), [240]);
}

/// A frame of SMP: flags, session, number, window, and what it carries.
fn smp(flags: u8, session: u16, number: u32, window: u32, payload: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0x53, flags];
    bytes.extend(session.to_le_bytes());
    bytes.extend((16 + payload.len() as u32).to_le_bytes());
    bytes.extend(number.to_le_bytes());
    bytes.extend(window.to_le_bytes());
    bytes.extend(payload);
    bytes
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_of_mars_that_is_not_read_holds_up_no_other() {
    let (sample, _tasks) = sample().await;
    let mut client = Client::connect(&sample, 4096, true).await;
    client.reader.allow_smp();
    let one_packet = |kind: PacketType, payload: &[u8]| {
        let mut packets = Vec::new();
        packetise(kind, Status::NORMAL, 0, payload, 4096, &mut packets);
        packets
    };
    let streams = one_packet(PacketType::SqlBatch, &batch("SELECT value FROM GENERATE_SERIES(1, 1000000)"));
    let short = one_packet(PacketType::SqlBatch, &batch("SELECT 9"));
    let wire = client.writer.inner_mut();
    for frame in [smp(1, 0, 0, 4, &[]), smp(1, 1, 0, 4, &[]), smp(8, 0, 1, 4, &streams)] {
        wire.write_all(&frame).await.unwrap();
    }
    // Session 0 sends as far as its window goes, and then no further.
    for _ in 0..4 {
        let frame = client.reader.next().await.unwrap().unwrap();
        assert_eq!((frame.bytes()[1], frame.bytes()[2]), (8, 0));
    }
    client.writer.inner_mut().write_all(&smp(8, 1, 1, 4, &short)).await.unwrap();
    let frame = client.reader.next().await.unwrap().unwrap();
    assert_eq!((frame.bytes()[1], frame.bytes()[2]), (8, 1), "session 1 answers while session 0 waits");
    let items: Vec<RowItem> = Rows::new(&frame.payload()[8..], V).map(|item| item.unwrap()).collect();
    assert_eq!(ints(&items), [9]);
    // Attention in session 0 ends its result, once its window opens.
    let attention = one_packet(PacketType::Attention, &[]);
    client.writer.inner_mut().write_all(&smp(8, 0, 2, 1_000_000, &attention)).await.unwrap();
    loop {
        let frame = client.reader.next().await.unwrap().unwrap();
        if frame.bytes()[1] == 8 && frame.payload()[1] & 1 == 1 {
            let tail = frame.payload();
            let done = Token::decode(&mut gatehouse::tds::cursor::Reader::new(&tail[tail.len() - 13..]), V).unwrap();
            if matches!(done, Token::Done(done) if done.status.contains(DoneStatus::ATTENTION)) {
                break;
            }
        }
    }
    client.writer.inner_mut().write_all(&smp(4, 1, 1, 4, &[])).await.unwrap();
    let frame = client.reader.next().await.unwrap().unwrap();
    assert_eq!((frame.bytes()[1], frame.bytes()[2]), (4, 1), "a FIN is answered with a FIN");
}
