//! The types that a setting can have, and how each is read and shown.

use std::net::SocketAddr;
use std::path::PathBuf;

use crate::domain::{MailAddress, Network, Secret};

/// A value as it was found, before its setting's type reads it.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Raw {
    /// From the environment, a file that holds one value, or a flag: text that may mean any type.
    Loose(String),
    /// A TOML string.
    Text(String),
    /// A TOML integer.
    Integer(i64),
    /// A TOML boolean.
    Boolean(bool),
    /// A TOML array.
    List(Vec<Raw>),
    /// Anything else that TOML has.
    Other,
}

impl Raw {
    pub(super) fn text(&self) -> Option<&str> {
        match self {
            Self::Loose(text) | Self::Text(text) => Some(text),
            _ => None,
        }
    }

    fn integer(&self) -> Option<i64> {
        match self {
            Self::Loose(text) => text.trim().parse().ok(),
            Self::Integer(number) => Some(*number),
            _ => None,
        }
    }

    fn boolean(&self) -> Option<bool> {
        match self {
            Self::Loose(text) => text.trim().parse().ok(),
            Self::Boolean(value) => Some(*value),
            _ => None,
        }
    }

    fn list(&self) -> Option<Vec<Raw>> {
        match self {
            Self::Loose(text) if text.trim().is_empty() => Some(Vec::new()),
            Self::Loose(text) => Some(text.split(',').map(|part| Self::Loose(part.trim().to_owned())).collect()),
            Self::List(items) => Some(items.clone()),
            _ => None,
        }
    }
}

/// A type that a setting can have.
pub(super) trait Setting: Sized {
    /// Whether its values are masked wherever they are shown.
    const SECRET: bool = false;

    /// What a value looks like, in words.
    fn expected() -> String;

    /// Reads a value; none where it is not what is expected.
    fn read(raw: &Raw) -> Option<Self>;

    /// The value as TOML shows it; empty where none is set.
    fn toml(&self) -> String;
}

/// A text as a TOML string.
pub(super) fn quoted(text: &str) -> String {
    toml_edit::Value::from(text).to_string()
}

impl Setting for bool {
    fn expected() -> String {
        "true or false".to_owned()
    }
    fn read(raw: &Raw) -> Option<Self> {
        raw.boolean()
    }
    fn toml(&self) -> String {
        self.to_string()
    }
}

impl Setting for usize {
    fn expected() -> String {
        "a whole number, zero or more".to_owned()
    }
    fn read(raw: &Raw) -> Option<Self> {
        raw.integer().and_then(|number| Self::try_from(number).ok())
    }
    fn toml(&self) -> String {
        self.to_string()
    }
}

impl Setting for String {
    fn expected() -> String {
        "a text".to_owned()
    }
    fn read(raw: &Raw) -> Option<Self> {
        raw.text().map(str::to_owned)
    }
    fn toml(&self) -> String {
        quoted(self)
    }
}

impl Setting for PathBuf {
    fn expected() -> String {
        "the path of a file or folder".to_owned()
    }
    fn read(raw: &Raw) -> Option<Self> {
        raw.text().filter(|text| !text.is_empty()).map(Self::from)
    }
    fn toml(&self) -> String {
        quoted(&self.to_string_lossy())
    }
}

impl Setting for SocketAddr {
    fn expected() -> String {
        "an address and port such as \"0.0.0.0:1433\" or \"[::]:1433\"".to_owned()
    }
    fn read(raw: &Raw) -> Option<Self> {
        raw.text().and_then(|text| text.parse().ok())
    }
    fn toml(&self) -> String {
        quoted(&self.to_string())
    }
}

impl Setting for Network {
    fn expected() -> String {
        "a network such as \"10.0.0.0/8\"".to_owned()
    }
    fn read(raw: &Raw) -> Option<Self> {
        raw.text().and_then(|text| text.parse().ok())
    }
    fn toml(&self) -> String {
        quoted(&self.to_string())
    }
}

impl Setting for MailAddress {
    fn expected() -> String {
        "a mail address such as \"gatehouse@example.org\"".to_owned()
    }
    fn read(raw: &Raw) -> Option<Self> {
        raw.text().and_then(|text| text.parse().ok())
    }
    fn toml(&self) -> String {
        quoted(self.as_str())
    }
}

/// A secret is read like a text, and never shown.
impl Setting for Secret {
    const SECRET: bool = true;
    fn expected() -> String {
        "a secret text".to_owned()
    }
    fn read(raw: &Raw) -> Option<Self> {
        raw.text().map(Self::new)
    }
    fn toml(&self) -> String {
        "\"***\"".to_owned()
    }
}

/// Not set, or a value.
impl<T: Setting> Setting for Option<T> {
    const SECRET: bool = T::SECRET;
    fn expected() -> String {
        T::expected()
    }
    fn read(raw: &Raw) -> Option<Self> {
        T::read(raw).map(Some)
    }
    fn toml(&self) -> String {
        self.as_ref().map_or_else(String::new, Setting::toml)
    }
}

/// A TOML array; in the environment and in flags the items stand between commas.
impl<T: Setting> Setting for Vec<T> {
    const SECRET: bool = T::SECRET;
    fn expected() -> String {
        format!("a list, each item {}", T::expected())
    }
    fn read(raw: &Raw) -> Option<Self> {
        raw.list()?.iter().map(T::read).collect()
    }
    fn toml(&self) -> String {
        let items: Vec<String> = self.iter().map(Setting::toml).collect();
        format!("[{}]", items.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn loose<T: Setting>(text: &str) -> Option<T> {
        T::read(&Raw::Loose(text.to_owned()))
    }

    #[test]
    fn a_list_in_the_environment_stands_between_commas() {
        let read: Vec<SocketAddr> = loose("127.0.0.1:1, [::1]:2").unwrap();
        assert_eq!(read.toml(), r#"["127.0.0.1:1", "[::1]:2"]"#);
        assert_eq!(loose::<Vec<String>>(" "), Some(Vec::new()));
    }

    #[test]
    fn a_number_in_quotes_is_not_a_number_in_the_file_but_is_one_in_the_environment() {
        assert_eq!(usize::read(&Raw::Text("5".to_owned())), None);
        assert_eq!(loose::<usize>("5"), Some(5));
        assert_eq!(loose::<usize>("-5"), None);
    }

    #[test]
    fn a_secret_is_masked_wherever_it_is_shown() {
        let secret: Option<Secret> = loose("hunter2");
        assert!(!Some(secret.clone()).toml().contains("hunter2"));
        assert!(!format!("{secret:?}").contains("hunter2"));
        const { assert!(<Option<Secret> as Setting>::SECRET && <Vec<Secret> as Setting>::SECRET) };
    }
}
