//! An authority's certificate as workstations are to trust it: its two file forms, its fingerprint as people compare it,
//! and what it may sign for. It is public; the key is elsewhere.

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;

use super::root::pem;
use crate::domain::Side;
use crate::wire::{CertificateFacts, NameConstraints};

/// The certificate of an authority.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Anchor {
    der: CertificateDer<'static>,
    facts: CertificateFacts,
    constraints: Option<NameConstraints>,
}

/// Why something is no certificate that can be trusted as an authority. The operator's side.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AnchorError {
    /// There is no certificate in it.
    #[error("there is no X.509 certificate in it, neither in PEM nor in DER form")]
    NotACertificate,
    /// There are several, and it is not said which is meant.
    #[error("there is more than one certificate in it: give the authority's alone")]
    Several,
    /// It is a server's or somebody else's.
    #[error("it is not the certificate of an authority (CA:TRUE is missing)")]
    NoAuthority,
}

impl AnchorError {
    /// Whose side it is on.
    pub fn side(&self) -> Side {
        Side::Operator
    }
}

impl Anchor {
    /// The one certificate in a file's content, in PEM or DER form.
    pub fn read(content: &[u8]) -> Result<Self, AnchorError> {
        let in_pem: Vec<_> = CertificateDer::pem_slice_iter(content).collect::<Result<_, _>>().unwrap_or_default();
        match in_pem.as_slice() {
            [] => Self::of(CertificateDer::from(content.to_vec())),
            [one] => Self::of(one.clone()),
            _ => Err(AnchorError::Several),
        }
    }

    /// A certificate in DER form.
    pub fn of(der: CertificateDer<'static>) -> Result<Self, AnchorError> {
        let facts = CertificateFacts::read(&der).map_err(|_| AnchorError::NotACertificate)?;
        let constraints = NameConstraints::read(&der).map_err(|_| AnchorError::NotACertificate)?;
        if !facts.authority {
            return Err(AnchorError::NoAuthority);
        }
        Ok(Self { der, facts, constraints })
    }

    /// What the certificate says.
    pub fn facts(&self) -> &CertificateFacts {
        &self.facts
    }

    /// What it may sign for; nothing where that is not limited.
    pub fn constraints(&self) -> Option<&NameConstraints> {
        self.constraints.as_ref()
    }

    /// The certificate in DER form.
    pub fn der(&self) -> &CertificateDer<'static> {
        &self.der
    }

    /// The certificate in PEM form.
    pub fn pem(&self) -> String {
        pem("CERTIFICATE", &self.der)
    }

    /// SHA-256 in lower-case hexadecimal, as programs compare it.
    pub fn sha256(&self) -> &str {
        &self.facts.sha256
    }

    /// SHA-256 as certificate viewers write it, in four lines of eight bytes for comparing by eye.
    pub fn fingerprint_lines(&self) -> Vec<String> {
        let whole = grouped(self.sha256());
        let pairs: Vec<&str> = whole.split(':').collect();
        pairs.chunks(8).map(|line| line.join(":")).collect()
    }

    /// The first eight digits of its SHA-256: enough to tell one file from another, not to believe one.
    pub fn short(&self) -> &str {
        self.sha256().get(..8).unwrap_or_default()
    }
}

/// Hexadecimal digits as certificate viewers write them: `AB:CD:…`.
pub fn grouped(hex: &str) -> String {
    let digits: Vec<char> = hex.to_uppercase().chars().collect();
    digits.chunks(2).map(String::from_iter).collect::<Vec<_>>().join(":")
}

/// The digits of a SHA-256 that a person gave, however they were grouped; nothing where it is none.
pub fn parse_fingerprint(text: &str) -> Option<String> {
    let digits: String = text.chars().filter(|c| !matches!(c, ':' | ' ' | '-')).collect();
    let right = digits.len() == 64 && digits.chars().all(|c| c.is_ascii_hexdigit());
    right.then(|| digits.to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Timestamp;

    #[test]
    fn both_forms_of_a_file_are_the_same_authority() {
        let root = super::super::Root::create("Contoso", Timestamp::from_millis(1_795_000_000_000)).unwrap();
        let anchor = Anchor::read(root.certificate_der()).unwrap();
        assert_eq!(Anchor::read(anchor.pem().as_bytes()).unwrap(), anchor);
        assert_eq!(Anchor::read((anchor.pem() + &anchor.pem()).as_bytes()), Err(AnchorError::Several));
        assert_eq!(anchor.fingerprint_lines().len(), 4);
        assert_eq!(parse_fingerprint(&anchor.fingerprint_lines().join(" ")).as_deref(), Some(anchor.sha256()));
        assert_eq!(parse_fingerprint("AB:CD"), None);
    }

    #[test]
    fn what_is_no_authority_is_refused_by_what_is_wrong_with_it() {
        let server = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        assert_eq!(Anchor::read(server.cert.pem().as_bytes()), Err(AnchorError::NoAuthority));
        for nonsense in [&b""[..], b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", &[0x30, 0x82]] {
            assert_eq!(Anchor::read(nonsense), Err(AnchorError::NotACertificate));
        }
    }
}
