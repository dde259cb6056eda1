//! Services beside the databases: kept, recorded, looked at, and administered from the command line.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use gatehouse::app::Appliance;
use gatehouse::audit::Actor;
use gatehouse::config::Config;
use gatehouse::domain::Event;
use gatehouse::platform::{Clock, Resolve, Resolving, SystemClock, SystemResolver};
use gatehouse::workstation::integrations::{
    Audience, Checker, Exchange, Free, HttpsUrl, IntegrationError, Kind, MailSecurity, SharePoint, Smtp, check,
};
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::{RootCertStore, ServerConfig};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use crate::support::house::{House, name};
use crate::support::leaping::LeapingClock;
use crate::support::ports;
use crate::support::rig::until;

fn free(value: &str) -> Kind {
    Kind::Free(Free { values: [("x".to_owned(), value.to_owned())].into() })
}

fn site(port: u16) -> Kind {
    let site = HttpsUrl::parse(&format!("https://localhost:{port}/sites/a")).unwrap();
    Kind::SharePoint(SharePoint { site, libraries: Vec::new() })
}

#[tokio::test]
async fn a_service_is_kept_recorded_and_told_of() {
    let house = House::build();
    let integrations = &house.state.integrations;
    let added = integrations.add(&Actor::Console, name("Portal"), Audience::Everybody, free("1")).await.unwrap();
    assert_eq!(house.take_events(), [Event::IntegrationChanged(added.id)]);
    let taken = integrations.add(&Actor::Console, name("portal"), Audience::Everybody, free("2")).await;
    assert!(matches!(taken, Err(IntegrationError::NameTaken(_))));
    let nobody = integrations.alter(&Actor::Console, added.id, Some(Audience::Groups([].into())), None).await;
    assert!(matches!(nobody, Err(IntegrationError::Groups(_))));
    let sales = house.group("sales").await;
    let audience = Audience::Groups([sales].into());
    let altered = integrations.alter(&Actor::Console, added.id, Some(audience.clone()), Some(free("3"))).await.unwrap();
    assert_eq!((altered.audience, altered.kind), (audience, free("3")));
    assert_eq!(integrations.one("PORTAL").unwrap().kind, free("3"));
    assert_eq!(integrations.one(&added.id.to_string()).unwrap().id, added.id);
    integrations.remove(&Actor::Console, added.id).await.unwrap();
    assert!(matches!(integrations.remove(&Actor::Console, added.id).await, Err(IntegrationError::NoSuch(_))));
    assert!(integrations.all().unwrap().is_empty());
    let recorded = house.audited_actions();
    assert_eq!(recorded, ["integration.add", "group.add", "integration.alter", "integration.remove"]);
}

#[tokio::test]
async fn there_are_no_more_than_a_document_can_carry() {
    let house = House::build();
    let integrations = &house.state.integrations;
    for number in 0..100 {
        let called = name(&format!("service {number}"));
        integrations.add(&Actor::Console, called, Audience::Everybody, free("x")).await.unwrap();
    }
    let one_more = integrations.add(&Actor::Console, name("one more"), Audience::Everybody, free("x")).await;
    assert!(matches!(one_more, Err(IntegrationError::TooMany(100))));
}

/// A server with a certificate for `localhost` from an authority of its own; and that authority.
fn certified(host: &str) -> (TlsAcceptor, RootCertStore) {
    let key = rcgen::KeyPair::generate().unwrap();
    let mut authority = rcgen::CertificateParams::default();
    authority.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    authority.distinguished_name.push(rcgen::DnType::CommonName, "Test authority");
    let authority = authority.self_signed(&key).unwrap();
    let leaf_key = rcgen::KeyPair::generate().unwrap();
    let leaf = rcgen::CertificateParams::new([host.to_owned()]).unwrap();
    let leaf = leaf.signed_by(&leaf_key, &authority, &key).unwrap();
    let mut roots = RootCertStore::empty();
    roots.add(authority.der().clone()).unwrap();
    let leaf_key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(leaf_key.serialize_der()));
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let config = config.with_no_client_auth().with_single_cert(vec![leaf.der().clone()], leaf_key).unwrap();
    (TlsAcceptor::from(Arc::new(config)), roots)
}

/// Serves one connection: `lines` are what SMTP says before TLS, each after a line that the client says.
async fn serve(acceptor: TlsAcceptor, lines: &'static [&'static str]) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        let mut stream = BufReader::new(stream);
        for (at, line) in lines.iter().enumerate() {
            if at > 0 {
                stream.read_line(&mut String::new()).await.unwrap();
            }
            stream.get_mut().write_all(line.as_bytes()).await.unwrap();
        }
        if let Ok(mut tls) = acceptor.accept(stream.into_inner()).await {
            let _ = tls.read(&mut [0; 16]).await;
        }
    });
    address
}

async fn found(kind: Kind, roots: RootCertStore) -> Vec<(bool, String)> {
    // The servers of these tests are on this machine.
    let checker = Checker::with_roots(Arc::new(SystemResolver::new()), roots).reaching_this_machine();
    let clock: Arc<dyn Clock> = SystemClock::new();
    let checked = check(&kind, &checker, &*clock).await;
    checked.findings.into_iter().map(|finding| (finding.well, finding.text)).collect()
}

#[tokio::test]
async fn a_check_tells_a_good_place_from_a_strange_one_and_from_none() {
    let (acceptor, roots) = certified("localhost");
    let at = serve(acceptor.clone(), &[]).await;
    let well = found(site(at.port()), roots.clone()).await;
    assert!(well[0].0 && well[0].1.contains("Test authority"), "{well:?}");

    let at = serve(acceptor, &[]).await;
    let strange = found(site(at.port()), RootCertStore::empty()).await;
    assert!(!strange[0].0 && strange[0].1.contains("no authority that this machine trusts"), "{strange:?}");

    let (other, other_roots) = certified("elsewhere.example");
    let at = serve(other, &[]).await;
    let misnamed = found(site(at.port()), other_roots).await;
    assert!(!misnamed[0].0 && misnamed[0].1.contains("for other names"), "{misnamed:?}");

    let closed = ports::own();
    let none = found(site(closed), roots).await;
    assert!(!none[0].0 && none[0].1.starts_with("not reached"), "{none:?}");
}

fn mail(port: u16) -> Kind {
    let ews = HttpsUrl::parse(&format!("https://localhost:{port}/EWS/Exchange.asmx")).unwrap();
    let smtp = Some(Smtp { host: "localhost".into(), port, security: MailSecurity::StartTls });
    Kind::Exchange(Exchange { ews, autodiscover: None, smtp })
}

#[tokio::test]
async fn a_mail_server_is_asked_to_change_over_and_one_that_does_not_is_told_of() {
    for (lines, expected) in [
        (&["220 a\r\n", "250-a\r\n250 STARTTLS\r\n", "220 go\r\n"][..], None),
        (&["220 a\r\n", "250 a\r\n", "454 not now\r\n"], Some("it answers 454")),
        (&["554 go away\r\n"], Some("it answers 554")),
        (&["-ERR secret\r\n"], Some("it does not speak SMTP")),
        (&["22\u{e9} secret\r\n"], Some("it does not speak SMTP")),
        // What comes ahead of TLS could be anybody's (CVE-2011-0411).
        (&["220 a\r\n", "250 a\r\n", "220 go\r\n250 injected\r\n"], Some("it spoke on")),
    ] {
        let (acceptor, roots) = certified("localhost");
        let at = serve(acceptor, lines).await;
        let mut kind = mail(at.port());
        // One place alone.
        if let Kind::Exchange(exchange) = &mut kind {
            exchange.ews = HttpsUrl::parse("https://ews.invalid/").unwrap();
        }
        let found = found(kind, roots).await;
        match expected {
            None => assert!(found[1].0, "{found:?}"),
            Some(text) => assert!(!found[1].0 && found[1].1.contains(text), "{found:?}"),
        }
        assert!(!found[0].0, "a name that there is not");
        // What it says beside its code is for nobody.
        assert!(!found[1].1.contains("away") && !found[1].1.contains("secret"));
    }
}

/// Says that a name has these addresses, and counts how often it is asked.
struct Says(Vec<SocketAddr>, AtomicUsize);

impl Resolve for Says {
    fn resolve<'a>(&'a self, _host: &'a str, _port: u16) -> Resolving<'a> {
        self.1.fetch_add(1, Ordering::SeqCst);
        Box::pin(async { Ok(self.0.clone()) })
    }
}

#[tokio::test]
async fn a_check_does_not_knock_at_what_is_for_this_machine_alone() {
    let (acceptor, roots) = certified("localhost");
    let at = serve(acceptor, &[]).await;
    let clock: Arc<dyn Clock> = SystemClock::new();
    let mapped = SocketAddr::new("::ffff:127.0.0.1".parse().unwrap(), at.port());
    let metadata: SocketAddr = "169.254.169.254:443".parse().unwrap();
    let look = async |addresses: &[SocketAddr], checker: fn(Checker) -> Checker| {
        let says = Arc::new(Says(addresses.to_vec(), AtomicUsize::default()));
        let checker = checker(Checker::with_roots(Arc::clone(&says) as _, roots.clone()));
        let finding = check(&site(at.port()), &checker, &*clock).await.findings.remove(0);
        // What was judged is what is connected to: a second look-up could say something else.
        assert_eq!(says.1.load(Ordering::SeqCst), 1);
        (finding.well, finding.text)
    };
    for addresses in [&[at][..], &[mapped], &[metadata], &[at, metadata]] {
        let (well, text) = look(addresses, |checker| checker).await;
        assert!(!well && text.starts_with("not reached") && text.contains("is not checked from here"), "{text}");
    }
    // The server is there all the while, and it is judged address by address.
    let (well, text) = look(&[metadata, at], Checker::reaching_this_machine).await;
    assert!(well, "{text}");
}

#[tokio::test]
async fn a_place_that_two_values_lead_to_is_looked_at_once() {
    let kind = mail(443);
    assert_eq!(kind.endpoints().len(), 1);
    assert!(free("https://localhost/").endpoints().is_empty(), "what is in somebody's own words is not looked at");
}

#[tokio::test]
async fn what_was_found_is_kept_until_the_service_is_another() {
    let house = House::build();
    let integrations = &house.state.integrations;
    let one = integrations.add(&Actor::Console, name("site"), Audience::Everybody, free("x")).await.unwrap();
    let checker = Checker::with_roots(Arc::new(SystemResolver::new()), RootCertStore::empty());
    let checked = integrations.check(&one, &checker).await.unwrap();
    assert_eq!(integrations.checked(one.id).unwrap(), Some(checked));
    integrations.alter(&Actor::Console, one.id, None, Some(free("y"))).await.unwrap();
    assert_eq!(integrations.checked(one.id).unwrap(), None);
    // A check of what it was before is not kept for what it is now.
    integrations.check(&one, &checker).await.unwrap();
    assert_eq!(integrations.checked(one.id).unwrap(), None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_checked_once_is_checked_again_daily_and_nothing_else_is() {
    let (folder, clock) = (tempfile::tempdir().unwrap(), LeapingClock::new());
    let config = Config::for_tests(&folder.path().join("data"));
    let says = Arc::new(Says(vec!["127.0.0.1:443".parse().unwrap()], AtomicUsize::default()));
    let appliance =
        Appliance::start_with(&config, Arc::clone(&clock) as _, Arc::clone(&says) as _, None).await.unwrap();
    let integrations = &appliance.state().integrations;
    let one = integrations.add(&Actor::Console, name("site"), Audience::Everybody, site(443)).await.unwrap();
    let quiet = integrations.add(&Actor::Console, name("quiet"), Audience::Everybody, site(444)).await.unwrap();
    let checker = Checker::with_roots(Arc::new(SystemResolver::new()), RootCertStore::empty());
    let first = integrations.check(&one, &checker).await.unwrap();
    let (hour, day) = (Duration::from_secs(3600), Duration::from_secs(24 * 3600));
    clock.leap(day - hour);
    assert!(integrations.due(day).unwrap().is_empty());
    let again = || integrations.checked(one.id).unwrap().unwrap();
    let later = || {
        clock.leap(hour);
        again().at > first.at
    };
    until("it is checked again", later).await;
    assert!(!again().is_well() && again().at.since(first.at) >= day);
    assert_eq!(says.1.load(Ordering::SeqCst), 1, "one place, once");
    assert_eq!(integrations.checked(quiet.id).unwrap(), None);
    appliance.stop().await;
}

async fn admin(data: &Path, arguments: &[&str]) -> (bool, String) {
    let mut command = tokio::process::Command::new(env!("CARGO_BIN_EXE_gatehouse"));
    command.arg("--data-dir").arg(data).args(["admin", "integration"]).args(arguments).kill_on_drop(true);
    let output = command.stdin(std::process::Stdio::null()).output().await.unwrap();
    let said = if output.status.success() { output.stdout } else { output.stderr };
    (output.status.success(), String::from_utf8(said).unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn services_are_administered_from_the_command_line() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let done = async |arguments: &[&str]| {
        let (done, said) = admin(&data, arguments).await;
        assert!(done, "{arguments:?}: {said}");
        said
    };
    let id = "6f1c6b0e-6a53-4f8e-9d53-0c2f3f7b7f10";
    let office =
        ["add", "Office", "--no-check", "office365", "--tenant", "contoso.example", "--client-id", id, "--json"];
    let office: serde_json::Value = serde_json::from_str(&done(&office).await).unwrap();
    assert_eq!(office["kind"]["authority"], "https://login.microsoftonline.com/contoso.example");
    assert_eq!((&office["audience"], &office["check"]), (&"everybody".into(), &serde_json::Value::Null));
    done(&["add", "Mail", "--no-check", "exchange", "--ews", "https://mail.example/EWS", "--smtp", "mail.example:465"])
        .await;
    // A port that nobody listens on: looked at, and kept all the same.
    let closed = ports::own();
    let url = format!("https://localhost:{closed}/");
    let said = done(&["add", "Site", "sharepoint", "--site", &url]).await;
    assert!(said.contains("NOT WELL") && said.contains("not reached"), "{said}");
    done(&["replace", "Site", "--no-check", "free", "--value", "url=https://a", "--value", "note=b=c"]).await;
    let said = done(&["show", "site"]).await;
    assert!(said.contains("b=c") && said.contains("never"), "{said}");
    let list = done(&["list"]).await;
    assert!(list.lines().count() == 4 && list.contains("office365"), "{list}");
    for (arguments, expected) in [
        (&["add", "office", "free", "--value", "a=b"][..], "taken"),
        (&["add", "x", "free", "--value", "a"], "NAME=VALUE"),
        (&["add", "x", "free", "--value", "a=1", "--value", "a=2"], "given twice"),
        (&["add", "x", "free", "--value", "a=ghp_secret"], "everybody would read it"),
        (&["add", "x", "sharepoint", "--site", "http://a/"], "https://"),
        (&["add", "x", "exchange", "--ews", "https://u:p@a/"], "user name or password"),
        (&["add", "x", "exchange", "--ews", "https://a/", "--smtp", "a"], "mail.example.org:587"),
        (&["add", "x", "--group", "nobody", "free", "--value", "a=b"], "no group"),
        (&["check", "nothing"], "no integration"),
        (&["check", "site"], "nothing to check"),
    ] {
        let (done, said) = admin(&data, arguments).await;
        assert!(!done && said.contains(expected), "{arguments:?}: {said}");
    }
    done(&["remove", "mail"]).await;
    assert_eq!(done(&["list"]).await.lines().count(), 3);
}
