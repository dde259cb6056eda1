//! The life of the process: ready, healthy, told to stop, gone.

use rustix::process::Signal;

use super::support::program::{Process, ask};

#[test]
fn a_running_appliance_is_healthy_and_ends_well_when_told_to() {
    let folder = tempfile::tempdir().unwrap();
    let process = Process::start(folder.path(), &[]);
    let health = ask(folder.path(), &["healthcheck"], "");
    assert_eq!(health.status.code(), Some(0), "{}", String::from_utf8_lossy(&health.stderr));
    assert_eq!(health.stdout, b"ready\n");
    process.signal(Signal::HUP);
    process.signal(Signal::TERM);
    assert_eq!(process.ended().code(), Some(0));
    assert_eq!(ask(folder.path(), &["healthcheck"], "").status.code(), Some(1));

    // And again over the same data.
    let process = Process::start(folder.path(), &[]);
    process.signal(Signal::INT);
    process.signal(Signal::INT);
    assert_eq!(process.ended().code(), Some(0));
}

#[test]
fn a_second_appliance_on_the_same_data_is_refused_and_does_no_harm() {
    let folder = tempfile::tempdir().unwrap();
    let process = Process::start(folder.path(), &[]);
    let second =
        ask(folder.path(), &["run", "--set", "listen.sql=127.0.0.1:0", "--set", "listen.https=127.0.0.1:0"], "");
    assert_eq!(second.status.code(), Some(1), "{}", String::from_utf8_lossy(&second.stderr));
    assert_eq!(ask(folder.path(), &["healthcheck"], "").status.code(), Some(0));
    process.signal(Signal::TERM);
    assert_eq!(process.ended().code(), Some(0));
}

#[test]
fn the_record_of_a_running_appliance_verifies_with_its_signatures() {
    let folder = tempfile::tempdir().unwrap();
    let process = Process::start(folder.path(), &[]);
    let added = ask(folder.path(), &["admin", "account", "add", "ada", "--generate"], "");
    assert_eq!(added.status.code(), Some(0), "{}", String::from_utf8_lossy(&added.stderr));
    let verified = ask(folder.path(), &["audit", "verify", "--json"], "");
    let verified: serde_json::Value = serde_json::from_slice(&verified.stdout).unwrap();
    assert_eq!((&verified["whole"], &verified["verified"]["signed"]), (&true.into(), &true.into()), "{verified}");
    process.signal(Signal::TERM);
    process.ended();
}
