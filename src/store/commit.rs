//! One writer at a time, and one sync of the disk for all commits that wait for one.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use tokio::sync::Mutex;

use super::engine::{Engine, Writes};
use super::error::StoreError;
use crate::platform::{Lock, Pool};

/// The way of a change into the database and onto the disk.
pub(super) struct Committer {
    shared: Arc<Shared>,
    /// Of one place, so that there is one writer.
    writer: Pool,
    /// Of one place, so that there is one sync at a time.
    syncer: Pool,
    /// The number of the last commit that is known to be on the disk.
    durable: Mutex<u64>,
}

struct Shared {
    engine: Engine,
    /// The number of the last commit that was applied.
    applied: AtomicU64,
    /// How often the disk was synced.
    syncs: AtomicU64,
    /// The first failure of the disk under a commit: from then on nobody knows what it holds.
    fault: OnceLock<String>,
    /// The folder's lock. Last, so that the database is closed before it is given back.
    _lock: Lock,
}

impl Committer {
    /// The committer of a database, under its folder's lock.
    pub(super) fn new(engine: Engine, lock: Lock) -> Self {
        let shared = Shared {
            engine,
            applied: AtomicU64::new(0),
            syncs: AtomicU64::new(0),
            fault: OnceLock::new(),
            _lock: lock,
        };
        Self { shared: Arc::new(shared), writer: Pool::new(1), syncer: Pool::new(1), durable: Mutex::new(0) }
    }

    pub(super) fn engine(&self) -> &Engine {
        &self.shared.engine
    }

    /// Refuses changes once the disk has failed.
    pub(super) fn check(&self) -> Result<(), StoreError> {
        self.shared.check()
    }

    /// Runs `work` as the only writer.
    pub(super) async fn write<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, StoreError> {
        Ok(self.writer.run(work).await?)
    }

    /// Applies the writes of a change and gives the number to wait for. Called by the one writer.
    pub(super) fn apply(&self, writes: Writes) -> Result<u64, StoreError> {
        if writes.is_empty() {
            // What it read may not be on the disk yet, and whoever asked will rely on it.
            return Ok(self.shared.applied.load(Ordering::SeqCst));
        }
        self.shared.engine.apply(writes).map_err(|error| self.shared.fail(error))?;
        Ok(self.shared.applied.fetch_add(1, Ordering::SeqCst) + 1)
    }

    /// Ends when commit `number` is on the disk. The first to wait syncs for all that were applied by then.
    pub(super) async fn until_durable(&self, number: u64) -> Result<(), StoreError> {
        let mut durable = self.durable.lock().await;
        if *durable >= number {
            return Ok(());
        }
        let shared = Arc::clone(&self.shared);
        *durable = self.syncer.run(move || shared.sync()).await??;
        Ok(())
    }

    /// How often the disk was synced.
    #[cfg(test)]
    pub(super) fn syncs(&self) -> u64 {
        self.shared.syncs.load(Ordering::SeqCst)
    }
}

impl Shared {
    fn check(&self) -> Result<(), StoreError> {
        match self.fault.get() {
            None => Ok(()),
            Some(cause) => Err(StoreError::Faulted { cause: cause.clone() }),
        }
    }

    fn fail(&self, error: StoreError) -> StoreError {
        let _ = self.fault.set(error.to_string());
        tracing::error!(error = %error, "the store takes no more changes: its disk failed under a commit");
        error
    }

    /// Syncs, and gives the number of the last commit that is durable now.
    fn sync(&self) -> Result<u64, StoreError> {
        self.check()?;
        let applied = self.applied.load(Ordering::SeqCst);
        self.engine.sync().map_err(|error| self.fail(error))?;
        self.syncs.fetch_add(1, Ordering::SeqCst);
        Ok(applied)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn commits_that_wait_together_share_one_sync_of_the_disk() {
        let folder = tempfile::tempdir().unwrap();
        let lock = Lock::take(&folder.path().join("lock")).unwrap().unwrap();
        let committer = Committer::new(Engine::open(&folder.path().join("sled")).unwrap(), lock);
        let commit = |number: u8| committer.apply(Writes::from([(vec![number], Some(vec![number]))])).unwrap();
        let numbers: Vec<u64> = (0..10).map(commit).collect();
        let waiting = numbers.iter().map(|number| committer.until_durable(*number));
        assert!(futures_util::future::join_all(waiting).await.iter().all(Result::is_ok));
        assert_eq!(committer.syncs(), 1);

        // One that comes later waits for a sync of its own; one that wrote nothing, and finds all durable, for none.
        committer.until_durable(commit(10)).await.unwrap();
        committer.until_durable(committer.apply(Writes::new()).unwrap()).await.unwrap();
        assert_eq!(committer.syncs(), 2);
    }
}
