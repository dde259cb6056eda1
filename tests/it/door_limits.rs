//! Listeners: bound first, served later; who is told apart, who is counted, and who is shown out.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use gatehouse::domain::Timestamp;
use gatehouse::door::{Connection, Door, HalfOpen, Kind, bind};
use gatehouse::platform::{ManualClock, Tasks};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::mpsc;

use crate::support::hello::client_hello;
use crate::support::ports;

const SILENCE: Duration = Duration::from_secs(10);

/// A door whose every kind but `Unknown` is handed to the test.
struct Open {
    address: SocketAddr,
    half_open: HalfOpen,
    clock: Arc<ManualClock>,
    tasks: Tasks,
    handed: mpsc::UnboundedReceiver<Connection>,
}

fn open(at: &str, per_address: usize, total: usize) -> Open {
    let bound = bind(&[at.parse().unwrap()]);
    assert!(bound.failures().is_empty(), "{:?}", bound.failures());
    let address = bound.addresses()[0];
    let clock = ManualClock::starting_at(Timestamp::from_millis(0));
    let (tasks, half_open) = (Tasks::new(), HalfOpen::new(per_address, total));
    let (sender, handed) = mpsc::unbounded_channel();
    let mut door = Door::new(tasks.clone(), Arc::clone(&clock) as _, half_open.clone(), SILENCE);
    for kind in Kind::ALL.into_iter().filter(|kind| *kind != Kind::Unknown) {
        let sender = sender.clone();
        door = door.on(kind, move |connection: Connection| {
            let _ = sender.send(connection);
            async {}
        });
    }
    door.serve(bound);
    Open { address, half_open, clock, tasks, handed }
}

async fn say(address: SocketAddr, bytes: &[u8]) -> TcpStream {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(bytes).await.unwrap();
    stream
}

/// Whether the other side has closed, politely or not.
async fn is_shown_out(mut stream: TcpStream) -> bool {
    !matches!(stream.read(&mut [0]).await, Ok(1..))
}

async fn until(what: impl Fn() -> bool) {
    while !what() {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn each_kind_goes_to_its_handler_with_all_of_its_bytes() {
    let mut door = open("127.0.0.1:0", 10, 10);
    let kinds = [
        (b"\x12\x01\x00\x2f".to_vec(), Kind::Tds),
        (client_hello(&[b"tds/8.0"]), Kind::Strict),
        (client_hello(&[b"h2", b"http/1.1"]), Kind::Https),
        (client_hello(&[]), Kind::TlsBare),
        (client_hello(&[b"acme-tls/1"]), Kind::AcmeTls),
        (b"GET / HTTP/1.1\r\n".to_vec(), Kind::Http),
    ];
    for (bytes, kind) in kinds {
        let client = say(door.address, &bytes).await;
        let mut connection = door.handed.recv().await.unwrap();
        assert_eq!(connection.kind, kind);
        assert_eq!(connection.peer, client.local_addr().unwrap());
        assert_eq!(connection.local, door.address);
        let mut there = vec![0; bytes.len()];
        connection.stream.read_exact(&mut there).await.unwrap();
        assert_eq!(there, bytes);
    }
    assert!(is_shown_out(say(door.address, b"SSH-2.0-OpenSSH\r\n").await).await);
    assert!(door.handed.try_recv().is_err());
}

#[tokio::test]
async fn a_request_line_that_comes_letter_by_letter_is_recognised() {
    let mut door = open("127.0.0.1:0", 10, 10);
    let mut client = say(door.address, b"OPT").await;
    until(|| door.half_open.count() == 1).await;
    for letter in b"IONS /" {
        client.write_all(&[*letter]).await.unwrap();
        tokio::task::yield_now().await;
    }
    assert_eq!(door.handed.recv().await.unwrap().kind, Kind::Http);
}

#[tokio::test]
async fn a_client_hello_that_comes_in_pieces_is_handed_over_whole() {
    let mut door = open("127.0.0.1:0", 10, 10);
    // Longer than one look, as with many names of protocols.
    let names: Vec<Vec<u8>> = (0..60).map(|number| format!("protocol-{number:040}").into_bytes()).collect();
    let mut protocols: Vec<&[u8]> = names.iter().map(Vec::as_slice).collect();
    protocols.push(b"tds/8.0");
    let hello = client_hello(&protocols);
    assert!(hello.len() > 3000);
    let mut client = TcpStream::connect(door.address).await.unwrap();
    client.set_nodelay(true).unwrap();
    for piece in hello.chunks(700) {
        client.write_all(piece).await.unwrap();
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let mut connection = door.handed.recv().await.unwrap();
    assert_eq!(connection.kind, Kind::Strict);
    let mut there = vec![0; hello.len()];
    connection.stream.read_exact(&mut there).await.unwrap();
    assert_eq!(there, hello);
}

#[tokio::test]
async fn who_closes_in_the_middle_of_its_first_words_is_let_go_at_once() {
    // The clock stands still, so it is not the limit for silence that ends it.
    let door = open("127.0.0.1:0", 4, 4);
    for bytes in [&b"OPT"[..], &client_hello(&[])[..100]] {
        let mut client = say(door.address, bytes).await;
        until(|| door.half_open.count() == 1).await;
        client.shutdown().await.unwrap();
        assert!(is_shown_out(client).await);
        until(|| door.half_open.count() == 0).await;
    }
}

#[tokio::test]
async fn the_newest_is_shown_out_where_an_address_has_too_many_half_open() {
    let mut door = open("127.0.0.1:0", 2, 10);
    let (_one, _two) = (say(door.address, &[0x12]).await, say(door.address, &[0x12]).await);
    let (first, _second) = (door.handed.recv().await.unwrap(), door.handed.recv().await.unwrap());
    assert!(is_shown_out(say(door.address, &[0x12]).await).await);
    assert_eq!(door.half_open.refused(), 1);

    // Signed in: no longer half open, though still there.
    let Connection { admission, stream, .. } = first;
    drop(admission);
    let _third = say(door.address, &[0x12]).await;
    assert_eq!(door.handed.recv().await.unwrap().kind, Kind::Tds);
    drop(stream);
}

#[tokio::test]
async fn one_address_cannot_keep_another_out_but_the_total_can() {
    let mut door = open("[::]:0", 2, 3);
    let port = door.address.port();
    let at = |host: &str| format!("{host}:{port}").parse::<SocketAddr>().unwrap();
    let mut kept = Vec::new();
    for host in ["127.0.0.1", "127.0.0.1", "[::1]"] {
        kept.push((say(at(host), &[0x12]).await, door.handed.recv().await.unwrap()));
    }
    assert_eq!(kept[0].1.peer.ip(), kept[0].0.local_addr().unwrap().ip(), "an IPv4 address is shown as one");
    assert!(is_shown_out(say(at("127.0.0.1"), &[0x12]).await).await);
    assert!(is_shown_out(say(at("[::1]"), &[0x12]).await).await);
    kept.clear();
    until(|| door.half_open.count() == 0).await;
    say(at("[::1]"), &[0x12]).await;
    assert!(door.handed.recv().await.is_some());
}

#[tokio::test]
async fn sockets_dropped_before_their_first_byte_leave_nothing_behind() {
    let mut door = open("127.0.0.1:0", 4, 4);
    for _ in 0..100 {
        drop(TcpStream::connect(door.address).await.unwrap());
        until(|| door.half_open.count() == 0).await;
    }
    assert_eq!(door.half_open.refused(), 0);
    let _client = say(door.address, &[0x12]).await;
    assert_eq!(door.handed.recv().await.unwrap().kind, Kind::Tds);
}

#[tokio::test]
async fn who_says_nothing_is_shown_out_after_a_while() {
    let door = open("127.0.0.1:0", 4, 4);
    let silent = TcpStream::connect(door.address).await.unwrap();
    until(|| door.half_open.count() == 1).await;
    let time = async {
        loop {
            tokio::task::yield_now().await;
            door.clock.advance(Duration::from_millis(100));
        }
    };
    tokio::select! { out = is_shown_out(silent) => assert!(out), () = time => unreachable!() }
    until(|| door.half_open.count() == 0).await;
}

#[tokio::test]
async fn an_address_that_cannot_be_bound_does_not_stop_the_others() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = taken.local_addr().map(|address| (taken, address)).unwrap();
    let bound = bind(&[taken.1, "127.0.0.1:0".parse().unwrap(), "[::1]:0".parse().unwrap()]);
    assert_eq!(bound.addresses().len(), 2);
    assert_eq!(bound.failures().len(), 1);
    assert_eq!(bound.failures()[0].address, taken.1);
    assert!(bound.addresses().iter().all(|address| address.port() != 0));
}

#[tokio::test]
async fn an_address_that_comes_free_is_served_in_the_end() {
    let address = ports::own_address();
    let taken = std::net::TcpListener::bind(address).unwrap();
    let bound = bind(&[address]);
    assert_eq!(bound.failures().len(), 1);
    let clock = ManualClock::starting_at(Timestamp::from_millis(0));
    let (sender, mut handed) = mpsc::unbounded_channel();
    let handler = move |connection: Connection| {
        let _ = sender.send(connection);
        async {}
    };
    let tasks = Tasks::new();
    let door = Door::new(tasks.clone(), Arc::clone(&clock) as _, HalfOpen::new(1, 1), SILENCE);
    door.on(Kind::Tds, handler).serve(bound);
    drop(taken);
    // The former socket may still take a connection or two: a program that another test starts holds it until it has begun.
    let mut clients = Vec::new();
    let served = loop {
        tokio::task::yield_now().await;
        clock.advance(Duration::from_secs(1));
        if let Ok(mut client) = TcpStream::connect(address).await {
            let _ = client.write_all(&[0x12]).await;
            clients.push(client);
        }
        if let Ok(connection) = handed.try_recv() {
            break connection;
        }
    };
    assert!(clients.iter().any(|client| client.local_addr().unwrap() == served.peer));
    tasks.drain(&*clock, SILENCE).await.unwrap();
}

#[tokio::test]
async fn both_families_can_be_bound_on_one_port_each_by_its_own_socket() {
    let free = ports::own();
    let bound = bind(&[format!("[::]:{free}").parse().unwrap(), format!("0.0.0.0:{free}").parse().unwrap()]);
    assert!(bound.failures().is_empty(), "{:?}", bound.failures());
    assert_eq!(bound.addresses().len(), 2);
}

#[tokio::test]
async fn a_bound_address_takes_connections_before_it_is_served() {
    let bound = bind(&["127.0.0.1:0".parse().unwrap()]);
    let early = say(bound.addresses()[0], &[0x12]).await;
    let (sender, mut handed) = mpsc::unbounded_channel();
    let clock = ManualClock::starting_at(Timestamp::from_millis(0));
    let handler = move |connection: Connection| {
        let _ = sender.send(connection);
        async {}
    };
    Door::new(Tasks::new(), clock, HalfOpen::new(1, 1), SILENCE).on(Kind::Tds, handler).serve(bound);
    assert_eq!(handed.recv().await.unwrap().peer, early.local_addr().unwrap());
}

#[tokio::test]
async fn a_stopped_door_takes_nobody_in() {
    let door = open(&ports::own_address().to_string(), 4, 4);
    door.tasks.drain(&*door.clock, SILENCE).await.unwrap();
    ports::until_free(door.address).await;
}
