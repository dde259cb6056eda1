//! Whose side a failure is on.

use serde::{Deserialize, Serialize};

/// Whose side a failure is on: says who has to do something about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Side {
    /// The workstation or its driver.
    Workstation,
    /// The SQL Server behind the appliance, or the way to it.
    SqlServer,
    /// The appliance itself.
    Appliance,
    /// Whoever administers the appliance.
    Operator,
}

impl Side {
    /// The text form used in logs and the audit.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Workstation => "workstation",
            Self::SqlServer => "sql-server",
            Self::Appliance => "appliance",
            Self::Operator => "operator",
        }
    }
}

impl std::fmt::Display for Side {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}
