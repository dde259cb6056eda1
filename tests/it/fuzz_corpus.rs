//! The fuzzers' kept corpus, replayed on every run of the tests, with the memory that each input may cost.

use gatehouse::door::sniff;
use gatehouse::tds::{
    self, Login7, PreLogin, TdsVersion,
    cursor::Reader,
    data::{Place, RowItem, Rows, TypeInfo, Value},
    request::{Rpc, SqlBatch, TransactionRequest},
};
use proptest::prelude::*;
use std::path::{Path, PathBuf};

#[path = "../fuzz/src/targets.rs"]
mod targets;

/// The drivers whose messages were recorded against a server that answers as little as it must.
const DRIVERS: [&str; 5] = ["freetds", "freetds71", "odbc18", "python-tds", "tedious"];

fn fuzz() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fuzz")
}

/// The inputs kept for a target, with their names.
fn kept(target: &str) -> Vec<(String, Vec<u8>)> {
    let files = std::fs::read_dir(fuzz().join("corpus").join(target)).unwrap();
    let mut inputs: Vec<_> = files
        .map(|file| file.unwrap())
        .map(|file| (file.file_name().into_string().unwrap(), std::fs::read(file.path()).unwrap()))
        .collect();
    inputs.sort();
    inputs
}

#[test]
fn every_kept_input_passes_its_target() {
    for (name, target) in targets::ALL {
        let inputs = kept(name);
        assert!(!inputs.is_empty(), "no corpus for {name}");
        inputs.iter().for_each(|(_, input)| target(input));
    }
}

#[test]
fn the_logins_that_drivers_sent_are_written_again_byte_for_byte() {
    let logins = kept("login7");
    assert_eq!(logins.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(), DRIVERS);
    for (name, bytes) in logins {
        let login = Login7::decode(&bytes).unwrap();
        assert_eq!((login.user_name.as_str(), login.password.expose()), ("anna", "secret pass"), "{name}");
        assert_eq!(login.database, "sales", "{name}");
        let version = if name == "freetds71" { TdsVersion::V7_1 } else { TdsVersion::V7_4 };
        assert_eq!(login.tds_version, version, "{name}");
        assert_eq!(without_idle_offsets(login.encode().unwrap()), without_idle_offsets(bytes), "{name}");
    }
}

/// A login with zero for the offset of each text that is empty: the drivers differ in what they write there.
fn without_idle_offsets(mut login: Vec<u8>) -> Vec<u8> {
    for field in (36..72).step_by(4).chain([78, 82, 86]) {
        if login[field + 2..field + 4] == [0, 0] {
            login[field..field + 2].fill(0);
        }
    }
    login
}

#[test]
fn the_prelogins_that_drivers_sent_are_written_again_byte_for_byte() {
    for (name, bytes) in kept("prelogin") {
        let prelogin = PreLogin::decode(&bytes).unwrap();
        assert!(DRIVERS.contains(&name.as_str()) && prelogin.encryption.is_some(), "{name}");
        assert_eq!(prelogin.encode().unwrap(), bytes, "{name}");
    }
}

#[test]
fn the_requests_that_drivers_sent_are_read() {
    let mut texts = Vec::new();
    for (name, bytes) in kept("requests") {
        let version = if name.starts_with("freetds71") { TdsVersion::V7_1 } else { TdsVersion::V7_4 };
        match &name[name.len() - 2..] {
            "01" => texts.push(SqlBatch::decode(&bytes, version).unwrap().text),
            "03" => {
                let rpc = Rpc::decode(&bytes, version).unwrap();
                let parameters = rpc.calls.iter().flat_map(|call| &call.parameters);
                texts.extend(parameters.filter_map(|parameter| match &parameter.value {
                    Value::Text(text) => Some(text.clone()),
                    _ => None,
                }));
            }
            _ => assert!(TransactionRequest::decode(&bytes, version).is_ok(), "{name}"),
        }
    }
    for expected in ["select 1", "select @P1, @P2", "select @a,@b,@c", "zwei"] {
        assert!(texts.iter().any(|text| text.trim() == expected), "{expected}: {texts:?}");
    }
}

#[test]
fn the_kept_types_and_rows_are_read_to_their_end() {
    for (name, bytes) in kept("values") {
        if name == "bulk-load" || name == "result" {
            let items: Vec<RowItem> = Rows::new(&bytes, TdsVersion::V7_4).map(|item| item.unwrap()).collect();
            assert!(items.iter().any(|item| matches!(item, RowItem::Row(row) if row.len() == 4)), "{name}");
            continue;
        }
        let place = if name == "ntext-row" { Place::Row } else { Place::Parameter };
        let mut reader = Reader::new(&bytes);
        let kind = TypeInfo::decode(&mut reader, place).unwrap();
        let value = Value::decode(&mut reader, &kind, place).unwrap();
        assert!(reader.is_empty() && value != Value::Null, "{name}: {value:?}");
    }
}

#[test]
fn every_target_has_its_program() {
    let fuzz = fuzz();
    let manifest = std::fs::read_to_string(fuzz.join("Cargo.toml")).unwrap();
    for (name, _) in targets::ALL {
        assert!(fuzz.join(format!("fuzz_targets/{name}.rs")).exists(), "{name}");
        assert!(manifest.contains(&format!("fuzz_targets/{name}.rs")), "{name}");
    }
}

proptest! {
    #[test]
    fn arbitrary_bytes_pass_every_target(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        targets::ALL.iter().for_each(|(_, target)| target(&bytes));
    }
}

#[test]
fn the_first_bytes_of_real_programs_are_told_apart() {
    use sniff::Kind;
    let told: Vec<_> = kept("sniff").into_iter().map(|(name, bytes)| (name, sniff::sniff(&bytes).unwrap())).collect();
    let expected = [
        ("curl-h2", Kind::Https),
        ("curl-http", Kind::Http),
        ("odbc18-prelogin", Kind::Tds),
        ("openssl-acme", Kind::AcmeTls),
        ("openssl-bare", Kind::TlsBare),
        ("openssl-strict", Kind::Strict),
        ("openssl-tls12", Kind::TlsBare),
        ("strict-in-many-records", Kind::Strict),
    ];
    assert_eq!(told, expected.map(|(name, kind)| (name.to_owned(), kind)));
}
