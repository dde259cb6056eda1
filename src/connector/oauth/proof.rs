//! This program's own key, by which its refresh tokens are bound to this machine (DPoP, RFC 9449): made at the sign-in, kept
//! beside the tokens, and sent to nobody.

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::json;

use super::{OAuthError, random};
use crate::domain::{Secret, Timestamp};

/// A key of the curve P-256, as the text that is kept: PKCS #8 in base64url.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProofKey(Secret);

impl ProofKey {
    /// A new one.
    pub fn generate() -> Result<Self, OAuthError> {
        let pair = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &SystemRandom::new());
        let pair = pair.map_err(|_| OAuthError::NoRandomness)?;
        Ok(Self(Secret::new(URL_SAFE_NO_PAD.encode(pair.as_ref()))))
    }

    /// One that was kept.
    pub fn kept(text: Secret) -> Self {
        Self(text)
    }

    /// To be kept.
    pub fn text(&self) -> &Secret {
        &self.0
    }

    /// The proof for one `POST` to `endpoint` (RFC 9449, 4.2).
    pub(super) fn proof(&self, endpoint: &str, now: Timestamp) -> Result<String, OAuthError> {
        let broken = || OAuthError::Malformed("the kept key is none");
        let der = URL_SAFE_NO_PAD.decode(self.0.expose()).map(zeroize::Zeroizing::new).map_err(|_| broken())?;
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &der).map_err(|_| broken())?;
        let point = pair.public_key().as_ref();
        let (x, y) = point.get(1..).and_then(|halves| halves.split_at_checked(32)).ok_or_else(broken)?;
        let [x, y] = [x, y].map(|half| URL_SAFE_NO_PAD.encode(half));
        let header = json!({
            "typ": "dpop+jwt", "alg": "ES256", "jwk": { "kty": "EC", "crv": "P-256", "x": x, "y": y },
        });
        let made = now.as_millis().div_euclid(1000);
        let claims = json!({ "jti": random::<16>()?.expose(), "htm": "POST", "htu": endpoint, "iat": made });
        let [header, claims] = [header, claims].map(|part| URL_SAFE_NO_PAD.encode(part.to_string()));
        let signed = format!("{header}.{claims}");
        let signature = pair.sign(&SystemRandom::new(), signed.as_bytes()).map_err(|_| OAuthError::NoRandomness)?;
        Ok(format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature)))
    }
}
