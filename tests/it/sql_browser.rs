//! SQL Browser's answers: for the names that the administrator listed, on the port of the door, and never in the way.

use std::sync::Arc;
use std::time::Duration;

use gatehouse::config::{Config, InstanceName};
use gatehouse::domain::Timestamp;
use gatehouse::door::Browser;
use gatehouse::platform::{ManualClock, Tasks};
use gatehouse::tds::ssrp::Instance;
use gatehouse::telemetry::{Health, Metrics};
use tokio::net::UdpSocket;

use crate::support::appliance::TestAppliance;
use crate::support::ports;

fn names(config: &mut Config) {
    config.listen.browser = vec!["127.0.0.1:0".parse().unwrap()];
    let name = |name: &str, port| InstanceName { name: name.to_owned(), port };
    config.listen.browser_instances = vec![name("ERP", None), name("CRM", Some(14330))];
}

async fn asker(to: std::net::SocketAddr) -> UdpSocket {
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    socket.connect(to).await.unwrap();
    socket
}

async fn heard(socket: &UdpSocket) -> String {
    let mut buffer = [0; 2048];
    let length = tokio::time::timeout(Duration::from_secs(60), socket.recv(&mut buffer)).await.unwrap().unwrap();
    assert_eq!(buffer[0], 0x05);
    String::from_utf8(buffer[3..length].to_vec()).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_listed_instance_is_found_at_the_door_for_sql_clients_and_nonsense_is_not_answered() {
    let house = TestAppliance::with(names).await;
    let socket = asker(house.appliance().browser_addresses()[0]).await;
    for silent in [&b""[..], b"\x04NOBODY\0", b"\x0f\x01ERP\0", b"\xff\xff", &[4; 600], b"\x05\x01\0x"] {
        socket.send(silent).await.unwrap();
    }
    socket.send(b"\x04erp\0").await.unwrap();
    let port = house.sql().port();
    // The first thing that is heard at all.
    let expected = format!("ServerName;localhost;InstanceName;ERP;IsClustered;No;Version;16.0.1000.0;tcp;{port};;");
    assert_eq!(heard(&socket).await, expected);
    socket.send(b"\x02").await.unwrap();
    let all = heard(&socket).await;
    assert!(all.contains("InstanceName;ERP;") && all.ends_with("tcp;14330;;"), "{all}");

    let metrics = house.appliance().metrics().text().unwrap();
    for line in [
        "gatehouse_sql_browser_requests_total{outcome=\"answered\"} 2",
        "gatehouse_sql_browser_requests_total{outcome=\"unanswered\"} 2",
        "gatehouse_sql_browser_requests_total{outcome=\"malformed\"} 4",
        "gatehouse_sql_browser_requests_total{outcome=\"limited\"} 0",
    ] {
        assert!(metrics.contains(line), "{line} in\n{metrics}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_the_setting_nothing_is_bound() {
    let house = TestAppliance::start().await;
    assert!(house.appliance().browser_addresses().is_empty());
    assert!(!house.appliance().metrics().text().unwrap().contains("sql_browser"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_address_that_another_program_has_is_on_the_health_board_and_is_taken_when_it_is_free() {
    let address = ports::own_address();
    let other = UdpSocket::bind(address).await.unwrap();
    let clock = ManualClock::starting_at(Timestamp::from_millis(1_795_000_000_000));
    let (health, tasks) = (Health::new(), Tasks::new());
    let instances = vec![Instance { name: "ERP".to_owned(), port: 1433 }];
    let browser = Browser::new("sql", instances, Arc::clone(&clock) as _, health.clone(), &Metrics::new());
    assert!(browser.serve(&[address], &tasks).is_empty());
    let problems = health.problems();
    assert_eq!(problems[0].0, format!("listen.browser {address}"));
    assert!(problems[0].1.contains(&format!("port {} is held by", address.port())), "{}", problems[0].1);

    drop(other);
    while !health.problems().is_empty() {
        clock.advance(Duration::from_secs(1));
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let socket = asker(address).await;
    socket.send(b"\x04ERP").await.unwrap();
    assert!(heard(&socket).await.contains("tcp;1433"));
    tasks.stop();
}
