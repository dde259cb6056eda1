//! Certificates by ACME, from a real directory: ordered, met by clients, renewed, kept.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::time::Duration;

use gatehouse::config::Challenge;
use gatehouse::domain::{AccessLevel, Secret};
use gatehouse::estate::{Grantee, NewGrant};
use gatehouse::platform::{Clock as _, SystemClock};

use crate::support::acme::{AcmeAppliance, NAME};
use crate::support::caller::{self, LoggedIn, Tunnelled};
use crate::support::pebble::{Manners, Pebble, Ports};
use crate::support::peer::Peer;
use crate::support::rig::{ACTOR, PASSWORD, SQL_PASSWORD, SQL_USER, member, name};

const HOUR: Duration = Duration::from_secs(3600);

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_comes_through_the_port_for_everything_and_every_client_meets_it_there() {
    let ports = Ports::choose();
    let pebble = Pebble::start(ports, &Manners::default()).await;
    let house = AcmeAppliance::start(ports, &pebble.https_root(), |_| {}).await;
    // The own authority serves until then.
    let (port, own) = (house.port(), house.appliance.authority_pem());
    caller::strict(port, &own, &caller::prelogin()).await;

    house.certified(None).await;
    assert_eq!(house.said(), "");
    let root = pebble.issuing_root().await;
    let page = browser(&root, port).get(format!("https://{NAME}:{}/healthz/live", port.port())).send().await.unwrap();
    assert!(page.status().is_success());
    caller::strict_as(port, NAME, &root, &caller::prelogin()).await;
    caller::tunnel_as(port, NAME, &root, &caller::prelogin()).await;

    // Two thirds of its life from now, and nothing of its key in clear.
    let facts = house.status().certificate.unwrap();
    assert_eq!(facts.names, [NAME]);
    let third = facts.not_after.since(facts.not_before) / 3;
    let planned = Some(facts.not_before.after(third * 2));
    house.until("until it is planned", |house| (house.status().next_try == planned).then_some(())).await;
    for entry in walkdir::WalkDir::new(house.folder()).into_iter().map(Result::unwrap) {
        if entry.file_type().is_file() {
            let bytes = std::fs::read(entry.path()).unwrap();
            let clear = bytes.windows(11).any(|window| window == b"PRIVATE KEY");
            assert!(!clear, "{}", entry.path().display());
        }
    }
    house.appliance.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_comes_through_the_port_for_plain_http_where_that_is_the_challenge() {
    let ports = Ports::choose();
    let pebble = Pebble::start(ports, &Manners::default()).await;
    let house = AcmeAppliance::start(ports, &pebble.https_root(), |config| {
        config.acme.challenge = Challenge::Http01;
        config.listen.http = vec![SocketAddr::from(([127, 0, 0, 1], ports.http))];
        config.acme.names = vec!["db.example.org".to_owned(), NAME.to_owned()];
    })
    .await;
    house.certified(None).await;
    assert_eq!(house.status().certificate.unwrap().names, ["db.example.org", NAME]);
    caller::strict_as(house.port(), NAME, &pebble.issuing_root().await, &caller::prelogin()).await;
    house.appliance.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_renewal_takes_over_and_no_session_notices() {
    let ports = Ports::choose();
    let pebble = Pebble::start(ports, &Manners { validity: Some(HOUR), ..Manners::default() }).await;
    let house = AcmeAppliance::start(ports, &pebble.https_root(), |_| {}).await;
    let peer = Peer::start(SystemClock::new().now()).await;
    grant(&house, &peer).await;
    let first = house.certified(None).await;
    let session = log_in(house.port(), &pebble.issuing_root().await).await;

    let accepted = peer.accepted();
    let (stop, asked) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let asking = tokio::spawn(ask_again_and_again(session, Arc::clone(&stop), Arc::clone(&asked)));
    house.clock.leap(house.wait());
    house.certified(Some(&first)).await;
    // Made in real time, it is old by this clock; it is kept for a third of its life all the same.
    let facts = house.status().certificate.unwrap();
    let third = facts.not_after.since(facts.not_before) / 3;
    house.until("until it is planned", |house| (house.wait() > third / 2).then_some(())).await;
    assert!(house.wait() <= third, "{:?}", house.wait());
    caller::strict_as(house.port(), NAME, &pebble.issuing_root().await, &caller::prelogin()).await;
    let so_far = asked.load(SeqCst);
    house.until("until the session asks on", |_| (asked.load(SeqCst) > so_far).then_some(())).await;
    stop.store(true, SeqCst);
    asking.await.unwrap();
    assert_eq!(peer.accepted(), accepted, "it was one session all the time");
    assert_eq!(house.said(), "");
    house.appliance.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_restart_the_kept_certificate_is_shown_and_nobody_is_asked_and_later_the_same_account_renews_it() {
    let ports = Ports::choose();
    let pebble = Pebble::start(ports, &Manners { validity: Some(HOUR), ..Manners::default() }).await;
    let house = AcmeAppliance::start(ports, &pebble.https_root(), |_| {}).await;
    let first = house.certified(None).await;
    let asked = pebble.asked();
    assert!(asked.iter().any(|request| request.contains("GET /dir")), "{asked:?}");

    let house = house.restarted().await;
    // It is there before anybody is served.
    assert_eq!(house.status().certificate.unwrap().sha256, first);
    caller::strict_as(house.port(), NAME, &pebble.issuing_root().await, &caller::prelogin()).await;
    house.until("until it waits for the renewal", |house| (house.wait() > HOUR / 3).then_some(())).await;
    assert_eq!(pebble.asked(), asked);

    house.clock.leap(house.wait());
    house.certified(Some(&first)).await;
    assert!(pebble.asked().len() > asked.len());
    assert_eq!(pebble.accounts(), 1, "{}", pebble.log());
    house.appliance.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_of_names_orders_anew_and_a_change_back_finds_what_was_there() {
    let ports = Ports::choose();
    let pebble = Pebble::start(ports, &Manners::default()).await;
    let house = AcmeAppliance::start(ports, &pebble.https_root(), |_| {}).await;
    let first = house.certified(None).await;

    let house = house.restarted_with(|config| config.acme.names = vec!["db.example.org".to_owned()]).await;
    house.certified(Some(&first)).await;
    assert_eq!(house.status().certificate.unwrap().names, ["db.example.org"]);
    let asked = pebble.asked();

    let house = house.restarted_with(|config| config.acme.names.clear()).await;
    assert_eq!(house.certified(None).await, first);
    house.until("until it waits for the renewal", |house| (house.wait() > HOUR).then_some(())).await;
    assert_eq!(pebble.asked(), asked);
    house.appliance.stop().await;
}

/// A session of ada's, before her first query, its certificate verified by `root`.
async fn log_in(port: SocketAddr, root: &str) -> Tunnelled {
    let mut session = caller::tunnel_as(port, NAME, root, &caller::prelogin()).await;
    match session.log_in(&caller::login("ada", PASSWORD, "sales")).await {
        LoggedIn::Yes(_) => session,
        other => panic!("{other:?}"),
    }
}

async fn ask_again_and_again(mut session: Tunnelled, stop: Arc<AtomicBool>, asked: Arc<AtomicUsize>) {
    while !stop.load(SeqCst) {
        assert!(session.ask("SELECT 1").await.is_some(), "the session goes on");
        asked.fetch_add(1, SeqCst);
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// `ada` may read `sales`, which is at `peer`.
async fn grant(house: &AcmeAppliance, peer: &Peer) {
    let state = house.appliance.state();
    let ada = member(&state.identity, "ada").await;
    let server = state.estate.add_server(&ACTOR, name("main"), peer.target()).await.unwrap();
    let sales = state.estate.add_database(&ACTOR, name("sales"), server.id, "SalesDB".into()).await.unwrap();
    let grant = NewGrant {
        grantee: Grantee::Account(ada),
        database: sales.id,
        access: AccessLevel::Read,
        login_user: SQL_USER.into(),
        login_password: Secret::new(SQL_PASSWORD),
    };
    state.estate.add_grant(&ACTOR, grant).await.unwrap();
}

/// An HTTPS client that believes `root` alone and finds the name at `port`.
fn browser(root: &str, port: SocketAddr) -> reqwest::Client {
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let root = reqwest::Certificate::from_pem(root.as_bytes()).unwrap();
    let builder = reqwest::Client::builder().tls_built_in_root_certs(false).add_root_certificate(root);
    builder.resolve(NAME, port).build().unwrap()
}
