//! A SQL Server whose self-made certificate has an RSA key of 1,024 bits: refused with the reason, pinned or not.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use gatehouse::platform::{Clock as _, ManualClock, SystemClock};
use gatehouse::upstream::{ConnectError, Dialer, Target, TlsRule, probe};
use gatehouse::wire::fingerprint;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;

/// OpenSSL in the place of a server, since rustls does not even show such a certificate.
struct Weak {
    process: Child,
    port: u16,
}

impl Drop for Weak {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Weak {
    fn start(folder: &Path) -> Self {
        let made = Command::new("openssl")
            .args(["req", "-x509", "-newkey", "rsa:1024", "-nodes", "-subj", "/CN=SSL_Self_Signed_Fallback"])
            .args(["-days", "30", "-keyout", "key.pem", "-out", "certificate.pem"])
            .current_dir(folder)
            .output()
            .expect("openssl is installed");
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        let mut process = Command::new("openssl")
            .args(["s_server", "-accept", "127.0.0.1:0", "-cert", "certificate.pem", "-key", "key.pem"])
            .args(["-cipher", "DEFAULT@SECLEVEL=0", "-alpn", "tds/8.0"])
            .current_dir(folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(process.stdout.take().unwrap()).lines().map(Result::unwrap);
        let port = lines.find_map(|line| line.strip_prefix("ACCEPT 127.0.0.1:")?.parse().ok()).expect("it listens");
        Self { process, port }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_with_a_short_rsa_key_is_refused_and_the_reason_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let server = Weak::start(folder.path());
    let pem = std::fs::read(folder.path().join("certificate.pem")).unwrap();
    let sha256 = fingerprint(&CertificateDer::from_pem_slice(&pem).unwrap());
    let mut target = Target::new("127.0.0.1", server.port);
    target.tls = TlsRule::Certificate { sha256 };
    let dialer = Dialer::new(ManualClock::starting_at(SystemClock::new().now()), Duration::from_secs(10));
    let text = match probe(&target, &dialer).await {
        Err(error @ ConnectError::Certificate(_)) => error.to_string(),
        other => panic!("{other:?}"),
    };
    assert!(text.contains("its RSA key has 1024 bits") && text.contains("SQL Server 2016"), "{text}");
}
