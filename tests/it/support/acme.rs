//! An appliance that orders its certificate from pebble, with a clock that the test makes leap and names that it looks up itself.

use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use gatehouse::app::Appliance;
use gatehouse::config::Config;
use gatehouse::domain::Timestamp;
use gatehouse::platform::{Clock, Resolve, Resolving};
use gatehouse::tls::{Origin, Status};

use super::leaping::LeapingClock;
use super::pebble::Ports;
use super::ports;

/// The name that is ordered.
pub const NAME: &str = "sql.example.org";

/// How long anything may take on a busy machine, with checks that pebble delays, before it counts as stuck.
const STUCK: Duration = Duration::from_secs(240);

pub struct AcmeAppliance {
    pub appliance: Appliance,
    pub clock: Arc<LeapingClock>,
    /// Where the names lead.
    pub names: Names,
    folder: tempfile::TempDir,
    config: Config,
}

/// A look-up of names that the test answers. Clones give the same answer.
#[derive(Clone)]
pub struct Names(Arc<Mutex<Option<SocketAddr>>>);

impl Names {
    pub fn leading_to(address: Option<&str>) -> Self {
        let names = Self(Arc::default());
        names.lead_to(address);
        names
    }

    pub fn lead_to(&self, address: Option<&str>) {
        *self.0.lock().unwrap() = address.map(|address| address.parse().unwrap());
    }
}

impl Resolve for Names {
    fn resolve<'a>(&'a self, _host: &'a str, _port: u16) -> Resolving<'a> {
        let found = *self.0.lock().unwrap();
        Box::pin(async move { found.map(|one| vec![one]).ok_or_else(|| io::Error::other("Name or service not known")) })
    }
}

impl AcmeAppliance {
    /// Starts it: its port for everything is where pebble checks, its names lead to it.
    pub async fn start(ports: Ports, root_file: &Path, change: impl FnOnce(&mut Config)) -> Self {
        Self::start_where(Names::leading_to(Some("127.0.0.1:443")), ports, root_file, change).await
    }

    /// The same where the names lead elsewhere, as far as the appliance can see.
    pub async fn start_where(names: Names, ports: Ports, root_file: &Path, change: impl FnOnce(&mut Config)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut config = Config::for_tests(&folder.path().join("data"));
        config.appliance.names.insert(0, NAME.to_owned());
        config.listen.https = vec![SocketAddr::from(([127, 0, 0, 1], ports.tls))];
        config.acme.enabled = true;
        config.acme.directory = Some(ports.directory_url());
        config.acme.root_file = Some(root_file.to_owned());
        config.acme.contact = vec!["it@example.org".to_owned()];
        change(&mut config);
        let clock = LeapingClock::new();
        let appliance = run(&config, &clock, &names).await;
        Self { appliance, clock, names, folder, config }
    }

    /// Stops it and starts it again on the same data.
    pub async fn restarted(self) -> Self {
        self.restarted_with(|_| {}).await
    }

    /// The same with other settings.
    pub async fn restarted_with(self, change: impl FnOnce(&mut Config)) -> Self {
        let Self { appliance, clock, names, folder, mut config } = self;
        appliance.stop().await;
        change(&mut config);
        let appliance = run(&config, &clock, &names).await;
        Self { appliance, clock, names, folder, config }
    }

    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The port for everything.
    pub fn port(&self) -> SocketAddr {
        self.appliance.https_addresses()[0]
    }

    /// How ACME fares.
    pub fn status(&self) -> Status {
        self.appliance.certificate_sources().into_iter().find(|status| status.origin == Origin::Acme).unwrap()
    }

    /// What the health board says of it, or nothing.
    pub fn said(&self) -> String {
        let found = self.appliance.health().problems().into_iter().find(|(what, _)| what == "tls.acme");
        found.map(|(_, text)| text).unwrap_or_default()
    }

    /// Waits until ACME's certificate is another than `before`, and shown. Gives its fingerprint.
    pub async fn certified(&self, before: Option<&str>) -> String {
        let what = "until there is a new certificate";
        self.until(what, |this| {
            let sha256 = this.status().certificate.map(|facts| facts.sha256);
            sha256.filter(|sha256| Some(sha256.as_str()) != before && this.shows(sha256))
        })
        .await
    }

    /// Waits until the last try has failed. Gives the line of the health board.
    pub async fn failed(&self) -> String {
        self.until("until a try has failed", |this| Some(this.said()).filter(|said| !said.is_empty())).await
    }

    /// How long until the next try, as it is told.
    pub fn wait(&self) -> Duration {
        self.status().next_try.unwrap_or(Timestamp::from_millis(0)).since(self.clock.now())
    }

    pub async fn until<T>(&self, what: &str, find: impl Fn(&Self) -> Option<T>) -> T {
        let begun = std::time::Instant::now();
        loop {
            if let Some(found) = find(self) {
                return found;
            }
            assert!(begun.elapsed() < STUCK, "waited in vain {what}: {:?}", self.status());
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Whether the certificate with this fingerprint is what clients are shown.
    fn shows(&self, sha256: &str) -> bool {
        use rustls::pki_types::{CertificateDer, pem::PemObject as _};
        let shown = CertificateDer::from_pem_slice(self.appliance.certificate_pem().as_bytes()).unwrap();
        gatehouse::wire::fingerprint(&shown) == sha256
    }
}

async fn run(config: &Config, clock: &Arc<LeapingClock>, names: &Names) -> Appliance {
    let (clock, resolver): (Arc<dyn Clock>, Arc<dyn Resolve>) = (Arc::clone(clock) as _, Arc::new(names.clone()));
    ports::until_free(config.listen.https[0]).await;
    let appliance = Appliance::start_with(config, clock, resolver, None).await.unwrap();
    assert_eq!(appliance.https_addresses().len(), 1, "its port was free");
    appliance
}
