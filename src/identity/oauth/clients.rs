//! Clients: programs that may ask to be let in. Administrators register them; the connector is built in.

use serde::{Deserialize, Serialize};

use super::error::OAuthError;
use super::programs::Program;
use super::{programs, redirect};
use crate::audit::{Actor, Entry};
use crate::domain::{Event, Name, Scope, Scopes, Timestamp};
use crate::identity::{Identity, IdentityError};
use crate::store::{self, Change, StoreError};

/// A program that may ask to be let in. It has no secret: what runs on workstations cannot keep one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Client {
    /// Its `client_id`.
    pub id: String,
    /// What people read when it asks.
    pub name: Name,
    /// Where answers to it may be sent.
    pub redirect_uris: Vec<String>,
    /// Whether it may use the device flow.
    pub device_flow: bool,
    /// What it may ask for.
    pub scopes: Scopes,
    /// When it was registered; none for what is built in.
    pub created: Option<Timestamp>,
}

/// A client to be registered.
#[derive(Debug, Clone)]
pub struct NewClient {
    /// What people read when it asks.
    pub name: Name,
    /// Where answers to it may be sent.
    pub redirect_uris: Vec<String>,
    /// Whether it may use the device flow.
    pub device_flow: bool,
    /// What it may ask for.
    pub scopes: Scopes,
}

/// The `client_id` of `gatehouse connect`.
pub const CONNECTOR: &str = "gatehouse-connect";

store::tables! {
    /// Registered clients, by their id.
    Clients = "oauth-clients": String => Client;
}

impl Identity {
    /// Registers a client. Its name is its own: people tell clients by their names.
    pub async fn add_client(&self, actor: &Actor, new: NewClient) -> Result<Client, IdentityError> {
        let fault = |address: &String| redirect::fault(address).map(|why| (address.chars().take(100).collect(), why));
        if let Some((address, why)) = new.redirect_uris.iter().find_map(fault) {
            return Err(IdentityError::Redirect { address, why });
        }
        if new.redirect_uris.len() > MOST_REDIRECTS {
            return Err(IdentityError::TooMany { what: "redirect addresses", limit: MOST_REDIRECTS });
        }
        if new.redirect_uris.is_empty() && !new.device_flow {
            return Err(IdentityError::NoRedirect);
        }
        if new.scopes.is_empty() {
            return Err(IdentityError::NoScope);
        }
        let client = Client {
            id: uuid::Uuid::new_v4().to_string(),
            name: new.name,
            redirect_uris: new.redirect_uris,
            device_flow: new.device_flow,
            scopes: new.scopes,
            created: Some(self.inner.clock.now()),
        };
        let add = move |state: &mut Change<'_>| {
            let others = state.scan::<Clients>()?.into_iter().map(|(_, other)| other);
            if connector().into_iter().chain(others).any(|other| other.name.folded() == client.name.folded()) {
                return Err(IdentityError::NameTaken(client.name.to_string()));
            }
            state.put::<Clients>(&client.id, &client)?;
            Ok(client.clone())
        };
        let entry = |client: &Client| {
            let entry = Entry::new(actor.clone(), "oauth-client.add").subject(client.name.as_str());
            entry.detail("client", &client.id).detail("scopes", &client.scopes)
        };
        self.change(add, entry).await
    }

    /// Every client: what is built in, then what was registered, by name.
    pub fn clients(&self) -> Result<Vec<Client>, IdentityError> {
        let mut clients: Vec<Client> = self.inner.store.scan::<Clients>()?.into_iter().map(|(_, c)| c).collect();
        clients.sort_by_key(|client| client.name.folded());
        Ok(connector().into_iter().chain(clients).collect())
    }

    /// Removes a client, by its id or name. The programs that were let in through it are put out with it: their tokens count no
    /// more, and their sessions end.
    pub async fn remove_client(&self, actor: &Actor, id_or_name: &str) -> Result<Client, IdentityError> {
        let (asked, folded) = (id_or_name.to_owned(), crate::domain::name::fold(id_or_name));
        let remove = move |state: &mut Change<'_>| {
            let meant = |client: &Client| client.id == asked || client.name.folded() == folded;
            if let Some(client) = connector().filter(meant) {
                return Err(IdentityError::BuiltIn(client.name.to_string()));
            }
            let client = state.scan::<Clients>()?.into_iter().map(|(_, client)| client).find(meant);
            let client = client.ok_or_else(|| IdentityError::NoSuch { kind: "client", name: asked.clone() })?;
            state.remove::<Clients>(&client.id)?;
            let programs = programs::forget_client(state, &client.id)?;
            Ok((client, programs))
        };
        let entry = |(client, programs): &(Client, Vec<Program>)| {
            let entry = Entry::new(actor.clone(), "oauth-client.remove").subject(client.name.as_str());
            entry.detail("client", &client.id).detail("programs", programs.len())
        };
        let (client, programs) = self.change(remove, entry).await?;
        programs.iter().for_each(|program| self.publish(Event::ProgramRevoked(program.id)));
        Ok(client)
    }

    /// The client of this id.
    pub(super) fn client(&self, id: &str) -> Result<Client, OAuthError> {
        let built_in = connector().filter(|client| client.id == id);
        let found = match built_in {
            Some(client) => Some(client),
            None if id.len() <= LONGEST_ID => self.inner.store.read::<Clients>(&id.to_owned())?,
            None => None,
        };
        found.ok_or(OAuthError::InvalidClient)
    }
}

impl Client {
    /// The scopes that it asks for, if it may; all that it may where it names none.
    pub(super) fn asked(&self, scope: Option<&str>) -> Result<Scopes, OAuthError> {
        let Some(text) = scope.filter(|text| !text.trim().is_empty()) else { return Ok(self.scopes.clone()) };
        let asked: Scopes = text.parse().map_err(|_| OAuthError::InvalidScope)?;
        if asked.are_within(&self.scopes) { Ok(asked) } else { Err(OAuthError::InvalidScope) }
    }
}

/// Whether a client of this id is there, as a change has it.
pub(super) fn is_registered(state: &Change<'_>, id: &String) -> Result<bool, StoreError> {
    Ok(id == CONNECTOR || state.read::<Clients>(id)?.is_some())
}

fn connector() -> Option<Client> {
    Some(Client {
        id: CONNECTOR.to_owned(),
        name: Name::parse("Gatehouse connector").ok()?,
        redirect_uris: ["http://127.0.0.1/callback", "http://[::1]/callback"].map(str::to_owned).to_vec(),
        device_flow: true,
        scopes: Scopes::of([Scope::Sql, Scope::WorkstationConfig]),
        created: None,
    })
}

const MOST_REDIRECTS: usize = 8;
const LONGEST_ID: usize = 64;
