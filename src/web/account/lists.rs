//! What is signed in with an account, and by what it signs in, as lines of tables.

use super::program;
use crate::domain::{AccountId, DeviceId};
use crate::identity::web::Visit;
use crate::identity::{Identity, IdentityError};
use crate::web::page::minute;

/// A thing that can be ended.
#[derive(Debug, Clone)]
pub(super) struct Line {
    /// Its id, for the address of its end.
    pub(super) id: String,
    /// What its owner knows it by.
    pub(super) name: String,
    /// More about it.
    pub(super) about: String,
    /// When it was made.
    pub(super) created: String,
    /// When it was last used, or ends.
    pub(super) until: String,
}

/// A signed-in browser.
#[derive(Debug, Clone)]
pub(super) struct Session {
    pub(super) id: String,
    pub(super) program: String,
    pub(super) peer: String,
    pub(super) began: String,
    pub(super) seen: String,
    pub(super) is_this: bool,
}

type Lines = Result<Vec<Line>, IdentityError>;

pub(super) fn groups(identity: &Identity, visit: &Visit) -> Result<Vec<String>, IdentityError> {
    let named = visit.principal.groups.iter().map(|group| identity.group_by_id(*group));
    let mut names: Vec<String> = Vec::new();
    for group in named {
        names.extend(group?.map(|group| group.name.to_string()));
    }
    names.sort();
    Ok(names)
}

pub(super) fn factors(identity: &Identity, account: AccountId) -> Lines {
    let line = |factor: crate::identity::factors::Factor| Line {
        id: factor.id.to_string(),
        about: factor.title().to_owned(),
        created: minute(factor.created),
        until: factor.used.map_or_else(|| "not yet".to_owned(), minute),
        name: factor.label,
    };
    Ok(identity.factors(account)?.into_iter().map(line).collect())
}

pub(super) fn sessions(identity: &Identity, visit: &Visit) -> Result<Vec<Session>, IdentityError> {
    let sessions = identity.web_sessions(visit.principal.account)?.into_iter();
    let session = |session: crate::identity::web::WebSession| Session {
        id: session.id.to_string(),
        program: program::name(&session.agent),
        peer: session.seen_from.to_string(),
        began: minute(session.began),
        seen: minute(session.seen),
        is_this: session.id == visit.session.id,
    };
    Ok(sessions.map(session).collect())
}

pub(super) fn devices(identity: &Identity, account: AccountId) -> Lines {
    let networks = |device: &crate::identity::Device| {
        let networks: Vec<String> = device.networks.iter().map(ToString::to_string).collect();
        if networks.is_empty() { "anywhere".to_owned() } else { networks.join(", ") }
    };
    let line = |device: crate::identity::Device| Line {
        id: device.id.to_string(),
        about: networks(&device),
        created: minute(device.created),
        until: String::new(),
        name: device.name.to_string(),
    };
    Ok(identity.devices_of(account)?.into_iter().map(line).collect())
}

pub(super) fn passes(identity: &Identity, account: AccountId) -> Lines {
    let devices = identity.devices_of(account)?;
    let name = |id: DeviceId| devices.iter().find(|device| device.id == id).map(|device| device.name.to_string());
    let line = |pass: crate::identity::Pass| Line {
        id: pass.id.to_string(),
        name: pass.device.and_then(name).unwrap_or_else(|| "no device".to_owned()),
        about: String::new(),
        created: minute(pass.created),
        until: minute(pass.expires),
    };
    Ok(identity.passes_of(account)?.into_iter().map(line).collect())
}

pub(super) fn tokens(identity: &Identity, account: AccountId) -> Lines {
    let line = |token: crate::identity::Token| Line {
        id: token.id.to_string(),
        about: token.scopes.to_string(),
        created: minute(token.created),
        until: minute(token.expires),
        name: token.label,
    };
    Ok(identity.tokens_of(account)?.into_iter().map(line).collect())
}

pub(super) fn programs(identity: &Identity, account: AccountId) -> Lines {
    let line = |program: crate::identity::oauth::Program| Line {
        id: program.id.to_string(),
        name: program.client_name.to_string(),
        about: program.scopes.to_string(),
        created: minute(program.created),
        until: format!("{} from {}", minute(program.used), program.peer),
    };
    Ok(identity.programs(account)?.into_iter().map(line).collect())
}
