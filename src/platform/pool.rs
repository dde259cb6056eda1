//! A bounded pool for work that blocks: hashing, files, store flushes. Keeps it off the async threads and off each other.

use std::sync::Arc;

use tokio::sync::Semaphore;

use super::Aside;

/// At most so many pieces of blocking work at once; the others wait their turn without holding a thread.
#[derive(Debug, Clone)]
pub struct Pool {
    places: Arc<Semaphore>,
    /// Its own threads, which give way; otherwise the runtime's.
    aside: Option<Arc<Aside>>,
}

/// The work did not finish: it panicked, or the runtime is shutting down. The appliance's side.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a piece of background work did not finish")]
pub struct Unfinished;

impl Pool {
    /// A pool of `places`; at least one.
    pub fn new(places: usize) -> Self {
        Self { places: Arc::new(Semaphore::new(places.max(1))), aside: None }
    }

    /// A pool of `places` for what keeps processors busy: on threads of its own, which give way to everything else.
    pub fn aside(name: &str, places: usize) -> std::io::Result<Self> {
        let places = places.max(1);
        Ok(Self { aside: Some(Arc::new(Aside::for_blocking(name, places)?)), ..Self::new(places) })
    }

    /// Runs `work` on a thread where it may block.
    #[allow(clippy::disallowed_methods, reason = "the one place that takes blocking threads")]
    pub async fn run<T, F>(&self, work: F) -> Result<T, Unfinished>
    where
        T: Send + 'static,
        F: FnOnce() -> T + Send + 'static,
    {
        let place = Arc::clone(&self.places).acquire_owned().await.map_err(|_| Unfinished)?;
        let work = move || {
            let output = work();
            drop(place);
            output
        };
        let done = match self.aside.as_deref().and_then(Aside::handle) {
            Some(aside) => aside.spawn_blocking(work),
            None => tokio::task::spawn_blocking(work),
        };
        done.await.map_err(|_| Unfinished)
    }
}
