//! Connection strings that the drivers' own parsers read (`tests/lab/strings/check.py`): a file of them lies beside that
//! program, and is what is written today. `GATEHOUSE_TEST_REWRITE=1 cargo test --test it connection_strings` writes it anew.

use std::collections::BTreeMap;

use gatehouse::domain::Secret;
use gatehouse::workstation::connection::{Connection, Encryption, Trust};
use gatehouse::workstation::strings::Format;

/// Texts that have broken somebody's connection string.
const AWKWARD: [&str; 24] = [
    "plain",
    "ghp_0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefg",
    "semi;colon",
    "equals=sign",
    "brace{open",
    "brace}close",
    "{both}",
    "}}}{{{",
    "}",
    "{",
    "quote\"double",
    "quote'single",
    "\"'both'\"",
    "\"",
    " spaces at both ends ",
    "\ttab\t",
    "PWD=x;Encrypt=no;",
    "a};Encrypt=no;PWD={b",
    "a\";Encrypt=False;\"",
    "percent%41%zz+plus&and",
    "at@colon:slash/hash#question?",
    "back\\slash",
    "[bracket] (paren) ,comma! *star ?",
    "Grüße, 世界 😀",
];

fn vectors() -> Vec<Connection> {
    let plain = |at: usize| Connection {
        host: ["sql.example.com", "10.0.0.5", "2001:db8::1433"][at % 3].to_owned(),
        port: [1433, 443, 14330][at % 3],
        database: "crm".into(),
        user: "ada".into(),
        password: Some(Secret::new("kestrel ferry oxide 71")),
        encryption: [Encryption::Mandatory, Encryption::Strict][at % 2],
        trust: Trust {
            certificate_name: (at % 2 == 1).then(|| "gate.example.com".to_owned()),
            authority_pem: (at % 3 == 1)
                .then(|| "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n".to_owned()),
        },
    };
    let passwords =
        AWKWARD.iter().enumerate().map(|(at, text)| Connection { password: Some(Secret::new(*text)), ..plain(at) });
    let users = AWKWARD.iter().enumerate().map(|(at, text)| Connection { user: (*text).to_owned(), ..plain(at) });
    let databases =
        AWKWARD.iter().enumerate().map(|(at, text)| Connection { database: (*text).to_owned(), ..plain(at) });
    passwords.chain(users).chain(databases).collect()
}

#[test]
fn the_vectors_that_the_drivers_parsers_read_are_those_of_today() {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/lab/strings/vectors.json");
    let entry = |c: &Connection| {
        let strings = Format::ALL.map(|format| (format.as_str(), format.write(c).unwrap().expose().to_owned()));
        serde_json::json!({
            "host": c.host, "port": c.port, "database": c.database, "user": c.user, "password": c.password.as_ref().map(Secret::expose),
            "encryption": if c.encryption == Encryption::Strict { "strict" } else { "mandatory" },
            "certificate_name": c.trust.certificate_name, "authority_pem": c.trust.authority_pem,
            "strings": BTreeMap::from(strings),
        })
    };
    let all: Vec<_> = vectors().iter().map(entry).collect();
    let today = format!("{:#}\n", serde_json::Value::from(all));
    if std::env::var_os("GATEHOUSE_TEST_REWRITE").is_some() {
        std::fs::write(&path, &today).unwrap();
    }
    let kept = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(kept == today, "tests/lab/strings/vectors.json is of another day: GATEHOUSE_TEST_REWRITE=1 writes it");
}
