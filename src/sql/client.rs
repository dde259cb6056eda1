//! Signing in with a SQL login over a connection that `upstream` made, and running statements there.

use std::time::Duration;

use tiberius::{AuthMethod, Config, EncryptionLevel};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_util::compat::{Compat, TokioAsyncWriteCompatExt as _};

use super::shim::Standing;
use crate::domain::{Secret, Side};
use crate::platform::clock::{Clock, within};

/// A login at a SQL Server.
#[derive(Debug, Clone)]
pub struct SqlLogin {
    /// Its name there.
    pub user: String,
    /// Its password there.
    pub password: Secret,
    /// The database to begin in; the login's own default where there is none.
    pub database: Option<String>,
}

/// Why something at a SQL Server did not work. `Display` is for the log and for administrators.
#[derive(Debug, thiserror::Error)]
pub enum SqlError {
    /// The server said no, in its own words. The SQL Server's side.
    #[error("SQL Server error {number}: {message}")]
    Server {
        /// The error's number there.
        number: u32,
        /// Its text there.
        message: String,
    },
    /// The server wants us elsewhere (read-only routing). The SQL Server's side.
    #[error("the server sends us to {host}:{port}")]
    Routed {
        /// To which host.
        host: String,
        /// To which port there.
        port: u16,
    },
    /// The connection failed, or something came that is not TDS. The SQL Server's side.
    #[error("the conversation with the server failed: {0}")]
    Conversation(String),
    /// It took too long. The SQL Server's side.
    #[error("the server did not answer in time")]
    TimedOut,
    /// It answered something else than was asked for. The SQL Server's side.
    #[error("the server's answer has another form than expected: {0}")]
    Form(&'static str),
}

impl SqlError {
    /// Whose side it is on.
    pub fn side(&self) -> Side {
        Side::SqlServer
    }

    /// One sentence for whoever is not an administrator.
    pub fn person(&self) -> &'static str {
        match self {
            Self::Server { .. } | Self::Routed { .. } | Self::Form(_) => "The database server refused the request.",
            Self::Conversation(_) => "The connection to the database server failed.",
            Self::TimedOut => "The database server did not answer in time.",
        }
    }
}

impl From<tiberius::error::Error> for SqlError {
    fn from(error: tiberius::error::Error) -> Self {
        use tiberius::error::Error;
        match error {
            Error::Server(error) => Self::Server { number: error.code(), message: error.message().to_owned() },
            Error::Routing { host, port } => Self::Routed { host, port },
            other => Self::Conversation(other.to_string()),
        }
    }
}

/// A session of the appliance's own at a SQL Server. One request at a time; a cancelled request ends it.
pub struct Client<S: AsyncRead + AsyncWrite + Unpin + Send> {
    inner: tiberius::Client<Compat<Standing<S>>>,
}

/// Signs in over `stream`, which is encrypted, and whose PRELOGIN was answered already, within `limit`.
pub async fn login<S>(stream: S, login: &SqlLogin, clock: &dyn Clock, limit: Duration) -> Result<Client<S>, SqlError>
where
    S: AsyncRead + AsyncWrite + Unpin + Send,
{
    let mut config = Config::new();
    config.authentication(AuthMethod::sql_server(&login.user, login.password.expose()));
    config.application_name("Gatehouse");
    if let Some(database) = &login.database {
        config.database(database);
    }
    // The shim answers the same, so that no second TLS begins inside the one that is there.
    config.encryption(EncryptionLevel::NotSupported);
    // Limits are the caller's, by the house's clock; tiberius' own would end a quiet BACKUP after 30 seconds.
    config.handshake_timeout(None);
    config.command_timeout(None);
    let connecting = tiberius::Client::connect(config, Standing::new(stream).compat_write());
    let inner = within(clock, limit, connecting).await.map_err(|_| SqlError::TimedOut)??;
    Ok(Client { inner })
}

impl<S: AsyncRead + AsyncWrite + Unpin + Send> Client<S> {
    /// Runs a batch and gives the rows of its first result, each value as text.
    ///
    /// The text is sent as it is: names in it are [`super::QuotedIdentifier`]s, and values have no place in it.
    pub async fn rows(&mut self, batch: &str) -> Result<Vec<Vec<Option<String>>>, SqlError> {
        let rows = self.inner.simple_query(batch).await?.into_first_result().await?;
        rows.into_iter().map(texts).collect()
    }

    /// Signs out.
    pub async fn close(self) -> Result<(), SqlError> {
        Ok(self.inner.close().await?)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin + Send> std::fmt::Debug for Client<S> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Client")
    }
}

fn texts(row: tiberius::Row) -> Result<Vec<Option<String>>, SqlError> {
    let text = |data: tiberius::ColumnData<'static>| match data {
        tiberius::ColumnData::String(text) => Ok(text.map(std::borrow::Cow::into_owned)),
        _ => Err(SqlError::Form("a value that is not a text")),
    };
    row.into_iter().map(text).collect()
}
