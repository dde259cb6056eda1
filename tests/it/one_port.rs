//! One port for everything: who is served there, who is shown out, and the door for SQL clients alone.

use std::net::SocketAddr;
use std::sync::Arc;

use gatehouse::tls::policy;
use reqwest::Version;
use rustls::ClientConfig;
use rustls::pki_types::{PrivateKeyDer, ServerName};
use rustls::version::{TLS12, TLS13};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::support::appliance::{TestAppliance, scalar};
use crate::support::caller::{self, LoggedIn, ack, login, prelogin, roots};

type Tls = tokio_rustls::client::TlsStream<TcpStream>;

/// TLS with these protocols on offer.
async fn tls(to: SocketAddr, root_pem: &str, protocols: &[&[u8]]) -> std::io::Result<Tls> {
    let mut config = ClientConfig::builder_with_provider(policy::provider())
        .with_protocol_versions(&[&TLS13, &TLS12])
        .unwrap()
        .with_root_certificates(roots(root_pem))
        .with_no_client_auth();
    config.alpn_protocols = protocols.iter().map(|name| name.to_vec()).collect();
    let tcp = TcpStream::connect(to).await?;
    let name = ServerName::try_from("localhost").unwrap();
    tokio_rustls::TlsConnector::from(Arc::new(config)).connect(name, tcp).await
}

/// What comes back before the end.
async fn answer(to: SocketAddr, bytes: &[u8]) -> Vec<u8> {
    let mut stream = TcpStream::connect(to).await.unwrap();
    stream.write_all(bytes).await.unwrap();
    let mut answer = Vec::new();
    // A reset is an end, too.
    let _ = stream.read_to_end(&mut answer).await;
    answer
}

async fn with_both_doors() -> (TestAppliance, SocketAddr, SocketAddr) {
    let house = TestAppliance::with_sql_door().await;
    let (one, sql) = (house.appliance().https_addresses()[0], house.appliance().sql_addresses()[0]);
    assert_ne!(one, sql);
    (house, one, sql)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sql_clients_of_both_kinds_and_browsers_of_every_kind_share_one_port() {
    let house = TestAppliance::start().await;
    let (one, root) = (house.sql(), house.root_pem());
    assert!(house.appliance().sql_addresses().is_empty(), "there is no other");
    let access = &house.demo.access;
    let wish = login(&access.account, &access.password, "trade");

    let mut tunnel = caller::tunnel(one, &root, &prelogin()).await;
    ack(&tunnel.log_in(&wish).await.tokens());
    let mut strict = caller::strict(one, &root, &prelogin()).await;
    ack(&strict.log_in(&wish).await.tokens());

    let page = house.browser().get(&access.https_url).send().await.unwrap();
    assert_eq!(page.status(), 200);
    for (protocols, spoken) in [
        (&[&b"h2"[..], b"http/1.1"][..], Some(&b"h2"[..])),
        (&[b"http/1.1"], Some(b"http/1.1")),
        (&[], None),
        // No browser, but nothing speaks against it.
        (&[b"acme-tls/1", b"http/1.1"], Some(b"http/1.1")),
    ] {
        let mut stream = tls(one, &root, protocols).await.unwrap();
        assert_eq!(stream.get_ref().1.alpn_protocol(), spoken);
        if spoken != Some(b"h2") {
            stream.write_all(b"GET /healthz/live HTTP/1.0\r\n\r\n").await.unwrap();
            let mut text = String::new();
            let _ = stream.read_to_string(&mut text).await;
            assert!(text.starts_with("HTTP/1.0 200"), "{text}");
        }
    }
    let version_1 = house.browser().get(&access.https_url).version(Version::HTTP_11).send().await.unwrap();
    assert_eq!(version_1.status(), 200);

    // A client that speaks only what nobody speaks here hears so from TLS.
    let refused = tls(one, &root, &[b"imap"]).await.unwrap_err().to_string();
    assert!(refused.contains("NoApplicationProtocol"), "{refused}");
    assert_eq!(answer(one, b"SSH-2.0-OpenSSH_9.2\r\n").await, b"");
    assert_eq!(answer(one, &[0x10, 1, 0, 8, 0, 0, 1, 0]).await, b"", "a login in clear");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_door_for_sql_clients_serves_them_and_nobody_else() {
    let (house, _, sql) = with_both_doors().await;
    let (root, access) = (house.root_pem(), &house.demo.access);
    let wish = login(&access.account, &access.password, "trade");
    let mut tunnel = caller::tunnel(sql, &root, &prelogin()).await;
    ack(&tunnel.log_in(&wish).await.tokens());
    for protocols in [&[&b"tds/8.0"[..]][..], &[]] {
        let mut stream = tls(sql, &root, protocols).await.unwrap();
        let answered = caller::greet(&mut stream, &prelogin()).await;
        assert_eq!(answered.instance, Some(vec![0]), "{protocols:?}");
    }
    let refused = tls(sql, &root, &[b"imap"]).await.unwrap_err().to_string();
    assert!(refused.contains("NoApplicationProtocol"), "{refused}");
    assert!(tls(sql, &root, &[b"h2", b"http/1.1"]).await.is_err());
    assert!(tls(sql, &root, &[b"acme-tls/1"]).await.is_err());
    assert_eq!(answer(sql, b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n").await, b"");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_acme_servers_challenge_is_answered_while_an_order_is_under_way_and_not_otherwise() {
    let house = TestAppliance::start().await;
    let (one, root) = (house.sql(), house.root_pem());
    assert!(tls(one, &root, &[b"acme-tls/1"]).await.is_err());

    let shown = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let key = PrivateKeyDer::try_from(shown.key_pair.serialize_der()).unwrap();
    let mut config = rustls::ServerConfig::builder_with_provider(policy::provider())
        .with_protocol_versions(&[&TLS13, &TLS12])
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![shown.cert.der().clone()], key)
        .unwrap();
    config.alpn_protocols = vec![b"acme-tls/1".to_vec()];
    house.appliance().challenges().set_tls(Some(Arc::new(config)));
    let mut stream = tls(one, &shown.cert.pem(), &[b"acme-tls/1"]).await.unwrap();
    assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"acme-tls/1"[..]));
    assert_eq!(stream.read(&mut [0; 1]).await.unwrap(), 0, "and nothing more is said");
    assert!(tls(one, &root, &[b"h2"]).await.is_ok(), "browsers see nothing of it");

    house.appliance().challenges().set_tls(None);
    assert!(tls(one, &shown.cert.pem(), &[b"acme-tls/1"]).await.is_err());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn browsers_that_stay_take_no_sql_clients_place() {
    let house = TestAppliance::with(|config| {
        config.listen.half_open_per_address = 3;
        config.listen.half_open_total = 3;
    })
    .await;
    let (one, root) = (house.sql(), house.root_pem());
    let mut browsers = Vec::new();
    for _ in 0..3 {
        browsers.push(tls(one, &root, &[b"http/1.1"]).await.unwrap());
    }
    assert!(tls(one, &root, &[b"http/1.1"]).await.is_err(), "their own places are taken");
    let access = &house.demo.access;
    let mut ada = caller::tunnel(one, &root, &prelogin()).await;
    assert!(matches!(ada.log_in(&login(&access.account, &access.password, "trade")).await, LoggedIn::Yes(_)));
    assert_eq!(scalar(&mut house.ada().await, "SELECT DB_NAME()").await.unwrap(), "Nordwind");

    browsers.pop();
    let again = async {
        while tls(one, &root, &[b"http/1.1"]).await.is_err() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(30), again).await.expect("a place is given back");
}
