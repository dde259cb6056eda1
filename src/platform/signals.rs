//! What the operating system asks of the process: to stop, to stop at once, to read its certificates again.

use std::io;

/// What was asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signal {
    /// TERM, or the first INT: stop taking new work, let the old end.
    Drain,
    /// INT after that: stop now.
    Force,
    /// HUP: read again what may have changed outside.
    Reload,
}

/// The signals of this process, from the moment of [`Signals::listen`] on.
#[cfg(unix)]
#[derive(Debug)]
pub struct Signals {
    term: tokio::signal::unix::Signal,
    int: tokio::signal::unix::Signal,
    hup: tokio::signal::unix::Signal,
    draining: bool,
}

#[cfg(unix)]
impl Signals {
    /// Takes the signals over from the operating system's defaults. Within a tokio runtime.
    pub fn listen() -> io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self {
            term: signal(SignalKind::terminate())?,
            int: signal(SignalKind::interrupt())?,
            hup: signal(SignalKind::hangup())?,
            draining: false,
        })
    }

    /// Waits for the next one. TERM after TERM changes nothing; INT after either forces.
    pub async fn next(&mut self) -> Signal {
        loop {
            let signal = tokio::select! {
                _ = self.int.recv() => if self.draining { Signal::Force } else { Signal::Drain },
                _ = self.term.recv() => if self.draining { continue } else { Signal::Drain },
                _ = self.hup.recv() => Signal::Reload,
            };
            self.draining |= signal == Signal::Drain;
            return signal;
        }
    }
}

/// The signals of this process: where there are no others, Ctrl-C.
#[cfg(not(unix))]
#[derive(Debug, Default)]
pub struct Signals {
    draining: bool,
}

#[cfg(not(unix))]
impl Signals {
    /// Listens for Ctrl-C.
    pub fn listen() -> io::Result<Self> {
        Ok(Self::default())
    }

    /// Waits for the next one.
    pub async fn next(&mut self) -> Signal {
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
        if std::mem::replace(&mut self.draining, true) { Signal::Force } else { Signal::Drain }
    }
}

#[cfg(unix)]
#[cfg(test)]
mod tests {
    use super::*;
    use rustix::process::{Signal as Kill, getpid, kill_process};

    #[tokio::test]
    async fn term_and_int_drain_a_second_int_forces_and_hup_reloads() {
        let mut signals = Signals::listen().unwrap();
        for (kill, expected) in [(Kill::HUP, Signal::Reload), (Kill::TERM, Signal::Drain), (Kill::INT, Signal::Force)] {
            kill_process(getpid(), kill).unwrap();
            assert_eq!(signals.next().await, expected);
        }
        let mut signals = Signals::listen().unwrap();
        kill_process(getpid(), Kill::INT).unwrap();
        assert_eq!(signals.next().await, Signal::Drain);
    }
}
