//! What curl and a real browser meet: the pages where the authority is trusted, and the refusal where it is not.

use gatehouse::domain::Timestamp;

use crate::support::appliance::TestAppliance;
use crate::support::browser::Browser;
use crate::support::curl::curl;

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

    let way = fantoccini::Locator::LinkText("how to trust this appliance");
    browser.client.find(way).await.unwrap().click().await.unwrap();
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
    let other = gatehouse::tls::Root::create("other", Timestamp::from_millis(1_790_000_000_000)).unwrap();
    let browser = Browser::trusting(&[&other.certificate_pem()]).await;
    let refused = browser.goto(&house.demo.access.https_url).await;
    browser.picture("refused").await;
    assert_eq!(refused, Err("ERR_CERT_AUTHORITY_INVALID".to_owned()));
    browser.close().await;
}
