//! Section `appliance`: who it is, and where it keeps its data.

use std::path::PathBuf;

use super::section::{Objections, section};
use crate::domain::host::is_host;

/// Where the data lies unless a setting says otherwise.
#[cfg(not(windows))]
pub(super) const DEFAULT_DATA_DIR: &str = "/var/lib/gatehouse";
#[cfg(windows)]
pub(super) const DEFAULT_DATA_DIR: &str = "C:\\ProgramData\\Gatehouse\\data";

section! {
    /// Who the appliance is, and where it keeps its data.
    Appliance = "appliance";

    /// The name that people see on its pages and in its certificate.
    name: String = "gatehouse".to_owned();

    /// The DNS names and addresses by which workstations reach it. The certificate of the appliance's own authority is made out to
    /// all of them.
    names: Vec<String> = machine_names(), shown "the machine's host name, `localhost`, `127.0.0.1`, `::1`", example "[\"sql.example.org\", \"10.0.0.5\"]";

    /// The folder of everything that the appliance keeps. It is made if it is missing, and belongs to the appliance's user alone.
    data_dir: PathBuf = PathBuf::from(DEFAULT_DATA_DIR), shown "`/var/lib/gatehouse`", example "\"/var/lib/gatehouse\"";
}

impl Objections for Appliance {
    fn objections(&self) -> Vec<(&'static str, String)> {
        let mut all = Vec::new();
        if self.name.trim().is_empty() || self.name.len() > 64 || self.name.chars().any(char::is_control) {
            all.push(("name", "has to have 1 to 64 characters".to_owned()));
        }
        if self.names.is_empty() {
            all.push(("names", "has to name the appliance at least once".to_owned()));
        }
        if let Some(wrong) = self.names.iter().find(|name| !is_host(name)) {
            all.push(("names", format!("{wrong:?} is neither a DNS name nor an address")));
        }
        all
    }
}

fn machine_names() -> Vec<String> {
    let machine = machine_name();
    let mut names: Vec<String> = ["localhost", "127.0.0.1", "::1"].map(str::to_owned).to_vec();
    if is_host(&machine) && !names.contains(&machine) {
        names.insert(0, machine);
    }
    names
}

/// What this machine calls itself, in small letters; empty where it has no name.
#[cfg(unix)]
pub fn machine_name() -> String {
    rustix::system::uname().nodename().to_string_lossy().to_lowercase()
}

/// What this machine calls itself, in small letters; empty where it has no name.
#[cfg(not(unix))]
#[allow(clippy::disallowed_methods, reason = "this room reads the environment")]
pub fn machine_name() -> String {
    std::env::var("COMPUTERNAME").unwrap_or_default().to_lowercase()
}
