//! What happened that other rooms may have to act on. Rooms publish; `app` subscribes on behalf of higher rooms.

use std::sync::{Arc, RwLock};

use super::{
    AccountId, DatabaseId, DeviceId, GrantId, GroupId, IntegrationId, PassId, ProgramId, ServerId, TokenId,
    WebSessionId,
};

/// A change that is durable already. Whoever listens re-checks what depends on it; nothing is carried but the ids.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// Disabled, enabled, removed, given another password, role or policy.
    AccountChanged(AccountId),
    /// An account is gone: what refers to it can go too.
    AccountRemoved(AccountId),
    /// Members came or went.
    GroupChanged(GroupId),
    /// A group is gone: what refers to it can go too.
    GroupRemoved(GroupId),
    /// A device's secret no longer counts.
    DeviceRevoked(DeviceId),
    /// A SQL pass no longer counts.
    PassRevoked(PassId),
    /// An access token no longer counts.
    TokenRevoked(TokenId),
    /// Second factors of an account came or went, or whether it must have one changed.
    FactorsChanged(AccountId),
    /// From where gateway sign-ins may come has changed.
    AddressesChanged,
    /// A program that somebody let in was put out.
    ProgramRevoked(ProgramId),
    /// A web session ended before its time.
    WebSessionEnded(WebSessionId),
    /// A grant was added or changed.
    GrantChanged(GrantId),
    /// A grant was taken away.
    GrantRemoved(GrantId),
    /// An alias points elsewhere, or is gone.
    DatabaseChanged(DatabaseId),
    /// A server's address or TLS rule changed, or it is gone.
    ServerChanged(ServerId),
    /// A service beside the databases was added, changed or removed.
    IntegrationChanged(IntegrationId),
}

type Listener = Arc<dyn Fn(&Event) + Send + Sync>;

/// The house's one event line: listeners are called at once, on the publisher's thread, and must not block.
#[derive(Clone, Default)]
pub struct Events {
    listeners: Arc<RwLock<Vec<Listener>>>,
}

impl Events {
    /// A line that nobody listens to yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Calls `listener` for each event from now on.
    pub fn listen(&self, listener: impl Fn(&Event) + Send + Sync + 'static) {
        let mut listeners = self.listeners.write().unwrap_or_else(std::sync::PoisonError::into_inner);
        listeners.push(Arc::new(listener));
    }

    /// Tells every listener.
    pub fn publish(&self, event: &Event) {
        let listeners = self.listeners.read().unwrap_or_else(std::sync::PoisonError::into_inner).clone();
        for listener in listeners {
            listener(event);
        }
    }
}

impl std::fmt::Debug for Events {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Events")
    }
}
