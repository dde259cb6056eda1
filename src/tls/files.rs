//! A certificate from files: checked before it is shown, looked at again once a minute and when told to. A new one that is no
//! good leaves the old one in place, and says why until it is mended.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::sync::Mutex;
use zeroize::Zeroizing;

use super::certificates::{CertificateError, KeyAndChain};
use super::check::{Unfit, concerns, fitness};
use super::pkcs12;
use super::source::Slot;
use crate::config;
use crate::domain::{Secret, Side, Timestamp};
use crate::platform::files::others_kept_out;
use crate::platform::pool::{Pool, Unfinished};
use crate::platform::{Clock, Tasks};
use crate::wire::fingerprint;

/// Which files they are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// Two PEM files.
    Pem {
        /// The certificate with its chain.
        certificate: PathBuf,
        /// The private key.
        key: PathBuf,
    },
    /// A PKCS#12 file with all of it.
    Pkcs12 {
        /// The file.
        file: PathBuf,
        /// Its password; empty where it has none.
        password: Secret,
    },
}

/// A certificate chain and its key, in files that somebody else keeps fresh.
#[derive(Debug)]
pub struct CertificateFiles {
    place: Place,
    names: Vec<String>,
    slot: Slot,
    pool: Pool,
    /// What is in use, as a hash of what was read: nothing while what is there is no good.
    good: Mutex<Option<String>>,
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
        source: io::Error,
    },
    /// A file is not what it should be. The operator's side.
    #[error("{}: {source}", path.display())]
    Content {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: CertificateError,
    },
    /// It must not be shown. The operator's side.
    #[error("{}: {source}", path.display())]
    Unfit {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: Unfit,
    },
    /// The files were not read to their end. The appliance's side.
    #[error("the certificate files were not read: {0}")]
    Unfinished(#[from] Unfinished),
}

impl FilesError {
    /// Whose side it is on.
    pub fn side(&self) -> Side {
        if matches!(self, Self::Unfinished(_)) { Side::Appliance } else { Side::Operator }
    }
}

impl Place {
    /// The files that the settings name, if any.
    pub fn of(tls: &config::Tls) -> Option<Self> {
        if let Some(file) = tls.pkcs12_file.clone() {
            let password = tls.pkcs12_password.clone().unwrap_or_else(|| Secret::new(""));
            return Some(Self::Pkcs12 { file, password });
        }
        let (certificate, key) = (tls.certificate_file.clone()?, tls.key_file.clone()?);
        Some(Self::Pem { certificate, key })
    }

    /// The file with the certificate.
    pub fn certificate(&self) -> &Path {
        match self {
            Self::Pem { certificate, .. } => certificate,
            Self::Pkcs12 { file, .. } => file,
        }
    }

    /// The file with the private key.
    pub fn key(&self) -> &Path {
        match self {
            Self::Pem { key, .. } => key,
            Self::Pkcs12 { file, .. } => file,
        }
    }

    /// Reads and checks them, for an appliance of these names. Blocks.
    pub fn read(&self, names: &[String], now: Timestamp) -> Result<KeyAndChain, FilesError> {
        let given = self.contents()?.parse(self)?;
        fitness(&given, names, None, now).map_err(|source| self.unfit(source))?;
        Ok(given)
    }

    fn contents(&self) -> Result<Contents, FilesError> {
        match self {
            Self::Pem { certificate, key } => Ok(Contents { certificate: read(certificate)?, key: read(key)? }),
            Self::Pkcs12 { file, .. } => Ok(Contents { certificate: read(file)?, key: Zeroizing::default() }),
        }
    }

    fn unfit(&self, source: Unfit) -> FilesError {
        FilesError::Unfit { path: self.certificate().to_owned(), source }
    }
}

impl CertificateFiles {
    /// The certificate in these files, for an appliance of these names. Nothing is read yet.
    pub fn new(place: Place, names: Vec<String>, slot: Slot) -> Self {
        Self { place, names, slot, pool: Pool::new(1), good: Mutex::default() }
    }

    /// Looks at the files, and takes what is in them if it is new and good. Says whether it took something.
    pub async fn look(&self, now: Timestamp) -> bool {
        let mut good = self.good.lock().await;
        let rights =
            others_kept_out(self.place.key()).err().filter(|error| error.kind() == io::ErrorKind::PermissionDenied);
        if self.slot.warn(rights.as_ref().map(|error| format!("the private key is open to others: {error}")))
            && let Some(error) = rights
        {
            tracing::warn!(%error, "the private key of the certificate is open to others");
        }
        match self.fresh(good.clone(), now).await {
            Ok(None) => false,
            Ok(Some((fresh, hash))) => {
                let facts = fresh.facts();
                for concern in concerns(facts, &self.names) {
                    tracing::warn!(file = %self.place.certificate().display(), "{concern}");
                }
                tracing::info!(until = %facts.not_after, sha256 = facts.sha256, "a certificate from files was taken");
                self.slot.put(fresh, now);
                *good = Some(hash);
                true
            }
            Err(error) => {
                *good = None;
                if self.slot.fail(&error) {
                    tracing::error!(%error, "the certificate in the files is not taken");
                }
                false
            }
        }
    }

    /// What is in the files and its hash, unless that is the hash of what is in use.
    async fn fresh(&self, good: Option<String>, now: Timestamp) -> Result<Option<(KeyAndChain, String)>, FilesError> {
        let (place, names) = (self.place.clone(), self.names.clone());
        let before = self.slot.current();
        let reading = move || {
            let contents = place.contents()?;
            let hash = contents.hash();
            if good.as_ref() == Some(&hash) {
                return Ok(None);
            }
            let given = contents.parse(&place)?;
            let before = before.as_ref().map(|before| before.facts());
            fitness(&given, &names, before, now).map_err(|source| place.unfit(source))?;
            Ok(Some((given, hash)))
        };
        self.pool.run(reading).await?
    }

    /// Looks at the files once a minute, in the background.
    pub fn keep_reloaded(self: &Arc<Self>, tasks: &Tasks, clock: Arc<dyn Clock>) {
        let (files, stopping) = (Arc::clone(self), tasks.stopping());
        let looking = async move {
            loop {
                files.slot.next_try(Some(clock.now().after(LOOK)));
                clock.sleep(LOOK).await;
                files.look(clock.now()).await;
            }
        };
        tasks.spawn("certificate files", async move {
            tokio::select! {
                () = stopping => {}
                () = looking => {}
            }
        });
    }
}

/// What was read.
struct Contents {
    certificate: Zeroizing<Vec<u8>>,
    key: Zeroizing<Vec<u8>>,
}

impl Contents {
    fn hash(&self) -> String {
        fingerprint(&self.certificate) + &fingerprint(&self.key)
    }

    fn parse(&self, place: &Place) -> Result<KeyAndChain, FilesError> {
        let wrong = |path: &Path, source| FilesError::Content { path: path.to_owned(), source };
        if let Place::Pkcs12 { file, password } = place {
            return pkcs12::open(&self.certificate, password).map_err(|source| wrong(file, source));
        }
        let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&self.certificate).collect();
        let chain = chain.map_err(|_| wrong(place.certificate(), CertificateError::NotACertificate))?;
        let private =
            PrivateKeyDer::from_pem_slice(&self.key).map_err(|_| wrong(place.key(), CertificateError::NoKey))?;
        KeyAndChain::new(chain, private).map_err(|source| match source {
            source @ (CertificateError::Key(_) | CertificateError::Mismatch(_)) => wrong(place.key(), source),
            source => wrong(place.certificate(), source),
        })
    }
}

fn read(path: &Path) -> Result<Zeroizing<Vec<u8>>, FilesError> {
    let read = std::fs::read(path).map(Zeroizing::new);
    read.map_err(|source| FilesError::Read { path: path.to_owned(), source })
}

const LOOK: Duration = Duration::from_secs(60);
