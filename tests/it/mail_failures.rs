//! Mail that cannot be sent: the person is told nothing of it, the administrator everything, and no secret gets out.

use std::path::Path;
use std::time::Duration;

use axum::http::StatusCode;
use gatehouse::admin::{AdminRequest, AdminResponse, MailRequest};
use gatehouse::audit::Actor;
use gatehouse::config::{Config, Encryption, Mail};
use gatehouse::domain::Role;
use gatehouse::notify::{Mailer, unusable_files};

use crate::canary::traces::{find, find_in_files};
use crate::mail::Post;
use crate::support::house::House;
use crate::support::ports;
use crate::support::post_office::{self, Manner, PostOffice};
use crate::support::program::{Process, ask};

/// What an administrator is told who tries it.
async fn tried(house: &House, mail: &Mail) -> String {
    let config = Config { mail: mail.clone(), ..house.config.clone() };
    let admin = house.admin(None).with_mailer(Mailer::open(&config, house.clock.clone()));
    let request = AdminRequest::Mail(MailRequest::Test("root@corp.example".parse().unwrap()));
    match admin.handle(&Actor::Console, request).await {
        Ok(AdminResponse::Mail(view)) => format!("taken by {}", view.server),
        Ok(other) => panic!("{other:?}"),
        Err(error) => error.to_string(),
    }
}

#[tokio::test]
async fn an_administrator_who_tries_mail_is_told_what_exactly_fails() {
    let house = House::build();
    let office = PostOffice::open(Manner::default());
    let right = office.settings();
    assert_eq!(tried(&house, &right).await, format!("taken by localhost:{}", right.port));
    assert!(office.after(1).await[0].contains("To: root@corp.example"));
    let free = ports::own();
    let wrong_password = house.folder.path().join("wrong");
    gatehouse::platform::files::write_private(&wrong_password, b"not that one").unwrap();
    let in_clear = PostOffice::open(Manner { encryption: Encryption::None, ..Manner::default() });
    let strangers = PostOffice::open(Manner { name: "mail.elsewhere.example", ..Manner::default() });
    let open = PostOffice::open(Manner { sign_in: false, ..Manner::default() });
    let full = PostOffice::open(Manner { recipients: "452 no room for canary-said", ..Manner::default() });
    let strict = PostOffice::open(Manner { recipients: "550 never heard of canary-said", ..Manner::default() });
    let with = |change: &dyn Fn(&mut Mail)| {
        let mut mail = right.clone();
        change(&mut mail);
        mail
    };
    for (mail, said) in [
        (Mail::default(), "no mail server is configured"),
        (with(&|mail| mail.host = Some("mail.invalid".to_owned())), "the name of the mail server is not found"),
        (with(&|mail| mail.port = free.into()), "cannot be reached"),
        (with(&|mail| mail.root_file = Some(strangers.root())), "no TLS with the mail server"),
        (strangers.settings(), "not valid for name"),
        (with(&|mail| mail.root_file = None), "no TLS with the mail server"),
        (with(&|mail| mail.encryption = Encryption::Tls), "no TLS with the mail server"),
        (Mail { encryption: Encryption::StartTls, ..in_clear.settings() }, "offers no STARTTLS"),
        (with(&|mail| mail.password_file = Some(wrong_password.clone())), "refused the sign-in (535)"),
        (with(&|mail| mail.user = Some("somebody".to_owned())), "refused the sign-in (535)"),
        (
            with(&|mail| mail.password_file = Some("/no/such/file".into())),
            "/no/such/file, which `mail.password_file` names",
        ),
        (with(&|mail| mail.root_file = Some(wrong_password.clone())), "`mail.root_file` names, cannot be used"),
        (
            Mail { user: right.user.clone(), password_file: right.password_file.clone(), ..open.settings() },
            "offers no sign-in by password",
        ),
        (with(&|mail| (mail.user, mail.password_file) = (None, None)), "refused the mail (530)"),
        (full.settings(), "refused the mail (452); it said: no room for canary-said"),
        (strict.settings(), "refused the mail (550); it said: never heard of canary-said"),
    ] {
        let told = tried(&house, &mail).await;
        assert!(told.contains(said), "{said}: {told}");
    }
    for office in [&office, &in_clear, &strangers, &open, &full, &strict] {
        assert!(office.mails().len() <= 1, "nothing was sent by all that");
    }
    // A server whose certificate is wrong hears of no sign-in and of no mail.
    let heard = strangers.log();
    assert!(heard.contains("STARTTLS") && !heard.contains(">> b'AUTH") && !heard.contains("MAIL FROM"), "{heard}");
    let entries = house.audited();
    let tests: Vec<_> = entries.iter().filter(|entry| entry["action"] == "mail.test").collect();
    assert_eq!(tests.iter().filter(|entry| entry["outcome"] == "done").count(), 1);
    assert_eq!(tests.iter().filter(|entry| entry["outcome"] == "failed").count(), 15);
    let all = format!("{entries:?}");
    assert!(!all.contains("root@corp.example") && !all.contains("canary"), "{all}");
}

#[tokio::test]
async fn mail_goes_by_tls_from_the_first_byte_and_in_clear_on_this_machine() {
    let house = House::build();
    for encryption in [Encryption::Tls, Encryption::None] {
        let office = PostOffice::open(Manner { encryption, ..Manner::default() });
        assert!(tried(&house, &office.settings()).await.starts_with("taken by"));
        office.after(1).await;
    }
    let office = PostOffice::open(Manner { sign_in: false, ..Manner::default() });
    assert!(tried(&house, &office.settings()).await.starts_with("taken by"), "without a sign-in");
}

#[tokio::test]
async fn a_mail_server_that_says_nothing_is_given_up_in_time() {
    let house = House::build();
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let sender = Some("gatehouse@corp.example".parse().unwrap());
    let mail = Mail {
        host: Some("localhost".to_owned()),
        port: silent.local_addr().unwrap().port().into(),
        sender,
        ..Mail::default()
    };
    let gives_up = async {
        let _connection = silent.accept().await.unwrap();
        house.wait(29);
        tokio::task::yield_now().await;
        house.wait(1);
        std::future::pending::<()>().await;
    };
    tokio::select! {
        told = tried(&house, &mail) => assert!(told.contains("took longer than `mail.timeout`"), "{told}"),
        () = gives_up => {}
    }
}

#[tokio::test]
async fn only_an_administrator_has_test_mail_sent() {
    let house = House::build();
    let office = PostOffice::open(Manner::default());
    let config = Config { mail: office.settings(), ..house.config.clone() };
    let admin = house.admin(None).with_mailer(Mailer::open(&config, house.clock.clone()));
    for role in [Role::Operator, Role::Auditor, Role::Member] {
        let actor = house.actor(&house.account(role.as_str(), role).await);
        let request = AdminRequest::Mail(MailRequest::Test("root@corp.example".parse().unwrap()));
        assert!(admin.handle(&actor, request).await.is_err());
    }
    assert_eq!(office.mails(), Vec::<String>::new());
}

/// Time passes faster than the mail server can answer.
fn patient(office: &PostOffice) -> Mail {
    Mail { timeout: Duration::from_secs(3600), ..office.settings() }
}

/// Time passes until the record has so many entries.
async fn recorded_in_time(post: &Post, count: usize) -> Vec<(String, String, String)> {
    for _ in 0..3000 {
        let about = |entry: &serde_json::Value| entry["action"] == "account.reset-mail";
        if post.house.audited().iter().filter(|entry| about(entry)).count() >= count {
            break;
        }
        // Less than any link's hour in all of the tries; each try ends in between.
        tokio::time::sleep(Duration::from_millis(20)).await;
        post.house.wait(1);
    }
    post.recorded(count).await
}

#[tokio::test]
async fn a_mail_server_that_is_gone_changes_no_answer_and_the_link_counts_no_more() {
    let mut office = PostOffice::open(Manner::default());
    let post = Post::by(patient(&office)).await;
    office.close();
    let (known, unknown) = (post.ask("ada").await, post.ask("nobody").await);
    assert_eq!((known.status, unknown.status), (StatusCode::OK, StatusCode::OK));
    assert_eq!(known.text(), unknown.text());
    let recorded = recorded_in_time(&post, 3).await;
    let failed = recorded.iter().find(|(_, outcome, _)| outcome == "failed");
    let (whom, _, why) = failed.unwrap_or_else(|| panic!("{recorded:?}"));
    assert_eq!(whom, "ada");
    assert!(why.contains("cannot be reached") && !why.contains("corp.example"), "{why}");
    assert!(post.house.sign_in("ada", crate::support::house::PASSWORD).await.is_ok());
    assert_eq!(post.pages.browser().get("/healthz/live").await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_mail_server_that_refuses_is_asked_again_where_it_says_so_and_changes_no_answer() {
    let office = PostOffice::open(Manner { recipients: "550 canary-said ada@corp.example", ..Manner::default() });
    let post = Post::by(office.settings()).await;
    let mut recorded = Vec::new();
    for asked in 1..=4 {
        assert_eq!(post.ask("ada").await.status, StatusCode::OK);
        // Each is refused at once and for good, and takes its link back, so there is room for the next.
        recorded = post.recorded(2 * asked).await;
    }
    let failed: Vec<_> = recorded.iter().filter(|(_, outcome, _)| outcome == "failed").collect();
    assert_eq!(failed.len(), 4, "{recorded:?}");
    assert!(failed.iter().all(|(_, _, why)| why == "the mail server refused the mail (550)"), "{failed:?}");

    let office = PostOffice::open(Manner { recipients: "451 later", ..Manner::default() });
    let post = Post::by(patient(&office)).await;
    assert_eq!(post.ask("ada").await.status, StatusCode::OK);
    let recorded = recorded_in_time(&post, 2).await;
    assert_eq!(recorded[1].2, "the mail server refused the mail (451)");
    assert_eq!(office.log().matches("RCPT TO").count(), 4, "one try, and three more:\n{}", office.log());
}

#[test]
fn a_password_file_that_others_may_read_is_refused_and_check_says_so() {
    use std::os::unix::fs::PermissionsExt as _;
    let office = PostOffice::open(Manner::default());
    let settings = office.settings();
    assert!(unusable_files(&settings).is_empty());
    let file = settings.password_file.clone().unwrap();
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o644)).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let set: Vec<String> = office.arguments().into_iter().flat_map(|one| ["--set".to_owned(), one]).collect();
    let set: Vec<&str> = set.iter().map(String::as_str).collect();
    let told = ask(folder.path(), &[&["check"], &set[..]].concat(), "");
    let errors = String::from_utf8_lossy(&told.stderr).into_owned();
    assert!(!told.status.success() && errors.contains("mail.password_file"), "{errors}");
    let incomplete = ask(folder.path(), &["check", "--set", "mail.sender=gatehouse@corp.example"], "");
    assert!(String::from_utf8_lossy(&incomplete.stderr).contains("`mail.host` has to be set as well"));
}

/// The program itself, at its most talkative, with people who have a mail address, and this mail server.
pub struct Program {
    pub folder: tempfile::TempDir,
    pub process: Process,
    client: reqwest::Client,
}

impl Program {
    fn start(office: &PostOffice) -> Self {
        Self::on(Self::folder(&["ada"]), office)
    }

    /// A folder with these people in it.
    pub fn folder(people: &[&str]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for who in people {
            let mail = format!("{who}@corp.example");
            let add = ["admin", "account", "add", who, "--password-stdin", "--mail", &mail];
            assert!(ask(folder.path(), &add, "kestrel ferry oxide 71").status.success());
        }
        let root = ["admin", "account", "add", "root", "--role", "administrator", "--password-stdin"];
        assert!(ask(folder.path(), &root, "kestrel ferry oxide 71").status.success());
        folder
    }

    /// On a folder that has people in it.
    pub fn on(folder: tempfile::TempDir, office: &PostOffice) -> Self {
        let arguments = office.arguments();
        let general = ["log.filter=trace", "appliance.names=localhost"];
        let settings: Vec<&str> = general.into_iter().chain(arguments.iter().map(String::as_str)).collect();
        let process = Process::start(folder.path(), &settings);
        Self { client: client(folder.path()), process, folder }
    }

    fn url(&self, path: &str) -> String {
        format!("https://localhost:{}{path}", self.process.https.port())
    }

    pub async fn forgot(&self, who: &str) {
        let asking = self.client.post(self.url("/forgotten")).header("origin", self.url(""));
        let asking = asking.header("sec-fetch-site", "same-origin").form(&[("name", who)]);
        assert!(asking.send().await.unwrap().status().is_success());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_mail_that_was_not_sent_is_in_the_log_without_its_address_and_its_link() {
    let office = PostOffice::open(Manner { recipients: "550 no ada@corp.example here", ..Manner::default() });
    let program = Program::start(&office);
    program.forgot("ada").await;
    let warned = |log: &str| log.contains("could not be sent") && log.contains("refused the mail (550)");
    for _ in 0..3000 {
        if warned(&program.process.log()) {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let log = program.process.log();
    assert!(warned(&log) && !log.contains("corp.example here") && !log.contains("/reset/"), "{log}");
    assert!(!log.contains("ada@corp.example"), "{log}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_link_is_in_the_mail_and_nowhere_else_however_talkative_the_appliance_is() {
    let office = PostOffice::open(Manner::default());
    let program = Program::start(&office);
    program.forgot("ada").await;
    let url = |path: &str| program.url(path);
    let client = program.client.clone();
    let mail = office.after(1).await.remove(0);
    let text = post_office::text(&mail);
    let secret = text.split_once("/reset/").unwrap().1.split_whitespace().next().unwrap().to_owned();
    assert!(text.contains(&format!("https://localhost:{}/reset/ghl_", program.process.https.port())), "{text}");
    let page = client.get(url(&format!("/reset/{secret}"))).header("accept", "text/html").send().await.unwrap();
    assert!(page.status().is_success());
    // The command line, through the running appliance.
    let test = ask(program.folder.path(), &["admin", "mail", "test", "root@corp.example"], "");
    assert!(test.status.success(), "{}", String::from_utf8_lossy(&test.stderr));
    office.after(2).await;
    let none = ask(program.folder.path(), &["admin", "account", "mail", "ada", "--none"], "");
    assert!(
        none.status.success() && client.get(url(&format!("/reset/{secret}"))).send().await.unwrap().status() == 404
    );
    let Program { folder, process, .. } = program;
    process.signal(rustix::process::Signal::TERM);
    assert_eq!(process.ended().code(), Some(0));
    let log = std::fs::read_to_string(folder.path().join("log")).unwrap();
    assert!(log.contains("\"ready\""), "this is the log");
    let secrets = [secret.as_str(), post_office::PASSWORD];
    assert_eq!(find(log.as_bytes(), &secrets), Vec::<String>::new(), "in the log");
    assert!(!log.contains("ada@corp.example") && !log.contains("root@corp.example"), "whose address is it to know?");
    assert_eq!(find_in_files(&folder.path().join("data"), &secrets), Vec::<String>::new(), "in the data folder");
    let audit = find_in_files(&folder.path().join("data/audit"), &["corp.example"]);
    assert_eq!(audit, Vec::<String>::new());
}

fn client(folder: &Path) -> reqwest::Client {
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let root = std::fs::read(folder.join("data/authority.pem")).unwrap();
    let root = reqwest::Certificate::from_pem(&root).unwrap();
    reqwest::Client::builder().tls_built_in_root_certs(false).add_root_certificate(root).build().unwrap()
}
