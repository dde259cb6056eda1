//! Where logins go: aliases, grants and which of them counts, and that what is referred to stays.

use gatehouse::audit::Actor;
use gatehouse::domain::{AccessLevel, Event, Secret};
use gatehouse::estate::{Database, Dependents, Estate, EstateError, Grant, Grantee, NewGrant, RouteError, Server};
use gatehouse::identity::{Alteration, Member};
use gatehouse::upstream::{Target, TlsRule};

use crate::support::house::{House, name};

const CONSOLE: Actor = Actor::Console;

impl House {
    fn estate(&self) -> &Estate {
        &self.state.estate
    }

    async fn server(&self, called: &str) -> Server {
        let target = Target::new(format!("{called}.example.com"), 1433);
        self.estate().add_server(&CONSOLE, name(called), target).await.unwrap()
    }

    async fn database(&self, alias: &str, server: &Server) -> Database {
        let at_server = format!("{alias}_prod");
        self.estate().add_database(&CONSOLE, name(alias), server.id, at_server).await.unwrap()
    }

    async fn grant(&self, database: &Database, grantee: Grantee, access: AccessLevel, login: &str) -> Grant {
        self.estate().add_grant(&CONSOLE, new_grant(database, grantee, access, login)).await.unwrap()
    }
}

fn new_grant(database: &Database, grantee: Grantee, access: AccessLevel, login: &str) -> NewGrant {
    let login_password = Secret::new(format!("the password of {login}"));
    NewGrant { grantee, database: database.id, access, login_user: login.into(), login_password }
}

#[tokio::test]
async fn a_login_goes_where_its_alias_points_with_the_grants_sql_login() {
    let house = House::build();
    let ada = house.member("ada").await;
    let server = house.server("sql1").await;
    let crm = house.database("CRM", &server).await;
    let grant = house.grant(&crm, Grantee::Account(ada.id), AccessLevel::Write, "crm_rw").await;
    let who = house.principal("ada").await;
    let route = house.estate().route(&who, Some("crm")).unwrap();
    assert_eq!((route.grant, route.database, route.server), (grant.id, crm.id, server.id));
    assert_eq!((route.target.host.as_str(), route.database_name.as_str()), ("sql1.example.com", "CRM_prod"));
    assert_eq!(route.login.user, "crm_rw");
    assert_eq!(route.login.password, Secret::new("the password of crm_rw"));
    assert!(house.estate().still_granted(&who, &route));
    let printed = format!("{route:?} {grant:?}");
    assert!(!printed.contains("the password"), "{printed}");
}

#[tokio::test]
async fn unknown_and_not_granted_are_told_apart_by_the_audit_and_not_by_the_person() {
    let house = House::build();
    house.member("ada").await;
    let server = house.server("sql1").await;
    house.database("crm", &server).await;
    let who = house.principal("ada").await;
    let unknown = house.estate().route(&who, Some("erp")).unwrap_err();
    let denied = house.estate().route(&who, Some("crm")).unwrap_err();
    assert!(matches!(unknown, RouteError::UnknownAlias { .. }) && matches!(denied, RouteError::NoGrant { .. }));
    assert_ne!(unknown.audit_reason(), denied.audit_reason());
    assert_eq!(unknown.text().replace("erp", "crm"), denied.text());
}

#[tokio::test]
async fn of_several_grants_the_highest_counts_and_of_equals_the_accounts_own() {
    let house = House::build();
    let ada = house.member("ada").await;
    let (sales, staff) = (house.group("sales").await, house.group("staff").await);
    let identity = house.identity();
    identity.add_member(&CONSOLE, sales, Member::Account(ada.id)).await.unwrap();
    identity.add_member(&CONSOLE, staff, Member::Group(sales)).await.unwrap();
    let server = house.server("sql1").await;
    let crm = house.database("crm", &server).await;
    let who = house.principal("ada").await;
    let login = |house: &House| house.estate().route(&who, Some("crm")).unwrap().login.user;

    house.grant(&crm, Grantee::Group(staff), AccessLevel::Read, "by_staff").await;
    assert_eq!(login(&house), "by_staff", "through a group in a group");
    house.grant(&crm, Grantee::Account(ada.id), AccessLevel::Read, "own").await;
    assert_eq!(login(&house), "own");
    house.grant(&crm, Grantee::Group(sales), AccessLevel::Owner, "by_sales").await;
    assert_eq!(login(&house), "by_sales");
}

#[tokio::test]
async fn a_login_without_a_database_takes_the_accounts_default_or_the_only_one() {
    let house = House::build();
    let ada = house.member("ada").await;
    let server = house.server("sql1").await;
    let (crm, erp) = (house.database("crm", &server).await, house.database("erp", &server).await);
    let who = house.principal("ada").await;
    assert!(matches!(house.estate().route(&who, None), Err(RouteError::NoDefault { granted: 0 })));
    house.grant(&crm, Grantee::Account(ada.id), AccessLevel::Read, "a").await;
    assert_eq!(house.estate().route(&who, None).unwrap().database, crm.id);
    assert_eq!(house.estate().route(&who, Some("")).unwrap().database, crm.id);
    house.grant(&erp, Grantee::Account(ada.id), AccessLevel::Read, "b").await;
    assert!(matches!(house.estate().route(&who, None), Err(RouteError::NoDefault { granted: 2 })));
    let default = Alteration::DefaultDatabase(Some(erp.id));
    house.identity().alter_account(&CONSOLE, ada.id, default).await.unwrap();
    assert!(house.identity().still_valid(&who), "another default ends nothing");
    let now = house.identity().current(&who).unwrap();
    assert_eq!(house.estate().route(&now, None).unwrap().database, erp.id);
}

#[tokio::test]
async fn a_route_ends_with_its_grant_its_target_or_its_alias() {
    let house = House::build();
    let ada = house.member("ada").await;
    let (one, two) = (house.server("sql1").await, house.server("sql2").await);
    let crm = house.database("crm", &one).await;
    let grant = house.grant(&crm, Grantee::Account(ada.id), AccessLevel::Read, "a").await;
    let who = house.principal("ada").await;
    let route = || house.estate().route(&who, Some("crm")).unwrap();
    house.take_events();

    let before = route();
    house.estate().retarget(&CONSOLE, crm.id, two.id, "crm_new".into()).await.unwrap();
    assert!(!house.estate().still_granted(&who, &before));
    assert_eq!(route().server_name, two.name);

    let before = route();
    let elsewhere = Target { tls: TlsRule::TrustAnything, ..Target::new("10.0.0.9", 1433) };
    house.estate().set_target(&CONSOLE, two.id, elsewhere.clone()).await.unwrap();
    assert!(!house.estate().still_granted(&who, &before));
    assert_eq!(route().target, elsewhere);

    let before = route();
    house.estate().remove_grant(&CONSOLE, grant.id).await.unwrap();
    assert!(!house.estate().still_granted(&who, &before));
    assert!(matches!(house.estate().route(&who, Some("crm")), Err(RouteError::NoGrant { .. })));
    let expected = [Event::DatabaseChanged(crm.id), Event::ServerChanged(two.id), Event::GrantRemoved(grant.id)];
    assert_eq!(house.take_events(), expected);
}

#[tokio::test]
async fn whoever_left_the_group_has_lost_its_grant() {
    let house = House::build();
    let (ada, sales) = (house.member("ada").await, house.group("sales").await);
    house.identity().add_member(&CONSOLE, sales, Member::Account(ada.id)).await.unwrap();
    let server = house.server("sql1").await;
    let crm = house.database("crm", &server).await;
    house.grant(&crm, Grantee::Group(sales), AccessLevel::Read, "a").await;
    let who = house.principal("ada").await;
    let route = house.estate().route(&who, Some("crm")).unwrap();
    house.identity().remove_member(&CONSOLE, sales, Member::Account(ada.id)).await.unwrap();
    let now = house.identity().current(&who).unwrap();
    assert!(!house.estate().still_granted(&now, &route));
}

#[tokio::test]
async fn what_is_in_use_is_not_removed_unless_all_of_it_goes() {
    let house = House::build();
    let ada = house.member("ada").await;
    let server = house.server("sql1").await;
    let crm = house.database("crm", &server).await;
    let grant = house.grant(&crm, Grantee::Account(ada.id), AccessLevel::Read, "a").await;
    let refused = house.estate().remove_server(&CONSOLE, server.id, Dependents::Refuse).await;
    assert!(matches!(refused, Err(EstateError::InUse { count: 1, .. })));
    let refused = house.estate().remove_database(&CONSOLE, crm.id, Dependents::Refuse).await;
    assert!(matches!(refused, Err(EstateError::InUse { count: 1, .. })));
    house.take_events();
    house.estate().remove_server(&CONSOLE, server.id, Dependents::Remove).await.unwrap();
    let expected = [Event::ServerChanged(server.id), Event::DatabaseChanged(crm.id), Event::GrantRemoved(grant.id)];
    assert_eq!(house.take_events(), expected);
    assert!(house.estate().databases().unwrap().is_empty() && house.estate().grants().unwrap().is_empty());
    let again = house.server("sql1").await;
    house.database("crm", &again).await;
}

#[tokio::test]
async fn nothing_is_added_to_what_is_not_there_or_twice() {
    let house = House::build();
    let ada = house.member("ada").await;
    let server = house.server("sql1").await;
    let crm = house.database("crm", &server).await;
    let estate = house.estate();
    let twice = estate.add_server(&CONSOLE, name("SQL1"), Target::new("x", 1)).await;
    assert!(matches!(twice, Err(EstateError::NameTaken(_))));
    let twice = estate.add_database(&CONSOLE, name("CRM"), server.id, "x".into()).await;
    assert!(matches!(twice, Err(EstateError::NameTaken(_))));
    let ghost = gatehouse::domain::ServerId::random();
    let nowhere = estate.add_database(&CONSOLE, name("erp"), ghost, "x".into()).await;
    assert!(matches!(nowhere, Err(EstateError::NoSuch { kind: "server", .. })));
    let nowhere = estate.retarget(&CONSOLE, crm.id, ghost, "x".into()).await;
    assert!(matches!(nowhere, Err(EstateError::NoSuch { kind: "server", .. })));
    house.grant(&crm, Grantee::Account(ada.id), AccessLevel::Read, "a").await;
    let twice = estate.add_grant(&CONSOLE, new_grant(&crm, Grantee::Account(ada.id), AccessLevel::Owner, "b")).await;
    assert!(matches!(twice, Err(EstateError::AlreadyGranted)));
    let gone = estate.remove_database(&CONSOLE, crm.id, Dependents::Remove).await.unwrap();
    let late = estate.add_grant(&CONSOLE, new_grant(&gone, Grantee::Account(ada.id), AccessLevel::Read, "a")).await;
    assert!(matches!(late, Err(EstateError::NoSuch { kind: "database", .. })));
}

#[tokio::test]
async fn addresses_names_and_logins_that_cannot_be_are_refused() {
    let house = House::build();
    let server = house.server("sql1").await;
    let estate = house.estate();
    let sha = |sha256: &str| Target { tls: TlsRule::Certificate { sha256: sha256.into() }, ..Target::new("a", 1) };
    let pem = Target { tls: TlsRule::Authority { pem: "x".repeat(4000) }, ..Target::new("a", 1) };
    for target in [Target::new("", 1), Target::new("a b", 1), Target::new("a", 0), sha("abc"), pem] {
        let outcome = estate.add_server(&CONSOLE, name("other"), target.clone()).await;
        assert!(matches!(outcome, Err(EstateError::Invalid(_))), "{target:?}");
    }
    for database in ["", "a\nb", &"x".repeat(129)] {
        let outcome = estate.add_database(&CONSOLE, name("crm"), server.id, database.into()).await;
        assert!(matches!(outcome, Err(EstateError::Invalid(_))), "{database:?}");
    }
    let crm = house.database("crm", &server).await;
    let ada = Grantee::Account(house.member("ada").await.id);
    for (user, password) in [("", "x"), ("a", ""), ("a", &"x".repeat(129))] {
        let login = NewGrant {
            login_user: user.into(),
            login_password: Secret::new(password),
            ..new_grant(&crm, ada, AccessLevel::Read, "a")
        };
        assert!(matches!(estate.add_grant(&CONSOLE, login).await, Err(EstateError::Invalid(_))), "{user:?}");
    }
}

#[tokio::test]
async fn the_grants_of_who_is_gone_go_too_and_going_twice_records_nothing() {
    let house = House::build();
    let (ada, bob) = (house.member("ada").await, house.member("bob").await);
    let server = house.server("sql1").await;
    let crm = house.database("crm", &server).await;
    house.grant(&crm, Grantee::Account(ada.id), AccessLevel::Read, "a").await;
    let other = house.grant(&crm, Grantee::Account(bob.id), AccessLevel::Read, "b").await;
    assert_eq!(house.estate().forget_grantee(&Actor::Appliance, Grantee::Account(ada.id)).await.unwrap(), 1);
    let recorded = house.audited().len();
    assert_eq!(house.estate().forget_grantee(&Actor::Appliance, Grantee::Account(ada.id)).await.unwrap(), 0);
    assert_eq!(house.audited().len(), recorded);
    assert_eq!(house.estate().grants().unwrap().iter().map(|grant| grant.id).collect::<Vec<_>>(), [other.id]);
}

#[tokio::test]
async fn sql_passwords_are_sealed_in_the_store_and_absent_from_the_audit() {
    let house = House::build();
    let ada = house.member("ada").await;
    let server = house.server("sql1").await;
    let crm = house.database("crm", &server).await;
    house.grant(&crm, Grantee::Account(ada.id), AccessLevel::Read, "canary_login").await;
    let audit = format!("{:?}", house.audited());
    assert!(!audit.contains("canary_login"), "the audit does not name SQL logins");
    for entry in
        walkdir::WalkDir::new(house.folder.path()).into_iter().filter(|e| e.as_ref().unwrap().file_type().is_file())
    {
        let bytes = std::fs::read(entry.unwrap().path()).unwrap();
        assert!(!bytes.windows(12).any(|window| window == b"the password"));
    }
}
