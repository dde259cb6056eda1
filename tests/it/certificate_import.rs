//! A certificate of the customer's own authority: asked for, imported, renewed, removed, by the administration service.

use std::path::Path;
use std::process::Command;

use gatehouse::admin::Admin;
use gatehouse::admin::{
    AdminRequest, AdminResponse, CertificateRequest, Certificates, CertificatesView, SigningRequestView,
};
use gatehouse::audit::Actor;
use gatehouse::config::Config;
use gatehouse::platform::Clock as _;
use gatehouse::telemetry::{Health, Metrics};
use gatehouse::tls::{KeyKind, Origin, Shown};
use gatehouse::upstream::Dialer;

use crate::support::certificates::{DAY, client, handshake, said};
use crate::support::house::House;

/// A company's authority, by OpenSSL.
struct Company {
    folder: tempfile::TempDir,
}

fn openssl(folder: &Path, arguments: &[&str]) -> String {
    let output = Command::new("openssl").args(arguments).current_dir(folder).output().expect("openssl is installed");
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

impl Company {
    fn found() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let subject = "/CN=Company authority";
        let root = ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", subject, "-days", "3650"];
        openssl(folder.path(), &[&root[..], &["-keyout", "root.key", "-out", "root.pem"]].concat());
        Self { folder }
    }

    /// Signs a request, as it is, for so many days; leaf and root.
    fn sign(&self, request: &str, days: u32) -> String {
        let folder = self.folder.path();
        std::fs::write(folder.join("request.pem"), request).unwrap();
        let text = openssl(folder, &["req", "-in", "request.pem", "-verify", "-noout", "-text"]);
        assert!(text.contains("TLS Web Server Authentication") || text.contains("Subject Alternative Name"), "{text}");
        let days = days.to_string();
        let sign = ["x509", "-req", "-in", "request.pem", "-CA", "root.pem", "-CAkey", "root.key", "-CAcreateserial"];
        let how = ["-days", &days, "-copy_extensions", "copy", "-out", "leaf.pem"];
        openssl(folder, &[&sign[..], &how[..]].concat());
        let read = |name: &str| std::fs::read_to_string(folder.join(name)).unwrap();
        read("leaf.pem") + &read("root.pem")
    }

    fn root(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("root.pem")).unwrap()
    }
}

/// The service over a house that runs, an hour ahead of the machine: OpenSSL signs from this moment on.
struct Running {
    house: House,
    shown: Shown,
    admin: Admin,
    health: Health,
}

impl Running {
    async fn start() -> Self {
        let now = gatehouse::platform::SystemClock::new().now();
        Self::over(House::at(now.after(std::time::Duration::from_secs(3600)))).await
    }

    async fn over(house: House) -> Self {
        let health = Health::new();
        let Config { appliance, tls, .. } = house.config.clone();
        let opening = Shown::open(&house.state.store, &appliance, &tls, health.clone(), &*house.clock);
        let shown = opening.await.unwrap();
        let dialer = Dialer::new(house.clock.clone(), DAY);
        let certificates = Certificates { appliance, tls, running: Some(shown.clone()) };
        let admin = Admin::new(&house.state, house.clock.clone(), dialer, None, certificates, None);
        Self { house, shown, admin, health }
    }

    async fn ask(&self, request: CertificateRequest) -> Result<AdminResponse, String> {
        let answer = self.admin.handle(&Actor::Console, AdminRequest::Certificate(request)).await;
        answer.map_err(|error| error.to_string())
    }

    async fn request(&self, kind: KeyKind) -> SigningRequestView {
        match self.ask(CertificateRequest::Request(kind)).await.unwrap() {
            AdminResponse::SigningRequest(view) => view,
            other => panic!("{other:?}"),
        }
    }

    async fn list(&self) -> CertificatesView {
        match self.ask(CertificateRequest::List).await.unwrap() {
            AdminResponse::Certificates(view) => view,
            other => panic!("{other:?}"),
        }
    }

    async fn import(&self, chain: &str) -> Result<(), String> {
        self.ask(CertificateRequest::Import(chain.to_owned())).await.map(|_| ())
    }
}

#[tokio::test]
async fn a_request_goes_out_and_its_certificate_is_used_at_once_and_after_a_restart() {
    let (running, company) = (Running::start().await, Company::found());
    let request = running.request(KeyKind::EcdsaP256).await;
    assert_eq!(request.names, ["sql.corp.example"], "no authority outside signs localhost");
    assert!(running.list().await.request_waits);
    running.import(&company.sign(&request.pem, 90)).await.unwrap();

    let shown = &running.shown;
    assert_eq!((shown.active(), running.health.problems()), (Origin::Imported, Vec::new()));
    let now = running.house.now();
    let strict = &shown.configs().strict;
    handshake(strict, client(&company.root(), now, &[]), "sql.corp.example").await.unwrap();
    let view = running.list().await;
    assert!(!view.request_waits, "it was answered");
    let source = &view.sources[1];
    assert_eq!((source.origin.as_str(), source.active), ("imported", Some(true)));
    let leaf = source.certificate.as_ref().unwrap();
    assert!((88..=90).contains(&leaf.days_left) && leaf.issuer.contains("Company authority"), "{leaf:?}");
    let actions = running.house.audited_actions();
    assert!(actions.contains(&"certificate.request".to_owned()) && actions.contains(&"certificate.import".to_owned()));

    let again = Running::over(running.house).await;
    assert_eq!(again.shown.active(), Origin::Imported);
    again.ask(CertificateRequest::Remove).await.unwrap();
    assert_eq!(again.shown.active(), Origin::Authority);
    let error = again.ask(CertificateRequest::Remove).await.unwrap_err();
    assert!(error.contains("neither"), "{error}");
    let again = Running::over(again.house).await;
    assert_eq!(again.shown.active(), Origin::Authority);
}

#[tokio::test]
async fn the_same_key_may_be_certified_again_and_rsa_is_there_for_who_wants_it() {
    let (running, company) = (Running::start().await, Company::found());
    let request = running.request(KeyKind::Rsa2048).await;
    running.import(&company.sign(&request.pem, 30)).await.unwrap();
    let first = running.shown.certificates().current();
    running.import(&company.sign(&request.pem, 60)).await.unwrap();
    let second = running.shown.certificates().current();
    assert!(second.facts().not_after > first.facts().not_after);
    // A new request does not disturb what is shown.
    running.request(KeyKind::EcdsaP256).await;
    running.ask(CertificateRequest::List).await.unwrap();
    assert_eq!(running.shown.certificates().current().facts(), second.facts());
}

#[tokio::test]
async fn what_does_not_answer_the_request_is_refused_by_what_is_wrong_with_it() {
    let (running, company) = (Running::start().await, Company::found());
    let refused = async |chain: &str| running.import(chain).await.unwrap_err();
    let other = Running::start().await.request(KeyKind::EcdsaP256).await;
    let strange = company.sign(&other.pem, 90);
    let text = refused(&strange).await;
    assert!(text.contains("there is no request"), "{text}");

    let request = running.request(KeyKind::EcdsaP256).await;
    let text = refused(&strange).await;
    assert!(text.contains("another key"), "{text}");
    for nothing in ["", "nonsense"] {
        let text = refused(nothing).await;
        assert!(text.contains("no certificate in it"), "{text}");
    }
    let good = company.sign(&request.pem, 90);
    let leaf = good.split_inclusive("-----END CERTIFICATE-----\n").next().unwrap();
    let text = refused(&format!("{leaf}{}", Company::found().root())).await;
    assert!(text.contains("clients will not believe"), "{text}");
    running.house.clock.advance(100 * DAY);
    let text = refused(&good).await;
    assert!(text.contains("is valid from"), "{text}");
    assert_eq!(running.shown.active(), Origin::Authority);
    assert_eq!(running.house.audited_actions().iter().filter(|action| *action == "certificate.import").count(), 0);
}

#[tokio::test]
async fn the_key_of_a_request_lies_sealed() {
    let running = Running::start().await;
    running.request(KeyKind::EcdsaP256).await;
    let folder = running.house.folder.path().join("data");
    for entry in
        walkdir::WalkDir::new(folder).into_iter().map(Result::unwrap).filter(|entry| entry.file_type().is_file())
    {
        let content = std::fs::read(entry.path()).unwrap();
        assert!(!content.windows(11).any(|window| window == b"PRIVATE KEY"), "{}", entry.path().display());
    }
}

#[tokio::test]
async fn a_new_authority_is_audited_and_its_certificate_written_beside_the_data() {
    let running = Running::start().await;
    let before = running.list().await.authority.unwrap();
    assert_eq!(before.may_sign_for, "localhost, sql.corp.example, 127.0.0.0/8, ::1");
    running.ask(CertificateRequest::NewAuthority).await.unwrap();
    let after = running.list().await.authority.unwrap();
    assert_ne!(before.sha256, after.sha256);
    let file = running.house.folder.path().join("data/authority.pem");
    assert_eq!(std::fs::read_to_string(file).unwrap(), after.pem);
    assert!(running.house.audited_actions().contains(&"certificate.new-authority".to_owned()));
    let (root, now) = (running.shown.authority().root_pem(), running.house.now());
    handshake(&running.shown.configs().https, client(&root, now, &[]), "sql.corp.example").await.unwrap();
}

#[tokio::test]
async fn the_numbers_say_how_long_each_certificate_lasts_and_which_is_shown() {
    let (running, company, metrics) = (Running::start().await, Company::found(), Metrics::new());
    running.shown.measure(running.house.clock.clone(), &metrics);
    let value = |name: &str, origin: &str| {
        let line = format!("gatehouse_{name}{{origin=\"{origin}\"}} ");
        let text = metrics.text().unwrap();
        text.lines().find_map(|found| found.strip_prefix(&line)?.parse::<f64>().ok())
    };
    assert_eq!(value("certificate_active", "authority"), Some(1.0));
    assert_eq!(value("certificate_active", "imported"), None, "{}", metrics.text().unwrap());
    let request = running.request(KeyKind::EcdsaP256).await;
    running.import(&company.sign(&request.pem, 90)).await.unwrap();
    assert_eq!(value("certificate_active", "authority"), Some(0.0));
    assert_eq!(value("certificate_active", "imported"), Some(1.0));
    let days = value("certificate_days_left", "imported").unwrap();
    assert!(days > 88.0 && days <= 90.1, "{days}");
    let end = running.shown.certificates().current().facts().not_after.as_millis() as f64 / 1000.0;
    assert_eq!(value("certificate_expiry_timestamp_seconds", "imported"), Some(end));
    assert_eq!(value("certificate_last_try_failed", "imported"), Some(0.0));
    running.shown.slot(Origin::Acme).fail("no answer");
    assert_eq!(value("certificate_last_try_failed", "acme"), Some(1.0));
    assert!(value("certificate_next_try_timestamp_seconds", "authority").is_some());
    assert!(value("certificate_renewed_timestamp_seconds", "authority").is_some());
    running.shown.choose(running.house.now());
    assert!(said(&running.health, "tls.acme").contains("no answer"));
}
