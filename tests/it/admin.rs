//! The administration service: who may ask it for what, and what it does with sessions and SQL logins.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use gatehouse::admin::access::Need;
use gatehouse::admin::{
    AccountRequest, AddressRequest, AdminError, AdminRequest, AdminResponse, ClientRequest, DatabaseRequest,
    DeviceRequest, GrantRequest, GranteeName, GroupRequest, LiveSessions, MemberName, PassRequest, SentSecret,
    ServerRequest, SessionRequest, SessionView, TokenRequest, WhoseName,
};
use gatehouse::audit::Actor;
use gatehouse::domain::{AccessLevel, AccountId, Role, Scopes, Secret, SessionId};
use gatehouse::identity::Alteration;
use gatehouse::upstream::{Target, TlsRule};

use crate::support::house::{HERE, House, OTHER_PASSWORD, name};
use crate::support::peer::{Answer, Peer};

const CONSOLE: Actor = Actor::Console;

/// Sessions as a running appliance would have them.
#[derive(Default)]
pub struct Sessions {
    live: Mutex<Vec<SessionView>>,
}

impl Sessions {
    pub fn with(accounts: &[(AccountId, &str)]) -> Arc<Self> {
        let view = |(id, who): &(AccountId, &str)| SessionView {
            id: SessionId::random(),
            account_id: *id,
            account: (*who).to_owned(),
            credential: "password".into(),
            device: None,
            address: HERE,
            application: "report\u{1b}[31mer".into(),
            host: "WS-04".into(),
            database: "crm".into(),
            since: "2027-03-01T08:00:00.000Z".into(),
            idle_seconds: 3,
            bytes_up: 1,
            bytes_down: 2,
            packets_up: 1,
            packets_down: 1,
            batches: 1,
        };
        Arc::new(Self { live: Mutex::new(accounts.iter().map(view).collect()) })
    }
}

impl LiveSessions for Sessions {
    fn list(&self) -> Vec<SessionView> {
        self.live.lock().unwrap().clone()
    }

    fn end(&self, id: &SessionId) -> bool {
        let mut live = self.live.lock().unwrap();
        let before = live.len();
        live.retain(|session| session.id != *id);
        live.len() < before
    }

    fn end_account(&self, account: &AccountId) -> usize {
        let mut live = self.live.lock().unwrap();
        let before = live.len();
        live.retain(|session| session.account_id != *account);
        before - live.len()
    }
}

/// One request of each kind, with what it needs; none of them finds what it names, so that none changes anything.
fn requests() -> Vec<(AdminRequest, Need)> {
    use Need::{Change, Read};
    let none = || "none".to_owned();
    let (hour, secret) = (Duration::from_secs(3600), || SentSecret(Secret::new(OTHER_PASSWORD)));
    let member = || MemberName::Account(none());
    let account = |request, need| (AdminRequest::Account(request), need);
    let group = |request, need| (AdminRequest::Group(request), need);
    let add = AccountRequest::Add {
        name: name("root"),
        role: Role::Member,
        password: None,
        password_at_gateway: true,
        default_database: None,
        expires: None,
        mail: None,
    };
    let set = AccountRequest::Set {
        account: none(),
        role: None,
        password_at_gateway: None,
        default_database: None,
        expires: None,
    };
    let grant = GrantRequest::Add {
        grantee: GranteeName::Account(none()),
        database: none(),
        access: AccessLevel::Read,
        login: none(),
        password: secret(),
        check: false,
    };
    let whose = WhoseName::Account(none());
    let rule = AddressRequest::SetRule { whose, within: Some(hour), networks: Vec::new() };
    let unreachable = Target::new("", 1);
    vec![
        account(add, Change),
        account(AccountRequest::List, Read),
        account(AccountRequest::Show(none()), Read),
        account(AccountRequest::Disable(none()), Change),
        account(AccountRequest::Enable(none()), Change),
        account(AccountRequest::Password { account: none(), password: secret() }, Change),
        account(set, Change),
        account(AccountRequest::ResetLink(none()), Change),
        account(AccountRequest::RemoveFactors(none()), Change),
        account(AccountRequest::RequireFactor { account: none(), required: true }, Change),
        account(AccountRequest::Remove(none()), Change),
        (AdminRequest::Address(AddressRequest::List(none())), Read),
        (AdminRequest::Address(AddressRequest::Pin { account: none(), address: HERE }), Change),
        (AdminRequest::Address(AddressRequest::Remove { account: none(), address: HERE }), Change),
        (AdminRequest::Address(AddressRequest::Rules), Read),
        (AdminRequest::Address(rule), Change),
        group(GroupRequest::Add(name("taken")), Change),
        group(GroupRequest::List, Read),
        group(GroupRequest::Show(none()), Read),
        group(GroupRequest::AddMember { group: none(), member: member() }, Change),
        group(GroupRequest::RemoveMember { group: none(), member: member() }, Change),
        group(GroupRequest::Remove(none()), Change),
        (AdminRequest::Device(DeviceRequest::Add { name: name("x"), account: none(), networks: Vec::new() }), Change),
        (AdminRequest::Device(DeviceRequest::List), Read),
        (AdminRequest::Device(DeviceRequest::Networks { device: none(), networks: Vec::new() }), Change),
        (AdminRequest::Device(DeviceRequest::Revoke(none())), Change),
        (
            AdminRequest::Device(DeviceRequest::Codes {
                accounts: vec![none()],
                count: 1,
                lifetime: hour,
                networks: Vec::new(),
            }),
            Change,
        ),
        (AdminRequest::Device(DeviceRequest::ListCodes), Read),
        (AdminRequest::Device(DeviceRequest::WithdrawCodes(vec![none()])), Change),
        (AdminRequest::Device(DeviceRequest::WithdrawCodesOf(none())), Change),
        (AdminRequest::Pass(PassRequest::Issue { account: none(), device: None, lifetime: hour }), Change),
        (AdminRequest::Pass(PassRequest::List), Read),
        (AdminRequest::Pass(PassRequest::Revoke(none())), Change),
        (
            AdminRequest::Token(TokenRequest::Issue {
                account: none(),
                label: none(),
                scopes: Scopes::sql(),
                lifetime: hour,
            }),
            Change,
        ),
        (AdminRequest::Token(TokenRequest::List), Read),
        (AdminRequest::Token(TokenRequest::Revoke(none())), Change),
        (
            AdminRequest::Client(ClientRequest::Add {
                name: name("x"),
                redirect_uris: Vec::new(),
                device_flow: false,
                scopes: Scopes::sql(),
            }),
            Change,
        ),
        (AdminRequest::Client(ClientRequest::List), Read),
        (AdminRequest::Client(ClientRequest::Remove(none())), Change),
        (AdminRequest::Server(ServerRequest::Add { name: name("x"), target: unreachable.clone() }), Change),
        (AdminRequest::Server(ServerRequest::List), Read),
        (AdminRequest::Server(ServerRequest::Show(none())), Read),
        (AdminRequest::Server(ServerRequest::Probe(unreachable)), Change),
        (AdminRequest::Server(ServerRequest::Trust { server: none(), tls: TlsRule::SystemRoots }), Change),
        (AdminRequest::Server(ServerRequest::Remove { server: none(), with_databases: true }), Change),
        (AdminRequest::Database(DatabaseRequest::Add { alias: name("x"), server: none(), name: None }), Change),
        (AdminRequest::Database(DatabaseRequest::Retarget { database: none(), server: None, name: None }), Change),
        (AdminRequest::Database(DatabaseRequest::List), Read),
        (AdminRequest::Database(DatabaseRequest::Remove { database: none(), with_grants: true }), Change),
        (AdminRequest::Grant(grant), Change),
        (AdminRequest::Grant(GrantRequest::List), Read),
        (AdminRequest::Grant(GrantRequest::Remove(none())), Change),
        (AdminRequest::Session(SessionRequest::List), Read),
        (AdminRequest::Session(SessionRequest::End(none())), Change),
        (AdminRequest::Session(SessionRequest::EndAccount(none())), Change),
    ]
}

#[tokio::test]
async fn each_role_may_do_what_it_is_for_and_nothing_else() {
    let house = House::build();
    let mut actors = vec![(CONSOLE, true, true), (Actor::Appliance, false, false)];
    actors.push((Actor::Anonymous { claimed: Some("root".into()) }, false, false));
    house.group("taken").await;
    for (who, role, reads, changes) in [
        ("root", Role::Administrator, true, true),
        ("operator", Role::Operator, true, false),
        ("auditor", Role::Auditor, true, false),
        ("member", Role::Member, false, false),
    ] {
        actors.push((house.actor(&house.account(who, role).await), reads, changes));
    }
    let disabled = house.account("was administrator", Role::Administrator).await;
    house.identity().alter_account(&CONSOLE, disabled.id, Alteration::Disable).await.unwrap();
    actors.push((house.actor(&disabled), false, false));
    let removed = house.account("was there", Role::Administrator).await;
    house.identity().remove_account(&CONSOLE, removed.id).await.unwrap();
    actors.push((house.actor(&removed), false, false));

    let admin = house.admin(Some(Sessions::with(&[])));
    let (mut refused, before) = (0, house.audited().len());
    for (actor, reads, changes) in actors {
        for (request, need) in requests() {
            assert_eq!(request.need(), need, "{request:?}");
            let allowed = if need == Need::Read { reads } else { changes };
            let outcome = admin.handle(&actor, request.clone()).await;
            let was_refused = matches!(outcome, Err(AdminError::NotAllowed));
            assert_eq!(was_refused, !allowed, "{actor:?} {request:?}: {outcome:?}");
            refused += usize::from(was_refused);
        }
    }
    let audited = house.audited();
    let recorded = audited[before..].iter().filter(|entry| entry["action"] == "admin.refused");
    assert_eq!(recorded.count(), refused, "each refusal is in the audit");
    assert!(refused > 100);
}

#[tokio::test]
async fn a_role_counts_as_it_is_now_and_not_as_it_was() {
    let house = House::build();
    let (root, other) =
        (house.account("root", Role::Administrator).await, house.account("o", Role::Administrator).await);
    let (admin, actor) = (house.admin(None), house.actor(&other));
    let list = || AdminRequest::Account(AccountRequest::List);
    assert!(admin.handle(&actor, list()).await.is_ok());
    let demote = Alteration::Role(Role::Member);
    house.identity().alter_account(&house.actor(&root), other.id, demote).await.unwrap();
    assert!(matches!(admin.handle(&actor, list()).await, Err(AdminError::NotAllowed)));
}

#[tokio::test]
async fn sessions_are_listed_and_ended_and_the_audit_says_by_whom() {
    let house = House::build();
    let (ada, bob) = (house.member("ada").await, house.member("bob").await);
    let sessions = Sessions::with(&[(ada.id, "ada"), (ada.id, "ada"), (bob.id, "bob")]);
    let admin = house.admin(Some(sessions.clone()));
    let ask = async |request| admin.handle(&CONSOLE, AdminRequest::Session(request)).await;
    let Ok(AdminResponse::Sessions(listed)) = ask(SessionRequest::List).await else { panic!("no list") };
    assert_eq!(listed.len(), 3);
    let bobs = listed[2].id.to_string();
    assert!(matches!(ask(SessionRequest::End(bobs.clone())).await, Ok(AdminResponse::Ended { count: 1 })));
    assert!(matches!(ask(SessionRequest::End(bobs)).await, Err(AdminError::NoSuchSession(_))));
    assert!(matches!(ask(SessionRequest::EndAccount("ADA".into())).await, Ok(AdminResponse::Ended { count: 2 })));
    assert!(sessions.list().is_empty());
    assert_eq!(house.audited_actions()[2..], ["session.kill", "session.kill-account"]);
}

#[tokio::test]
async fn without_a_running_appliance_there_are_no_sessions() {
    let house = House::build();
    let outcome = house.admin(None).handle(&CONSOLE, AdminRequest::Session(SessionRequest::List)).await;
    assert!(matches!(outcome, Err(AdminError::NotRunning)));
}

#[tokio::test]
async fn a_removed_account_or_group_takes_its_grants_along() {
    let house = House::build();
    house.member("ada").await;
    house.group("sales").await;
    let admin = house.admin(None);
    let ask = async |request| admin.handle(&CONSOLE, request).await.unwrap();
    ask(AdminRequest::Server(ServerRequest::Add { name: name("main"), target: Target::new("sql1", 1433) })).await;
    let add = DatabaseRequest::Add { alias: name("crm"), server: "main".into(), name: None };
    ask(AdminRequest::Database(add)).await;
    for grantee in [GranteeName::Account("ada".into()), GranteeName::Group("sales".into())] {
        let password = SentSecret(Secret::new("x"));
        let (database, access, login) = ("crm".to_owned(), AccessLevel::Read, "l".to_owned());
        ask(AdminRequest::Grant(GrantRequest::Add { grantee, database, access, login, password, check: false })).await;
    }
    ask(AdminRequest::Account(AccountRequest::Remove("ada".into()))).await;
    assert_eq!(house.state.estate.grants().unwrap().len(), 1);
    ask(AdminRequest::Group(GroupRequest::Remove("sales".into()))).await;
    assert!(house.state.estate.grants().unwrap().is_empty());
}

#[tokio::test]
async fn a_sql_login_that_its_server_refuses_is_not_granted_and_one_that_cannot_be_tried_is() {
    let house = House::build();
    house.member("ada").await;
    house.member("bob").await;
    // Certificates are judged by the house's clock, so the peer's are made by it too.
    let peer = Peer::start(house.now()).await;
    let admin = house.admin(None);
    let ask = async |request| admin.handle(&CONSOLE, request).await;
    let server = ServerRequest::Add { name: name("main"), target: peer.target() };
    ask(AdminRequest::Server(server)).await.unwrap();
    let add = DatabaseRequest::Add { alias: name("crm"), server: "main".into(), name: Some("CRM_prod".into()) };
    ask(AdminRequest::Database(add)).await.unwrap();
    let grant = async |to: &str| {
        let (grantee, database) = (GranteeName::Account(to.into()), "crm".to_owned());
        let (access, login, password) = (AccessLevel::Read, "crm_ro".to_owned(), SentSecret(Secret::new("pw")));
        ask(AdminRequest::Grant(GrantRequest::Add { grantee, database, access, login, password, check: true })).await
    };
    let checked = |outcome| match outcome {
        Ok(AdminResponse::Grant(view)) => view.check.unwrap(),
        other => panic!("expected a grant, got {other:?}"),
    };

    peer.set(|manners| manners.login = Answer::Refuse(18456, "Login failed for user 'crm_ro'."));
    let refused = grant("ada").await;
    assert!(matches!(&refused, Err(AdminError::Login(text)) if text.contains("18456")), "{refused:?}");
    assert!(house.state.estate.grants().unwrap().is_empty());

    peer.set(|manners| manners.login = Answer::Welcome);
    assert_eq!(checked(grant("ada").await), "works");
    let login = peer.last_login();
    assert_eq!((login.user_name.as_str(), login.database.as_str()), ("crm_ro", "CRM_prod"));

    drop(peer);
    assert!(checked(grant("bob").await).starts_with("not tried"));
}

#[tokio::test]
async fn a_probe_shows_what_was_met_whether_it_is_believed_or_not() {
    let house = House::build();
    let peer = Peer::start(house.now()).await;
    let admin = house.admin(None);
    let probe = async |target| admin.handle(&CONSOLE, AdminRequest::Server(ServerRequest::Probe(target))).await;
    let Ok(AdminResponse::Met(believed)) = probe(peer.target()).await else { panic!("no answer") };
    assert!(believed.verified);
    let suspicious = Target { tls: TlsRule::SystemRoots, ..peer.target() };
    let Ok(AdminResponse::Met(met)) = probe(suspicious).await else { panic!("no answer") };
    assert!(!met.verified && !met.verdict.is_empty());
    assert_eq!(met.certificates[0].sha256, believed.certificates[0].sha256);
    assert_eq!(met.certificates[0].sha256.len(), 64);
    assert!(met.certificates[0].names.contains(&"localhost".to_owned()));
    let pinned = TlsRule::Certificate { sha256: met.certificates[0].sha256.clone() };
    let Ok(AdminResponse::Met(met)) = probe(Target { tls: pinned, ..peer.target() }).await else { panic!("no answer") };
    assert!(met.verified, "{}", met.verdict);
}

#[tokio::test]
async fn only_the_console_of_a_running_appliance_gets_a_set_up_code() {
    let house = House::build();
    let stopped = house.admin(None).handle(&CONSOLE, AdminRequest::SetUpCode).await;
    assert!(matches!(stopped, Err(AdminError::NotStarted)));
    let admin = house.admin(Some(Sessions::with(&[])));
    let Ok(AdminResponse::SetUpCode(made)) = admin.handle(&CONSOLE, AdminRequest::SetUpCode).await else {
        panic!("another answer")
    };
    let origin = gatehouse::identity::web::Origin::new(HERE, "");
    house.identity().check_set_up_code(&made.code.0, &origin).await.unwrap();
    let root = house.actor(&house.account("root", Role::Administrator).await);
    assert!(matches!(admin.handle(&root, AdminRequest::SetUpCode).await, Err(AdminError::NotAllowed)));
    assert!(matches!(admin.handle(&CONSOLE, AdminRequest::SetUpCode).await, Err(AdminError::SetUp(_))));
}
