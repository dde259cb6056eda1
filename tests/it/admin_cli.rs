//! `gatehouse admin` as a person or a script runs it: the real program, on a stopped appliance and through the socket.

use std::path::Path;
use std::process::Output;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use gatehouse::app::control::{Client, Control, ControlRequest, ControlResponse, Life};
use gatehouse::domain::Event;
use gatehouse::platform::Tasks;
use gatehouse::upstream::TlsRule;
use serde_json::Value;
use tokio::io::AsyncWriteExt as _;
use tokio::process::Command;

use crate::admin::Sessions;
use crate::support::house::{House, OTHER_PASSWORD, PASSWORD, is_wrong};
use crate::support::peer::Peer;

/// Runs `gatehouse admin` on a data folder, with something on its standard input.
async fn admin(data_dir: &Path, arguments: &[&str], input: &str) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_gatehouse"));
    command.arg("--data-dir").arg(data_dir).arg("admin").args(arguments).kill_on_drop(true);
    command.stdin(std::process::Stdio::piped()).stdout(std::process::Stdio::piped());
    let mut child = command.stderr(std::process::Stdio::piped()).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    // A command that asks for nothing may be gone already.
    let _ = stdin.write_all(input.as_bytes()).await;
    drop(stdin);
    child.wait_with_output().await.unwrap()
}

/// The same, expecting success; what it printed.
async fn done(data_dir: &Path, arguments: &[&str], input: &str) -> String {
    let output = admin(data_dir, arguments, input).await;
    assert!(output.status.success(), "{arguments:?}: {}", said(&output));
    String::from_utf8(output.stdout).unwrap()
}

/// The same, with `--json`.
async fn json(data_dir: &Path, arguments: &[&str], input: &str) -> Value {
    let arguments = [arguments, &["--json"]].concat();
    serde_json::from_str(&done(data_dir, &arguments, input).await).unwrap()
}

/// Expecting failure; what it said.
async fn refused(data_dir: &Path, arguments: &[&str], input: &str) -> String {
    let output = admin(data_dir, arguments, input).await;
    assert_eq!(output.status.code(), Some(1), "{arguments:?}: {}", said(&output));
    said(&output)
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[derive(Default)]
struct Alive {
    draining: AtomicBool,
}

impl Life for Alive {
    fn is_ready(&self) -> bool {
        !self.draining.load(Ordering::SeqCst)
    }

    fn problems(&self) -> Vec<String> {
        if self.draining.load(Ordering::SeqCst) { vec!["it is draining".into()] } else { Vec::new() }
    }

    fn drain(&self) {
        self.draining.store(true, Ordering::SeqCst);
    }
}

/// A house that answers on its socket.
fn serving(house: &House, sessions: Arc<Sessions>) -> Tasks {
    let tasks = Tasks::new();
    let control = Control::bind(&data_dir(house)).unwrap();
    let (admin, clock) = (house.admin(Some(sessions)), house.clock.clone());
    tasks.spawn("control", control.serve(admin, Arc::new(Alive::default()), clock, tasks.clone()));
    tasks
}

fn data_dir(house: &House) -> std::path::PathBuf {
    house.folder.path().join("data")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stopped_appliance_is_set_up_from_nothing_and_what_was_set_up_is_there() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let root = json(&data, &["account", "add", "root", "--role", "administrator", "--generate"], "").await;
    assert_eq!(root["role"], "administrator");
    assert_eq!(root["password"].as_str().unwrap().len(), 23);
    let ada = json(&data, &["account", "add", "ada", "--password-stdin"], &format!("{PASSWORD}\r\n")).await;
    assert!(ada.get("password").is_none(), "a password that was given is not printed");
    let file = folder.path().join("password");
    std::fs::write(&file, format!("{OTHER_PASSWORD}\n")).unwrap();
    done(&data, &["account", "add", "bob", "--password-file", file.to_str().unwrap()], "").await;
    done(&data, &["account", "add", "robot", "--no-password", "--expires", "2099-01-01T00:00:00Z"], "").await;

    done(&data, &["group", "add", "sales"], "").await;
    done(&data, &["group", "add", "staff"], "").await;
    done(&data, &["group", "add-member", "sales", "--account", "ada"], "").await;
    done(&data, &["group", "add-member", "staff", "--group", "sales"], "").await;
    assert!(refused(&data, &["group", "add-member", "sales", "--group", "staff"], "").await.contains("contain itself"));

    let device = json(&data, &["device", "add", "desk-1", "--account", "ada"], "").await;
    assert!(device["secret"].as_str().unwrap().starts_with("ghd_"));
    let pass = json(&data, &["pass", "issue", "ada", "--device", "desk-1", "--for", "90m"], "").await;
    assert!(pass["secret"].as_str().unwrap().starts_with("ghp_"));
    let token = json(&data, &["token", "issue", "robot", "--label", "nightly"], "").await;
    assert!(token["secret"].as_str().unwrap().starts_with("ght_"));

    let codes = done(&data, &["device", "codes", "--account", "ada", "--count", "3"], "").await;
    let listed = json(&data, &["device", "list-codes"], "").await;
    assert_eq!((codes.lines().count(), listed.as_array().unwrap().len()), (4, 3));
    let told = done(&data, &["device", "list-codes"], "").await;
    assert!(told.contains("the command line") && told.lines().count() == 4, "{told}");
    let id = listed[0]["id"].as_str().unwrap();
    done(&data, &["device", "withdraw-codes", id], "").await;
    assert_eq!(json(&data, &["device", "withdraw-codes", "--account", "ada"], "").await.as_array().unwrap().len(), 2);
    let said = refused(&data, &["device", "withdraw-codes", id], "").await;
    assert!(said.contains("no enrolment code"), "{said}");

    let redirect = "https://reports.example.org/done";
    let client = ["client", "add", "Reports", "--redirect", redirect, "--scope", "workstation.config"];
    let client = json(&data, &client, "").await;
    assert_eq!((&client["redirect_uris"], &client["built_in"]), (&serde_json::json!([redirect]), &false.into()));
    let told = done(&data, &["client", "list"], "").await;
    assert!(told.contains(client["id"].as_str().unwrap()) && told.contains("built in"), "{told}");

    let pin = format!("--pin={}", "ab".repeat(32));
    done(&data, &["server", "add", "main", "127.0.0.1:1", &pin], "").await;
    done(&data, &["database", "add", "crm", "--server", "main", "--name", "CRM_prod"], "").await;
    let grant = ["grant", "add", "crm", "--group", "sales", "--login", "crm_rw", "--password-stdin"];
    let grant = json(&data, &grant, "sql password").await;
    assert_eq!(
        (&grant["database"], &grant["access"], &grant["login"]),
        (&"crm".into(), &"write".into(), &"crm_rw".into())
    );
    assert!(grant["check"].as_str().unwrap().starts_with("not tried"));
    done(&data, &["account", "set", "ada", "--default-database", "crm"], "").await;

    let accounts = json(&data, &["account", "list"], "").await;
    let names: Vec<&str> = accounts.as_array().unwrap().iter().map(|one| one["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["ada", "bob", "robot", "root"]);
    let ada = json(&data, &["account", "show", "ADA"], "").await;
    assert_eq!((&ada["default_database"], &ada["groups"]), (&"crm".into(), &serde_json::json!(["sales", "staff"])));
    for (noun, expected) in [
        ("group", 2),
        ("device", 1),
        ("pass", 1),
        ("token", 1),
        ("client", 2),
        ("server", 1),
        ("database", 1),
        ("grant", 1),
    ] {
        let list = json(&data, &[noun, "list"], "").await;
        assert_eq!(list.as_array().unwrap().len(), expected, "{noun}");
        assert!(!list.to_string().contains("\"secret\""), "{noun}: a secret is shown once");
        let table = done(&data, &[noun, "list"], "").await;
        assert_eq!(table.lines().count(), expected + 1, "{noun}: {table}");
    }

    let id = grant["id"].as_str().unwrap();
    done(&data, &["grant", "remove", id], "").await;
    done(&data, &["pass", "revoke", pass["id"].as_str().unwrap()], "").await;
    done(&data, &["token", "revoke", token["id"].as_str().unwrap()], "").await;
    done(&data, &["client", "remove", "reports"], "").await;
    done(&data, &["device", "revoke", "desk-1"], "").await;
    done(&data, &["database", "retarget", "crm", "--name", "CRM_2"], "").await;
    assert!(refused(&data, &["server", "remove", "main"], "").await.contains("in use"));
    done(&data, &["server", "remove", "main", "--with-databases"], "").await;
    done(&data, &["group", "remove", "staff"], "").await;
    done(&data, &["account", "password", "ada", "--generate"], "").await;
    done(&data, &["account", "disable", "ada"], "").await;
    done(&data, &["account", "enable", "ada"], "").await;
    done(&data, &["account", "remove", "bob"], "").await;
    assert_eq!(done(&data, &["database", "list"], "").await.trim(), "none");
}

#[tokio::test(flavor = "multi_thread")]
async fn mistakes_are_told_and_change_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    assert!(refused(&data, &["account", "list"], "").await.contains("no appliance"));
    assert!(!data.exists(), "looking makes no folder");
    done(&data, &["account", "add", "root", "--role", "administrator", "--generate"], "").await;
    for (arguments, input, expected) in [
        (&["account", "add", "ROOT", "--generate"][..], "", "taken"),
        (&["account", "add", "ada", "--password-stdin"], "short", "12 characters"),
        (&["account", "add", "ada", "--password-stdin"], "passwordpassword", "too common"),
        (&["account", "add", "ada", "--password-stdin"], "\n", "empty"),
        (&["account", "add", "ada"], "typed into nothing", "--password-stdin"),
        (&["account", "disable", "root"], "", "last administrator"),
        (&["account", "show", "nobody"], "", "no account \"nobody\""),
        (&["pass", "revoke", "nonsense"], "", "not the id"),
        (&["client", "add", "x", "--redirect", "http://reports.example.org/"], "", "plain HTTP"),
        (&["client", "add", "x", "--redirect", "https://*.example.org/"], "", "wildcard"),
        (&["client", "remove", "gatehouse-connect"], "", "built in"),
        (&["session", "list"], "", "not running"),
        (&["server", "add", "main", "127.0.0.1:1"], "", "no address takes a connection"),
        (&["server", "add", "main", "127.0.0.1:1", "--trust-anything"], "", "--yes"),
    ] {
        let said = refused(&data, arguments, input).await;
        assert!(said.contains(expected), "{arguments:?}: {said}");
    }
    for arguments in [
        &["account", "add", "a[b", "--generate"][..],
        &["account", "add", "ada", "--password", "secret"],
        &["client", "add", "nowhere"],
    ] {
        assert_eq!(admin(&data, arguments, "").await.status.code(), Some(2), "{arguments:?}");
    }
    assert_eq!(json(&data, &["account", "list"], "").await.as_array().unwrap().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn while_the_data_is_held_by_somebody_who_does_not_answer_the_command_says_so() {
    let house = House::build();
    let said = refused(&data_dir(&house), &["account", "add", "ada", "--generate"], "").await;
    assert!(said.contains("starting or stopping"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_running_appliance_is_administered_through_its_socket_at_once() {
    let house = House::build();
    let ada = house.member("ada").await;
    let session = house.principal("ada").await;
    let sessions = Sessions::with(&[(ada.id, "ada"), (ada.id, "ada")]);
    let tasks = serving(&house, sessions);
    let data = data_dir(&house);
    house.take_events();

    done(&data, &["account", "disable", "ada"], "").await;
    assert_eq!(house.take_events(), [Event::AccountChanged(ada.id)]);
    assert!(!house.identity().still_valid(&session));
    done(&data, &["account", "enable", "ada"], "").await;
    done(&data, &["account", "password", "ada", "--password-stdin"], OTHER_PASSWORD).await;
    assert!(is_wrong(&house.sign_in("ada", PASSWORD).await));
    assert!(house.sign_in("ada", OTHER_PASSWORD).await.is_ok());
    let device = json(&data, &["device", "add", "desk", "--account", "ada"], "").await;
    assert!(house.sign_in("desk", device["secret"].as_str().unwrap()).await.is_ok());

    let listed = json(&data, &["session", "list"], "").await;
    assert_eq!(listed.as_array().unwrap().len(), 2);
    let table = done(&data, &["session", "list"], "").await;
    assert!(!table.contains('\u{1b}'), "a driver's name for itself does not reach the terminal as it is");
    done(&data, &["session", "end", listed[0]["id"].as_str().unwrap()], "").await;
    assert_eq!(json(&data, &["session", "end", "--account", "ada"], "").await["count"], 1);
    assert!(refused(&data, &["account", "show", "eve"], "").await.contains("no account"));
    assert!(
        house.audited().iter().any(|entry| entry["action"] == "session.kill" && entry["actor"]["kind"] == "console")
    );
    tasks.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_socket_is_its_owners_alone_answers_for_its_life_and_goes_with_the_appliance() {
    use std::os::unix::fs::PermissionsExt as _;
    let house = House::build();
    let tasks = serving(&house, Sessions::with(&[]));
    let socket = data_dir(&house).join("control.sock");
    assert_eq!(std::fs::metadata(&socket).unwrap().permissions().mode() & 0o777, 0o600);
    assert!(Control::bind(&data_dir(&house)).is_err(), "a second one is refused while the first answers");

    let client = Client::of(&data_dir(&house));
    let ask = async |request: ControlRequest| {
        let client = client.clone();
        let limit = std::time::Duration::from_secs(20);
        tokio::task::spawn_blocking(move || client.ask(&request, limit)).await.unwrap()
    };
    assert!(matches!(ask(ControlRequest::Ping).await, Ok(Some(ControlResponse::Pong { .. }))));
    assert!(matches!(ask(ControlRequest::Ready).await, Ok(Some(ControlResponse::Ready { ready: true, .. }))));
    assert!(matches!(ask(ControlRequest::Drain).await, Ok(Some(ControlResponse::Draining))));
    assert!(matches!(ask(ControlRequest::Ready).await, Ok(Some(ControlResponse::Ready { ready: false, .. }))));

    for nonsense in ["{\"admin\":{\"account\":{\"password\":\"canary\"}}}\n".to_owned(), "x".repeat(100_000) + "\n"] {
        let mut stream = tokio::net::UnixStream::connect(&socket).await.unwrap();
        let _ = stream.write_all(nonsense.as_bytes()).await;
        let mut answer = String::new();
        let _ = tokio::io::AsyncReadExt::read_to_string(&mut stream, &mut answer).await;
        assert!(!answer.contains("canary"), "{answer}");
    }
    assert!(matches!(ask(ControlRequest::Ping).await, Ok(Some(ControlResponse::Pong { .. }))), "it still answers");

    tasks.drain(&*gatehouse::platform::SystemClock::new(), std::time::Duration::from_secs(20)).await.unwrap();
    assert!(!socket.exists());
    assert!(matches!(ask(ControlRequest::Ping).await, Ok(None)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_socket_that_a_killed_appliance_left_behind_is_replaced_and_nothing_else_is() {
    let house = House::build();
    let socket = data_dir(&house).join("control.sock");
    drop(std::os::unix::net::UnixListener::bind(&socket).unwrap());
    drop(Control::bind(&data_dir(&house)).unwrap());
    std::fs::remove_file(&socket).unwrap();
    std::fs::write(&socket, "somebody's file").unwrap();
    assert!(Control::bind(&data_dir(&house)).is_err());
    assert!(socket.exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_servers_certificate_is_shown_and_pinned_only_when_that_was_agreed_to() {
    let house = House::build();
    let peer = Peer::start(house.now()).await;
    let tasks = serving(&house, Sessions::with(&[]));
    let (data, address) = (data_dir(&house), peer.address.to_string());
    let estate = &house.state.estate;

    let met = json(&data, &["server", "probe", &address], "").await;
    let sha256 = met["certificates"][0]["sha256"].as_str().unwrap().to_owned();
    assert_eq!(met["verified"], false);
    for options in [&[][..], &["--yes"], &["--pin"], &["--pin-authority"]] {
        let said = refused(&data, &[&["server", "add", "main", &address], options].concat(), "y\n").await;
        assert!(said.contains("SHA-256"), "{options:?}: what was met is shown: {said}");
        assert!(estate.servers().unwrap().is_empty(), "{options:?}");
    }
    done(&data, &["server", "add", "main", &address, "--pin", "--yes"], "").await;
    assert_eq!(estate.server("main").unwrap().target.tls, TlsRule::Certificate { sha256 });
    let met = json(&data, &["server", "probe", "main"], "").await;
    assert_eq!(met["verified"], true);

    let file = house.folder.path().join("authority.pem");
    std::fs::write(&file, &peer.root_pem).unwrap();
    let by_file = format!("--pin-authority={}", file.display());
    done(&data, &["server", "probe", "main", &by_file], "").await;
    assert!(matches!(estate.server("main").unwrap().target.tls, TlsRule::Authority { .. }));
    assert_eq!(json(&data, &["server", "probe", "main"], "").await["verified"], true);

    let output = admin(&data, &["server", "probe", "main", "--trust-anything", "--yes"], "").await;
    assert!(output.status.success() && said(&output).contains("WARNING"), "{}", said(&output));
    assert_eq!(estate.server("main").unwrap().target.tls, TlsRule::TrustAnything);
    let both = admin(&data, &["server", "add", "two", &address, "--pin", "--system-roots"], "").await;
    assert_eq!(both.status.code(), Some(2), "one rule at a time");
    tasks.stop();
}

/// What only the program itself does; the service behind it has tests of its own.
#[tokio::test]
async fn a_signing_request_goes_into_a_file_or_a_pipe_and_a_new_authority_is_asked_about() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let out = folder.path().join("request.pem");
    let named = "--set=appliance.names=sql.corp.example";
    let request = ["certificate", "request", named, "--rsa", "2048", "--out", out.to_str().unwrap()];
    let told = done(&data, &request, "").await;
    assert!(told.contains("sql.corp.example"), "{told}");
    assert!(std::fs::read_to_string(&out).unwrap().starts_with("-----BEGIN CERTIFICATE REQUEST-----"));
    let pem = done(&data, &["certificate", "request", named], "").await;
    assert!(pem.starts_with("-----BEGIN CERTIFICATE REQUEST-----"), "nothing else: {pem}");

    let list = json(&data, &["certificate", "list", named], "").await;
    assert_eq!((list["request_waits"].as_bool(), list["authority"].is_null()), (Some(true), true));
    assert_eq!(list["sources"].as_array().unwrap().len(), 4);
    assert!(refused(&data, &["certificate", "new-authority", named], "").await.contains("--yes"));
    let list = json(&data, &["certificate", "new-authority", named, "--yes"], "").await;
    assert!(list["authority"]["may_sign_for"].as_str().unwrap().contains("sql.corp.example"));
    let told = done(&data, &["certificate", "list", named], "").await;
    assert!(told.contains("own authority") && told.contains("a request waits"), "{told}");
    let key = folder.path().join("key.pem");
    std::fs::write(&key, rcgen::KeyPair::generate().unwrap().serialize_pem()).unwrap();
    let text = refused(&data, &["certificate", "import", named, key.to_str().unwrap()], "").await;
    assert!(text.contains("has a private key in it"), "{text}");
    done(&data, &["certificate", "remove", named, "--yes"], "").await;
}

#[tokio::test]
async fn a_stopped_appliances_settings_are_chosen_where_nothing_else_fixes_them() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    done(&data, &["account", "add", "root", "--role", "administrator", "--generate"], "").await;
    let of = async |name: &str, more: &[&str]| {
        let list = json(&data, &[&["setting", "list"], more].concat(), "").await;
        let found = list.as_array().unwrap().iter().find(|one| one["name"] == name).cloned().unwrap();
        (found["value"].as_str().unwrap().to_owned(), found["origin"].as_str().unwrap().to_owned())
    };
    assert_eq!(of("appliance.name", &[]).await.1, "default");
    done(&data, &["setting", "set", "appliance.name", "Contoso"], "").await;
    done(&data, &["setting", "set", "appliance.names", "sql.corp.example", "localhost"], "").await;
    assert_eq!(of("appliance.name", &[]).await, ("\"Contoso\"".into(), "chosen on the appliance's pages".into()));
    let told = done(&data, &["setting", "list"], "").await;
    assert!(told.lines().count() == 8 && told.contains("sql.corp.example"), "{told}");
    let fixed = "--set=appliance.name=Fabrikam";
    assert_eq!(of("appliance.name", &[fixed]).await, ("\"Fabrikam\"".into(), "--set".into()));
    for (arguments, expected) in [
        (&["setting", "set", "appliance.name", "X", fixed][..], "is set by --set"),
        (&["setting", "set", "listen.https", "127.0.0.1:1"], "cannot be set here"),
        (&["setting", "unset", "listen.https"], "cannot be set here"),
        (&["setting", "set", "acme.enabled", "maybe"], "takes true or false"),
        (&["setting", "set", "appliance.name", "two", "words"], "takes one value"),
        (&["setting", "set", "appliance.names", "not a name"], "appliance.names"),
    ] {
        let said = refused(&data, arguments, "").await;
        assert!(said.contains(expected), "{arguments:?}: {said}");
    }
    done(&data, &["setting", "unset", "appliance.name", "appliance.names"], "").await;
    assert_eq!(of("appliance.name", &[]).await.1, "default");
}
