//! Set-up in a browser: from the code to a database that somebody may use.

use axum::http::StatusCode;
use gatehouse::app::Appliance;
use gatehouse::audit::Actor;
use gatehouse::config::Config;
use gatehouse::domain::{AccessLevel, Role, Secret};
use gatehouse::identity::web::Origin;
use gatehouse::platform::{Clock as _, SystemClock, Tasks};
use gatehouse::sample::{Sample, SampleOptions};

use crate::support::app::App;
use crate::support::appliance::{connect, scalar};
use crate::support::browser::Browser;
use crate::support::house::{HERE, House, OTHER_PASSWORD, PASSWORD};
use crate::support::pages::{Answer, Pages, Tab};
use crate::support::ports;
use crate::support::program::Process;

const SQL_PASSWORD: &str = "Nobody-sees-this-1";

async fn sample(tasks: &Tasks) -> Sample {
    let secret = |text: &str| Secret::new(text);
    let options = SampleOptions::new(secret("Administers-it-1"), secret(SQL_PASSWORD), secret("Another-one-1"));
    Sample::start(options, tasks, SystemClock::new()).await.unwrap()
}

async fn code_of(house: &House) -> String {
    house.identity().new_set_up_code(&Actor::Appliance).await.unwrap().code.expose().to_owned()
}

/// The page with the second factor, for a name.
async fn to_factor(tab: &mut Tab, code: &str, name: &str) -> Answer {
    let page = tab.post("/setup/code", &[("code", code)]).await;
    assert_eq!(page.status, StatusCode::OK, "{}", page.text());
    let code = page.hidden("code");
    let fields = [("code", code.as_str()), ("name", name), ("password", PASSWORD), ("again", PASSWORD)];
    let page = tab.post("/setup/administrator", &fields).await;
    assert_eq!(page.status, StatusCode::OK, "{}", page.text());
    page
}

/// What an app shows that was set up with the secret on this page.
fn app_of(page: &Answer) -> App {
    let typed = page.text().split_once("into the app: <code>").unwrap().1.split_once("</code>").unwrap().0;
    App::typed(&Secret::new(typed.replace(' ', "")))
}

/// Through the first step, as `root`.
async fn administrator(house: &House, pages: &Pages) -> Tab {
    let mut tab = pages.browser();
    let page = to_factor(&mut tab, &code_of(house).await, "root").await;
    let (ticket, code) = (page.hidden("ticket"), app_of(&page).code(house.now()));
    let done = tab.post("/setup/factor", &[("ticket", &ticket), ("code", &code)]).await;
    assert_eq!(done.status, StatusCode::OK, "{}", done.text());
    tab
}

#[tokio::test]
async fn an_appliance_in_set_up_answers_with_its_set_up_page_and_nothing_else() {
    let house = House::build();
    let pages = Pages::in_set_up(&house).await;
    let mut tab = pages.browser();
    for path in ["/", "/setup/server"] {
        assert_eq!(tab.get(path).await.leads_to(), "/setup", "{path}");
    }
    assert!(tab.get("/setup").await.text().contains("set-up code"));
    for path in ["/trust/", "/healthz/ready", "/assets/gatehouse.css"] {
        assert_eq!(tab.get(path).await.status, StatusCode::OK, "{path}");
    }
    let refused = pages.program("ght_x").get("/").await;
    assert_eq!(refused.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(refused.header("content-type"), "application/problem+json");
}

#[tokio::test]
async fn the_administrator_is_made_by_whoever_has_the_code_and_gives_a_second_factor() {
    let house = House::build();
    let pages = Pages::in_set_up(&house).await;
    let mut tab = pages.browser();
    let code = code_of(&house).await;

    let wrong = tab.post("/setup/code", &[("code", "wrong")]).await;
    assert_eq!(wrong.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(wrong.text().contains("gatehouse setup-code"), "it says what to do: {}", wrong.text());
    let typed = [("code", code.as_str()), ("name", "root"), ("password", PASSWORD), ("again", "another one entirely")];
    let differ = tab.post("/setup/administrator", &typed).await;
    assert_eq!(differ.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(differ.text().contains("not the same") && differ.text().contains("value=\"root\""));
    assert!(!differ.text().contains(PASSWORD), "a password is never sent back");
    let short = [("code", code.as_str()), ("name", "root"), ("password", "short"), ("again", "short")];
    assert_eq!(tab.post("/setup/administrator", &short).await.status, StatusCode::UNPROCESSABLE_ENTITY);

    let page = to_factor(&mut tab, &code, "root").await;
    let (ticket, app) = (page.hidden("ticket"), app_of(&page));
    let wrong = tab.post("/setup/factor", &[("ticket", &ticket), ("code", "000000")]).await;
    assert_eq!(wrong.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(wrong.hidden("ticket"), ticket, "the same page again");
    let later = tab.post("/setup/factor", &[("ticket", &ticket), ("later", "yes")]).await;
    assert_eq!(later.status, StatusCode::UNPROCESSABLE_ENTITY, "administrators have a second factor");
    assert!(house.identity().in_set_up() && tab.cookie.is_none());
    let done = tab.post("/setup/factor", &[("ticket", &ticket), ("code", &app.code(house.now()))]).await;
    assert_eq!(done.text().matches("<li>").count(), 10, "recovery codes: {}", done.text());
    assert_eq!(house.identity().account("root").unwrap().role, Role::Administrator);
    assert_eq!(tab.get("/setup/server").await.status, StatusCode::OK, "signed in at once");
}

#[tokio::test]
async fn of_two_browsers_one_wins_and_the_other_is_told() {
    let house = House::build();
    let pages = Pages::in_set_up(&house).await;
    let (mut one, mut two) = (pages.browser(), pages.browser());
    let code = code_of(&house).await;
    let (first, second) = (to_factor(&mut one, &code, "one").await, to_factor(&mut two, &code, "two").await);
    let finish = |page: &Answer| (page.hidden("ticket"), app_of(page).code(house.now()));
    let (ticket, shown) = finish(&first);
    let done = one.post("/setup/factor", &[("ticket", &ticket), ("code", &shown)]).await;
    assert_eq!(done.status, StatusCode::OK);
    let (ticket, shown) = finish(&second);
    let late = two.post("/setup/factor", &[("ticket", &ticket), ("code", &shown)]).await;
    assert_eq!(late.status, StatusCode::CONFLICT);
    assert!(late.text().contains("set up already") && two.cookie.is_none());
    assert_eq!(two.get("/setup").await.leads_to(), "/sign-in");
}

#[tokio::test]
async fn the_later_steps_are_the_administrators() {
    let house = House::build();
    let pages = Pages::in_set_up(&house).await;
    administrator(&house, &pages).await;
    house.member("ada").await;
    for path in ["/setup/name", "/setup/server", "/setup/database", "/setup/workstations"] {
        assert_eq!(pages.browser().get(path).await.leads_to(), format!("/sign-in?next={}", path.replace('/', "%2F")));
        assert_eq!(pages.signed_in(&house, "ada").await.get(path).await.status, StatusCode::FORBIDDEN, "{path}");
    }
}

#[tokio::test]
async fn a_server_that_cannot_be_reached_or_believed_is_told_exactly_and_one_that_is_believed_is_kept() {
    let house = House::build();
    let (pages, tasks) = (Pages::in_set_up(&house).await, Tasks::new());
    let server = sample(&tasks).await;
    let mut tab = administrator(&house, &pages).await;
    let closed = ports::own().to_string();
    let down = tab.post("/setup/server", &[("host", "127.0.0.1"), ("port", &closed)]).await;
    assert_eq!(down.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(down.text().contains("refused"), "the exact failure: {}", down.text());
    for (host, port) in [("not a host", "1433"), ("127.0.0.1", "0"), ("127.0.0.1", "x")] {
        let wrong = tab.post("/setup/server", &[("host", host), ("port", port)]).await;
        assert_eq!(wrong.status, StatusCode::UNPROCESSABLE_ENTITY, "{host} {port}");
    }

    let port = server.address().port().to_string();
    let place = [("host", "127.0.0.1"), ("port", port.as_str())];
    let met = tab.post("/setup/server", &place).await;
    assert!(met.text().contains("not believed as it is"), "{}", met.text());
    assert!(house.state.estate.servers().unwrap().is_empty(), "looking keeps nothing");
    let seen = met.hidden("seen");
    let other = [&place[..], &[("name", "erp"), ("believe", "pin"), ("seen", "00")]].concat();
    let other = tab.post("/setup/server", &other).await;
    assert_eq!(other.status, StatusCode::UNPROCESSABLE_ENTITY, "only what was looked at is believed");
    let system = [&place[..], &[("name", "erp"), ("believe", "everything"), ("seen", seen.as_str())]].concat();
    assert_eq!(tab.post("/setup/server", &system).await.status, StatusCode::BAD_REQUEST);
    let pin = [&place[..], &[("name", "erp"), ("believe", "pin"), ("seen", seen.as_str())]].concat();
    assert_eq!(tab.post("/setup/server", &pin).await.leads_to(), "/setup/database");
    assert_eq!(house.state.estate.servers().unwrap().len(), 1);
    assert_eq!(tab.post("/setup/server", &pin).await.status, StatusCode::UNPROCESSABLE_ENTITY, "the name is taken");

    let fields = |password: &'static str, account: &'static str| {
        [
            ("server", "erp"),
            ("alias", "trade"),
            ("name", "Nordwind"),
            ("login", "nordwind_app"),
            ("password", password),
            ("account", account),
            ("access", "write"),
        ]
    };
    let refused = tab.post("/setup/database", &fields("Not-the-password-1", "ada")).await;
    assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(refused.text().contains("18456") && !refused.text().contains("Not-the-password"), "{}", refused.text());
    let granted = tab.post("/setup/database", &fields(SQL_PASSWORD, "ada")).await;
    assert_eq!(granted.status, StatusCode::OK, "what the first try made is found: {}", granted.text());
    assert!(granted.text().contains("https://sql.corp.example/reset/ghl_"), "{}", granted.text());
    let grants = house.state.estate.grants().unwrap();
    assert_eq!((grants.len(), grants[0].access), (1, AccessLevel::Write));
    let again = tab.post("/setup/database", &fields(SQL_PASSWORD, "nobody at all; or")).await;
    assert_eq!(again.status, StatusCode::UNPROCESSABLE_ENTITY);
    let last = tab.get("/setup/workstations").await;
    assert!(last.text().contains("https://sql.corp.example/") && last.text().contains("data:image/svg+xml"));
    assert!(last.text().contains("_gatehouse._tcp.corp.example. "), "{}", last.text());
    tasks.stop();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_person_sets_the_appliance_up_in_a_browser() {
    all_the_way(true).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_person_sets_the_appliance_up_in_a_browser_without_scripts() {
    all_the_way(false).await;
}

/// A person's way over the appliance's real door.
async fn all_the_way(scripts: bool) {
    let folder = tempfile::tempdir().unwrap();
    let config = Config::for_tests(&folder.path().join("data"));
    let clock = SystemClock::new();
    let appliance = Appliance::start(&config, clock.clone(), None).await.unwrap();
    let tasks = Tasks::new();
    let server = sample(&tasks).await;
    let note = std::fs::read_to_string(folder.path().join("data/setup-code")).unwrap();
    let code = note.split_whitespace().last().unwrap();

    let authority = appliance.authority_pem();
    let browser =
        if scripts { Browser::trusting(&[&authority]).await } else { Browser::without_scripts(&[&authority]).await };
    let url = format!("https://localhost:{}/", appliance.https_addresses()[0].port());
    browser.goto(&url).await.unwrap();
    browser.fill(&[("code", code)], "Go on").await;
    browser.picture("set-up-administrator").await;
    browser.fill(&[("name", "root"), ("password", PASSWORD), ("again", PASSWORD)], "Go on").await;
    browser.picture("set-up-factor").await;
    let page = browser.text().await;
    let typed = page.split_once("type it into the app: ").unwrap().1.lines().next().unwrap();
    let app = App::typed(&Secret::new(typed.replace(' ', "")));
    browser.fill(&[("code", &app.code(clock.now()))], "Go on").await;
    assert!(browser.text().await.contains("has its administrator"), "{}", browser.text().await);
    browser.picture("set-up-recovery").await;
    browser.follow("Go on").await;
    browser.picture("set-up-name").await;
    browser.follow("Go on with the SQL Server").await;
    let port = server.address().port().to_string();
    browser.fill(&[("host", "127.0.0.1"), ("port", &port)], "Look at it").await;
    browser.picture("set-up-server").await;
    browser.fill(&[("name", "erp")], "Believe exactly this certificate").await;
    let fields = [
        ("alias", "trade"),
        ("name", "Nordwind"),
        ("login", "nordwind_app"),
        ("password", SQL_PASSWORD),
        ("account", "ada"),
    ];
    browser.picture("set-up-database").await;
    browser.fill(&fields, "Grant it").await;
    let granted = browser.text().await;
    assert!(granted.contains("ada may use trade"), "{granted}");
    let link = granted.split_once("/reset/").unwrap().1.split_whitespace().next().unwrap();
    browser.follow("Go on").await;
    assert!(browser.text().await.contains(&url), "{}", browser.text().await);
    browser.picture("set-up-workstations").await;
    browser.resize(340, 1400).await;
    browser.picture("set-up-workstations-narrow").await;

    assert!(!folder.path().join("data/setup-code").exists(), "the note is gone");
    // What the person got is enough: the link makes a password, and the password opens the database.
    let identity = &appliance.state().identity;
    identity.reset_password(&Secret::new(link), Secret::new(OTHER_PASSWORD), &Origin::new(HERE, "")).await.unwrap();
    let (gate, authority) = (appliance.https_addresses()[0], folder.path().join("data/authority.pem"));
    let mut client = connect(gate, &authority, ["ada", OTHER_PASSWORD, "trade"]).await.unwrap();
    assert_eq!(scalar(&mut client, "SELECT DB_NAME()").await.unwrap(), "Nordwind");
    browser.close().await;
    appliance.stop().await;
    tasks.stop();
}

/// A client that trusts this authority alone, and finds `gate.corp.example` here.
fn trusting(authority: &[u8]) -> reqwest::Client {
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let root = reqwest::Certificate::from_pem(authority).unwrap();
    let client = reqwest::Client::builder().tls_built_in_root_certs(false).add_root_certificate(root);
    client.resolve("gate.corp.example", "127.0.0.1:0".parse().unwrap()).build().unwrap()
}

/// Sends a form as a page of the appliance would; the cookie that came back, and the page.
async fn send(client: &reqwest::Client, url: &str, cookie: &str, fields: &[(&str, &str)]) -> (Option<String>, String) {
    let form = client.post(url).header("sec-fetch-site", "same-origin").header("cookie", cookie).form(fields);
    let answer = form.send().await.unwrap();
    let set = answer.headers().get("set-cookie").map(|value| value.to_str().unwrap());
    let set = set.map(|value| value.split(';').next().unwrap().to_owned());
    (set, answer.text().await.unwrap())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_chosen_about_names_is_taken_over_by_a_new_start_within_the_process() {
    let folder = tempfile::tempdir().unwrap();
    let process = Process::start(folder.path(), &[]);
    let authority = std::fs::read(folder.path().join("data/authority.pem")).unwrap();
    let client = trusting(&authority);

    let note = std::fs::read_to_string(folder.path().join("data/setup-code")).unwrap();
    let code = note.split_whitespace().last().unwrap();
    let url = format!("https://localhost:{}", process.https.port());
    let fields = [("code", code), ("name", "root"), ("password", PASSWORD), ("again", PASSWORD)];
    let (_, page) = send(&client, &format!("{url}/setup/administrator"), "", &fields).await;
    let ticket = page.split_once("name=\"ticket\" value=\"").unwrap().1.split('"').next().unwrap();
    let typed = page.split_once("into the app: <code>").unwrap().1.split_once("</code>").unwrap().0;
    let shown = App::typed(&Secret::new(typed.replace(' ', ""))).code(SystemClock::new().now());
    let (cookie, _) = send(&client, &format!("{url}/setup/factor"), "", &[("ticket", ticket), ("code", &shown)]).await;
    let cookie = cookie.unwrap();

    // What a flag fixes is not for the page; what no certificate can carry is refused, and nothing happens.
    let page = format!("{url}/setup/name");
    let (_, refused) = send(&client, &page, &cookie, &[("names", "not/a/host")]).await;
    assert!(refused.contains("neither a DNS name nor an address"), "{refused}");
    let names = [("name", "Köln"), ("names", "gate.corp.example localhost")];
    let (_, refused) = send(&client, &page, &cookie, &names).await;
    assert!(refused.contains("may not sign for gate.corp.example"), "{refused}");
    let (_, taken) = send(&client, &page, &cookie, &[&names[..], &[("new_authority", "yes")]].concat()).await;
    assert!(taken.contains("starts anew"), "{taken}");

    let port = process.ready_again(2).port();
    let renewed = std::fs::read(folder.path().join("data/authority.pem")).unwrap();
    assert_ne!(renewed, authority);
    let client = trusting(&renewed);
    for host in ["gate.corp.example", "localhost"] {
        let url = format!("https://{host}:{port}/setup/name");
        let page = client.get(&url).header("cookie", &cookie).header("accept", "text/html").send().await.unwrap();
        assert_eq!(page.status(), 200, "the sign-in has outlived the new start");
        assert!(page.text().await.unwrap().contains("Köln"));
    }
    let elsewhere = client.get(format!("https://127.0.0.1:{port}/")).send().await;
    assert!(elsewhere.is_err(), "the certificate is for the chosen names alone");

    let chosen = folder.path().join("data/chosen.toml");
    assert!(std::fs::read_to_string(&chosen).unwrap().contains("gate.corp.example"));
    process.signal(rustix::process::Signal::TERM);
    assert_eq!(process.ended().code(), Some(0));
}
