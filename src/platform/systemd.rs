//! What systemd is told, when it asks (`NOTIFY_SOCKET`): ready, stopping, a line of status, and that the process still lives.
//! Elsewhere than on Linux nobody asks.

use std::time::Duration;

/// The appliance serves.
pub fn ready(status: &str) {
    tell(State::Ready, Some(status));
}

/// The appliance is on its way out.
pub fn stopping(status: &str) {
    tell(State::Stopping, Some(status));
}

/// The process lives; to be said every [`watchdog_interval`].
pub fn alive() {
    tell(State::Alive, None);
}

enum State {
    Ready,
    Stopping,
    Alive,
}

/// How often systemd wants to hear from the process, if it does: half of the time after which it would kill it.
#[cfg(target_os = "linux")]
pub fn watchdog_interval() -> Option<Duration> {
    sd_notify::watchdog_enabled().map(|limit| limit / 2).filter(|half| !half.is_zero())
}

#[cfg(target_os = "linux")]
fn tell(state: State, status: Option<&str>) {
    use sd_notify::NotifyState;

    let state = match state {
        State::Ready => NotifyState::Ready,
        State::Stopping => NotifyState::Stopping,
        State::Alive => NotifyState::Watchdog,
    };
    let states: Vec<NotifyState<'_>> = std::iter::once(state).chain(status.map(NotifyState::Status)).collect();
    // Without NOTIFY_SOCKET this does nothing.
    if let Err(error) = sd_notify::notify(&states) {
        tracing::warn!(%error, "systemd could not be told how the appliance is");
    }
}

/// Nobody wants to hear.
#[cfg(not(target_os = "linux"))]
pub fn watchdog_interval() -> Option<Duration> {
    None
}

#[cfg(not(target_os = "linux"))]
fn tell(_: State, _: Option<&str>) {}
