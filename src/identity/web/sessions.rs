//! Sessions: begun, looked up, listed, ended.

use std::time::Duration;

use super::limits::Limits;
use super::records::{Cookies, LastSignIn, LastSignIns, Origin, SessionKey, WebSession, WebSessions};
use crate::audit::{Actor, Entry};
use crate::domain::{AccountId, Credential, Event, Principal, Secret, Timestamp, WebSessionId};
use crate::identity::generated::{Kind, NoRandomness};
use crate::identity::records::{Account, Accounts, SecretHash};
use crate::identity::{Identity, IdentityError, addresses};
use crate::store::{Change, StoreError, prefix};

/// A request of a signed-in person: the session that it came in, and who it is.
#[derive(Debug, Clone)]
pub struct Visit {
    /// The session.
    pub session: WebSession,
    /// The account, as it is now.
    pub principal: Principal,
    /// When the session ends, unless something is heard from it before.
    pub ends: Timestamp,
}

impl Visit {
    /// The person, as the audit names them.
    pub fn actor(&self) -> Actor {
        Actor::Account { id: self.principal.account, name: self.principal.name.clone() }
    }

    /// Whether the person proved to be there no longer ago than `within`. Sensitive pages ask again otherwise.
    pub fn is_confirmed(&self, now: Timestamp, within: Duration) -> bool {
        now.since(self.session.confirmed) <= within
    }
}

impl Opening {
    /// What the cookie's secret is found by.
    pub(in crate::identity) fn hash(&self) -> SecretHash {
        self.hash
    }
}

/// A session to be begun: all that is random or depends on the time, made before the change.
#[derive(Debug, Clone)]
pub(in crate::identity) struct Opening {
    pub(in crate::identity) id: WebSessionId,
    pub(in crate::identity) secret: Secret,
    hash: SecretHash,
    origin: Origin,
    now: Timestamp,
    limits: Limits,
}

impl Identity {
    /// Who comes with this cookie; nobody when its session is over. Asked at each request.
    pub async fn visit(&self, cookie: &Secret, origin: &Origin) -> Result<Option<Visit>, IdentityError> {
        let found = self.visit_unseen(cookie, origin)?;
        let Some(visit) = &found else { return Ok(None) };
        let now = self.inner.clock.now();
        if now.since(visit.session.seen) >= SEEN_EVERY {
            let (key, from) = ((visit.session.account, visit.session.id), origin.peer);
            let see = move |state: &mut Change<'_>| {
                if let Some(mut session) = state.read::<WebSessions>(&key)?.filter(|session| session.seen < now) {
                    (session.seen, session.seen_from) = (now, from);
                    state.put::<WebSessions>(&key, &session)?;
                }
                Ok::<_, StoreError>(())
            };
            // A session that is not seen only ends earlier.
            if let Err(error) = self.inner.store.change(see).await {
                tracing::warn!(%error, "that a web session is in use could not be written");
            }
        }
        Ok(found)
    }

    fn visit_unseen(&self, cookie: &Secret, origin: &Origin) -> Result<Option<Visit>, StoreError> {
        if Kind::of(cookie.expose()) != Some(Kind::WebSession) {
            return Ok(None);
        }
        let store = &self.inner.store;
        let hash = self.secret_hash(Kind::WebSession, cookie);
        let Some((account, id)) = store.read::<Cookies>(&hash)? else { return Ok(None) };
        let Some(account) = store.read::<Accounts>(&account)? else { return Ok(None) };
        let Some(session) = self.live_web_session(&account, id)?.filter(|session| session.hash == hash) else {
            return Ok(None);
        };
        let ends = self.inner.web.limits.end(&session, account.role);
        let (credential, began) = (Credential::Web(id), session.began);
        let Ok(principal) = self.principal(account, credential, None, origin.peer) else { return Ok(None) };
        Ok(Some(Visit { session, principal: Principal { signed_in: began, ..principal }, ends }))
    }

    /// The session, if it is not over.
    pub(in crate::identity) fn live_web_session(
        &self,
        account: &Account,
        id: WebSessionId,
    ) -> Result<Option<WebSession>, StoreError> {
        let (limits, now) = (self.inner.web.limits, self.inner.clock.now());
        let session = self.inner.store.read::<WebSessions>(&(account.id, id))?;
        Ok(session.filter(|session| is_live(session, account, limits, now)))
    }

    /// The live sessions of an account, the one heard from last first.
    pub fn web_sessions(&self, account: AccountId) -> Result<Vec<WebSession>, IdentityError> {
        let store = &self.inner.store;
        let Some(owner) = store.read::<Accounts>(&account)? else { return Ok(Vec::new()) };
        let (limits, now) = (self.inner.web.limits, self.inner.clock.now());
        let all = store.scan_prefix::<WebSessions>(&prefix(&account))?.into_iter().map(|(_, session)| session);
        let mut live: Vec<WebSession> = all.filter(|session| is_live(session, &owner, limits, now)).collect();
        live.sort_by_key(|session| (std::cmp::Reverse(session.seen), session.id));
        Ok(live)
    }

    /// The last sign-in of an account on the web.
    pub fn last_web_sign_in(&self, account: AccountId) -> Result<Option<LastSignIn>, IdentityError> {
        Ok(self.inner.store.read::<LastSignIns>(&account)?)
    }

    /// Ends one session: by signing out, from the list of one's own, or by an administrator.
    pub async fn end_web_session(
        &self,
        actor: &Actor,
        account: AccountId,
        id: WebSessionId,
    ) -> Result<(), IdentityError> {
        let end = move |state: &mut Change<'_>| {
            let session = state.read::<WebSessions>(&(account, id))?;
            let session = session
                .ok_or_else(|| IdentityError::NoSuch { kind: "web session of this account", name: id.to_string() })?;
            remove(state, &session)?;
            Ok(state.read::<Accounts>(&account)?.map(|account| account.name))
        };
        let entry = |name: &Option<_>| {
            let subject = name.as_ref().map_or_else(|| account.to_string(), ToString::to_string);
            Entry::new(actor.clone(), "web-session.end").subject(subject).detail("web_session", id)
        };
        self.change(end, entry).await?;
        self.publish(Event::WebSessionEnded(id));
        Ok(())
    }

    /// Ends the sessions of an account, but for the one that `except` names. Says how many.
    pub async fn end_web_sessions(
        &self,
        actor: &Actor,
        account: AccountId,
        except: Option<WebSessionId>,
    ) -> Result<usize, IdentityError> {
        let end = move |state: &mut Change<'_>| {
            let owner = state.read::<Accounts>(&account)?;
            let owner = owner.ok_or_else(|| IdentityError::NoSuch { kind: "account", name: account.to_string() })?;
            let mut ended = Vec::new();
            for session in of(state, account)? {
                if Some(session.id) != except {
                    remove(state, &session)?;
                    ended.push(session.id);
                }
            }
            Ok((owner.name, ended))
        };
        let entry = |(name, ended): &(crate::domain::Name, Vec<WebSessionId>)| {
            Entry::new(actor.clone(), "web-session.end-all").subject(name.as_str()).detail("count", ended.len())
        };
        let (_, ended) = self.change(end, entry).await?;
        ended.iter().for_each(|id| self.publish(Event::WebSessionEnded(*id)));
        Ok(ended.len())
    }

    /// What a session to be begun needs that a change cannot make.
    pub(in crate::identity) fn opening(&self, origin: &Origin) -> Result<Opening, NoRandomness> {
        let secret = Kind::WebSession.generate()?;
        Ok(Opening {
            id: WebSessionId::random(),
            hash: self.secret_hash(Kind::WebSession, &secret),
            secret,
            origin: origin.clone(),
            now: self.inner.clock.now(),
            limits: self.inner.web.limits,
        })
    }
}

/// Begins a session within a change. An account that has as many as it may loses the one heard from least lately.
pub(in crate::identity) fn open(
    state: &mut Change<'_>,
    account: &Account,
    opening: &Opening,
    second_factor: bool,
) -> Result<(WebSession, Vec<WebSessionId>), StoreError> {
    let Opening { id, hash, origin, now, limits, .. } = opening;
    let mut ended = Vec::new();
    let (mut live, over): (Vec<_>, Vec<_>) =
        of(state, account.id)?.into_iter().partition(|session| is_live(session, account, *limits, *now));
    live.sort_by_key(|session| std::cmp::Reverse((session.seen, session.id)));
    let surplus = live.split_off(live.len().min(MOST_SESSIONS - 1));
    for session in over.into_iter().chain(surplus) {
        remove(state, &session)?;
        ended.push(session.id);
    }
    let session = WebSession {
        id: *id,
        account: account.id,
        hash: *hash,
        generation: account.generation,
        began: *now,
        seen: *now,
        confirmed: *now,
        second_factor,
        peer: origin.peer,
        seen_from: origin.peer,
        agent: origin.agent.clone(),
        previous: state.read::<LastSignIns>(&account.id)?,
    };
    put(state, &session)?;
    addresses::note(state, account.id, origin.peer, &origin.agent, *now)?;
    let this = LastSignIn { at: *now, peer: origin.peer, agent: origin.agent.clone() };
    state.put::<LastSignIns>(&account.id, &this)?;
    Ok((session, ended))
}

/// A session as a change has it, whether it is over or not.
pub(in crate::identity) fn kept(state: &Change<'_>, key: SessionKey) -> Result<Option<WebSession>, StoreError> {
    state.read::<WebSessions>(&key)
}

/// Lets a session go on under another cookie, for its account as it is now, confirmed a moment ago.
pub(in crate::identity) fn go_on(
    state: &mut Change<'_>,
    session: WebSession,
    account: &Account,
    hash: SecretHash,
    now: Timestamp,
) -> Result<WebSession, StoreError> {
    state.remove::<Cookies>(&session.hash)?;
    let session = WebSession { hash, generation: account.generation, seen: now, confirmed: now, ..session };
    put(state, &session)?;
    Ok(session)
}

/// Ends every session of an account within a change.
pub(in crate::identity) fn end_all(state: &mut Change<'_>, account: AccountId) -> Result<(), StoreError> {
    for session in of(state, account)? {
        remove(state, &session)?;
    }
    Ok(())
}

/// Removes the sessions of an account that are over.
pub(in crate::identity) fn sweep(
    state: &mut Change<'_>,
    account: &Account,
    limits: Limits,
    now: Timestamp,
) -> Result<(), StoreError> {
    let sessions = of(state, account.id)?;
    let over = sessions.iter().filter(|session| !is_live(session, account, limits, now));
    over.into_iter().try_for_each(|session| remove(state, session))
}

/// Removes whatever is kept of a removed account.
pub(in crate::identity) fn forget(state: &mut Change<'_>, account: AccountId) -> Result<(), StoreError> {
    state.remove::<LastSignIns>(&account)?;
    end_all(state, account)
}

pub(super) fn put(state: &mut Change<'_>, session: &WebSession) -> Result<(), StoreError> {
    let key = (session.account, session.id);
    state.put::<WebSessions>(&key, session)?;
    state.put::<Cookies>(&session.hash, &key)
}

pub(super) fn remove(state: &mut Change<'_>, session: &WebSession) -> Result<(), StoreError> {
    state.remove::<WebSessions>(&(session.account, session.id))?;
    state.remove::<Cookies>(&session.hash)
}

fn of(state: &Change<'_>, account: AccountId) -> Result<Vec<WebSession>, StoreError> {
    let sessions = state.scan_prefix::<WebSessions>(&prefix(&account))?;
    Ok(sessions.into_iter().map(|(_, session)| session).collect())
}

pub(super) fn is_live(session: &WebSession, account: &Account, limits: Limits, now: Timestamp) -> bool {
    let holds = account.enabled && !account.has_ended(now) && account.generation == session.generation;
    holds && now < limits.end(session, account.role)
}

/// So many browsers may be signed in for one account.
const MOST_SESSIONS: usize = 20;
/// How exactly it is written when something was heard from a session.
const SEEN_EVERY: Duration = Duration::from_secs(60);
