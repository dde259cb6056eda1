//! Where an appliance is, and what it is believed by from the first meeting on: for HTTPS and for TDS alike.

use std::fmt;

use rustls::RootCertStore;
use serde::{Deserialize, Serialize};

use super::discovery::Found;
use crate::tls::{Anchor, AnchorError};
use crate::upstream::TlsRule;

/// The appliance's host and HTTPS port.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    /// A DNS name or an address, without brackets.
    pub host: String,
    /// The port.
    pub port: u16,
}

/// What it is believed by.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "by")]
pub enum Pin {
    /// The authorities that the operating system trusts.
    System,
    /// Its own authority, whose fingerprint somebody gave, and nobody else.
    Authority {
        /// The certificate in PEM form.
        pem: String,
    },
}

impl Pin {
    /// What an appliance that was found is believed by; nothing where there is no ground to believe it.
    pub fn of(found: &Found) -> Option<Self> {
        let own = |anchor: &Anchor| Self::Authority { pem: anchor.pem() };
        found.ground.is_given().then(|| found.authority.as_ref().map_or(Self::System, own))
    }

    /// The authorities.
    pub fn roots(&self) -> Result<RootCertStore, AnchorError> {
        let mut roots = RootCertStore::empty();
        match self {
            Self::System => {
                roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
            }
            Self::Authority { pem } => {
                let anchor = Anchor::read(pem.as_bytes())?;
                roots.add(anchor.der().clone()).map_err(|_| AnchorError::NotACertificate)?;
            }
        }
        Ok(roots)
    }

    /// The same for TDS.
    pub fn rule(&self) -> TlsRule {
        match self {
            Self::System => TlsRule::SystemRoots,
            Self::Authority { pem } => TlsRule::Authority { pem: pem.clone() },
        }
    }

    /// In words, for people.
    pub fn in_words(&self) -> String {
        let anchor = match self {
            Self::System => return "by the authorities that this system trusts".to_owned(),
            Self::Authority { pem } => Anchor::read(pem.as_bytes()),
        };
        let sha256 = anchor.map_or_else(|_| "that cannot be read".to_owned(), |anchor| anchor.sha256().to_owned());
        format!("by its own authority {sha256}")
    }

    /// Whether it is the authority of this fingerprint (SHA-256 in lower-case hexadecimal).
    pub fn is(&self, fingerprint: &str) -> bool {
        match self {
            Self::System => false,
            Self::Authority { pem } => Anchor::read(pem.as_bytes()).is_ok_and(|anchor| anchor.sha256() == fingerprint),
        }
    }
}

impl Place {
    /// What can be done where its certificate is not believed any more.
    pub fn trust_anew(&self) -> String {
        format!(
            "if its administrators changed that on purpose: gatehouse connect {self} --trust-anew, with --fingerprint for an authority of its own"
        )
    }

    /// Host and port as a URL has them.
    pub fn authority(&self) -> String {
        let host = if self.host.contains(':') { format!("[{}]", self.host) } else { self.host.clone() };
        if self.port == 443 { host } else { format!("{host}:{}", self.port) }
    }
}

/// As a URL.
impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "https://{}", self.authority())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_written_as_a_url_has_it() {
        let url = |host: &str, port| Place { host: host.to_owned(), port }.to_string();
        assert_eq!(url("sql.corp.example", 443), "https://sql.corp.example");
        assert_eq!(url("10.0.0.5", 8443), "https://10.0.0.5:8443");
        assert_eq!(url("fd00::5", 443), "https://[fd00::5]");
    }

    #[test]
    fn a_pinned_authority_is_the_only_one_that_is_believed() {
        let now = crate::domain::Timestamp::from_millis(1_795_000_000_000);
        let root = crate::tls::Root::create("Contoso", now).unwrap();
        let pin = Pin::Authority { pem: root.certificate_pem() };
        assert_eq!(pin.roots().unwrap().len(), 1);
        assert!(pin.is(&root.fingerprint()) && !pin.is(&"ab".repeat(32)) && !Pin::System.is(&root.fingerprint()));
        assert!(Pin::Authority { pem: "nonsense".to_owned() }.roots().is_err());
    }
}
