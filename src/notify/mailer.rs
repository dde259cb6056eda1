//! Sends mail over SMTP (RFC 5321, submission by RFC 6409) to the configured server and to nobody else.
//!
//! The steps are taken one by one, so that each failure has its name: the server's name is looked up, connected to, TLS is begun and the
//! server's certificate verified by name and chain, then comes the sign-in, then the mail. There is no way around the verification, and
//! no falling back to clear text.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use lettre::message::Message;
use lettre::transport::smtp;
use lettre::transport::smtp::authentication::{Credentials, Mechanism};
use lettre::transport::smtp::client::{
    AsyncSmtpConnection, Certificate, CertificateStore, TlsParameters, TlsParametersBuilder,
};
use lettre::transport::smtp::extension::ClientId;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use tokio::sync::Semaphore;

use super::{Letter, MailError};
use crate::config::{Config, Encryption, Mail};
use crate::domain::{MailAddress, Secret};
use crate::platform::clock::within;
use crate::platform::files::others_kept_out;
use crate::platform::{Clock, Pool, Resolve, SystemResolver, pool};

/// Sends mail. Clones share the bounds.
#[derive(Clone)]
pub struct Mailer {
    inner: Arc<Inner>,
}

struct Inner {
    settings: Mail,
    host: String,
    sender: MailAddress,
    /// What the appliance calls itself to the mail server.
    hello: ClientId,
    clock: Arc<dyn Clock>,
    resolver: SystemResolver,
    files: Pool,
    /// How many mails are on their way at once.
    places: Semaphore,
}

impl Mailer {
    /// By these settings; none where no mail server is configured.
    pub fn open(config: &Config, clock: Arc<dyn Clock>) -> Option<Self> {
        let settings = config.mail.clone();
        let (host, sender) = settings.server().map(|(host, sender)| (host.to_owned(), sender.clone()))?;
        let inner = Inner {
            settings,
            host,
            sender,
            hello: hello(&config.appliance.names),
            clock,
            resolver: SystemResolver::new(),
            files: Pool::new(1),
            places: Semaphore::new(AT_ONCE),
        };
        Some(Self { inner: Arc::new(inner) })
    }

    /// The mail server, as the settings have it.
    pub fn server(&self) -> String {
        format!("{}:{}", self.inner.host, self.inner.settings.port)
    }

    /// Sends a letter, with one try. The server has taken it when this returns.
    pub async fn send(&self, letter: &Letter) -> Result<(), MailError> {
        let inner = &self.inner;
        let message = letter.message(&inner.sender, inner.clock.now())?;
        let Ok(_place) = inner.places.acquire().await else { return Err(unfinished(pool::Unfinished)) };
        let sending = within(&*inner.clock, inner.settings.timeout, Box::pin(inner.send(&message)));
        sending.await.map_err(|_| MailError::TooSlow)?
    }
}

impl std::fmt::Debug for Mailer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Mailer")
    }
}

impl Inner {
    async fn send(&self, message: &Message) -> Result<(), MailError> {
        let (credentials, tls) = self.files().await?;
        let addresses = self.addresses().await?;
        let mut connection = self.connect(&addresses, tls).await?;
        if let Some(credentials) = credentials
            && let Err(error) = connection.auth(&[Mechanism::Plain, Mechanism::Login], &credentials).await
        {
            connection.abort().await;
            return Err(of_sign_in(&error));
        }
        // Aborts the connection by itself where it fails.
        connection.send(message.envelope(), &message.formatted()).await.map_err(|error| of_answer(&error))?;
        // It is taken: how the server says good-bye changes nothing.
        let _ = connection.quit().await;
        Ok(())
    }

    /// What stands in files: the password, and whom TLS believes.
    async fn files(&self) -> Result<(Option<Credentials>, Option<TlsParameters>), MailError> {
        let (settings, host) = (self.settings.clone(), self.host.clone());
        let reading = self.files.run(move || {
            let tls = match settings.encryption {
                Encryption::None => None,
                Encryption::StartTls | Encryption::Tls => Some(tls(&host, settings.root_file.as_deref())?),
            };
            Ok((credentials(&settings)?, tls))
        });
        reading.await.map_err(unfinished)?
    }

    async fn addresses(&self) -> Result<Vec<SocketAddr>, MailError> {
        let port = u16::try_from(self.settings.port).unwrap_or_default();
        let found = self.resolver.resolve(&self.host, port).await.map_err(MailError::Name)?;
        if found.is_empty() {
            return Err(MailError::Name(io::Error::other("it has no address")));
        }
        // The settings were held to a name or address that is near; what the name leads to is known only now.
        let is_name = self.host.parse::<IpAddr>().is_err();
        let far = found.iter().any(|address| !address.ip().to_canonical().is_loopback());
        if self.settings.encryption == Encryption::None && is_name && far {
            return Err(MailError::Elsewhere);
        }
        Ok(found)
    }

    async fn connect(
        &self,
        addresses: &[SocketAddr],
        tls: Option<TlsParameters>,
    ) -> Result<AsyncSmtpConnection, MailError> {
        let first = self.settings.encryption == Encryption::Tls;
        let (at_once, later) = if first { (tls, None) } else { (None, tls) };
        let limit = Some(self.settings.timeout);
        let connected = AsyncSmtpConnection::connect_tokio1(addresses, limit, &self.hello, at_once, None).await;
        let mut connection = connected.map_err(|error| of_connecting(&error, first))?;
        if let Some(tls) = later {
            if !connection.can_starttls() {
                connection.abort().await;
                return Err(MailError::NoStartTls);
            }
            let changed = connection.starttls(tls, &self.hello).await;
            changed.map_err(|error| of_connecting(&error, true))?;
        }
        Ok(connection)
    }
}

/// Whether the files that the settings name can be used; everything that is wrong.
pub fn unusable_files(settings: &Mail) -> Vec<MailError> {
    let Some((host, _)) = settings.server() else { return Vec::new() };
    let root = settings.root_file.as_deref().map(|file| tls(host, Some(file)).err());
    [credentials(settings).err(), root.flatten()].into_iter().flatten().collect()
}

fn credentials(settings: &Mail) -> Result<Option<Credentials>, MailError> {
    let Some((user, path)) = settings.user.as_ref().zip(settings.password_file.as_ref()) else { return Ok(None) };
    let unusable = |reason: String| MailError::File { setting: "password_file", path: path.clone(), reason };
    others_kept_out(path).map_err(|error| unusable(error.to_string()))?;
    let text = Secret::new(std::fs::read_to_string(path).map_err(|error| unusable(error.to_string()))?);
    let password = text.expose().trim_end_matches(['\r', '\n']);
    if password.is_empty() {
        return Err(unusable("it is empty".to_owned()));
    }
    Ok(Some(Credentials::new(user.clone(), password.to_owned())))
}

/// TLS that believes the given roots alone; else the operating system's; else, where it has none (a small container), the browsers'.
fn tls(host: &str, root_file: Option<&Path>) -> Result<TlsParameters, MailError> {
    let mut builder = TlsParametersBuilder::new(host.to_owned());
    builder = match root_file {
        Some(path) => {
            let roots = roots(path)?;
            roots.into_iter().fold(builder.certificate_store(CertificateStore::None), |builder, root| {
                builder.add_root_certificate(root)
            })
        }
        None if rustls_native_certs::load_native_certs().certs.is_empty() => {
            builder.certificate_store(CertificateStore::WebpkiRoots)
        }
        None => builder.certificate_store(CertificateStore::Default),
    };
    builder.build_rustls().map_err(|error| MailError::Tls(error.to_string()))
}

fn roots(path: &Path) -> Result<Vec<Certificate>, MailError> {
    let unusable = |reason: String| MailError::File { setting: "root_file", path: PathBuf::from(path), reason };
    let pem = std::fs::read(path).map_err(|error| unusable(error.to_string()))?;
    let given: Result<Vec<CertificateDer<'_>>, _> = CertificateDer::pem_slice_iter(&pem).collect();
    let given = given.map_err(|_| unusable("it is not in PEM form".to_owned()))?;
    if given.is_empty() {
        return Err(unusable("there is no certificate in it".to_owned()));
    }
    let read =
        |der: CertificateDer<'_>| Certificate::from_der(der.to_vec()).map_err(|error| unusable(error.to_string()));
    given.into_iter().map(read).collect()
}

/// The appliance's first DNS name, else its first address (RFC 5321, 4.1.1.1).
fn hello(names: &[String]) -> ClientId {
    let address = |name: &String| name.parse::<IpAddr>().ok();
    match names.iter().find(|name| address(name).is_none()) {
        Some(name) => ClientId::Domain(name.clone()),
        None => match names.iter().find_map(address) {
            Some(IpAddr::V4(v4)) => ClientId::Ipv4(v4),
            Some(IpAddr::V6(v6)) => ClientId::Ipv6(v6),
            None => ClientId::default(),
        },
    }
}

/// What went wrong before the server's first words, or while TLS began.
fn of_connecting(error: &smtp::Error, tls: bool) -> MailError {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(next) = cause {
        if let Some(io) = next.downcast_ref::<io::Error>() {
            if let Some(tls) = io.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
                return MailError::Tls(tls.to_string());
            }
            return match io.kind() {
                io::ErrorKind::ConnectionRefused
                | io::ErrorKind::TimedOut
                | io::ErrorKind::HostUnreachable
                | io::ErrorKind::NetworkUnreachable
                | io::ErrorKind::AddrNotAvailable => MailError::Unreachable(io.to_string()),
                _ if tls => MailError::Tls(io.to_string()),
                _ => MailError::Broken { said: io.to_string() },
            };
        }
        cause = next.source();
    }
    of_answer(error)
}

fn of_sign_in(error: &smtp::Error) -> MailError {
    match (error.status(), error.is_permanent()) {
        (Some(code), true) => MailError::SignIn { code: code.to_string(), said: said(error) },
        (None, _) if error.is_client() => MailError::NoSignIn,
        _ => of_answer(error),
    }
}

fn of_answer(error: &smtp::Error) -> MailError {
    match error.status() {
        Some(code) => MailError::Refused { code: code.to_string(), said: said(error), passes: error.is_transient() },
        None => MailError::Broken { said: said(error) },
    }
}

fn said(error: &smtp::Error) -> String {
    std::error::Error::source(error).map(ToString::to_string).unwrap_or_default()
}

fn unfinished(error: pool::Unfinished) -> MailError {
    MailError::Unwritable(error.to_string())
}

/// Mails on their way at once.
const AT_ONCE: usize = 2;
