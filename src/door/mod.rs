//! The listeners: bound in a first phase, served in a second. Each connection is told apart by its first bytes and
//! goes, with its [`Admission`], to whoever is registered for its kind.
//! [`Browser`] stands beside them, over UDP.

pub mod bind;
pub mod browser;
pub mod limits;
mod look;
pub mod numbers;
pub mod report;
pub mod serve;
pub mod sniff;

pub use bind::{BindError, Bound, bind};
pub use browser::Browser;
pub use limits::{Admission, HalfOpen};
pub use numbers::{Arrivals, DoorNumbers};
pub use report::Report;
pub use serve::{Connection, Door, Handler};
pub use sniff::{Incomplete, Kind, sniff};
