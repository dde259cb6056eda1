//! Settings that an administrator chose on a page of the appliance: a file in the data folder, which the appliance itself
//! writes. Flags, the environment and the settings file go before it, and what they fix cannot be chosen.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use toml_edit::{Array, DocumentMut, Item, Table, Value};

use super::complaint::{Complaints, ConfigError};
use super::environment::Environment;
use super::load::{Flags, Loaded, read};
use super::origin::Origin;
use super::{Config, file};

/// What can be chosen on a page. All else is for whoever has the machine.
pub const CHOOSABLE: [&str; 7] = [
    "appliance.name",
    "appliance.names",
    "acme.enabled",
    "acme.directory",
    "acme.staging",
    "acme.contact",
    "workstation.host",
];

/// Where the settings come from: to be read at the start, and again when something was chosen.
#[derive(Debug, Clone)]
pub struct Sources {
    flags: Flags,
    environment: Environment,
}

/// What is chosen for one setting.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Choice {
    /// A text.
    Text(String),
    /// Yes or no.
    Flag(bool),
    /// Several texts.
    List(Vec<String>),
    /// Nothing: the default counts.
    Default,
}

impl Choice {
    /// The choice for a setting of [`CHOOSABLE`] that is meant by these words: a text, `true` or `false`, or several texts.
    pub fn of_words(name: &str, words: &[String]) -> Result<Self, ChoiceError> {
        match (name, words) {
            ("appliance.names" | "acme.contact", words) => Ok(Self::List(words.to_vec())),
            ("acme.enabled" | "acme.staging", [word]) => match word.parse() {
                Ok(flag) => Ok(Self::Flag(flag)),
                Err(_) => Err(ChoiceError::Words(name.to_owned(), "true or false")),
            },
            (name, _) if !CHOOSABLE.contains(&name) => Err(ChoiceError::NotHere(name.to_owned())),
            (_, [word]) => Ok(Self::Text(word.clone())),
            _ => Err(ChoiceError::Words(name.to_owned(), "one value")),
        }
    }
}

impl std::fmt::Display for Choice {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Text(text) => f.write_str(text),
            Self::Flag(flag) => write!(f, "{flag}"),
            Self::List(items) => f.write_str(&items.join(", ")),
            Self::Default => f.write_str("(default)"),
        }
    }
}

/// What is to be written, as a file that the appliance's user alone may read.
#[derive(Debug, Clone, PartialEq)]
pub struct Chosen {
    /// The file.
    pub path: PathBuf,
    /// Its content.
    pub text: String,
    /// The settings as they are with it.
    pub config: Config,
}

/// Why a choice was not taken. All the operator's side but the last.
#[derive(Debug, thiserror::Error)]
pub enum ChoiceError {
    /// It is no setting of those in [`CHOOSABLE`].
    #[error("`{0}` cannot be set here")]
    NotHere(String),
    /// Something that goes before fixes it.
    #[error("`{name}` is set by {origin}, and has to be changed there")]
    Fixed {
        /// The setting.
        name: String,
        /// What fixes it.
        origin: Origin,
    },
    /// The setting takes something else.
    #[error("`{0}` takes {1}")]
    Words(String, &'static str),
    /// The settings would not be usable.
    #[error("{}", .0.texts())]
    Unusable(ConfigError),
    /// The file could not be read. The appliance's side.
    #[error("the chosen settings could not be read")]
    File(#[source] std::io::Error),
}

impl Sources {
    /// These sources.
    pub fn new(flags: Flags, environment: Environment) -> Self {
        Self { flags, environment }
    }

    /// Reads the settings.
    pub fn load(&self) -> Result<Loaded, ConfigError> {
        read(&self.flags, &self.environment, None)
    }

    /// The file with these choices, if the settings are usable with them. They count once it was written and the settings are
    /// read again. Blocks.
    pub fn choose(&self, choices: &[(&str, Choice)]) -> Result<Chosen, ChoiceError> {
        let loaded = self.load().map_err(ChoiceError::Unusable)?;
        let path = file_in(&loaded.config.appliance.data_dir);
        let mut document = match std::fs::read_to_string(&path) {
            // What does not read was refused by `load` above.
            Ok(text) => text.parse().unwrap_or_default(),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => DocumentMut::new(),
            Err(error) => return Err(ChoiceError::File(error)),
        };
        for (name, choice) in choices {
            if !CHOOSABLE.contains(name) {
                return Err(ChoiceError::NotHere((*name).to_owned()));
            }
            match loaded.origin(name) {
                Origin::Default | Origin::Chosen => {}
                origin => return Err(ChoiceError::Fixed { name: (*name).to_owned(), origin }),
            }
            put(&mut document, name, choice);
        }
        let text = format!("{HEADING}{}", document.to_string().trim_start_matches(HEADING));
        let config = read(&self.flags, &self.environment, Some(&text)).map_err(ChoiceError::Unusable)?.config;
        Ok(Chosen { path, text, config })
    }

    /// Puts the chosen settings aside, because the appliance does not start with them: they stay to be looked at.
    pub fn put_aside(&self, data_dir: &Path) -> std::io::Result<()> {
        let path = file_in(data_dir);
        std::fs::rename(&path, path.with_extension("toml.refused"))
    }
}

/// The file in this data folder.
pub fn file_in(data_dir: &Path) -> PathBuf {
    data_dir.join("chosen.toml")
}

/// The text of the file in this data folder; nothing where there is none.
pub(super) fn kept(data_dir: &Path, complaints: &mut Complaints) -> Option<(PathBuf, String)> {
    let path = file_in(data_dir);
    match std::fs::read_to_string(&path) {
        Ok(text) => Some((path, text)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
        Err(error) => {
            complaints.add(path.display(), format!("the chosen settings cannot be read: {error}"));
            None
        }
    }
}

/// The entries of the file's text; a setting that cannot be chosen is complained about.
pub(super) fn entries(path: &Path, text: &str, complaints: &mut Complaints) -> Vec<file::Entry> {
    let sections: Vec<&str> = Config::section_docs().into_iter().map(|(name, _)| name).collect();
    let mut entries = file::entries(path, text, &sections, complaints);
    entries.retain(|entry| {
        let name = format!("{}.{}", entry.section, entry.key);
        let choosable = CHOOSABLE.contains(&name.as_str());
        if !choosable {
            complaints.add(format_args!("{}:{}", path.display(), entry.line), format!("`{name}` cannot be set here"));
        }
        choosable
    });
    entries
}

fn put(document: &mut DocumentMut, name: &str, choice: &Choice) {
    let Some((section, key)) = name.split_once('.') else { return };
    let value = match choice {
        Choice::Text(text) => Value::from(text.as_str()),
        Choice::Flag(flag) => Value::from(*flag),
        Choice::List(items) => Value::from(items.iter().map(String::as_str).collect::<Array>()),
        Choice::Default => {
            if let Some(table) = document.get_mut(section).and_then(Item::as_table_mut) {
                table.remove(key);
            }
            return;
        }
    };
    let section = document.entry(section).or_insert_with(|| Item::Table(Table::new()));
    if let Some(table) = section.as_table_mut() {
        table.insert(key, Item::Value(value));
    }
}

const HEADING: &str = "# Written by the appliance: what was chosen on its pages. What gatehouse.toml, the environment or a flag says goes before.\n";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_setting_that_can_be_chosen_takes_words_of_its_own_kind() {
        let folder = tempfile::tempdir().unwrap();
        let sources = sources(folder.path(), &[]);
        for (name, words) in [
            ("appliance.name", &["Contoso"][..]),
            ("appliance.names", &["sql.corp.example", "localhost"]),
            ("acme.enabled", &["false"]),
            ("acme.directory", &["https://ca.corp.example/acme"]),
            ("acme.staging", &["true"]),
            ("acme.contact", &["it@corp.example"]),
            ("workstation.host", &["sql.corp.example"]),
        ] {
            assert!(CHOOSABLE.contains(&name));
            let words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
            choose(&sources, &[(name, Choice::of_words(name, &words).unwrap())]).unwrap();
            assert_eq!(sources.load().unwrap().origin(name), Origin::Chosen, "{name}");
            choose(&sources, &[(name, Choice::Default)]).unwrap();
        }
        for (name, words) in [("acme.enabled", "maybe"), ("appliance.data_dir", "/"), ("nothing", "x")] {
            assert!(Choice::of_words(name, &[words.to_owned()]).is_err(), "{name}");
        }
        assert!(Choice::of_words("appliance.name", &["two".to_owned(), "words".to_owned()]).is_err());
    }

    fn sources(folder: &Path, variables: &[(&'static str, &'static str)]) -> Sources {
        let flags = Flags { data_dir: Some(folder.to_owned()), ..Flags::default() };
        Sources::new(flags, Environment::of(variables.iter().copied()))
    }

    fn choose(sources: &Sources, choices: &[(&str, Choice)]) -> Result<(), ChoiceError> {
        let Chosen { path, text, .. } = sources.choose(choices)?;
        std::fs::write(path, text).unwrap();
        Ok(())
    }

    fn list(names: &[&str]) -> Choice {
        Choice::List(names.iter().map(|name| (*name).to_owned()).collect())
    }

    #[test]
    fn what_was_chosen_counts_before_the_default_and_after_everything_else() {
        let folder = tempfile::tempdir().unwrap();
        let plain = sources(folder.path(), &[]);
        choose(&plain, &[("appliance.names", list(&["sql.example.org"])), ("acme.enabled", Choice::Flag(true))])
            .unwrap();
        choose(&plain, &[("appliance.name", Choice::Text("Köln".to_owned()))]).unwrap();
        let loaded = plain.load().unwrap();
        assert_eq!(loaded.config.appliance.names, ["sql.example.org"]);
        assert_eq!(loaded.config.appliance.name, "Köln");
        assert!(loaded.config.acme.enabled);
        assert_eq!(loaded.origin("appliance.names"), Origin::Chosen);
        std::fs::write(folder.path().join("gatehouse.toml"), "[appliance]\nname = \"filed\"\n").unwrap();
        assert_eq!(plain.load().unwrap().config.appliance.name, "filed");
        let fixed = sources(folder.path(), &[("GATEHOUSE_APPLIANCE_NAMES", "other.example.org")]);
        assert_eq!(fixed.load().unwrap().config.appliance.names, ["other.example.org"]);
        for (sources, name) in [(&plain, "appliance.name"), (&fixed, "appliance.names")] {
            let refused = choose(sources, &[(name, Choice::Default)]);
            assert!(matches!(refused, Err(ChoiceError::Fixed { .. })), "{refused:?}");
        }
        choose(&plain, &[("acme.enabled", Choice::Default)]).unwrap();
        assert!(!plain.load().unwrap().config.acme.enabled);
    }

    #[test]
    fn a_choice_that_is_not_usable_or_not_for_pages_is_refused_and_changes_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let sources = sources(folder.path(), &[]);
        choose(&sources, &[("appliance.names", list(&["sql.example.org"]))]).unwrap();
        let before = std::fs::read_to_string(file_in(folder.path())).unwrap();
        for (name, choice) in [
            ("appliance.names", list(&["not a host"])),
            ("appliance.names", list(&[])),
            ("appliance.name", Choice::Flag(true)),
            ("appliance.data_dir", Choice::Text("/".to_owned())),
            ("listen.https", list(&["0.0.0.0:1"])),
        ] {
            assert!(choose(&sources, &[(name, choice)]).is_err(), "{name}");
        }
        assert_eq!(std::fs::read_to_string(file_in(folder.path())).unwrap(), before);
        std::fs::write(file_in(folder.path()), "[listen]\nhttps = []\n").unwrap();
        let error = sources.load().unwrap_err().to_string();
        assert!(error.contains("cannot be set here"), "{error}");
        sources.put_aside(folder.path()).unwrap();
        sources.load().unwrap();
    }
}
