//! Changes that a config document may have to tell of: a counter that rises with each, and what was read at which count.
//!
//! Who waits for a change sleeps on the counter and costs nothing. What all documents are made from is read once for each
//! count: the count is taken before the state is read, so what was read is at least as new as its count.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::watch;

use super::passes::Passes;
use crate::domain::{Event, Events};
use crate::estate::{Database, Estate, Grant};
use crate::workstation::error::WorkstationError;
use crate::workstation::integrations::{Integration, Integrations};

/// What every document is made from.
#[derive(Debug)]
pub(super) struct Snapshot {
    count: u64,
    /// By alias.
    pub databases: Vec<Database>,
    pub grants: Vec<Grant>,
    /// By name.
    pub integrations: Vec<Integration>,
}

/// The counter of changes, and the snapshot of the newest count that was asked for.
#[derive(Debug)]
pub(super) struct Changes {
    count: watch::Sender<u64>,
    newest: Mutex<Option<Arc<Snapshot>>>,
}

impl Changes {
    /// Counts what the event line tells of from now on. The line holds the counter and the passes alone, nothing that
    /// holds the line.
    pub fn listen(events: &Events, passes: &Arc<Passes>) -> Self {
        let count = watch::Sender::new(0_u64);
        let (counter, passes) = (count.clone(), Arc::clone(passes));
        events.listen(move |event| {
            match event {
                // Moving a database's server is nothing that a workstation notices.
                Event::ServerChanged(_) | Event::FactorsChanged(_) => return,
                Event::PassRevoked(id) => passes.forget(*id),
                _ => {}
            }
            counter.send_modify(|count| *count = count.wrapping_add(1));
        });
        Self { count, newest: Mutex::new(None) }
    }

    /// Counts a change that comes by another way than the event line.
    pub fn count_one(&self) {
        self.count.send_modify(|count| *count = count.wrapping_add(1));
    }

    /// To wait on.
    pub fn subscribe(&self) -> watch::Receiver<u64> {
        self.count.subscribe()
    }

    /// What is so now.
    pub fn snapshot(&self, estate: &Estate, integrations: &Integrations) -> Result<Arc<Snapshot>, WorkstationError> {
        let count = *self.count.borrow();
        let newest = || self.newest.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(snapshot) = newest().as_ref().filter(|snapshot| snapshot.count == count) {
            return Ok(Arc::clone(snapshot));
        }
        let (databases, grants) = (estate.databases()?, estate.grants()?);
        let snapshot = Arc::new(Snapshot { count, databases, grants, integrations: integrations.all()? });
        *newest() = Some(Arc::clone(&snapshot));
        Ok(snapshot)
    }
}
