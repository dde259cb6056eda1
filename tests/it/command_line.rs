//! The program as a person meets it: exit codes, what is shown, what refuses.

use std::path::Path;
use std::process::{Command, Output};

use gatehouse::audit::{Actor, Entry, Outcome};
use gatehouse::platform::SystemClock;

#[test]
fn mistaken_settings_refuse_with_an_exit_code_of_their_own_and_every_mistake() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("gatehouse.toml");
    std::fs::write(&file, "[gateway]\nlogin_timout = \"1s\"\n").unwrap();
    for command in [&["run"][..], &["check"], &[]] {
        let mut arguments = vec!["--config", file.to_str().unwrap(), "--set", "log.format=xml"];
        arguments.extend(command);
        let output = gatehouse(&arguments, &[("GATEHOUSE_NONSENSE", "1")]);
        let said = error_text(&output);
        assert_eq!(output.status.code(), Some(64), "{said}");
        for part in ["gatehouse.toml:2", "gateway.login_timeout", "log.format", "GATEHOUSE_NONSENSE"] {
            assert!(said.contains(part), "{part} in {said}");
        }
    }
}

#[test]
fn check_shows_every_value_with_its_source_and_makes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let arguments = ["check", "--json", "--data-dir", data.to_str().unwrap(), "--set", "gateway.routing_hops=3"];
    let output = gatehouse(&arguments, &[("GATEHOUSE_LOG_FILTER", "debug")]);
    assert_eq!(output.status.code(), Some(0), "{}", error_text(&output));
    let shown: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let origin = |name: &str| {
        let settings = shown["settings"].as_array().unwrap();
        settings.iter().find(|one| one["name"] == name).unwrap()["origin"].as_str().unwrap().to_owned()
    };
    assert_eq!(origin("appliance.data_dir"), "--data-dir");
    assert_eq!(origin("gateway.routing_hops"), "--set");
    assert_eq!(origin("log.filter"), "GATEHOUSE_LOG_FILTER");
    assert_eq!(origin("listen.sql"), "default");
    assert!(!data.exists(), "checking makes no folder");

    let text = String::from_utf8(gatehouse(&["check"], &[]).stdout).unwrap();
    assert!(text.lines().any(|line| line.starts_with("gateway.routing_hops = 10") && line.ends_with("# default")));
}

#[test]
fn check_refuses_a_master_key_that_others_can_read() {
    let folder = tempfile::tempdir().unwrap();
    let (data, key) = (folder.path().join("data"), folder.path().join("data.key"));
    std::fs::write(&key, "not a secret any more").unwrap();
    std::fs::set_permissions(&key, std::os::unix::fs::PermissionsExt::from_mode(0o644)).unwrap();
    let output = gatehouse(&["check", "--data-dir", data.to_str().unwrap()], &[]);
    assert_eq!(output.status.code(), Some(1));
    assert!(error_text(&output).contains("others can reach it"), "{}", error_text(&output));
}

#[test]
fn check_refuses_a_certificate_that_cannot_be_shown_and_takes_one_that_can() {
    let folder = tempfile::tempdir().unwrap();
    let (certificate, key) = (folder.path().join("certificate.pem"), folder.path().join("certificate.key"));
    let settings =
        [format!("tls.certificate_file={}", certificate.display()), format!("tls.key_file={}", key.display())];
    let data = folder.path().join("data");
    let check = || {
        let names = "appliance.names=localhost";
        gatehouse(
            &[
                "check",
                "--data-dir",
                data.to_str().unwrap(),
                "--set",
                &settings[0],
                "--set",
                &settings[1],
                "--set",
                names,
            ],
            &[],
        )
    };

    let missing = check();
    assert_eq!(missing.status.code(), Some(1));
    assert!(error_text(&missing).contains("certificate.pem"), "{}", error_text(&missing));

    let own = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    std::fs::write(&certificate, own.cert.pem()).unwrap();
    let other = rcgen::KeyPair::generate().unwrap();
    gatehouse::platform::files::write_private(&key, other.serialize_pem().as_bytes()).unwrap();
    let strange = check();
    assert_eq!(strange.status.code(), Some(1));
    assert!(error_text(&strange).contains("does not belong"), "{}", error_text(&strange));

    gatehouse::platform::files::write_private(&key, own.key_pair.serialize_pem().as_bytes()).unwrap();
    let usable = check();
    assert_eq!(usable.status.code(), Some(0), "{}", error_text(&usable));
}

#[test]
fn a_wrong_argument_has_the_usual_exit_code() {
    assert_eq!(gatehouse(&["frobnicate"], &[]).status.code(), Some(2));
    assert_eq!(gatehouse(&["--help"], &[]).status.code(), Some(0));
    let version = gatehouse(&["version", "--json"], &[]);
    let version: serde_json::Value = serde_json::from_slice(&version.stdout).unwrap();
    assert_eq!(version["version"], env!("CARGO_PKG_VERSION"));
}

#[tokio::test]
async fn audit_verify_names_the_first_entry_that_was_altered() {
    let folder = tempfile::tempdir().unwrap();
    let audit = gatehouse::audit::Audit::open(folder.path(), SystemClock::new()).unwrap();
    for action in ["account.add", "account.disable", "account.enable"] {
        audit.record(Entry::new(Actor::Console, action).outcome(Outcome::Done)).await.unwrap();
    }
    drop(audit);
    let path = folder.path().to_str().unwrap();
    let whole = gatehouse(&["audit", "verify", "--folder", path], &[]);
    assert_eq!(whole.status.code(), Some(0), "{}", error_text(&whole));

    let segment = segment(folder.path());
    let text = std::fs::read_to_string(&segment).unwrap();
    std::fs::write(&segment, text.replace("account.disable", "account.destroy")).unwrap();
    let altered = gatehouse(&["audit", "verify", "--folder", path], &[]);
    assert_eq!(altered.status.code(), Some(1));
    assert!(error_text(&altered).contains("entry 2"), "{}", error_text(&altered));
    let json = gatehouse(&["audit", "verify", "--json", "--folder", path], &[]);
    let json: serde_json::Value = serde_json::from_slice(&json.stdout).unwrap();
    assert_eq!((&json["whole"], &json["finding"]["seq"]), (&false.into(), &2.into()));
    assert_eq!(json.as_object().map(serde_json::Map::len), Some(2));
}

fn segment(folder: &Path) -> std::path::PathBuf {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.into_iter().find(|path| path.extension().is_some_and(|extension| extension == "jsonl")).unwrap()
}

/// Runs the program with nothing in its environment that could set anything.
fn gatehouse(arguments: &[&str], environment: &[(&str, &str)]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_gatehouse"));
    command.args(arguments).env_clear().envs(environment.iter().copied());
    command.output().unwrap()
}

fn error_text(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn a_health_check_says_that_no_appliance_runs() {
    let folder = tempfile::tempdir().unwrap();
    let output = gatehouse(&["healthcheck", "--json", "--data-dir", folder.path().to_str().unwrap()], &[]);
    assert_eq!(output.status.code(), Some(1));
    let answer: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&answer["running"], &answer["ready"]), (&false.into(), &false.into()));
}
