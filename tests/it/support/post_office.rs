//! A mail server of another maker: aiosmtpd, as Debian's package python3-aiosmtpd has it, as a process of its own.

use std::io::BufRead as _;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use gatehouse::config::{Encryption, Mail};
use gatehouse::platform::{Clock, SystemClock, files};

use super::certificates::Files;
use super::ports;

/// The name and password that it takes.
pub const USER: &str = "gatehouse";
pub const PASSWORD: &str = "canary-mail-password-11";

/// How it behaves.
#[derive(Clone, Copy)]
pub struct Manner {
    pub encryption: Encryption,
    /// Whom its certificate is for.
    pub name: &'static str,
    /// Whether it asks for a sign-in; offers none otherwise.
    pub sign_in: bool,
    /// `taken`, or the line with which each recipient is refused.
    pub recipients: &'static str,
    /// Whether it takes a mail without ever saying so.
    pub silent: bool,
}

impl Default for Manner {
    fn default() -> Self {
        Self { encryption: Encryption::StartTls, name: "localhost", sign_in: true, recipients: "taken", silent: false }
    }
}

pub struct PostOffice {
    child: Child,
    manner: Manner,
    port: u16,
    folder: tempfile::TempDir,
    /// Holds the folder of its certificate.
    _tls: Files,
}

impl PostOffice {
    pub fn open(manner: Manner) -> Self {
        let (folder, tls) = (tempfile::tempdir().unwrap(), Files::new());
        tls.write(&[manner.name], SystemClock::new().now());
        let at = |name: &str| folder.path().join(name);
        std::fs::write(at("root.pem"), tls.root.pem()).unwrap();
        files::write_private(&at("password"), format!("{PASSWORD}\n").as_bytes()).unwrap();
        let encryption = match manner.encryption {
            Encryption::StartTls => "starttls",
            Encryption::Tls => "tls",
            Encryption::None => "none",
        };
        let told = serde_json::json!({
            "port": ports::own(),
            "encryption": encryption,
            "certificate": tls.certificate(),
            "key": tls.key(),
            "user": USER,
            "password": PASSWORD,
            "sign_in": manner.sign_in,
            "recipients": manner.recipients,
            "silent": manner.silent,
            "maildir": at("maildir"),
            "log": at("log"),
        });
        let program = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/support/post_office.py");
        let mut command = Command::new("/usr/bin/python3");
        command.arg(program).arg(told.to_string()).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.stderr(std::fs::File::create(at("errors")).unwrap()).spawn().unwrap();
        let mut line = String::new();
        std::io::BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
        let errors = std::fs::read_to_string(at("errors")).unwrap();
        let port = line.trim().parse().unwrap_or_else(|_| {
            panic!("this test needs aiosmtpd: install it (Debian: apt-get install python3-aiosmtpd)\n{errors}")
        });
        Self { child, manner, port, folder, _tls: tls }
    }

    /// What the appliance is told of it.
    pub fn settings(&self) -> Mail {
        Mail {
            host: Some("localhost".to_owned()),
            port: self.port.into(),
            encryption: self.manner.encryption,
            user: self.manner.sign_in.then(|| USER.to_owned()),
            password_file: self.manner.sign_in.then(|| self.folder.path().join("password")),
            sender: Some("gatehouse@corp.example".parse().unwrap()),
            root_file: Some(self.root()),
            ..Mail::default()
        }
    }

    /// The root that its certificate is signed by.
    pub fn root(&self) -> PathBuf {
        self.folder.path().join("root.pem")
    }

    /// The same as arguments of the program.
    pub fn arguments(&self) -> Vec<String> {
        let at = |name: &str| self.folder.path().join(name).display().to_string();
        vec![
            "mail.host=localhost".to_owned(),
            format!("mail.port={}", self.port),
            format!("mail.user={USER}"),
            format!("mail.password_file={}", at("password")),
            "mail.sender=gatehouse@corp.example".to_owned(),
            format!("mail.root_file={}", at("root.pem")),
        ]
    }

    /// The mails that it took, as they came over the wire, in no order.
    pub fn mails(&self) -> Vec<String> {
        let Ok(folder) = std::fs::read_dir(self.folder.path().join("maildir/new")) else { return Vec::new() };
        folder.map(|entry| std::fs::read_to_string(entry.unwrap().path()).unwrap()).collect()
    }

    /// Its mails once there are so many.
    pub async fn after(&self, count: usize) -> Vec<String> {
        for _ in 0..3000 {
            let mails = self.mails();
            if mails.len() >= count {
                assert_eq!(mails.len(), count, "{mails:?}");
                return mails;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("no {count} mails came:\n{}", self.log());
    }

    /// What it heard.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("log")).unwrap()
    }

    /// From now on nobody answers there.
    pub fn close(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for PostOffice {
    fn drop(&mut self) {
        self.close();
    }
}

/// The text of a mail, decoded from its transfer encoding.
pub fn text(mail: &str) -> String {
    let (head, body) = mail.split_once("\n\n").or_else(|| mail.split_once("\r\n\r\n")).unwrap();
    let encoded = head.to_ascii_lowercase().contains("quoted-printable");
    let body = body.replace("\r\n", "\n");
    if encoded { body.replace("=\n", "").replace("=3D", "=") } else { body }
}
