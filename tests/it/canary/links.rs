//! What is handed out to be used once or for a while goes through its flow, at the most talkative level, over HTTP/1.1 and HTTP/2: links,
//! codes, tickets, cookies, tokens. Neither the log nor the record nor anything else in the data folder knows them.

use std::path::Path;

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use gatehouse::domain::Secret;
use gatehouse::platform::{Clock as _, SystemClock};
use reqwest::{Client, Response, StatusCode};
use serde_json::{Value, json};

use super::super::support::app::App;
use super::super::support::curl::curl;
use super::super::support::house::{OTHER_PASSWORD, PASSWORD};
use super::super::support::program::{Process, ask};
use super::traces::{find, find_in_files};

const CLIENT: &str = "gatehouse-connect";
const REDIRECT: &str = "http://127.0.0.1:49152/callback";
const VERIFIER: &str = "canary-verifier-dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1";
const CONFIG: &str = "/api/v1/workstation/config";
/// What a browser answers in form, and no device has signed.
const NO_PASSKEY: &str = r#"{"id":"AA","rawId":"AA","type":"public-key","response":{"clientDataJSON":"e30","authenticatorData":"AA","signature":"AA"}}"#;

/// Somebody's browser and programs, and what they were handed.
struct Person {
    client: Client,
    url: String,
    cookie: String,
    handed: Vec<String>,
}

impl Person {
    /// Keeps a secret for the search at the end.
    fn keep(&mut self, secret: &str) -> String {
        assert!(secret.len() >= 8, "{secret:?} is short enough to be found by chance");
        self.handed.push(secret.to_owned());
        secret.to_owned()
    }

    async fn get(&self, path: &str) -> String {
        let request = self.client.get(format!("{}{path}", self.url)).header("cookie", &self.cookie);
        let answer = request.header("accept", "text/html").send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::OK, "{path}");
        answer.text().await.unwrap()
    }

    /// Sends a form of a page; a cookie that comes back is kept.
    async fn send(&mut self, path: &str, fields: &[(&str, &str)]) -> Response {
        let request = self.client.post(format!("{}{path}", self.url)).header("sec-fetch-site", "same-origin");
        let request = request.header("cookie", &self.cookie).header("accept", "text/html");
        let answer = request.form(fields).send().await.unwrap();
        if let Some(set) = answer.headers().get("set-cookie") {
            self.cookie = set.to_str().unwrap().split(';').next().unwrap().to_owned();
            let secret = self.cookie.split_once('=').unwrap().1.to_owned();
            if !secret.is_empty() {
                self.keep(&secret);
            }
        }
        answer
    }

    /// The same, where a page comes back.
    async fn page(&mut self, path: &str, fields: &[(&str, &str)]) -> String {
        let answer = self.send(path, fields).await;
        let status = answer.status();
        let text = answer.text().await.unwrap();
        assert_eq!(status, StatusCode::OK, "{path}: {text}");
        text
    }

    /// A program's form; the document that comes back.
    async fn program(&self, path: &str, fields: &[(&str, &str)]) -> Value {
        self.client.post(format!("{}{path}", self.url)).form(fields).send().await.unwrap().json().await.unwrap()
    }

    /// The tokens of an answer, kept.
    fn tokens(&mut self, answer: &Value) -> [String; 2] {
        ["access_token", "refresh_token"].map(|name| {
            let token = answer[name].as_str().unwrap_or_else(|| panic!("no {name} in {answer}"));
            self.keep(token)
        })
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_link_code_cookie_or_token_is_in_the_log_or_the_record_of_its_use() {
    let folder = tempfile::tempdir().unwrap();
    let process = Process::start(folder.path(), &["log.filter=trace", "appliance.names=localhost"]);
    let mut person = Person {
        client: trusting(&std::fs::read(folder.path().join("data/authority.pem")).unwrap()),
        url: format!("https://localhost:{}", process.https.port()),
        cookie: String::new(),
        handed: Vec::new(),
    };
    let code = set_up(&mut person, folder.path()).await;
    let link = reset(&mut person, folder.path()).await;
    sign_in_and_confirm(&mut person).await;
    let tokens = let_a_program_in(&mut person).await;
    let others = let_a_device_in(&mut person).await;
    enrol(&mut person, folder.path()).await;
    over_http2(&person, folder.path(), &[&link, &tokens, &others]).await;
    person.send("/sign-out", &[]).await;
    process.signal(rustix::process::Signal::TERM);
    let log = process.log();
    assert_eq!(process.ended().code(), Some(0));

    let log = format!("{log}{}", std::fs::read_to_string(folder.path().join("log")).unwrap());
    assert!(log.contains("a passkey was refused") && log.contains("http.path"), "it tells of requests: {log}");
    // What looks like a generated secret would be masked on its way out; nothing came so far.
    assert!(!log.contains("_***"), "{log}");
    // The one line that tells the code of the set-up to whoever reads the log.
    let (meant, other): (Vec<&str>, Vec<&str>) =
        log.lines().partition(|line| line.contains("this appliance has no administrator yet"));
    assert!(meant.iter().any(|line| line.contains(&code)), "{meant:?}");
    let secrets: Vec<&str> = person.handed.iter().map(String::as_str).collect();
    assert!(secrets.len() > 25, "{}", secrets.len());
    assert_eq!(find(other.join("\n").as_bytes(), &secrets), Vec::<String>::new(), "in the log");
    let without_code: Vec<&str> = secrets.iter().copied().filter(|secret| *secret != code).collect();
    assert_eq!(find(meant.join("\n").as_bytes(), &without_code), Vec::<String>::new(), "in the line that is meant");
    assert_eq!(find_in_files(&folder.path().join("data"), &secrets), Vec::<String>::new(), "in the data folder");
}

/// From the code to an administrator with an app.
async fn set_up(person: &mut Person, folder: &Path) -> String {
    let note = std::fs::read_to_string(folder.join("data/setup-code")).unwrap();
    let code = person.keep(note.split_whitespace().last().unwrap());
    assert_ne!(person.send("/setup/code", &[("code", "canary-wrong-set-up-code")]).await.status(), StatusCode::OK);
    person.keep("canary-wrong-set-up-code");
    let page = person.page("/setup/code", &[("code", &code)]).await;
    let between = person.keep(hidden(&page, "code"));
    let fields = [("code", between.as_str()), ("name", "root"), ("password", PASSWORD), ("again", PASSWORD)];
    let page = person.page("/setup/administrator", &fields).await;
    let ticket = person.keep(hidden(&page, "ticket"));
    let typed = page.split_once("into the app: <code>").unwrap().1.split_once("</code>").unwrap().0.replace(' ', "");
    let shown = App::typed(&Secret::new(typed.as_str())).code(SystemClock::new().now());
    person.keep(&typed);
    let page = person.page("/setup/factor", &[("ticket", &ticket), ("code", &shown)]).await;
    let codes = page.split("<code>").skip(1).map(|rest| rest.split('<').next().unwrap().to_owned());
    let codes: Vec<String> = codes.filter(|code| code.len() >= 8).collect();
    assert!(codes.len() >= 10, "{page}");
    codes.iter().for_each(|code| drop(person.keep(code)));
    code
}

/// An administrator's link for a forgotten password, opened and used, and opened again.
async fn reset(person: &mut Person, folder: &Path) -> String {
    said(folder, &["account", "add", "ada", "--generate"]);
    let told = said(folder, &["account", "reset-link", "ada"]);
    let link = person.keep(&generated("ghl_", &told));
    let path = format!("/reset/{link}");
    assert!(person.get(&path).await.contains("ada"));
    let form = [("new", OTHER_PASSWORD), ("again", OTHER_PASSWORD)];
    assert_ne!(person.send(&path, &[("new", "short"), ("again", "short")]).await.status(), StatusCode::OK);
    person.page(&path, &form).await;
    assert_eq!(person.send(&path, &form).await.status(), StatusCode::NOT_FOUND);
    person.keep(OTHER_PASSWORD);
    path
}

async fn sign_in_and_confirm(person: &mut Person) {
    person.cookie.clear();
    let wrong = [("name", "ada"), ("password", "canary-wrong-password")];
    assert_ne!(person.send("/sign-in", &wrong).await.status(), StatusCode::SEE_OTHER);
    person.keep("canary-wrong-password");
    let asked: Value = person.send("/sign-in/passkey/options", &[]).await.json().await.unwrap();
    let ticket = person.keep(asked["ticket"].as_str().unwrap());
    let refused = person.send("/sign-in/passkey", &[("ticket", &ticket), ("answer", NO_PASSKEY)]).await;
    assert_eq!(refused.status(), StatusCode::UNPROCESSABLE_ENTITY);
    let right = [("name", "ada"), ("password", OTHER_PASSWORD)];
    assert_eq!(person.send("/sign-in", &right).await.status(), StatusCode::SEE_OTHER);
    let former = person.cookie.clone();
    assert_eq!(person.send("/confirm", &[("password", OTHER_PASSWORD)]).await.status(), StatusCode::SEE_OTHER);
    assert_ne!(person.cookie, former);
    let page = person.page("/workstations/password", &[]).await;
    let pass = generated("ghp_", &page);
    person.keep(&pass);
}

/// An authorization code, its tokens, the next ones, and the first ones again, which puts the program out. Gives an access token.
async fn let_a_program_in(person: &mut Person) -> String {
    let challenge = base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(digest(&SHA256, VERIFIER.as_bytes()));
    let asked = [
        ("client_id", CLIENT),
        ("redirect_uri", REDIRECT),
        ("response_type", "code"),
        ("scope", "sql workstation.config"),
        ("state", "canary-state-of-the-program"),
        ("code_challenge", challenge.as_str()),
        ("code_challenge_method", "S256"),
    ];
    let query = serde_urlencoded::to_string(asked).unwrap();
    assert!(person.get(&format!("/oauth/authorize?{query}")).await.contains("asks to act for you"));
    let answer = person.send("/oauth/authorize", &[&asked[..], &[("answer", "allow")]].concat()).await;
    let to = answer.headers()["location"].to_str().unwrap().to_owned();
    let code = form_urlencoded::parse(to.split_once('?').unwrap().1.as_bytes()).find(|(name, _)| name == "code");
    let code = person.keep(&code.unwrap().1);
    for secret in [VERIFIER, "canary-state-of-the-program"] {
        person.keep(secret);
    }
    let exchange = [
        ("grant_type", "authorization_code"),
        ("client_id", CLIENT),
        ("code", code.as_str()),
        ("redirect_uri", REDIRECT),
        ("code_verifier", VERIFIER),
    ];
    let first = person.program("/oauth/token", &exchange).await;
    let [access, refresh] = person.tokens(&first);
    config(person, &access).await;
    let again = [("grant_type", "refresh_token"), ("client_id", CLIENT), ("refresh_token", refresh.as_str())];
    let second = person.program("/oauth/token", &again).await;
    let [second, _] = person.tokens(&second);
    config(person, &second).await;
    assert_eq!(person.program("/oauth/token", &again).await["error"], "invalid_grant");
    access
}

/// The device flow, and its tokens revoked. Gives an access token.
async fn let_a_device_in(person: &mut Person) -> String {
    let begun = person.program("/oauth/device_authorization", &[("client_id", CLIENT), ("scope", "sql")]).await;
    let [device, user] = ["device_code", "user_code"].map(|name| begun[name].as_str().unwrap().to_owned());
    person.keep(&device);
    person.keep(&user);
    let grant = "urn:ietf:params:oauth:grant-type:device_code";
    let poll = [("grant_type", grant), ("client_id", CLIENT), ("device_code", device.as_str())];
    assert_eq!(person.send("/device", &[("user_code", "BCDF-GHJK")]).await.status(), StatusCode::UNPROCESSABLE_ENTITY);
    assert!(person.get(&format!("/device?user_code={user}")).await.contains(&user));
    person.page("/device", &[("user_code", &user)]).await;
    let answer = person.send("/device/answer", &[("user_code", &user), ("answer", "allow")]).await;
    assert_eq!(answer.headers()["location"], "/device/allowed");
    let told = person.program("/oauth/token", &poll).await;
    let [access, refresh] = person.tokens(&told);
    let revoke = person.client.post(format!("{}/oauth/revoke", person.url));
    let revoked = revoke.form(&[("client_id", CLIENT), ("token", &refresh)]).send().await.unwrap();
    assert_eq!(revoked.status(), StatusCode::OK);
    access
}

/// A device by a one-time code, and its next secret.
async fn enrol(person: &mut Person, folder: &Path) {
    let told = said(folder, &["device", "codes", "--account", "ada", "--json"]);
    let told: Value = serde_json::from_str(&told).unwrap();
    let code = person.keep(told[0]["code"].as_str().unwrap_or_else(|| panic!("{told}")));
    let (client, url) = (person.client.clone(), person.url.clone());
    let enrolled = client.post(format!("{url}/api/v1/devices/enrol")).json(&json!({ "code": code, "name": "desk" }));
    let enrolled: Value = enrolled.send().await.unwrap().json().await.unwrap();
    let secret = person.keep(enrolled["secret"].as_str().unwrap());
    let rotated = client.post(format!("{url}/api/v1/devices/rotate")).bearer_auth(&secret).send().await.unwrap();
    let rotated: Value = rotated.json().await.unwrap();
    let next = person.keep(rotated["secret"].as_str().unwrap());
    config(person, &next).await;
}

/// The configuration, with its password.
async fn config(person: &mut Person, bearer: &str) {
    let answer = person.client.get(format!("{}{CONFIG}", person.url)).bearer_auth(bearer).send().await.unwrap();
    let document: Value = answer.json().await.unwrap();
    person.keep(document["pass"]["password"].as_str().unwrap_or_else(|| panic!("{document}")));
}

/// The other protocol, whose library has a log of its own.
async fn over_http2(person: &Person, folder: &Path, [link, bearer, other]: &[&String; 3]) {
    let authority = folder.join("data/authority.pem");
    let common = ["--http2", "--cacert", authority.to_str().unwrap(), "--write-out", "%{http_version} %{http_code}"];
    for (path, field, status) in [
        (link.as_str(), format!("cookie: {}", person.cookie), "404"),
        ("/account", format!("cookie: {}", person.cookie), "200"),
        (CONFIG, format!("authorization: Bearer {bearer}"), "401"),
        (CONFIG, format!("authorization: Bearer {other}"), "401"),
    ] {
        let url = format!("{}{path}", person.url);
        let output = curl(&[&common[..], &["--header", "accept: text/html", "--header", &field, &url]].concat()).await;
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(text.ends_with(&format!("2 {status}")), "{path}: {text}{}", String::from_utf8_lossy(&output.stderr));
    }
}

/// The first secret of this kind in a text.
fn generated(kind: &str, text: &str) -> String {
    let from = text.find(kind).unwrap_or_else(|| panic!("no {kind} in {text}"));
    text[from..].chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').collect()
}

fn hidden<'a>(page: &'a str, name: &str) -> &'a str {
    let field = format!("name=\"{name}\" value=\"");
    page.split_once(&field).unwrap_or_else(|| panic!("no {name} in {page}")).1.split('"').next().unwrap()
}

fn said(folder: &Path, arguments: &[&str]) -> String {
    let output = ask(folder, &[&["admin"], arguments].concat(), "");
    assert_eq!(output.status.code(), Some(0), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

fn trusting(authority: &[u8]) -> Client {
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let root = reqwest::Certificate::from_pem(authority).unwrap();
    let client = Client::builder().tls_built_in_root_certs(false).add_root_certificate(root);
    client.redirect(reqwest::redirect::Policy::none()).build().unwrap()
}
