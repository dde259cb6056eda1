//! The demonstration: a sample SQL Server, the gateway before it, two accounts, a database alias and a grant; all of it
//! on loopback, in one folder, with passwords made for the occasion.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context as _;
use serde::Serialize;

use super::appliance::Appliance;
use crate::audit::Actor;
use crate::config::{self, Config};
use crate::domain::{AccessLevel, Name, Role, Secret, ServerId};
use crate::estate::{Dependents, Grantee, NewGrant};
use crate::identity::{IdentityError, NewAccount, generated};
use crate::platform::{Clock, Tasks, files};
use crate::sample::{Sample, SampleOptions};
use crate::state::{Layout, State};
use crate::tls::Anchor;
use crate::upstream::{Target, TlsRule};
use crate::web::DemoNote;

/// The member whose account workstations use.
const ACCOUNT: &str = "ada";
const ADMINISTRATOR: &str = "admin";
/// The alias, and what it points at: two names, so that everybody sees that they are two things.
const ALIAS: &str = "trade";
const DATABASE: &str = "Nordwind";
const SERVER: &str = "sample";
/// The SQL login that sees [`DATABASE`] and nothing else.
const SQL_LOGIN: &str = "nordwind_app";

/// A running demonstration.
#[derive(Debug)]
pub struct Demo {
    /// The appliance.
    pub appliance: Appliance,
    /// The server behind it.
    pub sample: Sample,
    /// How to connect.
    pub access: Access,
    /// Where `demo.json` is.
    pub file: PathBuf,
    tasks: Tasks,
}

/// Which ports to take; 0 is a free one.
#[derive(Debug, Clone, Copy, Default)]
pub struct Ports {
    /// Everything: SQL clients and browsers.
    pub all: u16,
    /// SQL clients alone, for those that know only their usual port.
    pub sql: Option<u16>,
    /// The sample server.
    pub server: u16,
}

/// How to connect to a demonstration: the content of `demo.json`, which is for its owner alone. A demonstration holds
/// nothing worth hiding, so this is the one place where passwords are written down on purpose.
#[derive(Clone, Serialize)]
pub struct Access {
    /// The host for SQL clients.
    pub sql_host: String,
    /// The port for SQL clients, which is the one for everything.
    pub sql_port: u16,
    /// The port for SQL clients alone, if there is one.
    pub sql_only_port: Option<u16>,
    /// Where browsers go: the same port.
    pub https_url: String,
    /// Where its numbers are.
    pub metrics_url: String,
    /// The database alias.
    pub database: String,
    /// The account to sign in with.
    pub account: String,
    /// Its password.
    pub password: String,
    /// The authority to trust, in PEM form.
    pub ca_file: PathBuf,
    /// SHA-256 of that certificate: what `gatehouse trust install` compares.
    pub ca_sha256: String,
    /// The gateway's own certificate, in PEM form, for drivers that compare instead of trusting (`ServerCertificate=`).
    pub certificate_file: PathBuf,
    /// An administrator's account.
    pub admin_account: String,
    /// Its password.
    pub admin_password: String,
    /// The sample server's own port: what no workstation should need.
    pub server_port: u16,
    /// The sample server's name in the estate.
    pub server: String,
    /// The SQL login that the grant uses: what no workstation should know.
    pub server_login: String,
    /// Its password.
    pub server_password: String,
    /// The database at the sample server.
    pub server_database: String,
    /// The sample server's own certificate, in PEM form.
    pub server_ca_file: PathBuf,
}

impl std::fmt::Debug for Access {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Access").field("sql_port", &self.sql_port).finish_non_exhaustive()
    }
}

impl Demo {
    /// Starts it in `folder`, which is empty or held a demonstration before.
    pub async fn start(folder: &Path, mut config: Config, ports: Ports, clock: Arc<dyn Clock>) -> anyhow::Result<Self> {
        let file = folder.join("demo.json");
        take_over(folder, &file)?;
        let tasks = Tasks::new();
        let (application, other) = (generated::password()?, generated::password()?);
        let mut options = SampleOptions::new(generated::password()?, application.clone(), other);
        options.listen = loopback(ports.server);
        let sample = Sample::start(options, &tasks, Arc::clone(&clock)).await?;

        // Whatever this machine's own settings say: a demonstration has an authority and a key of its own, and orders nothing.
        config.tls = config::Tls::default();
        config.acme = config::Acme::default();
        config.keys = Config::for_folder(folder).keys;
        config.appliance.name = "Gatehouse demo".to_owned();
        config.appliance.names = ["localhost", "127.0.0.1", "::1"].map(str::to_owned).to_vec();
        config.listen.https = loopback(ports.all);
        config.listen.sql = ports.sql.map(loopback).unwrap_or_default();
        config.listen.metrics = vec![SocketAddr::from((Ipv4Addr::LOCALHOST, 0))];
        let note = DemoNote { database: ALIAS.to_owned(), account: ACCOUNT.to_owned() };
        let appliance = Appliance::start(&config, Arc::clone(&clock), Some(note)).await?;

        let state = appliance.state();
        let server = set_up_server(state, &sample).await?;
        let password = set_up_account(state, ACCOUNT, Role::Member).await?;
        let admin_password = set_up_account(state, ADMINISTRATOR, Role::Administrator).await?;
        set_up_grant(state, server, &application).await?;

        let (ca_file, server_ca_file) = (Layout::of(folder).authority(), folder.join("sample-server.pem"));
        let certificate_file = folder.join("certificate.pem");
        let authority = appliance.authority_pem();
        let ca_sha256 = Anchor::read(authority.as_bytes())?.sha256().to_owned();
        files::write_public(&certificate_file, appliance.certificate_pem().as_bytes())?;
        files::write_public(&server_ca_file, sample.certificate_pem().as_bytes())?;
        let port = first_port(appliance.https_addresses())?;
        let access = Access {
            sql_host: "localhost".to_owned(),
            sql_port: port,
            sql_only_port: ports.sql.map(|_| first_port(appliance.sql_addresses())).transpose()?,
            https_url: format!("https://localhost:{port}/"),
            metrics_url: format!("http://127.0.0.1:{}/metrics", first_port(appliance.metrics_addresses())?),
            database: ALIAS.to_owned(),
            account: ACCOUNT.to_owned(),
            password: password.expose().to_owned(),
            ca_file,
            ca_sha256,
            certificate_file,
            admin_account: ADMINISTRATOR.to_owned(),
            admin_password: admin_password.expose().to_owned(),
            server_port: sample.address().port(),
            server: SERVER.to_owned(),
            server_login: SQL_LOGIN.to_owned(),
            server_password: application.expose().to_owned(),
            server_database: DATABASE.to_owned(),
            server_ca_file,
        };
        // Written aside and renamed: whoever waits for it never sees half of it.
        files::write_private(&file, &serde_json::to_vec_pretty(&access)?)?;
        Ok(Self { appliance, sample, access, file, tasks })
    }

    /// Lets go of the parts: the appliance to be run, and what keeps the sample server alive.
    pub fn into_parts(self) -> (Appliance, Sample, Tasks) {
        (self.appliance, self.sample, self.tasks)
    }
}

/// A folder that holds something else is left alone; what an earlier demonstration announced is taken back.
fn take_over(folder: &Path, file: &Path) -> anyhow::Result<()> {
    files::private_folder(folder)?;
    let began = folder.join("demo");
    let empty = std::fs::read_dir(folder)?.next().is_none();
    anyhow::ensure!(
        empty || began.exists(),
        "{} is neither empty nor of an earlier demonstration; name another folder with --data-dir",
        folder.display()
    );
    files::write_private(&began, b"This folder belongs to `gatehouse demo`.\n")?;
    if file.exists() {
        std::fs::remove_file(file)?;
    }
    Ok(())
}

async fn set_up_server(state: &State, sample: &Sample) -> anyhow::Result<ServerId> {
    let mut target = Target::new("127.0.0.1", sample.address().port());
    target.tls = TlsRule::Authority { pem: sample.certificate_pem() };
    let known = state.estate.servers()?.into_iter().find(|server| server.name.as_str() == SERVER);
    let server = match known {
        Some(server) => state.estate.set_target(&Actor::Console, server.id, target).await?,
        None => state.estate.add_server(&Actor::Console, Name::parse(SERVER)?, target).await?,
    };
    Ok(server.id)
}

async fn set_up_account(state: &State, name: &str, role: Role) -> anyhow::Result<Secret> {
    let password = generated::password()?;
    match state.identity.account(name) {
        Ok(account) => state.identity.set_password(&Actor::Console, account.id, password.clone()).await?,
        Err(IdentityError::NoSuch { .. }) => {
            let new = NewAccount { role, password: Some(password.clone()), ..NewAccount::member(Name::parse(name)?) };
            state.identity.add_account(&Actor::Console, new).await?
        }
        Err(error) => return Err(error.into()),
    };
    Ok(password)
}

/// The alias and the grant, made anew: the sample server's passwords are others at each start.
async fn set_up_grant(state: &State, server: ServerId, password: &Secret) -> anyhow::Result<()> {
    if let Some(old) = state.estate.databases()?.into_iter().find(|database| database.alias.as_str() == ALIAS) {
        state.estate.remove_database(&Actor::Console, old.id, Dependents::Remove).await?;
    }
    let alias = Name::parse(ALIAS)?;
    let database = state.estate.add_database(&Actor::Console, alias, server, DATABASE.to_owned()).await?;
    let grant = NewGrant {
        grantee: Grantee::Account(state.identity.account(ACCOUNT)?.id),
        database: database.id,
        access: AccessLevel::Owner,
        login_user: SQL_LOGIN.to_owned(),
        login_password: password.clone(),
    };
    state.estate.add_grant(&Actor::Console, grant).await?;
    Ok(())
}

fn loopback(port: u16) -> Vec<SocketAddr> {
    vec![SocketAddr::from((Ipv4Addr::LOCALHOST, port)), SocketAddr::from((Ipv6Addr::LOCALHOST, port))]
}

fn first_port(addresses: &[SocketAddr]) -> anyhow::Result<u16> {
    addresses.first().map(SocketAddr::port).context("a port that the demonstration needs is taken by another program")
}
