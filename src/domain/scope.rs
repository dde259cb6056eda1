//! What a program may do with a token: a closed set of scopes.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

/// One thing that a token may be for. What the account itself may not do, no scope allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Scope {
    /// To sign in to databases at the gateway.
    #[serde(rename = "sql")]
    Sql,
    /// To fetch the configuration of a workstation, with a fresh SQL pass.
    #[serde(rename = "workstation.config")]
    WorkstationConfig,
    /// To read what administrators, operators and auditors read.
    #[serde(rename = "admin.read")]
    AdminRead,
    /// To change what administrators change.
    #[serde(rename = "admin.write")]
    AdminWrite,
}

/// Scopes, in the text form of OAuth: words between spaces.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Scopes(BTreeSet<Scope>);

/// A word that is no scope. The side of whoever asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("expected scopes among: sql, workstation.config, admin.read, admin.write")]
pub struct NotAScope;

impl Scope {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Sql, Self::WorkstationConfig, Self::AdminRead, Self::AdminWrite];

    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Sql => "sql",
            Self::WorkstationConfig => "workstation.config",
            Self::AdminRead => "admin.read",
            Self::AdminWrite => "admin.write",
        }
    }
}

impl Scopes {
    /// These scopes.
    pub fn of(scopes: impl IntoIterator<Item = Scope>) -> Self {
        Self(scopes.into_iter().collect())
    }

    /// To sign in to databases, and nothing else.
    pub fn sql() -> Self {
        Self::of([Scope::Sql])
    }

    /// Whether this one is among them.
    pub fn contains(&self, scope: Scope) -> bool {
        self.0.contains(&scope)
    }

    /// Whether all of them are among `others`.
    pub fn are_within(&self, others: &Self) -> bool {
        self.0.is_subset(&others.0)
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Each of them.
    pub fn iter(&self) -> impl Iterator<Item = Scope> + '_ {
        self.0.iter().copied()
    }
}

impl std::fmt::Display for Scope {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

impl std::str::FromStr for Scope {
    type Err = NotAScope;
    fn from_str(text: &str) -> Result<Self, NotAScope> {
        Self::ALL.into_iter().find(|scope| scope.as_str() == text).ok_or(NotAScope)
    }
}

impl std::fmt::Display for Scopes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let words: Vec<&str> = self.0.iter().map(|scope| scope.as_str()).collect();
        f.write_str(&words.join(" "))
    }
}

impl std::str::FromStr for Scopes {
    type Err = NotAScope;
    fn from_str(text: &str) -> Result<Self, NotAScope> {
        text.split_ascii_whitespace().map(str::parse).collect::<Result<_, _>>().map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scopes_read_back_as_they_are_written_and_a_stranger_among_them_is_none() {
        let all = Scopes::of(Scope::ALL);
        assert_eq!(all.to_string().parse(), Ok(all.clone()));
        assert_eq!(serde_json::from_str::<Scopes>(&serde_json::to_string(&all).unwrap()).unwrap(), all);
        assert_eq!("sql  sql".parse(), Ok(Scopes::sql()));
        assert_eq!("".parse(), Ok(Scopes::default()));
        assert_eq!("sql root".parse::<Scopes>(), Err(NotAScope));
        assert!(Scopes::sql().are_within(&all) && !all.are_within(&Scopes::sql()));
    }
}
