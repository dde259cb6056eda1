//! The appliance's own authority: a root that is kept in the store, its key sealed, and short-lived certificates for
//! the appliance that are renewed by themselves. Workstations trust the root once.

use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde::{Deserialize, Serialize};
use tokio::sync::Mutex;

use super::certificates::{CertificateError, KeyAndChain};
use super::kept;
use super::keys::KeyKind;
use super::root::Root;
use super::scope::Scope;
use super::source::Slot;
use crate::config;
use crate::domain::{Side, Timestamp};
use crate::platform::pool::Pool;
use crate::platform::{Clock, Tasks};
use crate::store::{Sealed, Store, StoreError, Table};

/// The appliance's own authority, and the certificates that it keeps fresh.
#[derive(Debug)]
pub struct Authority {
    maker: Maker,
    root: ArcSwap<Root>,
    slot: Slot,
    /// Held while a root or certificates are being made.
    making: Mutex<()>,
}

/// What makes roots and certificates.
#[derive(Debug, Clone)]
struct Maker {
    store: Store,
    appliance: String,
    names: Vec<String>,
    scope: Scope,
    lifetime: Duration,
    /// Keys are made there: an RSA key takes a good part of a second.
    pool: Pool,
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
    /// The authority that the store holds, or a new one that it holds from now on, with a first certificate for the
    /// appliance in `slot`.
    pub async fn open(
        store: &Store,
        appliance: &config::Appliance,
        tls: &config::Tls,
        slot: Slot,
        now: Timestamp,
    ) -> Result<Self, AuthorityError> {
        let maker = Maker::new(store, appliance, tls);
        let root = match kept_root(store)? {
            Some(root) => root,
            None => maker.new_root(now).await?,
        };
        let authority = Self { maker, root: ArcSwap::from_pointee(root), slot, making: Mutex::default() };
        authority.issue(Kinds::First, now).await?;
        Ok(authority)
    }

    /// Where its certificate is.
    pub fn slot(&self) -> &Slot {
        &self.slot
    }

    /// The root certificate that workstations trust, in PEM form.
    pub fn root_pem(&self) -> String {
        self.root.load().certificate_pem()
    }

    /// SHA-256 of the root certificate, in hexadecimal, for comparing by eye.
    pub fn fingerprint(&self) -> String {
        self.root.load().fingerprint()
    }

    /// Those of these names that its root may not sign for.
    pub fn leaves_out(&self, names: &[String]) -> Vec<String> {
        let root = self.root.load();
        let Some(scope) = root.scope() else { return Vec::new() };
        names.iter().filter(|name| !scope.covers(name)).cloned().collect()
    }

    /// Makes a new root for today's names, and uses it from now on. Whoever trusted the old one has to trust the new one.
    pub async fn replace(&self, now: Timestamp) -> Result<(), AuthorityError> {
        let making = self.making.lock().await;
        let root = self.maker.new_root(now).await?;
        self.root.store(Arc::new(root));
        drop(making);
        self.issue(Kinds::Both, now).await?;
        Ok(())
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
                Duration::ZERO => match self.issue(Kinds::Both, clock.now()).await {
                    Ok(()) => continue,
                    Err(error) => self.failed(&error, clock.now()),
                },
                left => match self.complete(clock.now()).await {
                    Ok(false) => left,
                    // That took its time.
                    Ok(true) => continue,
                    Err(error) => self.failed(&error, clock.now()),
                },
            };
            // In short naps: a machine that slept, or whose clock was set, is noticed when it matters.
            clock.sleep(wait.min(NAP)).await;
        }
    }

    /// Tells that a certificate could not be made. How long until the next try.
    fn failed(&self, error: &CertificateError, now: Timestamp) -> Duration {
        if self.slot.fail(format_args!("the own authority could not issue a certificate: {error}")) {
            tracing::error!(%error, "the own authority could not issue a certificate");
        }
        self.slot.next_try(Some(now.after(NAP)));
        NAP
    }

    /// Puts a second certificate beside the first, for clients that have no ECDSA, unless it is there: the start does not wait for
    /// its key. Whether it did.
    async fn complete(&self, now: Timestamp) -> Result<bool, CertificateError> {
        let _making = self.making.lock().await;
        let Some(current) = self.slot.current().filter(|current| !current.has_second()) else { return Ok(false) };
        let (root, left) = (self.root.load_full(), current.facts().not_after.since(now));
        let second = self.maker.certificate(&root, KeyKind::Rsa2048, left, now).await?;
        self.slot.put(current.as_ref().clone().with_second(second), now);
        Ok(true)
    }

    /// Puts a new certificate into the slot, with its second where that is at hand, and says what the root does not allow.
    async fn issue(&self, kinds: Kinds, now: Timestamp) -> Result<(), CertificateError> {
        let _making = self.making.lock().await;
        let (root, lifetime) = (self.root.load_full(), self.maker.lifetime);
        let mut fresh = self.maker.certificate(&root, KeyKind::EcdsaP256, lifetime, now).await?;
        if let Kinds::Both = kinds {
            fresh = fresh.with_second(self.maker.certificate(&root, KeyKind::Rsa2048, lifetime, now).await?);
        }
        let (until, sha256) = (fresh.facts().not_after, fresh.facts().sha256.clone());
        tracing::info!(%until, sha256, "the own authority issued a certificate for the appliance");
        self.slot.put(fresh, now);
        self.slot.next_try(Some(renewal(until, lifetime)));
        self.slot.warn(self.maker.warning(&root));
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
        renewal(facts.not_after, self.maker.lifetime).since(now)
    }
}

/// Makes a new root in the store of an appliance that is stopped.
pub async fn replace_kept(
    store: &Store,
    appliance: &config::Appliance,
    tls: &config::Tls,
    now: Timestamp,
) -> Result<(), AuthorityError> {
    Maker::new(store, appliance, tls).new_root(now).await.map(|_root| ())
}

impl Maker {
    fn new(store: &Store, appliance: &config::Appliance, tls: &config::Tls) -> Self {
        let (names, scope) = (appliance.names.clone(), Scope::of(&appliance.names, &tls.authority_scope));
        let (store, appliance, lifetime) = (store.clone(), appliance.name.clone(), tls.leaf_lifetime);
        Self { store, appliance, names, scope, lifetime, pool: Pool::new(1) }
    }

    /// A new root, durable in the store in place of any before.
    async fn new_root(&self, now: Timestamp) -> Result<Root, AuthorityError> {
        let (name, scope) = (self.appliance.clone(), self.scope.clone());
        // RSA, so that clients that have no ECDSA can verify the whole chain.
        let making = move || Root::limited(&name, KeyKind::Rsa3072, scope, now);
        let root = self.pool.run(making).await.map_err(|_| CertificateError::Unfinished)??;
        let (key, text) = (kept::seal(&self.store, AUTHORITY, &root.key_pem())?, root.certificate_pem());
        let keeping = self.store.change(move |change| {
            change.remove::<Roots>(&ROOT.to_owned())?;
            kept::put(change, AUTHORITY, &key, &text)
        });
        keeping.await.map_err(|error: StoreError| error)?;
        tracing::warn!(sha256 = root.fingerprint(), scope = %self.scope, "the own authority was made: workstations have to trust it");
        Ok(root)
    }

    /// A certificate for those of the appliance's names that the root may sign for.
    async fn certificate(
        &self,
        root: &Arc<Root>,
        kind: KeyKind,
        lifetime: Duration,
        now: Timestamp,
    ) -> Result<KeyAndChain, CertificateError> {
        let covered = |name: &&String| root.scope().is_none_or(|scope| scope.covers(name));
        let mut names: Vec<String> = self.names.iter().filter(covered).cloned().collect();
        if names.is_empty() && !self.names.is_empty() {
            // Something has to be shown; every root covers this.
            names.push("localhost".to_owned());
        }
        let root = Arc::clone(root);
        let making = move || root.issue_with(kind, &names, lifetime, now);
        self.pool.run(making).await.map_err(|_| CertificateError::Unfinished)?
    }

    /// What an administrator has to know of a root.
    fn warning(&self, root: &Root) -> Option<String> {
        let Some(scope) = root.scope() else {
            return Some(format!(
                "the own authority is of an earlier version and may sign for any name: {NEW} makes one that is limited to the \
                 appliance's own, which workstations then have to trust"
            ));
        };
        let missing: Vec<&str> = self.names.iter().map(String::as_str).filter(|name| !scope.covers(name)).collect();
        (!missing.is_empty()).then(|| {
            format!(
                "the own authority may not sign for {}, which its certificate leaves out: {NEW} makes an authority for today's \
                 names, which workstations then have to trust",
                missing.join(", ")
            )
        })
    }
}

/// Which certificates are made.
#[derive(Debug, Clone, Copy)]
enum Kinds {
    /// ECDSA alone: quickly made.
    First,
    /// ECDSA, and RSA for clients that have no ECDSA.
    Both,
}

/// When a certificate that ends at `until` is replaced.
fn renewal(until: Timestamp, lifetime: Duration) -> Timestamp {
    let third = i64::try_from((lifetime / 3).as_millis()).unwrap_or(i64::MAX);
    Timestamp::from_millis(until.as_millis().saturating_sub(third))
}

/// The root that the store holds, in today's form or in that of the first version.
fn kept_root(store: &Store) -> Result<Option<Root>, AuthorityError> {
    if let Some(kept) = kept::read(store, AUTHORITY)? {
        use rustls::pki_types::{CertificateDer, pem::PemObject as _};
        let der = CertificateDer::from_pem_slice(kept.text.as_bytes()).map_err(|_| AuthorityError::Damaged)?;
        return Ok(Some(Root::restore(der.to_vec(), &kept.key)?));
    }
    let Some(kept) = store.read::<Roots>(&ROOT.to_owned())? else { return Ok(None) };
    let der = BASE64.decode(&kept.certificate).map_err(|_| AuthorityError::Damaged)?;
    Ok(Some(Root::restore(der, &store.unseal(PURPOSE, &kept.key)?)?))
}

/// The certificate of the root that the store holds, in PEM form, if there is one.
pub fn kept_pem(store: &Store) -> Result<Option<String>, AuthorityError> {
    Ok(kept_root(store)?.map(|root| root.certificate_pem()))
}

/// Where the first version kept its root: one entry. Read, and no longer written.
#[derive(Debug)]
pub enum Roots {}

impl Table for Roots {
    const NAME: &'static str = "tls.authority";
    const VERSION: u32 = 1;
    type Key = String;
    type Value = KeptRoot;
}

/// The root as the first version kept it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct KeptRoot {
    /// The certificate's DER form in base64.
    pub certificate: String,
    /// The key's PEM form, sealed for `tls.authority.key`.
    pub key: Sealed,
}

const AUTHORITY: &str = "authority";
const ROOT: &str = "root";
const PURPOSE: &str = "tls.authority.key";
const NEW: &str = "`gatehouse admin certificate new-authority`";
const NAP: Duration = Duration::from_secs(10 * 60);
