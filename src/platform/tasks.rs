//! The one supervisor of background tasks: every task is counted, can be told to stop, and its panic is reported.

use std::future::Future;
use std::time::Duration;

use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::clock::{Clock, Elapsed, within};

/// A group of tasks that stop together. Clones share the group.
#[derive(Debug, Clone, Default)]
pub struct Tasks {
    tracker: TaskTracker,
    stop: CancellationToken,
}

impl Tasks {
    /// An empty group.
    pub fn new() -> Self {
        Self::default()
    }

    /// Runs `work` in the background under `name`. It should end soon after [`Tasks::stopping`] does.
    #[allow(clippy::disallowed_methods, reason = "the one place that spawns")]
    pub fn spawn<F>(&self, name: &'static str, work: F) -> tokio::task::JoinHandle<()>
    where
        F: Future<Output = ()> + Send + 'static,
    {
        self.tracker.spawn(async move {
            let work = std::panic::AssertUnwindSafe(work);
            if futures_util::FutureExt::catch_unwind(work).await.is_err() {
                tracing::error!(task = name, "a background task panicked; this is a defect of the appliance");
            }
        })
    }

    /// Ends when the group was told to stop.
    pub fn stopping(&self) -> tokio_util::sync::WaitForCancellationFutureOwned {
        self.stop.clone().cancelled_owned()
    }

    /// Whether the group was told to stop.
    pub fn is_stopping(&self) -> bool {
        self.stop.is_cancelled()
    }

    /// Tells every task to stop, without waiting.
    pub fn stop(&self) {
        self.stop.cancel();
        self.tracker.close();
    }

    /// Tells every task to stop and waits for them, for at most `grace`.
    pub async fn drain(&self, clock: &dyn Clock, grace: Duration) -> Result<(), Elapsed> {
        self.stop();
        within(clock, grace, self.tracker.wait()).await
    }
}
