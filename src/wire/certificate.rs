//! What a certificate says of itself: names, dates, issuer, fingerprint. It reads; whether to believe it is decided by
//! whoever verifies (`tls` for the appliance's own, `upstream` for a SQL Server's).

use std::fmt::Write as _;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use serde::{Deserialize, Serialize};
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::{FromDer as _, X509Certificate};

use crate::domain::Timestamp;

/// The facts of one certificate, for people and for pinning.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CertificateFacts {
    /// The distinguished name of its holder.
    pub subject: String,
    /// The distinguished name of who signed it.
    pub issuer: String,
    /// The DNS names and IP addresses that it is for.
    pub names: Vec<String>,
    /// From when it is valid.
    pub not_before: Timestamp,
    /// Until when it is valid.
    pub not_after: Timestamp,
    /// SHA-256 of its DER form, in lower-case hexadecimal.
    pub sha256: String,
    /// Its holder signed it himself.
    pub self_signed: bool,
    /// It may sign other certificates (`CA:TRUE`).
    pub authority: bool,
}

/// The bytes are no X.509 certificate. Side: whoever gave them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not an X.509 certificate")]
pub struct NotACertificate;

impl CertificateFacts {
    /// Reads the facts of a certificate in DER form.
    pub fn read(der: &[u8]) -> Result<Self, NotACertificate> {
        let (_, certificate) = X509Certificate::from_der(der).map_err(|_| NotACertificate)?;
        let validity = certificate.validity();
        Ok(Self {
            subject: certificate.subject().to_string(),
            issuer: certificate.issuer().to_string(),
            names: names(&certificate),
            not_before: Timestamp::from_millis(validity.not_before.timestamp().saturating_mul(1000)),
            not_after: Timestamp::from_millis(validity.not_after.timestamp().saturating_mul(1000)),
            sha256: fingerprint(der),
            self_signed: certificate.subject() == certificate.issuer(),
            authority: certificate.is_ca(),
        })
    }

    /// Whether `now` lies between its dates.
    pub fn is_current(&self, now: Timestamp) -> bool {
        self.not_before <= now && now <= self.not_after
    }
}

/// SHA-256 of `der` in lower-case hexadecimal.
pub fn fingerprint(der: &[u8]) -> String {
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, der);
    digest.as_ref().iter().fold(String::with_capacity(64), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

fn names(certificate: &X509Certificate<'_>) -> Vec<String> {
    let Ok(Some(extension)) = certificate.subject_alternative_name() else {
        return Vec::new();
    };
    let name = |general: &GeneralName<'_>| match general {
        GeneralName::DNSName(name) => Some((*name).to_owned()),
        GeneralName::IPAddress(bytes) => address(bytes).map(|address| address.to_string()),
        _ => None,
    };
    extension.value.general_names.iter().filter_map(name).collect()
}

fn address(bytes: &[u8]) -> Option<IpAddr> {
    if let Ok(four) = <[u8; 4]>::try_from(bytes) {
        return Some(Ipv4Addr::from(four).into());
    }
    <[u8; 16]>::try_from(bytes).ok().map(|sixteen| Ipv6Addr::from(sixteen).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    proptest::proptest! {
        #[test]
        fn bytes_that_are_no_certificate_are_refused_quietly(bytes: Vec<u8>) {
            proptest::prop_assert_eq!(CertificateFacts::read(&bytes), Err(NotACertificate));
        }
    }
}
