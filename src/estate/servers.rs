//! Servers: added, found, re-addressed, removed.

use super::databases::remove_database;
use super::error::EstateError;
use super::records::{Database, Databases, Server, ServerNames, Servers};
use super::{Dependents, Estate};
use crate::audit::{Actor, Entry};
use crate::domain::{Event, Name, ServerId};
use crate::store::Change;
use crate::upstream::{Target, TlsRule};

impl Estate {
    /// Adds a server.
    pub async fn add_server(&self, actor: &Actor, name: Name, target: Target) -> Result<Server, EstateError> {
        check(&target)?;
        let server = Server { id: ServerId::random(), name, target, revision: 1, created: self.inner.clock.now() };
        let insert = move |state: &mut Change<'_>| {
            if state.read::<ServerNames>(&server.name.folded())?.is_some() {
                return Err(EstateError::NameTaken(server.name.to_string()));
            }
            state.put::<ServerNames>(&server.name.folded(), &server.id)?;
            state.put::<Servers>(&server.id, &server)?;
            Ok(server.clone())
        };
        let server = self.change(insert, entry(actor, "server.add")).await?;
        self.publish(Event::ServerChanged(server.id));
        Ok(server)
    }

    /// Every server, by name.
    pub fn servers(&self) -> Result<Vec<Server>, EstateError> {
        let mut servers: Vec<Server> = self.inner.store.scan::<Servers>()?.into_iter().map(|(_, s)| s).collect();
        servers.sort_by_key(|server| server.name.folded());
        Ok(servers)
    }

    /// The server with this name or id.
    pub fn server(&self, name_or_id: &str) -> Result<Server, EstateError> {
        let by_name = self.inner.store.read::<ServerNames>(&crate::domain::name::fold(name_or_id))?;
        let id = by_name.or_else(|| name_or_id.parse().ok());
        let found = id.map(|id| self.inner.store.read::<Servers>(&id)).transpose()?.flatten();
        found.ok_or_else(|| EstateError::NoSuch { kind: "server", name: name_or_id.to_owned() })
    }

    /// Gives a server another address or another rule for its certificate. Sessions there end; not where it has both already.
    pub async fn set_target(&self, actor: &Actor, id: ServerId, target: Target) -> Result<Server, EstateError> {
        check(&target)?;
        let alter = move |state: &mut Change<'_>| {
            let mut server = state.read::<Servers>(&id)?.ok_or_else(|| no_such(id))?;
            if server.target != target {
                server.target = target.clone();
                server.revision = server.revision.saturating_add(1);
                state.put::<Servers>(&id, &server)?;
            }
            Ok(server)
        };
        let server = self.change(alter, entry(actor, "server.change")).await?;
        self.publish(Event::ServerChanged(id));
        Ok(server)
    }

    /// Removes a server.
    pub async fn remove_server(
        &self,
        actor: &Actor,
        id: ServerId,
        dependents: Dependents,
    ) -> Result<Server, EstateError> {
        let remove = move |state: &mut Change<'_>| {
            let server = state.read::<Servers>(&id)?.ok_or_else(|| no_such(id))?;
            let on_it = |(_, database): &(_, Database)| database.server == id;
            let databases: Vec<_> = state.scan::<Databases>()?.into_iter().filter(on_it).collect();
            if dependents == Dependents::Refuse && !databases.is_empty() {
                let what = format!("server {}", server.name);
                return Err(EstateError::InUse { what, count: databases.len(), by: "databases" });
            }
            let mut events = vec![Event::ServerChanged(id)];
            for (_, database) in databases {
                events.extend(remove_database(state, &database, dependents)?);
            }
            state.remove::<ServerNames>(&server.name.folded())?;
            state.remove::<Servers>(&id)?;
            Ok((server, events))
        };
        let entry = |(server, events): &(Server, Vec<Event>)| {
            let entry = Entry::new(actor.clone(), "server.remove").subject(server.name.as_str());
            entry.detail("with-it", events.len().saturating_sub(1).to_string())
        };
        let (server, events) = self.change(remove, entry).await?;
        events.into_iter().for_each(|event| self.publish(event));
        Ok(server)
    }
}

fn check(target: &Target) -> Result<(), EstateError> {
    let host = target.host.as_str();
    if host.is_empty() || host.len() > 253 || host.chars().any(|c| c.is_control() || c.is_whitespace() || c == '/') {
        return Err(EstateError::Invalid("a server's host is a DNS name or an IP address"));
    }
    if target.port == 0 {
        return Err(EstateError::Invalid("a server's port is between 1 and 65535"));
    }
    if target.routing_allowed.iter().map(String::len).sum::<usize>() > 512 {
        return Err(EstateError::Invalid("the list of hosts that routing may lead to is too long"));
    }
    match &target.tls {
        // The whole record has to stay under the store's 4 KiB.
        TlsRule::Authority { pem } if pem.len() > 2560 => {
            Err(EstateError::Invalid("pin one certificate, of the authority itself: 2.5 KiB of PEM at most"))
        }
        TlsRule::Certificate { sha256 } if sha256.chars().filter(char::is_ascii_hexdigit).count() != 64 => {
            Err(EstateError::Invalid("a pinned certificate is named by the 64 hexadecimal digits of its SHA-256"))
        }
        _ => Ok(()),
    }
}

fn entry(actor: &Actor, action: &'static str) -> impl Fn(&Server) -> Entry {
    move |server| {
        let entry = Entry::new(actor.clone(), action).subject(server.name.as_str());
        let Target { host, port, tls, .. } = &server.target;
        entry.detail("address", format!("{host}:{port}")).detail("certificate", rule_name(tls))
    }
}

fn rule_name(rule: &TlsRule) -> &'static str {
    match rule {
        TlsRule::SystemRoots => "system-roots",
        TlsRule::Authority { .. } => "pinned-authority",
        TlsRule::Certificate { .. } => "pinned-certificate",
        TlsRule::TrustAnything => "trust-anything",
    }
}

fn no_such(id: ServerId) -> EstateError {
    EstateError::NoSuch { kind: "server", name: id.to_string() }
}
