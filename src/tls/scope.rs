//! For which names an authority may sign: the name constraints of its root (RFC 5280, section 4.2.1.10).
//!
//! A workstation that trusts the root trusts it for these names alone, whoever steals its key. DNS names and addresses are
//! always both constrained: a list for one kind says nothing of the other. Kinds that no server has (mail, people, code) are kept
//! out by the root's extended key usage, which says servers and nothing else.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use rcgen::{CidrSubnet, GeneralSubtree, NameConstraints};
use rustls::pki_types::CertificateDer;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::{FromDer as _, X509Certificate};

use super::certificates::CertificateError;
use crate::domain::Network;

/// What an authority may sign for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scope {
    /// Each with everything in it.
    domains: Vec<String>,
    networks: Vec<Network>,
}

impl Scope {
    /// The names and addresses given, the domains and networks of `further`, and the machine itself.
    pub fn of(names: &[String], further: &[String]) -> Self {
        let mut scope = Self { domains: vec!["localhost".to_owned()], networks: Vec::new() };
        scope.networks.extend(Network::new(Ipv4Addr::LOCALHOST.into(), 8));
        scope.networks.push(Network::one(Ipv6Addr::LOCALHOST.into()));
        for item in names.iter().chain(further) {
            // Nothing twice, and nothing that is in something else already: the root has to stay small.
            if let Ok(network) = item.parse::<Network>() {
                scope.networks.retain(|known| !(known.prefix() >= network.prefix() && network.contains(known.first())));
                scope.networks.push(network);
            } else if !scope.covers(item) {
                match item.parse::<IpAddr>() {
                    Ok(address) => scope.networks.push(Network::one(address)),
                    Err(_) => scope.domains.push(item.to_lowercase()),
                }
            }
        }
        let all = scope.domains.clone();
        scope.domains.retain(|domain| !all.iter().any(|other| other != domain && is_in(domain, other)));
        scope
    }

    /// What a root's certificate says; nothing where it may sign for anything.
    pub fn of_root(root: &CertificateDer<'_>) -> Result<Option<Self>, CertificateError> {
        let (_, parsed) = X509Certificate::from_der(root).map_err(|_| CertificateError::NotACertificate)?;
        let constraints = parsed.name_constraints().map_err(|_| CertificateError::NotACertificate)?;
        let Some(permitted) = constraints.and_then(|found| found.value.permitted_subtrees.as_ref()) else {
            return Ok(None);
        };
        let mut scope = Self { domains: Vec::new(), networks: Vec::new() };
        for subtree in permitted {
            match &subtree.base {
                GeneralName::DNSName(name) => scope.domains.push((*name).to_lowercase()),
                GeneralName::IPAddress(bytes) => scope.networks.extend(network(bytes)),
                _ => {}
            }
        }
        Ok(Some(scope))
    }

    /// Whether a certificate for this DNS name or address is believed.
    pub fn covers(&self, name: &str) -> bool {
        match name.parse::<IpAddr>() {
            Ok(address) => self.networks.iter().any(|network| network.contains(address)),
            Err(_) => self.domains.iter().any(|domain| is_in(&name.to_lowercase(), domain)),
        }
    }

    /// The same for the certificate that is being made.
    pub(super) fn constraints(&self) -> NameConstraints {
        let domains = self.domains.iter().map(|domain| GeneralSubtree::DnsName(domain.clone()));
        let subnet = |network: &Network| CidrSubnet::from_addr_prefix(network.first(), network.prefix());
        let networks = self.networks.iter().map(|network| GeneralSubtree::IpAddress(subnet(network)));
        NameConstraints { permitted_subtrees: domains.chain(networks).collect(), excluded_subtrees: Vec::new() }
    }
}

impl std::fmt::Display for Scope {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let networks = self.networks.iter().map(Network::to_string);
        let all: Vec<String> = self.domains.iter().cloned().chain(networks).collect();
        f.write_str(&all.join(", "))
    }
}

/// Whether a name is a domain or in it.
fn is_in(name: &str, domain: &str) -> bool {
    name.strip_suffix(domain).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
}

/// Address and mask, as they stand in a certificate.
fn network(bytes: &[u8]) -> Option<Network> {
    let (address, mask) = bytes.split_at_checked(bytes.len() / 2)?;
    let prefix = mask.iter().map(|byte| byte.leading_ones()).take_while(|ones| *ones > 0).sum::<u32>();
    let address = match (<[u8; 4]>::try_from(address), <[u8; 16]>::try_from(address)) {
        (Ok(four), _) => IpAddr::from(four),
        (_, Ok(sixteen)) => IpAddr::from(sixteen),
        _ => return None,
    };
    Network::new(address, u8::try_from(prefix).ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scope(names: &[&str], further: &[&str]) -> Scope {
        let owned = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
        Scope::of(&owned(names), &owned(further))
    }

    #[test]
    fn a_scope_has_the_given_names_what_is_below_them_and_the_machine_itself() {
        let scope = scope(&["SQL.corp.example", "10.0.0.5", "2001:db8::1"], &["lab.example", "192.0.2.0/24"]);
        for name in ["sql.corp.example", "vault.SQL.corp.example", "localhost", "127.0.0.9", "::1", "10.0.0.5"] {
            assert!(scope.covers(name), "{name}");
        }
        assert!(scope.covers("a.b.lab.example") && scope.covers("192.0.2.77") && scope.covers("2001:db8::1"));
        for name in ["corp.example", "notsql.corp.example", "google.com", "10.0.0.6", "2001:db8::2", "8.8.8.8"] {
            assert!(!scope.covers(name), "{name}");
        }
    }

    #[test]
    fn what_is_in_something_else_is_not_listed_twice() {
        let scope = scope(&["sql.corp.example", "10.1.2.3", "localhost", "127.0.0.1"], &["corp.example", "10.0.0.0/8"]);
        assert_eq!(scope.to_string(), "localhost, corp.example, 127.0.0.0/8, ::1/128, 10.0.0.0/8");
    }
}
