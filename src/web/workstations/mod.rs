//! `/workstations`: what to do on a workstation. The general part is for everybody; who has signed in finds the databases that
//! are theirs, connection strings and files for them, and enrols devices.
//!
//! | file | what |
//! |---|---|
//! | this one | the page |
//! | `files` | what is downloaded: no file has a secret in it |
//! | `password` | a password that lives for hours, and strings with it, for whoever asks |
//! | `devices` | a device enrolled by whoever is signed in, or by who has a code; revoked |

mod devices;
mod files;
mod password;

use askama::Template;
use axum::extract::State;
use axum::response::Response;

use super::Web;
use super::access::{Access, Visitor};
use super::oauth::Issuer;
use super::page::{self, Frame, minute};
use super::problem::Problem;
use super::qr;
use super::routes::{Route, get};
use super::trust::SignedBy;
use crate::domain::{AccountId, Secret};
use crate::workstation::Connection;
use crate::workstation::connection::Unwritable;
use crate::workstation::strings::{Format, needs_microsoft_data};

/// The page's path.
pub const PATH: &str = "/workstations";

/// The routes of this folder.
pub fn routes() -> Vec<Route> {
    let own = vec![get(PATH, Access::Browser, page)];
    [own, files::routes(), password::routes(), devices::routes()].into_iter().flatten().collect()
}

/// A connection string, and what reads it.
#[derive(Debug, Clone)]
struct Line {
    what: &'static str,
    text: String,
}

/// A database as the page shows it.
#[derive(Debug, Clone)]
struct DatabaseShown {
    alias: String,
    server: String,
    user: String,
    lines: Vec<Line>,
}

/// A device as the page shows it.
#[derive(Debug, Clone)]
struct DeviceShown {
    id: String,
    name: String,
    networks: String,
    created: String,
}

#[derive(Template)]
#[template(path = "workstations/page.html", config = ".askama.toml")]
struct Page {
    frame: Frame,
    url: String,
    picture: String,
    needs_trust: bool,
    databases: Vec<DatabaseShown>,
    devices: Vec<DeviceShown>,
}

/// `GET /workstations`
async fn page(State(web): State<Web>, Visitor(visit): Visitor, issuer: Issuer) -> Result<Response, Problem> {
    let (databases, devices) = match &visit {
        Some(visit) => {
            let connections = web.workstations.connections(&visit.principal)?;
            (connections.iter().map(database).collect::<Result<_, _>>()?, of_account(&web, visit.principal.account)?)
        }
        None => (Vec::new(), Vec::new()),
    };
    page::show(&Page {
        frame: Frame::of(&web, visit.as_ref()),
        url: issuer.as_str().to_owned(),
        picture: qr::picture(&Secret::new(issuer.as_str()))?,
        needs_trust: (web.trust.signed_by)() == SignedBy::Own,
        databases,
        devices,
    })
}

fn of_account(web: &Web, account: AccountId) -> Result<Vec<DeviceShown>, Problem> {
    let devices = web.identity.devices()?.into_iter().filter(|device| device.account == account);
    let shown = devices.map(|device| {
        let networks: Vec<String> = device.networks.iter().map(ToString::to_string).collect();
        DeviceShown {
            id: device.id.to_string(),
            name: device.name.to_string(),
            networks: if networks.is_empty() { "any".to_owned() } else { networks.join(", ") },
            created: minute(device.created),
        }
    });
    Ok(shown.collect())
}

/// A database with its strings, which hold the password where the connection has one.
fn database(connection: &Connection) -> Result<DatabaseShown, Problem> {
    let line = |format: Format| {
        let text = format.write(connection)?;
        Ok::<_, Unwritable>(Line { what: called(format, connection), text: text.expose().to_owned() })
    };
    let lines = Format::ALL.into_iter().map(line).collect::<Result<_, _>>();
    Ok(DatabaseShown {
        alias: connection.database.clone(),
        server: format!("{},{}", connection.host, connection.port),
        user: connection.user.clone(),
        lines: lines.map_err(|error| Problem::internal(&error))?,
    })
}

/// What reads a format, as it stands for this connection.
fn called(format: Format, connection: &Connection) -> &'static str {
    match format {
        Format::SqlClient if needs_microsoft_data(connection) => ".NET: Microsoft.Data.SqlClient 5 or later",
        Format::SqlClient => ".NET, PowerShell, SSMS (SqlClient)",
        Format::Odbc => "ODBC driver 18",
        Format::OleDb => "OLE DB driver 19",
        Format::Jdbc => "Java (JDBC)",
        Format::Tedious => "Node (tedious)",
        Format::SqlAlchemy => "Python (SQLAlchemy)",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workstation::connection::{Encryption, Trust};

    #[test]
    fn a_string_is_called_after_the_client_that_understands_it() {
        let plain = Connection {
            host: "sql.corp.example".into(),
            port: 1433,
            database: "crm".into(),
            user: "ada".into(),
            password: None,
            encryption: Encryption::Mandatory,
            trust: Trust::default(),
        };
        let strict = Connection { encryption: Encryption::Strict, ..plain.clone() };
        let trust = Trust { certificate_name: Some("sql.corp.example".into()), authority_pem: None };
        let named = Connection { host: "10.0.0.5".into(), trust, ..plain.clone() };
        for (connection, known) in [(plain, true), (strict, false), (named, false)] {
            let shown = database(&connection).unwrap();
            let line = shown.lines.iter().find(|line| line.text.starts_with("Data Source")).unwrap();
            let new = ["Encrypt=Strict", "HostNameInCertificate"].iter().any(|word| line.text.contains(word));
            assert_eq!((new, line.what.contains("PowerShell")), (!known, known), "{line:?}");
            assert_eq!(line.what.contains("Microsoft.Data.SqlClient 5 or later"), !known, "{line:?}");
        }
    }
}
