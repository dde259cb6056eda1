//! What a SQL login sees of its server: version, edition, names, databases.

use serde::Serialize;
use tokio::io::{AsyncRead, AsyncWrite};

use super::client::{Client, SqlError};

/// What a SQL login sees of its server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Inventory {
    /// The product's version, like `16.0.4135.4`.
    pub version: String,
    /// The edition's name.
    pub edition: String,
    /// The server's own name for itself.
    pub server_name: String,
    /// The login's name there.
    pub login_name: String,
    /// The databases that the login can enter.
    pub databases: Vec<String>,
}

/// Looks around. Reads nothing but catalogues, changes nothing.
pub async fn probe<S>(client: &mut Client<S>) -> Result<Inventory, SqlError>
where
    S: AsyncRead + AsyncWrite + Unpin + Send,
{
    let mut facts = client.rows(FACTS).await?.into_iter().next().unwrap_or_default().into_iter();
    let mut fact = |what| facts.next().flatten().ok_or(SqlError::Form(what));
    let (version, edition) = (fact("no version")?, fact("no edition")?);
    let (server_name, login_name) = (fact("no server name")?, fact("no login name")?);
    let databases = client.rows(DATABASES).await?.into_iter().filter_map(|row| row.into_iter().next()?).collect();
    Ok(Inventory { version, edition, server_name, login_name, databases })
}

const FACTS: &str = "SELECT CAST(SERVERPROPERTY('ProductVersion') AS nvarchar(128)), \
     CAST(SERVERPROPERTY('Edition') AS nvarchar(128)), \
     CAST(SERVERPROPERTY('ServerName') AS nvarchar(128)), \
     CAST(SUSER_SNAME() AS nvarchar(128))";

const DATABASES: &str =
    "SELECT CAST(name AS nvarchar(128)) FROM sys.databases WHERE HAS_DBACCESS(name) = 1 ORDER BY name";
