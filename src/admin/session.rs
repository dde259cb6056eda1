//! Live sessions, as administrators see them.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use super::access::Need;
use super::{Admin, AdminError, AdminResponse};
use crate::audit::{Actor, Entry};
use crate::domain::{AccountId, DeviceId, SessionId};

/// The sessions of a running appliance; the gateway's registry, plugged in where all is put together.
pub trait LiveSessions: Send + Sync + 'static {
    /// All of them, oldest first.
    fn list(&self) -> Vec<SessionView>;
    /// Ends one; whether there was such a session.
    fn end(&self, id: &SessionId) -> bool;
    /// Ends all of an account; how many there were.
    fn end_account(&self, account: &AccountId) -> usize;
}

/// A request about sessions.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SessionRequest {
    /// All of them.
    List,
    /// End one, by its id.
    End(String),
    /// End all of an account.
    EndAccount(String),
}

/// A live session.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SessionView {
    /// Its id.
    pub id: SessionId,
    /// The account's id.
    pub account_id: AccountId,
    /// The account's name.
    pub account: String,
    /// Through what it signed in: password, pass, device, token.
    pub credential: String,
    /// The device, where one signed in.
    pub device: Option<DeviceId>,
    /// Where the workstation connects from.
    pub address: IpAddr,
    /// The program's name, as the driver gave it.
    pub application: String,
    /// The workstation's name, as the driver gave it.
    pub host: String,
    /// The database's alias.
    pub database: String,
    /// When it began.
    pub since: String,
    /// For how many seconds nothing has happened in it.
    pub idle_seconds: u64,
    /// Bytes from the workstation.
    pub bytes_up: u64,
    /// Bytes to the workstation.
    pub bytes_down: u64,
    /// Packets from the workstation.
    pub packets_up: u64,
    /// Packets to the workstation.
    pub packets_down: u64,
    /// Whole requests.
    pub batches: u64,
}

impl SessionRequest {
    pub(super) fn need(&self) -> Need {
        if matches!(self, Self::List) { Need::Read } else { Need::Change }
    }
}

impl Admin {
    pub(super) async fn session(&self, actor: &Actor, request: SessionRequest) -> Result<AdminResponse, AdminError> {
        let sessions = self.sessions.as_ref().ok_or(AdminError::NotRunning)?;
        let record = |action, subject: String| self.audit.record(Entry::new(actor.clone(), action).subject(subject));
        match request {
            SessionRequest::List => Ok(AdminResponse::Sessions(sessions.list())),
            SessionRequest::End(text) => {
                let id = text.parse().map_err(|_| AdminError::NotAnId(text.clone(), "session"))?;
                if !sessions.list().iter().any(|session| session.id == id) {
                    return Err(AdminError::NoSuchSession(text));
                }
                record("session.kill", text).await?;
                Ok(AdminResponse::Ended { count: usize::from(sessions.end(&id)) })
            }
            SessionRequest::EndAccount(name) => {
                let account = self.identity.account(&name)?;
                record("session.kill-account", account.name.to_string()).await?;
                Ok(AdminResponse::Ended { count: sessions.end_account(&account.id) })
            }
        }
    }
}
