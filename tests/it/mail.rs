//! A forgotten password by mail, with a real mail server: what its owner gets, and that nobody else learns anything.

use std::net::IpAddr;
use std::time::Duration;

use axum::body::Body;
use axum::http::{Request, StatusCode, header};
use gatehouse::audit::Actor;
use gatehouse::config::Mail;
use gatehouse::domain::Role;
use gatehouse::identity::{self, Alteration, Forgotten, NewAccount};
use gatehouse::notify::Mailer;
use gatehouse::platform::{SystemClock, Tasks};

use crate::support::house::{Closed, House, OTHER_PASSWORD, PASSWORD, name};
use crate::support::pages::{self, Answer, Pages, Tab};
use crate::support::post_office::{self, Manner, PostOffice};

const FORGOTTEN: &str = "/forgotten";

/// A house whose pages send mail by these settings. `ada` is a member with a mail address.
pub struct Post {
    pub house: House,
    pub pages: Pages,
    tasks: Stopped,
}

/// Tasks that are told to stop when the test ends, however it ends.
struct Stopped(Tasks);

impl Drop for Stopped {
    fn drop(&mut self) {
        self.0.stop();
    }
}

impl Post {
    pub async fn by(settings: Mail) -> Self {
        let house = House::build_with(|config| config.mail = settings);
        house.account("root", Role::Administrator).await;
        house.member("ada").await;
        house.mail("ada", "ada@corp.example").await;
        Self::of(house).await
    }

    async fn of(house: House) -> Self {
        let mailer = Mailer::open(&house.config, house.clock.clone()).unwrap();
        let tasks = Stopped(Tasks::new());
        let place = identity::Place { appliance: "Contoso".to_owned(), host: "sql.corp.example".to_owned() };
        let forgotten = Forgotten::open(house.identity().clone(), mailer, place, tasks.0.clone()).unwrap();
        let mut parts = pages::parts(&house).await;
        parts.forgotten = Some(forgotten);
        Self { pages: Pages::of(parts), house, tasks }
    }

    /// Stops, lets what is on its way come to its end, and closes the house.
    pub async fn close(self) -> Closed {
        let Self { house, pages, tasks } = self;
        drop(pages);
        tasks.0.drain(&*SystemClock::new(), Duration::from_secs(60)).await.unwrap();
        house.close()
    }

    /// A house whose pages send mail by these settings from now on.
    pub async fn again(mut closed: Closed, settings: Mail) -> Self {
        closed.config.mail = settings;
        Self::of(closed.open()).await
    }

    pub async fn ask(&self, who: &str) -> Answer {
        self.pages.browser().post(FORGOTTEN, &[("name", who)]).await
    }

    pub async fn ask_from(&self, who: &str, peer: [u8; 4]) -> Answer {
        let mut tab = self.pages.browser();
        tab.peer = IpAddr::from(peer);
        tab.post(FORGOTTEN, &[("name", who)]).await
    }

    /// How each request ended, once the record has so many: the account, the outcome, and why.
    pub async fn recorded(&self, count: usize) -> Vec<(String, String, String)> {
        for _ in 0..3000 {
            let entries = self.house.audited();
            let about = entries.iter().filter(|entry| entry["action"] == "account.reset-mail");
            let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
            let whom = |entry: &serde_json::Value| match entry["subject"].as_str() {
                Some(subject) => subject.to_owned(),
                None => text(&entry["actor"]["claimed"]),
            };
            let found: Vec<_> =
                about.map(|entry| (whom(entry), text(&entry["outcome"]), text(&entry["reason"]))).collect();
            if found.len() >= count {
                assert_eq!(found.len(), count, "{found:?}");
                return found;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("no {count} entries: {:?}", self.house.audited_actions());
    }
}

/// The path of the link in a mail.
pub fn link(mail: &str) -> String {
    let text = post_office::text(mail);
    let rest = text.split_once("https://sql.corp.example/reset/").unwrap_or_else(|| panic!("no link in {text}")).1;
    format!("/reset/{}", rest.split_whitespace().next().unwrap())
}

async fn set(tab: &mut Tab, link: &str, password: &str) -> StatusCode {
    tab.post(link, &[("new", password), ("again", password)]).await.status
}

/// Everything about an answer but the id of its request.
fn told(answer: &Answer) -> (StatusCode, Vec<(String, String)>, String) {
    let id = answer.header("x-request-id").to_owned();
    assert!(!id.is_empty());
    let mut fields: Vec<_> = answer.headers.iter().filter(|(name, _)| *name != "x-request-id").collect();
    fields.sort_by_key(|(name, _)| name.as_str());
    let fields = fields.iter().map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned())).collect();
    (answer.status, fields, answer.text().replace(&id, ""))
}

#[tokio::test]
async fn a_person_who_forgot_gets_a_link_by_mail_and_signs_in_with_the_new_password() {
    let office = PostOffice::open(Manner::default());
    let post = Post::by(office.settings()).await;
    let form = post.pages.browser().get(FORGOTTEN).await;
    assert!(form.text().contains("action=\"/forgotten\"") && form.text().contains("<label for=\"name\">"));
    let answer = post.ask("  ADA ").await;
    assert!(answer.status == StatusCode::OK && answer.text().contains("role=\"status\""), "{}", answer.text());
    let mail = office.after(1).await.remove(0);
    post.recorded(1).await;
    let entries = post.house.audited().into_iter().filter(|entry| entry["action"] == "account.reset-mail");
    assert!(entries.map(|entry| entry["request"].clone()).all(|request| request == answer.header("x-request-id")));
    for line in ["From: gatehouse@corp.example", "To: ada@corp.example", "Auto-Submitted: auto-generated"] {
        assert!(mail.contains(line), "{line}\n{mail}");
    }
    let text = post_office::text(&mail);
    for part in ["the account ada at Contoso", "192.0.2.10", "2027-03-01T08:00:00", "If it was not you"] {
        assert!(text.contains(part), "{part}\n{text}");
    }
    let (path, mut tab) = (link(&mail), post.pages.browser());
    assert!(tab.get(&path).await.text().contains("value=\"ada\""));
    assert_eq!(set(&mut tab, &path, OTHER_PASSWORD).await, StatusCode::OK);
    assert_eq!(set(&mut tab, &path, PASSWORD).await, StatusCode::NOT_FOUND, "it counts once");
    assert!(tab.cookie.is_none(), "it signs nobody in");
    let house = &post.house;
    assert!(house.sign_in("ada", OTHER_PASSWORD).await.is_ok() && house.sign_in("ada", PASSWORD).await.is_err());
}

#[tokio::test]
async fn nobody_learns_from_the_answer_whether_there_is_such_an_account() {
    let office = PostOffice::open(Manner::default());
    let post = Post::by(office.settings()).await;
    let house = &post.house;
    for who in ["off", "without"] {
        house.member(who).await;
    }
    let off = house.identity().account("off").unwrap().id;
    house.identity().alter_account(&Actor::Console, off, Alteration::Disable).await.unwrap();
    house.mail("off", "off@corp.example").await;
    let new = NewAccount { mail: Some("only@corp.example".parse().unwrap()), ..NewAccount::member(name("only")) };
    house.identity().add_account(&Actor::Console, new).await.unwrap();
    let known = told(&post.ask_from("ada", [192, 0, 2, 1]).await);
    assert_eq!(known.0, StatusCode::OK);
    for (at, who) in
        ["nobody", "off", "without", "only", "", "ada@corp.example", "x\r\nBcc: eve@corp.example"].iter().enumerate()
    {
        let peer = [192, 0, 2, u8::try_from(at).unwrap() + 2];
        assert_eq!(told(&post.ask_from(who, peer).await), known, "{who:?}");
    }
    let mut recorded = post.recorded(8).await;
    recorded.sort();
    let of = |who: &str| recorded.iter().find(|(whom, ..)| whom == who).map(|(_, outcome, why)| (&**outcome, &**why));
    assert_eq!(of("ada"), Some(("done", "")));
    assert_eq!(of("nobody"), Some(("refused", "no-such-account")));
    assert_eq!(of("off"), Some(("refused", "account-not-active")));
    assert_eq!(of("without"), Some(("refused", "the account has no mail address")));
    assert_eq!(of("only"), Some(("refused", "the account has no password")));
    assert_eq!(of("ada@corp.example"), Some(("refused", "no-such-account")), "names alone are taken");
    office.after(1).await;
}

#[tokio::test]
async fn whoever_asks_too_often_waits_whatever_the_name() {
    let office = PostOffice::open(Manner::default());
    let post = Post::by(office.settings()).await;
    let (mut known, mut unknown) = (Vec::new(), Vec::new());
    for _ in 0..8 {
        known.push(told(&post.ask_from("ada", [192, 0, 2, 1]).await));
        unknown.push(told(&post.ask_from("eve", [192, 0, 2, 2]).await));
    }
    assert_eq!(known, unknown);
    assert_eq!((known[0].0, known[7].0), (StatusCode::OK, StatusCode::TOO_MANY_REQUESTS));
    let mut last = StatusCode::OK;
    for at in 0..100 {
        last = post.ask_from(&format!("name {at}"), [192, 0, 2, 3]).await.status;
    }
    assert_eq!(last, StatusCode::TOO_MANY_REQUESTS, "one address asks for many names");
}

#[tokio::test]
async fn others_cannot_fill_a_mailbox_or_spoil_a_link_that_somebody_has() {
    let office = PostOffice::open(Manner::default());
    let post = Post::by(office.settings()).await;
    let ada = post.house.identity().account("ada").unwrap().id;
    let (by_hand, _) = post.house.identity().issue_reset_link(&Actor::Console, ada).await.unwrap();
    post.ask_from("ada", [192, 0, 2, 1]).await;
    let first = link(&office.after(1).await[0]);
    for at in 2..6 {
        post.ask_from("ada", [192, 0, 2, at]).await;
    }
    let refused = post.recorded(5).await.into_iter().filter(|(_, outcome, _)| outcome == "refused");
    assert_eq!(refused.map(|(.., why)| why).collect::<Vec<_>>(), ["enough were sent within the hour"; 2]);
    let mails = office.after(3).await;
    for path in [&first, &format!("/reset/{}", by_hand.expose())] {
        assert_eq!(post.pages.browser().get(path).await.status, StatusCode::OK);
    }
    // The one that is used ends all of them, and the hour makes room for others.
    assert_eq!(set(&mut post.pages.browser(), &first, OTHER_PASSWORD).await, StatusCode::OK);
    for mail in &mails {
        assert_eq!(post.pages.browser().get(&link(mail)).await.status, StatusCode::NOT_FOUND);
    }
    post.ask_from("ada", [192, 0, 2, 9]).await;
    let mails = office.after(4).await;
    post.house.wait(3600);
    for mail in &mails {
        assert_eq!(post.pages.browser().get(&link(mail)).await.status, StatusCode::NOT_FOUND);
    }
}

#[tokio::test]
async fn another_mail_address_ends_links_that_were_sent_to_the_former_one_and_no_session() {
    let office = PostOffice::open(Manner::default());
    let post = Post::by(office.settings()).await;
    let mut tab = post.pages.signed_in(&post.house, "ada").await;
    post.ask("ada").await;
    let path = link(&office.after(1).await[0]);
    assert_eq!(post.pages.browser().get(&path).await.status, StatusCode::OK);
    post.house.mail("ada", "lovelace@corp.example").await;
    assert_eq!(post.pages.browser().get(&path).await.status, StatusCode::NOT_FOUND);
    let account = tab.get("/account").await;
    assert!(account.status == StatusCode::OK && account.text().contains("lovelace@corp.example"));
    let entry = post.house.audited().into_iter().rfind(|entry| entry["action"] == "account.mail").unwrap();
    assert!(entry["details"]["address"] == "set" && !entry.to_string().contains("corp.example"), "{entry}");
}

#[tokio::test]
async fn what_a_request_says_of_its_host_gets_into_no_mail() {
    let office = PostOffice::open(Manner::default());
    let post = Post::by(office.settings()).await;
    let request = Request::post("https://evil.example/forgotten")
        .header(header::HOST, "evil.example")
        .header("x-forwarded-host", "evil.example")
        .header("forwarded", "host=evil.example")
        .header(header::USER_AGENT, "evil.example")
        .header(header::ACCEPT, "text/html")
        .header("sec-fetch-site", "same-origin")
        .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
    let answer = post.pages.browser().ask(request.body(Body::from("name=ada")).unwrap()).await;
    assert_eq!(answer.status, StatusCode::OK);
    let mail = office.after(1).await.remove(0);
    assert!(!mail.contains("evil") && link(&mail).starts_with("/reset/ghl_"), "{mail}");
}

#[tokio::test]
async fn a_link_by_mail_is_no_way_around_an_administrators_second_factor() {
    let office = PostOffice::open(Manner::default());
    let post = Post::by(office.settings()).await;
    post.house.mail("root", "root@corp.example").await;
    post.pages.signed_in(&post.house, "root").await;
    post.ask("root").await;
    let path = link(&office.after(1).await[0]);
    assert_eq!(set(&mut post.pages.browser(), &path, OTHER_PASSWORD).await, StatusCode::OK);
    let mut tab = post.pages.browser();
    let page = tab.post("/sign-in", &[("name", "root"), ("password", OTHER_PASSWORD)]).await;
    assert!(tab.cookie.is_none() && page.text().contains("action=\"/sign-in/code\""), "{}", page.text());
}

#[tokio::test]
async fn without_a_mail_server_the_page_says_whom_to_ask_and_takes_nothing() {
    let house = House::build();
    house.member("ada").await;
    let pages = Pages::open(&house).await;
    let page = pages.browser().get(FORGOTTEN).await;
    assert!(page.text().contains("gatehouse admin account reset-link") && !page.text().contains("<input"));
    assert_eq!(pages.browser().post(FORGOTTEN, &[("name", "ada")]).await.status, StatusCode::NOT_FOUND);
}
