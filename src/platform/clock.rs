//! The one clock of the house: wall time, a monotonic time, and waiting. Tests own it through [`ManualClock`].

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use crate::domain::Timestamp;

/// A future that ends when a time has come.
pub type Wait = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Where time comes from.
pub trait Clock: Send + Sync + 'static {
    /// The wall clock, in UTC.
    fn now(&self) -> Timestamp;

    /// Time since some fixed point, which never goes back: for intervals and limits.
    fn monotonic(&self) -> Duration;

    /// Ends after `duration` of monotonic time.
    fn sleep(&self, duration: Duration) -> Wait;
}

/// The limit passed before the work was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("took longer than its time limit")]
pub struct Elapsed;

/// Runs `work`, but no longer than `limit` by `clock`.
pub async fn within<F: Future>(clock: &dyn Clock, limit: Duration, work: F) -> Result<F::Output, Elapsed> {
    tokio::select! {
        biased;
        output = work => Ok(output),
        () = clock.sleep(limit) => Err(Elapsed),
    }
}

/// The machine's clock.
#[derive(Debug)]
pub struct SystemClock {
    started: std::time::Instant,
}

impl SystemClock {
    /// The machine's clock, its monotonic part counted from now.
    #[allow(clippy::disallowed_methods, reason = "the one place that reads the machine's clock")]
    pub fn new() -> Arc<Self> {
        Arc::new(Self { started: std::time::Instant::now() })
    }
}

impl Clock for SystemClock {
    #[allow(clippy::disallowed_methods, reason = "the one place that reads the machine's clock")]
    fn now(&self) -> Timestamp {
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        Timestamp::from_millis(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
    }

    fn monotonic(&self) -> Duration {
        self.started.elapsed()
    }

    fn sleep(&self, duration: Duration) -> Wait {
        Box::pin(tokio::time::sleep(duration))
    }
}

/// A clock that moves only when told to.
#[derive(Debug)]
pub struct ManualClock {
    start: Timestamp,
    passed: watch::Sender<Duration>,
}

impl ManualClock {
    /// A clock that stands at `start`.
    pub fn starting_at(start: Timestamp) -> Arc<Self> {
        Arc::new(Self { start, passed: watch::Sender::new(Duration::ZERO) })
    }

    /// Moves time forward and wakes whoever waited for it.
    pub fn advance(&self, by: Duration) {
        self.passed.send_modify(|passed| *passed = passed.saturating_add(by));
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        self.start.after(*self.passed.borrow())
    }

    fn monotonic(&self) -> Duration {
        *self.passed.borrow()
    }

    fn sleep(&self, duration: Duration) -> Wait {
        let mut passed = self.passed.subscribe();
        let until = passed.borrow().saturating_add(duration);
        Box::pin(async move {
            if passed.wait_for(|now| *now >= until).await.is_err() {
                // The clock is gone, so its time will never come.
                std::future::pending::<()>().await;
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_manual_clock_wakes_a_sleeper_when_its_time_has_come_and_not_before() {
        let clock = ManualClock::starting_at(Timestamp::from_millis(0));
        let mut sleeper = clock.sleep(Duration::from_secs(10));
        clock.advance(Duration::from_secs(9));
        assert!(futures_util::poll!(&mut sleeper).is_pending());
        clock.advance(Duration::from_secs(1));
        sleeper.await;
        assert_eq!(clock.now(), Timestamp::from_millis(10_000));
    }

    #[tokio::test]
    async fn work_that_outlasts_its_limit_is_stopped() {
        let clock = ManualClock::starting_at(Timestamp::from_millis(0));
        let (stuck, advance) = (std::future::pending::<()>(), async { clock.advance(Duration::from_secs(5)) });
        let (outcome, ()) = tokio::join!(within(&*clock, Duration::from_secs(5), stuck), advance);
        assert_eq!(outcome, Err(Elapsed));
    }
}
