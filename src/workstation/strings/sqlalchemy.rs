//! SQLAlchemy: a URL that carries the ODBC string whole, so that `pyodbc` gets exactly that. The URL of the other driver,
//! `mssql+mssqlpython`, would lose white space at the ends of a password.

use super::odbc;
use super::quoting::ROOM;
use crate::workstation::connection::Connection;

pub(super) fn write(connection: &Connection) -> String {
    let odbc = zeroize::Zeroizing::new(odbc::write(connection));
    let mut out = String::with_capacity(3 * ROOM);
    out.push_str("mssql+pyodbc:///?odbc_connect=");
    percent_encode(&mut out, &odbc);
    out
}

/// Everything but RFC 3986's unreserved characters as the octets of its UTF-8 form.
fn percent_encode(out: &mut String, text: &str) {
    const DIGITS: [char; 16] = ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'A', 'B', 'C', 'D', 'E', 'F'];
    let digit = |value: u8| DIGITS.get(usize::from(value & 0x0f)).copied().unwrap_or('0');
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            out.push(char::from(byte));
        } else {
            out.extend(['%', digit(byte >> 4), digit(byte)]);
        }
    }
}
