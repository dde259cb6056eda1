//! Where a value came from.

use std::path::PathBuf;

/// Where a value came from, in the words of an error text or of `gatehouse check`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// Nobody set it.
    Default,
    /// An administrator chose it on a page of the appliance.
    Chosen,
    /// A line of the settings file.
    File {
        /// The file.
        path: PathBuf,
        /// The line, counted from 1.
        line: usize,
    },
    /// An environment variable.
    Environment(String),
    /// A file that an environment variable named.
    EnvironmentFile {
        /// The variable.
        variable: String,
        /// The file.
        path: PathBuf,
    },
    /// A flag of the command line.
    Flag(&'static str),
}

impl std::fmt::Display for Origin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::Chosen => f.write_str("chosen on the appliance's pages"),
            Self::File { path, line } => write!(f, "{}:{line}", path.display()),
            Self::Environment(variable) => f.write_str(variable),
            Self::EnvironmentFile { variable, path } => write!(f, "{variable} ({})", path.display()),
            Self::Flag(flag) => f.write_str(flag),
        }
    }
}
