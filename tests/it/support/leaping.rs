//! The machine's clock, which a test can make leap ahead: for what happens in hours, with servers that live in real time.

use std::sync::Arc;
use std::time::Duration;

use gatehouse::domain::Timestamp;
use gatehouse::platform::clock::Wait;
use gatehouse::platform::{Clock, SystemClock};
use tokio::sync::watch;

pub struct LeapingClock {
    system: Arc<SystemClock>,
    leapt: watch::Sender<Duration>,
}

impl LeapingClock {
    pub fn new() -> Arc<Self> {
        Arc::new(Self { system: SystemClock::new(), leapt: watch::Sender::new(Duration::ZERO) })
    }

    /// So much time has passed at once; whoever waited for it wakes.
    pub fn leap(&self, by: Duration) {
        self.leapt.send_modify(|leapt| *leapt += by);
    }
}

impl Clock for LeapingClock {
    fn now(&self) -> Timestamp {
        self.system.now().after(*self.leapt.borrow())
    }

    fn monotonic(&self) -> Duration {
        self.system.monotonic() + *self.leapt.borrow()
    }

    fn sleep(&self, duration: Duration) -> Wait {
        let (system, mut leapt) = (Arc::clone(&self.system), self.leapt.subscribe());
        let until = self.monotonic() + duration;
        Box::pin(async move {
            loop {
                let left = until.saturating_sub(system.monotonic() + *leapt.borrow_and_update());
                tokio::select! {
                    () = system.sleep(left) => return,
                    leapt = leapt.changed() => if leapt.is_err() { std::future::pending::<()>().await },
                }
            }
        })
    }
}
