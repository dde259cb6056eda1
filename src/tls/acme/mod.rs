//! Certificates from an ACME directory (RFC 8555), ordered and renewed by themselves. The only folder that names rustls-acme.
//!
//! [`Acme`] is the source: it decides when (`schedule`), looks whether the names lead here (`reach`, `meet`), orders (`order`, `answers`,
//! `client`), keeps what came (`kept`), and only then puts it into its [`Slot`]. What goes wrong is put into words in `explain` and
//! [`AcmeError`].
//!
//! What the library cannot do is left out here, and said in the settings, the errors and the README: external account bindings, the DNS-01
//! challenge and with it wildcards, addresses as names, renewal information (RFC 9773), other keys than ECDSA P-256.

mod answers;
mod client;
mod error;
mod explain;
mod kept;
mod meet;
mod order;
mod reach;
mod schedule;
#[cfg(test)]
mod tests;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

pub use error::AcmeError;
pub use kept::{Accounts, Heads, Pieces, tables};

use super::certificates::{CertificateError, Certificates, KeyAndChain};
use super::challenges::Challenges;
use super::source::Slot;
use crate::config::{self, Challenge};
use crate::domain::Timestamp;
use crate::platform::{Clock, Pool, Resolve, Tasks};
use crate::store::Store;
use explain::Asked;
use kept::{AccountId, Bundle, CertificateId};
use order::Order;
use reach::Surroundings;
use schedule::BackOff;

/// What the source of ACME certificates works with.
pub struct AcmeParts {
    /// Where account and certificate are kept.
    pub store: Store,
    /// Where the certificate is shown.
    pub slot: Slot,
    /// Where the answers to challenges go.
    pub challenges: Challenges,
    /// What the appliance shows now, from whatever source.
    pub shown: Arc<Certificates>,
    /// Looks the names up before an order.
    pub resolver: Arc<dyn Resolve>,
    /// Says when to order.
    pub clock: Arc<dyn Clock>,
}

/// The source of ACME certificates.
pub struct Acme {
    wanted: Wanted,
    store: Store,
    slot: Slot,
    clock: Arc<dyn Clock>,
    surroundings: Surroundings,
    files: Pool,
}

/// What the settings ask for.
struct Wanted {
    directory: String,
    /// It reaches names through the Internet alone.
    internet: bool,
    names: Vec<String>,
    contact: Vec<String>,
    root_file: Option<PathBuf>,
    challenge: Challenge,
    check_names: bool,
    certificate: CertificateId,
}

impl Acme {
    /// The source by these settings, which switch it on. A certificate that is kept for them is shown at once; nothing is asked of anybody yet.
    pub fn open(settings: &config::Acme, appliance: &config::Appliance, parts: AcmeParts) -> Arc<Self> {
        let AcmeParts { store, slot, challenges, shown, resolver, clock } = parts;
        let (directory, names) = (settings.directory_url().to_owned(), settings.names_for(appliance));
        let wanted = Wanted {
            certificate: CertificateId::of(&directory, &names),
            internet: settings.is_lets_encrypt(),
            contact: settings.contact.iter().map(|contact| mailto(contact)).collect(),
            root_file: settings.root_file.clone(),
            challenge: settings.challenge,
            check_names: settings.check_names,
            directory,
            names,
        };
        let surroundings =
            Surroundings { resolver, is_own: reach::is_own, clock: Arc::clone(&clock), shown, challenges };
        let acme = Self { wanted, store, slot, clock, surroundings, files: Pool::new(1) };
        acme.show_kept();
        Arc::new(acme)
    }

    /// Orders and renews in the background, until the tasks are told to stop.
    pub fn keep_ordered(self: &Arc<Self>, tasks: &Tasks) {
        let (acme, stopping) = (Arc::clone(self), tasks.stopping());
        tasks.spawn("acme", async move {
            tokio::select! {
                () = stopping => {}
                () = acme.order_for_ever() => {}
            }
        });
    }

    /// What is kept is not vital: what cannot be read is ordered anew.
    fn show_kept(&self) {
        let kept = match kept::certificate(&self.store, &self.wanted.certificate) {
            Ok(Some(kept)) => kept,
            Ok(None) => return,
            Err(error) => {
                tracing::error!(%error, "the kept ACME certificate cannot be read; it is ordered anew");
                return;
            }
        };
        match key_and_chain(&kept.pem) {
            Ok(certificate) => self.slot.put(certificate, kept.obtained),
            Err(error) => tracing::error!(%error, "the kept ACME certificate is damaged; it is ordered anew"),
        }
    }

    async fn order_for_ever(&self) {
        let mut back_off = BackOff::default();
        let mut pause = Pause::none();
        loop {
            let now = self.clock.now();
            let next = self.due(now).max(pause.until(now, &*self.clock));
            self.slot.next_try(Some(next));
            let wait = next.since(now);
            if !wait.is_zero() {
                // In short naps: a machine that slept, or whose clock was set, is noticed when it matters.
                self.clock.sleep(wait.min(NAP)).await;
                continue;
            }
            match self.order().await {
                Ok(()) => {
                    back_off.succeeded();
                    pause = Pause::none();
                }
                Err(error) => {
                    let wait = back_off.failed(error.again(), self.clock.now(), dice());
                    pause = Pause::of(wait, &*self.clock);
                    self.tell(&error, wait);
                }
            }
        }
    }

    /// When the certificate is ordered: now, if there is none.
    fn due(&self, now: Timestamp) -> Timestamp {
        let current = self.slot.current();
        let renewal = |obtained| current.map(|current| schedule::renewal(current.facts(), obtained, now));
        self.slot.status().renewed.and_then(renewal).unwrap_or(now)
    }

    /// One certificate: ordered, kept, shown.
    async fn order(&self) -> Result<(), AcmeError> {
        let Wanted { directory, names, challenge, .. } = &self.wanted;
        let client = client::client(self.wanted.root_file.as_deref(), &self.files).await?;
        if self.wanted.check_names {
            for warning in self.surroundings.check(names, *challenge, self.wanted.internet).await? {
                tracing::warn!("{warning}");
            }
        }
        tracing::info!(directory, names = names.join(", "), challenge = challenge.as_str(), "a certificate is ordered");
        let order = Order {
            asked: Asked { directory, challenge: *challenge },
            names,
            contact: &self.wanted.contact,
            account: AccountId::of(directory, &self.wanted.contact),
            client,
            store: &self.store,
            challenges: &self.surroundings.challenges,
            clock: &*self.clock,
        };
        let pem = order.place().await?;
        self.take(Bundle { pem, obtained: self.clock.now() }).await
    }

    /// Keeps what came, and shows it then.
    async fn take(&self, bundle: Bundle) -> Result<(), AcmeError> {
        let fresh = key_and_chain(&bundle.pem)?;
        let facts = fresh.facts().clone();
        let missing = |name: &&String| !facts.names.iter().any(|given| given.eq_ignore_ascii_case(name));
        let missing: Vec<&str> = self.wanted.names.iter().filter(missing).map(String::as_str).collect();
        if !missing.is_empty() {
            return Err(AcmeError::OtherNames(missing.join(", ")));
        }
        kept::keep_certificate(&self.store, &self.wanted.certificate, &bundle, facts.not_after).await?;
        self.slot.put(fresh, bundle.obtained);
        tracing::info!(until = %facts.not_after, sha256 = facts.sha256, issuer = facts.issuer, "a certificate came from the ACME directory");
        let now = self.clock.now();
        let doubt = (!facts.is_current(now)).then(|| {
            let (from, to) = (facts.not_before, facts.not_after);
            format!("the new certificate is valid from {from} to {to}, and by this machine's clock it is {now}: set the clock")
        });
        if let Some(doubt) = &doubt {
            tracing::error!("{doubt}");
        }
        self.slot.warn(doubt);
        Ok(())
    }

    /// A failure, for whoever can do something about it.
    fn tell(&self, error: &AcmeError, wait: Duration) {
        self.slot.fail(error);
        tracing::warn!(%error, side = %error.side(), retry = wait.as_secs(), "no certificate came from the ACME directory");
    }
}

impl std::fmt::Debug for Acme {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Acme").field("names", &self.wanted.names).finish_non_exhaustive()
    }
}

/// A wait that ends by either clock: the monotonic one stands still while some machines sleep, the other may be set back.
struct Pause {
    monotonic: Duration,
    wall: Timestamp,
}

impl Pause {
    fn none() -> Self {
        Self { monotonic: Duration::ZERO, wall: Timestamp::from_millis(0) }
    }

    fn of(wait: Duration, clock: &dyn Clock) -> Self {
        Self { monotonic: clock.monotonic() + wait, wall: clock.now().after(wait) }
    }

    /// Its end, by the wall clock as it is now.
    fn until(&self, now: Timestamp, clock: &dyn Clock) -> Timestamp {
        self.wall.min(now.after(self.monotonic.saturating_sub(clock.monotonic())))
    }
}

fn key_and_chain(pem: &str) -> Result<KeyAndChain, CertificateError> {
    let key = PrivateKeyDer::from_pem_slice(pem.as_bytes()).map_err(|_| CertificateError::NoKey)?;
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem.as_bytes()).collect();
    KeyAndChain::new(chain.map_err(|_| CertificateError::NotACertificate)?, key)
}

fn mailto(contact: &str) -> String {
    if contact.starts_with("mailto:") { contact.to_owned() } else { format!("mailto:{contact}") }
}

/// Uniform from 0 to 1; without randomness the middle.
fn dice() -> f64 {
    let mut bytes = [0_u8; 4];
    match getrandom::fill(&mut bytes) {
        Ok(()) => f64::from(u32::from_ne_bytes(bytes)) / f64::from(u32::MAX),
        Err(_) => 0.5,
    }
}

const NAP: Duration = Duration::from_secs(60);
