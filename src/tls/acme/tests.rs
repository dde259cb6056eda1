//! Names that lead here, elsewhere or nowhere; what is kept, and for whom.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use proptest::prelude::*;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use zeroize::Zeroizing;

use super::kept::{self, AccountId, Bundle, CertificateId};
use super::reach::{Look, Surroundings, Verdict, is_own, judge};
use super::*;
use crate::platform::{Resolving, SystemClock};
use crate::store::StoreOptions;
use crate::tls::{Root, ServerConfigs};

const NAME: &str = "sql.example.org";

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

fn another() -> Look {
    Look::Another("another server answers".to_owned())
}

fn nobody() -> Look {
    Look::Nobody("connection refused".to_owned())
}

#[test]
fn a_name_that_leads_here_by_every_address_is_fine() {
    let looks = [(ip("203.0.113.7"), Look::Own), (ip("2001:db8::7"), Look::Own)];
    assert_eq!(judge(NAME, &looks, true, 443), Verdict::Fine);
}

#[test]
fn one_address_that_leads_elsewhere_is_one_too_many() {
    let looks = [(ip("203.0.113.7"), Look::Own), (ip("2001:db8::7"), another())];
    let Verdict::Wrong(text) = judge(NAME, &looks, true, 443) else { panic!() };
    assert_eq!(text, "sql.example.org leads to 2001:db8::7, where another server answers: point its DNS record here");
}

#[test]
fn a_private_address_where_nobody_answers_is_wrong_for_the_internet_and_unsure_for_a_company() {
    for private in ["10.0.0.7", "192.168.1.1", "100.64.0.1", "fd00::1", "::ffff:10.0.0.7"] {
        let looks = [(ip(private), nobody())];
        assert!(matches!(judge(NAME, &looks, true, 443), Verdict::Wrong(text) if text.contains("private address")));
        assert!(matches!(judge(NAME, &looks, false, 443), Verdict::Unsure(_)));
    }
    // Beside a public one it may be the inner side of the same name.
    let looks = [(ip("10.0.0.7"), nobody()), (ip("203.0.113.7"), nobody())];
    assert!(matches!(judge(NAME, &looks, true, 443), Verdict::Unsure(_)));
    // It is ours, and the DNS outside may well say something else.
    assert_eq!(judge(NAME, &[(ip("10.0.0.7"), Look::Own)], true, 443), Verdict::Fine);
}

#[test]
fn a_public_address_where_nobody_answers_is_tried_with_a_warning() {
    let Verdict::Unsure(text) = judge(NAME, &[(ip("203.0.113.7"), nobody())], true, 80) else { panic!() };
    assert!(text.contains("port 80 cannot be reached from here (connection refused)"), "{text}");
}

proptest! {
    #[test]
    fn nothing_is_ordered_where_somebody_else_answers_and_always_where_all_is_ours(
        looks in proptest::collection::vec((any::<IpAddr>(), 0_u8..3), 0..6),
        internet: bool,
    ) {
        let looks: Vec<_> = looks
            .into_iter()
            .map(|(address, look)| (address, match look { 0 => Look::Own, 1 => another(), _ => nobody() }))
            .collect();
        let elsewhere = looks.iter().any(|(_, look)| *look == another());
        let all_ours = !looks.is_empty() && looks.iter().all(|(_, look)| *look == Look::Own);
        let verdict = judge(NAME, &looks, internet, 443);
        prop_assert_eq!(verdict == Verdict::Fine, all_ours);
        if elsewhere || looks.is_empty() {
            prop_assert!(matches!(verdict, Verdict::Wrong(_)));
        }
    }
}

#[test]
fn an_address_of_this_machine_is_known_from_another() {
    assert!(is_own(ip("127.0.0.1")));
    // TEST-NET-3 is nobody's.
    assert!(!is_own(ip("203.0.113.7")));
}

/// A look-up that knows one answer.
struct Fixed(io::Result<Vec<SocketAddr>>);

impl Resolve for Fixed {
    fn resolve<'a>(&'a self, _host: &'a str, _port: u16) -> Resolving<'a> {
        let answer = match &self.0 {
            Ok(addresses) => Ok(addresses.clone()),
            Err(error) => Err(io::Error::new(error.kind(), error.to_string())),
        };
        Box::pin(async move { answer })
    }
}

/// Where every address is somebody else's until it is met.
fn surroundings(answer: io::Result<Vec<SocketAddr>>, shown: &Arc<Certificates>) -> Surroundings {
    Surroundings {
        resolver: Arc::new(Fixed(answer)),
        is_own: |_| false,
        clock: SystemClock::new(),
        shown: Arc::clone(shown),
        challenges: Challenges::new(),
    }
}

async fn check(surroundings: &Surroundings, challenge: Challenge) -> Result<Vec<String>, String> {
    surroundings.check(&[NAME.to_owned()], challenge, false).await.map_err(|error| error.to_string())
}

fn certificates(name: &str) -> Arc<Certificates> {
    let now = SystemClock::new().now();
    let root = Root::create("Test", now).unwrap();
    Certificates::showing(root.issue(&[name.to_owned()], Duration::from_secs(3600), now).unwrap())
}

async fn serving(certificates: &Arc<Certificates>) -> (SocketAddr, tokio::task::JoinHandle<()>) {
    let https = ServerConfigs::new(certificates).unwrap().https;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let serving = Tasks::new().spawn("server", async move {
        while let Ok((tcp, _)) = listener.accept().await {
            let _ = TlsAcceptor::from(Arc::clone(&https)).accept(tcp).await;
        }
    });
    (address, serving)
}

#[tokio::test]
async fn whoever_shows_our_certificate_is_us_and_whoever_shows_another_is_named_by_it() {
    let (ours, theirs) = (certificates(NAME), certificates("www.example.com"));
    let (here, serving_here) = serving(&ours).await;
    let (there, serving_there) = serving(&theirs).await;
    assert_eq!(check(&surroundings(Ok(vec![here]), &ours), Challenge::TlsAlpn01).await, Ok(vec![]));
    let refused = check(&surroundings(Ok(vec![here, there]), &ours), Challenge::TlsAlpn01).await.unwrap_err();
    let expected = "sql.example.org leads to 127.0.0.1, where another server answers with a certificate for www.example.com: point";
    assert!(refused.contains(expected) && refused.contains("acme.check_names"), "{refused}");
    serving_here.abort();
    serving_there.abort();
}

#[tokio::test]
async fn over_http_whoever_knows_a_made_up_answer_is_us() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let surroundings = surroundings(Ok(vec![listener.local_addr().unwrap()]), &certificates(NAME));
    let door = surroundings.challenges.clone();
    let knows = Arc::new(std::sync::atomic::AtomicBool::new(true));
    let known = Arc::clone(&knows);
    let serving = Tasks::new().spawn("server", async move {
        while let Ok((mut tcp, _)) = listener.accept().await {
            let mut request = [0; 1024];
            let length = tcp.read(&mut request).await.unwrap();
            let request = String::from_utf8_lossy(&request[..length]).into_owned();
            let token = request.split(' ').nth(1).unwrap().rsplit('/').next().unwrap();
            let answer = door.http_answer(token).filter(|_| known.load(std::sync::atomic::Ordering::SeqCst));
            let (status, body) = answer.map_or(("404 Not Found", String::new()), |answer| ("200 OK", answer));
            let _ = tcp.write_all(format!("HTTP/1.1 {status}\r\n\r\n{body}").as_bytes()).await;
        }
    });
    assert_eq!(check(&surroundings, Challenge::Http01).await, Ok(vec![]));
    knows.store(false, std::sync::atomic::Ordering::SeqCst);
    let refused = check(&surroundings, Challenge::Http01).await.unwrap_err();
    assert!(refused.contains("another web server answers (HTTP/1.1 404 Not Found)"), "{refused}");
    assert_eq!(surroundings.challenges.http_answer("anything"), None);
    serving.abort();
}

#[tokio::test]
async fn a_name_without_an_address_is_explained_and_one_where_nobody_answers_is_tried() {
    let ours = certificates(NAME);
    let unknown = io::Error::new(io::ErrorKind::NotFound, "Name or service not known");
    let refused = check(&surroundings(Err(unknown), &ours), Challenge::TlsAlpn01).await.unwrap_err();
    assert!(
        refused.contains("sql.example.org has no address (Name or service not known): add a DNS record"),
        "{refused}"
    );
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let closed = listener.local_addr().unwrap();
    drop(listener);
    let warnings = check(&surroundings(Ok(vec![closed]), &ours), Challenge::TlsAlpn01).await.unwrap();
    assert!(warnings[0].contains("ordered all the same"), "{warnings:?}");
}

fn open_store(folder: &Path) -> Store {
    let options = StoreOptions {
        folder: folder.join("store"),
        master_key_file: folder.join("master.key"),
        tables: tables(),
        clock: SystemClock::new(),
    };
    Store::open(options).unwrap().0
}

fn bundle(length: usize, obtained: i64) -> Bundle {
    let text: String = "-----BEGIN é".chars().cycle().take(length).collect();
    Bundle { pem: Zeroizing::new(text), obtained: Timestamp::from_millis(obtained) }
}

#[tokio::test]
async fn what_is_kept_belongs_to_its_directory_and_names_and_is_found_again_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
    let (one, two) = (names(&["a.example.org", "b.example.org"]), names(&["a.example.org"]));
    let id = CertificateId::of("https://ca.example.org/", &one);
    let account = AccountId::of("https://ca.example.org/", &one);
    {
        let store = open_store(folder.path());
        let lapses = Timestamp::from_millis(5_000);
        // A long chain, and then a short one in its place.
        kept::keep_certificate(&store, &id, &bundle(20_000, 1_000), lapses).await.unwrap();
        assert_eq!(kept::certificate(&store, &id).unwrap().unwrap().pem, bundle(20_000, 0).pem);
        kept::keep_certificate(&store, &id, &bundle(5_000, 2_000), lapses).await.unwrap();
        kept::keep_account(&store, &account, b"key").await.unwrap();
    }
    let store = open_store(folder.path());
    let found = kept::certificate(
        &store,
        &CertificateId::of("https://ca.example.org/", &names(&["b.example.org", "a.example.org"])),
    );
    let found = found.unwrap().unwrap();
    assert_eq!((found.pem, found.obtained.as_millis()), (bundle(5_000, 0).pem, 2_000));
    assert_eq!(kept::account(&store, &account).unwrap().unwrap().as_slice(), b"key");
    assert_eq!(store.scan::<Pieces>().unwrap().len(), 3);
    for other in
        [CertificateId::of("https://ca.example.org/", &two), CertificateId::of("https://staging.example.org/", &one)]
    {
        assert!(kept::certificate(&store, &other).unwrap().is_none());
    }
    assert_eq!(kept::account(&store, &AccountId::of("https://ca.example.org/", &two)).unwrap(), None);

    // Another certificate, made after the first has lapsed, clears it away.
    let later = CertificateId::of("https://ca.example.org/", &two);
    kept::keep_certificate(&store, &later, &bundle(100, 6_000), Timestamp::from_millis(9_000)).await.unwrap();
    assert_eq!((store.scan::<Heads>().unwrap().len(), store.scan::<Pieces>().unwrap().len()), (1, 1));
}
