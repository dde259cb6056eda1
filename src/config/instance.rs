//! Instance names that SQL Browser answers for: `"ERP"`, or `"ERP=14330"` where the port is another than the door's.

use super::setting::{Raw, Setting, quoted};

/// A name that workstations use behind a backslash (`OLDSERVER\ERP`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InstanceName {
    /// The name.
    pub name: String,
    /// The port to answer with; nothing for the port of the door for SQL clients.
    pub port: Option<u16>,
}

impl Setting for InstanceName {
    fn expected() -> String {
        "an instance name of 1 to 16 letters, digits and `_ $ # & -`, such as \"ERP\", or with a port, \"ERP=14330\""
            .to_owned()
    }

    fn read(raw: &Raw) -> Option<Self> {
        let (Raw::Loose(text) | Raw::Text(text)) = raw else { return None };
        let (name, port) = match text.split_once('=') {
            Some((name, port)) => (name, Some(port.trim().parse().ok().filter(|port| *port != 0)?)),
            None => (text.as_str(), None),
        };
        let name = name.trim();
        crate::domain::is_instance_name(name).then(|| Self { name: name.to_owned(), port })
    }

    fn toml(&self) -> String {
        quoted(&self.port.map_or_else(|| self.name.clone(), |port| format!("{}={port}", self.name)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Option<InstanceName> {
        InstanceName::read(&Raw::Loose(text.to_owned()))
    }

    #[test]
    fn a_name_may_have_a_port() {
        assert_eq!(read("ERP"), Some(InstanceName { name: "ERP".to_owned(), port: None }));
        assert_eq!(read("ERP=14330").unwrap().toml(), "\"ERP=14330\"");
        for wrong in ["", "a b", "a;b", "ERP=", "ERP=0", "ERP=70000", "SRV\\ERP", "seventeen-letters"] {
            assert_eq!(read(wrong), None, "{wrong:?}");
        }
    }
}
