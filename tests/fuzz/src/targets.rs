//! What each fuzz target does with its bytes: read them, and where that succeeds, write and read again and find the same.
//! The ordinary tests replay the kept corpus through these same functions.

use super::sniff::{ENOUGH, sniff as tell};
use super::tds::{
    self, AllHeaders, HEADER_LEN, Login7, PacketHeader, PreLogin, Reassembler, SmpHeader, TdsVersion,
    cursor::Reader,
    data::{Place, Rows, TypeInfo, Value},
    login7::OptionFlags3,
    request::{Rpc, SqlBatch, TransactionRequest},
};

/// What is done with some bytes; it panics if something is wrong.
type Target = fn(&[u8]);

/// Each target by its name, which is also that of its corpus.
#[rustfmt::skip]
pub const ALL: [(&str, Target); 9] = [
    ("packet", packet), ("prelogin", prelogin), ("login7", login7), ("tokens", tokens),
    ("smp", smp), ("all_headers", all_headers), ("requests", requests), ("values", values),
    ("sniff", sniff),
];

/// A stream of packets.
pub fn packet(mut data: &[u8]) {
    let mut reassembler = Reassembler::new(1 << 16);
    while let Ok(header) = PacketHeader::decode(data) {
        assert_eq!(PacketHeader::decode(&header.encode()), Ok(header));
        let Some((packet, rest)) = data.split_at_checked(header.length.into()) else { return };
        if reassembler.push(header, &packet[HEADER_LEN..]).is_err() {
            return;
        }
        data = rest;
    }
}

/// A PRELOGIN.
pub fn prelogin(data: &[u8]) {
    if let Ok(prelogin) = PreLogin::decode(data)
        && let Ok(again) = prelogin.encode()
    {
        assert_eq!(PreLogin::decode(&again), Ok(prelogin));
    }
}

/// A LOGIN7.
pub fn login7(data: &[u8]) {
    if let Ok(mut login) = Login7::decode(data)
        && let Ok(again) = login.encode()
    {
        login.options3.set(OptionFlags3::EXTENSION, !login.features.is_empty());
        assert_eq!(Login7::decode(&again), Ok(login));
    }
    let _ = tds::login7::FedAuth::decode(data);
}

/// A login response.
pub fn tokens(data: &[u8]) {
    for version in [TdsVersion::V7_1, TdsVersion::V7_4] {
        let mut walked = 0;
        for step in tds::token::walk(data, version).map_while(Result::ok) {
            walked += step.raw.len();
            let mut again = Vec::new();
            step.token.encode(version, &mut again);
            let token = tds::Token::decode(&mut Reader::new(&again), version);
            // Text with a surrogate on its own became longer or shorter; what is written is what is then read.
            assert!(token.is_ok(), "{:?}", step.token);
        }
        assert!(walked <= data.len());
    }
}

/// An SMP header.
pub fn smp(data: &[u8]) {
    if let Ok(header) = SmpHeader::decode(data) {
        assert_eq!(SmpHeader::decode(&header.encode()), Ok(header));
    }
}

/// The headers of a request.
pub fn all_headers(data: &[u8]) {
    if let Ok(headers) = AllHeaders::decode(&mut Reader::new(data)) {
        let mut again = Vec::new();
        headers.encode(&mut again);
        assert_eq!(AllHeaders::decode(&mut Reader::new(&again)), Ok(headers));
    }
}

/// A batch, a message of procedure calls, a request to the transaction manager.
pub fn requests(data: &[u8]) {
    for version in [TdsVersion::V7_1, TdsVersion::V7_4] {
        let _ = SqlBatch::decode(data, version);
        if let Ok(request) = TransactionRequest::decode(data, version) {
            let again = TransactionRequest::decode(&request.encode(version), version);
            assert!(again.is_ok());
        }
        if let Ok(rpc) = Rpc::decode(data, version)
            && let Ok(again) = rpc.encode(version)
        {
            assert_eq!(Rpc::decode(&again, version).map(|rpc| rpc.calls.len()), Ok(rpc.calls.len()));
        }
    }
}

/// A type and its value, and a message of rows.
pub fn values(data: &[u8]) {
    for place in [Place::Row, Place::Parameter] {
        let mut reader = Reader::new(data);
        while let Ok(kind) = TypeInfo::decode(&mut reader, place) {
            let Ok(value) = Value::decode(&mut reader, &kind, place) else { break };
            let mut again = Vec::new();
            if value.encode(&kind, place, &mut again).is_ok() {
                assert!(Value::decode(&mut Reader::new(&again), &kind, place).is_ok(), "{kind:?} {value:?}");
            }
        }
    }
    for version in [TdsVersion::V7_1, TdsVersion::V7_4] {
        Rows::new(data, version).for_each(drop);
    }
}

/// The first bytes of a connection, which come in parts.
pub fn sniff(data: &[u8]) {
    let whole = tell(data);
    assert!(whole.is_ok() || data.len() < ENOUGH);
    for cut in (0..data.len()).step_by(data.len() / 64 + 1) {
        if let Ok(kind) = tell(&data[..cut]) {
            assert_eq!(whole, Ok(kind), "{cut}");
        }
    }
}
