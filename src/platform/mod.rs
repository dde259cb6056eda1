//! What the operating system gives: time, tasks, threads for blocking work, names looked up, files and their rights, who holds a port, signals, systemd.

pub mod aside;
pub mod clock;
pub mod descriptors;
pub mod files;
pub mod holder;
pub mod lock;
pub mod outward;
pub mod pool;
pub mod resolve;
pub mod signals;
pub mod systemd;
pub mod tasks;
pub mod trust_store;

pub use aside::Aside;
pub use clock::{Clock, ManualClock, SystemClock};
pub use lock::Lock;
pub use outward::outward_addresses;
pub use pool::Pool;
pub use resolve::{Resolve, Resolving, SystemResolver};
pub use signals::{Signal, Signals};
pub use tasks::Tasks;
