//! The real program: the demo, signals, exit codes, the health check.

use std::path::Path;
use std::process::{Command, Output, Stdio};

use rustix::process::Signal;

use crate::support::program::Running;

const PROGRAM: &str = env!("CARGO_BIN_EXE_gatehouse");

fn gatehouse(arguments: &[&str], folder: &Path) -> Output {
    Command::new(PROGRAM).args(arguments).arg("--data-dir").arg(folder).output().unwrap()
}

#[test]
fn the_demo_writes_what_is_needed_to_connect_and_ends_cleanly_when_it_is_told_to() {
    let above = tempfile::tempdir().unwrap();
    let folder = above.path().join("demo");
    let (mut running, access) = Running::demo(&folder, &[]);
    for text in
        ["sql_host", "https_url", "database", "account", "password", "ca_file", "admin_account", "admin_password"]
    {
        assert!(access[text].as_str().is_some_and(|value| !value.is_empty()), "{text}");
    }
    assert_eq!(access["https_url"], format!("https://localhost:{}/", access["sql_port"]), "one port for everything");
    for port in ["sql_port", "sql_only_port", "server_port"] {
        let port = u16::try_from(access[port].as_u64().unwrap()).unwrap();
        std::net::TcpStream::connect(("127.0.0.1", port)).unwrap();
    }
    assert!(gatehouse(&["healthcheck"], &folder).status.success());
    running.signal(Signal::TERM);
    assert!(running.ended().success(), "{}", running.errors());
    assert!(!gatehouse(&["healthcheck"], &folder).status.success(), "nothing answers any more");
}

#[test]
fn the_demo_starts_again_in_its_own_folder_and_leaves_other_folders_alone() {
    let above = tempfile::tempdir().unwrap();
    let folder = above.path().join("demo");
    let (mut running, _) = Running::demo(&folder, &[]);
    running.signal(Signal::INT);
    assert!(running.ended().success());
    drop(Running::demo(&folder, &[]));

    let other = above.path().join("other");
    std::fs::create_dir(&other).unwrap();
    std::fs::write(other.join("thesis.txt"), "mine").unwrap();
    let refused = gatehouse(&["demo", "--port", "0"], &other);
    assert!(!refused.status.success());
    assert_eq!(std::fs::read_dir(&other).unwrap().count(), 1, "nothing was put there");
}

#[test]
fn a_killed_appliance_starts_again_with_everything_that_it_acknowledged() {
    let above = tempfile::tempdir().unwrap();
    let folder = above.path().join("demo");
    let (running, _) = Running::demo(&folder, &[]);
    let made = gatehouse(&["admin", "group", "add", "night-shift", "--json"], &folder);
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    running.signal(Signal::KILL);
    drop(running);
    let listed = gatehouse(&["admin", "group", "list", "--json"], &folder);
    assert!(String::from_utf8_lossy(&listed.stdout).contains("night-shift"), "{listed:?}");
    let verified = gatehouse(&["audit", "verify"], &folder);
    assert!(verified.status.success(), "{}", String::from_utf8_lossy(&verified.stderr));
}

#[test]
fn systemd_hears_when_it_is_ready_and_when_it_stops() {
    let above = tempfile::tempdir().unwrap();
    let (folder, socket) = (above.path().join("demo"), above.path().join("notify"));
    let systemd = std::os::unix::net::UnixDatagram::bind(&socket).unwrap();
    systemd.set_read_timeout(Some(std::time::Duration::from_secs(60))).unwrap();
    let mut command = Command::new(PROGRAM);
    command.args(["demo", "--port", "0", "--data-dir"]).arg(&folder);
    command.env("NOTIFY_SOCKET", &socket).stdout(Stdio::null()).stderr(Stdio::null());
    let mut running = Running::spawn(&mut command);
    let told = || {
        let mut text = [0; 1024];
        let length = systemd.recv(&mut text).unwrap();
        String::from_utf8_lossy(&text[..length]).into_owned()
    };
    assert!(told().contains("READY=1"));
    running.signal(Signal::TERM);
    assert!(told().contains("STOPPING=1"));
    assert!(running.ended().success());
}
