//! State files: everything goes into one file, and out of it on another machine, for whoever has the passphrase.

use std::path::Path;

use gatehouse::domain::Secret;
use gatehouse::state::{Layout, State};
use gatehouse::store::{StateFileError, restore_state_file};
use rustix::process::Signal;

use crate::support::house::{House, PASSWORD};
use crate::support::program::{Process, ask};

const PASSPHRASE: &str = "ochre lantern viaduct 52";

/// A house with one member, and its state file.
async fn written() -> (House, std::path::PathBuf) {
    let house = House::build();
    house.member("ada.lovelace").await;
    let file = house.folder.path().join("gatehouse.state");
    let beside = "[appliance]\nname = \"Köln\"\n".to_owned();
    house.state.store.write_state_file(file.clone(), Secret::new(PASSPHRASE), beside).await.unwrap();
    (house, file)
}

fn restored(file: &Path, passphrase: &str) -> Result<String, StateFileError> {
    let folder = tempfile::tempdir().unwrap();
    restore_state_file(&folder.path().join("store"), &folder.path().join("key"), file, &Secret::new(passphrase))
}

#[tokio::test]
async fn what_a_state_file_holds_comes_out_whole_under_another_master_key() {
    let (house, file) = written().await;
    let text = std::fs::read_to_string(&file).unwrap();
    // A name with a dot in it: base64 has none, so it is not there by chance.
    assert!(!text.contains("ada.lovelace") && !text.contains("accounts"), "nothing of it can be read");
    let elsewhere = House::build();
    let data = elsewhere.config.appliance.data_dir.clone();
    let House { config, clock, folder, state, .. } = elsewhere;
    drop(state);
    std::fs::remove_dir_all(Layout::of(&data).store()).unwrap();
    std::fs::remove_dir_all(Layout::of(&data).audit()).unwrap();
    let key = &config.keys.master_key_file;
    let beside = restore_state_file(&Layout::of(&data).store(), key, &file, &Secret::new(PASSPHRASE)).unwrap();
    assert_eq!(beside, "[appliance]\nname = \"Köln\"\n");
    let (state, _) = State::open(&config, clock).unwrap();
    let ada = state.identity.account("ada.lovelace").unwrap();
    let before = house.identity().account("ada.lovelace").unwrap();
    assert_eq!((ada.id, ada.created), (before.id, before.created));
    drop(folder);
}

#[tokio::test]
async fn a_state_file_opens_with_its_passphrase_alone_and_no_line_of_it_can_be_changed() {
    let (_house, file) = written().await;
    assert!(matches!(restored(&file, "another passphrase"), Err(StateFileError::Passphrase)));
    let text = std::fs::read_to_string(&file).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    assert!(lines.len() >= 3, "a head, what goes with it, and a part");
    let altered = |lines: Vec<String>| {
        let other = file.with_extension("altered");
        std::fs::write(&other, lines.join("\n") + "\n").unwrap();
        restored(&other, PASSPHRASE)
    };
    let all = || lines.iter().map(|line| (*line).to_owned()).collect::<Vec<String>>();
    altered(all()).unwrap();
    for at in 0..lines.len() {
        let mut without = all();
        without.remove(at);
        assert!(altered(without).is_err(), "line {at} left out");
        let mut twice = all();
        twice.insert(at, lines[at].to_owned());
        assert!(altered(twice).is_err(), "line {at} twice");
        let mut other = all();
        let middle = other[at].len() / 2;
        let letter = if other[at].as_bytes()[middle] == b'A' { "B" } else { "A" };
        other[at].replace_range(middle..=middle, letter);
        assert!(altered(other).is_err(), "line {at} altered");
    }
    let more = [all(), vec!["{}".to_owned()]].concat();
    assert!(altered(more).is_err(), "something after the end");
    for text in ["", "{}\n", "no state file\n"] {
        let other = file.with_extension("strange");
        std::fs::write(&other, text).unwrap();
        assert!(matches!(restored(&other, PASSPHRASE), Err(StateFileError::Form)), "{text:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_appliance_in_set_up_takes_everything_from_another_ones_state_file() {
    let (former, later) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let file = former.path().join("gatehouse.state");
    let process = Process::start(former.path(), &[]);
    let done = |output: std::process::Output| {
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };
    done(ask(
        former.path(),
        &["admin", "account", "add", "root", "--role", "administrator", "--password-stdin"],
        PASSWORD,
    ));
    let chosen = "[appliance]\nname = \"Köln\"\n";
    std::fs::write(former.path().join("data/chosen.toml"), chosen).unwrap();
    let name = file.to_str().unwrap();
    let short = ask(former.path(), &["state", "export", name, "--password-stdin"], "short");
    assert!(!short.status.success() && !file.exists());
    done(ask(former.path(), &["state", "export", name, "--password-stdin"], PASSPHRASE));
    process.signal(Signal::TERM);
    process.ended();

    let process = Process::start(later.path(), &[]);
    let note = std::fs::read_to_string(later.path().join("data/setup-code")).unwrap();
    let code = note.split_whitespace().last().unwrap();
    let own = std::fs::read(later.path().join("data/authority.pem")).unwrap();
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let client = reqwest::Client::builder().tls_built_in_root_certs(false);
    let client = client.add_root_certificate(reqwest::Certificate::from_pem(&own).unwrap()).build().unwrap();
    let content = std::fs::read_to_string(&file).unwrap();
    let send = async |code: &str, passphrase: &str| {
        let field = |name: &str, more: &str, value: &str| {
            format!("--frontier\r\nContent-Disposition: form-data; name=\"{name}\"{more}\r\n\r\n{value}\r\n")
        };
        let fields = [
            field("code", "", code),
            field("passphrase", "", passphrase),
            field("file", "; filename=\"gatehouse.state\"", &content),
        ];
        let body = format!("{}--frontier--\r\n", fields.concat());
        let url = format!("https://localhost:{}/setup/restore", process.https.port());
        let post = client.post(url).header("sec-fetch-site", "same-origin");
        let post = post.header("content-type", "multipart/form-data; boundary=frontier").body(body);
        let answer = post.send().await.unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    };
    let (status, text) = send("wrong", PASSPHRASE).await;
    assert!(status == 422 && text.contains("set-up code"), "{status} {text}");
    let (status, text) = send(code, "another passphrase").await;
    assert!(status == 422 && text.contains("passphrase"), "{status} {text}");
    assert!(!later.path().join("data/incoming.upload").exists());
    let (status, text) = send(code, PASSPHRASE).await;
    assert_eq!(status, 200, "{text}");

    // Once with the state, and once more with the settings that came with it.
    process.ready_again(3);
    assert_eq!(std::fs::read_to_string(later.path().join("data/chosen.toml")).unwrap(), chosen);
    let root = done(ask(later.path(), &["admin", "account", "show", "root"], ""));
    assert!(root.contains("administrator"), "{root}");
    let authority = |folder: &Path| std::fs::read(folder.join("data/authority.pem")).unwrap();
    assert_eq!(authority(former.path()), authority(later.path()), "workstations trust it as before");
    let audit = done(ask(later.path(), &["audit", "verify"], ""));
    assert!(!audit.is_empty());
    process.signal(Signal::TERM);
    assert_eq!(process.ended().code(), Some(0));
}
