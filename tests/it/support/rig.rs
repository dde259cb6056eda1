//! A gateway with everything that it needs, in a temporary folder, in front of a scripted SQL Server.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use gatehouse::audit::{Actor, Audit};
use gatehouse::config;
use gatehouse::domain::{AccessLevel, AccountId, Events, GrantId, Name, Secret};
use gatehouse::estate::{Estate, Grantee, NewGrant};
use gatehouse::gateway::{Gateway, Parts};
use gatehouse::identity::{Identity, NewAccount};
use gatehouse::platform::{Clock, ManualClock, SystemClock, Tasks};
use gatehouse::store::{Store, StoreOptions};
use gatehouse::tls::{Certificates, Root, ServerConfigs};
use gatehouse::upstream::{Dialer, Target};
use tokio::net::TcpListener;

use super::caller::{self, LoggedIn, Tunnelled};
use super::house::whole_lines;
use super::peer::Peer;

pub const PASSWORD: &str = "correct horse battery";
pub const SQL_USER: &str = "sales_reader";
pub const SQL_PASSWORD: &str = "a SQL password that nobody sees";

/// A gateway, `ada` with a grant of `sales`, and `bob` without one.
pub struct Rig {
    pub gateway: Gateway,
    pub address: SocketAddr,
    pub root_pem: String,
    pub identity: Identity,
    pub estate: Estate,
    pub peer: Peer,
    pub clock: Arc<dyn Clock>,
    pub ada: AccountId,
    pub grant: GrantId,
    pub tasks: Tasks,
    folder: tempfile::TempDir,
    accepting: tokio::task::JoinHandle<()>,
}

impl Drop for Rig {
    fn drop(&mut self) {
        self.accepting.abort();
        self.tasks.stop();
    }
}

impl Rig {
    pub async fn start() -> Self {
        Self::with(config::Gateway::default()).await
    }

    pub async fn with(settings: config::Gateway) -> Self {
        Self::build(settings, SystemClock::new(), |target| target).await
    }

    /// With a clock that the test moves; it starts at the real time, since certificates are verified by it.
    pub async fn with_manual_clock(settings: config::Gateway) -> (Self, Arc<ManualClock>) {
        let clock = ManualClock::starting_at(SystemClock::new().now());
        let rig = Self::build(settings, Arc::clone(&clock) as _, |target| target).await;
        (rig, clock)
    }

    pub async fn build(
        settings: config::Gateway,
        clock: Arc<dyn Clock>,
        change_target: impl FnOnce(Target) -> Target,
    ) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let tables = gatehouse::identity::tables().into_iter().chain(gatehouse::estate::tables()).collect();
        let (store, _) = Store::open(StoreOptions {
            folder: folder.path().join("store"),
            master_key_file: folder.path().join("master.key"),
            tables,
            clock: Arc::clone(&clock),
        })
        .unwrap();
        let audit = Audit::open(&folder.path().join("audit"), Arc::clone(&clock)).unwrap();
        let events = Events::new();
        let all_settings = config::Config::default();
        let identity =
            Identity::open(store.clone(), audit.clone(), Arc::clone(&clock), events.clone(), &all_settings).unwrap();
        let estate = Estate::open(store, audit.clone(), Arc::clone(&clock), events.clone());

        let peer = Peer::start(clock.now()).await;
        let ada = member(&identity, "ada").await;
        member(&identity, "bob").await;
        let server = estate.add_server(&ACTOR, name("main"), change_target(peer.target())).await.unwrap();
        let sales = estate.add_database(&ACTOR, name("sales"), server.id, "SalesDB".into()).await.unwrap();
        let grant = NewGrant {
            grantee: Grantee::Account(ada),
            database: sales.id,
            access: AccessLevel::Read,
            login_user: SQL_USER.into(),
            login_password: Secret::new(SQL_PASSWORD),
        };
        let grant = estate.add_grant(&ACTOR, grant).await.unwrap().id;

        let root = Root::create("Gate", clock.now()).unwrap();
        let leaf = root.issue(&["localhost".into()], Duration::from_secs(86_400 * 30), clock.now()).unwrap();
        let ServerConfigs { tunnel, strict, .. } = ServerConfigs::new(&Certificates::showing(leaf)).unwrap();
        let dialer = Dialer::new(Arc::clone(&clock), settings.dial_timeout);
        let tasks = Tasks::new();
        let parts = Parts {
            identity: identity.clone(),
            estate: estate.clone(),
            audit,
            events,
            clock: Arc::clone(&clock),
            dialer,
            settings,
            tunnel,
            strict,
        };
        let gateway = Gateway::new(parts, &tasks);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (serving, group) = (gateway.clone(), tasks.clone());
        let accepting = tokio::spawn(async move {
            while let Ok((tcp, peer)) = listener.accept().await {
                let serving = serving.clone();
                group.spawn("session", async move { serving.serve(tcp, peer.ip(), ()).await });
            }
        });
        let root_pem = root.certificate_pem();
        Self { gateway, address, root_pem, identity, estate, peer, clock, ada, grant, tasks, folder, accepting }
    }

    /// A raw client over TDS 7.x, encrypted, before its login.
    pub async fn call(&self) -> Tunnelled {
        caller::tunnel(self.address, &self.root_pem, &caller::prelogin()).await
    }

    /// A raw client that is logged in as ada.
    pub async fn ada(&self) -> Tunnelled {
        let mut caller = self.call().await;
        match caller.log_in(&caller::login("ada", PASSWORD, "sales")).await {
            LoggedIn::Yes(_) => caller,
            other => panic!("{other:?}"),
        }
    }

    /// The error that a login gets.
    pub async fn refusal(&self, login: &gatehouse::tds::Login7) -> gatehouse::tds::token::ServerMessage {
        self.call().await.log_in(login).await.error()
    }

    /// The audit's lines whose action is `action`.
    pub fn audited(&self, action: &str) -> Vec<serde_json::Value> {
        let mut lines = Vec::new();
        let mut segments: Vec<_> =
            std::fs::read_dir(self.folder.path().join("audit")).unwrap().map(|entry| entry.unwrap().path()).collect();
        segments.sort();
        for segment in segments.iter().filter(|path| path.extension().is_some_and(|extension| extension == "jsonl")) {
            let text = std::fs::read_to_string(segment).unwrap();
            lines.extend(
                whole_lines(&text)
                    .filter(|line| line.contains(&format!("\"{action}\"")))
                    .map(|line| serde_json::from_str(line).unwrap()),
            );
        }
        lines
    }

    /// Waits until `condition` holds; a test that waits in vain fails by its own time limit.
    pub async fn until(&self, what: &str, condition: impl Fn(&Self) -> bool) {
        until(what, || condition(self)).await;
    }
}

/// Waits for a condition that other tasks bring about.
pub async fn until(what: &str, condition: impl Fn() -> bool) {
    for _ in 0..12_000 {
        if condition() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    panic!("waited in vain until {what}");
}

pub async fn member(identity: &Identity, who: &str) -> AccountId {
    let new = NewAccount { password: Some(Secret::new(PASSWORD)), ..NewAccount::member(name(who)) };
    identity.add_account(&ACTOR, new).await.unwrap().id
}

pub fn name(text: &str) -> Name {
    Name::parse(text).unwrap()
}

pub const ACTOR: Actor = Actor::Console;
