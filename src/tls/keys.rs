//! Kinds of keys, and where each is used.

use rcgen::{KeyPair, PKCS_ECDSA_P256_SHA256, PKCS_RSA_SHA256, RsaKeySize};

use serde::{Deserialize, Serialize};

use super::certificates::CertificateError;

/// A kind of key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum KeyKind {
    /// ECDSA on P-256: small and fast; for certificates that are shown.
    EcdsaP256,
    /// RSA of 2,048 bits: for certificates that are shown to clients that have no ECDSA. The shortest that rustls takes.
    Rsa2048,
    /// RSA of 3,072 bits: for roots, whose signature everybody can verify, and which live for twenty years.
    Rsa3072,
}

impl KeyKind {
    /// A new key. RSA takes a good part of a second: never on an async thread.
    pub(super) fn generate(self) -> Result<KeyPair, CertificateError> {
        let made = match self {
            Self::EcdsaP256 => KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256),
            Self::Rsa2048 => KeyPair::generate_rsa_for(&PKCS_RSA_SHA256, RsaKeySize::_2048),
            Self::Rsa3072 => KeyPair::generate_rsa_for(&PKCS_RSA_SHA256, RsaKeySize::_3072),
        };
        Ok(made?)
    }
}
