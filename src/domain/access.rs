//! Roles at the appliance, and levels of access to a database.

use serde::{Deserialize, Serialize};

/// What an account may do at the appliance itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Everything.
    Administrator,
    /// Backups and restores.
    Operator,
    /// Reads settings and the audit, changes nothing.
    Auditor,
    /// Connects to the databases that it was granted.
    Member,
}

/// How far a grant reaches inside its database; realised by the SQL login that the grant carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AccessLevel {
    /// Reads data.
    Read,
    /// Reads and changes data.
    Write,
    /// Owns the database.
    Owner,
}

macro_rules! text_form {
    ($type:ident { $($variant:ident = $text:literal),+ $(,)? }) => {
        impl $type {
            /// The text form used on the command line, in JSON and in the audit.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text),+ }
            }
        }
        impl std::fmt::Display for $type {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }
        impl std::str::FromStr for $type {
            type Err = String;
            fn from_str(text: &str) -> Result<Self, String> {
                match text {
                    $($text => Ok(Self::$variant),)+
                    _ => Err(format!("expected one of: {}", [$($text),+].join(", "))),
                }
            }
        }
    };
}

text_form!(Role { Administrator = "administrator", Operator = "operator", Auditor = "auditor", Member = "member" });
text_form!(AccessLevel { Read = "read", Write = "write", Owner = "owner" });
