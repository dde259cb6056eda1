//! The whole appliance at its most talkative, with everything made to fail that can: no secret gets out.

use std::path::Path;
use std::sync::Arc;

use gatehouse::domain::Secret;
use gatehouse::platform::{SystemClock, Tasks, files};
use gatehouse::sample::{Sample, SampleOptions};
use gatehouse::tds::login7::{Login7, OptionFlags3};

use super::super::support::caller::{self, LoggedIn};
use super::super::support::program::{Process, ask};
use super::traces::{find, find_in_files};

const ACCOUNT: &str = "canary-account-password-1";
const CHANGED: &str = "canary-account-password-2";
const WRONG: &str = "canary-wrong-password-3";
const NEW: &str = "canary-new-password-asked-for-4";
const ADMINISTRATOR: &str = "canary-sa-password-5";
const SQL: &str = "canary-sql-password-6";
const OTHER_SQL: &str = "canary-sql-password-7";
const WRONG_SQL: &str = "canary-wrong-sql-password-8";
const HTTP: &str = "canary-http-credential-9";
/// Has the looks of a generated secret, and is none.
const LOOKALIKE: &str = "ght_canarycanarycanarycanarycanary10";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_secret_gets_out_of_an_appliance_in_which_everything_fails() {
    let folder = tempfile::tempdir().unwrap();
    let tasks = Tasks::new();
    let options = SampleOptions::new(Secret::new(ADMINISTRATOR), Secret::new(SQL), Secret::new(OTHER_SQL));
    let sample = Sample::start(options, &tasks, SystemClock::new()).await.unwrap();
    let shown = certificate_files(folder.path());
    let names = "appliance.names=localhost";
    let settings = ["log.filter=trace", names, &shown.settings[0], &shown.settings[1]];
    let process = Process::start(folder.path(), &settings);
    let mut told = String::new();
    let issued = furnish(folder.path(), &sample, &mut told);

    log_in_in_every_way(&process, &shown.root_pem, &issued, &mut told).await;
    told.push_str(&browse(&process, &shown.root_pem).await);
    sample.refuse_logins(true);
    attempt(&process, &shown.root_pem, &caller::login("ada", ACCOUNT, "good"), &mut told).await;
    sample.stop();
    attempt(&process, &shown.root_pem, &caller::login("ada", ACCOUNT, "good"), &mut told).await;
    fail_at_the_command_line(folder.path(), &mut told);
    process.signal(rustix::process::Signal::TERM);
    assert_eq!(process.ended().code(), Some(0));
    told.push_str(&said(folder.path(), &["audit", "verify"], ""));
    tasks.stop();

    let log = std::fs::read_to_string(folder.path().join("log")).unwrap();
    assert!(log.contains("\"level\":\"TRACE\"") || log.contains("\"level\":\"DEBUG\""), "it was talkative");
    let master_key = std::fs::read_to_string(folder.path().join("data.key")).unwrap();
    let server_key = std::fs::read_to_string(folder.path().join("server.key")).unwrap();
    let mut secrets = vec![ACCOUNT, CHANGED, WRONG, NEW, ADMINISTRATOR, SQL, OTHER_SQL, WRONG_SQL, HTTP, LOOKALIKE];
    secrets.extend(issued.iter().map(String::as_str));
    secrets.extend([master_key.trim(), server_key.lines().nth(1).unwrap(), "PRIVATE KEY"]);
    assert_eq!(find(told.as_bytes(), &secrets), Vec::<String>::new(), "told to somebody");
    assert_eq!(find(log.as_bytes(), &secrets), Vec::<String>::new(), "in the log");
    let kept = find_in_files(&folder.path().join("data"), &secrets);
    assert_eq!(kept, Vec::<String>::new(), "in the data folder");
}

struct CertificateFiles {
    root_pem: String,
    settings: [String; 2],
}

fn certificate_files(folder: &Path) -> CertificateFiles {
    let own = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let (certificate, key) = (folder.join("server.pem"), folder.join("server.key"));
    files::write_public(&certificate, own.cert.pem().as_bytes()).unwrap();
    files::write_private(&key, own.key_pair.serialize_pem().as_bytes()).unwrap();
    let setting = |name: &str, path: &Path| format!("tls.{name}={}", path.display());
    CertificateFiles {
        root_pem: own.cert.pem(),
        settings: [setting("certificate_file", &certificate), setting("key_file", &key)],
    }
}

/// Accounts, credentials, databases and grants by the command line. Gives the secrets that it printed, which are told to nobody else.
fn furnish(folder: &Path, sample: &Sample, told: &mut String) -> Vec<String> {
    let address = sample.address().to_string();
    let pin = format!("--pin={}", sample.certificate_sha256());
    for (arguments, input) in [
        (&["account", "add", "ada", "--password-stdin"][..], ACCOUNT),
        (&["account", "add", "eve", "--password-stdin"], ACCOUNT),
        (&["account", "disable", "eve"], ""),
        (&["server", "add", "sample", &address, &pin, "--yes"], ""),
        (&["database", "add", "good", "--server", "sample", "--name", "Nordwind"], ""),
        (&["database", "add", "refused", "--server", "sample", "--name", "Suedsee"], ""),
        (&["grant", "add", "good", "--account", "ada", "--login", "nordwind_app", "--password-stdin"], SQL),
        (
            &[
                "grant",
                "add",
                "refused",
                "--account",
                "ada",
                "--login",
                "suedsee_app",
                "--password-stdin",
                "--no-check",
            ],
            WRONG_SQL,
        ),
        (&["account", "list"], ""),
        (&["grant", "list"], ""),
        (&["server", "list"], ""),
    ] {
        told.push_str(&done(folder, arguments, input));
    }
    let tried = ["admin", "grant", "add", "good", "--account", "eve", "--login", "suedsee_app", "--password-stdin"];
    let refused = ask(folder, &tried, WRONG_SQL);
    assert_eq!(refused.status.code(), Some(1), "the server refuses this SQL login");
    told.push_str(&String::from_utf8_lossy(&refused.stderr));
    [&["pass", "issue", "ada"][..], &["device", "add", "ws-1", "--account", "ada"], &["token", "issue", "ada"]]
        .map(|arguments| generated(&done(folder, arguments, "")))
        .to_vec()
}

/// The generated secret in what a command printed.
fn generated(text: &str) -> String {
    let words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    let secret = words.into_iter().find(|word| ["ghp_", "ghd_", "ght_"].iter().any(|prefix| word.starts_with(prefix)));
    secret.unwrap_or_else(|| panic!("no secret in {text}")).to_owned()
}

async fn log_in_in_every_way(process: &Process, root: &str, issued: &[String], told: &mut String) {
    let [pass, device, token] = issued else { panic!("three secrets") };
    let mut changing = Login7 { change_password: Secret::new(NEW), ..caller::login("ada", ACCOUNT, "good") };
    changing.options3.set(OptionFlags3::CHANGE_PASSWORD, true);
    for login in [
        caller::login("ada", ACCOUNT, "good"),
        caller::login("ada", pass, "good"),
        caller::login("ws-1", device, "good"),
        caller::token_login(token, "good"),
    ] {
        let mut caller = caller::tunnel(process.sql, root, &caller::prelogin()).await;
        let outcome = caller.log_in(&login).await;
        assert!(matches!(outcome, LoggedIn::Yes(_)), "{outcome:?}\n{}", process.log());
        told.push_str(&format!("{outcome:?}"));
        let answer = caller.ask("SELECT no_such_column FROM no_such_table").await.unwrap_or_default();
        told.push_str(&String::from_utf8_lossy(&answer));
    }
    for login in [
        caller::login("ada", WRONG, "good"),
        caller::login("ada", ACCOUNT, "unknown"),
        caller::login("ada", ACCOUNT, "refused"),
        caller::login("eve", ACCOUNT, "good"),
        caller::login("nobody", WRONG, "good"),
        caller::login(LOOKALIKE, WRONG, "good"),
        caller::login("ada", LOOKALIKE, "good"),
        caller::token_login(LOOKALIKE, "good"),
        changing,
    ] {
        attempt(process, root, &login, told).await;
    }
    let mut strict = caller::strict(process.sql, root, &caller::prelogin()).await;
    told.push_str(&format!("{:?}", strict.log_in(&caller::login("ada", WRONG, "good")).await));
    // A login that breaks off in the middle, and one that is not one.
    let whole = caller::login("ada", WRONG, "good").encode().unwrap();
    for bytes in [&whole[..whole.len() / 2], &[0xFF; 300]] {
        let mut caller = caller::tunnel(process.sql, root, &caller::prelogin()).await;
        caller.send(0x10, 0, bytes).await;
        told.push_str(&format!("{:?}", caller.answer().await));
    }
}

/// A login that is refused; what the client was told is kept.
async fn attempt(process: &Process, root: &str, login: &Login7, told: &mut String) {
    let mut caller = caller::tunnel(process.sql, root, &caller::prelogin()).await;
    let outcome = caller.log_in(login).await;
    assert!(!matches!(outcome, LoggedIn::Yes(_)), "{login:?}: {outcome:?}");
    told.push_str(&format!("{outcome:?}"));
}

/// Requests that carry a credential where it does not belong.
async fn browse(process: &Process, root: &str) -> String {
    let provider = gatehouse::tls::policy::provider();
    let tls = rustls::ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(caller::roots(root))
        .with_no_client_auth();
    let client = reqwest::Client::builder().use_preconfigured_tls(tls).build().unwrap();
    let mut told = String::new();
    for path in ["", "healthz/ready", "healthz/live", "assets/nothing", "no/such/page"] {
        let url = format!("https://localhost:{}/{path}?password={HTTP}", process.https.port());
        for request in [client.get(&url), client.post(&url).body(HTTP)] {
            let request = request.bearer_auth(HTTP).header("cookie", format!("__Host-session={HTTP}"));
            let response = request.send().await.unwrap();
            told.push_str(&format!("{:?}\n", response.headers()));
            told.push_str(&response.text().await.unwrap());
        }
    }
    told
}

fn fail_at_the_command_line(folder: &Path, told: &mut String) {
    for (arguments, input) in [
        (&["admin", "account", "add", "ada", "--password-stdin"][..], CHANGED),
        (&["admin", "account", "password", "nobody", "--password-stdin"], CHANGED),
        (&["admin", "grant", "add", "none", "--account", "ada", "--login", "x", "--password-stdin"], WRONG_SQL),
        (&["admin", "server", "add", "gone", "127.0.0.1:1", "--yes"], ""),
    ] {
        let output = ask(folder, arguments, input);
        assert_eq!(output.status.code(), Some(1), "{arguments:?}");
        told.push_str(&format!(
            "{}{}",
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        ));
    }
    told.push_str(&done(folder, &["account", "password", "ada", "--password-stdin"], CHANGED));
    told.push_str(&said(folder, &["check"], ""));
}

/// An administrative command that has to succeed, and all that it said.
fn done(folder: &Path, arguments: &[&str], input: &str) -> String {
    said(folder, &[&["admin"], arguments].concat(), input)
}

fn said(folder: &Path, arguments: &[&str], input: &str) -> String {
    let output = ask(folder, arguments, input);
    let text = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert_eq!(output.status.code(), Some(0), "{arguments:?}: {text}");
    text
}

#[test]
fn the_own_authoritys_key_lies_sealed_in_the_data_folder() {
    let folder = tempfile::tempdir().unwrap();
    let process = Process::start(folder.path(), &["log.filter=trace"]);
    process.signal(rustix::process::Signal::TERM);
    process.ended();
    let master_key = std::fs::read_to_string(folder.path().join("data.key")).unwrap();
    let secrets = ["PRIVATE KEY", master_key.trim()];
    assert_eq!(find_in_files(&folder.path().join("data"), &secrets), Vec::<String>::new());
    assert_eq!(find(&std::fs::read(folder.path().join("log")).unwrap(), &secrets), Vec::<String>::new());
}
