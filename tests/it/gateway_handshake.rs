//! PRELOGIN and TLS at the gateway, byte by byte where drivers are touchy, and what is no driver at all.

use std::time::Duration;

use gatehouse::config;
use gatehouse::tds::prelogin::{Encryption, PreLogin};
use gatehouse::tds::token::walk;
use gatehouse::tds::{TdsVersion, Token};
use gatehouse::wire::PacketReader;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::support::caller::{self, ack, greet, login, prelogin};
use crate::support::rig::{PASSWORD, Rig};

#[tokio::test]
async fn a_driver_of_tds_7_signs_in_through_the_tunnel_and_works() {
    let rig = Rig::start().await;
    let mut caller = rig.call().await;
    assert_eq!(caller.answered.encryption, Some(Encryption::On));
    assert_eq!(caller.answered.instance, Some(vec![0]));
    let tokens = caller.log_in(&login("ada", PASSWORD, "sales")).await.tokens();
    assert_eq!(ack(&tokens).tds_version, TdsVersion::V7_4);
    assert_eq!(caller.ask("rows 100000").await.unwrap().len(), 100_000);
}

#[tokio::test]
async fn a_driver_of_tds_8_signs_in_and_hears_the_version_that_it_asked_for() {
    let rig = Rig::start().await;
    for version in [TdsVersion::V8_0, TdsVersion::V7_4] {
        let asked = PreLogin { encryption: Some(Encryption::NotSupported), ..prelogin() };
        let mut caller = caller::strict(rig.address, &rig.root_pem, &asked).await;
        assert_eq!(caller.answered.encryption, Some(Encryption::NotSupported));
        let wish = gatehouse::tds::Login7 { tds_version: version, ..login("ada", PASSWORD, "sales") };
        let tokens = caller.log_in(&wish).await.tokens();
        assert_eq!(ack(&tokens).tds_version, version);
        assert_eq!(rig.peer.last_login().tds_version, TdsVersion::V7_4, "the way to the server is TDS 7.x");
        assert_eq!(caller.ask("rows 10").await.unwrap().len(), 10);
    }
}

#[tokio::test]
async fn a_server_that_speaks_tds_8_is_spoken_to_so() {
    let (rig, _clock) = Rig::with_manual_clock(config::Gateway::default()).await;
    rig.peer.set(|manners| manners.strict = true);
    let mut caller = rig.ada().await;
    assert_eq!(caller.ask("rows 10").await.unwrap().len(), 10);
    let opened = rig.audited("session.open");
    assert!(opened[0].to_string().contains("8.0"), "{opened:?}");
}

#[tokio::test]
async fn each_kind_of_encryption_asked_for_is_answered_with_full_encryption() {
    let rig = Rig::start().await;
    for (asked, told) in [
        (Encryption::Off, Encryption::Required),
        (Encryption::On, Encryption::On),
        (Encryption::Required, Encryption::On),
        (Encryption::NotSupported, Encryption::Required),
    ] {
        let mut tcp = TcpStream::connect(rig.address).await.unwrap();
        let answer = greet(&mut tcp, &PreLogin { encryption: Some(asked), ..prelogin() }).await;
        assert_eq!(answer.encryption, Some(told));
    }
}

#[tokio::test]
async fn a_login_in_clear_is_not_looked_at_and_gets_a_text_about_encryption() {
    // A name that no hash or id in hexadecimal can contain by chance.
    let wish = login("zuzy", PASSWORD, "sales").encode().unwrap();
    for greeted in [true, false] {
        let rig = Rig::start().await;
        let mut tcp = TcpStream::connect(rig.address).await.unwrap();
        if greeted {
            greet(&mut tcp, &PreLogin { encryption: Some(Encryption::NotSupported), ..prelogin() }).await;
        }
        gatehouse::wire::PacketWriter::new(&mut tcp).write_message(0x10, 0, &wish).await.unwrap();
        let message = PacketReader::new(&mut tcp).read_message(4096).await.unwrap().unwrap();
        let tokens: Vec<Token> = walk(&message.payload, TdsVersion::V7_4).map(|step| step.unwrap().token).collect();
        let [Token::Error(error), Token::Done(_)] = &tokens[..] else { panic!("{tokens:?}") };
        assert!(error.message.contains("not encrypted"), "{}", error.message);
        assert_eq!(tcp.read(&mut [0; 1]).await.unwrap(), 0, "and an end in order");
        assert_eq!(rig.peer.accepted(), 0);
        rig.until("it is in the audit", |rig| rig.audited("session.refused").len() == 1).await;
        assert!(!rig.audited("session.refused")[0].to_string().contains("zuzy"), "nothing of the login was read");
    }
}

#[tokio::test]
async fn what_is_not_tds_is_closed_without_a_word() {
    let rig = Rig::start().await;
    let not_tds: [&[u8]; 5] = [
        b"GET / HTTP/1.1\r\n\r\n",
        b"\x00",
        // A PRELOGIN whose version does not come first, one that lies about its length, one that is not TDS inside.
        &[0x12, 1, 0, 20, 0, 0, 1, 0, 1, 0, 6, 0, 1, 0xFF, 0, 0, 0, 0, 0, 0],
        &[0x12, 1, 0, 4, 0, 0, 1, 0],
        &[0x12, 1, 0xFF, 0xFF, 0, 0, 1, 0],
    ];
    for bytes in not_tds {
        let mut tcp = TcpStream::connect(rig.address).await.unwrap();
        tcp.write_all(bytes).await.unwrap();
        let mut answer = Vec::new();
        // A reset is an end, too.
        let _ = tcp.read_to_end(&mut answer).await;
        assert_eq!(answer, b"", "{bytes:?}");
    }
    // TLS that fails gets its alert, and no more.
    let mut tcp = TcpStream::connect(rig.address).await.unwrap();
    tcp.write_all(&[0x16, 3, 1, 0, 5, 1, 0, 0, 1, 0]).await.unwrap();
    let mut answer = Vec::new();
    let _ = tcp.read_to_end(&mut answer).await;
    assert!(answer.first().is_none_or(|first| *first == 0x15), "{answer:?}");
    rig.ada().await;
}

#[tokio::test]
async fn whoever_says_nothing_or_too_little_is_dropped_when_its_time_is_over() {
    let settings = config::Gateway::default();
    let (prelogin_timeout, login_timeout) = (settings.prelogin_timeout, settings.login_timeout);
    let (rig, clock) = Rig::with_manual_clock(settings).await;

    let mut silent = TcpStream::connect(rig.address).await.unwrap();
    let mut slow = TcpStream::connect(rig.address).await.unwrap();
    slow.write_all(&[0x12, 1, 0, 50]).await.unwrap();
    // Greeted, but half a login: the other limit.
    let mut late = rig.call().await;
    late.write(&[0x10, 0, 0x10, 0, 0, 0, 1, 0]).await;
    late.write(&[0x44; 100]).await;
    tokio::time::sleep(Duration::from_millis(50)).await;

    clock.advance(prelogin_timeout);
    for tcp in [&mut silent, &mut slow] {
        assert!(!matches!(tcp.read(&mut [0; 1]).await, Ok(1)));
    }
    clock.advance(login_timeout);
    assert!(late.is_closed().await);
    assert!(rig.gateway.registry().list().is_empty());
}
