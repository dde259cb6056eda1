//! What is wrong with the settings: every complaint at once, each with its place and, for a wrong name, the closest right one.

use super::section::Field;

/// One thing that is wrong, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Complaint {
    /// File and line, variable, or flag.
    pub place: String,
    /// What is wrong there, with the setting's name.
    pub text: String,
}

impl std::fmt::Display for Complaint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.place, self.text)
    }
}

/// The settings refuse the start. The operator's side.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigError {
    /// Everything that is wrong, in the order in which it was found.
    pub complaints: Vec<Complaint>,
}

impl ConfigError {
    /// What is wrong, without the places: for whoever sees the fields.
    pub fn texts(&self) -> String {
        self.complaints.iter().map(|complaint| complaint.text.as_str()).collect::<Vec<_>>().join("; ")
    }
}

impl std::fmt::Display for ConfigError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the settings are not usable:")?;
        for complaint in &self.complaints {
            write!(f, "\n  {complaint}")?;
        }
        Ok(())
    }
}

impl std::error::Error for ConfigError {}

/// Collects complaints while the settings are read.
#[derive(Debug, Default)]
pub(super) struct Complaints(Vec<Complaint>);

impl Complaints {
    pub(super) fn add(&mut self, place: impl std::fmt::Display, text: impl Into<String>) {
        self.0.push(Complaint { place: place.to_string(), text: text.into() });
    }

    pub(super) fn into_result(self) -> Result<(), ConfigError> {
        if self.0.is_empty() { Ok(()) } else { Err(ConfigError { complaints: self.0 }) }
    }
}

/// "There is no such thing", with the closest thing that there is.
pub(super) fn no_such(what: &str, given: &str, known: impl IntoIterator<Item = String>) -> String {
    match closest(given, known) {
        Some(best) => format!("there is no {what} `{given}`; did you mean `{best}`?"),
        None => format!("there is no {what} `{given}`"),
    }
}

/// "There is no such setting", which may be one of another section.
pub(super) fn no_such_key(section: &str, key: &str, fields: &[Field]) -> String {
    let name = format!("{section}.{key}");
    let elsewhere = fields.iter().find(|field| field.key == key && field.section != section);
    if let Some(field) = elsewhere {
        return format!("there is no setting `{name}`; did you mean `{}`?", field.name());
    }
    let here = fields.iter().filter(|field| field.section == section).map(|field| field.key.to_owned());
    match closest(key, here) {
        Some(best) => format!("there is no setting `{name}`; did you mean `{section}.{best}`?"),
        None => no_such("setting", &name, fields.iter().map(Field::name)),
    }
}

fn closest(given: &str, known: impl IntoIterator<Item = String>) -> Option<String> {
    let scored = known.into_iter().map(|name| (strsim::jaro_winkler(given, &name), name));
    let best = scored.max_by(|a, b| a.0.total_cmp(&b.0))?;
    (best.0 > 0.7).then_some(best.1)
}
