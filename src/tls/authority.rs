//! The appliance's own authority: a root that is kept in the store, its key sealed, and a short-lived certificate for
//! the appliance that is renewed by itself. Workstations trust the root once.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde::{Deserialize, Serialize};

use super::certificates::CertificateError;
use super::root::Root;
use super::source::Slot;
use crate::domain::{Side, Timestamp};
use crate::platform::{Clock, Tasks};
use crate::store::{Sealed, Store, StoreError, Table};

/// The appliance's own authority, and the certificate that it keeps fresh.
#[derive(Debug)]
pub struct Authority {
    root: Root,
    names: Vec<String>,
    lifetime: Duration,
    slot: Slot,
}

/// Why the authority could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum AuthorityError {
    /// The store failed. The appliance's side.
    #[error("the authority could not be read from or written to the store")]
    Store(#[from] StoreError),
    /// What the store holds is not a root. The appliance's side.
    #[error("the store holds something else than an authority")]
    Damaged,
    /// The root or its certificate could not be made.
    #[error(transparent)]
    Certificate(#[from] CertificateError),
}

impl AuthorityError {
    /// Whose side it is on.
    pub fn side(&self) -> Side {
        match self {
            Self::Store(_) | Self::Damaged => Side::Appliance,
            Self::Certificate(error) => error.side(),
        }
    }
}

impl Authority {
    /// The authority that the store holds, or a new one that it holds from now on, with a first certificate for
    /// `names` in `slot`, each valid for `lifetime`.
    pub async fn open(
        store: &Store,
        appliance: &str,
        names: Vec<String>,
        lifetime: Duration,
        slot: Slot,
        now: Timestamp,
    ) -> Result<Self, AuthorityError> {
        let kept = match store.read::<Roots>(&ROOT.to_owned())? {
            Some(kept) => kept,
            None => keep_new(store, appliance, now).await?,
        };
        let der = BASE64.decode(&kept.certificate).map_err(|_| AuthorityError::Damaged)?;
        let root = Root::restore(der, &store.unseal(PURPOSE, &kept.key)?)?;
        let authority = Self { root, names, lifetime, slot };
        authority.issue(now)?;
        Ok(authority)
    }

    /// Where its certificate is.
    pub fn slot(&self) -> &Slot {
        &self.slot
    }

    /// The root certificate that workstations trust, in PEM form.
    pub fn root_pem(&self) -> String {
        self.root.certificate_pem()
    }

    /// SHA-256 of the root certificate, in hexadecimal, for comparing by eye.
    pub fn fingerprint(&self) -> String {
        self.root.fingerprint()
    }

    /// Replaces the certificate in the background whenever a third of its life is left.
    pub fn keep_renewed(self: &Arc<Self>, tasks: &Tasks, clock: Arc<dyn Clock>) {
        let (authority, stopping) = (Arc::clone(self), tasks.stopping());
        tasks.spawn("certificate renewal", async move {
            tokio::select! {
                () = stopping => {}
                () = authority.renew_for_ever(&*clock) => {}
            }
        });
    }

    async fn renew_for_ever(&self, clock: &dyn Clock) {
        loop {
            let wait = match self.time_left(clock.now()) {
                Duration::ZERO => self.renew(clock.now()),
                left => left,
            };
            // In short naps: a machine that slept, or whose clock was set, is noticed when it matters.
            clock.sleep(wait.min(NAP)).await;
        }
    }

    /// Renews now. How long until the next look at it.
    fn renew(&self, now: Timestamp) -> Duration {
        match self.issue(now) {
            Ok(()) => SOON,
            Err(error) => {
                if self.slot.fail(format_args!("the own authority's certificate could not be renewed: {error}")) {
                    tracing::error!(%error, "the own authority's certificate could not be renewed");
                }
                NAP
            }
        }
    }

    /// Puts a new certificate into the slot.
    fn issue(&self, now: Timestamp) -> Result<(), CertificateError> {
        let fresh = self.root.issue(&self.names, self.lifetime, now)?;
        let until = fresh.facts().not_after;
        tracing::info!(%until, "the own authority issued a certificate for the appliance");
        self.slot.put(fresh, now);
        self.slot.next_try(Some(renewal(until, self.lifetime)));
        Ok(())
    }

    /// How long the certificate in use will do.
    fn time_left(&self, now: Timestamp) -> Duration {
        let Some(current) = self.slot.current() else { return Duration::ZERO };
        let facts = current.facts();
        // Not valid yet: it was made while the clock was ahead.
        if now < facts.not_before {
            return Duration::ZERO;
        }
        renewal(facts.not_after, self.lifetime).since(now)
    }
}

/// When a certificate that ends at `until` is replaced.
fn renewal(until: Timestamp, lifetime: Duration) -> Timestamp {
    let third = i64::try_from((lifetime / 3).as_millis()).unwrap_or(i64::MAX);
    Timestamp::from_millis(until.as_millis().saturating_sub(third))
}

async fn keep_new(store: &Store, appliance: &str, now: Timestamp) -> Result<KeptRoot, AuthorityError> {
    let root = Root::create(appliance, now)?;
    let kept =
        KeptRoot { certificate: BASE64.encode(root.certificate_der()), key: store.seal(PURPOSE, &root.key_pem())? };
    store
        .change(move |change| {
            change.put::<Roots>(&ROOT.to_owned(), &kept)?;
            Ok(kept)
        })
        .await
}

/// The table of the authority: one entry.
#[derive(Debug)]
pub enum Roots {}

impl Table for Roots {
    const NAME: &'static str = "tls.authority";
    const VERSION: u32 = 1;
    type Key = String;
    type Value = KeptRoot;
}

/// The root as it is kept.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct KeptRoot {
    /// The certificate's DER form in base64.
    certificate: String,
    /// The key's PEM form, sealed.
    key: Sealed,
}

const ROOT: &str = "root";
const PURPOSE: &str = "tls.authority.key";
const NAP: Duration = Duration::from_secs(10 * 60);
const SOON: Duration = Duration::from_secs(1);
