//! The whole appliance in process, in a temporary folder, in front of a sample server: what `demo` starts, with the
//! settings of the test.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use gatehouse::app::Appliance;
use gatehouse::app::demo::{Demo, Ports};
use gatehouse::config::Config;
use gatehouse::platform::{Clock, SystemClock};
use gatehouse::state::State;
use tokio_util::compat::{Compat, TokioAsyncReadCompatExt as _};

use super::ports;

pub type Client = tiberius::Client<Compat<tokio::net::TcpStream>>;

/// An appliance, its sample server, and how to connect.
pub struct TestAppliance {
    pub demo: Demo,
    pub folder: tempfile::TempDir,
}

impl TestAppliance {
    pub async fn start() -> Self {
        Self::with(|_| {}).await
    }

    /// With settings that the test changes.
    pub async fn with(change: impl FnOnce(&mut Config)) -> Self {
        Self::on(Ports::default(), change).await
    }

    /// With a door for SQL clients alone beside the one for everything.
    pub async fn with_sql_door() -> Self {
        Self::on(Ports { sql: Some(0), ..Ports::default() }, |_| {}).await
    }

    /// At a port where nobody answers once it has ended.
    pub async fn with_its_port() -> Self {
        Self::on(Ports { all: ports::own(), ..Ports::default() }, |_| {}).await
    }

    /// With a sample server that comes back at its port after it was stopped.
    pub async fn with_its_servers_port() -> Self {
        Self::on(Ports { server: ports::own(), ..Ports::default() }, |_| {}).await
    }

    async fn on(ports: Ports, change: impl FnOnce(&mut Config)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().join("data");
        let mut config = Config::for_tests(&data);
        change(&mut config);
        Self { demo: start(&data, config, ports).await, folder }
    }

    /// Drains it and starts it again in the same folder.
    pub async fn restarted(self) -> Self {
        let Self { demo, folder } = self;
        let (appliance, sample, _tasks) = demo.into_parts();
        appliance.drain().await;
        sample.stop();
        let data = folder.path().join("data");
        let config = Config::for_tests(&data);
        Self { demo: start(&data, config, Ports::default()).await, folder }
    }

    pub fn appliance(&self) -> &Appliance {
        &self.demo.appliance
    }

    pub fn state(&self) -> &State {
        self.demo.appliance.state()
    }

    /// Where SQL clients go: the one port for everything.
    pub fn sql(&self) -> SocketAddr {
        self.appliance().https_addresses()[0]
    }

    pub fn root_pem(&self) -> String {
        self.appliance().authority_pem()
    }

    /// A real driver's connection, its certificate verified, or the driver's own error.
    pub async fn connect(&self, user: &str, password: &str, database: &str) -> tiberius::Result<Client> {
        connect(self.sql(), &self.demo.access.ca_file, [user, password, database]).await
    }

    /// A connection as the demo's account.
    pub async fn ada(&self) -> Client {
        let access = &self.demo.access;
        self.connect(&access.account, &access.password, &access.database).await.unwrap()
    }

    /// An HTTPS client that trusts the appliance's authority and nothing else.
    pub fn browser(&self) -> reqwest::Client {
        let root = reqwest::Certificate::from_pem(self.root_pem().as_bytes()).unwrap();
        // A second installation finds the first, which is the same.
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        reqwest::Client::builder().tls_built_in_root_certs(false).add_root_certificate(root).build().unwrap()
    }
}

/// A real driver's connection to a gateway, its certificate verified.
pub async fn connect(gate: SocketAddr, ca_file: &Path, sign_in: [&str; 3]) -> tiberius::Result<Client> {
    let [user, password, database] = sign_in;
    let mut config = tiberius::Config::new();
    config.host("localhost");
    config.port(gate.port());
    config.database(database);
    config.authentication(tiberius::AuthMethod::sql_server(user, password));
    config.encryption(tiberius::EncryptionLevel::Required);
    config.trust_cert_ca(ca_file.display().to_string());
    let tcp = tokio::net::TcpStream::connect(gate).await?;
    tcp.set_nodelay(true)?;
    tiberius::Client::connect(config, tcp.compat()).await
}

async fn start(data: &Path, config: Config, ports: Ports) -> Demo {
    let clock: Arc<dyn Clock> = SystemClock::new();
    Demo::start(data, config, ports, clock).await.unwrap()
}

/// The first column of the first row, as text.
pub async fn scalar(client: &mut Client, sql: &str) -> tiberius::Result<String> {
    let row = client.simple_query(sql).await?.into_row().await?.unwrap();
    Ok(row.get::<&str, _>(0).unwrap_or_default().to_owned())
}
