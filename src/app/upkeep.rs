//! What the appliance does by itself, now and then: the verified export that an opening that fails falls back to, and room
//! made of what is past its time.

use std::sync::Arc;
use std::time::Duration;

use crate::identity::Identity;
use crate::platform::{Clock, Tasks};
use crate::store::Store;

/// Between two exports.
const EXPORT_EVERY: Duration = Duration::from_secs(24 * 60 * 60);

/// Sweeps and exports the store at the start and then daily, until `tasks` are told to stop.
pub(super) fn start(store: Store, identity: Identity, clock: Arc<dyn Clock>, tasks: &Tasks) {
    let stopping = tasks.stopping();
    tasks.spawn("exports", async move {
        let exports = async {
            loop {
                if let Err(error) = identity.sweep().await {
                    tracing::warn!(%error, "what is past its time could not be removed");
                }
                if let Err(error) = store.export().await {
                    tracing::error!(%error, "the store could not be exported; the exports there are get older");
                }
                clock.sleep(EXPORT_EVERY).await;
            }
        };
        tokio::select! {
            () = exports => {}
            () = stopping => {}
        }
    });
}
