//! Whether a SQL login that is to be granted works: tried before it is kept, where its server can be reached.

use std::time::Duration;

use super::{Admin, AdminError};
use crate::domain::Secret;
use crate::estate::{Database, Server};
use crate::sql::{self, SqlError, SqlLogin};
use crate::upstream::{self, Ask};

impl Admin {
    /// Signs in as the login would, and out again. A server that refuses the login refuses the grant; one that cannot
    /// be reached does not: grants may be prepared before the server stands. The answer says which it was.
    pub(super) async fn try_login(
        &self,
        database: &Database,
        user: &str,
        password: &Secret,
    ) -> Result<String, AdminError> {
        let Server { target, .. } = self.estate.server(&database.server.to_string())?;
        let leg = match Box::pin(upstream::connect(&target, &Ask::default(), &self.dialer)).await {
            Ok(leg) => leg,
            Err(error) => return Ok(format!("not tried: {error}")),
        };
        let database = Some(database.name.clone());
        let login = SqlLogin { user: user.to_owned(), password: password.clone(), database };
        // Boxed: the client's futures are large, and a place for them would be kept on every request's stack.
        match Box::pin(sql::login(leg.stream, &login, &*self.clock, LIMIT)).await {
            Ok(client) => {
                if let Err(error) = client.close().await {
                    tracing::debug!(%error, "signing out after trying a SQL login");
                }
                Ok("works".to_owned())
            }
            Err(SqlError::Server { number, message }) => Err(AdminError::Login(format!("{message} (error {number})"))),
            Err(error) => Ok(format!("not tried to the end: {error}")),
        }
    }
}

const LIMIT: Duration = Duration::from_secs(15);
