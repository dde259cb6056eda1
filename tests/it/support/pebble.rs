//! Let's Encrypt's test server, Debian's package `pebble`, on ports of the loopback address, with a DNS of its own. Nonces are refused and
//! checks delayed as it does by itself.

use std::fs::File;
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use gatehouse::platform::{Clock, SystemClock};

use super::certificates::Files;
use super::ports;

/// Where pebble and what it checks are to be found. Known before anything runs, since each has to know the other.
#[derive(Clone, Copy)]
pub struct Ports {
    pub directory: u16,
    management: u16,
    dns: u16,
    dns_management: u16,
    /// Where it checks over TLS: the appliance's port for everything.
    pub tls: u16,
    /// Where it checks over HTTP.
    pub http: u16,
}

impl Ports {
    pub fn choose() -> Self {
        let [directory, management, dns, dns_management, tls, http] = std::array::from_fn(|_| ports::own());
        Self { directory, management, dns, dns_management, tls, http }
    }

    pub fn directory_url(&self) -> String {
        format!("https://localhost:{}/dir", self.directory)
    }
}

/// What is special about it.
#[derive(Default)]
pub struct Manners {
    /// How long its certificates are valid.
    pub validity: Option<Duration>,
    /// A domain that it does not certify.
    pub blocked: Option<&'static str>,
    /// It gives accounts to its customers only.
    pub account_binding: bool,
}

pub struct Pebble {
    pebble: Child,
    dns: Child,
    ports: Ports,
    folder: tempfile::TempDir,
    https: Files,
}

impl Pebble {
    /// Starts both and waits until they answer.
    pub async fn start(ports: Ports, manners: &Manners) -> Self {
        let (folder, https) = (tempfile::tempdir().unwrap(), Files::new());
        https.write(&["localhost", "127.0.0.1"], SystemClock::new().now());
        let mut settings = serde_json::json!({
            "listenAddress": local(ports.directory),
            "managementListenAddress": local(ports.management),
            "certificate": https.certificate(),
            "privateKey": https.key(),
            "httpPort": ports.http,
            "tlsPort": ports.tls,
            "externalAccountBindingRequired": manners.account_binding,
            "domainBlocklist": manners.blocked.into_iter().collect::<Vec<_>>(),
        });
        if let Some(validity) = manners.validity {
            settings["certificateValidityPeriod"] = validity.as_secs().into();
        }
        if manners.account_binding {
            settings["externalAccountMACKeys"] =
                serde_json::json!({ "customer": "zWNDZM6eQGHWpSRTPal5eIUYFTu7EajVIoguysqZ9wG44nMEtx3MUAsUDkMTQ12W" });
        }
        let file = folder.path().join("pebble.json");
        std::fs::write(&file, serde_json::json!({ "pebble": settings }).to_string()).unwrap();

        let log = File::create(folder.path().join("log")).unwrap();
        let mut dns = Command::new("pebble-challtestsrv");
        dns.args(["-dns01", &local(ports.dns), "-management", &local(ports.dns_management), "-defaultIPv6", ""]);
        dns.args(["-http01", "", "-https01", "", "-tlsalpn01", ""]);
        let dns = spawn(dns, File::create(folder.path().join("dns.log")).unwrap());
        let mut pebble = Command::new("pebble");
        pebble.arg("-config").arg(file).args(["-dnsserver", &local(ports.dns)]);
        let mut this = Self { pebble: spawn(pebble, log), dns, ports, folder, https };
        for port in [ports.directory, ports.management, ports.dns_management] {
            this.until_it_answers(port).await;
        }
        this
    }

    async fn until_it_answers(&mut self, port: u16) {
        for _ in 0..1500 {
            if TcpStream::connect(local(port)).is_ok() {
                return;
            }
            let ended = [&mut self.pebble, &mut self.dns].map(|child| child.try_wait().unwrap());
            assert_eq!(ended, [None, None], "{}", self.log());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("nothing answers on port {port}:\n{}", self.log());
    }

    /// The root of its HTTPS: what `acme.root_file` names.
    pub fn https_root(&self) -> PathBuf {
        let path = self.folder.path().join("root.pem");
        std::fs::write(&path, self.https.root.pem()).unwrap();
        path
    }

    /// The root of what it issues, in PEM form.
    pub async fn issuing_root(&self) -> String {
        let url = format!("https://localhost:{}/roots/0", self.ports.management);
        self.client().get(url).send().await.unwrap().text().await.unwrap()
    }

    /// From now on its DNS says that `name` is at `address`.
    pub async fn point(&self, name: &str, address: &str) {
        let url = format!("http://127.0.0.1:{}/add-a", self.ports.dns_management);
        let record = serde_json::json!({ "host": name, "addresses": [address] });
        assert!(self.client().post(url).json(&record).send().await.unwrap().status().is_success());
    }

    /// What its directory was asked so far: `GET /dir`, `POST /sign-me-up`, …
    pub fn asked(&self) -> Vec<String> {
        let log = self.log();
        let requests = log.lines().filter_map(|line| line.split_once(" -> calling handler").map(|(start, _)| start));
        let requests = requests.filter(|request| !request.contains("/roots/"));
        requests.map(|request| request.splitn(4, ' ').last().unwrap_or_default().to_owned()).collect()
    }

    /// How many accounts it has.
    pub fn accounts(&self) -> usize {
        self.log().matches("accounts in memory").count()
    }

    /// What it has written about itself.
    pub fn log(&self) -> String {
        let read = |name: &str| std::fs::read(self.folder.path().join(name)).unwrap_or_default();
        String::from_utf8_lossy(&read("log")).into_owned() + &String::from_utf8_lossy(&read("dns.log"))
    }

    fn client(&self) -> reqwest::Client {
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let root = reqwest::Certificate::from_pem(self.https.root.pem().as_bytes()).unwrap();
        reqwest::Client::builder().tls_built_in_root_certs(false).add_root_certificate(root).build().unwrap()
    }
}

impl Drop for Pebble {
    fn drop(&mut self) {
        for child in [&mut self.pebble, &mut self.dns] {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

fn spawn(mut command: Command, log: File) -> Child {
    let output = log.try_clone().unwrap();
    command.env_clear().stdin(Stdio::null()).stdout(output).stderr(log);
    command.spawn().expect("this test needs pebble: install it (Debian: apt-get install pebble)")
}

fn local(port: u16) -> String {
    format!("127.0.0.1:{port}")
}
