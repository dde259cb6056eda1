//! The life of the process: ready, healthy, told to stop, gone.

use std::sync::Arc;

use http_body_util::{BodyExt as _, Empty};
use hyper::body::Bytes;
use hyper::{Request, StatusCode};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustix::process::Signal;
use tokio::net::TcpStream;

use super::support::caller;
use super::support::program::{Process, Running, ask};

#[test]
fn a_running_appliance_is_healthy_and_ends_well_when_told_to() {
    let folder = tempfile::tempdir().unwrap();
    let process = Process::start(folder.path(), &[]);
    let health = ask(folder.path(), &["healthcheck"], "");
    assert_eq!(health.status.code(), Some(0), "{}", String::from_utf8_lossy(&health.stderr));
    assert_eq!(health.stdout, b"ready\n");
    process.signal(Signal::HUP);
    process.signal(Signal::TERM);
    assert_eq!(process.ended().code(), Some(0));
    assert_eq!(ask(folder.path(), &["healthcheck"], "").status.code(), Some(1));

    // And again over the same data.
    let process = Process::start(folder.path(), &[]);
    process.signal(Signal::INT);
    process.signal(Signal::INT);
    assert_eq!(process.ended().code(), Some(0));
}

#[test]
fn a_second_appliance_on_the_same_data_is_refused_and_does_no_harm() {
    let folder = tempfile::tempdir().unwrap();
    let process = Process::start(folder.path(), &[]);
    let second =
        ask(folder.path(), &["run", "--set", "listen.sql=127.0.0.1:0", "--set", "listen.https=127.0.0.1:0"], "");
    assert_eq!(second.status.code(), Some(1), "{}", String::from_utf8_lossy(&second.stderr));
    assert_eq!(ask(folder.path(), &["healthcheck"], "").status.code(), Some(0));
    process.signal(Signal::TERM);
    assert_eq!(process.ended().code(), Some(0));
}

#[test]
fn the_record_of_a_running_appliance_verifies_with_its_signatures() {
    let folder = tempfile::tempdir().unwrap();
    let process = Process::start(folder.path(), &[]);
    let added = ask(folder.path(), &["admin", "account", "add", "ada", "--generate"], "");
    assert_eq!(added.status.code(), Some(0), "{}", String::from_utf8_lossy(&added.stderr));
    let verified = ask(folder.path(), &["audit", "verify", "--json"], "");
    let verified: serde_json::Value = serde_json::from_slice(&verified.stdout).unwrap();
    assert_eq!((&verified["whole"], &verified["verified"]["signed"]), (&true.into(), &true.into()), "{verified}");
    process.signal(Signal::TERM);
    process.ended();
}

/// Over HTTP/2: once the second request is answered, the first has reached its handler.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_waits_for_a_change_is_answered_when_the_appliance_is_told_to_stop() {
    let folder = tempfile::tempdir().unwrap();
    let (mut demo, facts) = Running::demo(&folder.path().join("data"), &[]);
    let device = ask(folder.path(), &["admin", "device", "add", "desk", "--account", "ada", "--json"], "");
    let device: serde_json::Value = serde_json::from_slice(&device.stdout).unwrap();
    let root = std::fs::read_to_string(facts["ca_file"].as_str().unwrap()).unwrap();
    let mut tls = rustls::ClientConfig::builder_with_provider(gatehouse::tls::policy::provider())
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(caller::roots(&root))
        .with_no_client_auth();
    tls.alpn_protocols = vec![b"h2".to_vec()];
    let port = u16::try_from(facts["sql_port"].as_u64().unwrap()).unwrap();
    let tcp = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    let name = rustls::pki_types::ServerName::try_from("localhost").unwrap();
    let stream = tokio_rustls::TlsConnector::from(Arc::new(tls)).connect(name, tcp).await.unwrap();
    let (mut sender, connection) =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    let request = |path: &str, tag: &str| {
        let bearer = format!("Bearer {}", device["secret"].as_str().unwrap());
        let request = Request::get(format!("https://localhost:{port}{path}")).header("authorization", bearer);
        request.header("if-none-match", tag).body(Empty::<Bytes>::new()).unwrap()
    };
    let config = "/api/v1/workstation/config";
    let first = sender.send_request(request(config, "none")).await.unwrap();
    assert_eq!(first.status(), StatusCode::OK);
    let tag = first.headers()["etag"].to_str().unwrap().to_owned();

    let waiting = sender.send_request(request(&format!("{config}?wait=60"), &tag));
    let live = sender.send_request(request("/healthz/live", "none")).await.unwrap();
    assert_eq!(live.status(), StatusCode::OK);
    demo.signal(Signal::TERM);
    let answer = waiting.await.unwrap();
    assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert!(answer.headers().contains_key("retry-after"));
    let body = answer.into_body().collect().await.unwrap().to_bytes();
    assert!(String::from_utf8_lossy(&body).contains("is being stopped"), "{body:?}");
    assert_eq!(demo.ended().code(), Some(0));
}

#[test]
fn a_setting_that_is_chosen_on_the_command_line_is_in_force_within_the_same_process() {
    let folder = tempfile::tempdir().unwrap();
    let process = Process::start(folder.path(), &["acme.staging=true"]);
    let run = |arguments: &[&str]| {
        let output = ask(folder.path(), &[&["admin", "setting"], arguments].concat(), "");
        (output.status.code(), String::from_utf8([output.stdout, output.stderr].concat()).unwrap())
    };
    assert_eq!(run(&["set", "appliance.name", "Contoso"]), (Some(0), "chosen\n".to_owned()));
    process.ready_again(2);
    let told = run(&["list"]).1;
    assert!(told.contains("\"Contoso\"") && told.contains("chosen on the appliance's pages"), "{told}");
    let (code, told) = run(&["set", "acme.staging", "false"]);
    assert!(code == Some(1) && told.contains("is set by --set"), "a flag of the running one goes before: {told}");
    assert_eq!(run(&["unset", "appliance.name"]).0, Some(0));
    process.ready_again(3);
    assert!(!run(&["list"]).1.contains("Contoso"));
    process.signal(Signal::TERM);
    assert_eq!(process.ended().code(), Some(0));
}
