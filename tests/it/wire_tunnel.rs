//! TLS inside PRELOGIN packets, byte by byte as drivers see it.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use gatehouse::domain::Timestamp;
use gatehouse::tls::{Certificates, Root, ServerConfigs, policy};
use gatehouse::wire::{self, PreLoginTunnel};
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, RootCertStore, ServerConfig};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};

/// What a pump does with the bytes that it carries.
#[derive(Clone, Copy)]
struct Carry {
    /// Bytes at a time.
    step: usize,
    /// Whether packets towards the client are retyped 0x04, as old servers type them.
    old_types: bool,
}

const PLAIN: Carry = Carry { step: 16_384, old_types: false };

type Recorded = Arc<Mutex<Vec<u8>>>;

async fn pump(
    mut from: tokio::io::ReadHalf<DuplexStream>,
    mut to: tokio::io::WriteHalf<DuplexStream>,
    carry: Carry,
    record: Recorded,
) {
    let mut buffer = vec![0; carry.step];
    while let Ok(n @ 1..) = from.read(&mut buffer).await {
        record.lock().unwrap().extend_from_slice(&buffer[..n]);
        if to.write_all(&buffer[..n]).await.is_err() {
            break;
        }
        let _ = to.flush().await;
    }
    let _ = to.shutdown().await;
}

/// A client's and a server's end, with everything recorded that goes to the server and to the client.
fn recorded_line(carry: Carry) -> (DuplexStream, DuplexStream, Recorded, Recorded) {
    let (client, near_client) = tokio::io::duplex(64 * 1024);
    let (server, near_server) = tokio::io::duplex(64 * 1024);
    let (to_server, to_client) = (Recorded::default(), Recorded::default());
    let (client_read, client_write) = tokio::io::split(near_client);
    let (server_read, server_write) = tokio::io::split(near_server);
    tokio::spawn(pump(client_read, server_write, carry, Arc::clone(&to_server)));
    if carry.old_types {
        tokio::spawn(retype(server_read, client_write));
    } else {
        tokio::spawn(pump(server_read, client_write, carry, Arc::clone(&to_client)));
    }
    (client, server, to_server, to_client)
}

async fn retype(mut from: tokio::io::ReadHalf<DuplexStream>, mut to: tokio::io::WriteHalf<DuplexStream>) {
    let mut wrapped = true;
    while wrapped {
        let Ok(kind) = from.read_u8().await else { return };
        wrapped = kind == 0x12;
        to.write_u8(if wrapped { 0x04 } else { kind }).await.unwrap();
        if wrapped {
            let mut rest = [0; 7];
            from.read_exact(&mut rest).await.unwrap();
            let mut payload = vec![0; usize::from(u16::from_be_bytes([rest[1], rest[2]])) - 8];
            from.read_exact(&mut payload).await.unwrap();
            to.write_all(&rest).await.unwrap();
            to.write_all(&payload).await.unwrap();
        }
    }
    let _ = tokio::io::copy(&mut from, &mut to).await;
}

/// A server whose certificate alone is larger than two packets, and a client that believes it.
fn long_chain() -> (Arc<ServerConfig>, Arc<ClientConfig>) {
    let now = Timestamp::from_millis(1_795_000_000_000);
    let root = Root::create("Long", now).unwrap();
    let mut names = vec!["sql.test".to_owned()];
    names.extend((0..250).map(|n| format!("a-rather-long-host-name-number-{n:04}.test")));
    let certificates = Certificates::showing(root.issue(&names, Duration::from_secs(86_400), now).unwrap());
    assert!(certificates.current().chain()[0].len() > 8192 + 2048);
    (ServerConfigs::new(&certificates).unwrap().tunnel, client_config(&root, rustls::ALL_VERSIONS))
}

fn client_config(root: &Root, versions: &[&'static rustls::SupportedProtocolVersion]) -> Arc<ClientConfig> {
    #[derive(Debug)]
    struct Noon;
    impl rustls::time_provider::TimeProvider for Noon {
        fn current_time(&self) -> Option<rustls::pki_types::UnixTime> {
            Some(rustls::pki_types::UnixTime::since_unix_epoch(Duration::from_secs(1_795_000_000)))
        }
    }
    let mut roots = RootCertStore::empty();
    roots.add(root.certificate_der().clone()).unwrap();
    let config = ClientConfig::builder_with_details(policy::provider(), Arc::new(Noon))
        .with_protocol_versions(versions)
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    Arc::new(config)
}

fn name() -> ServerName<'static> {
    ServerName::try_from("sql.test").unwrap()
}

/// The messages that a recording begins with, each as the lengths of its packets, and the bare bytes after them.
fn messages(recorded: &[u8]) -> (Vec<Vec<usize>>, Vec<u8>) {
    let (mut rest, mut messages, mut message) = (recorded, Vec::new(), Vec::new());
    while rest.first() == Some(&0x12) {
        let length = usize::from(u16::from_be_bytes([rest[2], rest[3]]));
        assert!((9..=4096).contains(&length), "a packet of {length} bytes");
        message.push(length);
        match rest[1] {
            0x00 => assert_eq!(length, 4096, "only a message's last packet is short"),
            0x01 => messages.push(std::mem::take(&mut message)),
            status => panic!("status {status:#x}"),
        }
        rest = &rest[length..];
    }
    assert!(message.is_empty(), "a message without an end");
    (messages, rest.to_vec())
}

/// One handshake and an exchange of a megabyte each way.
async fn exchange(carry: Carry) -> (Vec<u8>, Vec<u8>, Option<rustls::ProtocolVersion>) {
    let (server_config, client_config) = long_chain();
    let (client, server, to_server, to_client) = recorded_line(carry);
    let size = if carry.step == 1 { 5_000 } else { 1_000_000 };
    let payload: Vec<u8> = (0..size).map(|n: u32| n.to_le_bytes()[0] ^ n.to_le_bytes()[1]).collect();
    let echo = async {
        let stream = wire::accept(server, server_config).await.unwrap();
        let version = stream.get_ref().1.protocol_version();
        let (mut read, mut write) = tokio::io::split(stream);
        tokio::io::copy(&mut read, &mut write).await.unwrap();
        write.shutdown().await.unwrap();
        version
    };
    let send = async {
        let stream = wire::connect(client, client_config, name()).await.unwrap();
        let (mut read, mut write) = tokio::io::split(stream);
        let sending = async {
            write.write_all(&payload).await.unwrap();
            write.shutdown().await.unwrap();
        };
        let mut back = Vec::new();
        let receiving = async { read.read_to_end(&mut back).await.unwrap() };
        tokio::join!(sending, receiving);
        assert!(back == payload, "the echo differs");
    };
    let (version, ()) = tokio::join!(echo, send);
    let (to_server, to_client) = (to_server.lock().unwrap().clone(), to_client.lock().unwrap().clone());
    (to_server, to_client, version)
}

#[tokio::test]
async fn each_flight_is_one_message_of_packets_of_at_most_4096_bytes() {
    let (to_server, to_client, version) = exchange(PLAIN).await;
    assert_eq!(version, Some(rustls::ProtocolVersion::TLSv1_2), "the tunnel is capped at TLS 1.2");

    let (flights, bare) = messages(&to_client);
    assert_eq!(flights.len(), 2, "hello to hello-done, then the last: {flights:?}");
    assert!(flights[0].len() >= 3, "the long certificate takes several packets");
    assert_eq!(flights[1].len(), 1);
    assert_eq!(bare[0], 0x17, "application data travels bare");

    let (flights, bare) = messages(&to_server);
    assert_eq!(flights.len(), 2, "hello, then the rest: {flights:?}");
    assert_eq!(bare[0], 0x17, "application data travels bare");
}

#[tokio::test]
async fn a_line_that_carries_one_byte_at_a_time_changes_nothing() {
    let (to_server, to_client, _) = exchange(Carry { step: 1, ..PLAIN }).await;
    assert_eq!(messages(&to_client).0.len(), 2);
    assert_eq!(messages(&to_server).0.len(), 2);
}

#[tokio::test]
async fn a_client_takes_the_packet_type_of_older_servers() {
    exchange(Carry { old_types: true, ..PLAIN }).await;
}

#[tokio::test]
async fn a_failed_handshake_still_tells_the_client_why() {
    let (server_config, _) = long_chain();
    let stranger = Root::create("Stranger", Timestamp::from_millis(0)).unwrap();
    let (client, server, ..) = recorded_line(PLAIN);
    let only_13 = client_config(&stranger, &[&rustls::version::TLS13]);
    let (accepted, connected) =
        tokio::join!(wire::accept(server, server_config), wire::connect(client, only_13, name()));
    assert!(accepted.is_err());
    let error = connected.unwrap_err();
    let reason = error.get_ref().and_then(|e| e.downcast_ref::<rustls::Error>()).expect("a TLS error");
    assert!(matches!(reason, rustls::Error::AlertReceived(rustls::AlertDescription::ProtocolVersion)), "{reason:?}");
}

#[tokio::test]
async fn a_server_does_not_take_packets_of_another_type() {
    for first in [0x04, 0x01, 0x16, 0x00] {
        let (mut client, server) = tokio::io::duplex(1024);
        client.write_all(&[first, 1, 0, 9, 0, 0, 0, 0, 0x16]).await.unwrap();
        let error = wire::accept(server, long_chain().0).await.unwrap_err();
        assert_eq!(error.kind(), std::io::ErrorKind::InvalidData, "type {first:#x}");
    }
}

#[tokio::test]
async fn a_client_that_leaves_in_the_middle_of_a_packet_is_an_error_and_not_a_hang() {
    let (mut client, server) = tokio::io::duplex(1024);
    client.write_all(&[0x12, 1, 0, 200, 0, 0, 0, 0, 0x16, 3, 1]).await.unwrap();
    drop(client);
    let error = wire::accept(server, long_chain().0).await.unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::UnexpectedEof);
}

#[tokio::test]
async fn a_handshake_cannot_be_declared_over_inside_a_packet() {
    let (mut client, server) = tokio::io::duplex(1024);
    let mut tunnel = PreLoginTunnel::server(server);
    client.write_all(&[0x12, 1, 0, 10, 0, 0, 0, 0, 1, 2]).await.unwrap();
    let mut one = [0];
    tunnel.read_exact(&mut one).await.unwrap();
    assert!(tunnel.finish_handshake().is_err());
    tunnel.read_exact(&mut one).await.unwrap();
    tunnel.write_all(b"flight").await.unwrap();
    assert!(tunnel.finish_handshake().is_err());
    tunnel.flush().await.unwrap();
    tunnel.finish_handshake().unwrap();
    client.write_all(b"bare").await.unwrap();
    let mut bare = [0; 4];
    tunnel.read_exact(&mut bare).await.unwrap();
    assert_eq!(&bare, b"bare");
}

proptest::proptest! {
    #![proptest_config(proptest::test_runner::Config::with_cases(200))]

    /// Whatever comes, wrapped or not, the handshake ends with an error once the peer is gone.
    #[test]
    fn garbage_ends_a_handshake_and_never_hangs_it(
        packets in proptest::collection::vec((proptest::bool::ANY, proptest::collection::vec(proptest::num::u8::ANY, 0..300)), 0..6),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let config = short_chain();
            let (mut client, server) = tokio::io::duplex(64 * 1024);
            for (wrapped, payload) in &packets {
                if *wrapped {
                    let length = u16::try_from(payload.len() + 8).unwrap().to_be_bytes();
                    client.write_all(&[0x12, 1, length[0], length[1], 0, 0, 0, 0]).await.unwrap();
                }
                client.write_all(payload).await.unwrap();
            }
            client.shutdown().await.unwrap();
            assert!(wire::accept(server, config).await.is_err());
        });
    }
}

fn short_chain() -> Arc<ServerConfig> {
    static CONFIG: std::sync::OnceLock<Arc<ServerConfig>> = std::sync::OnceLock::new();
    Arc::clone(CONFIG.get_or_init(|| {
        let now = Timestamp::from_millis(1_795_000_000_000);
        let root = Root::create("Short", now).unwrap();
        let leaf = root.issue(&["sql.test".to_owned()], Duration::from_secs(60), now).unwrap();
        ServerConfigs::new(&Certificates::showing(leaf)).unwrap().tunnel
    }))
}
