//! What all dials share: the clock and the limit, the trusted authorities, and which servers speak TDS 8.0.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rustls::RootCertStore;
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::UnixTime;

use super::target::Target;
use crate::platform::{Clock, Resolve, SystemResolver};

/// Dials SQL Servers. Clones share what was learnt about them.
#[derive(Clone)]
pub struct Dialer {
    pub(super) clock: Arc<dyn Clock>,
    pub(super) limit: Duration,
    pub(super) resolver: Arc<dyn Resolve>,
    pub(super) roots: Arc<RootCertStore>,
    pub(super) provider: Arc<CryptoProvider>,
    learnt: Arc<Mutex<Learnt>>,
}

/// What the server at a host and port speaks, and since when (by the monotonic clock) that is known.
type Learnt = HashMap<(String, u16), (Speaks, Duration)>;

/// What a server is known to speak.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Speaks {
    /// TDS 8.0: TLS first.
    Strict,
    /// TDS 7.x: TLS inside PRELOGIN.
    Tunnel,
}

impl Dialer {
    /// A dialer that takes at most `limit` for a connection: name, TCP, PRELOGIN and TLS together. Reads the operating
    /// system's authorities.
    pub fn new(clock: Arc<dyn Clock>, limit: Duration) -> Self {
        let found = rustls_native_certs::load_native_certs();
        for error in &found.errors {
            tracing::debug!(%error, "a system authority could not be read");
        }
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(found.certs);
        Self {
            clock,
            limit,
            resolver: Arc::new(SystemResolver::new()),
            roots: Arc::new(roots),
            provider: Arc::new(aws_lc_rs::default_provider()),
            learnt: Arc::default(),
        }
    }

    /// Takes these authorities for the operating system's.
    pub fn with_system_roots(mut self, roots: RootCertStore) -> Self {
        self.roots = Arc::new(roots);
        self
    }

    /// Looks names up through `resolver`.
    pub fn with_resolver(mut self, resolver: impl Resolve) -> Self {
        self.resolver = Arc::new(resolver);
        self
    }

    /// What `target` spoke last, unless that was too long ago to go by.
    pub(super) fn known(&self, target: &Target) -> Option<Speaks> {
        let (speaks, when) = *self.learnt().get(&key(target))?;
        let age = self.clock.monotonic().saturating_sub(when);
        (speaks == Speaks::Strict || age < ASK_AGAIN).then_some(speaks)
    }

    pub(super) fn learn(&self, target: &Target, speaks: Speaks) {
        let now = self.clock.monotonic();
        let mut learnt = self.learnt();
        // Targets come from the administrators and from routing answers; the latter could be many.
        if learnt.len() >= REMEMBERED {
            learnt.clear();
        }
        learnt
            .entry(key(target))
            .and_modify(|known| {
                if known.0 != speaks {
                    *known = (speaks, now)
                }
            })
            .or_insert((speaks, now));
    }

    pub(super) fn forget(&self, target: &Target) {
        self.learnt().remove(&key(target));
    }

    fn learnt(&self) -> std::sync::MutexGuard<'_, Learnt> {
        self.learnt.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl std::fmt::Debug for Dialer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Dialer").field("limit", &self.limit).finish_non_exhaustive()
    }
}

/// The house's clock, as rustls reads it.
#[derive(Clone)]
pub(super) struct TlsTime(pub Arc<dyn Clock>);

impl rustls::time_provider::TimeProvider for TlsTime {
    fn current_time(&self) -> Option<UnixTime> {
        let since_epoch = u64::try_from(self.0.now().as_millis()).ok()?;
        Some(UnixTime::since_unix_epoch(Duration::from_millis(since_epoch)))
    }
}

impl std::fmt::Debug for TlsTime {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("TlsTime")
    }
}

fn key(target: &Target) -> (String, u16) {
    (target.host.to_ascii_lowercase(), target.port)
}

/// After this long a server that did not speak TDS 8.0 is asked again: it may have been upgraded.
const ASK_AGAIN: Duration = Duration::from_secs(60 * 60);
const REMEMBERED: usize = 1024;
