//! An authority of one's own: a root that signs short-lived certificates for given names, and nothing else.
//!
//! It has no memory: [`super::Authority`] keeps one in the store; the sample server makes one for itself.

use std::time::Duration;

use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair,
    KeyUsagePurpose, SerialNumber,
};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use x509_parser::prelude::{FromDer as _, X509Certificate};

use super::certificates::{CertificateError, KeyAndChain};
use super::keys::KeyKind;
use super::scope::Scope;
use crate::domain::{Secret, Timestamp};
use crate::wire::fingerprint;

/// A root certificate with its key.
pub struct Root {
    certificate: CertificateDer<'static>,
    issuer: rcgen::Certificate,
    key: KeyPair,
    scope: Option<Scope>,
}

impl Root {
    /// A new root that may sign for any server, with an ECDSA key, named after whoever it is for: for the sample server and for
    /// tests, whose roots nobody installs.
    pub fn create(name: &str, now: Timestamp) -> Result<Self, CertificateError> {
        Self::make(name, KeyKind::EcdsaP256, None, now)
    }

    /// A new root that may sign for the servers of a scope alone. Blocks: an RSA key takes a good part of a second.
    pub fn limited(name: &str, kind: KeyKind, scope: Scope, now: Timestamp) -> Result<Self, CertificateError> {
        Self::make(name, kind, Some(scope), now)
    }

    fn make(name: &str, kind: KeyKind, scope: Option<Scope>, now: Timestamp) -> Result<Self, CertificateError> {
        let key = kind.generate()?;
        let mut params = root_params(&format!("{name} authority"), now)?;
        if let Some(scope) = &scope {
            params.name_constraints = Some(scope.constraints());
            params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        }
        let issuer = params.self_signed(&key)?;
        Ok(Self { certificate: issuer.der().clone(), issuer, key, scope })
    }

    /// The root that [`Root::certificate_der`] and [`Root::key_pem`] were taken from.
    pub fn restore(certificate_der: Vec<u8>, key_pem: &Secret) -> Result<Self, CertificateError> {
        let certificate = CertificateDer::from(certificate_der);
        let key = KeyPair::from_pem(key_pem.expose())?;
        // Made again to be an issuer in rcgen's eyes: of it only the name and the key get into what it signs. What is shown stays the
        // certificate that was kept. (rcgen can read a certificate, too, but only with a second crypto provider in the tree.)
        let issuer = root_params(&common_name(&certificate)?, Timestamp::from_millis(0))?.self_signed(&key)?;
        let scope = Scope::of_root(&certificate)?;
        Ok(Self { certificate, issuer, key, scope })
    }

    /// A certificate for a server of these DNS names and IP addresses, valid from an hour ago for `lifetime` from now.
    pub fn issue(&self, names: &[String], lifetime: Duration, now: Timestamp) -> Result<KeyAndChain, CertificateError> {
        self.issue_with(KeyKind::EcdsaP256, names, lifetime, now)
    }

    /// The same with a key of this kind. Blocks where that is RSA.
    pub fn issue_with(
        &self,
        kind: KeyKind,
        names: &[String],
        lifetime: Duration,
        now: Timestamp,
    ) -> Result<KeyAndChain, CertificateError> {
        let key = kind.generate()?;
        let mut params = params(common_name_for(names)?, now, lifetime)?;
        params.subject_alt_names = CertificateParams::new(names)?.subject_alt_names;
        params.is_ca = IsCa::ExplicitNoCa;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        params.use_authority_key_identifier_extension = true;
        let leaf = params.signed_by(&key, &self.issuer, &self.key)?;
        let private = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
        KeyAndChain::new(vec![leaf.der().clone()], private)
    }

    /// For what it may sign; nothing where it may sign for anything.
    pub fn scope(&self) -> Option<&Scope> {
        self.scope.as_ref()
    }

    /// The root certificate, for those who shall believe it.
    pub fn certificate_pem(&self) -> String {
        pem("CERTIFICATE", &self.certificate)
    }

    /// The same in DER form.
    pub fn certificate_der(&self) -> &CertificateDer<'static> {
        &self.certificate
    }

    /// SHA-256 of the root certificate, in hexadecimal, for comparing by eye.
    pub fn fingerprint(&self) -> String {
        fingerprint(&self.certificate)
    }

    /// The root's key, to be sealed.
    pub fn key_pem(&self) -> Secret {
        Secret::new(self.key.serialize_pem())
    }
}

impl std::fmt::Debug for Root {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Root").field("sha256", &self.fingerprint()).finish_non_exhaustive()
    }
}

/// Of a root: it signs certificates for servers, and no further authorities.
fn root_params(common_name: &str, now: Timestamp) -> Result<CertificateParams, CertificateError> {
    let mut params = params(common_name, now, ROOT_LIFETIME)?;
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    Ok(params)
}

/// The first DNS name. Never an address: OpenSSL takes one in this place for a DNS name, which no name constraint covers.
pub(super) fn common_name_for(names: &[String]) -> Result<&str, CertificateError> {
    if names.is_empty() {
        return Err(CertificateError::NoNames);
    }
    let dns = names.iter().find(|name| name.parse::<std::net::IpAddr>().is_err());
    Ok(dns.map_or("gatehouse", String::as_str))
}

fn common_name(certificate: &CertificateDer<'_>) -> Result<String, CertificateError> {
    let (_, parsed) = X509Certificate::from_der(certificate).map_err(|_| CertificateError::NotACertificate)?;
    let name = parsed.subject().iter_common_name().next().and_then(|name| name.as_str().ok());
    name.map(str::to_owned).ok_or(CertificateError::NotACertificate)
}

fn params(common_name: &str, now: Timestamp, lifetime: Duration) -> Result<CertificateParams, CertificateError> {
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, common_name.chars().take(64).collect::<String>());
    let epoch = rcgen::date_time_ymd(1970, 1, 1);
    let since_epoch = now.since(Timestamp::from_millis(0));
    params.not_before = epoch + since_epoch.saturating_sub(CLOCK_DIFFERENCE);
    params.not_after = epoch + since_epoch + lifetime.min(ROOT_LIFETIME);
    let mut serial = [0u8; 16];
    getrandom::fill(&mut serial).map_err(|_| CertificateError::NoRandomness)?;
    // Positive, and of full length.
    serial[0] = (serial[0] & 0x7f) | 0x40;
    params.serial_number = Some(SerialNumber::from_slice(&serial));
    Ok(params)
}

pub(super) fn pem(label: &str, der: &[u8]) -> String {
    use base64::Engine as _;
    let text = base64::engine::general_purpose::STANDARD.encode(der);
    let mut out = format!("-----BEGIN {label}-----\n");
    let mut rest = text.as_str();
    while !rest.is_empty() {
        let (line, more) = rest.split_at(rest.len().min(64));
        out.push_str(line);
        out.push('\n');
        rest = more;
    }
    out.push_str(&format!("-----END {label}-----\n"));
    out
}

const ROOT_LIFETIME: Duration = Duration::from_secs(20 * 365 * 24 * 60 * 60);
/// How far a workstation's clock may be behind ours.
const CLOCK_DIFFERENCE: Duration = Duration::from_secs(60 * 60);

#[cfg(test)]
mod tests {
    use super::*;
    use rustls::client::{WebPkiServerVerifier, danger::ServerCertVerifier as _};
    use rustls::pki_types::{ServerName, UnixTime};

    #[test]
    fn the_kept_certificate_vouches_for_what_a_restored_root_issues() {
        let now = Timestamp::from_millis(1_795_000_000_000);
        let made = Root::create("Gatehouse Zürich", now).unwrap();
        let restored = Root::restore(made.certificate_der().to_vec(), &made.key_pem()).unwrap();
        let leaf = restored.issue(&["localhost".to_owned()], Duration::from_secs(3600), now).unwrap();

        let mut roots = rustls::RootCertStore::empty();
        roots.add(made.certificate_der().clone()).unwrap();
        let provider = std::sync::Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let verifier = WebPkiServerVerifier::builder_with_provider(roots.into(), provider).build().unwrap();
        let (name, at) = (
            ServerName::try_from("localhost").unwrap(),
            UnixTime::since_unix_epoch(Duration::from_secs(1_795_000_000)),
        );
        verifier.verify_server_cert(&leaf.chain()[0], &[], &name, &[], at).unwrap();
    }
}
