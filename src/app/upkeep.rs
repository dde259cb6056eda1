//! What the appliance does by itself, now and then: the verified export that an opening that fails falls back to, room made of
//! what is past its time, and a look whether the services beside the databases can still be reached.

use std::sync::Arc;
use std::time::Duration;

use crate::identity::Identity;
use crate::platform::{Clock, Pool, Resolve, Tasks};
use crate::state::State;
use crate::store::Store;
use crate::workstation::integrations::{Checker, IntegrationError, Integrations};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// How often is looked for a service whose last check is a day old.
const LOOK_EVERY: Duration = Duration::from_secs(60 * 60);

/// Begins all of it, until `tasks` are told to stop.
pub(super) fn start(state: &State, resolver: Arc<dyn Resolve>, clock: &Arc<dyn Clock>, tasks: &Tasks) {
    let (store, identity) = (state.store.clone(), state.identity.clone());
    until_stopped("exports", tasks, export_daily(store, identity, Arc::clone(clock)));
    let integrations = state.integrations.clone();
    until_stopped("integration checks", tasks, check_daily(integrations, resolver, Arc::clone(clock)));
}

fn until_stopped(name: &'static str, tasks: &Tasks, work: impl Future<Output = ()> + Send + 'static) {
    let stopping = tasks.stopping();
    tasks.spawn(name, async move {
        tokio::select! {
            () = work => {}
            () = stopping => {}
        }
    });
}

async fn export_daily(store: Store, identity: Identity, clock: Arc<dyn Clock>) {
    loop {
        if let Err(error) = identity.sweep().await {
            tracing::warn!(%error, "what is past its time could not be removed");
        }
        if let Err(error) = store.export().await {
            tracing::error!(%error, "the store could not be exported; the exports there are get older");
        }
        clock.sleep(DAY).await;
    }
}

async fn check_daily(integrations: Integrations, resolver: Arc<dyn Resolve>, clock: Arc<dyn Clock>) {
    loop {
        if let Err(error) = check_due(&integrations, &resolver).await {
            tracing::warn!(%error, "the services beside the databases could not be checked");
        }
        clock.sleep(LOOK_EVERY).await;
    }
}

async fn check_due(integrations: &Integrations, resolver: &Arc<dyn Resolve>) -> Result<(), IntegrationError> {
    let due = integrations.due(DAY)?;
    if due.is_empty() {
        return Ok(());
    }
    let resolver = Arc::clone(resolver);
    // It reads the system's authorities.
    let Ok(checker) = Pool::new(1).run(move || Checker::new(resolver)).await else { return Ok(()) };
    for (one, before) in due {
        let now = integrations.check(&one, &checker).await?;
        if now.is_well() != before.is_well() {
            let (name, well) = (one.name.as_str(), now.is_well());
            tracing::warn!(
                integration = name,
                well,
                "a check found a service beside the databases otherwise than before"
            );
        }
    }
    Ok(())
}
