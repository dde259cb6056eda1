//! `GET /api/v1/workstation/config`: everything that a signed-in workstation needs.
//!
//! It holds a password, so whoever serves it says `Cache-Control: no-store`. Its entity tag covers everything but the
//! password itself; the id of the pass is part of it. So a client that is answered 304 holds the pass that counts, and a new
//! pass is always a new tag.

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::discovery::ApplianceName;
use crate::domain::Secret;
use crate::workstation::integrations::Kind;

/// The appliance as the config document names it.
pub type AppliancePart = ApplianceName;

/// The config document, version 1.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(title = "Gatehouse: workstation configuration, version 1")]
pub struct Config {
    /// The version of this document's form.
    pub version: u32,
    /// Which appliance it is.
    pub appliance: AppliancePart,
    /// Who has signed in.
    pub account: AccountPart,
    /// What drivers sign in with.
    pub pass: PassPart,
    /// The databases that the account may use, by alias.
    pub databases: Vec<DatabasePart>,
    /// Services beside the databases, by name.
    pub integrations: Vec<IntegrationPart>,
    /// What the person should be told.
    pub notices: Vec<Notice>,
    /// The oldest version of `gatehouse connect` that is served well.
    pub minimum_client: String,
    /// After how many seconds to ask again, at the latest; sooner where `pass.renew_after` comes first.
    pub ask_again_seconds: u64,
}

/// Who has signed in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct AccountPart {
    /// The account's name.
    pub name: String,
    /// The device that asks, where it is one that was enrolled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device: Option<String>,
    /// The alias of the database that a connection gets which names none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default_database: Option<String>,
}

/// A SQL pass: a user name and a password for drivers, which end by themselves.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PassPart {
    /// Its id, by which an administrator can revoke it.
    pub id: String,
    /// The user name.
    pub user: String,
    /// The password.
    pub password: Revealed,
    /// When it ends (RFC 3339). Connections that it opened end, too.
    pub expires: String,
    /// From when on asking again gives a new one (RFC 3339).
    pub renew_after: String,
}

/// A database.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct DatabasePart {
    /// What to call it in a connection.
    pub alias: String,
    /// How far the grant reaches: `read`, `write` or `owner`.
    pub access: String,
    /// Where to connect: a DNS name or an IP address.
    pub host: String,
    /// The TCP port.
    pub port: u16,
    /// `mandatory` (TDS 7.x with encryption) or `strict` (TDS 8.0).
    pub encryption: String,
    /// How the certificate is believed.
    pub trust: TrustPart,
    /// Ready connection strings.
    pub connection_strings: ConnectionStrings,
}

/// How the certificate is believed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct TrustPart {
    /// The name in the certificate, where it is not the host.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub certificate_name: Option<String>,
    /// The authority that signed it, in PEM form, where it is the appliance's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub authority_pem: Option<String>,
    /// SHA-256 of that authority's certificate, in lower-case hexadecimal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub authority_sha256: Option<String>,
}

/// Ready connection strings, each with the password in it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ConnectionStrings {
    /// .NET: `Microsoft.Data.SqlClient` and `System.Data.SqlClient`.
    pub sqlclient: Revealed,
    /// Microsoft's ODBC driver 18.
    pub odbc: Revealed,
    /// Microsoft's OLE DB driver 19.
    pub oledb: Revealed,
    /// Microsoft's JDBC driver.
    pub jdbc: Revealed,
    /// Node's `tedious`: its configuration object, as JSON text.
    pub tedious: Revealed,
    /// Python's SQLAlchemy, through `pyodbc`.
    pub sqlalchemy: Revealed,
}

/// A service beside the databases.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct IntegrationPart {
    /// Its name.
    pub name: String,
    /// What it is, and where.
    #[serde(flatten)]
    pub kind: Kind,
}

/// What the person should be told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Notice {
    /// How much it matters.
    pub level: NoticeLevel,
    /// What to say.
    pub text: String,
}

/// How much a notice matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum NoticeLevel {
    /// Good to know.
    Information,
    /// Something has to be done, soon.
    Warning,
}

/// A secret that leaves its type in a document that is made for it. `Debug` shows nothing of it.
#[derive(Debug, Clone, PartialEq, Eq, JsonSchema)]
#[schemars(with = "String")]
pub struct Revealed(pub Secret);

impl Serialize for Revealed {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.0.expose())
    }
}

impl<'de> Deserialize<'de> for Revealed {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(|text| Self(Secret::new(text)))
    }
}

impl Config {
    /// The document's version that is written here.
    pub const VERSION: u32 = 1;
    /// The oldest version of `gatehouse connect` that understands all of it.
    pub const MINIMUM_CLIENT: &'static str = "0.1.0";
}
