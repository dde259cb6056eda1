//! SqlClient: ADO.NET's rules. A value in double quotes is taken as it is, quotes in it doubled.
//!
//! `Encrypt=True` is what `System.Data.SqlClient` knows, too; `Strict` and `HostNameInCertificate` need
//! `Microsoft.Data.SqlClient` 5. An IPv6 address stands without brackets after `tcp:`, the port after a comma.

use super::quoting::{ROOM, plain, quoted};
use crate::domain::Secret;
use crate::workstation::connection::{Connection, Encryption};

pub(super) fn write(connection: &Connection) -> String {
    let mut out = String::with_capacity(ROOM);
    plain(&mut out, "Data Source", &format!("tcp:{},{}", connection.host, connection.port));
    quoted(&mut out, "Initial Catalog", &connection.database);
    quoted(&mut out, "User ID", &connection.user);
    if let Some(password) = connection.password.as_ref().map(Secret::expose) {
        quoted(&mut out, "Password", password);
    }
    let encrypt = match connection.encryption {
        Encryption::Mandatory => "True",
        Encryption::Strict => "Strict",
    };
    plain(&mut out, "Encrypt", encrypt);
    plain(&mut out, "TrustServerCertificate", "False");
    if let Some(name) = &connection.trust.certificate_name {
        plain(&mut out, "HostNameInCertificate", name);
    }
    out
}

/// Whether the connection's string has words that `System.Data.SqlClient`, and so Windows' own PowerShell, does not know.
pub fn needs_microsoft_data(connection: &Connection) -> bool {
    connection.encryption == Encryption::Strict || connection.trust.certificate_name.is_some()
}
