//! Opening: the lock, the keys, the database or what takes its place, the migrations; and what there is to tell.

use std::path::PathBuf;
use std::sync::Arc;

use super::commit::Committer;
use super::data_key::{DATA_KEY, DataKey, read_wrapped, write_wrapped};
use super::engine::{self, Engine};
use super::error::StoreError;
use super::files::{file_error, make_folder, put_in_place, sync_parent};
use super::master_key::MasterKey;
use super::seal::Sealed;
use super::table::TableInfo;
use super::{Inner, Store, export, migrate};
use crate::platform::{Clock, Lock};

/// How to open the store.
#[derive(Clone)]
pub struct StoreOptions {
    /// The store's own folder; made when it is not there.
    pub folder: PathBuf,
    /// The master key's file; made, for the owner alone, when neither it nor the store is there.
    pub master_key_file: PathBuf,
    /// Every table of this version.
    pub tables: Vec<TableInfo>,
    /// For the names and times of exports.
    pub clock: Arc<dyn Clock>,
}

/// What happened at opening.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OpenReport {
    /// The store was made just now.
    pub fresh: bool,
    /// The database could not be opened, and an export took its place: changes after it are lost.
    pub restored: Option<Restored>,
    /// A state file's content took the place of what was there, which is kept here now.
    pub replaced: Option<PathBuf>,
    /// Tables whose stored form was brought up to this version's.
    pub migrated: Vec<String>,
    /// Half-written snapshots of the database engine that were removed: it was stopped while it wrote them.
    pub leftovers_removed: usize,
}

/// A fall-back to an export.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Restored {
    /// Why the database could not be opened.
    pub cause: String,
    /// The export in its place.
    pub export: PathBuf,
    /// When it was taken, as RFC 3339.
    pub taken: String,
    /// Where the database is kept now; `None` when it was gone altogether.
    pub moved_to: Option<PathBuf>,
}

/// The store's folder, and what lies where in it.
pub(super) struct Place {
    pub(super) folder: PathBuf,
}

impl Place {
    /// Makes the folder, and locks it against other processes.
    fn take(folder: PathBuf) -> Result<(Self, Lock), StoreError> {
        make_folder(&folder)?;
        let path = folder.join("lock");
        match Lock::take(&path).map_err(file_error("lock", &path))? {
            Some(lock) => Ok((Self { folder }, lock)),
            None => Err(StoreError::InUse { folder }),
        }
    }

    pub(super) fn database(&self) -> PathBuf {
        self.folder.join("sled")
    }

    fn restoring(&self) -> PathBuf {
        self.folder.join("sled.restoring")
    }

    pub(super) fn data_key(&self) -> PathBuf {
        self.folder.join(DATA_KEY)
    }

    pub(super) fn exports(&self) -> PathBuf {
        self.folder.join("exports")
    }
}

/// Opens the store, or creates it.
pub(super) fn open(options: StoreOptions) -> Result<(Store, OpenReport), StoreError> {
    let (place, lock) = Place::take(options.folder.clone())?;
    let mut report = OpenReport::default();
    let (engine, data_key) = match wrapped_key(&place)? {
        None => create(&place, &options, &mut report)?,
        Some(wrapped) => {
            let data_key = DataKey::unwrap(wrapped, &MasterKey::read(&options.master_key_file)?)?;
            (open_existing(&place, &options, &mut report)?, data_key)
        }
    };
    let plan = migrate::plan(&engine, &options.tables)?;
    if plan.rewrites() {
        export::write(&place.exports(), &engine, &data_key.wrapped(), options.clock.now())?;
    }
    report.migrated = plan.run(&engine)?;
    let inner = Inner {
        committer: Committer::new(engine, lock),
        data_key,
        tables: options.tables,
        clock: options.clock,
        master_key_file: options.master_key_file,
        place,
    };
    Ok((Store { inner: Arc::new(inner) }, report))
}

/// The wrapped data key; from an export, where its own file is gone.
fn wrapped_key(place: &Place) -> Result<Option<Sealed>, StoreError> {
    if let Some(wrapped) = read_wrapped(&place.data_key())? {
        return Ok(Some(wrapped));
    }
    let Some(export) = export::newest(&place.exports())? else { return Ok(None) };
    tracing::error!(export = %export.path.display(), "the wrapped data key is gone; an export's copy takes its place");
    write_wrapped(&place.data_key(), &export.data_key)?;
    Ok(Some(export.data_key))
}

/// Makes a new store. The data key's file is written last: it says that the store was made to the end.
fn create(place: &Place, options: &StoreOptions, report: &mut OpenReport) -> Result<(Engine, DataKey), StoreError> {
    let (path, database) = (place.data_key(), place.database());
    report.leftovers_removed = engine::remove_leftovers(&database)?;
    let engine = match Engine::open(&database) {
        Ok(engine) => engine,
        Err(error) if !error.is_damage() => return Err(error),
        Err(error) => {
            // A first start that was cut off: nothing was ever acknowledged from it. Kept all the same.
            tracing::error!(error = %error, "what an unfinished first start left cannot be opened; beginning anew");
            move_aside(place, options)?;
            Engine::open(&database)?
        }
    };
    let mut entries = 0_u64;
    engine.for_each(|_, _| {
        entries += 1;
        Ok(())
    })?;
    if entries > 0 {
        let source = std::io::Error::from(std::io::ErrorKind::NotFound);
        return Err(StoreError::File { what: "open the store without its wrapped data key", path, source });
    }
    let data_key = DataKey::random(&MasterKey::read_or_make(&options.master_key_file)?)?;
    write_wrapped(&path, &data_key.wrapped())?;
    report.fresh = true;
    Ok((engine, data_key))
}

/// Opens the database; when that fails, puts it aside and the newest verified export in its place.
fn open_existing(place: &Place, options: &StoreOptions, report: &mut OpenReport) -> Result<Engine, StoreError> {
    let database = place.database();
    let opened = if engine::is_there(&database) {
        report.leftovers_removed = engine::remove_leftovers(&database)?;
        Engine::open(&database)
    } else {
        Err(StoreError::Engine("it is not there".to_owned()))
    };
    let cause = match opened {
        Err(error) if error.is_damage() => error.to_string(),
        // The disk is full, or the like: the database itself may be sound.
        other => return other,
    };
    let Some(export) = export::newest(&place.exports())? else {
        return Err(StoreError::Broken { folder: place.folder.clone(), cause });
    };
    tracing::error!(cause, export = %export.path.display(), "the database cannot be opened; falling back to an export");
    build_from(&export, place)?;
    let moved_to = if database.exists() { Some(move_aside(place, options)?) } else { None };
    put_in_place(&place.restoring(), &database)?;
    let engine = Engine::open(&database)?;
    report.restored = Some(Restored { cause, export: export.path, taken: export.at, moved_to });
    Ok(engine)
}

/// Moves the database out of the way, where it is kept.
fn move_aside(place: &Place, options: &StoreOptions) -> Result<PathBuf, StoreError> {
    let (from, at) = (place.database(), options.clock.now().as_millis());
    let free = |to: &PathBuf| !to.exists();
    let to = (at..).map(|at| place.folder.join(format!("sled.broken-{at}"))).find(free).unwrap_or_default();
    std::fs::rename(&from, &to).map_err(file_error("move aside", &from))?;
    sync_parent(&to)?;
    Ok(to)
}

/// Builds a database from an export, beside the place where it will be.
fn build_from(export: &export::About, place: &Place) -> Result<(), StoreError> {
    let folder = place.restoring();
    if folder.exists() {
        std::fs::remove_dir_all(&folder).map_err(file_error("remove", &folder))?;
    }
    export::restore(&export.path, &Engine::open(&folder)?)
}

impl std::fmt::Debug for StoreOptions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("StoreOptions").field("folder", &self.folder).finish_non_exhaustive()
    }
}
