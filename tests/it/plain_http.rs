//! What plain HTTP is answered, through real sockets.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::support::appliance::TestAppliance;

/// An appliance with a door for plain HTTP.
async fn house() -> (TestAppliance, SocketAddr) {
    let house = TestAppliance::with(|config| config.listen.http = vec![SocketAddr::from(([127, 0, 0, 1], 0))]).await;
    let http = house.appliance().http_addresses()[0];
    (house, http)
}

/// All that comes back.
async fn ask(to: SocketAddr, request: &str) -> String {
    let mut stream = TcpStream::connect(to).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer).await;
    String::from_utf8(answer).unwrap()
}

/// The value of a field of an answer.
fn field<'a>(answer: &'a str, name: &str) -> Option<&'a str> {
    let head = answer.split("\r\n\r\n").next().unwrap();
    let of = |line: &'a str| line.split_once(": ").filter(|(field, _)| field.eq_ignore_ascii_case(name));
    head.lines().find_map(of).map(|(_, value)| value)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_browser_that_forgot_https_is_sent_there_from_both_doors_and_told_nothing_else() {
    let (house, http) = house().await;
    let https = house.sql();
    for (door, host, target) in [
        (http, "gate.example", format!("https://gate.example:{}/trust/?x=1", https.port())),
        (http, "gate.example:80", format!("https://gate.example:{}/trust/?x=1", https.port())),
        (https, "gate.example:9443", "https://gate.example:9443/trust/?x=1".to_owned()),
        (https, "[::1]", format!("https://[::1]:{}/trust/?x=1", https.port())),
        (https, "not a host", format!("https://localhost:{}/trust/?x=1", https.port())),
    ] {
        let answer = ask(door, &format!("GET /trust/?x=1 HTTP/1.1\r\nHost: {host}\r\n\r\n")).await;
        assert!(answer.starts_with("HTTP/1.1 308 "), "{answer}");
        assert_eq!(field(&answer, "location"), Some(&*target), "{host}");
        assert_eq!(field(&answer, "connection"), Some("close"));
        assert_eq!(field(&answer, "content-length"), Some("0"));
        assert!(field(&answer, "server").is_none() && answer.ends_with("\r\n\r\n"), "{answer}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_answer_is_all_that_a_connection_gets_and_a_body_is_not_waited_for() {
    let (_house, http) = house().await;
    let twice = "GET / HTTP/1.1\r\nHost: a\r\n\r\nGET / HTTP/1.1\r\nHost: b\r\n\r\n";
    assert_eq!(ask(http, twice).await.matches("HTTP/1.1 308").count(), 1);
    // The body never comes; neither is it asked for.
    let waiting = "POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\nExpect: 100-continue\r\n\r\n";
    let answer = ask(http, waiting).await;
    assert!(answer.starts_with("HTTP/1.1 308 "), "{answer}");
    // It comes, and the answer is not lost for it.
    let body = format!("POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 50000\r\n\r\n{}", "x".repeat(50_000));
    assert!(ask(http, &body).await.starts_with("HTTP/1.1 308 "));
    let old = ask(http, "GET / HTTP/1.0\r\n\r\n").await;
    assert!(field(&old, "location").is_some_and(|to| to.starts_with("https://localhost:")), "{old}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn heads_that_are_too_long_or_no_http_lead_nowhere() {
    let (_house, http) = house().await;
    let long = ask(http, &format!("GET /{} HTTP/1.1\r\nHost: a\r\n\r\n", "a".repeat(20_000))).await;
    let many = ask(http, &format!("GET / HTTP/1.1\r\nHost: a\r\n{}\r\n", "A: b\r\n".repeat(100))).await;
    let wrong = ask(http, "GET HTTP\r\n\r\n").await;
    let version_2 = ask(http, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").await;
    for answer in [long, many, wrong, version_2] {
        assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 4"), "{answer}");
        assert!(field(&answer, "location").is_none());
    }
    // The door for plain HTTP is for nothing else.
    for bytes in ["\x12\x01\x00\x08", "\x16\x03\x01\x00\x04\x02\x00\x00\x00", "SSH-2.0-x\r\n"] {
        assert_eq!(ask(http, bytes).await, "");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_acme_server_finds_its_key_authorisation_on_the_plain_door_alone() {
    let (house, http) = house().await;
    let ask_for = |door, token: &'static str| async move {
        let path = format!("/.well-known/acme-challenge/{token}");
        ask(door, &format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n")).await
    };
    assert!(ask_for(http, "abc").await.starts_with("HTTP/1.1 404 "));
    let challenges = house.appliance().challenges();
    challenges.set_http(Some(Box::new(|token| (token == "abc").then(|| "abc.thumbprint".to_owned()))));
    let answer = ask_for(http, "abc").await;
    assert!(answer.starts_with("HTTP/1.1 200 ") && answer.ends_with("\r\n\r\nabc.thumbprint"), "{answer}");
    assert!(ask_for(http, "abd").await.starts_with("HTTP/1.1 404 "));
    assert!(ask_for(house.sql(), "abc").await.starts_with("HTTP/1.1 308 "));
    challenges.set_http(None);
    assert!(ask_for(http, "abc").await.starts_with("HTTP/1.1 404 "));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_caller_that_never_ends_its_head_gives_its_place_back_when_it_leaves() {
    let (house, http) = house().await;
    let mut stuck = TcpStream::connect(http).await.unwrap();
    stuck.write_all(b"GET / HTTP/1.1\r\nHost: ").await.unwrap();
    let browsers = |text: &str| text.contains("gatehouse_connections{of=\"browsers\"} 1");
    let seen = |wanted: bool| {
        let metrics = house.appliance().metrics().clone();
        async move {
            while browsers(&metrics.text().unwrap()) != wanted {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(30), seen(true)).await.expect("it is counted");
    drop(stuck);
    tokio::time::timeout(Duration::from_secs(30), seen(false)).await.expect("it is gone");
}
