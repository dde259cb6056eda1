//! How the two ends meet: a Unix socket in the data folder; on Windows, a named pipe whose name stands there.
//!
//! Each system's file has the same things: `Listener` (`bind`, `accept`, `remove`), the `Stream` that it gives, `is_trusted` and
//! `finish` for it, and `exchange` for the command line.

#[cfg(unix)]
mod unix;
#[cfg(windows)]
mod windows;

#[cfg(unix)]
pub(super) use unix::{Listener, Stream, exchange, finish, is_trusted};
#[cfg(windows)]
pub(super) use windows::{Listener, Stream, exchange, finish, is_trusted};
