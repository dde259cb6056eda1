//! What programs that watch the appliance learn; a port that cannot be bound, from the line that says why to its end.

use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::Signal;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::support::appliance::{TestAppliance, scalar};
use crate::support::ports;
use crate::support::program::{Process, ask, fetch};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_numbers_tell_who_came_who_is_there_and_who_was_turned_away() {
    let house = TestAppliance::with(|config| config.listen.half_open_per_address = 2).await;
    let number = |name: &str| {
        let text = house.appliance().metrics().text().unwrap();
        let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' ').map(str::to_owned));
        line.unwrap_or_else(|| panic!("no {name} in\n{text}")).parse::<u64>().unwrap()
    };
    let mut ada = house.ada().await;
    assert_eq!(scalar(&mut ada, "SELECT DB_NAME()").await.unwrap(), "Nordwind");
    assert_eq!(number("gatehouse_sessions"), 1);
    assert_eq!(number("gatehouse_connections_accepted_total{kind=\"tds\"}"), 1);
    assert_eq!(number("gatehouse_connections{of=\"half_open\"}"), 0, "signed in");
    assert_eq!(number("gatehouse_connections_limit{of=\"half_open\",scope=\"address\"}"), 2);
    assert_eq!(number("gatehouse_connections_limit{of=\"browsers\",scope=\"total\"}"), 4096);

    let silent = [TcpStream::connect(house.sql()).await.unwrap(), TcpStream::connect(house.sql()).await.unwrap()];
    until(|| number("gatehouse_connections{of=\"half_open\"}") == 2).await;
    // The reset may come before the connection is there.
    if let Ok(mut third) = TcpStream::connect(house.sql()).await {
        assert!(!matches!(third.read(&mut [0]).await, Ok(1..)));
    }
    assert_eq!(number("gatehouse_connections_refused_total{of=\"half_open\"}"), 1);
    drop(silent);
    until(|| number("gatehouse_connections{of=\"half_open\"}") == 0).await;
    assert_eq!(number("gatehouse_connections_accepted_total{kind=\"silent\"}"), 2);
    house.browser().get(&house.demo.access.https_url).send().await.unwrap();
    assert_eq!(number("gatehouse_connections_accepted_total{kind=\"https\"}"), 1);
}

async fn until(what: impl Fn() -> bool) {
    let waited = async {
        while !what() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), waited).await.expect("it comes about");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_door_for_watchers_answers_them_over_plain_http_and_nobody_else() {
    let house = TestAppliance::start().await;
    let door = house.appliance().metrics_addresses()[0];
    assert!(door.ip().is_loopback());
    let ask = |request: &'static str| async move {
        let mut stream = TcpStream::connect(door).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer).await;
        String::from_utf8(answer).unwrap()
    };
    let metrics = ask("GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n").await;
    assert!(metrics.starts_with("HTTP/1.1 200 ") && metrics.contains("application/openmetrics-text"), "{metrics}");
    assert!(metrics.contains("\ngatehouse_sessions 0\n") && metrics.ends_with("# EOF\n"), "{metrics}");
    assert!(ask("GET /healthz/live HTTP/1.1\r\nHost: a\r\n\r\n").await.ends_with("live\n"));
    assert!(ask("GET /healthz/ready HTTP/1.1\r\nHost: a\r\n\r\n").await.ends_with("\r\n\r\nready\n"));
    let health = ask("GET /health HTTP/1.1\r\nHost: a\r\n\r\n").await;
    assert!(health.ends_with(r#"{"problems":[],"ready":true}"#), "{health}");
    house.appliance().health().problem("tls.acme", "the directory is down");
    let health = ask("GET /health HTTP/1.1\r\nHost: a\r\n\r\n").await;
    assert!(health.starts_with("HTTP/1.1 200 ") && health.contains("the directory is down"), "{health}");
    assert!(ask("GET / HTTP/1.1\r\nHost: a\r\n\r\n").await.starts_with("HTTP/1.1 404 "));
    assert!(ask("POST /metrics HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n").await.starts_with("HTTP/1.1 405 "));
    assert_eq!(ask("\x12\x01\x00\x08").await, "");
    // The numbers are for that door alone.
    let url = format!("{}metrics", house.demo.access.https_url);
    assert_eq!(house.browser().get(url).send().await.unwrap().status(), 404);
}

#[tokio::test]
async fn another_machine_hears_what_has_a_problem_and_not_the_line_about_it() {
    use gatehouse::telemetry::{Health, Metrics};
    use gatehouse::web::{Asker, Monitor, Readiness, monitor};
    use tower::ServiceExt as _;

    let (readiness, health) = (Readiness::new(), Health::new());
    health.problem("tls.files", "/etc/ssl/private/gate.key is not there");
    let monitor = Monitor { readiness, health, metrics: Metrics::new() };
    for (asker, heard) in [(Asker::Here, true), (Asker::Elsewhere, false)] {
        let request = axum::http::Request::builder().uri("/health").body(axum::body::Body::empty()).unwrap();
        let response = monitor::router(monitor.clone(), asker).oneshot(request).await.unwrap();
        assert_eq!(response.status(), 503, "not ready yet");
        let text = axum::body::to_bytes(response.into_body(), 1 << 16).await.unwrap();
        let text = String::from_utf8(text.to_vec()).unwrap();
        assert!(text.contains("tls.files"), "{text}");
        assert_eq!(text.contains("gate.key"), heard, "{text}");
    }
}

#[test]
fn a_port_that_somebody_holds_is_said_with_the_holders_name_and_served_when_it_comes_free() {
    let folder = tempfile::tempdir().unwrap();
    let address = ports::own_address();
    let held = Holder::of(address);
    let process = Process::start(folder.path(), &[&format!("listen.http={address}")]);
    let what = format!("listen.http {address}");
    let said = format!("port {} is held by {held}: stop it", address.port());

    let log = process.log();
    let line = log.lines().find(|line| line.contains(&what)).unwrap_or_else(|| panic!("nothing of it in\n{log}"));
    assert!(line.contains(&said) && line.contains("\"ERROR\""), "{line}");
    let health = fetch(process.metrics, "/health");
    assert!(health.contains(&what) && health.contains(&said) && health.contains("\"ready\":true"), "{health}");
    let command = ask(folder.path(), &["healthcheck"], "");
    let told = String::from_utf8_lossy(&command.stderr).into_owned();
    assert!(command.status.success() && told.contains(&said), "the others serve: {told}");
    assert!(fetch(process.metrics, "/healthz/ready").ends_with("ready\n"));

    drop(held);
    let begun = Instant::now();
    while fetch(process.metrics, "/health").contains(&what) {
        assert!(begun.elapsed() < Duration::from_secs(60), "it is not tried again:\n{}", process.log());
        std::thread::sleep(Duration::from_millis(100));
    }
    assert!(fetch(address, "/").starts_with("HTTP/1.1 308 "));
    assert_eq!(ask(folder.path(), &["healthcheck"], "").stderr, b"");
    process.signal(Signal::TERM);
    process.ended();
}

#[test]
fn an_appliance_that_no_sql_client_could_reach_does_not_start_and_says_who_is_in_the_way() {
    let folder = tempfile::tempdir().unwrap();
    let address: SocketAddr = ports::own_address();
    let held = Holder::of(address);
    let (https, sql) = (format!("listen.https={address}"), "listen.sql=".to_owned());
    let refused = ask(folder.path(), &["run", "--set", &https, "--set", &sql, "--set", "listen.metrics="], "");
    let told = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(!refused.status.success());
    assert!(told.contains(&format!("held by {held}")), "{told}");
}

/// Another program that listens at an address until it is dropped. Not this one: whatever other tests start holds its sockets, too, until
/// it has begun, and is as good an answer to who holds a port.
struct Holder(Child);

impl Holder {
    fn of(address: SocketAddr) -> Self {
        let listens = "import socket, sys; s = socket.create_server((sys.argv[1], int(sys.argv[2]))); print(flush=True); sys.stdin.read()";
        let mut command = Command::new("/usr/bin/python3");
        command.args(["-c", listens, &address.ip().to_string(), &address.port().to_string()]);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
        assert_eq!(line, "\n", "it listens");
        Self(child)
    }
}

/// As the appliance calls it.
impl std::fmt::Display for Holder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let id = self.0.id();
        let name = std::fs::read_to_string(format!("/proc/{id}/comm")).unwrap();
        write!(f, "the program {} (process {id})", name.trim())
    }
}

impl Drop for Holder {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
