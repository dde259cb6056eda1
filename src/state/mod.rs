//! What is in the data folder, opened: by the running appliance, or by a command while the appliance is stopped.

mod incoming;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context as _;

pub use incoming::prepare as prepare_state_file;

use crate::audit::{Actor, Audit, AuditError, Entry, SigningKey};
use crate::config::{Config, chosen_file};
use crate::domain::{Events, Timestamp};
use crate::estate::{self, Estate};
use crate::identity::{self, Identity};
use crate::platform::{Clock, files};
use crate::store::{self, OpenReport, Store, StoreError, StoreOptions, TableInfo};
use crate::tls::{self, Anchor};
use crate::workstation::{self, Integrations};

/// The state and the services over it.
#[derive(Debug, Clone)]
pub struct State {
    /// The store.
    pub store: Store,
    /// The audit.
    pub audit: Audit,
    /// The event line that the services publish on.
    pub events: Events,
    /// Who may come in.
    pub identity: Identity,
    /// What is behind the appliance.
    pub estate: Estate,
    /// Services beside the databases.
    pub integrations: Integrations,
}

/// Where things are in the data folder.
#[derive(Debug, Clone)]
pub struct Layout {
    folder: PathBuf,
}

impl Layout {
    /// The layout of this data folder.
    pub fn of(data_dir: &Path) -> Self {
        Self { folder: data_dir.to_owned() }
    }

    /// The store's folder.
    pub fn store(&self) -> PathBuf {
        self.folder.join("store")
    }

    /// The audit's folder.
    pub fn audit(&self) -> PathBuf {
        self.folder.join("audit")
    }

    /// The own authority's certificate, in PEM form: public, and written at each start.
    pub fn authority(&self) -> PathBuf {
        self.folder.join("authority.pem")
    }

    /// Writes the own authority's certificate, for whoever may read the data folder.
    pub fn write_authority(&self, anchor: &Anchor) -> std::io::Result<()> {
        files::write_public(&self.authority(), anchor.pem().as_bytes())
    }

    /// What was chosen on the appliance's pages.
    pub fn chosen(&self) -> PathBuf {
        chosen_file(&self.folder)
    }

    /// A state file that is written at this time.
    pub fn state_file(&self, at: Timestamp) -> PathBuf {
        self.folder.join(format!("gatehouse-{}.state", at.as_millis()))
    }

    /// A state file on its way in.
    pub fn upload(&self) -> PathBuf {
        self.folder.join("incoming.upload")
    }

    /// The note with the set-up code, while there is no administrator.
    pub fn set_up_note(&self) -> PathBuf {
        self.folder.join("setup-code")
    }

    /// The local socket of the running appliance.
    pub fn control_socket(&self) -> PathBuf {
        self.folder.join("control.sock")
    }
}

impl State {
    /// Opens the data folder, or begins it. Blocks; one process at a time.
    pub fn open(config: &Config, clock: Arc<dyn Clock>) -> anyhow::Result<(Self, OpenReport)> {
        let data_dir = &config.appliance.data_dir;
        let layout = Layout::of(data_dir);
        files::private_folder(data_dir)
            .with_context(|| format!("the data folder {} cannot be made or kept private", data_dir.display()))?;
        let replaced =
            incoming::take_over(&layout, clock.now()).context("the state that came in cannot be taken over")?;
        let (store, mut report) = Store::open(StoreOptions {
            folder: layout.store(),
            master_key_file: config.keys.master_key_file.clone(),
            tables: tables(),
            clock: Arc::clone(&clock),
        })?;
        let key = audit_key(&store);
        let audit = Audit::open_signed(&layout.audit(), key, Arc::clone(&clock))?;
        let events = Events::new();
        let identity = Identity::open(store.clone(), audit.clone(), Arc::clone(&clock), events.clone(), config)?;
        let estate = Estate::open(store.clone(), audit.clone(), Arc::clone(&clock), events.clone());
        let integrations = Integrations::open(store.clone(), audit.clone(), clock, events.clone());
        report.replaced = replaced;
        Ok((Self { store, audit, events, identity, estate, integrations }, report))
    }

    /// Writes down what an opening has put in the place of what was there: what was revoked meanwhile counts again, and an
    /// auditor must find this.
    pub async fn record_opening(&self, report: &OpenReport) -> Result<(), AuditError> {
        if let Some(replaced) = &report.replaced {
            let entry = Entry::new(Actor::Appliance, "state.restore").detail("former_state", replaced.display());
            self.audit.record(entry).await?;
        }
        if let Some(restored) = &report.restored {
            let entry = Entry::new(Actor::Appliance, "store.restore").reason(&restored.cause);
            self.audit.record(entry.detail("export_taken", &restored.taken)).await?;
        }
        Ok(())
    }
}

/// The key that the audit's entries are signed with: made from the store's own, so that it needs no place to be kept.
pub fn audit_key(store: &Store) -> SigningKey {
    SigningKey::new(&store.keyed_hash(SIGNING.0, SIGNING.1))
}

/// The same from the store's key files alone, beside a running appliance; `None` where there is no store.
pub fn audit_key_at(config: &Config) -> Result<Option<SigningKey>, StoreError> {
    let store = Layout::of(&config.appliance.data_dir).store();
    let hash = store::keyed_hash_at(&store, &config.keys.master_key_file, SIGNING.0, SIGNING.1)?;
    Ok(hash.map(|hash| SigningKey::new(&hash)))
}

/// What the signing key is made for: purpose and generation.
const SIGNING: (&str, &[u8]) = ("audit.signing", b"1");

/// Every table of this version.
pub fn tables() -> Vec<TableInfo> {
    [identity::tables(), estate::tables(), tls::tables(), workstation::tables()].concat()
}
