//! Headless Chromium, driven as a person drives it: through Debian's chromedriver, with a profile, a home and a store of
//! authorities of its own.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use axum::http::Method;
use fantoccini::{Client, ClientBuilder};
use hyper_util::client::legacy::connect::HttpConnector;
use reqwest::Url;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};

/// A browser that is closed when the test ends, however it ends.
pub struct Browser {
    /// What a person does: go, look, click, type.
    pub client: Client,
    driver: Child,
    home: tempfile::TempDir,
}

impl Browser {
    /// Starts a browser that knows the public authorities, and these besides: certificates in PEM form.
    pub async fn trusting(authorities: &[&str]) -> Self {
        Self::mapping(authorities, "").await
    }

    /// The same, with JavaScript switched off.
    pub async fn without_scripts(authorities: &[&str]) -> Self {
        Self::start(authorities, "", false).await
    }

    /// The same, where names are elsewhere than the system says, by Chromium's rules: `MAP www.example.com 127.0.0.1`.
    pub async fn mapping(authorities: &[&str], rules: &str) -> Self {
        Self::start(authorities, rules, true).await
    }

    async fn start(authorities: &[&str], rules: &str, scripts: bool) -> Self {
        let home = tempfile::tempdir().unwrap();
        for (number, pem) in authorities.iter().enumerate() {
            let file = home.path().join(format!("authority-{number}.pem"));
            std::fs::write(&file, pem).unwrap();
            trust(home.path(), &file).await;
        }
        let (driver, port) = start_driver(home.path()).await;
        let client = ClientBuilder::new(HttpConnector::new())
            .capabilities(capabilities(&home.path().join("profile"), rules, scripts))
            .connect(&format!("http://127.0.0.1:{port}"))
            .await
            .expect("Chromium did not start (Debian: apt-get install chromium chromium-driver)");
        Self { client, driver, home }
    }

    /// The text that the page shows.
    pub async fn text(&self) -> String {
        self.client.find(fantoccini::Locator::Css("body")).await.unwrap().text().await.unwrap()
    }

    /// Goes there. Where the browser refuses, its own name for why: `ERR_CERT_AUTHORITY_INVALID`.
    pub async fn goto(&self, url: &str) -> Result<(), String> {
        let said = match self.client.goto(url).await {
            // It shows a page of its own instead, under the address that was asked for.
            Ok(()) if self.is_own_page().await => self.text().await,
            Ok(()) => return Ok(()),
            Err(error) => error.to_string(),
        };
        let name = said.split(|c: char| !c.is_ascii_uppercase() && c != '_').find(|word| word.starts_with("ERR_"));
        Err(name.unwrap_or(&said).to_owned())
    }

    /// Fills fields of the page by their names, and presses the button that says this.
    pub async fn fill(&self, fields: &[(&str, &str)], button: &str) {
        for (name, value) in fields {
            let field = format!("[name=\"{name}\"]:not([type=hidden])");
            let field = self.client.find(fantoccini::Locator::Css(&field)).await.unwrap();
            field.clear().await.unwrap();
            field.send_keys(value).await.unwrap();
        }
        self.leave_by(fantoccini::Locator::XPath(&format!("//button[normalize-space()=\"{button}\"]"))).await;
    }

    /// Follows the link that says this.
    pub async fn follow(&self, link: &str) {
        self.leave_by(fantoccini::Locator::LinkText(link)).await;
    }

    /// Clicks there, and waits until the page is another one: the click itself does not.
    async fn leave_by(&self, way: fantoccini::Locator<'_>) {
        let page = self.client.find(fantoccini::Locator::Css("html")).await.unwrap();
        self.client.find(way).await.unwrap().click().await.unwrap();
        let gone = async {
            while page.tag_name().await.is_ok() {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            while self.client.find(fantoccini::Locator::Css("body")).await.is_err() {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(60), gone).await.expect("the page stays as it is");
    }

    async fn is_own_page(&self) -> bool {
        let place = self.client.execute("return document.location.protocol", vec![]).await.unwrap();
        place == "chrome-error:"
    }

    /// A picture of the window. With `GATEHOUSE_TEST_PICTURES` naming a folder it is kept there for a person to look at.
    pub async fn picture(&self, name: &str) -> Vec<u8> {
        let picture = self.client.screenshot().await.unwrap();
        if let Some(folder) = std::env::var_os("GATEHOUSE_TEST_PICTURES") {
            std::fs::write(PathBuf::from(folder).join(format!("{name}.png")), &picture).unwrap();
        }
        picture
    }

    /// Makes the window so large, in pixels.
    pub async fn resize(&self, width: u32, height: u32) {
        self.client.set_window_size(width, height).await.unwrap();
    }

    /// Closes it and waits until it is gone.
    pub async fn close(mut self) {
        self.client.clone().close().await.unwrap();
        self.driver.kill().await.unwrap();
        drop(self.home);
    }
}

/// Into the store that Chromium reads on Linux: NSS's, in the home folder.
async fn trust(home: &Path, file: &Path) {
    let store = home.join(".pki/nssdb");
    if !store.exists() {
        std::fs::create_dir_all(&store).unwrap();
        certutil(&store, &["-N", "--empty-password"]).await;
    }
    let name = file.file_name().unwrap().to_str().unwrap();
    certutil(&store, &["-A", "-n", name, "-t", "C,,", "-i", file.to_str().unwrap()]).await;
}

async fn certutil(store: &Path, arguments: &[&str]) {
    let mut command = Command::new("certutil");
    command.arg("-d").arg(format!("sql:{}", store.display())).args(arguments).stdin(Stdio::null());
    let output =
        command.output().await.expect("this test needs NSS's certutil (Debian: apt-get install libnss3-tools)");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// Starts the driver on a free port, which it tells.
async fn start_driver(home: &Path) -> (Child, u16) {
    let mut command = Command::new("chromedriver");
    command.args(["--port=0", "--allowed-ips=127.0.0.1"]).env("HOME", home).env("TMPDIR", home);
    // The profile's place, whatever the machine's own settings say.
    command.env_remove("XDG_CONFIG_HOME").env_remove("XDG_DATA_HOME").kill_on_drop(true);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut driver = command.spawn().expect("this test needs chromedriver (Debian: apt-get install chromium-driver)");
    let mut lines = BufReader::new(driver.stdout.take().unwrap()).lines();
    let told = async {
        while let Some(line) = lines.next_line().await.unwrap() {
            if let Some(port) = line.strip_prefix("ChromeDriver was started successfully on port ") {
                return port.trim_end_matches('.').parse().unwrap();
            }
        }
        panic!("chromedriver ended early");
    };
    let port = tokio::time::timeout(Duration::from_secs(60), told).await.expect("chromedriver does not start");
    // What it says from here on is read and thrown away, so that it never waits for its reader.
    tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
    (driver, port)
}

fn capabilities(profile: &Path, rules: &str, scripts: bool) -> fantoccini::wd::Capabilities {
    let arguments = [
        "--headless".to_owned(),
        // Chromium's own sandbox cannot be had as root, in containers least of all; the page is ours.
        "--no-sandbox".to_owned(),
        "--disable-gpu".to_owned(),
        "--disable-dev-shm-usage".to_owned(),
        "--disable-quic".to_owned(),
        "--no-first-run".to_owned(),
        "--no-proxy-server".to_owned(),
        "--disable-background-networking".to_owned(),
        "--disable-component-update".to_owned(),
        "--disable-sync".to_owned(),
        format!("--user-data-dir={}", profile.display()),
        format!("--host-resolver-rules={rules}"),
    ];
    // 1 allows, 2 blocks.
    let scripts = if scripts { 1 } else { 2 };
    let preferences = serde_json::json!({ "profile.managed_default_content_settings.javascript": scripts });
    let options = serde_json::json!({
        "browserName": "chrome",
        // WebDriver may be told to take any certificate; a person is not, so this browser refuses what a browser refuses.
        "acceptInsecureCerts": false,
        "goog:chromeOptions": { "binary": "/usr/bin/chromium", "args": arguments, "prefs": preferences },
    });
    options.as_object().unwrap().clone()
}

/// A command of the WebDriver extension of WebAuthn Level 3, section 11: a device that keeps passkeys and knows its holder.
#[derive(Debug)]
struct Passkeys {
    method: Method,
    path: String,
    body: serde_json::Value,
}

impl fantoccini::wd::WebDriverCompatibleCommand for Passkeys {
    fn endpoint(&self, base: &Url, session: Option<&str>) -> Result<Url, <Url as std::str::FromStr>::Err> {
        base.join(&format!("session/{}/webauthn/authenticator{}", session.unwrap(), self.path))
    }

    fn method_and_body(&self, _: &Url) -> (Method, Option<String>) {
        (self.method.clone(), (self.method == Method::POST).then(|| self.body.to_string()))
    }
}

impl Browser {
    async fn passkeys(&self, method: Method, path: &str, body: serde_json::Value) -> serde_json::Value {
        self.client.issue_cmd(Passkeys { method, path: path.to_owned(), body }).await.unwrap()
    }

    /// Gives the browser a device that keeps passkeys, whose holder it has recognised; its id.
    pub async fn add_authenticator(&self) -> String {
        let device = serde_json::json!({
            "protocol": "ctap2", "transport": "internal", "hasResidentKey": true, "hasUserVerification": true,
            "isUserVerified": true,
        });
        self.passkeys(Method::POST, "", device).await.as_str().unwrap().to_owned()
    }

    /// Puts a copy in the place of the device's passkey, which has not counted how often that one was used.
    pub async fn copy_passkey(&self, device: &str) {
        let mut kept = self.passkeys(Method::GET, &format!("/{device}/credentials"), serde_json::json!({})).await;
        let mut key = kept[0].take();
        let id = key["credentialId"].as_str().unwrap().to_owned();
        self.passkeys(Method::DELETE, &format!("/{device}/credentials/{id}"), serde_json::json!({})).await;
        key["signCount"] = 0.into();
        self.passkeys(Method::POST, &format!("/{device}/credential"), key).await;
    }
}
