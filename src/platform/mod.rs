//! What the operating system gives: time, tasks, threads for blocking work, files and their rights, signals.

pub mod clock;
pub mod pool;
pub mod tasks;

pub use clock::{Clock, ManualClock, SystemClock};
pub use pool::Pool;
pub use tasks::Tasks;
