//! `.dsn`: an ODBC file data source, for `FILEDSN=` and for the dialogs of Excel and Access.
//!
//! Windows reads these files in the code page of the machine, so what is not ASCII would arrive as
//! something else: such names get no file.

use super::{File, FileError, file_name, fit};
use crate::workstation::connection::Connection;
use crate::workstation::strings::{ODBC_DRIVER, odbc};

/// A file data source of the connection. A line is a keyword and a value; a value with a character that means something
/// stands in braces, as in a connection string.
pub fn dsn(connection: &Connection) -> Result<File, FileError> {
    let connection = fit(connection)?;
    if ![&connection.database, &connection.user].iter().all(|text| text.is_ascii()) {
        return Err(FileError::NotAscii);
    }
    let mut text = String::from("[ODBC]\r\n");
    for (keyword, value) in pairs(&connection) {
        text.push_str(&format!("{keyword}={value}\r\n"));
    }
    Ok(File { name: file_name(&connection, "dsn"), media_type: "application/octet-stream", content: text.into_bytes() })
}

fn pairs(connection: &Connection) -> Vec<(&'static str, String)> {
    let mut pairs = vec![
        ("DRIVER", ODBC_DRIVER.to_owned()),
        ("SERVER", odbc::server(connection)),
        ("DATABASE", braced(&connection.database)),
        ("UID", braced(&connection.user)),
        ("Encrypt", odbc::encrypt(connection.encryption).to_owned()),
        ("TrustServerCertificate", "no".to_owned()),
    ];
    if let Some(name) = &connection.trust.certificate_name {
        pairs.push(("HostnameInCertificate", name.clone()));
    }
    pairs
}

fn braced(value: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_' | '.');
    match value.chars().all(plain) {
        true => value.to_owned(),
        false => format!("{{{}}}", value.replace('}', "}}")),
    }
}
