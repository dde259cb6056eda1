//! The appliance as a whole, in process: it starts, serves SQL and HTTPS, restarts, drains.

use std::time::Duration;

use gatehouse::audit::Actor;
use gatehouse::identity::Alteration;
use gatehouse::tds::{Login7, TdsVersion};
use gatehouse::upstream::TlsRule;

use crate::support::appliance::{TestAppliance, scalar};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_workstation_signs_in_with_its_own_account_and_works_under_a_login_that_it_never_sees() {
    let house = TestAppliance::start().await;
    let mut client = house.ada().await;
    assert_eq!(scalar(&mut client, "SELECT SUSER_SNAME()").await.unwrap(), "nordwind_app");
    assert_eq!(scalar(&mut client, "SELECT DB_NAME()").await.unwrap(), "Nordwind");
    let sessions = house.appliance().registry().list();
    assert_eq!(sessions.len(), 1);
    assert_eq!(sessions[0].account_name.as_str(), "ada");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_sample_servers_own_login_opens_nothing_at_the_gateway() {
    let house = TestAppliance::start().await;
    let access = &house.demo.access;
    let refused = house.connect(&access.server_login, &access.server_password, &access.database).await;
    let text = refused.err().unwrap().to_string();
    assert!(text.contains("18456") || text.contains("Login failed"), "{text}");
    assert!(!text.contains(&access.server_password), "{text}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_disabled_account_loses_its_session_and_stays_out() {
    let house = TestAppliance::start().await;
    let mut client = house.ada().await;
    assert_eq!(scalar(&mut client, "SELECT 'still here'").await.unwrap(), "still here");
    let identity = &house.state().identity;
    let ada = identity.account("ada").unwrap();
    identity.alter_account(&Actor::Console, ada.id, Alteration::Disable).await.unwrap();
    tokio::time::timeout(Duration::from_secs(60), house.appliance().registry().emptied()).await.expect("it was cut");
    assert!(scalar(&mut client, "SELECT 'still here'").await.is_err());
    let access = &house.demo.access;
    let text = house.connect("ada", &access.password, &access.database).await.err().unwrap().to_string();
    assert!(text.to_lowercase().contains("disabled"), "{text}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn https_answers_on_its_own_port_with_the_appliances_certificate() {
    let house = TestAppliance::start().await;
    let page = house.browser().get(&house.demo.access.https_url).send().await.unwrap();
    assert_eq!(page.status(), 200);
    let text = page.text().await.unwrap();
    assert!(text.contains("trade") && !text.contains(&house.demo.access.password));
    let stranger = reqwest::Client::builder().tls_built_in_root_certs(false).build().unwrap();
    assert!(stranger.get(&house.demo.access.https_url).send().await.is_err(), "nobody else's authority vouches for it");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_a_restart_workstations_find_the_same_authority_and_the_same_accounts() {
    let house = TestAppliance::start().await;
    let (root, id) = (house.root_pem(), house.state().identity.account("ada").unwrap().id);
    let house = house.restarted().await;
    assert_eq!(house.root_pem(), root);
    assert_eq!(house.state().identity.account("ada").unwrap().id, id);
    let mut client = house.ada().await;
    assert_eq!(scalar(&mut client, "SELECT DB_NAME()").await.unwrap(), "Nordwind");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_alias_that_is_retargeted_leads_elsewhere_and_the_workstation_changes_nothing() {
    let house = TestAppliance::start().await;
    let mut client = house.ada().await;
    let estate = &house.state().estate;
    let (trade, server) = (estate.database("trade").unwrap(), estate.server("sample").unwrap());
    // The SQL login sees one database only: the server says no, and the workstation hears whose turn it is.
    estate.retarget(&Actor::Console, trade.id, server.id, "Suedsee".to_owned()).await.unwrap();
    tokio::time::timeout(Duration::from_secs(60), house.appliance().registry().emptied()).await.expect("it was cut");
    assert!(scalar(&mut client, "SELECT 1").await.is_err());
    let access = &house.demo.access;
    let text = house.connect("ada", &access.password, "trade").await.err().unwrap().to_string();
    assert!(!text.contains("nordwind_app") && !text.contains("Suedsee"), "{text}");
    estate.retarget(&Actor::Console, trade.id, server.id, "Nordwind".to_owned()).await.unwrap();
    assert_eq!(scalar(&mut house.ada().await, "SELECT DB_NAME()").await.unwrap(), "Nordwind");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn when_the_server_shows_another_certificate_nobody_gets_through_to_it() {
    let house = TestAppliance::start().await;
    let access = &house.demo.access;
    let (estate, sample) = (&house.state().estate, &house.demo.sample);
    let server = estate.server("sample").unwrap();
    let mut pinned = server.target;
    pinned.tls = TlsRule::Certificate { sha256: sample.certificate_sha256() };
    estate.set_target(&Actor::Console, server.id, pinned).await.unwrap();
    assert_eq!(scalar(&mut house.ada().await, "SELECT DB_NAME()").await.unwrap(), "Nordwind");
    sample.change_certificate().unwrap();
    let text = house.connect("ada", &access.password, "trade").await.err().unwrap().to_string();
    assert!(text.contains("certificate"), "{text}");
    assert!(!text.contains("127.0.0.1"), "a member does not learn where the server is: {text}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_is_down_is_told_in_one_sentence_and_heals_by_itself() {
    let house = TestAppliance::with_its_servers_port().await;
    let access = &house.demo.access;
    house.demo.sample.stop();
    let text = house.connect("ada", &access.password, "trade").await.err().unwrap().to_string();
    assert!(!text.contains("127.0.0.1") && !text.contains(&access.server_port.to_string()), "{text}");
    house.demo.sample.start_again().await.unwrap();
    assert_eq!(scalar(&mut house.ada().await, "SELECT DB_NAME()").await.unwrap(), "Nordwind");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_driver_that_says_use_with_the_alias_is_understood() {
    let house = TestAppliance::start().await;
    let mut client = house.ada().await;
    client.simple_query("use [trade]").await.unwrap().into_results().await.unwrap();
    assert_eq!(scalar(&mut client, "SELECT DB_NAME()").await.unwrap(), "Nordwind");
    let other = match client.simple_query("use [other]").await {
        Ok(stream) => stream.into_results().await.map(drop),
        Err(error) => Err(error),
    };
    assert!(other.is_err(), "other names are the server's to refuse");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_grants_of_a_removed_account_go_with_it() {
    let house = TestAppliance::start().await;
    let state = house.state();
    let ada = state.identity.account("ada").unwrap();
    assert_eq!(state.estate.grants().unwrap().len(), 1);
    state.identity.remove_account(&Actor::Console, ada.id).await.unwrap();
    let gone = async {
        while !state.estate.grants().unwrap().is_empty() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), gone).await.expect("the grant went too");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn drivers_as_old_as_tds_7_1_open_sessions_and_hear_the_version_that_they_speak() {
    use crate::support::caller;
    let house = TestAppliance::start().await;
    let access = &house.demo.access;
    for version in [TdsVersion::V7_1, TdsVersion::V7_2, TdsVersion::V7_3A, TdsVersion::V7_3B, TdsVersion::V7_4] {
        let mut old = caller::tunnel(house.sql(), &house.root_pem(), &caller::prelogin()).await;
        let wish = Login7 { tds_version: version, ..caller::login(&access.account, &access.password, "trade") };
        let tokens = old.log_in(&wish).await.tokens();
        assert_eq!(caller::ack(&tokens).tds_version, version);
    }
}
