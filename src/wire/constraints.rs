//! What an authority may sign for: the name constraints in its certificate (RFC 5280, 4.2.1.10), in words for people.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use x509_parser::extensions::{GeneralName, GeneralSubtree};
use x509_parser::prelude::{FromDer as _, X509Certificate};

use super::certificate::NotACertificate;

/// The names and networks that a certificate of an authority is limited to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NameConstraints {
    /// DNS names (each with all below it) and networks that it may sign for.
    pub permitted: Vec<String>,
    /// The same, that it may not.
    pub excluded: Vec<String>,
}

impl NameConstraints {
    /// Reads them from a certificate in DER form; `None` where it has none, and may sign for everybody.
    pub fn read(der: &[u8]) -> Result<Option<Self>, NotACertificate> {
        let (_, certificate) = X509Certificate::from_der(der).map_err(|_| NotACertificate)?;
        let Ok(Some(extension)) = certificate.name_constraints() else { return Ok(None) };
        Ok(Some(Self {
            permitted: all(extension.value.permitted_subtrees.as_deref()),
            excluded: all(extension.value.excluded_subtrees.as_deref()),
        }))
    }
}

fn all(subtrees: Option<&[GeneralSubtree<'_>]>) -> Vec<String> {
    subtrees.unwrap_or_default().iter().map(|subtree| in_words(&subtree.base)).collect()
}

fn in_words(base: &GeneralName<'_>) -> String {
    match base {
        GeneralName::DNSName("") => "every DNS name".to_owned(),
        GeneralName::DNSName(name) => name.trim_start_matches('.').to_owned(),
        GeneralName::IPAddress(bytes) => network(bytes).unwrap_or_else(|| "a network that cannot be read".to_owned()),
        other => format!("{other}"),
    }
}

/// `10.0.0.0/8`; an address alone where the network is no larger.
fn network(bytes: &[u8]) -> Option<String> {
    let (address, mask): (IpAddr, u32) = match bytes.len() {
        8 => {
            let (address, mask) = bytes.split_first_chunk::<4>()?;
            (Ipv4Addr::from(*address).into(), ones(mask)?)
        }
        32 => {
            let (address, mask) = bytes.split_first_chunk::<16>()?;
            (Ipv6Addr::from(*address).into(), ones(mask)?)
        }
        _ => return None,
    };
    Some(match (address, mask) {
        (IpAddr::V4(_), 32) | (IpAddr::V6(_), 128) => address.to_string(),
        (_, 0) => format!("every {} address", if address.is_ipv4() { "IPv4" } else { "IPv6" }),
        (_, length) => format!("{address}/{length}"),
    })
}

/// How many ones a mask begins with; nothing when ones follow a zero.
fn ones(mask: &[u8]) -> Option<u32> {
    let length = mask.iter().take_while(|byte| **byte == 0xff).count();
    let rest = mask.get(length..).unwrap_or_default();
    let (partial, zeros) = rest.split_first().map_or((0, rest), |(first, zeros)| (*first, zeros));
    let clean = partial.leading_ones() == partial.count_ones() && zeros.iter().all(|byte| *byte == 0);
    clean.then(|| u32::try_from(length).unwrap_or(0) * 8 + partial.leading_ones())
}

#[cfg(test)]
mod tests {
    use super::*;
    use rcgen::{CertificateParams, CidrSubnet, GeneralSubtree as Subtree, IsCa, KeyPair, NameConstraints as Given};

    fn read(constraints: Option<Given>) -> Option<NameConstraints> {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        params.name_constraints = constraints;
        NameConstraints::read(params.self_signed(&KeyPair::generate().unwrap()).unwrap().der()).unwrap()
    }

    #[test]
    fn names_and_networks_are_told_as_people_write_them() {
        let network = |text: &str| Subtree::IpAddress(text.parse::<CidrSubnet>().unwrap());
        let given = Given {
            permitted_subtrees: vec![
                Subtree::DnsName("sql.corp.example".to_owned()),
                network("10.20.0.0/15"),
                network("10.0.0.5/32"),
                network("2001:db8::/32"),
            ],
            excluded_subtrees: vec![network("0.0.0.0/0")],
        };
        let told = read(Some(given)).unwrap();
        assert_eq!(told.permitted, ["sql.corp.example", "10.20.0.0/15", "10.0.0.5", "2001:db8::/32"]);
        assert_eq!(told.excluded, ["every IPv4 address"]);
    }

    #[test]
    fn an_authority_without_constraints_has_none() {
        assert_eq!(read(None), None);
        assert!(NameConstraints::read(b"nonsense").is_err());
    }

    #[test]
    fn a_mask_with_holes_is_no_network() {
        assert_eq!(network(&[10, 0, 0, 0, 255, 0, 255, 0]), None);
        assert_eq!(network(&[10, 0, 0]), None);
    }
}
