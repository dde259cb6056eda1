//! Reads the settings from all their sources, in order of precedence, and keeps where each value came from.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::complaint::{Complaints, ConfigError, no_such, no_such_key};
use super::environment::Environment;
use super::file;
use super::keys;
use super::origin::Origin;
use super::section::{Field, Raw, Refused};
use super::{Config, appliance, chosen};

/// What the command line says about the settings.
#[derive(Debug, Clone, Default)]
pub struct Flags {
    /// `--config`: the settings file.
    pub config: Option<PathBuf>,
    /// `--data-dir`.
    pub data_dir: Option<PathBuf>,
    /// `--set section.key=value`, each.
    pub set: Vec<String>,
}

/// The settings, and where each came from.
#[derive(Debug, Clone)]
pub struct Loaded {
    /// The effective values.
    pub config: Config,
    /// The settings file that was read, where there is one.
    pub file: Option<PathBuf>,
    origins: BTreeMap<String, Origin>,
}

/// One setting as it is in force.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Effective {
    /// `section.key`.
    pub name: String,
    /// The value as TOML shows it, masked where it is a secret; empty where none is set.
    pub value: String,
    /// Where it came from.
    pub origin: Origin,
}

impl Loaded {
    /// These settings, all of them taken as given: for tests and the demonstration, which make theirs in code.
    pub fn given(config: Config) -> Self {
        Self { config, file: None, origins: BTreeMap::new() }
    }

    /// Where the value of `section.key` came from.
    pub fn origin(&self, name: &str) -> Origin {
        self.origins.get(name).cloned().unwrap_or(Origin::Default)
    }

    /// Every setting as it is in force, in the order of the reference.
    pub fn effective(&self) -> Vec<Effective> {
        let texts = self.config.texts().into_iter();
        texts.map(|(name, value)| Effective { origin: self.origin(&name), name, value }).collect()
    }
}

/// Reads the settings. Nothing is taken from a source that has a mistake in it: every mistake of every source is in the error.
pub fn load(flags: &Flags, environment: &Environment) -> Result<Loaded, ConfigError> {
    read(flags, environment, None)
}

/// The same, with `chosen` in the place of what is kept of choices.
pub(super) fn read(flags: &Flags, environment: &Environment, chosen: Option<&str>) -> Result<Loaded, ConfigError> {
    let fields = Config::fields();
    let mut complaints = Complaints::default();
    let from_flags = flag_settings(flags, &fields, &mut complaints);
    let from_environment = environment.settings(&fields, &mut complaints);

    let mut reading =
        Reading { loaded: Loaded::given(Config::default()), fields: &fields, complaints, refused: Vec::new() };
    let known_folder = [&from_flags, &from_environment].into_iter().flatten();
    let data_dir =
        known_folder.filter(|(field, ..)| field.name() == DATA_DIR).map(|(_, text, _)| PathBuf::from(text)).next();
    let named = flags.config.clone().or_else(|| environment.config());
    let filed = reading.entries_of_file(named, data_dir.as_deref().unwrap_or(Path::new(appliance::DEFAULT_DATA_DIR)));
    let data_dir = data_dir.or_else(|| reading.folder_in(&filed));
    reading.take_chosen(chosen, data_dir.as_deref().unwrap_or(Path::new(appliance::DEFAULT_DATA_DIR)));
    for (entry, origin) in filed {
        reading.take(&entry.section, &entry.key, &entry.raw, origin);
    }
    for (field, text, origin) in from_environment.into_iter().chain(from_flags) {
        reading.take(field.section, field.key, &Raw::Loose(text), origin);
    }
    reading.finish()
}

const DATA_DIR: &str = "appliance.data_dir";
const MASTER_KEY_FILE: &str = "keys.master_key_file";

/// Where the settings file is looked for after the data folder.
const SYSTEM_FILE: &str = "/etc/gatehouse/gatehouse.toml";

struct Reading<'a> {
    loaded: Loaded,
    fields: &'a [Field],
    complaints: Complaints,
    refused: Vec<String>,
}

impl Reading<'_> {
    fn entries_of_file(&mut self, named: Option<PathBuf>, data_dir: &Path) -> Vec<(file::Entry, Origin)> {
        let usual =
            || [data_dir.join("gatehouse.toml"), PathBuf::from(SYSTEM_FILE)].into_iter().find(|path| path.exists());
        let Some(path) = named.or_else(usual) else { return Vec::new() };
        let text = match std::fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) => {
                self.complaints.add(path.display(), format!("the settings file cannot be read: {error}"));
                return Vec::new();
            }
        };
        let sections: Vec<&str> = Config::section_docs().into_iter().map(|(name, _)| name).collect();
        let entries = file::entries(&path, &text, &sections, &mut self.complaints);
        let origin = |line| Origin::File { path: path.clone(), line };
        let entries = entries.into_iter().map(|entry| (origin(entry.line), entry));
        let entries = entries.map(|(origin, entry)| (entry, origin)).collect();
        self.loaded.file = Some(path);
        entries
    }

    /// The data folder that the settings file names.
    fn folder_in(&self, entries: &[(file::Entry, Origin)]) -> Option<PathBuf> {
        let named = entries.iter().find(|(entry, _)| format!("{}.{}", entry.section, entry.key) == DATA_DIR);
        named.and_then(|(entry, _)| entry.raw.text()).map(PathBuf::from)
    }

    fn take_chosen(&mut self, instead: Option<&str>, data_dir: &Path) {
        let kept = match instead {
            Some(text) => Some((PathBuf::from("what was chosen"), text.to_owned())),
            None => chosen::kept(data_dir, &mut self.complaints),
        };
        let Some((path, text)) = kept else { return };
        for entry in chosen::entries(&path, &text, &mut self.complaints) {
            self.take(&entry.section, &entry.key, &entry.raw, Origin::Chosen);
        }
    }

    fn take(&mut self, section: &str, key: &str, raw: &Raw, origin: Origin) {
        let name = format!("{section}.{key}");
        match self.loaded.config.put(section, key, raw) {
            Ok(()) => {
                self.loaded.origins.insert(name, origin);
            }
            Err(Refused::UnknownKey) => self.complaints.add(origin, no_such_key(section, key, self.fields)),
            Err(Refused::Value { expected }) => {
                self.complaints.add(origin, format!("`{name}` has to be {expected}"));
                self.refused.push(name);
            }
        }
    }

    fn finish(mut self) -> Result<Loaded, ConfigError> {
        if !self.loaded.origins.contains_key(MASTER_KEY_FILE) {
            let folder = &self.loaded.config.appliance.data_dir;
            self.loaded.config.keys.master_key_file = keys::default_file(folder);
        }
        let mut objections = self.loaded.config.objections();
        if self.loaded.config.keys.master_key_file.starts_with(&self.loaded.config.appliance.data_dir) {
            objections.push((MASTER_KEY_FILE.to_owned(), "has to lie outside of `appliance.data_dir`".to_owned()));
        }
        for (name, text) in objections {
            if !self.refused.contains(&name) {
                self.complaints.add(self.loaded.origin(&name), format!("`{name}` {text}"));
            }
        }
        self.complaints.into_result()?;
        Ok(self.loaded)
    }
}

fn flag_settings(flags: &Flags, fields: &[Field], complaints: &mut Complaints) -> Vec<(Field, String, Origin)> {
    let mut found: Vec<(Field, String, Origin)> = Vec::new();
    let data_dir =
        flags.data_dir.as_ref().map(|path| (DATA_DIR.to_owned(), path.to_string_lossy().into_owned(), "--data-dir"));
    let mut given: Vec<(String, String, &'static str)> = data_dir.into_iter().collect();
    for text in &flags.set {
        match text.split_once('=') {
            Some((name, value)) => given.push((name.trim().to_owned(), value.trim().to_owned(), "--set")),
            None => complaints.add("--set", format!("`{text}` has to be `section.key=value`")),
        }
    }
    for (name, value, flag) in given {
        let Some(field) = fields.iter().find(|field| field.name() == name) else {
            let text = match name.split_once('.') {
                Some((section, key)) => no_such_key(section, key, fields),
                None => no_such("setting", &name, fields.iter().map(Field::name)),
            };
            complaints.add(flag, text);
            continue;
        };
        if field.secret {
            complaints.add(
                flag,
                format!(
                    "`{name}` is a secret, which others could read off the command line; use {}_FILE",
                    field.environment()
                ),
            );
        } else if found.iter().any(|(earlier, ..)| earlier.name() == name) {
            complaints.add(flag, format!("`{name}` is given twice on the command line"));
        } else {
            found.push((field.clone(), value, Origin::Flag(flag)));
        }
    }
    found
}
