//! Each format is read back by a parser that was written after the format's published rules and shares nothing with what is
//! tested. What the drivers' own parsers make of them is tested in `tests/lab/strings`.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::workstation::connection::{Encryption, Trust};

type Pairs = BTreeMap<String, String>;

/// A cursor over characters.
struct Reader<'a>(std::iter::Peekable<std::str::Chars<'a>>);

impl<'a> Reader<'a> {
    fn of(text: &'a str) -> Self {
        Self(text.chars().peekable())
    }

    fn until(&mut self, end: char) -> Option<String> {
        let mut text = String::new();
        loop {
            match self.0.next() {
                Some(c) if c == end => return Some(text),
                Some(c) => text.push(c),
                None => return None,
            }
        }
    }

    /// What is enclosed, up to `close`; doubled, it stands for itself.
    fn enclosed(&mut self, close: char) -> String {
        let mut text = String::new();
        loop {
            let c = self.0.next().expect("a closed value");
            if c == close && self.0.next_if_eq(&close).is_none() {
                return text;
            }
            text.push(c);
        }
    }

    fn spaces(&mut self) {
        while self.0.next_if(|c| c.is_whitespace()).is_some() {}
    }

    /// `keyword=value;` to the end, where `quotes` tells what closes a value that begins with a character.
    fn pairs(&mut self, quotes: impl Fn(char) -> Option<char>) -> Pairs {
        let mut pairs = Pairs::new();
        while let Some(keyword) = self.until('=') {
            self.spaces();
            let value = match self.0.peek().and_then(|c| quotes(*c)) {
                Some(close) => {
                    self.0.next();
                    let value = self.enclosed(close);
                    self.spaces();
                    assert_eq!(self.0.next(), Some(';'), "nothing stands between a closed value and its end");
                    value
                }
                None => self.until(';').expect("an end").trim().to_owned(),
            };
            assert!(pairs.insert(keyword.trim().to_lowercase(), value).is_none(), "{keyword} stands once");
        }
        pairs
    }
}

/// ADO.NET (DbConnectionStringBuilder) and OLE DB: single or double quotes.
fn ado(text: &str) -> Pairs {
    Reader::of(text).pairs(|c| matches!(c, '"' | '\'').then_some(c))
}

/// [MS-ODBCSTR]: braces.
fn odbc(text: &str) -> Pairs {
    Reader::of(text).pairs(|c| (c == '{').then_some('}'))
}

/// The JDBC driver: an address, then pairs with braces.
fn jdbc(text: &str) -> Pairs {
    let rest = text.strip_prefix("jdbc:sqlserver://").expect("its subprotocol");
    let (place, pairs) = rest.split_once(';').expect("an end");
    let mut pairs = Reader::of(pairs).pairs(|c| (c == '{').then_some('}'));
    if let Some((host, port)) = place.split_once(':') {
        pairs.insert("servername".into(), host.into());
        pairs.insert("portnumber".into(), port.into());
    }
    pairs
}

/// RFC 3986.
fn percent_decoded(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        assert!(byte.is_ascii_graphic() && !b"&+#;=?/".contains(&byte), "a byte with a meaning of its own");
        bytes.push(match byte {
            b'%' => {
                let digits = [rest.next().expect("a digit"), rest.next().expect("a digit")];
                u8::from_str_radix(std::str::from_utf8(&digits).unwrap(), 16).unwrap()
            }
            other => other,
        });
    }
    String::from_utf8(bytes).unwrap()
}

fn written(format: Format, connection: &Connection) -> String {
    format.write(connection).unwrap().expose().to_owned()
}

/// Characters that mean something somewhere, and any other but the one that no format carries.
fn text() -> impl Strategy<Value = String> {
    let special = proptest::sample::select(
        r#"{}[]()"'`;=\/%&+#@:?,.!*|~^$ <>-_"#.chars().chain("\t\n\r\u{a0}é😀A0".chars()).collect::<Vec<_>>(),
    );
    let one = prop_oneof![4 => special, 1 => any::<char>().prop_filter("not zero", |c| *c != '\0')];
    proptest::collection::vec(one, 1..40).prop_map(|all| all.into_iter().collect())
}

fn host() -> impl Strategy<Value = String> {
    proptest::sample::select(vec!["sql.example.com", "sql_1", "10.0.0.5", "2001:db8::1433", "::1"])
        .prop_map(str::to_owned)
}

prop_compose! {
    fn connection()(
        host in host(), port in 1_u16.., database in text(), user in text(), password in text(),
        strict in any::<bool>(), name in any::<bool>(), pem in any::<bool>(),
    ) -> Connection {
        Connection {
            host, port, database, user,
            password: Some(Secret::new(password)),
            encryption: if strict { Encryption::Strict } else { Encryption::Mandatory },
            trust: Trust {
                certificate_name: name.then(|| "gate.example.com".to_owned()),
                authority_pem: pem.then(|| "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n".to_owned()),
            },
        }
    }
}

fn password(connection: &Connection) -> Option<&str> {
    connection.password.as_ref().map(Secret::expose)
}

/// The keywords of a format: server, database, user, password, encryption, trust, name in the certificate.
fn holds(pairs: &Pairs, keywords: [&str; 6], connection: &Connection, encrypt: [&str; 2]) {
    let [database, user, secret, encryption, trust, name] =
        keywords.map(|keyword| pairs.get(keyword).map(String::as_str));
    let index = usize::from(connection.encryption == Encryption::Strict);
    assert_eq!(
        (database, user, secret),
        (Some(connection.database.as_str()), Some(connection.user.as_str()), password(connection))
    );
    assert_eq!(encryption, Some(encrypt[index]));
    assert!(trust.is_some_and(|trust| ["False", "no", "false"].contains(&trust)), "the certificate is verified");
    assert_eq!(name, connection.trust.certificate_name.as_deref());
}

fn place(connection: &Connection) -> String {
    format!("tcp:{},{}", connection.host, connection.port)
}

fn is_read_back(c: &Connection) {
    let pairs = ado(&written(Format::SqlClient, c));
    assert_eq!(pairs["data source"], place(c));
    let keywords =
        ["initial catalog", "user id", "password", "encrypt", "trustservercertificate", "hostnameincertificate"];
    holds(&pairs, keywords, c, ["True", "Strict"]);

    let pairs = ado(&written(Format::OleDb, c));
    assert_eq!((pairs["provider"].as_str(), &pairs["data source"]), ("MSOLEDBSQL19", &place(c)));
    let keywords = [
        "initial catalog",
        "user id",
        "password",
        "use encryption for data",
        "trust server certificate",
        "host name in certificate",
    ];
    holds(&pairs, keywords, c, ["Mandatory", "Strict"]);

    let url = written(Format::SqlAlchemy, c);
    let carried = percent_decoded(url.strip_prefix("mssql+pyodbc:///?odbc_connect=").unwrap());
    let text = written(Format::Odbc, c);
    assert_eq!(carried, text);
    let pairs = odbc(&text);
    assert_eq!((pairs["driver"].as_str(), &pairs["server"]), ("ODBC Driver 18 for SQL Server", &place(c)));
    let keywords = ["database", "uid", "pwd", "encrypt", "trustservercertificate", "hostnameincertificate"];
    holds(&pairs, keywords, c, ["yes", "strict"]);

    let pairs = jdbc(&written(Format::Jdbc, c));
    assert_eq!((&pairs["servername"], &pairs["portnumber"]), (&c.host, &c.port.to_string()));
    let keywords = ["databasename", "user", "password", "encrypt", "trustservercertificate", "hostnameincertificate"];
    holds(&pairs, keywords, c, ["true", "strict"]);

    let config: serde_json::Value = serde_json::from_str(&written(Format::Tedious, c)).unwrap();
    let (options, who) = (&config["options"], &config["authentication"]["options"]);
    assert_eq!((&config["server"], &config["authentication"]["type"]), (&c.host.as_str().into(), &"default".into()));
    assert_eq!((&options["port"], &options["database"]), (&c.port.into(), &c.database.as_str().into()));
    assert_eq!((who["userName"].as_str(), who["password"].as_str()), (Some(c.user.as_str()), password(c)));
    let encrypt = if c.encryption == Encryption::Strict { "strict".into() } else { serde_json::Value::Bool(true) };
    assert_eq!((&options["encrypt"], &options["trustServerCertificate"]), (&encrypt, &false.into()));
    assert_eq!(options["serverName"].as_str(), c.trust.certificate_name.as_deref());
    assert_eq!(options["cryptoCredentialsDetails"]["ca"].as_str(), c.trust.authority_pem.as_deref());
}

proptest! {
    #[test]
    fn every_format_is_read_back_as_it_was_meant(connection in connection()) {
        is_read_back(&connection);
        is_read_back(&connection.without_password());
    }
}

#[test]
fn what_no_format_can_carry_is_refused_in_all_of_them() {
    let good = plain();
    let zero = Connection { database: "a\0b".into(), ..good.clone() };
    let host = Connection { host: "sql;Encrypt=no".into(), ..good.clone() };
    let name = Trust { certificate_name: Some("a;b".into()), authority_pem: None };
    let name = Connection { trust: name, ..good.clone() };
    let empty = Connection { password: Some(Secret::new("")), ..good };
    for format in Format::ALL {
        assert_eq!(format.write(&zero), Err(Unwritable::Zero("the database")));
        assert_eq!(format.write(&host), Err(Unwritable::Host));
        assert_eq!(format.write(&name), Err(Unwritable::Host));
        assert_eq!(format.write(&empty), Err(Unwritable::Empty("the password")));
    }
}

#[test]
fn a_printed_connection_and_its_strings_show_no_password() {
    let connection = Connection { password: Some(Secret::new("canary")), ..plain() };
    for format in Format::ALL {
        assert!(!format!("{connection:?} {:?}", format.write(&connection)).contains("canary"));
    }
}

fn plain() -> Connection {
    Connection {
        host: "sql.example.com".into(),
        port: 1433,
        database: "crm".into(),
        user: "ada".into(),
        password: Some(Secret::new("kestrel ferry oxide 71")),
        encryption: Encryption::Mandatory,
        trust: Trust::default(),
    }
}
