//! What passes between a workstation and its SQL Server: everything, at any size, both ways at once, and nothing else.

use std::time::Duration;

use gatehouse::tds::Login7;
use gatehouse::tds::prelogin::PreLogin;
use gatehouse::tds::token::walk;
use gatehouse::tds::{TdsVersion, Token};
use gatehouse::wire::PacketReader;

use crate::support::caller::{self, login, prelogin};
use crate::support::rig::{PASSWORD, Rig};

fn wish() -> Login7 {
    login("ada", PASSWORD, "sales")
}

#[tokio::test]
async fn requests_and_results_of_megabytes_pass_at_every_packet_size() {
    let rig = Rig::start().await;
    for packet_size in [512, 4096, 16_384, 32_767] {
        let mut caller = rig.call().await;
        caller.log_in(&Login7 { packet_size, ..wish() }).await.tokens();
        // A bulk load comes back as it was sent.
        let content: Vec<u8> = (0..1_500_000_u32).flat_map(u32::to_le_bytes).collect();
        let (mut read, write) = tokio::io::split(&mut caller.stream);
        let mut writer = gatehouse::wire::PacketWriter::new(write);
        writer.set_packet_size(usize::try_from(packet_size).unwrap());
        let mut reader = PacketReader::new(&mut read);
        reader.limit_packets(usize::try_from(packet_size).unwrap());
        let (sent, back) = tokio::join!(writer.write_message(7, 0, &content), reader.read_message(64 << 20));
        sent.unwrap();
        assert!(back.unwrap().unwrap().payload == content, "packets of {packet_size} bytes");
    }
}

#[tokio::test]
async fn the_bits_of_a_packets_header_pass_untouched() {
    let rig = Rig::start().await;
    let mut caller = rig.ada().await;
    for status in [0, 0x08, 0x10] {
        let header: Vec<u8> = "header".encode_utf16().flat_map(u16::to_le_bytes).collect();
        caller.send(1, status, &header).await;
        assert_eq!(caller.receive().await.unwrap().payload, [1, status | 1]);
    }
    // Packet by packet, byte for byte.
    let text: Vec<u8> = "raw".encode_utf16().flat_map(u16::to_le_bytes).collect();
    let packet = [&[1, 0x09, 0, 14, 0x12, 0x34, 77, 3][..], &text].concat();
    caller.write(&packet).await;
    assert_eq!(caller.receive().await.unwrap().payload, packet);
    for kind in [3, 14] {
        caller.send(kind, 0, &[7; 3000]).await;
        assert_eq!(caller.receive().await.unwrap().payload, [7; 3000]);
    }
}

#[tokio::test]
async fn an_attention_stops_a_response_that_would_never_end() {
    let rig = Rig::start().await;
    let mut caller = rig.ada().await;
    for quiet in [false, true] {
        caller.batch(if quiet { "quiet" } else { "flood" }).await;
        if !quiet {
            let mut reader = PacketReader::new(&mut caller.stream);
            for _ in 0..500 {
                assert_eq!(reader.next().await.unwrap().unwrap().status() & 1, 0);
            }
        }
        caller.send(6, 0, &[]).await;
        let message = caller.receive().await.unwrap();
        let end = &message.payload[message.payload.len() - 13..];
        let tokens: Vec<Token> = walk(end, TdsVersion::V7_4).map(|step| step.unwrap().token).collect();
        assert!(matches!(&tokens[..], [Token::Done(done)] if done.status.0 & 0x20 != 0), "{tokens:?}");
    }
    assert_eq!(caller.ask("rows 10").await.unwrap().len(), 10, "and the session goes on");
    assert_eq!(rig.gateway.registry().list()[0].traffic.batches, 3);
}

#[tokio::test]
async fn mars_frames_pass_both_ways_among_plain_packets() {
    let rig = Rig::start().await;
    let asked = PreLogin { mars: Some(true), ..prelogin() };
    let mut caller = caller::tunnel(rig.address, &rig.root_pem, &asked).await;
    caller.log_in(&wish()).await.tokens();
    let frame = |flags: u8, sid: u8, inside: &[u8]| {
        let length = u32::try_from(16 + inside.len()).unwrap().to_le_bytes();
        [&[0x53, flags, sid, 0][..], &length, &[1, 0, 0, 0, 4, 0, 0, 0], inside].concat()
    };
    assert_eq!(caller.ask("rows 10").await.unwrap().len(), 10);
    let batch = [&[1, 1, 0x0F, 0xA0, 0, 0, 1, 0][..], &[5; 3992]].concat();
    for sid in 0..20 {
        caller.write(&frame(8, sid, &batch)).await;
    }
    let mut reader = PacketReader::new(&mut caller.stream);
    reader.allow_smp();
    for sid in 0..20 {
        let mut expected = frame(8, sid, &batch);
        expected[16] = 4;
        assert_eq!(reader.next().await.unwrap().unwrap().bytes(), expected);
    }
    assert_eq!(rig.gateway.registry().list()[0].traffic.batches, 21);
}

#[tokio::test]
async fn a_workstation_that_does_not_read_holds_up_its_server_and_nobody_else() {
    let rig = Rig::start().await;
    let mut lazy = rig.ada().await;
    lazy.batch("flood").await;
    let passed = || rig.gateway.registry().list().iter().map(|session| session.traffic.bytes_down).max().unwrap();
    let mut before = u64::MAX;
    // Until nothing moves any more: what the kernel's buffers and the relay's hold is on the way, and that is all.
    while passed() != before {
        before = passed();
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    assert!(before < 64 << 20, "{before} bytes were taken for a client that reads none");
    let mut other = rig.ada().await;
    assert_eq!(other.ask("rows 1000000").await.unwrap().len(), 1_000_000);
    // Its own Attention still passes, and then it reads on.
    lazy.send(6, 0, &[]).await;
    assert!(lazy.receive().await.unwrap().payload.len() as u64 > before / 2);
    assert_eq!(lazy.ask("rows 10").await.unwrap().len(), 10);
}

#[tokio::test]
async fn a_workstation_that_leaves_takes_its_server_session_with_it() {
    let rig = Rig::start().await;
    for work in ["flood", "quiet", ""] {
        let mut caller = rig.ada().await;
        assert_eq!(rig.peer.live(), 1);
        if !work.is_empty() {
            caller.batch(work).await;
        }
        drop(caller);
        rig.until("the server's session is gone", |rig| rig.peer.live() == 0).await;
        rig.until("the session is gone", |rig| rig.gateway.registry().count() == 0).await;
    }
    let ends = rig.audited("session.end");
    assert_eq!(ends.len(), 3);
    assert!(ends[0].to_string().contains("closed by the workstation"), "{}", ends[0]);
}

#[tokio::test]
async fn a_server_that_goes_away_between_two_messages_is_reported_in_words() {
    let rig = Rig::start().await;
    let mut caller = rig.ada().await;
    caller.batch("close").await;
    let error = caller.answer().await.error();
    assert_eq!(error.class, 20);
    assert!(error.message.contains("SQL Server closed"), "{}", error.message);
    assert!(caller.is_closed().await);
}

#[tokio::test]
async fn a_server_that_goes_away_in_the_middle_of_a_message_is_an_end_and_no_false_row() {
    let rig = Rig::start().await;
    let mut caller = rig.ada().await;
    caller.batch("half").await;
    let mut reader = PacketReader::new(&mut caller.stream);
    assert_eq!(reader.next().await.unwrap().unwrap().bytes().len(), 108);
    assert!(!matches!(reader.next().await, Ok(Some(_))), "nothing is made up");
}

#[tokio::test]
async fn either_side_that_breaks_the_protocol_ends_the_session_on_its_account() {
    let rig = Rig::start().await;
    let mut caller = rig.ada().await;
    caller.batch("garbage").await;
    assert!(caller.answer().await.error().message.contains("SQL Server sent"));
    let mut caller = rig.ada().await;
    caller.write(b"GET / HTTP/1.1\r\n\r\n").await;
    assert!(caller.answer().await.error().message.contains("driver sent"));
    // A second login in the middle of a session would go on under nobody's name.
    let mut caller = rig.ada().await;
    caller.send(0x10, 0, &wish().encode().unwrap()).await;
    assert!(caller.answer().await.error().message.contains("driver sent"));
    rig.until("all are gone", |rig| rig.peer.live() == 0 && rig.gateway.registry().count() == 0).await;
    let sides: Vec<String> = rig.audited("session.end").iter().map(|line| line["side"].to_string()).collect();
    assert_eq!(sides, ["\"sql-server\"", "\"workstation\"", "\"workstation\""]);
}
