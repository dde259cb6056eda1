//! What the appliance shows, by its settings: a certificate from files, or one of its own authority.

use std::sync::Arc;

use super::authority::{Authority, AuthorityError};
use super::certificates::Certificates;
use super::files::{CertificateFiles, FilesError, concerns};
use super::policy::ServerConfigs;
use crate::config;
use crate::domain::Side;
use crate::platform::{Clock, Tasks};
use crate::store::Store;

/// The appliance's certificate, wherever it comes from.
#[derive(Debug)]
pub struct Shown {
    source: Source,
    configs: ServerConfigs,
}

#[derive(Debug)]
enum Source {
    Authority(Arc<Authority>),
    Files(Arc<CertificateFiles>),
}

/// Why there is no certificate to show.
#[derive(Debug, thiserror::Error)]
pub enum ShownError {
    /// The own authority could not be opened.
    #[error(transparent)]
    Authority(#[from] AuthorityError),
    /// The files are no good.
    #[error(transparent)]
    Files(#[from] FilesError),
    /// The TLS library refused its settings. The appliance's side.
    #[error("TLS could not be set up")]
    Setup(#[from] rustls::Error),
}

impl ShownError {
    /// Whose side it is on.
    pub fn side(&self) -> Side {
        match self {
            Self::Authority(error) => error.side(),
            Self::Files(error) => error.side(),
            Self::Setup(_) => Side::Appliance,
        }
    }
}

impl Shown {
    /// What these settings say: the files if there are any, the own authority otherwise.
    pub async fn open(
        store: &Store,
        appliance: &config::Appliance,
        tls: &config::Tls,
        clock: &dyn Clock,
    ) -> Result<Self, ShownError> {
        let now = clock.now();
        let source = match (&tls.certificate_file, &tls.key_file) {
            (Some(certificate), Some(key)) => {
                let files = CertificateFiles::open(certificate, key, now).await?;
                for concern in concerns(files.certificates().current().facts(), &appliance.names) {
                    tracing::warn!(file = %certificate.display(), "{concern}");
                }
                Source::Files(Arc::new(files))
            }
            _ => {
                let (name, names) = (&appliance.name, appliance.names.clone());
                Source::Authority(Arc::new(Authority::open(store, name, names, tls.leaf_lifetime, now).await?))
            }
        };
        let configs = ServerConfigs::new(&source.certificates())?;
        Ok(Self { source, configs })
    }

    /// How to speak TLS with those who come.
    pub fn configs(&self) -> &ServerConfigs {
        &self.configs
    }

    /// The certificate in use.
    pub fn certificates(&self) -> Arc<Certificates> {
        self.source.certificates()
    }

    /// The own authority, where that is the source.
    pub fn authority(&self) -> Option<&Authority> {
        match &self.source {
            Source::Authority(authority) => Some(authority),
            Source::Files(_) => None,
        }
    }

    /// Keeps the certificate fresh in the background.
    pub fn keep_fresh(&self, tasks: &Tasks, clock: Arc<dyn Clock>) {
        match &self.source {
            Source::Authority(authority) => authority.keep_renewed(tasks, clock),
            Source::Files(files) => files.keep_reloaded(tasks, clock),
        }
    }

    /// Reads files again, where they are the source: what a HUP asks for.
    pub async fn reload(&self, clock: &dyn Clock) {
        if let Source::Files(files) = &self.source {
            files.reload_and_say(clock.now()).await;
        }
    }
}

impl Source {
    fn certificates(&self) -> Arc<Certificates> {
        match self {
            Self::Authority(authority) => authority.certificates(),
            Self::Files(files) => files.certificates(),
        }
    }
}
