//! Section `log`: what the appliance writes about itself, on its standard error.

use super::section::{Objections, section};
use super::setting::{Raw, Setting, quoted};

section! {
    /// What the appliance writes about itself, on its standard error.
    Log = "log";

    /// How a line looks: text for people, JSON for collectors; `auto` is text on a terminal and JSON elsewhere.
    format: LogFormat = LogFormat::Auto;

    /// What is written: `error`, `warn`, `info`, `debug` or `trace`, also for parts: `"info,gatehouse::gateway=debug"`. What the
    /// appliance's libraries say is never written below `info`, because they know secrets and do not know that.
    filter: String = "info".to_owned();
}

impl Objections for Log {
    fn objections(&self) -> Vec<(&'static str, String)> {
        let parsed = tracing_subscriber::EnvFilter::builder().parse(&self.filter);
        let wrong =
            parsed.err().map(|_| ("filter", "has to be a level, or a list such as \"info,gatehouse::gateway=debug\""));
        wrong.map(|(key, text)| (key, text.to_owned())).into_iter().collect()
    }
}

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// Text on a terminal, JSON elsewhere.
    Auto,
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

impl LogFormat {
    const ALL: [(Self, &'static str); 3] = [(Self::Auto, "auto"), (Self::Text, "text"), (Self::Json, "json")];
}

impl Setting for LogFormat {
    fn expected() -> String {
        "one of \"auto\", \"text\", \"json\"".to_owned()
    }

    fn read(raw: &Raw) -> Option<Self> {
        let (Raw::Loose(text) | Raw::Text(text)) = raw else { return None };
        Self::ALL.into_iter().find(|(_, name)| name == text).map(|(format, _)| format)
    }

    fn toml(&self) -> String {
        let name = Self::ALL.into_iter().find(|(format, _)| format == self).map_or("", |(_, name)| name);
        quoted(name)
    }
}
