//! By which port the connector comes to the gateway: the HTTPS port, which is open wherever signing in works; the SQL port of the
//! configuration where TDS does not come through there; and never to whom it does not believe.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use gatehouse::audit::Actor;
use gatehouse::connector::local::guard::Guard;
use gatehouse::connector::{Access, Connector};
use gatehouse::domain::{Name, Secret};
use gatehouse::platform::{Clock as _, ManualClock, SystemClock};
use gatehouse::tls::{Certificates, Root, policy};
use rustls::pki_types::ServerName;
use tiberius::EncryptionLevel;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::LazyConfigAcceptor;

use crate::support::appliance::{TestAppliance, scalar};
use crate::support::certificates::{DAY, client};
use crate::support::connector::{Bench, driver};
use crate::support::leaping::LeapingClock;
use crate::support::rig::until;

const ANYBODY: [&str; 3] = ["sa", "whatever", "trade"];

/// A door that lets nobody by, and counts who came.
struct Closed {
    port: u16,
    came: Arc<AtomicUsize>,
}

impl Closed {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (port, came) = (listener.local_addr().unwrap().port(), Arc::<AtomicUsize>::default());
        let count = Arc::clone(&came);
        tokio::spawn(async move {
            while listener.accept().await.is_ok() {
                count.fetch_add(1, Ordering::AcqRel);
            }
        });
        Self { port, came }
    }
}

/// A proxy that ends TLS and speaks it anew behind: what stands before many a company's HTTPS.
struct Proxy {
    port: u16,
    shown: Arc<Certificates>,
    /// How many came for TDS 8.0.
    for_tds: Arc<AtomicUsize>,
}

impl Proxy {
    /// `behind` is the port that it speaks to, and the authority that it believes there.
    async fn start(shown: Arc<Certificates>, alpn: &[&[u8]], behind: Option<(u16, String)>) -> Self {
        let mut config = rustls::ServerConfig::builder_with_provider(policy::provider())
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_cert_resolver(Arc::clone(&shown) as _);
        config.alpn_protocols = alpn.iter().map(|name| name.to_vec()).collect();
        let (listener, config) = (TcpListener::bind("127.0.0.1:0").await.unwrap(), Arc::new(config));
        let (port, for_tds) = (listener.local_addr().unwrap().port(), Arc::<AtomicUsize>::default());
        let count = Arc::clone(&for_tds);
        tokio::spawn(async move {
            while let Ok((tcp, _)) = listener.accept().await {
                tokio::spawn(pass(tcp, Arc::clone(&config), Arc::clone(&count), behind.clone()));
            }
        });
        Self { port, shown, for_tds }
    }

    /// In front of an appliance's HTTPS, with its very certificate.
    async fn before(house: &TestAppliance, alpn: &[&[u8]]) -> Self {
        let shown = Certificates::showing(house.appliance().certificates().certificates().current());
        Self::start(shown, alpn, Some((house.sql().port(), house.root_pem()))).await
    }

    fn came_for_tds(&self) -> usize {
        self.for_tds.load(Ordering::Acquire)
    }
}

/// One connection; nothing more where anything of it fails.
async fn pass(
    tcp: TcpStream,
    config: Arc<rustls::ServerConfig>,
    for_tds: Arc<AtomicUsize>,
    behind: Option<(u16, String)>,
) -> Option<()> {
    let start = LazyConfigAcceptor::new(Default::default(), tcp).await.ok()?;
    let tds = start.client_hello().alpn().is_some_and(|mut all| all.any(|one| one == b"tds/8.0"));
    for_tds.fetch_add(usize::from(tds), Ordering::AcqRel);
    let mut front = start.into_stream(config).await.ok()?;
    let (port, root) = behind?;
    let tcp = TcpStream::connect(("127.0.0.1", port)).await.ok()?;
    let name = ServerName::try_from("localhost").unwrap();
    let mut back = client(&root, SystemClock::new().now(), &[b"http/1.1"]).connect(name, tcp).await.ok()?;
    tokio::io::copy_bidirectional(&mut front, &mut back).await.ok().map(drop)
}

/// A connector, with a device's secret, of an appliance that has its HTTPS at this port.
async fn connected(bench: &Bench, port: u16) -> Connector {
    let mut known = bench.known().await;
    known.place.port = port;
    let identity = &bench.house.state().identity;
    let ada = identity.account("ada").unwrap().id;
    let (_, secret) = identity.add_device(&Actor::Console, Name::parse("ws-04").unwrap(), ada).await.unwrap();
    let access = Access::given(secret, Arc::clone(&bench.clock));
    let connector = bench.run(known, access, Guard::Everybody).await;
    connector.watch().wait_for(|now| now.document.is_some()).await.unwrap();
    connector
}

/// What a program is told, where it is not let in.
async fn asked(connector: &Connector) -> Result<(), (u32, String)> {
    let mut sql = match driver(connector.addresses()[0], EncryptionLevel::NotSupported, ANYBODY).await {
        Ok(sql) => sql,
        Err(tiberius::error::Error::Server(error)) => return Err((error.code(), error.message().to_owned())),
        Err(other) => panic!("{other}"),
    };
    assert_eq!(scalar(&mut sql, "SELECT DB_NAME()").await.unwrap(), "Nordwind");
    Ok(())
}

/// An appliance that names this port for SQL.
async fn naming(port: u16) -> Bench {
    Bench::before(TestAppliance::with(|config| config.workstation.port = usize::from(port)).await)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn behind_a_firewall_that_lets_https_by_alone_programs_reach_their_databases() {
    let closed = Closed::start().await;
    let bench = naming(closed.port).await;
    let connector = connected(&bench, bench.port).await;
    let document = connector.watch().borrow().document.clone().unwrap();
    assert_eq!(document.databases[0].port, closed.port, "the document names the port that is closed");
    asked(&connector).await.unwrap();
    assert_eq!(closed.came.load(Ordering::Acquire), 0);
    connector.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_appliance_that_is_away_is_asked_again_when_somebody_says_so() {
    // Its time does not pass: by itself it asks once.
    let bench = Bench { clock: ManualClock::starting_at(SystemClock::new().now()), ..Bench::start().await };
    let (closed, mut known) = (Closed::start().await, bench.known().await);
    known.place.port = closed.port;
    let access = Access::given(Secret::new("ghd_nobodys"), Arc::clone(&bench.clock));
    let connector = bench.run(known, access, Guard::Everybody).await;
    for time in 1..=3 {
        until("it was asked", || closed.came.load(Ordering::Acquire) == time).await;
        connector.ask_again();
    }
    until("it was asked", || closed.came.load(Ordering::Acquire) == 4).await;
    connector.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn where_a_proxy_knows_browsers_alone_sessions_take_the_sql_port_and_https_is_tried_again_after_a_while() {
    // One that says no to protocols that it does not know, and one that does not care.
    for alpn in [&[&b"http/1.1"[..]][..], &[]] {
        let (house, clock) = (TestAppliance::with_sql_door().await, LeapingClock::new());
        let proxy = Proxy::before(&house, alpn).await;
        let bench = Bench { clock: clock.clone(), ..Bench::before(house) };
        let connector = connected(&bench, proxy.port).await;
        for _ in 0..3 {
            asked(&connector).await.unwrap();
            assert_eq!(proxy.came_for_tds(), 1, "not every session pays for the try that fails");
        }
        clock.leap(Duration::from_secs(3600));
        for _ in 0..3 {
            asked(&connector).await.unwrap();
            assert_eq!(proxy.came_for_tds(), 2);
        }
        connector.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_certificate_that_is_not_believed_ends_the_attempt_by_either_port() {
    let now = SystemClock::new().now();
    let stranger = Root::create("Stranger", now).unwrap();
    let strange = || stranger.issue(&["localhost".to_owned()], DAY, now).unwrap();

    // At the HTTPS port: the other one is not even tried.
    let closed = Closed::start().await;
    let bench = naming(closed.port).await;
    let proxy = Proxy::before(&bench.house, &[b"http/1.1", b"tds/8.0"]).await;
    let connector = connected(&bench, proxy.port).await;
    proxy.shown.replace(strange());
    let (number, text) = asked(&connector).await.unwrap_err();
    assert!(number == 40613 && text.contains("certificate"), "{number} {text}");
    assert_eq!((proxy.came_for_tds(), closed.came.load(Ordering::Acquire)), (1, 0));
    connector.stop().await;

    // At the SQL port, which is tried because the HTTPS port knows no TDS.
    let door = Proxy::start(Certificates::showing(strange()), &[b"tds/8.0"], None).await;
    let bench = naming(door.port).await;
    let proxy = Proxy::before(&bench.house, &[b"http/1.1"]).await;
    let connector = connected(&bench, proxy.port).await;
    let (number, text) = asked(&connector).await.unwrap_err();
    assert!(number == 40613 && text.contains("certificate"), "{number} {text}");
    assert_eq!((proxy.came_for_tds(), door.came_for_tds()), (1, 1));
    connector.stop().await;
}
