//! The sniffer over real ClientHellos, cut and fragmented in every way, and over noise.

use proptest::prelude::*;

use super::*;
use hello::client_hello;

#[path = "../../tests/it/support/hello.rs"]
mod hello;

/// The same message in records of these sizes; the last one takes the rest.
fn fragmented(hello: &[u8], sizes: &[usize]) -> Vec<u8> {
    let mut rest = &hello[HEADER..];
    let mut bytes = Vec::new();
    let mut sizes = sizes.iter();
    while !rest.is_empty() {
        let size = sizes.next().copied().unwrap_or(rest.len()).clamp(1, rest.len());
        let (part, left) = rest.split_at(size);
        bytes.extend([HANDSHAKE, 3, 1]);
        bytes.extend(u16::try_from(size).unwrap().to_be_bytes());
        bytes.extend(part);
        rest = left;
    }
    bytes
}

#[test]
fn the_first_bytes_tell_what_it_is() {
    assert_eq!(sniff(&[0x12]), Ok(Kind::Tds));
    assert_eq!(sniff(&[0x16, 3, 1]), Err(Incomplete));
    assert_eq!(sniff(b"GET / HTTP/1.1"), Ok(Kind::Http));
    assert_eq!(sniff(b"OPTIONS "), Ok(Kind::Http));
    assert_eq!(sniff(b"OPTION"), Err(Incomplete));
    assert_eq!(sniff(b"get /"), Ok(Kind::Unknown));
    assert_eq!(sniff(b"SSH-2.0-"), Ok(Kind::Unknown));
    assert_eq!(sniff(&[]), Err(Incomplete));
}

#[test]
fn what_a_client_offers_to_speak_inside_tells_what_it_is() {
    let cases: [(&[&[u8]], Kind); 10] = [
        (&[], Kind::TlsBare),
        (&[b"tds/8.0"], Kind::Strict),
        (&[b"h2", b"http/1.1"], Kind::Https),
        (&[b"http/1.1"], Kind::Https),
        (&[b"h2"], Kind::Https),
        (&[b"acme-tls/1"], Kind::AcmeTls),
        (&[b"acme-tls/1", b"h2"], Kind::Https),
        (&[b"http/1.1", b"tds/8.0"], Kind::Strict),
        (&[b"smb"], Kind::TlsBare),
        (&[b"acme-tls/1", b"imap"], Kind::TlsBare),
    ];
    for (protocols, kind) in cases {
        assert_eq!(sniff(&client_hello(protocols)), Ok(kind), "{protocols:?}");
    }
}

#[test]
fn a_client_that_is_too_old_for_us_is_told_so_by_tls() {
    // TLS 1.0: one suite, no compression, no extensions.
    let body = [&[1, 0, 0, 41, 3, 1][..], &[7; 32], &[0, 0, 2, 0, 0x2F, 1, 0]].concat();
    let hello = [&[0x16, 3, 1, 0, 45][..], &body].concat();
    assert_eq!(sniff(&hello), Ok(Kind::TlsBare));
}

#[test]
fn what_only_looks_like_tls_is_closed_as_soon_as_that_shows() {
    let strange: [&[u8]; 5] = [
        &[0x16, 2, 0, 0, 10],
        &[0x16, 3, 1, 0, 0],
        &[0x16, 3, 1, 0x40, 1],
        // A ServerHello; a ClientHello that is empty.
        &[0x16, 3, 1, 0, 4, 2, 0, 0, 0],
        &[0x16, 3, 1, 0, 4, 1, 0, 0, 0],
    ];
    for bytes in strange {
        assert_eq!(sniff(bytes), Ok(Kind::Unknown), "{bytes:?}");
    }
    // A message that no record limit would ever end.
    let endless = [0x16, 3, 1, 0, 4, 1, 0xFF, 0xFF, 0xFF].repeat(2000);
    assert_eq!(sniff(&endless[..ENOUGH - 1]), Err(Incomplete));
    assert_eq!(sniff(&endless), Ok(Kind::Unknown));
}

fn protocols() -> impl Strategy<Value = Vec<&'static [u8]>> {
    let known: [&[u8]; 5] = [b"h2", b"http/1.1", b"tds/8.0", b"acme-tls/1", b"imap"];
    proptest::collection::vec(proptest::sample::select(known.to_vec()), 0..4)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn every_part_of_a_client_hello_is_incomplete_and_the_whole_is_told_whatever_follows(
        protocols in protocols(),
        sizes in proptest::collection::vec(1usize..300, 0..40),
        more in proptest::collection::vec(any::<u8>(), 0..600),
    ) {
        let whole = client_hello(&protocols);
        let kind = sniff(&whole).unwrap();
        let bytes = fragmented(&whole, &sizes);
        for cut in 0..bytes.len() {
            prop_assert_eq!(sniff(&bytes[..cut]), Err(Incomplete), "{} of {}", cut, bytes.len());
        }
        prop_assert_eq!(sniff(&bytes), Ok(kind));
        prop_assert_eq!(sniff(&[&bytes[..], &more].concat()), Ok(kind));
    }

    #[test]
    fn a_damaged_client_hello_is_told_at_its_end_at_the_latest(
        protocols in protocols(),
        damage in proptest::collection::vec((HEADER + 4..200usize, any::<u8>()), 1..4),
    ) {
        let mut bytes = client_hello(&protocols);
        for (at, byte) in damage {
            bytes[at] = byte;
        }
        prop_assert!(sniff(&bytes).is_ok());
    }
}

proptest! {
    #[test]
    fn enough_bytes_always_decide(
        start in prop_oneof![Just(vec![]), Just(vec![0x16, 3, 1]), Just(vec![0x16, 3, 3, 0x40, 0, 1, 0, 0x3F, 0xFC])],
        noise in proptest::collection::vec(any::<u8>(), ENOUGH..ENOUGH + 40),
    ) {
        prop_assert!(sniff(&[start, noise].concat()).is_ok());
    }

    #[test]
    fn more_bytes_never_change_a_decision(
        start in prop_oneof![
            proptest::sample::select(METHODS).prop_map(<[u8]>::to_vec),
            proptest::collection::vec(any::<u8>(), 0..10),
            proptest::collection::vec(any::<u8>(), 0..60).prop_map(|rest| [&[0x16, 3, 1, 0][..], &rest].concat()),
        ],
        more: Vec<u8>,
        cut in 0usize..64,
    ) {
        let start = &start[..cut.min(start.len())];
        if let Ok(kind) = sniff(start) {
            prop_assert_eq!(sniff(&[start, &more].concat()), Ok(kind));
        }
    }
}
