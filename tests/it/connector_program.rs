//! `gatehouse connect` as a process: signed in by a link or a code, asked how it stands, ended; what it keeps where, whom it lets
//! in, and that it tells nobody a secret.

use std::io::{BufRead as _, BufReader, Read as _};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

use gatehouse::audit::Actor;
use gatehouse::connector::kept::Known;
use gatehouse::connector::vault::{Keeps, Kept, Vault};
use gatehouse::domain::{Name, Secret};
use gatehouse::identity::Alteration;
use gatehouse::tls::{Origin, Root};
use gatehouse::workstation::Answer;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tiberius::EncryptionLevel;

use super::canary::traces::find;
use crate::support::appliance::scalar;
use crate::support::certificates::DAY;
use crate::support::connector::{Bench, consent, driver, fetch};
use crate::support::rig::until;

/// The program with nothing of this session in its environment.
fn connect(bench: &Bench, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_gatehouse"));
    command.env_clear().arg("connect").arg(bench.url()).args(arguments).arg("--state-dir").arg(bench.folder.path());
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// A connector that runs.
struct Running {
    child: Child,
    lines: BufReader<std::process::ChildStdout>,
    /// What it said on its standard output.
    said: String,
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Running {
    fn start(mut command: Command) -> Self {
        let mut child = command.spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap());
        Self { child, lines, said: String::new() }
    }

    /// The first line that has this in it.
    fn line(&mut self, with: &str) -> String {
        loop {
            let mut line = String::new();
            if self.lines.read_line(&mut line).unwrap() == 0 {
                let errors = self.errors();
                panic!("it ended: {}{errors}", self.said);
            }
            self.said.push_str(&line);
            if line.contains(with) {
                return line.trim().to_owned();
            }
        }
    }

    fn address(&mut self) -> SocketAddr {
        self.line("programs connect to").rsplit(' ').next().unwrap().parse().unwrap()
    }

    fn errors(&mut self) -> String {
        let mut text = String::new();
        self.child.stderr.take().unwrap().read_to_string(&mut text).unwrap();
        text
    }

    /// Its exit code, and all that it said.
    fn ended(mut self) -> (Option<i32>, String) {
        let errors = self.errors();
        self.lines.read_to_string(&mut self.said).unwrap();
        (self.child.wait().unwrap().code(), format!("{}{errors}", self.said))
    }

    fn terminate(self) -> (Option<i32>, String) {
        kill_process(Pid::from_child(&self.child), Signal::TERM).unwrap();
        self.ended()
    }
}

fn done(mut command: Command) -> (Option<i32>, String) {
    let Output { status, stdout, stderr } = command.output().unwrap();
    (status.code(), String::from_utf8([stdout, stderr].concat()).unwrap())
}

fn status(bench: &Bench) -> (Option<i32>, Value, String) {
    let Output { status, stdout, .. } = connect(bench, &["--status", "--json"]).output().unwrap();
    let text = String::from_utf8(stdout).unwrap();
    (status.code(), serde_json::from_str(&text).unwrap(), text)
}

const PORT: [&str; 4] = ["--listen", "127.0.0.1:0", "--keep", "file"];

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_life_of_the_program_from_the_link_to_the_disabled_account_without_a_secret_told() {
    let bench = Bench::start().await;
    let mut told = String::new();
    let first =
        [&PORT[..], &["--fingerprint", bench.fingerprint(), "--print-link", "--local-token", "--verbose"]].concat();
    let mut running = Running::start(connect(&bench, &first));
    let link = running.line("/oauth/authorize");
    let back = consent(&bench.house.state().identity, &bench.visit().await, &link).await;
    assert!(fetch(&back).await.contains("close this page"));
    let at = running.address();
    assert!(running.line("connected to").contains("as ada; databases: trade"));
    let (folder, vault) = bench.state(&bench.known().await).await;
    let token = std::fs::read_to_string(folder.file("local-token")).unwrap();
    let mut sql = driver(at, EncryptionLevel::NotSupported, [&token, "", "trade"]).await.unwrap();
    assert_eq!(scalar(&mut sql, "SELECT DB_NAME()").await.unwrap(), "Nordwind");
    assert!(driver(at, EncryptionLevel::NotSupported, ["sa", "x", "trade"]).await.is_err());

    // It writes that down next to telling it.
    until("it says so in its state, too", || status(&bench).0 == Some(0)).await;
    let (code, shown, text) = status(&bench);
    assert_eq!(
        (code, &shown["state"], &shown["running"], &shown["account"]),
        (Some(0), &"connected".into(), &true.into(), &"ada".into())
    );
    assert_eq!((&shown["lets_in"], &shown["listening"][0]), (&"local-token".into(), &at.to_string().into()));
    told.push_str(&text);
    told.push_str(&done(connect(&bench, &["--status"])).1);
    let arguments = std::fs::read(format!("/proc/{}/cmdline", running.child.id())).unwrap();
    told.push_str(&String::from_utf8_lossy(&arguments));
    // A second one for the same appliance.
    let (code, text) = done(connect(&bench, &PORT));
    assert!(code == Some(1) && text.contains("another `gatehouse connect`"), "{text}");
    let tokens = vault.load().await.unwrap().and_then(Kept::tokens).unwrap();
    let (code, text) = running.terminate();
    assert_eq!(code, Some(0), "{text}");
    told.push_str(&text);
    assert_eq!(status(&bench).0, Some(3));

    // Again, with what was kept: no link, no fingerprint.
    let mut running = Running::start(connect(&bench, &[&PORT[..], &["--allow-other-users", "--verbose"]].concat()));
    let at = running.address();
    running.line("connected to");
    let mut sql = driver(at, EncryptionLevel::NotSupported, ["sa", "x", "trade"]).await.unwrap();
    let identity = &bench.house.state().identity;
    let principal =
        identity.bearer(&tokens.access, gatehouse::domain::Scope::WorkstationConfig, at.ip()).await.unwrap().principal;
    let Answer::Document(_, document) =
        bench.house.appliance().workstations().config(&principal, None, None).await.unwrap()
    else {
        panic!("no tag was given")
    };
    let pass = document.pass.password.0;
    let ada = identity.account("ada").unwrap().id;
    identity.alter_account(&Actor::Console, ada, Alteration::Disable).await.unwrap();
    let (code, text) = running.ended();
    assert!(code == Some(4) && text.contains("sign in again: gatehouse connect https://localhost"), "{text}");
    assert!(sql.simple_query("SELECT 1").await.is_err());
    told.push_str(&text);
    let (code, shown, text) = status(&bench);
    assert_eq!((code, &shown["state"], &shown["running"]), (Some(4), &"signed-out".into(), &false.into()));
    told.push_str(&text);
    let secrets = [&tokens.access, &tokens.refresh, &pass].map(Secret::expose);
    assert_eq!(find(told.as_bytes(), &[&secrets[..], &[token.as_str()]].concat()), Vec::<String>::new());
    assert!(told.contains("a session was opened"), "it was talkative: {told}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_terminal_signs_in_by_a_code_and_out_again() {
    let bench = Bench::start().await;
    let nowhere = ["--fingerprint", bench.fingerprint(), "--allow-other-users"];
    let (code, text) = done(connect(&bench, &[&PORT[..], &nowhere].concat()));
    assert!(code == Some(4) && text.contains("--sign-in"), "neither screen nor terminal: {text}");
    let (code, text) = done(connect(&bench, &[&PORT[..], &["--device-code"]].concat()));
    assert!(code == Some(1) && text.contains("--fingerprint"), "nothing is sent to whom nobody believes: {text}");

    let device = [&PORT[..], &["--fingerprint", bench.fingerprint(), "--device-code", "--sign-in"]].concat();
    let mut running = Running::start(connect(&bench, &device));
    let user_code = running.line("enter this code").rsplit(' ').next().unwrap().to_owned();
    let visit = bench.visit().await;
    assert!(bench.house.state().identity.answer_device(&visit, &user_code, true).await.unwrap());
    let (code, text) = running.ended();
    assert!(code == Some(0) && text.contains("signed in at"), "{text}");
    let programs = || bench.house.state().identity.programs(visit.principal.account).unwrap().len();
    assert_eq!(programs(), 1);
    let (code, text) = done(connect(&bench, &["--sign-out"]));
    assert_eq!(code, Some(0), "{text}");
    assert_eq!(programs(), 0, "the appliance has revoked it");
    let (code, text) = done(connect(&bench, &["--sign-out"]));
    assert!(code == Some(1) && text.contains("nobody is signed in"), "{text}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_sign_in_that_does_not_read_is_forgotten_by_signing_out() {
    let bench = Bench::start().await;
    let known = bench.known().await;
    let (folder, _) = bench.state(&known).await;
    folder.keep(&known).unwrap();
    let tokens = folder.file("tokens.json");
    std::fs::write(&tokens, r#"{"access":"of another version"}"#).unwrap();
    let (code, text) = done(connect(&bench, &["--sign-out"]));
    assert!(code == Some(1) && text.contains("forgotten now"), "{text}");
    assert!(!tokens.exists() && folder.known().unwrap().is_none());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn an_appliance_with_a_certificate_by_another_authority_is_refused_until_somebody_has_it_judged_anew() {
    let bench = Bench::start().await;
    let identity = &bench.house.state().identity;
    let ada = identity.account("ada").unwrap().id;
    let (_, secret) = identity.add_device(&Actor::Console, Name::parse("ws-04").unwrap(), ada).await.unwrap();
    let secrets = tempfile::tempdir().unwrap();
    let (secret_file, roots) = (secrets.path().join("secret"), secrets.path().join("roots.pem"));
    gatehouse::platform::files::write_private(&secret_file, secret.expose().as_bytes()).unwrap();
    let device = ["--allow-other-users", "--device-secret-file", secret_file.to_str().unwrap()];
    let with = |more: &[&str]| connect(&bench, &[&PORT[..], &device, more].concat());
    // With the company's authority among those that the system trusts.
    let trusting = |more: &[&str]| {
        let mut command = with(more);
        command.env("SSL_CERT_FILE", &roots);
        command
    };
    async fn refused(at: SocketAddr) -> String {
        match driver(at, EncryptionLevel::NotSupported, ["sa", "x", "trade"]).await {
            Err(tiberius::error::Error::Server(error)) if error.code() == 40613 => error.message().to_owned(),
            other => panic!("{:?}", other.err()),
        }
    }
    let advice = format!("gatehouse connect {} --trust-anew", bench.url());

    let mut first = Running::start(with(&["--fingerprint", bench.fingerprint()]));
    let at = first.address();
    first.line("connected to");
    let now = bench.clock.now();
    let company = Root::create("Company", now).unwrap();
    std::fs::write(&roots, company.certificate_pem()).unwrap();
    let fresh = company.issue(&["localhost".to_owned()], DAY, now).unwrap();
    let (shown, sha256) = (bench.house.appliance().certificates(), fresh.facts().sha256.clone());
    shown.slot(Origin::Imported).put(fresh, now);
    until("it is shown", || shown.certificates().current().facts().sha256 == sha256).await;
    let text = refused(at).await;
    assert!(text.contains(&advice), "a session: {text}");
    first.terminate();

    // The next one, whether the system believes it or not: it was not asked.
    for command in [with(&[]), trusting(&[])] {
        let mut pinned = Running::start(command);
        let at = pinned.address();
        let text = loop {
            let text = refused(at).await;
            if !text.contains("has not answered yet") {
                break text;
            }
        };
        assert!(text.contains(&advice), "the configuration: {text}");
        assert_eq!(status(&bench).0, Some(5));
        pinned.terminate();
    }
    let (code, text) = done(with(&["--trust-anew"]));
    assert!(code == Some(1) && text.contains("not believed"), "judged anew is not believed blindly: {text}");
    let mut judged = Running::start(trusting(&["--trust-anew"]));
    assert!(
        judged
            .line("it is believed")
            .contains(&format!("system trusts now; before: by its own authority {}", bench.fingerprint()))
    );
    judged.line("connected to");
    judged.terminate();
    let mut kept = Running::start(trusting(&[]));
    let at = kept.address();
    kept.line("connected to");
    driver(at, EncryptionLevel::NotSupported, ["sa", "x", "trade"]).await.unwrap();
    kept.terminate();

    // And back: another fingerprint is said on purpose, too.
    shown.slot(Origin::Imported).clear();
    until("it is not shown", || shown.certificates().current().facts().sha256 != sha256).await;
    let mut own = Running::start(with(&["--fingerprint", bench.fingerprint()]));
    own.line("connected to");
    own.terminate();
    // Who signs out, trusts nobody any more.
    let (code, text) = done(connect(&bench, &["--sign-out"]));
    assert!(code == Some(1) && text.contains("believed by is forgotten"), "{text}");
    let (code, text) = done(with(&[]));
    assert!(code == Some(1) && text.contains("not believed") && text.contains("--fingerprint"), "{text}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn while_nobody_is_signed_in_the_status_does_not_say_what_it_was_before() {
    let bench = Bench::start().await;
    let link = [&PORT[..], &["--fingerprint", bench.fingerprint(), "--print-link", "--allow-other-users"]].concat();
    let identity = &bench.house.state().identity;
    let mut signing_in = Running::start(connect(&bench, &link));
    let page = signing_in.line("/oauth/authorize");
    let (code, shown, text) = status(&bench);
    assert_eq!(
        (code, &shown["state"], &shown["pid"]),
        (Some(5), &"connecting".into(), &signing_in.child.id().into()),
        "{text}"
    );
    fetch(&consent(identity, &bench.visit().await, &page).await).await;
    signing_in.line("connected to");
    until("the status says so", || status(&bench).0 == Some(0)).await;
    // Without a terminal HUP is no word to end.
    kill_process(Pid::from_child(&signing_in.child), Signal::HUP).unwrap();
    signing_in.line("asked again");
    assert_eq!(status(&bench).0, Some(0));
    // It dies; its last word was that it is connected.
    drop(signing_in);
    assert_eq!(status(&bench).0, Some(3));

    let mut again = Running::start(connect(&bench, &[&link[..], &["--sign-in"]].concat()));
    let page = again.line("/oauth/authorize");
    let (code, shown, text) = status(&bench);
    assert_eq!(
        (code, &shown["state"], &shown["pid"]),
        (Some(5), &"connecting".into(), &again.child.id().into()),
        "{text}"
    );
    fetch(&consent(identity, &bench.visit().await, &page).await).await;
    let (code, text) = again.ended();
    assert!(code == Some(0) && text.contains("signed in at"), "{text}");
    let (code, shown, text) = status(&bench);
    assert_eq!((code, &shown["state"], &shown["running"]), (Some(3), &"stopped".into(), &false.into()), "{text}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_service_opens_no_browser_and_ends_with_code_4_where_nobody_is_signed_in() {
    use std::os::unix::fs::PermissionsExt as _;

    let bench = Bench::start().await;
    let bin = tempfile::tempdir().unwrap();
    let (opener, opened) = (bin.path().join("xdg-open"), bin.path().join("opened"));
    std::fs::write(&opener, format!("#!/bin/sh\n: >'{}'\n", opened.display())).unwrap();
    std::fs::set_permissions(&opener, std::fs::Permissions::from_mode(0o755)).unwrap();
    // In a session with a screen, as a user's services are.
    let on_screen = |more: &[&str]| {
        let mut command = connect(&bench, &[&PORT[..], &["--allow-other-users"], more].concat());
        command.env("DISPLAY", ":0").env("PATH", bin.path());
        command
    };
    let as_service = |more: &[&str]| {
        let mut command = on_screen(more);
        command.env("NOTIFY_SOCKET", bin.path().join("nobody"));
        command
    };
    let unit = include_str!("../../packaging/systemd/gatehouse-connect.service");
    let started =
        unit.lines().find_map(|line| line.strip_prefix("ExecStart=/usr/local/bin/gatehouse connect ${URL} ")).unwrap();
    let started: Vec<&str> = started.split(' ').collect();
    let fingerprint = ["--fingerprint", bench.fingerprint()];
    for command in [
        on_screen(&started),
        as_service(&[]),
        on_screen(&[&started[..], &fingerprint].concat()),
        as_service(&fingerprint),
    ] {
        let (code, text) = done(command);
        assert!(code == Some(4) && text.contains("--sign-in first"), "{text}");
    }
    assert!(!opened.exists());
    // With somebody there it does open one, and whoever asks for it as a service gets the link.
    let mut seen = Running::start(on_screen(&fingerprint));
    seen.line("Your browser shows");
    until("the browser was started", || opened.exists()).await;
    drop(seen);
    let mut asked = Running::start(as_service(&[&fingerprint[..], &["--print-link"]].concat()));
    asked.line("/oauth/authorize");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_keeps_it_from_serving_is_told_before_anybody_signs_in() {
    let bench = Bench::start().await;
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let at = taken.local_addr().unwrap().to_string();
    let asked = ["--listen", &at, "--keep", "file", "--fingerprint", bench.fingerprint(), "--print-link"];
    let (code, text) = done(connect(&bench, &[&asked[..], &["--allow-other-users"]].concat()));
    assert!(code == Some(1) && text.contains(&at) && !text.contains("/oauth/authorize"), "{text}");
    if rustix::process::geteuid().is_root() {
        let (code, text) = done(connect(&bench, &asked));
        assert!(code == Some(1) && text.contains("--local-token") && !text.contains("/oauth/authorize"), "{text}");
    }
}

/// As root: a connector of this process's user is met by a program of user 65534, which the system tells apart. Otherwise the
/// system's word is tried with another expected user, in `connector`.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_program_of_another_user_is_kept_out_by_what_the_system_says() {
    if !rustix::process::geteuid().is_root() {
        return println!("not root: no program of another user can be started here");
    }
    let bench = Bench::start().await;
    let guard = gatehouse::connector::local::guard::Guard::SameUser { uid: 0, pool: gatehouse::platform::Pool::new(1) };
    let connector = bench.connect(guard).await;
    connector.watch().wait_for(|now| now.document.is_some()).await.unwrap();
    let at = connector.addresses()[0];
    // Greets as a driver does that knows no TLS, logs in, and shows the answer.
    let script = r#"
import socket, sys
s = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
s.sendall(bytes.fromhex(sys.argv[2])); s.recv(4096)
s.sendall(bytes.fromhex(sys.argv[3]))
print(s.recv(4096).hex())
"#;
    let packet = |kind: u8, payload: &[u8]| {
        let length = u16::try_from(8 + payload.len()).unwrap().to_be_bytes();
        let bytes = [&[kind, 1, length[0], length[1], 0, 0, 1, 0], payload].concat();
        bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>()
    };
    let prelogin = gatehouse::tds::PreLogin {
        encryption: Some(gatehouse::tds::Encryption::NotSupported),
        ..crate::support::caller::prelogin()
    };
    let prelogin = packet(0x12, &prelogin.encode().unwrap());
    let login = packet(0x10, &crate::support::caller::login("sa", "x", "trade").encode().unwrap());
    let answer = move |user: Option<&str>| {
        let mut command = Command::new(if user.is_some() { "setpriv" } else { "python3" });
        if let Some(user) = user {
            command.args(["--reuid", user, "--clear-groups", "/usr/bin/python3"]);
        }
        command.args(["-c", script, &at.port().to_string(), &prelogin, &login]).current_dir("/");
        let output = command.output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };
    let words = |text: &str| {
        text.encode_utf16().flat_map(u16::to_le_bytes).map(|byte| format!("{byte:02x}")).collect::<String>()
    };
    let (own, other) = tokio::task::spawn_blocking(move || (answer(None), answer(Some("65534")))).await.unwrap();
    assert!(!own.contains(&words("no others")) && own.contains(&words("Nordwind")), "{own}");
    assert!(other.contains(&words("no others")), "{other}");
    connector.stop().await;
}

const KEYRING: &str = "GATEHOUSE_TEST_KEYRING";

#[test]
fn a_sign_in_is_kept_in_the_sessions_keyring_and_in_a_file_where_there_is_none() {
    let name = "connector_program::a_sign_in_is_kept_in_the_sessions_keyring_and_in_a_file_where_there_is_none";
    if let Some(folder) = std::env::var_os(KEYRING) {
        return crate::support::process::runtime().block_on(keep(Path::new(&folder)));
    }
    let run = |mut command: Command| {
        let folder = tempfile::tempdir().unwrap();
        command.env(KEYRING, folder.path()).env("XDG_DATA_HOME", folder.path()).env("XDG_RUNTIME_DIR", folder.path());
        let Output { status, stdout, stderr } = command.env("HOME", folder.path()).output().unwrap();
        let text = String::from_utf8_lossy(&[stdout, stderr].concat()).into_owned();
        assert!(status.success(), "this test needs gnome-keyring and dbus-daemon: {text}");
        text
    };
    let own = std::env::current_exe().unwrap();
    let mut with = Command::new("dbus-run-session");
    let script = "printf pass | gnome-keyring-daemon --unlock --components=secrets >/dev/null && exec \"$@\"";
    with.args(["--", "sh", "-c", script, "sh"]).arg(&own).args(crate::support::process::only(name));
    assert!(run(with).contains("kept in Keyring"));
    let mut without = Command::new(&own);
    without.args(crate::support::process::only(name)).env_remove("DBUS_SESSION_BUS_ADDRESS");
    assert!(run(without).contains("kept in File"));
}

async fn keep(folder: &Path) {
    use gatehouse::connector::oauth::{ProofKey, Tokens};
    let place = gatehouse::connector::Place { host: "sql.corp.example".to_owned(), port: 443 };
    let known = Known {
        pin: gatehouse::connector::Pin::System,
        appliance: "id".to_owned(),
        name: "Contoso".to_owned(),
        config: "/c".to_owned(),
        oauth: "/o".to_owned(),
        keeps: Keeps::Keyring,
        place,
    };
    let folder = gatehouse::connector::Folder::of(&folder.join("state"), &known.place);
    folder.make().unwrap();
    let expires = gatehouse::domain::Timestamp::from_millis(1_795_000_000_000);
    for round in 0..3 {
        let vault = Vault::open(&folder, &known).await.unwrap();
        let text = |what: &str| Secret::new(format!("canary-{what}-{round}"));
        let tokens =
            Tokens { access: text("access"), refresh: text("refresh"), expires, key: ProofKey::kept(text("key")) };
        vault.store(&Kept::Program(tokens.clone())).await.unwrap();
        let again = Vault::open(&folder, &known).await.unwrap();
        assert_eq!(again.load().await.unwrap(), Some(Kept::Program(tokens)));
        let in_file = folder.file("tokens.json").exists();
        assert_eq!(in_file, vault.keeps() == Keeps::File);
        crate::support::process::say(&format!("kept in {:?}", vault.keeps()));
    }
    let vault = Vault::open(&folder, &known).await.unwrap();
    vault.forget().await.unwrap();
    vault.forget().await.unwrap();
    assert_eq!(vault.load().await.unwrap(), None);
}
