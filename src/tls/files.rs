//! A certificate from files: checked before it is shown, read again when told to or when it changed. A new one that
//! is no good leaves the old one in place.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::sync::Mutex;
use zeroize::Zeroizing;

use super::certificates::{CertificateError, Certificates, KeyAndChain};
use crate::domain::{Side, Timestamp};
use crate::platform::{Clock, Tasks};
use crate::wire::{CertificateFacts, fingerprint};

/// A certificate chain and its key, in files that somebody else keeps fresh.
#[derive(Debug)]
pub struct CertificateFiles {
    certificate: PathBuf,
    key: PathBuf,
    certificates: Arc<Certificates>,
    /// What was read last, good or bad, as a hash: only a change is looked at.
    seen: Mutex<String>,
}

/// Why a certificate from files is not shown.
#[derive(Debug, thiserror::Error)]
pub enum FilesError {
    /// A file cannot be read. The operator's side.
    #[error("{} cannot be read: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        source: std::io::Error,
    },
    /// A file is not what it should be. The operator's side.
    #[error("{}: {source}", path.display())]
    Content {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: CertificateError,
    },
    /// It is not valid today. The operator's side.
    #[error("{}: the certificate is valid from {from} to {to} only", path.display())]
    NotCurrent {
        /// The file.
        path: PathBuf,
        /// The first moment of its validity.
        from: Timestamp,
        /// The last.
        to: Timestamp,
    },
    /// It is for nobody: today's drivers look at the alternative names alone. The operator's side.
    #[error("{}: the certificate has no subject alternative names", path.display())]
    NoNames {
        /// The file.
        path: PathBuf,
    },
}

impl FilesError {
    /// Whose side it is on.
    pub fn side(&self) -> Side {
        Side::Operator
    }
}

impl CertificateFiles {
    /// Reads and checks both files.
    pub async fn open(certificate: &Path, key: &Path, now: Timestamp) -> Result<Self, FilesError> {
        let (read, seen) = read(certificate, key, now).await?;
        let certificates = Certificates::showing(read?);
        Ok(Self { certificate: certificate.to_owned(), key: key.to_owned(), certificates, seen: Mutex::new(seen) })
    }

    /// The certificate in use.
    pub fn certificates(&self) -> Arc<Certificates> {
        Arc::clone(&self.certificates)
    }

    /// Reads the files again and shows what is in them, if it is good. Says whether anything changed.
    pub async fn reload(&self, now: Timestamp) -> Result<bool, FilesError> {
        let (read, hash) = read(&self.certificate, &self.key, now).await?;
        let mut seen = self.seen.lock().await;
        if *seen == hash {
            return Ok(false);
        }
        self.certificates.replace(read?);
        *seen = hash;
        Ok(true)
    }

    /// Looks at the files once a minute, in the background.
    pub fn keep_reloaded(self: &Arc<Self>, tasks: &Tasks, clock: Arc<dyn Clock>) {
        let (files, stopping) = (Arc::clone(self), tasks.stopping());
        let looking = async move {
            loop {
                clock.sleep(LOOK).await;
                files.reload_and_say(clock.now()).await;
            }
        };
        tasks.spawn("certificate files", async move {
            tokio::select! {
                () = stopping => {}
                () = looking => {}
            }
        });
    }

    /// [`CertificateFiles::reload`], its outcome in the log.
    pub async fn reload_and_say(&self, now: Timestamp) {
        match self.reload(now).await {
            Ok(true) => {
                let current = self.certificates.current();
                tracing::info!(until = %current.facts().not_after, sha256 = current.facts().sha256, "a new certificate is shown");
            }
            Ok(false) => {}
            Err(error) => tracing::error!(%error, "the new certificate is not shown; the old one stays"),
        }
    }
}

/// What is wrong with a certificate for an appliance of these names, short of not showing it at all.
pub fn concerns(facts: &CertificateFacts, names: &[String]) -> Vec<String> {
    let covered = |name: &&String| facts.names.iter().any(|pattern| covers(pattern, name));
    let missing: Vec<&str> = names.iter().filter(|name| !covered(name)).map(String::as_str).collect();
    let mut concerns = Vec::new();
    if !missing.is_empty() {
        concerns.push(format!("the certificate is not for {}", missing.join(", ")));
    }
    if facts.authority {
        concerns.push("the certificate is marked as an authority, which strict drivers refuse".to_owned());
    }
    concerns
}

/// The checked content of both files, and the hash of what was read.
async fn read(
    certificate: &Path,
    key: &Path,
    now: Timestamp,
) -> Result<(Result<KeyAndChain, FilesError>, String), FilesError> {
    let unread = |path: &Path| {
        let path = path.to_owned();
        |source| FilesError::Read { path, source }
    };
    let chain_pem = tokio::fs::read(certificate).await.map_err(unread(certificate))?;
    let key_pem = Zeroizing::new(tokio::fs::read(key).await.map_err(unread(key))?);
    let hash = fingerprint(&chain_pem) + &fingerprint(&key_pem);
    Ok((check(certificate, &chain_pem, key, &key_pem, now), hash))
}

fn check(
    certificate: &Path,
    chain_pem: &[u8],
    key: &Path,
    key_pem: &[u8],
    now: Timestamp,
) -> Result<KeyAndChain, FilesError> {
    let wrong = |path: &Path, source| FilesError::Content { path: path.to_owned(), source };
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(chain_pem).collect();
    let chain = chain.map_err(|_| wrong(certificate, CertificateError::NotACertificate))?;
    let private = PrivateKeyDer::from_pem_slice(key_pem).map_err(|_| wrong(key, CertificateError::NoKey))?;
    let both = KeyAndChain::new(chain, private).map_err(|source| match source {
        source @ (CertificateError::Key(_) | CertificateError::Mismatch(_)) => wrong(key, source),
        source => wrong(certificate, source),
    })?;
    let (facts, path) = (both.facts(), certificate.to_owned());
    if !facts.is_current(now) {
        return Err(FilesError::NotCurrent { path, from: facts.not_before, to: facts.not_after });
    }
    if facts.names.is_empty() {
        return Err(FilesError::NoNames { path });
    }
    Ok(both)
}

/// Whether a certificate's name, which may be a pattern like `*.example.com`, is for `name`.
fn covers(pattern: &str, name: &str) -> bool {
    match pattern.strip_prefix("*.") {
        Some(parent) => name.split_once('.').is_some_and(|(_, rest)| rest.eq_ignore_ascii_case(parent)),
        None => pattern.eq_ignore_ascii_case(name),
    }
}

const LOOK: Duration = Duration::from_secs(60);
