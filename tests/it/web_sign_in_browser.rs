//! Signing in as a person does it, with Chromium at a whole appliance, with scripts and without.

use fantoccini::Locator;
use gatehouse::domain::{Secret, Timestamp};
use gatehouse::platform::{Clock as _, SystemClock};

use crate::support::app::App;
use crate::support::appliance::TestAppliance;
use crate::support::browser::Browser;
use crate::support::house::{OTHER_PASSWORD, PASSWORD};

/// From the first page through an authenticator app, a changed password and the way out, and in again by another code.
async fn all_the_way(house: &TestAppliance, browser: &Browser) {
    let access = &house.demo.access;
    browser.resize(1000, 1400).await;
    browser.goto(&access.https_url).await.unwrap();
    browser.follow("Sign in").await;
    browser.picture("sign-in").await;
    sign_in(browser, &access.admin_account, "not the password").await;
    assert!(browser.text().await.contains("the user name or the password is not right"));
    sign_in(browser, &access.admin_account, &access.admin_password).await;

    browser.picture("enrol").await;
    let picture = browser.client.find(Locator::Css("img.qr")).await.unwrap();
    assert!(picture.prop("naturalWidth").await.is_err() || picture.rectangle().await.unwrap().2 > 200.0);
    let key = browser.client.find(Locator::Css(".key")).await.unwrap().text().await.unwrap().replace(' ', "");
    let app = App::typed(&Secret::new(key));
    browser.fill(&[("code", &app.code(now()))], "Go on").await;
    let codes = browser.client.find_all(Locator::Css(".codes code")).await.unwrap();
    assert_eq!(codes.len(), 10, "{}", browser.text().await);
    let recovery = codes[0].text().await.unwrap();
    browser.picture("recovery-codes").await;
    browser.follow("I have them: go on").await;
    assert!(browser.text().await.contains(&format!("You are signed in as {}", access.admin_account)));

    browser.follow("Your account").await;
    browser.picture("account").await;
    browser.follow("Change the password").await;
    browser
        .fill(
            &[("old", access.admin_password.as_str()), ("new", PASSWORD), ("again", OTHER_PASSWORD)],
            "Change the password",
        )
        .await;
    assert!(browser.text().await.contains("The two new passwords differ"));
    browser.picture("password").await;
    browser
        .fill(&[("old", access.admin_password.as_str()), ("new", PASSWORD), ("again", PASSWORD)], "Change the password")
        .await;
    assert!(browser.text().await.contains("Your password is changed"), "{}", browser.text().await);
    browser.fill(&[], "Sign out").await;
    assert!(!browser.text().await.contains("You are signed in"));

    browser.goto(&format!("{}account", access.https_url)).await.unwrap();
    sign_in(browser, &access.admin_account, PASSWORD).await;
    // The next code, as an app whose clock is half a minute ahead shows it: this one's has counted.
    browser.fill(&[("code", &app.code(now().after(std::time::Duration::from_secs(30))))], "Go on").await;
    assert_eq!(browser.client.current_url().await.unwrap().path(), "/account", "{}", browser.text().await);
    assert!(browser.text().await.contains("Your sign-in before this one"));
    browser.fill(&[], "Sign out").await;
    browser.follow("Sign in").await;
    sign_in(browser, &access.admin_account, PASSWORD).await;
    browser.fill(&[("code", &recovery)], "Go on").await;
    browser.follow("Your account").await;
    assert!(browser.text().await.contains("Recovery codes left: 9 of 10"));
}

async fn sign_in(browser: &Browser, name: &str, password: &str) {
    browser.fill(&[("name", name), ("password", password)], "Sign in").await;
}

fn now() -> Timestamp {
    SystemClock::new().now()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_administrator_signs_in_with_an_app_changes_the_password_and_signs_out() {
    let house = TestAppliance::start().await;
    let browser = Browser::trusting(&[&house.root_pem()]).await;
    all_the_way(&house, &browser).await;
    browser.resize(340, 1400).await;
    browser.picture("account-narrow").await;
    let width = "return document.documentElement.scrollWidth - document.documentElement.clientWidth";
    assert_eq!(browser.client.execute(width, vec![]).await.unwrap(), 0, "nothing sticks out of a narrow window");
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn all_of_it_works_without_scripts() {
    let house = TestAppliance::start().await;
    let browser = Browser::without_scripts(&[&house.root_pem()]).await;
    let probe = "data:text/html,<title>off</title><script>document.title = 'on'</script>";
    browser.client.goto(probe).await.unwrap();
    assert_eq!(browser.client.title().await.unwrap(), "off", "scripts do not run");
    all_the_way(&house, &browser).await;
    browser.close().await;
}
