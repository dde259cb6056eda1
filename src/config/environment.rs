//! The environment, as far as it concerns the settings: the one place that reads it.

use std::path::PathBuf;

use super::complaint::{Complaints, no_such};
use super::origin::Origin;
use super::section::Field;

/// The variables whose names begin with `GATEHOUSE_`.
#[derive(Debug, Clone, Default)]
pub struct Environment {
    /// The name, and the value where it is text.
    variables: Vec<(String, Option<String>)>,
}

/// Names the settings file.
const CONFIG: &str = "GATEHOUSE_CONFIG";

/// What the tests and the client lab use; never a setting.
const TESTS: &str = "GATEHOUSE_TEST_";

impl Environment {
    /// Of this process.
    pub fn of_process() -> Self {
        let all =
            std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok())));
        let mut variables: Vec<_> = all.filter(|(name, _)| name.starts_with("GATEHOUSE_")).collect();
        variables.sort();
        Self { variables }
    }

    /// Of these variables, for tests and for the demonstration.
    pub fn of<'a>(pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        let variables = pairs.into_iter().map(|(name, value)| (name.to_owned(), Some(value.to_owned()))).collect();
        Self { variables }
    }

    /// The settings file that `GATEHOUSE_CONFIG` names.
    pub(super) fn config(&self) -> Option<PathBuf> {
        let (_, value) = self.variables.iter().find(|(name, _)| name == CONFIG)?;
        value.as_ref().filter(|value| !value.is_empty()).map(PathBuf::from)
    }

    /// The settings found: the field, its text, and where from.
    pub(super) fn settings(&self, fields: &[Field], complaints: &mut Complaints) -> Vec<(Field, String, Origin)> {
        let mut found: Vec<(Field, String, Origin)> = Vec::new();
        for (name, value) in &self.variables {
            if name == CONFIG || name.starts_with(TESTS) {
                continue;
            }
            let Some((field, is_file)) = field_of(name, fields) else {
                let known = fields.iter().map(Field::environment).chain([CONFIG.to_owned()]);
                complaints.add("environment", no_such("setting with the name", name, known));
                continue;
            };
            let Some(value) = value else {
                complaints.add(name, "its value is not UTF-8 text");
                continue;
            };
            if let Some((_, _, other)) = found.iter().find(|(earlier, _, _)| earlier.name() == field.name()) {
                complaints
                    .add(name, format!("`{}` is already set by {other}; only one of the two may be", field.name()));
                continue;
            }
            if !is_file {
                found.push((field.clone(), value.clone(), Origin::Environment(name.clone())));
                continue;
            }
            match std::fs::read_to_string(value) {
                Ok(text) => {
                    let text =
                        text.strip_suffix('\n').map_or(text.as_str(), |line| line.strip_suffix('\r').unwrap_or(line));
                    let origin = Origin::EnvironmentFile { variable: name.clone(), path: PathBuf::from(value) };
                    found.push((field.clone(), text.to_owned(), origin));
                }
                Err(error) => complaints.add(name, format!("`{value}` cannot be read: {error}")),
            }
        }
        found
    }
}

/// Which field a variable sets, and whether it names a file that holds the value.
fn field_of<'a>(name: &str, fields: &'a [Field]) -> Option<(&'a Field, bool)> {
    let named = |name: &str| fields.iter().find(|field| field.environment() == name);
    let direct = named(name).map(|field| (field, false));
    direct.or_else(|| name.strip_suffix("_FILE").and_then(named).map(|field| (field, true)))
}
