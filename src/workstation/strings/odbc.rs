//! Microsoft's ODBC driver 18: [MS-ODBCSTR]. A value in braces is taken as it is, closing braces in it doubled.

use super::quoting::{ROOM, braced, plain};
use crate::domain::Secret;
use crate::workstation::connection::{Connection, Encryption};

/// The driver's name, as it is registered with the driver manager.
pub const DRIVER: &str = "ODBC Driver 18 for SQL Server";

pub(super) fn write(connection: &Connection) -> String {
    let mut out = String::with_capacity(ROOM);
    braced(&mut out, "Driver", DRIVER);
    plain(&mut out, "Server", &server(connection));
    braced(&mut out, "Database", &connection.database);
    braced(&mut out, "UID", &connection.user);
    if let Some(password) = connection.password.as_ref().map(Secret::expose) {
        braced(&mut out, "PWD", password);
    }
    plain(&mut out, "Encrypt", encrypt(connection.encryption));
    plain(&mut out, "TrustServerCertificate", "no");
    if let Some(name) = &connection.trust.certificate_name {
        plain(&mut out, "HostnameInCertificate", name);
    }
    out
}

/// The value of `Server`: an IPv6 address stands without brackets.
pub(in crate::workstation) fn server(connection: &Connection) -> String {
    format!("tcp:{},{}", connection.host, connection.port)
}

/// The value of `Encrypt`. `yes` is the old name of `mandatory`, which the drivers before 18 know, too.
pub(in crate::workstation) fn encrypt(encryption: Encryption) -> &'static str {
    match encryption {
        Encryption::Mandatory => "yes",
        Encryption::Strict => "strict",
    }
}
