//! What the commands show: the one place that prints.

use std::io::Write as _;

/// A line on the standard output. A reader that went away is not an error.
pub(crate) fn line(text: impl std::fmt::Display) {
    let _ = writeln!(std::io::stdout().lock(), "{text}");
}

/// A JSON value on the standard output, indented.
pub(crate) fn json(value: &serde_json::Value) {
    line(format_args!("{value:#}"));
}

/// A line on the standard error: news of a command that is not its result.
pub(crate) fn note(text: impl std::fmt::Display) {
    let _ = writeln!(std::io::stderr().lock(), "{text}");
}

/// An error with its causes, on the standard error.
pub(crate) fn error(error: &anyhow::Error) {
    note(format_args!("gatehouse: {}", crate::telemetry::redacted(&format!("{error:#}"))));
}
