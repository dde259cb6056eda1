//! Where a SQL Server is, and by which rule its certificate is believed. Stored with the server; pure data.

use serde::{Deserialize, Serialize};

/// The address of a SQL Server and the rule for its certificate.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Target {
    /// A DNS name or an IP address, without brackets.
    pub host: String,
    /// The TCP port.
    pub port: u16,
    /// How its certificate is verified.
    pub tls: TlsRule,
    /// The name that the certificate must carry, where it is not `host`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub certificate_name: Option<String>,
    /// Hosts that a routing answer may send us to: names, or patterns like `*.example.com`. None: only hosts of the
    /// same DNS domain, or the same host.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub routing_allowed: Vec<String>,
}

/// How a SQL Server's certificate is verified.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "rule")]
pub enum TlsRule {
    /// By the authorities that the operating system trusts.
    SystemRoots,
    /// By this authority alone, or, where it is not an authority, by being exactly this certificate.
    Authority {
        /// One or more certificates in PEM form.
        pem: String,
    },
    /// The server must show exactly this certificate, whatever its names and dates.
    Certificate {
        /// SHA-256 of the certificate's DER form, in hexadecimal; colons are let pass.
        sha256: String,
    },
    /// Any certificate at all. Whoever sits on the way can read and change everything: said loudly wherever it shows.
    TrustAnything,
}

impl Target {
    /// The server at this address, by the operating system's authorities.
    pub fn new(host: impl Into<String>, port: u16) -> Self {
        Self { host: host.into(), port, tls: TlsRule::SystemRoots, certificate_name: None, routing_allowed: Vec::new() }
    }

    /// Whether a routing answer may lead to `host` (MS-TDS 2.2.7.9, ENVCHANGE 20 and 21).
    pub fn allows_routing_to(&self, host: &str) -> bool {
        let host = folded(host);
        let own = folded(&self.host);
        if host == own {
            return true;
        }
        if self.routing_allowed.is_empty() {
            return domain(&host).is_some_and(|theirs| domain(&own) == Some(theirs));
        }
        self.routing_allowed.iter().any(|pattern| {
            let pattern = folded(pattern);
            match pattern.strip_prefix("*.") {
                Some(parent) => host.strip_suffix(parent).is_some_and(|rest| rest.len() > 1 && rest.ends_with('.')),
                None => pattern == host,
            }
        })
    }

    /// The same server's rules for another address of it, which a routing answer named.
    pub fn routed_to(&self, host: impl Into<String>, port: u16) -> Self {
        Self { host: host.into(), port, ..self.clone() }
    }
}

fn folded(host: &str) -> String {
    host.trim_end_matches('.').to_ascii_lowercase()
}

/// The DNS domain that a host name is in; none for addresses and single labels.
fn domain(host: &str) -> Option<&str> {
    if host.parse::<std::net::IpAddr>().is_ok() {
        return None;
    }
    // A top-level domain alone says nothing about who owns the host.
    host.split_once('.').map(|(_, domain)| domain).filter(|domain| domain.contains('.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(host: &str, allowed: &[&str]) -> Target {
        Target { routing_allowed: allowed.iter().map(|p| (*p).to_owned()).collect(), ..Target::new(host, 1433) }
    }

    #[test]
    fn routing_stays_in_the_servers_own_domain_unless_told_otherwise() {
        let server = target("ag.sql.example.com", &[]);
        assert!(server.allows_routing_to("AG.SQL.example.com"));
        assert!(server.allows_routing_to("node2.sql.example.com."));
        for elsewhere in ["node2.example.com", "sql.example.com.evil.org", "evil-sql.example.com", "10.0.0.1", "node2"]
        {
            assert!(!server.allows_routing_to(elsewhere), "{elsewhere}");
        }
        assert!(!target("sql.com", &[]).allows_routing_to("evil.com"), "a top-level domain is nobody's domain");
        assert!(!target("10.0.0.1", &[]).allows_routing_to("11.0.0.1"));
    }

    #[test]
    fn routing_patterns_are_all_that_counts_where_there_are_any() {
        let server = target("ag.sql.example.com", &["*.dc2.example.com", "10.0.0.7"]);
        assert!(server.allows_routing_to("n1.dc2.example.com"));
        assert!(server.allows_routing_to("10.0.0.7"));
        for elsewhere in ["dc2.example.com", ".dc2.example.com", "xdc2.example.com", "node2.sql.example.com"] {
            assert!(!server.allows_routing_to(elsewhere), "{elsewhere}");
        }
    }

    #[test]
    fn a_target_reads_back_from_its_stored_form() {
        let server = Target { tls: TlsRule::Certificate { sha256: "ab".into() }, ..target("a", &["b"]) };
        let stored = serde_json::to_string(&server).unwrap();
        assert_eq!(serde_json::from_str::<Target>(&stored).unwrap(), server);
    }
}
