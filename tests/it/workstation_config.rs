//! What a workstation is told that has signed in: databases, a pass, strings; when it is told anew, and when not.

use std::sync::Arc;
use std::time::Duration;

use gatehouse::audit::Actor;
use gatehouse::config;
use gatehouse::domain::{AccessLevel, Credential, DeviceId, GrantId, Principal, Secret, Timestamp};
use gatehouse::estate::{Grantee, NewGrant};
use gatehouse::identity::{Alteration, Member};
use gatehouse::tls::{Anchor, Root};
use gatehouse::upstream::Target;
use gatehouse::workstation::documents::Config;
use gatehouse::workstation::integrations::{
    Audience, Exchange, Free, HttpsUrl, Kind, MailSecurity, Office365, SharePoint, Smtp,
};
use gatehouse::workstation::{Answer, ETag, Parts, Place, Waited, WorkstationError, Workstations};

use crate::support::house::{House, name};

/// A house, and what tells its workstations.
pub struct Desk {
    pub house: House,
    pub workstations: Workstations,
    anchor: Arc<Anchor>,
}

impl Desk {
    pub async fn build() -> Self {
        let house = House::build();
        let root = Root::create("Contoso", house.now()).unwrap();
        let anchor = Arc::new(Anchor::read(root.certificate_der()).unwrap());
        let workstations = open(&house, &anchor).await;
        Self { house, workstations, anchor }
    }

    /// With the database `crm` granted to Ada, `erp` to her group, `hr` to nobody, and services of every kind.
    pub async fn with_everything() -> Self {
        let desk = Self::build().await;
        let ada = desk.house.member("ada").await;
        let sales = desk.house.group("sales").await;
        let member = Member::Account(ada.id);
        desk.house.identity().add_member(&Actor::Console, sales, member).await.unwrap();
        for alias in ["hr", "erp", "crm"] {
            desk.database(alias).await;
        }
        desk.grant("crm", Grantee::Account(ada.id), AccessLevel::Read).await;
        desk.grant("crm", Grantee::Group(sales), AccessLevel::Write).await;
        desk.grant("erp", Grantee::Group(sales), AccessLevel::Owner).await;
        for (at, kind) in kinds().into_iter().enumerate() {
            desk.integration(&format!("service {at}"), Audience::Everybody, kind).await;
        }
        desk
    }

    /// The same after a restart.
    pub async fn reopened(&self) -> Workstations {
        open(&self.house, &self.anchor).await
    }

    pub async fn database(&self, alias: &str) {
        let estate = &self.house.state.estate;
        let server = match estate.server("main") {
            Ok(server) => server,
            Err(_) => {
                let target = Target::new("db.internal", 1433);
                estate.add_server(&Actor::Console, name("main"), target).await.unwrap()
            }
        };
        estate.add_database(&Actor::Console, name(alias), server.id, format!("{alias}_prod")).await.unwrap();
    }

    pub async fn grant(&self, alias: &str, grantee: Grantee, access: AccessLevel) -> GrantId {
        let estate = &self.house.state.estate;
        let database = estate.database(alias).unwrap().id;
        let (login_user, login_password) = ("canary_login".to_owned(), Secret::new("canary-sql-password"));
        let new = NewGrant { grantee, database, access, login_user, login_password };
        estate.add_grant(&Actor::Console, new).await.unwrap().id
    }

    async fn integration(&self, called: &str, audience: Audience, kind: Kind) {
        self.house.state.integrations.add(&Actor::Console, name(called), audience, kind).await.unwrap();
    }

    async fn ask(&self, who: &Principal, tag: Option<&ETag>) -> Answer {
        self.workstations.config(who, None, tag.map(ETag::as_str)).await.unwrap()
    }

    /// The document for an account that signs in now, and its tag.
    async fn told(&self, who: &str) -> (ETag, Config) {
        match self.ask(&self.house.principal(who).await, None).await {
            Answer::Document(tag, document) => (tag, *document),
            Answer::NotModified(_) => panic!("no tag was given"),
        }
    }

    pub async fn document(&self, who: &str) -> Config {
        self.told(who).await.1
    }

    fn passes(&self) -> usize {
        self.house.identity().passes().unwrap().len()
    }
}

async fn open(house: &House, anchor: &Arc<Anchor>) -> Workstations {
    let appliance = config::Appliance { names: vec!["sql.example.com".into()], ..config::Appliance::default() };
    let settings = config::Workstation::default();
    let (state, anchor) = (house.state.clone(), Arc::clone(anchor));
    let parts = Parts {
        store: state.store,
        identity: state.identity,
        estate: state.estate,
        integrations: state.integrations,
        events: state.events,
        clock: house.clock.clone(),
        place: Place::of(&appliance, &settings, Some(1433), Some(443)),
        settings,
        authority: Arc::new(move || Some(Arc::clone(&anchor))),
    };
    Workstations::open(parts).await.unwrap()
}

fn kinds() -> Vec<Kind> {
    let url = |text: &str| HttpsUrl::parse(text).unwrap();
    vec![
        Kind::Office365(Office365 {
            tenant: "contoso.example".into(),
            client_id: "6f1c6b0e-6a53-4f8e-9d53-0c2f3f7b7f10".into(),
            authority: url("https://login.microsoftonline.com/contoso.example"),
            scopes: vec!["https://graph.microsoft.com/.default".into()],
        }),
        Kind::SharePoint(SharePoint {
            site: url("https://sp.example.com/sites/sales"),
            libraries: vec![url("https://sp.example.com/sites/sales/Documents")],
        }),
        Kind::Exchange(Exchange {
            ews: url("https://mail.example.com/EWS/Exchange.asmx"),
            autodiscover: None,
            smtp: Some(Smtp { host: "mail.example.com".into(), port: 587, security: MailSecurity::StartTls }),
        }),
        Kind::Free(Free { values: [("portal".to_owned(), "https://intranet".to_owned())].into() }),
    ]
}

#[tokio::test]
async fn a_document_names_what_is_granted_with_strings_that_carry_a_pass_that_signs_in() {
    let desk = Desk::with_everything().await;
    let document = desk.document("ada").await;
    let granted: Vec<(&str, &str)> =
        document.databases.iter().map(|one| (one.alias.as_str(), one.access.as_str())).collect();
    assert_eq!(granted, [("crm", "write"), ("erp", "owner")], "by alias, each with its highest access");
    let crm = &document.databases[0];
    assert_eq!((crm.host.as_str(), crm.port, crm.encryption.as_str()), ("sql.example.com", 1433, "mandatory"));
    assert_eq!(crm.trust.authority_sha256.as_deref(), Some(desk.anchor.sha256()));

    let password = document.pass.password.0.expose();
    let signed_in = desk.house.sign_in(&document.pass.user, password).await.unwrap();
    assert!(matches!(signed_in.credential, Credential::Pass(id) if id.to_string() == document.pass.id));
    let strings = &crm.connection_strings;
    for text in [&strings.sqlclient, &strings.odbc, &strings.oledb, &strings.jdbc, &strings.tedious] {
        assert!(text.0.expose().contains(password) && text.0.expose().contains("crm"));
    }
    assert!(strings.sqlalchemy.0.expose().starts_with("mssql+pyodbc:///?odbc_connect="));

    let text = serde_json::to_string(&document).unwrap();
    for hidden in ["canary", "db.internal", "crm_prod", "\"hr\""] {
        assert!(!text.contains(hidden), "{hidden}");
    }
    assert!(!format!("{document:?}").contains(password), "printing it shows no secret");
    assert_eq!(desk.house.audited_actions().last().unwrap(), "pass.issue");
}

#[tokio::test]
async fn who_asks_each_second_is_given_one_pass_until_half_of_its_life_is_over() {
    let desk = Desk::with_everything().await;
    let ada = desk.house.principal("ada").await;
    let first = desk.document("ada").await.pass;
    for _ in 0..50 {
        desk.house.wait(1);
        let Answer::Document(_, document) = desk.ask(&ada, None).await else { panic!("no tag was given") };
        assert_eq!(document.pass, first);
    }
    assert_eq!(desk.passes(), 1);
    desk.house.wait(6 * 3600);
    let second = desk.document("ada").await.pass;
    assert_ne!(second.id, first.id);
    assert_eq!(desk.passes(), 2);
    // The first one holds until its own end: what it opened goes on.
    assert!(desk.house.sign_in("ada", first.password.0.expose()).await.is_ok());
    // After a restart nobody remembers, so there is another.
    let reopened = desk.reopened().await;
    assert!(matches!(reopened.config(&ada, None, None).await.unwrap(), Answer::Document(..)));
    assert_eq!(desk.passes(), 3);
}

#[tokio::test]
async fn of_many_who_ask_at_once_one_makes_the_pass() {
    let desk = Desk::with_everything().await;
    let ada = desk.house.principal("ada").await;
    let answers = futures_util::future::join_all((0..20).map(|_| desk.ask(&ada, None))).await;
    assert!(answers.iter().all(|answer| *answer == answers[0]));
    assert_eq!(desk.passes(), 1);
}

#[tokio::test]
async fn a_pass_that_was_revoked_is_not_handed_out_again() {
    let desk = Desk::with_everything().await;
    let (tag, document) = desk.told("ada").await;
    let id = document.pass.id.parse().unwrap();
    desk.house.identity().revoke_pass(&Actor::Console, id).await.unwrap();
    let ada = desk.house.principal("ada").await;
    let Answer::Document(other, document) = desk.ask(&ada, Some(&tag)).await else { panic!("a new pass, a new tag") };
    assert_ne!(other, tag);
    assert!(desk.house.sign_in("ada", document.pass.password.0.expose()).await.is_ok());
}

#[tokio::test]
async fn who_has_the_document_of_now_is_told_so_and_no_password() {
    let desk = Desk::with_everything().await;
    let (tag, _) = desk.told("ada").await;
    let ada = desk.house.principal("ada").await;
    desk.house.wait(60);
    assert_eq!(desk.ask(&ada, Some(&tag)).await, Answer::NotModified(tag.clone()));
    // The server moves, and the alias points elsewhere: nothing that a workstation notices.
    let estate = &desk.house.state.estate;
    let server = estate.server("main").unwrap();
    estate.set_target(&Actor::Console, server.id, Target::new("new.internal", 1500)).await.unwrap();
    let crm = estate.database("crm").unwrap();
    estate.retarget(&Actor::Console, crm.id, server.id, "crm_2".into()).await.unwrap();
    assert_eq!(desk.ask(&ada, Some(&tag)).await, Answer::NotModified(tag.clone()));
    // Another grant, another service: another document.
    let grant = desk.grant("hr", Grantee::Account(ada.account), AccessLevel::Read).await;
    let Answer::Document(second, document) = desk.ask(&ada, Some(&tag)).await else { panic!("it changed") };
    assert_eq!(document.databases.len(), 3);
    let kind = Kind::Free(Free { values: [("x".to_owned(), "y".to_owned())].into() });
    desk.integration("another", Audience::Everybody, kind).await;
    let Answer::Document(third, _) = desk.ask(&ada, Some(&second)).await else { panic!("it changed") };
    assert_ne!(second, third);
    // And back: the same document, the same tag.
    let another = desk.house.state.integrations.one("another").unwrap().id;
    desk.house.state.integrations.remove(&Actor::Console, another).await.unwrap();
    estate.remove_grant(&Actor::Console, grant).await.unwrap();
    assert_eq!(desk.ask(&ada, Some(&tag)).await, Answer::NotModified(tag));
}

#[tokio::test]
async fn a_service_is_told_to_its_groups_alone() {
    let desk = Desk::with_everything().await;
    desk.house.member("bob").await;
    let (sales, gone) = (desk.house.identity().group("sales").unwrap().id, desk.house.group("gone").await);
    let kind = || Kind::Free(Free { values: [("x".to_owned(), "y".to_owned())].into() });
    desk.integration("for sales", Audience::Groups([sales].into()), kind()).await;
    desk.integration("for nobody", Audience::Groups([gone].into()), kind()).await;
    desk.house.identity().remove_group(&Actor::Console, gone).await.unwrap();
    let names = |document: Config| document.integrations.into_iter().map(|one| one.name).collect::<Vec<_>>();
    let (ada, bob) = (names(desk.document("ada").await), names(desk.document("bob").await));
    assert_eq!((ada.len(), bob.len()), (5, 4));
    assert!(ada.contains(&"for sales".to_owned()) && !bob.contains(&"for sales".to_owned()));
    assert!(desk.document("bob").await.databases.is_empty());
}

#[tokio::test]
async fn each_device_has_a_pass_of_its_own_that_ends_with_it() {
    let desk = Desk::with_everything().await;
    let (ada, bob) = (desk.house.principal("ada").await, desk.house.member("bob").await);
    let identity = desk.house.identity();
    let (desk_1, secret) = identity.add_device(&Actor::Console, name("desk-1"), ada.account).await.unwrap();
    let (desk_2, _) = identity.add_device(&Actor::Console, name("desk-2"), ada.account).await.unwrap();
    let (other, _) = identity.add_device(&Actor::Console, name("bobs"), bob.id).await.unwrap();

    let as_device = desk.house.sign_in("desk-1", secret.expose()).await.unwrap();
    let told = async |who: &Principal, device: Option<DeviceId>| match desk.workstations.config(who, device, None).await
    {
        Ok(Answer::Document(_, document)) => *document,
        other => panic!("{other:?}"),
    };
    let (own, same) = (told(&as_device, None).await, told(&ada, Some(desk_1.id)).await);
    assert_eq!(own, same, "by its own secret, or by a token that is bound to it");
    assert_eq!((own.account.device.as_deref(), own.pass.user.as_str()), (Some("desk-1"), "ada"));
    assert_ne!(told(&ada, Some(desk_2.id)).await.pass.id, own.pass.id);
    assert_ne!(told(&ada, None).await.pass.id, own.pass.id);
    assert_eq!(desk.passes(), 3);
    let refused = desk.workstations.config(&ada, Some(other.id), None).await;
    assert!(matches!(refused, Err(WorkstationError::OtherDevice)));

    identity.revoke_device(&Actor::Console, desk_1.id).await.unwrap();
    assert!(desk.house.sign_in("ada", own.pass.password.0.expose()).await.is_err());
    let refused = desk.workstations.config(&as_device, None, None).await;
    assert!(matches!(refused, Err(WorkstationError::OtherDevice)));
}

#[tokio::test]
async fn who_waits_is_woken_by_what_changes_for_him_and_by_nothing_else() {
    let desk = Desk::with_everything().await;
    let (tag, _) = desk.told("ada").await;
    let ada = desk.house.principal("ada").await;
    let limit = Duration::from_secs(60);
    let mut waiting = Box::pin(desk.workstations.wait_for_change(&ada, None, tag.as_str(), limit));
    assert!(futures_util::poll!(&mut waiting).is_pending());
    // Somebody else's affairs.
    let bob = desk.house.member("bob").await;
    desk.grant("hr", Grantee::Account(bob.id), AccessLevel::Read).await;
    assert!(futures_util::poll!(&mut waiting).is_pending());
    desk.grant("hr", Grantee::Account(ada.account), AccessLevel::Read).await;
    assert_eq!(waiting.await.unwrap(), Waited::Changed);
    // Who waits with an old tag does not wait.
    let waited = desk.workstations.wait_for_change(&ada, None, tag.as_str(), limit).await;
    assert_eq!(waited.unwrap(), Waited::Changed);
}

#[tokio::test]
async fn waiting_ends_with_its_time_and_with_the_sign_in() {
    let desk = Desk::with_everything().await;
    let (tag, _) = desk.told("ada").await;
    let ada = desk.house.principal("ada").await;
    let limit = Duration::from_secs(60);
    let mut waiting = Box::pin(desk.workstations.wait_for_change(&ada, None, tag.as_str(), limit));
    assert!(futures_util::poll!(&mut waiting).is_pending());
    desk.house.wait(60);
    assert_eq!(waiting.await.unwrap(), Waited::Unchanged);

    let mut waiting = Box::pin(desk.workstations.wait_for_change(&ada, None, tag.as_str(), limit));
    assert!(futures_util::poll!(&mut waiting).is_pending());
    desk.house.identity().alter_account(&Actor::Console, ada.account, Alteration::Disable).await.unwrap();
    assert!(matches!(waiting.await, Err(WorkstationError::SignedOut)));
}

#[tokio::test]
async fn an_account_that_ends_soon_is_told_so() {
    let desk = Desk::with_everything().await;
    assert!(desk.document("ada").await.notices.is_empty());
    let end = Timestamp::parse_rfc3339("2027-03-08T08:00:00Z").unwrap();
    let id = desk.house.identity().account("ada").unwrap().id;
    desk.house.identity().alter_account(&Actor::Console, id, Alteration::Expires(Some(end))).await.unwrap();
    let notices = desk.document("ada").await.notices;
    assert!(notices[0].text.contains("2027-03-08"), "{notices:?}");
}

#[test]
fn the_place_is_what_the_settings_say_or_else_what_was_bound() {
    let names = |names: &[&str]| config::Appliance {
        names: names.iter().map(|name| (*name).to_owned()).collect(),
        ..config::Appliance::default()
    };
    let settings = config::Workstation::default();
    let place = Place::of(&names(&["sql.example.com", "10.0.0.5"]), &settings, Some(1433), Some(443));
    assert_eq!((place.host.as_str(), place.port, place.certificate_name), ("sql.example.com", 1433, None));
    let place = Place::of(&names(&["10.0.0.5", "sql.example.com"]), &settings, None, Some(8443));
    // Drivers compare an address with a certificate's names, so they are told the name.
    assert_eq!((place.host.as_str(), place.port), ("10.0.0.5", 8443));
    assert_eq!(place.certificate_name.as_deref(), Some("sql.example.com"));
    let settings = config::Workstation { host: Some("db.example.com".into()), port: 50000, ..settings };
    let place = Place::of(&names(&["sql.example.com"]), &settings, Some(1433), None);
    assert_eq!((place.host.as_str(), place.port), ("db.example.com", 50000));
}
