//! A connector before a whole appliance: in process, and what a person does in the browser for it.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use gatehouse::connector::client::Client;
use gatehouse::connector::discovery::{Fetcher, Search, SystemLookup, discover};
use gatehouse::connector::kept::Known;
use gatehouse::connector::local::{self, guard::Guard};
use gatehouse::connector::oauth::code::by_code;
use gatehouse::connector::oauth::{OAuth, Tokens};
use gatehouse::connector::vault::{Keeps, Kept, Vault};
use gatehouse::connector::{Access, Connector, Folder, Parts};
use gatehouse::domain::Secret;
use gatehouse::identity::oauth::AuthorizationRequest;
use gatehouse::identity::web::{Origin, Step, Visit};
use gatehouse::platform::{Clock, SystemClock, SystemResolver};
use gatehouse::upstream::Dialer;
use tokio_util::compat::TokioAsyncReadCompatExt as _;

use super::appliance::{Client as Sql, TestAppliance};

/// An appliance, and where its endpoints are.
pub struct Bench {
    pub house: TestAppliance,
    pub port: u16,
    pub folder: tempfile::TempDir,
    pub clock: Arc<dyn Clock>,
}

impl Bench {
    pub async fn start() -> Self {
        Self::before(TestAppliance::start().await)
    }

    /// Before this one.
    pub fn before(house: TestAppliance) -> Self {
        let port = house.sql().port();
        Self { house, port, folder: tempfile::tempdir().unwrap(), clock: SystemClock::new() }
    }

    pub fn url(&self) -> String {
        format!("https://localhost:{}", self.port)
    }

    pub fn fingerprint(&self) -> &str {
        &self.house.demo.access.ca_sha256
    }

    /// The appliance as a workstation finds and believes it.
    pub async fn known(&self) -> Known {
        let fingerprint = Some(self.fingerprint().to_owned());
        let search = Search { given: Some(self.url()), fingerprint, ..Search::default() };
        let fetcher = Fetcher::with_roots(Arc::new(SystemResolver::new()), rustls::RootCertStore::empty());
        let outcome = discover(&search, &SystemLookup::new(), &fetcher, &*self.clock).await;
        Known::of(&outcome.found.unwrap(), Keeps::File).unwrap()
    }

    pub fn client(&self, known: &Known) -> Client {
        Client::new(&known.place, &known.pin, Arc::new(SystemResolver::new()), Arc::clone(&self.clock)).unwrap()
    }

    pub async fn state(&self, known: &Known) -> (Folder, Vault) {
        let folder = Folder::of(self.folder.path(), &known.place);
        folder.make().unwrap();
        let vault = Vault::open(&folder, known).await.unwrap();
        (folder, vault)
    }

    /// Ada in her browser.
    pub async fn visit(&self) -> Visit {
        let (identity, access) = (&self.house.state().identity, &self.house.demo.access);
        let here = Origin::new("127.0.0.1".parse().unwrap(), "browser");
        let password = Secret::new(access.password.as_str());
        let Step::Done(begun) = identity.web_sign_in(&access.account, &password, &here).await.unwrap() else {
            panic!("another stage")
        };
        identity.visit(&begun.cookie, &here).await.unwrap().unwrap()
    }

    /// Signs in as Ada does: she opens the page and agrees.
    pub async fn sign_in(&self, known: &Known) -> Tokens {
        let oauth = OAuth::discover(self.client(known), &known.oauth, Arc::clone(&self.clock)).await.unwrap();
        let (identity, visit) = (self.house.state().identity.clone(), self.visit().await);
        let agree = |page: &str| {
            let page = page.to_owned();
            tokio::spawn(async move { fetch(&consent(&identity, &visit, &page).await).await });
        };
        by_code(&oauth, agree).await.unwrap()
    }

    /// A connector of Ada's, on a free port.
    pub async fn connect(&self, guard: Guard) -> Connector {
        let known = self.known().await;
        let (_, vault) = self.state(&known).await;
        let tokens = match vault.load().await.unwrap().and_then(Kept::tokens) {
            Some(tokens) => tokens,
            None => self.sign_in(&known).await,
        };
        vault.store(&Kept::Program(tokens.clone())).await.unwrap();
        let client = self.client(&known);
        let access = Access::program(client, &known.oauth, vault, tokens, Arc::clone(&self.clock));
        self.run(known, access, guard).await
    }

    pub async fn run(&self, known: Known, access: Access, guard: Guard) -> Connector {
        let parts = Parts {
            client: self.client(&known),
            access,
            guard,
            listeners: local::bind(&["127.0.0.1:0".parse().unwrap()]).await.unwrap(),
            folder: self.state(&known).await.0,
            credential: "a test".to_owned(),
            dialer: Dialer::new(Arc::clone(&self.clock), Duration::from_secs(15)),
            known,
        };
        Connector::start(parts, Arc::clone(&self.clock))
    }

    /// One that has its first document.
    pub async fn connected(&self) -> Connector {
        let connector = self.connect(Guard::Everybody).await;
        connector.watch().wait_for(|now| now.document.is_some()).await.unwrap();
        connector
    }
}

/// What the browser is sent back to when the person agrees on this page.
pub async fn consent(identity: &gatehouse::identity::Identity, visit: &Visit, page: &str) -> String {
    let query = page.split_once('?').unwrap().1;
    let value =
        |name: &str| form_urlencoded::parse(query.as_bytes()).find(|(key, _)| key == name).map(|(_, v)| v.into_owned());
    let request = AuthorizationRequest {
        client_id: value("client_id").unwrap(),
        redirect_uri: value("redirect_uri").unwrap(),
        response_type: value("response_type").unwrap(),
        scope: value("scope"),
        code_challenge: value("code_challenge"),
        code_challenge_method: value("code_challenge_method"),
    };
    let code = identity.authorize(visit, &identity.authorization(&request).unwrap()).await.unwrap();
    let issuer = page.split_once("/oauth/").unwrap().0;
    let answer = form_urlencoded::Serializer::new(String::new())
        .extend_pairs([("code", code.expose()), ("state", &value("state").unwrap()), ("iss", issuer)])
        .finish();
    format!("{}?{answer}", request.redirect_uri)
}

/// Opens an address, and gives what the page says.
pub async fn fetch(url: &str) -> String {
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let client = reqwest::Client::builder().tls_built_in_root_certs(false).build().unwrap();
    client.get(url).send().await.unwrap().text().await.unwrap()
}

/// A real driver with any name and password.
pub async fn driver(
    at: SocketAddr,
    encryption: tiberius::EncryptionLevel,
    [user, password, database]: [&str; 3],
) -> tiberius::Result<Sql> {
    let mut config = tiberius::Config::new();
    config.host("localhost");
    config.port(at.port());
    config.database(database);
    config.authentication(tiberius::AuthMethod::sql_server(user, password));
    config.encryption(encryption);
    config.trust_cert();
    let tcp = tokio::net::TcpStream::connect(at).await?;
    tcp.set_nodelay(true)?;
    Sql::connect(config, tcp.compat()).await
}
