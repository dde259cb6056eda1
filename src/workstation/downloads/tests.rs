//! Each file is read back after its format's rules; none has a password in it.

use proptest::prelude::*;

use super::*;
use crate::domain::Secret;
use crate::workstation::connection::{Encryption, Trust};

fn connection(database: &str, user: &str) -> Connection {
    Connection {
        host: "sql.example.com".into(),
        port: 1433,
        database: database.into(),
        user: user.into(),
        password: Some(Secret::new("canary-password")),
        encryption: Encryption::Strict,
        trust: Trust { certificate_name: Some("gate.example.com".into()), authority_pem: None },
    }
}

fn from_utf16(bytes: &[u8]) -> String {
    let units: Vec<u16> = bytes.chunks(2).map(|two| u16::from_le_bytes([two[0], two[1]])).collect();
    assert_eq!(units[0], 0xfeff, "the mark");
    String::from_utf16(&units[1..]).unwrap()
}

/// What a name may be, with what means something in one of the files.
fn text() -> impl Strategy<Value = String> {
    let special: Vec<char> = "{}[]()\"'`$;=\\%&+#@:?,.!*|~^ <>-_‘’‚‛éA0😀".chars().collect();
    let one = prop_oneof![4 => proptest::sample::select(special), 1 => any::<char>().prop_filter("no control", |c| !c.is_control())];
    proptest::collection::vec(one, 1..30).prop_map(|all| all.into_iter().collect())
}

/// The text of a PowerShell string in single quotes at the start of `rest`, and what follows it.
fn unquoted(rest: &str) -> (String, &str) {
    let mut text = String::new();
    let mut all = rest.char_indices().peekable();
    assert_eq!(all.next().map(|(_, c)| c), Some('\''));
    while let Some((at, c)) = all.next() {
        if powershell::QUOTES.contains(&c) {
            match all.peek() {
                Some((_, next)) if powershell::QUOTES.contains(next) => {
                    all.next();
                }
                _ => return (text, &rest[at + c.len_utf8()..]),
            }
        }
        text.push(c);
    }
    panic!("the string does not end");
}

proptest! {
    #[test]
    fn a_powershell_string_ends_where_it_is_meant_to(text in text()) {
        let quoted = powershell::quoted(&text) + ", $login)";
        prop_assert_eq!(unquoted(&quoted), (text, ", $login)"));
    }

    #[test]
    fn every_file_can_be_made_of_every_name_and_has_no_password_and_no_line_too_many(database in text(), user in text()) {
        let connection = connection(&database, &user);
        let data_source = dsn(&connection);
        prop_assert_eq!(data_source.is_ok(), database.is_ascii() && user.is_ascii());
        let files = [
            Some((udl(&connection).unwrap(), 3)),
            data_source.clone().ok().map(|file| (file, 8)),
            Some((registry(&connection).unwrap(), 14)),
            Some((powershell(&connection).unwrap(), 18)),
        ];
        for (file, lines) in files.into_iter().flatten() {
            let text = if file.content.starts_with(b"\xff\xfe") { from_utf16(&file.content) } else { String::from_utf8(file.content).unwrap() };
            prop_assert!(!text.contains("canary"));
            prop_assert_eq!(text.split("\r\n").count() - 1, lines, "{}", text);
            prop_assert!(text.ends_with("\r\n"));
            prop_assert!(file.name.chars().all(|c| c.is_ascii_alphanumeric() || ".-".contains(c)), "{}", file.name);
        }
        if let Ok(file) = data_source {
            prop_assert!(file.content.is_ascii());
            let text = String::from_utf8(file.content).unwrap();
            let value = text.lines().find_map(|line| line.strip_prefix("DATABASE=")).unwrap();
            let inner = value.strip_prefix('{').and_then(|rest| rest.strip_suffix('}'));
            let plain = inner.filter(|_| value != database).map_or(value.to_owned(), |inner| inner.replace("}}", "}"));
            prop_assert_eq!(plain, database.clone());
        }
        let text = from_utf16(&registry(&connection).unwrap().content);
        let value = text.lines().find_map(|line| line.strip_prefix("\"Database\"=")).unwrap();
        // The registry editor's escapes are JSON's, as far as these go.
        prop_assert_eq!(serde_json::from_str::<String>(value).unwrap(), database);
    }
}

#[test]
fn a_data_link_is_utf16_with_the_two_lines_that_windows_looks_for() {
    let file = udl(&connection("crm", "ada")).unwrap();
    assert_eq!(file.name, "gatehouse-crm.udl");
    let text = from_utf16(&file.content);
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines[..2], ["[oledb]", "; Everything after this line is an OLE DB initstring"]);
    assert_eq!(
        lines[2],
        "Provider=MSOLEDBSQL19;Data Source=tcp:sql.example.com,1433;Initial Catalog=\"crm\";User ID=\"ada\";\
         Use Encryption for Data=Strict;Trust Server Certificate=False;Host Name In Certificate=gate.example.com;"
    );
}

#[test]
fn a_registry_file_names_the_source_once_and_describes_it_once() {
    let text = from_utf16(&registry(&connection("a\\b]", "ada")).unwrap().content);
    assert!(text.starts_with("Windows Registry Editor Version 5.00\r\n\r\n"));
    assert!(text.contains("ODBC.INI\\ODBC Data Sources]\r\n\"Gatehouse a-b-\"=\"ODBC Driver 18 for SQL Server\"\r\n"));
    let source = text.split_once("\\ODBC.INI\\Gatehouse a-b-]\r\n").unwrap().1;
    // What Windows loads is a file; the driver's name is no file.
    let library = source.lines().find_map(|line| line.strip_prefix("\"Driver\"=")).unwrap();
    let library = serde_json::from_str::<String>(library).unwrap();
    assert_eq!(library, r"C:\Windows\System32\msodbcsql18.dll");
    assert_eq!(text.lines().filter(|line| line.starts_with("; ")).count(), 1);
    assert!(text.contains("\"Database\"=\"a\\\\b]\"\r\n\"LastUser\"=\"ada\"\r\n\"Encrypt\"=\"Strict\"\r\n"));
}

#[test]
fn a_data_source_file_is_refused_where_its_code_page_would_change_a_name() {
    for connection in [connection("büro", "ada"), connection("crm", "žofie"), connection("crm😀", "ada")] {
        assert_eq!(dsn(&connection), Err(FileError::NotAscii));
        assert!(udl(&connection).is_ok() && registry(&connection).is_ok() && powershell(&connection).is_ok());
    }
    let told = FileError::NotAscii.to_string();
    assert!(told.contains("ASCII") && told.contains(".reg"), "{told}");
}

#[test]
fn a_script_says_how_to_start_it() {
    let file = powershell(&connection("crm", "ada")).unwrap();
    let text = String::from_utf8(file.content).unwrap();
    assert!(text.contains(&format!("\r\n#   powershell -ExecutionPolicy Bypass -File {}\r\n", file.name)), "{text}");
}

#[test]
fn a_name_with_a_line_break_gets_no_file() {
    for connection in [connection("a\r\nUID=sa", "ada"), connection("crm", "a\nb")] {
        for made in [udl(&connection), dsn(&connection), registry(&connection), powershell(&connection)] {
            assert_eq!(made, Err(FileError::Control));
        }
    }
}

#[test]
fn a_qr_code_is_a_picture_of_its_own_without_a_style() {
    let svg = qr_svg("https://sql.example.com/workstations").unwrap();
    assert!(svg.contains("<svg") && svg.trim_end().ends_with("</svg>"));
    assert!(!svg.contains("style=") && !svg.contains("<script"));
    assert_eq!(qr_svg(&"x".repeat(5000)), Err(TooLong));
}
