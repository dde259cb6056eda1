//! Programs that may ask people to let them in (OAuth clients), as administrators see them.

use serde::{Deserialize, Serialize};

use super::access::Need;
use super::{Admin, AdminError, AdminResponse, shown};
use crate::audit::Actor;
use crate::domain::{Name, Scopes};
use crate::identity::oauth::{Client, NewClient};

/// A request about clients.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ClientRequest {
    /// Register one. It gets no secret: what runs on workstations cannot keep one.
    Add {
        /// What people read when it asks.
        name: Name,
        /// Where answers to it may be sent.
        redirect_uris: Vec<String>,
        /// Whether it may ask by a code that a person types elsewhere.
        #[serde(default)]
        device_flow: bool,
        /// What it may ask for.
        scopes: Scopes,
    },
    /// All of them, and those that are built in.
    List,
    /// It may ask nobody any more, and who was let in through it is put out.
    Remove(String),
}

/// A client.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClientView {
    /// Its `client_id`.
    pub id: String,
    /// What people read when it asks.
    pub name: String,
    /// Where answers to it may be sent; of a loopback address, to any port.
    pub redirect_uris: Vec<String>,
    /// Whether it may use the device flow.
    pub device_flow: bool,
    /// What it may ask for.
    pub scopes: Scopes,
    /// Whether it is a part of this program, and cannot be removed.
    pub built_in: bool,
    /// When it was registered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created: Option<String>,
}

impl ClientRequest {
    pub(super) fn need(&self) -> Need {
        if matches!(self, Self::List) { Need::Read } else { Need::Change }
    }
}

impl Admin {
    pub(super) async fn client(&self, actor: &Actor, request: ClientRequest) -> Result<AdminResponse, AdminError> {
        let identity = &self.identity;
        match request {
            ClientRequest::List => {
                Ok(AdminResponse::Clients(identity.clients()?.into_iter().map(ClientView::from).collect()))
            }
            ClientRequest::Add { name, redirect_uris, device_flow, scopes } => {
                let new = NewClient { name, redirect_uris, device_flow, scopes };
                Ok(AdminResponse::Client(identity.add_client(actor, new).await?.into()))
            }
            ClientRequest::Remove(client) => {
                Ok(AdminResponse::Client(identity.remove_client(actor, &client).await?.into()))
            }
        }
    }
}

impl From<Client> for ClientView {
    fn from(client: Client) -> Self {
        Self {
            id: client.id,
            name: client.name.to_string(),
            redirect_uris: client.redirect_uris,
            device_flow: client.device_flow,
            scopes: client.scopes,
            built_in: client.created.is_none(),
            created: client.created.map(shown),
        }
    }
}
