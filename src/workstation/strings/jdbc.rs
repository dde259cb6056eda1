//! Microsoft's JDBC driver. A value in braces is taken as it is; closing braces in it are doubled, which the driver reads
//! since 8.4. An IPv6 address cannot stand in the URL's own place, so it goes into `serverName`.

use super::quoting::{ROOM, braced, plain};
use crate::domain::Secret;
use crate::workstation::connection::{Connection, Encryption};

pub(super) fn write(connection: &Connection) -> String {
    let mut out = String::with_capacity(ROOM);
    out.push_str("jdbc:sqlserver://");
    if connection.is_ipv6() {
        out.push(';');
        plain(&mut out, "serverName", &connection.host);
        plain(&mut out, "portNumber", &connection.port.to_string());
    } else {
        out.push_str(&format!("{}:{};", connection.host, connection.port));
    }
    braced(&mut out, "databaseName", &connection.database);
    braced(&mut out, "user", &connection.user);
    if let Some(password) = connection.password.as_ref().map(Secret::expose) {
        braced(&mut out, "password", password);
    }
    let encrypt = match connection.encryption {
        Encryption::Mandatory => "true",
        Encryption::Strict => "strict",
    };
    plain(&mut out, "encrypt", encrypt);
    plain(&mut out, "trustServerCertificate", "false");
    if let Some(name) = &connection.trust.certificate_name {
        plain(&mut out, "hostNameInCertificate", name);
    }
    out
}
