//! Finding an appliance from a workstation, and on which ground it is believed; the DNS records that an administrator adds.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use gatehouse::connector::discovery::{Fetcher, Ground, How, Lookup, Lookups, Outcome, Search, SystemLookup, discover};
use gatehouse::platform::{SystemClock, SystemResolver};
use gatehouse::tls::{Anchor, Root};
use gatehouse::workstation::dns::Advert;
use gatehouse::workstation::documents::Discovery;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::{RootCertStore, ServerConfig};
use serde_json::Value;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use crate::support::{dns, ports};

/// An authority, and a certificate of it for a host.
struct Signed {
    anchor: Anchor,
    tls: Arc<ServerConfig>,
}

impl Signed {
    fn for_host(host: &str) -> Self {
        let key = rcgen::KeyPair::generate().unwrap();
        let mut authority = rcgen::CertificateParams::default();
        authority.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        authority.distinguished_name.push(rcgen::DnType::CommonName, "Test authority");
        let authority = authority.self_signed(&key).unwrap();
        let leaf_key = rcgen::KeyPair::generate().unwrap();
        let leaf = rcgen::CertificateParams::new([host.to_owned()]).unwrap();
        let leaf = leaf.signed_by(&leaf_key, &authority, &key).unwrap();
        let leaf_key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(leaf_key.serialize_der()));
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
        let tls = config.with_no_client_auth().with_single_cert(vec![leaf.der().clone()], leaf_key).unwrap();
        Self { anchor: Anchor::read(authority.der()).unwrap(), tls: Arc::new(tls) }
    }

    fn roots(&self) -> RootCertStore {
        let mut roots = RootCertStore::empty();
        roots.add(self.anchor.der().clone()).unwrap();
        roots
    }
}

/// What answers over HTTPS: a path and its answer, head and all.
type Pages = BTreeMap<&'static str, String>;

fn ok(body: &str) -> String {
    format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}", body.len())
}

/// The pages of an appliance whose authority is this one.
fn pages(anchor: &Anchor) -> Pages {
    let document = Discovery::new("6f1c6b0e-6a53-4f8e-9d53-0c2f3f7b7f10", "Contoso", Some(anchor.sha256()));
    let document = serde_json::to_string(&document).unwrap();
    [("/.well-known/gatehouse", ok(&document)), ("/trust/authority.pem", ok(&anchor.pem()))].into()
}

/// Serves until the test ends; the port.
async fn serve(tls: &Arc<ServerConfig>, pages: Pages) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let acceptor = TlsAcceptor::from(Arc::clone(tls));
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let Ok(stream) = acceptor.accept(stream).await else { continue };
            let mut stream = BufReader::new(stream);
            let mut line = String::new();
            stream.read_line(&mut line).await.unwrap();
            let path = line.split(' ').nth(1).unwrap_or_default();
            let missing = "HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n".to_owned();
            let answer = pages.get(path).cloned().unwrap_or(missing);
            while stream.read_line(&mut line).await.unwrap() > 2 {}
            let _ = stream.get_mut().write_all(answer.as_bytes()).await;
            let _ = stream.get_mut().shutdown().await;
        }
    });
    port
}

/// A DNS that says what the test wants.
#[derive(Default)]
struct Dns {
    domains: Vec<&'static str>,
    adverts: BTreeMap<&'static str, Vec<Advert>>,
    asked: AtomicBool,
}

impl Lookup for Dns {
    fn search_domains(&self) -> Vec<String> {
        self.domains.iter().map(|domain| (*domain).to_owned()).collect()
    }

    fn adverts<'a>(&'a self, domain: &'a str) -> Lookups<'a> {
        self.asked.store(true, Ordering::SeqCst);
        let found = self.adverts.get(domain).cloned().ok_or_else(|| "there are no such records".to_owned());
        Box::pin(async move { found })
    }
}

async fn search(search: Search, dns: &Dns, roots: RootCertStore) -> Outcome {
    let fetcher = Fetcher::with_roots(Arc::new(SystemResolver::new()), roots);
    discover(&search, dns, &fetcher, &*SystemClock::new()).await
}

async fn look(given: String, fingerprint: Option<&str>, roots: RootCertStore) -> Outcome {
    let fingerprint = fingerprint.map(str::to_owned);
    search(Search { given: Some(given), fingerprint, ..Search::default() }, &Dns::default(), roots).await
}

fn ground(outcome: Outcome) -> Ground {
    outcome.found.unwrap_or_else(|| panic!("{:?}", outcome.tried)).ground
}

#[tokio::test]
async fn what_the_system_believes_is_believed_and_what_it_does_not_is_found_all_the_same() {
    let signed = Signed::for_host("localhost");
    let port = serve(&signed.tls, pages(&signed.anchor)).await;
    let at = format!("https://localhost:{port}/anything");
    assert_eq!(ground(look(at.clone(), None, signed.roots()).await), Ground::System);
    let outcome = look(at, None, RootCertStore::empty()).await;
    let found = outcome.found.unwrap();
    assert_eq!((found.candidate.how, found.document.appliance.name.as_str()), (How::Given, "Contoso"));
    assert!(matches!(found.ground, Ground::Nothing(why) if why.contains("--fingerprint")));
    // Another name than the certificate's.
    let by_address = look(format!("127.0.0.1:{port}"), None, signed.roots()).await;
    assert!(matches!(ground(by_address), Ground::Nothing(why) if why.contains("other names")));
}

#[tokio::test]
async fn a_fingerprint_that_was_given_decides_whatever_the_system_believes() {
    let signed = Signed::for_host("localhost");
    let port = serve(&signed.tls, pages(&signed.anchor)).await;
    let at = format!("localhost:{port}");
    let expected = signed.anchor.sha256();
    assert_eq!(ground(look(at.clone(), Some(expected), RootCertStore::empty()).await), Ground::Fingerprint);
    let other = "ab".repeat(32);
    let why = ground(look(at, Some(&other), signed.roots()).await);
    assert!(matches!(why, Ground::Nothing(why) if why.contains("another fingerprint")));
}

#[tokio::test]
async fn somebody_in_between_who_shows_the_right_authority_beside_his_own_certificate_is_not_believed() {
    let (real, other) = (Signed::for_host("localhost"), Signed::for_host("localhost"));
    // Everything that is public, over a certificate of his own, which the system even trusts.
    let port = serve(&other.tls, pages(&real.anchor)).await;
    let why = ground(look(format!("localhost:{port}"), Some(real.anchor.sha256()), other.roots()).await);
    assert!(matches!(why, Ground::Nothing(why) if why.contains("no authority that is trusted")));
}

#[tokio::test]
async fn what_is_no_gatehouse_is_told_of_and_nothing_is_followed() {
    let signed = Signed::for_host("localhost");
    let long = ok(&format!("{{\"product\": \"{}\"}}", "x".repeat(100_000)));
    let redirect = "HTTP/1.1 302 Found\r\nlocation: https://elsewhere.example/\r\ncontent-length: 0\r\n\r\n".to_owned();
    for (answer, expected) in [
        (ok("<html>"), "no Gatehouse"),
        (
            ok(&serde_json::to_string(&Discovery { product: "x".into(), ..Discovery::new("a", "b", None) }).unwrap()),
            "no Gatehouse",
        ),
        (long, "limit"),
        (redirect, "302"),
        ("SSH-2.0-OpenSSH\r\n".to_owned(), "HTTPS"),
    ] {
        let port = serve(&signed.tls, [("/.well-known/gatehouse", answer)].into()).await;
        let outcome = look(format!("localhost:{port}"), None, signed.roots()).await;
        assert_eq!(outcome.found, None);
        assert!(outcome.tried[0].why.contains(expected), "{:?}", outcome.tried);
    }
    for given in ["http://localhost/", "ftp://a", "a b", ""] {
        let outcome = look(given.to_owned(), None, RootCertStore::empty()).await;
        assert!(outcome.found.is_none() && outcome.tried.len() == 1, "{given}");
    }
}

#[tokio::test]
async fn the_system_vouches_for_a_name_of_the_domain_that_was_asked_for_and_for_no_other() {
    // A chain that the system believes, for a host that the DNS chose.
    let signed = Signed::for_host("localhost");
    let port = serve(&signed.tls, pages(&signed.anchor)).await;
    let at = |port| Advert { host: "localhost".into(), port, authority_sha256: None };
    let dns = |domain| Dns { domains: vec![domain], adverts: [(domain, vec![at(port)])].into(), ..Dns::default() };
    for foreign in ["corp.invalid", "localhost.invalid"] {
        let why = ground(search(Search::default(), &dns(foreign), signed.roots()).await);
        assert!(matches!(&why, Ground::Nothing(why) if why.contains("give its URL") && why.contains(foreign)), "{why}");
        let given = Search { domains: vec![foreign.to_owned()], ..Search::default() };
        assert!(!ground(search(given, &dns(foreign), signed.roots()).await).is_given(), "{foreign}");
    }
    // The network may have said in which domain this machine searches; a person who names one means it.
    let searched = ground(search(Search::default(), &dns("LocalHost"), signed.roots()).await);
    assert_eq!(searched, Ground::Searched("LocalHost".into()));
    assert!(searched.is_given() && searched.is_networks_word() && searched.to_string().contains("DHCP"));
    let given = Search { domains: vec!["localhost".to_owned()], ..Search::default() };
    assert_eq!(ground(search(given, &dns("localhost"), signed.roots()).await), Ground::System);
    // The fingerprint holds whoever named the host.
    let fingerprint = Some(signed.anchor.sha256().to_owned());
    let outcome = search(Search { fingerprint, ..Search::default() }, &dns("corp.invalid"), signed.roots()).await;
    assert_eq!(ground(outcome), Ground::Fingerprint);
}

#[tokio::test]
async fn what_is_not_believed_hides_nothing_that_is() {
    let (real, other) = (Signed::for_host("localhost"), Signed::for_host("localhost"));
    let first = serve(&other.tls, pages(&other.anchor)).await;
    let second = serve(&other.tls, pages(&other.anchor)).await;
    let third = serve(&real.tls, pages(&real.anchor)).await;
    let adverts = |ports: &[u16]| -> Vec<Advert> {
        ports.iter().map(|port| Advert { host: "localhost".into(), port: *port, authority_sha256: None }).collect()
    };
    let dns = Dns {
        domains: vec!["corp.invalid", "localhost"],
        adverts: [("corp.invalid", adverts(&[first])), ("localhost", adverts(&[second, third]))].into(),
        ..Dns::default()
    };
    let outcome = search(Search::default(), &dns, real.roots()).await;
    let found = outcome.found.unwrap();
    assert_eq!((found.candidate.advert.port, found.ground), (third, Ground::Searched("localhost".into())));
    let told = |port: u16| {
        let url = format!("https://localhost:{port}/");
        outcome.tried.iter().any(|tried| tried.what.starts_with(&url) && tried.why.starts_with("not believed"))
    };
    assert!(told(first) && told(second), "{:?}", outcome.tried);
    // Where none is, the first is told of.
    let outcome = search(Search::default(), &dns, RootCertStore::empty()).await;
    assert_eq!(outcome.found.unwrap().candidate.advert.port, first);
}

#[tokio::test]
async fn the_dns_is_asked_for_each_domain_and_the_first_that_answers_is_told_of() {
    let signed = Signed::for_host("localhost");
    let port = serve(&signed.tls, pages(&signed.anchor)).await;
    let closed = ports::own();
    let at =
        |port| Advert { host: "localhost".into(), port, authority_sha256: Some(signed.anchor.sha256().to_owned()) };
    let dns = Dns {
        domains: vec!["nothing.invalid", "corp.invalid"],
        adverts: [("corp.invalid", vec![at(closed), at(port)])].into(),
        ..Dns::default()
    };
    let outcome = search(Search::default(), &dns, RootCertStore::empty()).await;
    let found = outcome.found.unwrap();
    assert_eq!((&found.candidate.how, found.candidate.advert.port), (&How::Dns("corp.invalid".into()), port));
    assert!(!found.ground.is_given(), "a fingerprint in the DNS is no ground");
    let tried: Vec<&str> = outcome.tried.iter().map(|tried| tried.what.as_str()).collect();
    assert_eq!(tried[0], "DNS for nothing.invalid");
    assert!(tried[1].contains(&closed.to_string()));

    // Nothing in the DNS: the usual names are tried, and said.
    let outcome =
        search(Search::default(), &Dns { domains: vec!["corp.invalid"], ..Dns::default() }, signed.roots()).await;
    assert!(outcome.found.is_none());
    assert!(outcome.tried[1].what.starts_with("https://gatehouse.corp.invalid/"), "{:?}", outcome.tried);
    // Who gives a URL asks nobody else.
    let dns = Dns::default();
    let given = Search { given: Some("localhost:1".into()), ..Search::default() };
    search(given, &dns, RootCertStore::empty()).await;
    assert!(!dns.asked.load(Ordering::SeqCst));
}

#[tokio::test]
async fn the_records_that_are_printed_are_found_over_the_wire() {
    let signed = Signed::for_host("localhost");
    let port = serve(&signed.tls, pages(&signed.anchor)).await;
    let sha256 = signed.anchor.sha256().to_owned();
    let advert = Advert { host: "localhost".into(), port, authority_sha256: Some(sha256.clone()) };
    let printed = advert.records("corp.example").unwrap().map(|record| record.to_string());
    // Another zone, whose records are not in the order in which they are to be tried, and one that says that there is no service.
    let more = [
        "_gatehouse._tcp.more.example. 60 IN SRV 20 0 443 last.more.example.",
        "_gatehouse._tcp.more.example. 60 IN SRV 10 1 443 light.more.example.",
        "_gatehouse._tcp.more.example. 60 IN SRV 10 5 8443 Heavy.More.example.",
        "_gatehouse._tcp.none.example. 60 IN SRV 0 0 0 .",
        "_gatehouse._tcp.text.example. 60 IN TXT \"txtvers=1\"",
    ];
    let server = dns::serve(printed.into_iter().chain(more.map(str::to_owned)).collect()).await;
    let lookup = SystemLookup::asking(server, vec!["corp.example".to_owned()]);
    assert_eq!(lookup.adverts("corp.example").await, Ok(vec![advert]));
    let tried = lookup.adverts("more.example").await.unwrap();
    let tried: Vec<_> = tried.iter().map(|advert| (advert.host.as_str(), advert.port)).collect();
    assert_eq!(tried, [("heavy.more.example", 8443), ("light.more.example", 443), ("last.more.example", 443)]);
    assert_eq!(lookup.adverts("none.example").await, Ok(Vec::new()));
    for empty in ["text.example", "strange.example"] {
        assert_eq!(lookup.adverts(empty).await, Err("there are no such records".to_owned()), "{empty}");
    }

    // And so is the appliance: by its fingerprint, as the records lead out of their domain.
    let search = Search { fingerprint: Some(sha256), ..Search::default() };
    let fetcher = Fetcher::with_roots(Arc::new(SystemResolver::new()), RootCertStore::empty());
    let found = discover(&search, &lookup, &fetcher, &*SystemClock::new()).await.found.unwrap();
    assert_eq!((found.candidate.how, found.ground), (How::Dns("corp.example".into()), Ground::Fingerprint));
}

async fn gatehouse(arguments: &[&str]) -> (Option<i32>, String, String) {
    let mut command = tokio::process::Command::new(env!("CARGO_BIN_EXE_gatehouse"));
    let output = command.args(arguments).stdin(std::process::Stdio::null()).kill_on_drop(true).output().await.unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.code(), text(output.stdout), text(output.stderr))
}

#[tokio::test(flavor = "multi_thread")]
async fn the_command_says_what_it_found_and_fails_where_that_is_not_believed() {
    let signed = Signed::for_host("localhost");
    let port = serve(&signed.tls, pages(&signed.anchor)).await;
    let at = format!("localhost:{port}");
    let (code, shown, told) = gatehouse(&["discover", &at]).await;
    assert_eq!(code, Some(1), "{shown} {told}");
    assert!(shown.contains("Contoso") && told.contains("not to be believed yet"), "{shown} {told}");
    let fingerprint = signed.anchor.fingerprint_lines().join(":");
    let (code, shown, told) = gatehouse(&["discover", &at, "--fingerprint", &fingerprint, "--json"]).await;
    assert_eq!(code, Some(0), "{told}");
    let shown: Value = serde_json::from_str(&shown).unwrap();
    assert_eq!((&shown["found"]["believed"], &shown["found"]["how"]), (&true.into(), &"its URL was given".into()));
    let (code, _, told) = gatehouse(&["discover", &at, "--fingerprint", "AB:CD"]).await;
    assert!(code == Some(1) && told.contains("not a SHA-256"), "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_records_to_add_are_printed_with_the_fingerprint_of_the_authority() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().to_str().unwrap();
    let names = "appliance.names=10.0.0.5,sql.corp.example";
    let dns = ["--data-dir", data, "--set", names, "--set", "listen.https=[::]:8443", "discovery", "dns"];
    let (code, shown, told) = gatehouse(&dns).await;
    assert_eq!(code, Some(0), "{told}");
    assert!(shown.starts_with("_gatehouse._tcp.corp.example. 3600 IN SRV 0 0 8443 sql.corp.example.\n"), "{shown}");
    assert!(!shown.contains("sha256") && told.contains("without a fingerprint"));

    let root = Root::create("Contoso", ::gatehouse::domain::Timestamp::from_millis(1_795_000_000_000)).unwrap();
    let anchor = Anchor::read(root.certificate_der()).unwrap();
    std::fs::write(folder.path().join("authority.pem"), anchor.pem()).unwrap();
    let (_, shown, _) = gatehouse(&[&dns[..], &["--domain", "contoso.example", "--json"]].concat()).await;
    let shown: Value = serde_json::from_str(&shown).unwrap();
    assert_eq!(shown["records"][0]["name"], "_gatehouse._tcp.contoso.example.");
    assert_eq!(shown["records"][1]["data"], format!("\"txtvers=1\" \"sha256={}\"", anchor.sha256()));

    let told = ["--set", "workstation.host=gate.corp.example", "discovery", "dns", "--port", "443"];
    let (_, shown, told) = gatehouse(&[&dns[..6], &told].concat()).await;
    assert!(shown.starts_with("_gatehouse._tcp.corp.example. 3600 IN SRV 0 0 443 gate.corp.example.\n"), "{shown}");
    assert!(shown.contains("sha256=") && told.contains("not running"), "{told}");

    let address = ["--data-dir", data, "--set", "appliance.names=10.0.0.5", "discovery", "dns"];
    let (code, _, told) = gatehouse(&[&address[..], &["--domain", "corp.example"]].concat()).await;
    assert!(code == Some(1) && told.contains("appliance.names"), "{told}");
    let (code, _, told) = gatehouse(&address).await;
    assert!(code == Some(1) && told.contains("--domain"), "{told}");
}
