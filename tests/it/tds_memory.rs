//! What decoding may cost: the most memory held at any moment, as a multiple of the bytes that were read.
//!
//! The inputs are the worst that could be thought of for each decoder: structures as small as they come, lengths that
//! promise gigabytes, fields that all name the same bytes.

use allocation_counter::measure;
use gatehouse::tds::{
    AllHeaders, Login7, PreLogin, Reassembler, TdsVersion,
    cursor::{Put as _, Reader},
    data::{Place, Rows, TypeInfo, Value},
    login7::{Feature, FeatureId},
    packet::{PacketHeader, PacketType, Status},
    request::{Rpc, SqlBatch, TransactionRequest},
    token::walk,
};

/// Fails if reading `input` ever holds more than `times` its length and 1,024 bytes besides.
fn costs_at_most<T>(times: u64, input: &[u8], decode: impl FnOnce(&[u8]) -> T) {
    let mut decoded = None;
    let most = measure(|| decoded = Some(decode(input))).bytes_max;
    let allowed = times * input.len() as u64 + 1024;
    assert!(most <= allowed, "{most} bytes for an input of {}: more than {allowed}", input.len());
}

/// Repeats a piece until it fills 64 KiB.
fn many(piece: &[u8]) -> Vec<u8> {
    piece.repeat((1 << 16) / piece.len())
}

#[test]
fn a_prelogin_costs_at_most_32_times_its_bytes() {
    let decode = |input: &[u8]| PreLogin::decode(input).is_ok();
    // Options without data, and options that all name the whole message.
    let mut empty = vec![0, 0, 0, 0, 6];
    (0x10..0xFF).for_each(|option| empty.extend([option, 0, 0, 0, 0]));
    empty.push(0xFF);
    assert!(decode(&empty));
    costs_at_most(32, &empty, PreLogin::decode);
    let mut whole = vec![0, 0, 0, 0, 6];
    (0x10..0xFF).for_each(|option| whole.extend([option, 0, 0, 4, 0]));
    whole.push(0xFF);
    costs_at_most(32, &whole, PreLogin::decode);
}

#[test]
fn a_login_costs_at_most_64_times_its_bytes() {
    // All texts name the same bytes.
    let mut shared = Login7 { database: "x".repeat(15_000), ..Login7::default() }.encode().unwrap();
    let database: [u8; 4] = shared[68..72].try_into().unwrap();
    for field in [36, 40, 44, 48, 52, 60, 64, 82, 86] {
        shared[field..field + 4].copy_from_slice(&database);
    }
    assert!(Login7::decode(&shared).is_ok());
    costs_at_most(64, &shared, Login7::decode);
    // Features without data, and one that promises four gigabytes.
    let with = |count| {
        let features = vec![Feature { id: FeatureId(1), data: vec![] }; count];
        Login7 { features, ..Login7::default() }.encode().unwrap()
    };
    costs_at_most(64, &with(9000), Login7::decode);
    let mut promise = with(1);
    let length = promise.len();
    promise[length - 5..length - 1].fill(0xFF);
    costs_at_most(64, &promise, Login7::decode);
}

#[test]
fn tokens_cost_at_most_128_times_their_bytes_even_if_all_are_kept() {
    let inputs = [
        many(&[0xA4, 0, 0]),                                      // empty unknown tokens
        many(&[0xAE, 0xFF]),                                      // empty lists of features
        many(&[0xE3, 3, 0, 1, 0, 0]),                             // empty changes
        many(&[0x79, 0, 0, 0, 0]),                                // return values
        [&[0xAE][..], &many(&[1, 0, 0, 0, 0]), &[0xFF]].concat(), // one long list of empty features
        vec![0xEE, 0xFF, 0xFF, 0xFF, 0xFF, 0, 0, 0],              // promises
        vec![0xE4, 0xFF, 0xFF, 0xFF, 0xFF, 0, 0, 0],
        [&[0xEE, 20, 0, 0, 0, 0xFF, 0xFF, 0xFF, 0xFF][..], &[0; 16]].concat(),
    ];
    for input in inputs {
        for version in [TdsVersion::V7_1, TdsVersion::V7_4] {
            costs_at_most(128, &input, |input| {
                walk(input, version).map_while(Result::ok).map(|step| step.token).collect::<Vec<_>>()
            });
        }
    }
}

#[test]
fn headers_cost_at_most_32_times_their_bytes() {
    let mut empty = many(&[6, 0, 0, 0, 9, 0]);
    let length = empty.len() as u32 + 4;
    empty.splice(0..0, length.to_le_bytes());
    costs_at_most(32, &empty, |input| AllHeaders::decode(&mut Reader::new(input)));
    costs_at_most(32, &[0xFF; 40], |input| AllHeaders::decode(&mut Reader::new(input)));
}

#[test]
fn requests_cost_at_most_256_times_their_bytes() {
    let old = TdsVersion::V7_1;
    let call = [0xFF, 0xFF, 10, 0, 0, 0];
    let inputs = [
        many(&[&call[..], &[0x80]].concat()),             // calls without parameters
        [&call[..], &[0, 0, 0x1F].repeat(2100)].concat(), // parameters without values
        many(&[&call[..], &[0, 0, 0x1F].repeat(2000), &[0x80]].concat()),
        [&call[..], &[0, 0, 0xE7, 0xFF, 0xFF, 0, 0, 0, 0, 0], &[0xFE; 12]].concat(), // a long value that promises
        [&call[..], &[0, 0, 0x63], &[0xFF; 4], &[0; 5], &[0xFE, 0xFF, 0xFF, 0xFF]].concat(),
        table(&[0x26, 1], &[0]), // a table of NULLs
        table(&[0xA5, 0xFF, 0xFF], &[0xFF; 8]),
    ];
    for input in inputs {
        costs_at_most(256, &input, |input| Rpc::decode(input, old));
        costs_at_most(256, &input, |input| TransactionRequest::decode(input, old));
        costs_at_most(4, &input, |input| SqlBatch::decode(input, old));
    }
}

/// A call with a table of one column of this type and as many rows of this value as fit.
fn table(kind: &[u8], value: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0xFF, 0xFF, 10, 0, 0, 0, 0, 0, 0xF3, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0];
    bytes.put(kind);
    bytes.put(&[0, 0]);
    bytes.put(&many(&[&[1], value].concat()));
    bytes.put_u8(0);
    bytes
}

#[test]
fn a_row_costs_at_most_256_times_the_columns_and_its_bytes() {
    // The smallest columns there are, and rows in which all is NULL.
    let columns = 5000u16;
    let mut input = vec![0x81];
    input.put_u16(columns);
    input.put(&[0, 0, 0, 0, 0, 0, 0x1F, 0].repeat(columns.into()));
    input.put(&[0xD1; 100]);
    costs_at_most(256, &input, |input| Rows::new(input, TdsVersion::V7_4).for_each(|row| assert!(row.is_ok())));
    // Columns that are promised and not there.
    costs_at_most(256, &[0x81, 0xFE, 0xFF, 0, 0], |input| Rows::new(input, TdsVersion::V7_4).count());
    costs_at_most(256, &[0xA5, 0xFF, 0xFF, 8, 0, 0, 0, 0, 0, 0, 0x7F, 0xFF, 0xFF, 0xFF, 0x7F], |input| {
        let mut reader = Reader::new(input);
        let kind = TypeInfo::decode(&mut reader, Place::Row).unwrap();
        Value::decode(&mut reader, &kind, Place::Row)
    });
}

#[test]
fn a_message_costs_at_most_twice_its_limit() {
    let limit = 1 << 16;
    let header = PacketHeader {
        kind: PacketType::SqlBatch,
        status: Status::NORMAL,
        length: 4096,
        spid: 0,
        packet_id: 0,
        window: 0,
    };
    let payload = [0; 4088];
    costs_at_most(2, &vec![0; limit], |_| {
        let mut reassembler = Reassembler::new(limit);
        while reassembler.push(header, &payload).is_ok() {}
        reassembler
    });
}
