//! Which of several certificates is shown: files before the others, the own authority whenever nothing else will do.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use gatehouse::config;
use gatehouse::platform::{Clock, ManualClock, Tasks};
use gatehouse::tls::{Certificates, Origin, Place, Root};

use crate::support::certificates::{DAY, Files, NOW, client, handshake, said, settle, shown, store};
use crate::support::rig::until;

const NAME: &str = "sql.example.com";

#[tokio::test]
async fn a_certificate_from_files_is_shown_with_its_chain() {
    let (folder, files, clock) = (tempfile::tempdir().unwrap(), Files::new(), ManualClock::starting_at(NOW));
    files.write(&[NAME], NOW);
    let (shown, health) = shown(&store(folder.path()), &files.settings(), &*clock).await;
    assert_eq!((shown.active(), health.problems()), (Origin::Files, Vec::new()));
    assert_eq!(shown.certificates().current().chain().len(), 2);
    handshake(&shown.configs().strict, client(&files.root.pem(), NOW, &[]), NAME).await.unwrap();
    assert!(!shown.public_trust().is_given());
}

#[tokio::test]
async fn files_that_are_no_good_at_the_start_are_told_and_the_own_authority_serves() {
    let (folder, files, clock) = (tempfile::tempdir().unwrap(), Files::new(), ManualClock::starting_at(NOW));
    let (shown, health) = shown(&store(folder.path()), &files.settings(), &*clock).await;
    assert_eq!(shown.active(), Origin::Authority);
    let text = said(&health, "tls.files");
    assert!(text.contains("certificate.pem cannot be read") && text.contains("(authority) is shown"), "{text}");
    handshake(&shown.configs().https, client(&shown.authority().root_pem(), NOW, &[]), NAME).await.unwrap();

    files.write(&[NAME], NOW);
    shown.reload(&*clock).await;
    assert_eq!((shown.active(), health.problems()), (Origin::Files, Vec::new()));
}

#[tokio::test]
async fn new_files_are_taken_and_bad_ones_leave_the_old_in_place_until_they_are_mended() {
    let (folder, files, clock) = (tempfile::tempdir().unwrap(), Files::new(), ManualClock::starting_at(NOW));
    files.write(&[NAME], NOW);
    let (shown, health) = shown(&store(folder.path()), &files.settings(), &*clock).await;
    let sha256 = || shown.certificates().current().facts().sha256.clone();
    let first = sha256();
    shown.reload(&*clock).await;
    assert_eq!(sha256(), first, "nothing changed");

    files.write(&[NAME], NOW);
    shown.reload(&*clock).await;
    let second = sha256();
    assert_ne!(first, second);

    let good = std::fs::read(files.certificate()).unwrap();
    std::fs::write(files.certificate(), "half a certifi").unwrap();
    shown.reload(&*clock).await;
    assert_eq!((sha256(), shown.active()), (second.clone(), Origin::Files));
    assert!(said(&health, "tls.files").contains("the certificate from before"), "{health:?}");

    std::fs::remove_file(files.certificate()).unwrap();
    shown.reload(&*clock).await;
    assert_eq!(sha256(), second);
    assert!(said(&health, "tls.files").contains("cannot be read"), "{health:?}");

    // The very same file again: the line goes.
    std::fs::write(files.certificate(), good).unwrap();
    shown.reload(&*clock).await;
    assert_eq!((sha256(), health.problems()), (second, Vec::new()));
}

#[tokio::test]
async fn files_are_looked_at_by_themselves_within_a_minute() {
    let (folder, files, clock) = (tempfile::tempdir().unwrap(), Files::new(), ManualClock::starting_at(NOW));
    let tasks = Tasks::new();
    files.write(&[NAME], NOW);
    let (shown, _) = shown(&store(folder.path()), &files.settings(), &*clock).await;
    shown.keep_fresh(&tasks, Arc::clone(&clock) as _);
    settle().await;
    let first = shown.certificates().current().facts().sha256.clone();
    files.write(&[NAME], NOW);
    clock.advance(Duration::from_secs(60));
    until("the new files are shown", || shown.certificates().current().facts().sha256 != first).await;
    tasks.drain(&*clock, DAY).await.unwrap();
}

#[tokio::test]
async fn files_are_refused_by_what_is_wrong_with_them() {
    let files = Files::new();
    let place = Place::of(&files.settings()).unwrap();
    let names = ["sql.example.com", "db.example.com", "localhost"].map(str::to_owned);
    let refusal = || place.read(&names, NOW).unwrap_err().to_string();
    assert!(refusal().contains("certificate.pem cannot be read"));

    files.write(&[NAME], NOW);
    let good = (std::fs::read(files.certificate()).unwrap(), std::fs::read(files.key()).unwrap());
    files.write(&[NAME], NOW);
    std::fs::write(files.key(), &good.1).unwrap();
    assert!(refusal().contains("does not belong"));

    std::fs::write(files.key(), &good.0).unwrap();
    assert!(refusal().contains("no private key"));

    for at in [NOW.after(DAY), gatehouse::domain::Timestamp::from_millis(NOW.as_millis() - 2 * 86_400_000)] {
        files.write(&[NAME], at);
        assert!(refusal().contains("is valid from"));
    }

    files.write(&[], NOW);
    assert!(refusal().contains("no subject alternative names"));

    files.write(&["other.example.com"], NOW);
    assert!(refusal().contains("is for other.example.com, which are not among `appliance.names`"));
    files.write(&["localhost"], NOW);
    assert!(refusal().contains("is for localhost"), "a name that everybody has says nothing");
    files.write(&["*.example.com"], NOW);
    place.read(&names, NOW).unwrap();

    for text in ["", "nonsense", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"] {
        std::fs::write(files.certificate(), text).unwrap();
        refusal();
    }
}

#[tokio::test]
async fn a_chain_in_the_wrong_order_or_of_another_authority_is_refused() {
    let (files, other) = (Files::new(), Files::new());
    let place = Place::of(&files.settings()).unwrap();
    let names = [NAME.to_owned()];
    files.write(&[NAME], NOW);
    let chain = std::fs::read_to_string(files.certificate()).unwrap();
    let leaf = chain.split_inclusive("-----END CERTIFICATE-----\n").next().unwrap();
    let refusal = |text: &str| {
        std::fs::write(files.certificate(), text).unwrap();
        place.read(&names, NOW).unwrap_err().to_string()
    };
    assert!(refusal(&format!("{}{leaf}", files.root.pem())).contains("does not belong"), "the leaf has to come first");
    let text = refusal(&format!("{leaf}{leaf}"));
    assert!(text.contains("certificate 1 of the chain was not issued"), "{text}");
    // The same name, another key: only the signature tells.
    let text = refusal(&format!("{leaf}{}", other.root.pem()));
    assert!(text.contains("clients will not believe the chain"), "{text}");
    std::fs::write(files.certificate(), leaf).unwrap();
    place.read(&names, NOW).unwrap();
}

#[tokio::test]
async fn a_new_certificate_with_fewer_of_the_configured_names_is_not_taken() {
    let (folder, files, clock) = (tempfile::tempdir().unwrap(), Files::new(), ManualClock::starting_at(NOW));
    let appliance = config::Appliance {
        names: [NAME, "db.example.com", "never.example.com"].map(str::to_owned).to_vec(),
        ..config::Appliance::default()
    };
    files.write(&[NAME, "db.example.com", "localhost"], NOW);
    let health = gatehouse::telemetry::Health::new();
    let settings = files.settings();
    let store = store(folder.path());
    let shown = gatehouse::tls::Shown::open(&store, &appliance, &settings, health.clone(), &*clock).await.unwrap();
    assert_eq!(health.problems(), [], "a name that it was never for is no reason to refuse it");
    let first = shown.certificates().current();
    files.write(&[NAME], NOW);
    shown.reload(&*clock).await;
    assert!(Arc::ptr_eq(&first, &shown.certificates().current()));
    assert!(said(&health, "tls.files").contains("is not for db.example.com"), "{health:?}");
    files.write(&["db.example.com", NAME, "more.example.com"], NOW);
    shown.reload(&*clock).await;
    assert_eq!((shown.certificates().current().facts().names.len(), health.problems()), (3, Vec::new()));
}

#[tokio::test]
async fn the_own_authority_steps_in_before_a_certificate_lapses_and_back_when_there_is_another() {
    let (folder, files, clock) = (tempfile::tempdir().unwrap(), Files::new(), ManualClock::starting_at(NOW));
    let tasks = Tasks::new();
    files.write_for(&[NAME], NOW, 30 * DAY);
    let (shown, health) = shown(&store(folder.path()), &files.settings(), &*clock).await;
    shown.keep_fresh(&tasks, Arc::clone(&clock) as _);
    settle().await;
    let line = || said(&health, "tls.files");

    clock.advance(19 * DAY);
    settle().await;
    assert_eq!(line(), "");
    // Less than a third of its life is left, and nobody has renewed it.
    clock.advance(2 * DAY);
    until("the board says so", || line().contains("have it renewed")).await;
    assert_eq!(shown.active(), Origin::Files);

    clock.advance(9 * DAY - Duration::from_secs(1800));
    until("the own authority steps in", || shown.active() == Origin::Authority).await;
    assert!(line().contains("ends too soon") && line().contains("(authority) is shown instead"), "{}", line());
    let (root, own) = (shown.authority().root_pem(), shown.slot(Origin::Authority));
    until("its certificate is renewed", || own.status().renewed > Some(NOW.after(20 * DAY))).await;
    shown.choose(clock.now());
    handshake(&shown.configs().strict, client(&root, clock.now(), &[]), NAME).await.unwrap();

    files.write_for(&[NAME], clock.now(), 30 * DAY);
    clock.advance(Duration::from_secs(60));
    until("the files are back", || shown.active() == Origin::Files).await;
    until("nothing is wrong", || health.problems().is_empty()).await;
    tasks.drain(&*clock, DAY).await.unwrap();
}

#[tokio::test]
async fn what_any_source_puts_in_is_shown_at_once_and_the_preferred_wins() {
    let (folder, clock, tasks) = (tempfile::tempdir().unwrap(), ManualClock::starting_at(NOW), Tasks::new());
    let (shown, health) = shown(&store(folder.path()), &config::Tls::default(), &*clock).await;
    shown.keep_fresh(&tasks, Arc::clone(&clock) as _);
    let own = shown.certificates().current().facts().sha256.clone();
    let root = Root::create("Public", NOW).unwrap();
    let (acme, imported) = (shown.slot(Origin::Acme), shown.slot(Origin::Imported));
    let issue = |days: u32| root.issue(&[NAME.to_owned()], days * DAY, NOW).unwrap();

    acme.put(issue(6), NOW);
    until("the certificate by ACME is shown", || shown.active() == Origin::Acme).await;
    imported.put(issue(90), NOW);
    until("the imported one is preferred", || shown.active() == Origin::Imported).await;
    acme.fail("the directory does not answer");
    until("the board says so", || said(&health, "tls.acme").contains("does not answer")).await;
    acme.well();
    until("it is well again", || health.problems().is_empty()).await;
    imported.clear();
    until("ACME's is next", || shown.active() == Origin::Acme).await;
    acme.clear();
    until("the own authority is always there", || shown.active() == Origin::Authority).await;
    assert_eq!(shown.certificates().current().facts().sha256, own);

    // One that is not valid yet is none.
    acme.put(root.issue(&[NAME.to_owned()], DAY, NOW.after(DAY)).unwrap(), NOW);
    settle().await;
    assert_eq!(shown.active(), Origin::Authority);
    let origins: Vec<Origin> = shown.statuses().iter().map(|status| status.origin).collect();
    assert_eq!(origins, [Origin::Files, Origin::Imported, Origin::Acme, Origin::Authority]);
    tasks.drain(&*clock, DAY).await.unwrap();
}

/// `openssl pkcs12 -export`, with today's ciphers and with those of old Windows versions.
#[tokio::test]
async fn a_pkcs12_file_is_shown_with_its_chain_and_a_wrong_password_is_told() {
    let (folder, files, clock) = (tempfile::tempdir().unwrap(), Files::new(), ManualClock::starting_at(NOW));
    files.write(&[NAME], NOW);
    let pfx = files.folder.path().join("certificate.pfx");
    let export = |kind: &[&str], password: &str| {
        let output = std::process::Command::new("openssl")
            .args(["pkcs12", "-export", "-passout", &format!("pass:{password}"), "-name", "gatehouse", "-inkey"])
            .args([&files.key(), Path::new("-in"), &files.certificate(), Path::new("-out"), &pfx])
            .args(kind)
            .output()
            .expect("openssl is installed");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    };
    let settings = |password: Option<&str>| config::Tls {
        pkcs12_file: Some(pfx.clone()),
        pkcs12_password: password.map(gatehouse::domain::Secret::new),
        ..config::Tls::default()
    };
    let store = store(folder.path());
    for (kind, password) in
        [(&[][..], "correct horse"), (&["-legacy"], "correct horse"), (&["-keypbe", "NONE", "-certpbe", "NONE"], "")]
    {
        export(kind, password);
        let (shown, health) = shown(&store, &settings(Some(password)), &*clock).await;
        assert_eq!((shown.active(), health.problems()), (Origin::Files, Vec::new()), "{kind:?}");
        assert_eq!(shown.certificates().current().chain().len(), 2);
        handshake(&shown.configs().https, client(&files.root.pem(), NOW, &[]), NAME).await.unwrap();
    }
    for kind in [&[][..], &["-legacy"]] {
        export(kind, "correct horse");
        for wrong in [None, Some("battery staple")] {
            let (shown, health) = shown(&store, &settings(wrong), &*clock).await;
            assert_eq!(shown.active(), Origin::Authority);
            let text = said(&health, "tls.files");
            assert!(text.contains("certificate.pfx: the password does not open it"), "{text}");
        }
    }
    std::fs::write(&pfx, "no such thing").unwrap();
    let (_, health) = shown(&store, &settings(None), &*clock).await;
    assert!(said(&health, "tls.files").contains("cannot be read as PKCS#12"), "{health:?}");
}

#[cfg(unix)]
#[tokio::test]
async fn a_private_key_that_others_can_read_is_told_and_used() {
    use std::os::unix::fs::PermissionsExt as _;
    let (folder, files, clock) = (tempfile::tempdir().unwrap(), Files::new(), ManualClock::starting_at(NOW));
    files.write(&[NAME], NOW);
    std::fs::set_permissions(files.key(), std::fs::Permissions::from_mode(0o644)).unwrap();
    let (shown, health) = shown(&store(folder.path()), &files.settings(), &*clock).await;
    assert_eq!(shown.active(), Origin::Files);
    assert!(said(&health, "tls.files").contains("chmod go="), "{health:?}");
    std::fs::set_permissions(files.key(), std::fs::Permissions::from_mode(0o600)).unwrap();
    shown.reload(&*clock).await;
    assert_eq!(health.problems(), []);
}

#[test]
fn who_connects_next_sees_what_was_put_in_last() {
    let root = Root::create("Any", NOW).unwrap();
    let issue = || root.issue(&[NAME.to_owned()], DAY, NOW).unwrap();
    let certificates = Certificates::showing(issue());
    let next = issue();
    let sha256 = next.facts().sha256.clone();
    certificates.replace(next);
    assert_eq!(certificates.current().facts().sha256, sha256);
}
