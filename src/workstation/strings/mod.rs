//! Ready connection strings, one file a format. Each is pure, and quotes so that every character of a password, a database's
//! name or a user's name arrives as it is.
//!
//! A text that holds a password is a [`Secret`], whatever else is in it. What a driver makes of the texts is tested with the
//! driver's own parser where there is one to run (`tests/lab/strings`), and with parsers after the published rules elsewhere.

mod jdbc;
pub(super) mod odbc;
pub(super) mod ole_db;
mod quoting;
mod sql_client;
mod sqlalchemy;
mod tedious;

pub use odbc::DRIVER as ODBC_DRIVER;
pub use ole_db::PROVIDER as OLE_DB_PROVIDER;
pub use sql_client::needs_microsoft_data;

use super::connection::{Connection, Unwritable};
use crate::domain::Secret;

/// A format of connection strings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Format {
    /// `Microsoft.Data.SqlClient` and `System.Data.SqlClient`: .NET, PowerShell, SSMS.
    SqlClient,
    /// Microsoft's ODBC driver 18.
    Odbc,
    /// Microsoft's OLE DB driver 19, by ADO or `IDataInitialize`.
    OleDb,
    /// Microsoft's JDBC driver, 8.4 or later.
    Jdbc,
    /// The configuration of `tedious`, as JSON: Node.
    Tedious,
    /// A URL of SQLAlchemy: Python, through `pyodbc`.
    SqlAlchemy,
}

impl Format {
    /// Every format.
    pub const ALL: [Self; 6] = [Self::SqlClient, Self::Odbc, Self::OleDb, Self::Jdbc, Self::Tedious, Self::SqlAlchemy];

    /// Its name in documents.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::SqlClient => "sqlclient",
            Self::Odbc => "odbc",
            Self::OleDb => "oledb",
            Self::Jdbc => "jdbc",
            Self::Tedious => "tedious",
            Self::SqlAlchemy => "sqlalchemy",
        }
    }

    /// The connection in this format.
    pub fn write(self, connection: &Connection) -> Result<Secret, Unwritable> {
        connection.check()?;
        let text = match self {
            Self::SqlClient => sql_client::write(connection),
            Self::Odbc => odbc::write(connection),
            Self::OleDb => ole_db::write(connection),
            Self::Jdbc => jdbc::write(connection),
            Self::Tedious => tedious::write(connection),
            Self::SqlAlchemy => sqlalchemy::write(connection),
        };
        Ok(Secret::new(text))
    }
}

#[cfg(test)]
mod tests;
