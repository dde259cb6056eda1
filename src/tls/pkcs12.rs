//! PKCS#12 files (RFC 7292): what Windows' and many companies' authorities hand out.

use p12_keystore::{Pkcs12Archive, error::Error};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use x509_parser::prelude::{FromDer as _, X509Certificate};

use super::certificates::{CertificateError, KeyAndChain};
use crate::domain::Secret;

/// The one private key in a file, with the certificates that lead up from its own. Blocks: the password is stretched.
pub(super) fn open(content: &[u8], password: &Secret) -> Result<KeyAndChain, CertificateError> {
    let archive = Pkcs12Archive::from_pkcs12(content, password.expose()).map_err(|error| match error {
        Error::MacError(_) | Error::UnpadError | Error::Pkcs5Error(_) => CertificateError::Password,
        other => CertificateError::NotPkcs12(other.to_string()),
    })?;
    let key = match archive.keys.as_slice() {
        [one] => one.key.as_der(),
        [] => return Err(CertificateError::NoKey),
        several => return Err(CertificateError::Keys(several.len())),
    };
    let private = || PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.to_vec()));
    let all: Vec<CertificateDer<'static>> =
        archive.certs.iter().map(|bag| CertificateDer::from(bag.cert.as_der().to_vec())).collect();
    // Programs disagree about the order and about how a key is tied to its certificate, so neither is relied on.
    let mut failure = CertificateError::Empty;
    for leaf in &all {
        match KeyAndChain::new(chain_from(leaf, &all), private()) {
            Ok(both) => return Ok(both),
            Err(error) => failure = error,
        }
    }
    Err(failure)
}

/// A certificate, its issuer's, and so on, as far as they are there.
fn chain_from(leaf: &CertificateDer<'static>, all: &[CertificateDer<'static>]) -> Vec<CertificateDer<'static>> {
    let mut chain = vec![leaf.clone()];
    while let Some(issuer) = chain.last().and_then(|last| all.iter().find(|other| issued(other, last))) {
        if chain.contains(issuer) {
            break;
        }
        chain.push(issuer.clone());
    }
    chain
}

/// By their names; whether the signature holds is checked with the whole chain.
fn issued(issuer: &CertificateDer<'_>, signed: &CertificateDer<'_>) -> bool {
    let (Ok((_, issuer)), Ok((_, signed))) = (X509Certificate::from_der(issuer), X509Certificate::from_der(signed))
    else {
        return false;
    };
    issuer.subject().as_raw() == signed.issuer().as_raw() && issuer.subject().as_raw() != signed.subject().as_raw()
}
