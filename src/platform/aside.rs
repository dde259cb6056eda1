//! Threads that give way. Sessions exchange packets on the main runtime; what may wait behind them runs aside: pages, and the
//! hashing of passwords. A storm of sign-ins then has neither a place in the sessions' queue nor their share of the processors.

use std::future::Future;

use tokio::runtime::{Builder, Handle, Runtime};

/// A runtime of its own, whose threads have a lower priority where the system lets them (Linux). What runs on it is given up
/// when this is dropped: stop it before.
#[derive(Debug)]
pub struct Aside(Option<Runtime>);

impl Aside {
    /// For tasks: as many threads as there are processors.
    pub fn for_tasks(name: &str) -> std::io::Result<Self> {
        Self::build(Builder::new_multi_thread().thread_name(name))
    }

    /// For work that blocks: at most so many threads.
    pub fn for_blocking(name: &str, threads: usize) -> std::io::Result<Self> {
        Self::build(Builder::new_current_thread().thread_name(name).max_blocking_threads(threads.max(1)))
    }

    fn build(builder: &mut Builder) -> std::io::Result<Self> {
        Ok(Self(Some(builder.enable_all().on_thread_start(give_way).build()?)))
    }

    /// Runs `work` aside. It is given up when nobody waits for it any more.
    #[allow(clippy::disallowed_methods, reason = "whoever waits is a task of the group, and counted there")]
    pub async fn run<F>(&self, work: F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let Some(handle) = self.handle() else { return };
        let mut running = GivenUp(handle.spawn(work));
        if (&mut running.0).await.is_err_and(|error| error.is_panic()) {
            tracing::error!("a task aside panicked; this is a defect of the appliance");
        }
    }

    /// Where its work is spawned; nothing once it ends.
    pub(super) fn handle(&self) -> Option<&Handle> {
        self.0.as_ref().map(Runtime::handle)
    }
}

impl Drop for Aside {
    fn drop(&mut self) {
        // Dropping a runtime waits for its threads, which an async thread must not do.
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}

/// A task that ends with who waits for it.
struct GivenUp(tokio::task::JoinHandle<()>);

impl Drop for GivenUp {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Behind every thread of a usual priority, and still with a share of a busy machine. On Linux it is the thread's own; elsewhere it
/// would be the whole process's.
#[cfg(target_os = "linux")]
fn give_way() {
    const NICER: i32 = 10;
    if let Err(error) = rustix::process::nice(NICER) {
        tracing::debug!(%error, "a thread keeps its priority");
    }
}

#[cfg(not(target_os = "linux"))]
fn give_way() {}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use super::*;

    #[cfg(target_os = "linux")]
    #[tokio::test]
    async fn its_threads_give_way_and_the_others_do_not() {
        let own = || rustix::process::getpriority_process(None).unwrap();
        let before = own();
        let aside = Aside::for_tasks("aside").unwrap();
        let (tell, told) = tokio::sync::oneshot::channel();
        aside.run(async move { tell.send(own()).unwrap() }).await;
        assert_eq!((told.await.unwrap(), own()), ((before + 10).min(19), before));
    }

    #[tokio::test]
    async fn work_ends_with_who_waits_for_it_and_a_panic_reaches_nobody() {
        let aside = Arc::new(Aside::for_tasks("aside").unwrap());
        let (held, ended) = tokio::sync::oneshot::channel::<()>();
        let waiting = aside.run(async move {
            let _held = held;
            std::future::pending::<()>().await;
        });
        assert!(tokio::time::timeout(Duration::from_millis(10), waiting).await.is_err());
        assert!(ended.await.is_err(), "it was dropped");
        aside.run(async { panic!("of a test") }).await;
        drop(aside); // inside a runtime
    }
}
