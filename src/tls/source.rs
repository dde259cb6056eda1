//! What each source of certificates has to show, and how it fares. Sources put in; [`super::Shown`] chooses.

use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwapOption;
use serde::Serialize;
use tokio::sync::Notify;

use super::certificates::KeyAndChain;
use crate::domain::Timestamp;
use crate::wire::CertificateFacts;

/// Where a certificate comes from, the preferred first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Origin {
    /// Files that somebody else keeps fresh.
    Files,
    /// Signed by a customer's authority over a request that the appliance made.
    Imported,
    /// Ordered and renewed by ACME.
    Acme,
    /// The appliance's own authority: always there.
    Authority,
}

impl Origin {
    /// Its name in logs, metrics and JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Files => "files",
            Self::Imported => "imported",
            Self::Acme => "acme",
            Self::Authority => "authority",
        }
    }
}

/// How a source fares, for people and for metrics.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Status {
    /// Whose it is.
    pub origin: Origin,
    /// What it has.
    pub certificate: Option<CertificateFacts>,
    /// When it last got one; of one that was kept over a restart, when that was.
    pub renewed: Option<Timestamp>,
    /// When it tries again.
    pub next_try: Option<Timestamp>,
    /// Why the last try failed; nothing once one succeeded.
    pub error: Option<String>,
    /// What its owner should look at, although it works.
    pub warning: Option<String>,
}

/// The place where a source keeps what it has. Clones are the same place.
///
/// [`super::Shown`] makes the health board's line of a source from what is here: sources say it here, and nowhere else.
#[derive(Debug, Clone)]
pub struct Slot {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    origin: Origin,
    current: ArcSwapOption<KeyAndChain>,
    news: Mutex<News>,
    changed: Arc<Notify>,
}

#[derive(Debug, Default)]
struct News {
    renewed: Option<Timestamp>,
    next_try: Option<Timestamp>,
    error: Option<String>,
    warning: Option<String>,
}

impl Slot {
    /// A place with nothing in it. `changed` is told of each change.
    pub fn new(origin: Origin, changed: Arc<Notify>) -> Self {
        let news = Mutex::default();
        Self { shared: Arc::new(Shared { origin, current: ArcSwapOption::empty(), news, changed }) }
    }

    /// Whose place it is.
    pub fn origin(&self) -> Origin {
        self.shared.origin
    }

    /// There is a new certificate, and all is well.
    pub fn put(&self, fresh: KeyAndChain, now: Timestamp) {
        self.shared.current.store(Some(Arc::new(fresh)));
        let mut news = self.news();
        (news.renewed, news.error) = (Some(now), None);
        drop(news);
        self.shared.changed.notify_one();
    }

    /// There is none any more.
    pub fn clear(&self) {
        self.shared.current.store(None);
        self.shared.changed.notify_one();
    }

    /// A try failed; what is there stays. `error` is one line that says what happened, whose side it is on and what to do.
    /// True if it says something new.
    pub fn fail(&self, error: impl std::fmt::Display) -> bool {
        self.tell(|news| &mut news.error, Some(error.to_string()))
    }

    /// Nothing is wrong any more, with what is there already.
    pub fn well(&self) {
        self.tell(|news| &mut news.error, None);
    }

    /// What the source's owner should look at, although it works; or nothing. True if it says something new.
    pub fn warn(&self, warning: Option<String>) -> bool {
        self.tell(|news| &mut news.warning, warning)
    }

    fn tell(&self, place: impl FnOnce(&mut News) -> &mut Option<String>, text: Option<String>) -> bool {
        let mut news = self.news();
        let place = place(&mut news);
        let new = *place != text;
        *place = text;
        drop(news);
        if new {
            self.shared.changed.notify_one();
        }
        new
    }

    /// When it is tried again.
    pub fn next_try(&self, at: Option<Timestamp>) {
        self.news().next_try = at;
    }

    /// What is there.
    pub fn current(&self) -> Option<Arc<KeyAndChain>> {
        self.shared.current.load_full()
    }

    /// How it fares.
    pub fn status(&self) -> Status {
        let certificate = self.current().map(|current| current.facts().clone());
        let news = self.news();
        Status {
            origin: self.shared.origin,
            certificate,
            renewed: news.renewed,
            next_try: news.next_try,
            error: news.error.clone(),
            warning: news.warning.clone(),
        }
    }

    fn news(&self) -> std::sync::MutexGuard<'_, News> {
        self.shared.news.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
