//! The live sessions: listed, limited, ended, re-checked.
//!
//! A session is in here before its last validity check and before its workstation sees a login response. So whoever
//! disables an account either finds its session here, or the session's own last check finds the account disabled.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::watch;

use super::session::{Opening, Session, Summary, Why};
use crate::domain::{AccountId, SessionId};
use crate::platform::Clock;

/// The live sessions of one gateway. Clones share them.
#[derive(Clone)]
pub struct Registry {
    shared: Arc<Shared>,
}

struct Shared {
    clock: Arc<dyn Clock>,
    limits: Limits,
    state: Mutex<State>,
    count: watch::Sender<usize>,
}

#[derive(Debug, Default)]
struct State {
    sessions: HashMap<SessionId, Arc<Session>>,
    of_account: HashMap<AccountId, usize>,
    draining: bool,
}

/// How many sessions there may be; zero is no limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Of one account.
    pub per_account: usize,
    /// In all.
    pub total: usize,
}

/// Why there is no place for another session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum NoPlace {
    /// The account has as many sessions as it may have. The workstation's side.
    #[error("the account has {0} sessions already")]
    Account(usize),
    /// The appliance serves as many sessions as it may. The operator's side.
    #[error("the appliance serves {0} sessions already")]
    Total(usize),
    /// The appliance stops and takes no new logins. The appliance's side.
    #[error("the appliance is stopping")]
    Draining,
}

impl Registry {
    /// A registry without sessions.
    pub fn new(clock: Arc<dyn Clock>, limits: Limits) -> Self {
        let (state, count) = (Mutex::default(), watch::Sender::new(0));
        Self { shared: Arc::new(Shared { clock, limits, state, count }) }
    }

    /// What lists show, oldest first.
    pub fn list(&self) -> Vec<Summary> {
        let now = self.shared.clock.monotonic();
        let mut list: Vec<_> = self.sessions().iter().map(|session| session.summary(now)).collect();
        list.sort_by_key(|summary| (summary.since, summary.id));
        list
    }

    /// How many sessions there are.
    pub fn count(&self) -> usize {
        self.shared.state().sessions.len()
    }

    /// How many sessions there may be.
    pub fn limits(&self) -> Limits {
        self.shared.limits
    }

    /// Ends one session; tells whether there was such a session that was not ending already.
    pub fn end(&self, id: &SessionId) -> bool {
        let session = self.shared.state().sessions.get(id).cloned();
        session.is_some_and(|session| session.end(Why::Administrator))
    }

    /// Ends every session of an account; tells how many.
    pub fn end_account(&self, account: &AccountId) -> usize {
        let theirs = |session: &Arc<Session>| session.principal.account == *account;
        self.sessions().into_iter().filter(theirs).filter(|session| session.end(Why::Administrator)).count()
    }

    /// Takes no new sessions from now on.
    pub fn close(&self) {
        self.shared.state().draining = true;
    }

    /// Whether new sessions are refused because the appliance stops.
    pub fn is_closed(&self) -> bool {
        self.shared.state().draining
    }

    /// Ends every session.
    pub fn end_all(&self, why: Why) {
        for session in self.sessions() {
            session.end(why);
        }
    }

    /// Ends when there are no sessions.
    pub async fn emptied(&self) {
        let mut count = self.shared.count.subscribe();
        // The sender lives as long as `self` does, so waiting cannot fail.
        let _ = count.wait_for(|count| *count == 0).await;
    }

    /// Ends each session that `verdict` finds a reason against. Gives way to other tasks now and then.
    pub(super) async fn review(&self, verdict: impl Fn(&Session, Duration) -> Option<Why>) {
        for some in self.sessions().chunks(REVIEWED_AT_ONCE) {
            let now = self.shared.clock.monotonic();
            for session in some.iter().filter(|session| session.why().is_none()) {
                if let Some(why) = verdict(session, now) {
                    session.end(why);
                }
            }
            tokio::task::yield_now().await;
        }
    }

    /// Takes a place for a session, and holds it until the answer is dropped.
    pub(super) fn register(&self, opening: Opening) -> Result<Registered, NoPlace> {
        let account = opening.principal.account;
        let Limits { per_account, total } = self.shared.limits;
        let mut state = self.shared.state();
        if state.draining {
            return Err(NoPlace::Draining);
        }
        if total > 0 && state.sessions.len() >= total {
            return Err(NoPlace::Total(total));
        }
        let of_account = state.of_account.entry(account).or_default();
        if per_account > 0 && *of_account >= per_account {
            return Err(NoPlace::Account(per_account));
        }
        *of_account += 1;
        let session = Arc::new(Session::open(opening));
        state.sessions.insert(session.id, Arc::clone(&session));
        self.shared.count.send_replace(state.sessions.len());
        Ok(Registered { session, shared: Arc::clone(&self.shared) })
    }

    fn sessions(&self) -> Vec<Arc<Session>> {
        self.shared.state().sessions.values().cloned().collect()
    }
}

/// A session's place in the registry; dropping it gives the place back.
pub(super) struct Registered {
    session: Arc<Session>,
    shared: Arc<Shared>,
}

impl std::ops::Deref for Registered {
    type Target = Session;
    fn deref(&self) -> &Session {
        &self.session
    }
}

impl Drop for Registered {
    fn drop(&mut self) {
        let mut state = self.shared.state();
        state.sessions.remove(&self.session.id);
        let account = self.session.principal.account;
        if let Some(count) = state.of_account.get_mut(&account) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                state.of_account.remove(&account);
            }
        }
        self.shared.count.send_replace(state.sessions.len());
    }
}

impl std::fmt::Debug for Registry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Registry").field("count", &self.count()).finish_non_exhaustive()
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A review of ten thousand sessions must not hold up the relays.
const REVIEWED_AT_ONCE: usize = 256;
