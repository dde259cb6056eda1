//! Microsoft's OLE DB driver 19, in the keywords of `IDataInitialize` that ADO and `.udl` files use (those of the provider
//! string, such as `Encrypt` and `Server`, are others). A value in double quotes is taken as it is, quotes in it doubled.

use super::quoting::{ROOM, plain, quoted};
use crate::domain::Secret;
use crate::workstation::connection::{Connection, Encryption};

/// The driver's name, as it is registered.
pub const PROVIDER: &str = "MSOLEDBSQL19";

pub(in crate::workstation) fn write(connection: &Connection) -> String {
    let mut out = String::with_capacity(ROOM);
    plain(&mut out, "Provider", PROVIDER);
    plain(&mut out, "Data Source", &format!("tcp:{},{}", connection.host, connection.port));
    quoted(&mut out, "Initial Catalog", &connection.database);
    quoted(&mut out, "User ID", &connection.user);
    if let Some(password) = connection.password.as_ref().map(Secret::expose) {
        quoted(&mut out, "Password", password);
    }
    let encrypt = match connection.encryption {
        Encryption::Mandatory => "Mandatory",
        Encryption::Strict => "Strict",
    };
    plain(&mut out, "Use Encryption for Data", encrypt);
    plain(&mut out, "Trust Server Certificate", "False");
    if let Some(name) = &connection.trust.certificate_name {
        plain(&mut out, "Host Name In Certificate", name);
    }
    out
}
