//! What the appliance shows: of the certificates that its sources have, the first that will do.
//!
//! Files, an imported certificate and ACME come in this order; the own authority is always there, and steps in whenever
//! none of the others has a certificate that is valid and will be for a while.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;

use super::authority::{Authority, AuthorityError};
use super::certificates::Certificates;
use super::check::is_publicly_trusted;
use super::files::{CertificateFiles, Place};
use super::imported::Imported;
use super::metrics;
use super::policy::ServerConfigs;
use super::source::{Origin, Slot, Status};
use crate::config;
use crate::domain::{Side, Timestamp};
use crate::platform::{Clock, Tasks};
use crate::store::Store;
use crate::telemetry::{Health, Metrics};
use crate::wire::CertificateFacts;

/// The appliance's certificate, wherever it comes from. Clones are the same.
#[derive(Debug, Clone)]
pub struct Shown {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    /// The preferred first; the own authority is not among them.
    slots: Vec<Slot>,
    authority: Arc<Authority>,
    files: Option<Arc<CertificateFiles>>,
    imported: Arc<Imported>,
    certificates: Arc<Certificates>,
    configs: ServerConfigs,
    public: PublicTrust,
    health: Health,
    changed: Arc<Notify>,
    active: Mutex<Origin>,
}

/// Why there is no certificate to show.
#[derive(Debug, thiserror::Error)]
pub enum ShownError {
    /// The own authority could not be opened.
    #[error(transparent)]
    Authority(#[from] AuthorityError),
    /// The TLS library refused its settings. The appliance's side.
    #[error("TLS could not be set up")]
    Setup(#[from] rustls::Error),
}

impl ShownError {
    /// Whose side it is on.
    pub fn side(&self) -> Side {
        match self {
            Self::Authority(error) => error.side(),
            Self::Setup(_) => Side::Appliance,
        }
    }
}

/// Whether browsers believe the certificate that is shown without anything being installed. Clones are the same flag.
#[derive(Debug, Clone, Default)]
pub struct PublicTrust {
    public: Arc<AtomicBool>,
}

impl PublicTrust {
    /// Whether they do, now.
    pub fn is_given(&self) -> bool {
        self.public.load(Ordering::Acquire)
    }

    /// Says so.
    pub fn set(&self, public: bool) {
        self.public.store(public, Ordering::Release);
    }
}

impl Shown {
    /// Opens the own authority and looks at the files that the settings name, if any. Files that are no good do not fail it:
    /// the own authority's certificate is shown, and the health board says why.
    pub async fn open(
        store: &Store,
        appliance: &config::Appliance,
        tls: &config::Tls,
        health: Health,
        clock: &dyn Clock,
    ) -> Result<Self, ShownError> {
        let (now, changed) = (clock.now(), Arc::new(Notify::new()));
        let slot = |origin| Slot::new(origin, Arc::clone(&changed));
        let slots @ [from_files, by_request, _] = &[Origin::Files, Origin::Imported, Origin::Acme].map(slot);
        let names = appliance.names.clone();
        let authority = Authority::open(store, appliance, tls, slot(Origin::Authority), now).await?;
        let own = authority.slot().current().ok_or(AuthorityError::Damaged)?;
        let certificates = Certificates::showing(own);
        let files = Place::of(tls).map(|place| CertificateFiles::new(place, names.clone(), from_files.clone()));
        if let Some(files) = &files {
            files.look(now).await;
        }
        let (files, imported) = (files.map(Arc::new), Arc::new(Imported::open(store, &names, by_request.clone())));
        let configs = ServerConfigs::new(&certificates)?;
        let (authority, active) = (Arc::new(authority), Mutex::new(Origin::Authority));
        let public = PublicTrust::default();
        let slots = slots.to_vec();
        let inner = Inner { slots, authority, files, imported, certificates, configs, public, health, changed, active };
        let shown = Self { inner: Arc::new(inner) };
        shown.choose(now);
        Ok(shown)
    }

    /// How to speak TLS with those who come.
    pub fn configs(&self) -> &ServerConfigs {
        &self.inner.configs
    }

    /// The certificate in use.
    pub fn certificates(&self) -> Arc<Certificates> {
        Arc::clone(&self.inner.certificates)
    }

    /// Whether browsers believe the certificate in use.
    pub fn public_trust(&self) -> PublicTrust {
        self.inner.public.clone()
    }

    /// The own authority.
    pub fn authority(&self) -> &Arc<Authority> {
        &self.inner.authority
    }

    /// The imported certificate, and the request for one.
    pub fn imported(&self) -> &Arc<Imported> {
        &self.inner.imported
    }

    /// Registers the numbers of the certificates.
    pub fn measure(&self, clock: Arc<dyn Clock>, metrics: &Metrics) {
        metrics::register(self, clock, metrics);
    }

    /// The place of a source.
    pub fn slot(&self, origin: Origin) -> Slot {
        let found = self.inner.slots.iter().find(|slot| slot.origin() == origin);
        found.unwrap_or_else(|| self.inner.authority.slot()).clone()
    }

    /// Whose certificate is shown.
    pub fn active(&self) -> Origin {
        *self.inner.active.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How each source fares, in order of preference, the own authority last. A source that has nothing and misses nothing is in
    /// it, too.
    pub fn statuses(&self) -> Vec<Status> {
        self.inner.slots.iter().chain([self.inner.authority.slot()]).map(Slot::status).collect()
    }

    /// Keeps certificates fresh in the background, and shows the best of them.
    pub fn keep_fresh(&self, tasks: &Tasks, clock: Arc<dyn Clock>) {
        self.inner.authority.keep_renewed(tasks, Arc::clone(&clock));
        if let Some(files) = &self.inner.files {
            files.keep_reloaded(tasks, Arc::clone(&clock));
        }
        let (shown, stopping) = (self.clone(), tasks.stopping());
        let choosing = async move {
            loop {
                tokio::select! {
                    () = shown.inner.changed.notified() => {}
                    () = clock.sleep(AT_LEAST_EVERY) => {}
                }
                shown.choose(clock.now());
            }
        };
        tasks.spawn("choice of certificate", async move {
            tokio::select! {
                () = stopping => {}
                () = choosing => {}
            }
        });
    }

    /// Reads files again, where they are a source: what a HUP asks for.
    pub async fn reload(&self, clock: &dyn Clock) {
        if let Some(files) = &self.inner.files {
            files.look(clock.now()).await;
        }
        self.choose(clock.now());
    }

    /// Shows what is best now, and says on the health board what is not as it should be.
    pub fn choose(&self, now: Timestamp) {
        let inner = &*self.inner;
        let mut active = inner.active.lock().unwrap_or_else(PoisonError::into_inner);
        let usable = |slot: &Slot| {
            let current = slot.current().filter(|current| lasts(current.facts(), now))?;
            Some((slot.origin(), current))
        };
        let own = || inner.authority.slot().current().map(|current| (Origin::Authority, current));
        let Some((origin, best)) = inner.slots.iter().find_map(usable).or_else(own) else { return };
        let before = inner.certificates.current();
        if !Arc::ptr_eq(&best, &before) {
            let (origin, facts) = (origin.as_str(), best.facts());
            if facts.sha256 != before.facts().sha256 {
                tracing::info!(origin, until = %facts.not_after, sha256 = facts.sha256, "another certificate is shown from now on");
            }
            inner.public.set(is_publicly_trusted(&best, now));
            inner.certificates.replace(best);
        }
        if origin == Origin::Authority && *active != origin {
            tracing::warn!(instead_of = active.as_str(), "the own authority steps in: clients have to trust it");
        }
        *active = origin;
        for status in self.statuses() {
            let what = format!("tls.{}", status.origin.as_str());
            match line(&status, origin, now) {
                Some(text) => inner.health.problem(&what, text),
                None => inner.health.well(&what),
            };
        }
    }
}

/// What the health board says of a source.
fn line(status: &Status, active: Origin, now: Timestamp) -> Option<String> {
    let instead = || format!("the certificate of another source ({}) is shown instead", active.as_str());
    let facts = status.certificate.as_ref();
    let lasting = facts.filter(|facts| lasts(facts, now));
    match (&status.error, lasting) {
        (Some(error), Some(facts)) => {
            Some(format!("{error} (the certificate from before ends at {})", facts.not_after))
        }
        (Some(error), None) => Some(format!("{error} ({})", instead())),
        (None, None) => facts.map(|facts| {
            format!("the certificate is not valid, or ends too soon, at {}: {}", facts.not_after, instead())
        }),
        (None, Some(facts)) => {
            // The others renew by themselves, and say it when they fail.
            let kept_by_people = matches!(status.origin, Origin::Files | Origin::Imported);
            let due = kept_by_people && status.origin == active && facts.not_after.since(now) < lifetime(facts) / 3;
            let due =
                due.then(|| format!("the certificate that is shown ends at {}: have it renewed", facts.not_after));
            due.or_else(|| status.warning.clone())
        }
    }
}

/// Whether a certificate is valid now, and will be for a while.
fn lasts(facts: &CertificateFacts, now: Timestamp) -> bool {
    let margin = (lifetime(facts) / 50).min(LONGEST_MARGIN);
    facts.not_before <= now && now.after(margin) < facts.not_after
}

fn lifetime(facts: &CertificateFacts) -> Duration {
    facts.not_after.since(facts.not_before)
}

/// So that time alone, too, changes what is shown.
const AT_LEAST_EVERY: Duration = Duration::from_secs(60);
/// A certificate that is about to end is not shown any more: what is left is too little for a client whose clock is ahead.
const LONGEST_MARGIN: Duration = Duration::from_secs(60 * 60);
