//! Names that people give to accounts, groups, devices, servers and database aliases.

use serde::{Deserialize, Serialize};

/// A name: 1 to 64 characters, no control characters, no white space at either end, none of `[]"';\`.
///
/// Kept as it was typed; compared and keyed without regard to case, as SQL Server's default collation does.
#[derive(Clone, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Name(String);

/// Why a text is not a name. The operator's side.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// Empty, or longer than 64 characters.
    #[error("a name has 1 to 64 characters")]
    Length,
    /// A control character, a bracket, a quote, a semicolon or a backslash, or white space at an end.
    #[error("a name has no control characters, no white space at its ends, and none of [ ] \" ' ; \\")]
    Character,
}

impl Name {
    /// Parses a name.
    pub fn parse(text: &str) -> Result<Self, NameError> {
        let length = text.chars().count();
        if length == 0 || length > 64 {
            return Err(NameError::Length);
        }
        let forbidden = |c: char| c.is_control() || matches!(c, '[' | ']' | '"' | '\'' | ';' | '\\');
        if text.trim() != text || text.chars().any(forbidden) {
            return Err(NameError::Character);
        }
        Ok(Self(text.to_owned()))
    }

    /// The name as it was typed.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The form that is compared and keyed: lower case.
    pub fn folded(&self) -> String {
        fold(&self.0)
    }
}

/// The form of any typed text that [`Name::folded`] is compared with.
pub fn fold(text: &str) -> String {
    text.to_lowercase()
}

impl PartialEq for Name {
    fn eq(&self, other: &Self) -> bool {
        self.folded() == other.folded()
    }
}

impl Eq for Name {}

impl std::hash::Hash for Name {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.folded().hash(state);
    }
}

impl std::fmt::Display for Name {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::fmt::Debug for Name {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:?}", self.0)
    }
}

impl std::str::FromStr for Name {
    type Err = NameError;
    fn from_str(text: &str) -> Result<Self, NameError> {
        Self::parse(text)
    }
}

impl TryFrom<String> for Name {
    type Error = NameError;
    fn try_from(text: String) -> Result<Self, NameError> {
        Self::parse(&text)
    }
}

impl From<Name> for String {
    fn from(name: Name) -> Self {
        name.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_differ_in_case_only_are_the_same_name() {
        assert_eq!(Name::parse("Ada").unwrap(), Name::parse("ADA").unwrap());
    }

    #[test]
    fn a_name_that_could_end_a_quoted_identifier_is_refused() {
        for text in ["", " ada", "ada ", "a]b", "a'b", "a;b", "a\\b", "a\nb", &"x".repeat(65)] {
            assert!(Name::parse(text).is_err(), "{text:?}");
        }
    }
}
