//! Orders that fail, at a real directory: the own authority serves on, a person reads why, and the next try is a while off.

use std::time::Duration;

use gatehouse::platform::{Clock as _, SystemClock};
use gatehouse::tls::{Origin, Root};

use crate::support::acme::{AcmeAppliance, NAME, Names};
use crate::support::caller;
use crate::support::pebble::{Manners, Pebble, Ports};

const MINUTE: Duration = Duration::from_secs(60);

/// The own authority's certificate is what clients meet.
async fn the_own_authority_serves(house: &AcmeAppliance) {
    caller::strict(house.port(), &house.appliance.authority_pem(), &caller::prelogin()).await;
    assert!(house.status().certificate.is_none());
    assert!(house.appliance.certificate_sources().iter().any(|status| status.origin == Origin::Authority));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_directory_that_is_down_is_told_and_when_it_is_back_the_certificate_comes() {
    let ports = Ports::choose();
    let folder = tempfile::tempdir().unwrap();
    let root_file = folder.path().join("root.pem");
    let another = Root::create("Another", SystemClock::new().now()).unwrap();
    std::fs::write(&root_file, another.certificate_pem()).unwrap();
    let house = AcmeAppliance::start(ports, &root_file, |_| {}).await;
    let said = house.failed().await;
    assert!(said.contains("cannot be reached: Connection refused") && said.contains("acme.directory"), "{said}");
    the_own_authority_serves(&house).await;

    // It comes up, and the root that was named is not its own.
    let pebble = Pebble::start(ports, &Manners::default()).await;
    house.clock.leap(house.wait());
    let said = house
        .until("until it is not believed", |house| Some(house.said()).filter(|said| said.contains("root_file")))
        .await;
    assert!(said.contains("no authority that is trusted here has signed it"), "{said}");

    // The right root counts without a restart.
    std::fs::copy(pebble.https_root(), &root_file).unwrap();
    house.clock.leap(house.wait());
    house.certified(None).await;
    house.until("until all is well", |house| house.said().is_empty().then_some(())).await;
    house.appliance.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_that_the_directory_refuses_is_told_and_each_try_is_later_than_the_one_before() {
    let ports = Ports::choose();
    let pebble = Pebble::start(ports, &Manners { blocked: Some("example.org"), ..Manners::default() }).await;
    let house = AcmeAppliance::start(ports, &pebble.https_root(), |_| {}).await;
    let said = house.failed().await;
    assert!(said.contains("does not certify one of the names") && said.contains(NAME), "{said}");
    assert!(said.contains("acme.names"), "{said}");
    the_own_authority_serves(&house).await;
    let mut before = house.until("until it waits", |house| Some(house.wait()).filter(|wait| *wait > MINUTE / 2)).await;
    assert!(before <= MINUTE * 3 / 2, "{before:?}");
    for _ in 0..2 {
        // Half as much again is the most that chance adds, so twice as long is always longer.
        house.clock.leap(house.wait());
        let longer = |house: &AcmeAppliance| Some(house.wait()).filter(|wait| *wait > before + Duration::from_secs(5));
        before = house.until("until it waits longer", longer).await;
    }
    assert!(before > MINUTE * 3 && before <= MINUTE * 6, "{before:?}");
    house.appliance.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_that_leads_elsewhere_for_the_directory_is_told_in_the_directorys_words() {
    let ports = Ports::choose();
    let pebble = Pebble::start(ports, &Manners::default()).await;
    pebble.point(NAME, "127.0.0.2").await;
    let house = AcmeAppliance::start(ports, &pebble.https_root(), |_| {}).await;
    let said = house.failed().await;
    let expected = format!("could not check that {NAME} is this appliance's (tls-alpn-01): ");
    assert!(said.contains(&expected) && said.contains("127.0.0.2") && said.contains("port 443 open"), "{said}");
    the_own_authority_serves(&house).await;
    house.appliance.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_that_leads_nowhere_is_told_before_anybody_is_asked_and_ordered_once_it_leads_here() {
    let ports = Ports::choose();
    let pebble = Pebble::start(ports, &Manners::default()).await;
    let names = Names::leading_to(None);
    let house = AcmeAppliance::start_where(names.clone(), ports, &pebble.https_root(), |_| {}).await;
    let said = house.failed().await;
    assert!(said.contains("has no address (Name or service not known): add a DNS record"), "{said}");
    assert_eq!(pebble.asked(), [""; 0]);
    names.lead_to(Some("127.0.0.1:443"));
    house.clock.leap(house.wait());
    house.certified(None).await;
    house.appliance.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_directory_for_customers_only_is_told_apart() {
    let ports = Ports::choose();
    let pebble = Pebble::start(ports, &Manners { account_binding: true, ..Manners::default() }).await;
    let house = AcmeAppliance::start(ports, &pebble.https_root(), |_| {}).await;
    let said = house.failed().await;
    assert!(said.contains("asks for an external account binding, which is not supported"), "{said}");
    assert!(said.contains("tls.certificate_file"), "{said}");
    the_own_authority_serves(&house).await;
    house.appliance.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_directory_that_keeps_silent_is_given_up_in_the_end() {
    let ports = Ports::choose();
    let silent = tokio::net::TcpListener::bind(("127.0.0.1", ports.directory)).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let root_file = folder.path().join("root.pem");
    let root = Root::create("Silent", SystemClock::new().now()).unwrap();
    std::fs::write(&root_file, root.certificate_pem()).unwrap();
    let house = AcmeAppliance::start(ports, &root_file, |_| {}).await;
    // The order is under way, and goes nowhere.
    let _held = silent.accept().await.unwrap();
    assert_eq!(house.said(), "");
    house.clock.leap(10 * MINUTE);
    let said = house.failed().await;
    assert!(said.contains("did not finish the order within 360 s"), "{said}");
    the_own_authority_serves(&house).await;
    house.appliance.stop().await;
}
