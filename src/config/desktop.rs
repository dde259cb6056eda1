//! What the environment tells of a workstation: where a person's programs keep their state, and whether there is a screen.

use std::path::PathBuf;

/// The person's side of a workstation.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Desktop {
    /// Where programs keep what they have to find again: XDG's state folder, or what the system has in its place.
    pub state: Option<PathBuf>,
    /// Whether a browser that is started here is seen by whoever started it.
    pub screen: bool,
    /// Whether systemd started this process and waits to hear that it is ready (`NOTIFY_SOCKET`): then nobody sits before it,
    /// whatever screen there is. `INVOCATION_ID` says less: what is started in a terminal's window inherits the window's.
    pub service: bool,
}

impl Desktop {
    /// Of this process.
    #[allow(clippy::disallowed_methods, reason = "this room alone reads the environment")]
    pub fn of_process() -> Self {
        Self::of(|name| std::env::var_os(name).filter(|value| !value.is_empty()))
    }

    fn of(variable: impl Fn(&str) -> Option<std::ffi::OsString>) -> Self {
        let folder = |name: &str| variable(name).map(PathBuf::from).filter(|path| path.is_absolute());
        let home = |below: &str| folder("HOME").map(|home| home.join(below));
        let state = if cfg!(windows) {
            folder("LOCALAPPDATA")
        } else if cfg!(target_os = "macos") {
            home("Library/Application Support")
        } else {
            // systemd's folder for a service's own state comes first.
            folder("STATE_DIRECTORY").or_else(|| folder("XDG_STATE_HOME")).or_else(|| home(".local/state"))
        };
        // Over SSH the screen is elsewhere, unless it was brought along.
        let screen = if cfg!(any(windows, target_os = "macos")) {
            variable("SSH_CONNECTION").is_none()
        } else {
            variable("DISPLAY").is_some() || variable("WAYLAND_DISPLAY").is_some()
        };
        Self { state, screen, service: variable("NOTIFY_SOCKET").is_some() }
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    fn of(pairs: &[(&str, &str)]) -> Desktop {
        Desktop::of(|name| pairs.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).into()))
    }

    #[test]
    fn state_is_kept_where_the_system_says_and_a_screen_is_one_that_somebody_looks_at() {
        assert_eq!(of(&[]), Desktop::default());
        assert_eq!(of(&[("HOME", "/home/ada")]).state, Some("/home/ada/.local/state".into()));
        let given = of(&[("HOME", "/home/ada"), ("XDG_STATE_HOME", "/state"), ("WAYLAND_DISPLAY", "wayland-0")]);
        assert_eq!(given, Desktop { state: Some("/state".into()), screen: true, service: false });
        assert!(of(&[("NOTIFY_SOCKET", "/run/user/1000/systemd/notify"), ("DISPLAY", ":0")]).service);
        assert_eq!(of(&[("XDG_STATE_HOME", "relative")]).state, None);
    }
}
