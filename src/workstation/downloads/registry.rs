//! `.reg`: an ODBC data source of the person who imports it, by name: what old programs ask for.

use super::{File, FileError, file_name, fit, utf16};
use crate::workstation::connection::Connection;
use crate::workstation::strings::{ODBC_DRIVER, odbc};

/// A registry file that adds a data source called `Gatehouse <database>` for the current user.
///
/// The driver's name stands in `ODBC Data Sources`, where the dialogs list it. What is loaded is the file in `Driver`: with a
/// name there, a program is told that the library cannot be found. A backslash in a key's name would begin another key, so it
/// becomes a hyphen there; so do the characters that a data source's name may not have.
pub fn registry(connection: &Connection) -> Result<File, FileError> {
    let connection = fit(connection)?;
    let plain = |c: char| if "[]{}(),;?*=!@\\\"".contains(c) { '-' } else { c };
    // A data source's name has 32 characters at the most.
    let name: String = format!("Gatehouse {}", connection.database).chars().map(plain).take(32).collect();
    let name = name.trim_end();
    let mut values = vec![
        ("Driver", LIBRARY.to_owned()),
        ("Server", odbc::server(&connection)),
        ("Database", connection.database.clone()),
        ("LastUser", connection.user.clone()),
        ("Encrypt", encrypt(&connection).to_owned()),
        ("TrustServerCertificate", "No".to_owned()),
    ];
    if let Some(host) = &connection.trust.certificate_name {
        values.push(("HostnameInCertificate", host.clone()));
    }
    let mut text = String::from("Windows Registry Editor Version 5.00\r\n\r\n");
    text.push_str(&format!("[{SOURCES}\\ODBC Data Sources]\r\n{}={}\r\n\r\n", quoted(name), quoted(ODBC_DRIVER)));
    text.push_str(&format!(
        "; {ODBC_DRIVER} is taken to be where its installer puts it. If it is elsewhere, correct \"Driver\".\r\n"
    ));
    text.push_str(&format!("[{SOURCES}\\{name}]\r\n"));
    for (key, value) in values {
        text.push_str(&format!("{}={}\r\n", quoted(key), quoted(&value)));
    }
    Ok(File { name: file_name(&connection, "reg"), media_type: "application/octet-stream", content: utf16(&text) })
}

/// The registry's words for it, which are the dialog's.
fn encrypt(connection: &Connection) -> &'static str {
    match odbc::encrypt(connection.encryption) {
        "strict" => "Strict",
        _ => "Mandatory",
    }
}

/// A text in quotes, with a backslash before quotes and backslashes.
fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

const SOURCES: &str = r"HKEY_CURRENT_USER\Software\ODBC\ODBC.INI";

/// The library of ODBC driver 18. The data source is that of programs of 32 bits, too: for those Windows reads `SysWOW64` when
/// they name `System32`, and the 32-bit library has the same name there.
const LIBRARY: &str = r"C:\Windows\System32\msodbcsql18.dll";
