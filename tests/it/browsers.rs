//! What curl and a real browser meet: the pages where the authority is trusted, and the refusal where it is not.

use axum::Router;
use axum::routing::get;
use gatehouse::domain::Timestamp;
use gatehouse::platform::{Clock as _, SystemClock};
use gatehouse::tls::{KeyKind, Root, Scope};

use crate::support::appliance::TestAppliance;
use crate::support::browser::Browser;
use crate::support::curl::curl;
use crate::support::site::Site;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn curl_opens_the_page_with_the_authority_over_both_versions_of_http_and_refuses_without_it() {
    let house = TestAppliance::start().await;
    let access = &house.demo.access;
    let (url, authority) = (access.https_url.as_str(), access.ca_file.to_str().unwrap());
    for (version, spoken) in [("--http1.1", "1.1"), ("--http2", "2")] {
        let output =
            curl(&["--cacert", authority, version, "--write-out", "\n%{http_version} %{http_code}", url]).await;
        let page = String::from_utf8(output.stdout).unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        assert!(page.contains("Takes logins") && page.ends_with(&format!("\n{spoken} 200")), "{page}");
    }
    assert_eq!(curl(&[url]).await.status.code(), Some(60));
    let trust = curl(&["--cacert", authority, &format!("{url}trust/authority.pem")]).await;
    assert_eq!(trust.stdout, house.root_pem().as_bytes());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_browser_opens_the_pages_where_the_authority_is_trusted() {
    let house = TestAppliance::start().await;
    let access = &house.demo.access;
    let browser = Browser::trusting(&[&house.root_pem()]).await;
    browser.resize(1000, 1400).await;
    browser.goto(&access.https_url).await.unwrap();
    assert!(browser.text().await.contains("Takes logins"));
    browser.picture("front").await;

    browser.follow("how to trust this appliance").await;
    assert_eq!(browser.client.current_url().await.unwrap().path(), "/trust/");
    let shown = browser.text().await;
    let digits: String = shown.chars().filter(char::is_ascii_hexdigit).collect::<String>().to_lowercase();
    assert!(digits.contains(&access.ca_sha256), "the fingerprint is there to be compared: {shown}");
    browser.picture("trust").await;
    browser.resize(340, 1400).await;
    browser.picture("trust-narrow").await;
    let width = "return document.documentElement.scrollWidth - document.documentElement.clientWidth";
    assert_eq!(browser.client.execute(width, vec![]).await.unwrap(), 0, "nothing sticks out of a narrow window");
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_browser_that_does_not_trust_the_authority_refuses() {
    let house = TestAppliance::start().await;
    let other = Root::create("other", Timestamp::from_millis(1_790_000_000_000)).unwrap();
    let browser = Browser::trusting(&[&other.certificate_pem()]).await;
    let refused = browser.goto(&house.demo.access.https_url).await;
    browser.picture("refused").await;
    assert_eq!(refused, Err("ERR_CERT_AUTHORITY_INVALID".to_owned()));
    browser.close().await;
}

/// Whoever steals the root's key gains nothing: a trusted authority is believed for the appliance's own names alone.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_browser_refuses_what_a_trusted_authority_signed_for_other_names() {
    let scope = Scope::of(&["sql.corp.example".to_owned()], &[]);
    let root = Root::limited("gatehouse", KeyKind::EcdsaP256, scope, SystemClock::new().now()).unwrap();
    let page = || Router::new().route("/", get(|| async { "here it is" }));
    let own = Site::start(&root, &["sql.corp.example"], page()).await;
    let forged = Site::start(&root, &["www.example.com"], page()).await;
    let authority = root.certificate_pem();

    let browser = Browser::mapping(&[&authority], "MAP * 127.0.0.1").await;
    browser.goto(&format!("https://sql.corp.example:{}/", own.port)).await.unwrap();
    assert_eq!(browser.text().await, "here it is");
    let refused = browser.goto(&format!("https://www.example.com:{}/", forged.port)).await;
    assert_eq!(refused, Err("ERR_CERT_INVALID".to_owned()));
    browser.close().await;

    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("authority.pem");
    std::fs::write(&file, authority).unwrap();
    for (name, port, code) in [("sql.corp.example", own.port, 0), ("www.example.com", forged.port, 60)] {
        let (place, url) = (format!("{name}:{port}:127.0.0.1"), format!("https://{name}:{port}/"));
        let output = curl(&["--cacert", file.to_str().unwrap(), "--resolve", &place, &url]).await;
        assert_eq!(output.status.code(), Some(code), "{name}: {}", String::from_utf8_lossy(&output.stderr));
    }
}
