//! `gatehouse demo`: a sample SQL Server, the gateway before it, an account and a database, in one command.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context as _;

use super::{Settings, output};
use crate::app::demo::{Access, Demo as Running, Ports};
use crate::app::lifecycle;
use crate::config::Config;
use crate::connector::local::guard::Guard;
use crate::platform::signals::Signals;
use crate::platform::{Clock, SystemClock, files};

#[derive(Debug, clap::Args)]
pub(super) struct Demo {
    /// The port for everything: SQL clients and browsers; 0 takes a free one
    #[arg(long, value_name = "PORT", default_value_t = 8443)]
    port: u16,
    /// One more port, for SQL clients that know only their usual one; 0 takes a free one
    #[arg(long, value_name = "PORT")]
    sql_port: Option<u16>,
    /// The sample SQL Server's own port; 0 takes a free one
    #[arg(long, value_name = "PORT", default_value_t = 0)]
    server_port: u16,
}

impl Demo {
    /// Runs the demonstration until it is told to stop. A folder of its own making is removed again.
    pub(super) fn run(&self, settings: &Settings) -> anyhow::Result<()> {
        let folder = Folder::of(settings)?;
        let mut settings = settings.clone();
        settings.data_dir = Some(folder.path.clone());
        let config = settings.load()?.config;
        crate::telemetry::init(&config.log)?;
        tokio::runtime::Runtime::new()?.block_on(self.serve(&folder.path, config))
    }

    async fn serve(&self, folder: &Path, config: Config) -> anyhow::Result<()> {
        let mut signals = Signals::listen()?;
        let clock: Arc<dyn Clock> = SystemClock::new();
        let ports = Ports { all: self.port, sql: self.sql_port, server: self.server_port };
        let demo = Running::start(folder, config, ports, Arc::clone(&clock)).await?;
        show(&demo.access, &demo.file);
        let (appliance, sample, tasks) = demo.into_parts();
        lifecycle::until_told(appliance, &mut signals, clock).await;
        sample.stop();
        tasks.stop();
        Ok(())
    }
}

/// The folder that the demonstration lives in: the one that was named, or one for this run alone.
struct Folder {
    path: PathBuf,
    temporary: bool,
}

impl Folder {
    fn of(settings: &Settings) -> anyhow::Result<Self> {
        if let Some(path) = &settings.data_dir {
            files::private_folder(path).context("the demonstration needs a folder of its own")?;
            return Ok(Self { path: std::path::absolute(path)?, temporary: false });
        }
        let path = std::env::temp_dir().join(format!("gatehouse-demo-{}", uuid::Uuid::new_v4().simple()));
        Ok(Self { path, temporary: true })
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if self.temporary {
            // It holds nothing but the demonstration; the key lies beside it.
            let _ = std::fs::remove_dir_all(&self.path);
            let _ = std::fs::remove_file(self.path.with_extension("key"));
        }
    }
}

fn show(access: &Access, file: &Path) {
    let Access { sql_host: host, sql_port: port, database, account, password, .. } = access;
    let ca = access.ca_file.display();
    output::line(format_args!(
        "
Gatehouse demo: a sample SQL Server (a model of one, not SQL Server itself) with the gateway before it.

  page       {url}
  numbers    {metrics}
  server     {host},{port}
  database   {database}
  account    {account}
  password   {password}
  trust      {ca}
  SHA-256    {sha256}
  all this   {file}

Paste one of these:

  sqlcmd -S {host},{port} -d {database} -U {account} -P '{password}' -N strict -J {certificate} -Q 'SELECT TOP 5 * FROM dbo.Customers'

  Driver={{ODBC Driver 18 for SQL Server}};Server={host},{port};Database={database};UID={account};PWD={{{password}}};Encrypt=strict;ServerCertificate={certificate}

  python3 -c \"import pytds; print(pytds.connect('{host}', '{database}', '{account}', '{password}', port={port}, cafile='{ca}').cursor().execute('SELECT DB_NAME(), SUSER_SNAME()').fetchall())\"

Or sign in at {url} as {account}, and copy what is there for workstations. A program that cannot do TLS connects to
127.0.0.1,1433 with any password, while this runs:

  {program} connect {url} --fingerprint {sha256}{others}

Administer it, for example:

  {program} admin session list --data-dir {folder}
  {program} admin account disable {account} --data-dir {folder}

Ctrl-C ends it.
",
        url = access.https_url,
        metrics = access.metrics_url,
        program = std::env::current_exe().unwrap_or_else(|_| "gatehouse".into()).display(),
        sha256 = access.ca_sha256,
        // Where it cannot be told whose programs connect there, all are let in: this is a demonstration.
        others = if Guard::same_user().is_some() { "" } else { " --allow-other-users" },
        certificate = access.certificate_file.display(),
        file = file.display(),
        folder = file.parent().unwrap_or(Path::new(".")).display(),
    ));
}
