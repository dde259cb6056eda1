//! Devices as a person enrols them, with Chromium at a whole appliance, with scripts and without.

use std::time::Duration;

use fantoccini::Locator;
use gatehouse::audit::Actor;

use crate::support::appliance::{TestAppliance, scalar};
use crate::support::browser::Browser;

/// One enrolled by who is signed in, used and revoked; another by whoever has a code.
async fn devices(house: &TestAppliance, browser: &Browser) {
    let access = &house.demo.access;
    browser.goto(&format!("{}workstations", access.https_url)).await.unwrap();
    browser.follow("Sign in").await;
    browser.fill(&[("name", &access.account), ("password", &access.password)], "Sign in").await;
    browser.follow("Enrol a device").await;
    browser.fill(&[("name", "ada-pc"), ("networks", "not a network")], "Enrol it, and show its secret").await;
    assert!(browser.text().await.contains("is no network"), "{}", browser.text().await);
    browser.fill(&[("networks", "127.0.0.0/8")], "Enrol it, and show its secret").await;
    assert!(browser.text().await.contains("ada-pc is enrolled"), "{}", browser.text().await);
    browser.picture("enrolled").await;
    let secret = shown(browser).await;
    let mut client = house.connect("ada-pc", &secret, &access.database).await.unwrap();
    assert_eq!(scalar(&mut client, "SELECT DB_NAME()").await.unwrap(), "Nordwind");

    browser.follow("Back to workstations").await;
    assert!(browser.text().await.contains("ada-pc"));
    browser.fill(&[], "Revoke").await;
    assert!(!browser.text().await.contains("ada-pc"));
    assert!(house.connect("ada-pc", &secret, &access.database).await.is_err(), "a revoked device is refused");

    let identity = &house.state().identity;
    let ada = identity.account(&access.account).unwrap();
    let codes = identity
        .issue_enrolment_codes(&Actor::Console, ada.id, 1, Duration::from_secs(3600), Vec::new())
        .await
        .unwrap()
        .0;
    browser.goto(&format!("{}device/enrol", access.https_url)).await.unwrap();
    browser.fill(&[("code", codes[0].expose()), ("name", "cash-desk")], "Enrol it, and show its secret").await;
    assert!(browser.text().await.contains("cash-desk is enrolled"), "{}", browser.text().await);
    assert!(house.connect("cash-desk", &shown(browser).await, &access.database).await.is_ok());
}

async fn shown(browser: &Browser) -> String {
    browser.client.find(Locator::Css("code.key")).await.unwrap().text().await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_person_enrols_devices_and_revokes_one() {
    let house = TestAppliance::start().await;
    let browser = Browser::trusting(&[&house.root_pem()]).await;
    devices(&house, &browser).await;
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_person_enrols_devices_and_revokes_one_without_scripts() {
    let house = TestAppliance::start().await;
    let browser = Browser::without_scripts(&[&house.root_pem()]).await;
    devices(&house, &browser).await;
    browser.close().await;
}
