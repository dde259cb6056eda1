//! The appliance's own certificates, as administrators see them.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::access::Need;
use super::{Admin, AdminError, AdminResponse, shown};
use crate::audit::{Actor, Entry};
use crate::config;
use crate::domain::Timestamp;
use crate::state::Layout;
use crate::store::Store;
use crate::tls::{
    Anchor, CertificateFiles, Imported, KeyKind, Origin, Place, Shown, ShownError, Slot, Status, authority,
};

/// A request about the appliance's certificates.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CertificateRequest {
    /// Every source, and how it fares.
    List,
    /// Make a key, and a request for a certificate over it.
    Request(KeyKind),
    /// Use this chain, in PEM form, with the key of the request.
    Import(String),
    /// Forget the imported certificate, or the request that waits for one.
    Remove,
    /// Make a new own authority, for today's names.
    NewAuthority,
}

/// Where the appliance's certificates come from.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct CertificatesView {
    /// Every source, in order of preference.
    pub sources: Vec<SourceView>,
    /// The own authority that workstations may have to trust; nothing before the first start.
    pub authority: Option<AuthorityView>,
    /// Whether a request waits for its certificate.
    pub request_waits: bool,
}

/// A source of certificates.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct SourceView {
    /// `files`, `imported`, `acme`, `authority`.
    pub origin: String,
    /// Whether its certificate is the one that is shown; unknown while the appliance is stopped.
    pub active: Option<bool>,
    /// Its certificate, if it has one.
    pub certificate: Option<LeafView>,
    /// When it last got one, in the life of the process.
    pub renewed: Option<String>,
    /// When it tries for another one.
    pub next_try: Option<String>,
    /// Why its last try failed.
    pub error: Option<String>,
    /// What to look at, although it works.
    pub warning: Option<String>,
}

/// A certificate of the appliance.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct LeafView {
    /// The DNS names and addresses that it is for.
    pub names: Vec<String>,
    /// Who signed it.
    pub issuer: String,
    /// Until when it is valid.
    pub not_after: String,
    /// How many days that is.
    pub days_left: i64,
    /// SHA-256 of its DER form.
    pub sha256: String,
}

/// The own authority.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct AuthorityView {
    /// SHA-256 of the root's DER form.
    pub sha256: String,
    /// Until when it is valid.
    pub not_after: String,
    /// For what it may sign.
    pub may_sign_for: String,
    /// The root, in PEM form.
    pub pem: String,
}

/// A request for a certificate.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct SigningRequestView {
    /// The names that it is for.
    pub names: Vec<String>,
    /// The request (PKCS#10), in PEM form.
    pub pem: String,
}

/// The certificates of a running appliance, or of one that is stopped.
#[derive(Debug, Clone)]
pub struct Certificates {
    /// Who the appliance is.
    pub appliance: config::Appliance,
    /// Its settings about certificates.
    pub tls: config::Tls,
    /// What it shows, while it runs.
    pub running: Option<Shown>,
}

impl CertificateRequest {
    pub(super) fn need(&self) -> Need {
        if matches!(self, Self::List) { Need::Read } else { Need::Change }
    }
}

impl Admin {
    pub(super) async fn certificate(
        &self,
        actor: &Actor,
        request: CertificateRequest,
    ) -> Result<AdminResponse, AdminError> {
        let now = self.clock.now();
        let record = |action, subject: String| self.audit.record(Entry::new(actor.clone(), action).subject(subject));
        match request {
            CertificateRequest::List => {
                return Ok(AdminResponse::Certificates(self.certificates.list(&self.store, now).await?));
            }
            CertificateRequest::Request(kind) => {
                let imported = self.certificates.imported(&self.store);
                let names = imported.names();
                record("certificate.request", names.join(", ")).await?;
                let pem = imported.request(kind).await?;
                return Ok(AdminResponse::SigningRequest(SigningRequestView { names, pem }));
            }
            CertificateRequest::Import(chain) => {
                let imported = self.certificates.imported(&self.store);
                let fitting = imported.examine(&chain, now)?;
                record("certificate.import", fitting.facts().sha256.clone()).await?;
                imported.take(fitting, now).await?;
            }
            CertificateRequest::Remove => {
                record("certificate.remove", Origin::Imported.as_str().to_owned()).await?;
                self.certificates.imported(&self.store).remove().await?;
            }
            CertificateRequest::NewAuthority => {
                record("certificate.new-authority", self.certificates.appliance.name.clone()).await?;
                self.certificates.new_authority(&self.store, now).await?;
            }
        }
        if let Some(running) = &self.certificates.running {
            running.choose(now);
        }
        Ok(AdminResponse::Certificates(self.certificates.list(&self.store, now).await?))
    }
}

impl Certificates {
    fn imported(&self, store: &Store) -> Arc<Imported> {
        if let Some(running) = &self.running {
            return Arc::clone(running.imported());
        }
        let slot = Slot::new(Origin::Imported, Arc::default());
        Arc::new(Imported::open(store, &self.appliance.names, slot))
    }

    async fn new_authority(&self, store: &Store, now: Timestamp) -> Result<(), AdminError> {
        match &self.running {
            Some(running) => running.authority().replace(now).await,
            None => authority::replace_kept(store, &self.appliance, &self.tls, now).await,
        }
        .map_err(ShownError::from)?;
        if let Some(anchor) = self.anchor(store)? {
            Layout::of(&self.appliance.data_dir).write_authority(&anchor).map_err(AdminError::File)?;
        }
        Ok(())
    }

    fn anchor(&self, store: &Store) -> Result<Option<Anchor>, AdminError> {
        let pem = match &self.running {
            Some(running) => Some(running.authority().root_pem()),
            None => authority::kept_pem(store).map_err(ShownError::from)?,
        };
        Ok(pem.and_then(|pem| Anchor::read(pem.as_bytes()).ok()))
    }

    async fn list(&self, store: &Store, now: Timestamp) -> Result<CertificatesView, AdminError> {
        let statuses = match &self.running {
            Some(running) => running.statuses(),
            None => self.at_rest(store, now).await,
        };
        let active = self.running.as_ref().map(Shown::active);
        let view = |status: Status| {
            let active = active.map(|active| active == status.origin);
            SourceView::of(status, active, now)
        };
        let authority = self.anchor(store)?.map(|anchor| AuthorityView {
            sha256: anchor.sha256().to_owned(),
            not_after: shown(anchor.facts().not_after),
            may_sign_for: anchor
                .constraints()
                .map_or_else(|| "anything".to_owned(), |limits| limits.permitted.join(", ")),
            pem: anchor.pem(),
        });
        let request_waits = self.imported(store).pending()?.is_some();
        Ok(CertificatesView { sources: statuses.into_iter().map(view).collect(), authority, request_waits })
    }

    /// What can be told of the sources while nothing is shown: the own authority issues, and ACME orders, while the appliance runs.
    async fn at_rest(&self, store: &Store, now: Timestamp) -> Vec<Status> {
        let slot = |origin| Slot::new(origin, Arc::default());
        let files = slot(Origin::Files);
        if let Some(place) = Place::of(&self.tls) {
            CertificateFiles::new(place, self.appliance.names.clone(), files.clone()).look(now).await;
        }
        let imported = self.imported(store).slot().status();
        vec![files.status(), imported, slot(Origin::Acme).status(), slot(Origin::Authority).status()]
    }
}

impl SourceView {
    fn of(status: Status, active: Option<bool>, now: Timestamp) -> Self {
        let day = 24 * 60 * 60 * 1000;
        let certificate = status.certificate.map(|facts| LeafView {
            names: facts.names,
            issuer: facts.issuer,
            not_after: shown(facts.not_after),
            days_left: facts.not_after.as_millis().saturating_sub(now.as_millis()).div_euclid(day),
            sha256: facts.sha256,
        });
        Self {
            origin: status.origin.as_str().to_owned(),
            active,
            certificate,
            renewed: status.renewed.map(shown),
            next_try: status.next_try.map(shown),
            error: status.error,
            warning: status.warning,
        }
    }
}
