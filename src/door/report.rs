//! What is said of an address that cannot be bound: one line, on the health board and in the log, that says which program
//! is in the way. It is taken back when the address is bound after all.

use std::io;
use std::net::SocketAddr;

use super::bind::BindError;
use crate::platform::holder::{Holder, Transport, holder};
use crate::telemetry::Health;

/// Reports on the addresses of one setting.
#[derive(Debug, Clone)]
pub struct Report {
    setting: &'static str,
    transport: Transport,
    health: Health,
}

impl Report {
    /// Reports on the addresses of `setting` (`listen.https`).
    pub fn new(setting: &'static str, transport: Transport, health: Health) -> Self {
        Self { setting, transport, health }
    }

    /// An address could not be bound. Looks for the program that holds it, so it blocks.
    pub fn failed(&self, failure: &BindError) {
        let line = self.line(failure);
        if self.health.problem(&self.name(failure.address), line.clone()) {
            tracing::error!("{}: {line}", self.name(failure.address));
        }
    }

    /// An address is bound.
    pub fn bound(&self, address: SocketAddr) {
        if self.health.well(&self.name(address)) {
            tracing::info!("{}: listening at last", self.name(address));
        }
    }

    /// What the board calls an address: the setting, and the address as the setting has it.
    fn name(&self, address: SocketAddr) -> String {
        format!("{} {address}", self.setting)
    }

    fn line(&self, failure: &BindError) -> String {
        let BindError { address, source } = failure;
        let taken = source.kind() == io::ErrorKind::AddrInUse;
        let holder = taken.then(|| holder(self.transport, *address)).flatten();
        let what = what_happened(*address, source, holder.as_ref());
        format!("{what}, or set another address in `{}`; it is tried again every ten seconds", self.setting)
    }
}

fn what_happened(address: SocketAddr, error: &io::Error, holder: Option<&Holder>) -> String {
    let port = address.port();
    match (error.kind(), holder) {
        (_, Some(Holder { name, process })) if *process == std::process::id() => {
            format!("port {port} is held by this very program ({name}, process {process}): name it once")
        }
        (_, Some(Holder { name, process })) => {
            format!("port {port} is held by the program {name} (process {process}): stop it")
        }
        (io::ErrorKind::AddrInUse, None) => {
            format!("port {port} is held by another program, {}: stop it", usual_holder(port))
        }
        (io::ErrorKind::PermissionDenied, _) if port < 1024 => format!(
            "this program may not take port {port}: ports below 1024 need root or the capability CAP_NET_BIND_SERVICE, as its systemd unit has it; grant that"
        ),
        (io::ErrorKind::AddrNotAvailable, _) => format!("this machine has no address {}: give it one", address.ip()),
        _ => format!("{address} cannot be listened on ({error}): see to that"),
    }
}

/// Who usually has a port, for when the system does not tell whose it is.
fn usual_holder(port: u16) -> &'static str {
    match port {
        80 | 443 => "which this user may not see; usually IIS, nginx, Apache or another web server",
        1433 => "which this user may not see; usually a SQL Server",
        1434 => "which this user may not see; usually the SQL Server Browser service",
        9464 => "which this user may not see; perhaps another appliance",
        _ => "which this user may not see",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_names_the_program_or_who_it_usually_is_or_what_is_lacking() {
        let at = |port| SocketAddr::from(([0, 0, 0, 0], port));
        let nginx = Holder { name: "nginx".to_owned(), process: 0 };
        let used = io::Error::from(io::ErrorKind::AddrInUse);
        assert!(what_happened(at(443), &used, Some(&nginx)).contains("held by the program nginx (process 0)"));
        assert!(what_happened(at(443), &used, None).contains("IIS"));
        assert!(what_happened(at(1433), &used, None).contains("a SQL Server"));
        let denied = io::Error::from(io::ErrorKind::PermissionDenied);
        assert!(what_happened(at(80), &denied, None).contains("CAP_NET_BIND_SERVICE"));
        let absent = io::Error::from(io::ErrorKind::AddrNotAvailable);
        assert!(what_happened(at(80), &absent, None).contains("no address 0.0.0.0"));
    }
}
