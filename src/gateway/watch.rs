//! The watch over live sessions: at each event, and once a second for what time alone decides.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;

use super::registry::Registry;
use super::serve::Parts;
use super::session::{Session, Why};
use crate::config;
use crate::domain::Timestamp;
use crate::estate::Estate;
use crate::identity::Identity;
use crate::platform::Tasks;

/// Starts the watch. When `tasks` are told to stop it ends what sessions are left, and then itself.
pub(super) fn start(parts: &Arc<Parts>, registry: &Registry, tasks: &Tasks) {
    let changed = Arc::new(Notify::new());
    let ring = Arc::downgrade(&changed);
    // Listeners outlive gateways; this one then finds nobody to wake.
    parts.events.listen(move |_| {
        if let Some(changed) = ring.upgrade() {
            changed.notify_one();
        }
    });
    let (parts, registry, stopping) = (Arc::clone(parts), registry.clone(), tasks.stopping());
    tasks.spawn("gateway watch", async move {
        let rounds = rounds(&parts, &registry, &changed);
        let over = async {
            stopping.await;
            registry.close();
            registry.end_all(Why::Stopping);
            registry.emptied().await;
        };
        tokio::select! {
            () = rounds => {}
            () = over => {}
        }
    });
}

async fn rounds(parts: &Parts, registry: &Registry, changed: &Notify) {
    let Parts { identity, estate, settings, clock, .. } = parts;
    for round in 1_u64.. {
        let told = tokio::select! {
            () = changed.notified() => true,
            () = clock.sleep(EACH_ROUND) => false,
        };
        // What the store says is read after an event, and otherwise now and then, in case one was missed.
        let ask = told || round.is_multiple_of(ASK_EVERY);
        registry
            .review(|session, now| {
                let late = overdue(session, settings, clock.now(), now);
                late.or_else(|| ask.then(|| standing(identity, estate, session)).flatten())
            })
            .await;
    }
}

/// Why a session may not go on, as far as its account and its grant decide.
pub(super) fn standing(identity: &Identity, estate: &Estate, session: &Session) -> Option<Why> {
    // The groups of today: whoever left the group that the grant came through has lost it.
    let Some(principal) = identity.current(&session.principal) else { return Some(Why::NoLongerValid) };
    (!estate.still_granted(&principal, &session.route)).then_some(Why::NoLongerGranted)
}

/// Why a session may not go on, as far as time decides. A limit of zero is none.
fn overdue(session: &Session, settings: &config::Gateway, now: Timestamp, monotonic: Duration) -> Option<Why> {
    let config::Gateway { idle_limit, absolute_limit, .. } = *settings;
    if session.principal.expires.is_some_and(|expires| expires <= now) {
        return Some(Why::NoLongerValid);
    }
    if !absolute_limit.is_zero() && monotonic.saturating_sub(session.began) >= absolute_limit {
        return Some(Why::TooOld);
    }
    let idle =
        !idle_limit.is_zero() && !session.counters.is_awaiting() && session.counters.idle(monotonic) >= idle_limit;
    idle.then_some(Why::Idle)
}

const EACH_ROUND: Duration = Duration::from_secs(1);
const ASK_EVERY: u64 = 15;
