//! Proof key for code exchange (RFC 7636), S256 alone: `plain` proves nothing to whoever saw the request.

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use subtle::ConstantTimeEq as _;

/// What a program committed itself to: the SHA-256 of its verifier.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Challenge([u8; 32]);

impl Challenge {
    /// Parses `code_challenge`.
    pub(super) fn parse(text: &str) -> Option<Self> {
        URL_SAFE_NO_PAD.decode(text).ok()?.try_into().ok().map(Self)
    }

    /// Whether this is the verifier.
    pub(super) fn is_met_by(&self, verifier: &str) -> bool {
        let unreserved = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~');
        if !(43..=128).contains(&verifier.len()) || !verifier.bytes().all(unreserved) {
            return false;
        }
        digest(&SHA256, verifier.as_bytes()).as_ref().ct_eq(&self.0).into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rfcs_own_example_is_met_and_nothing_else_is() {
        let challenge = Challenge::parse("E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM").unwrap();
        assert!(challenge.is_met_by("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"));
        for wrong in ["", "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXK", &"a".repeat(129), &"é".repeat(50)] {
            assert!(!challenge.is_met_by(wrong), "{wrong}");
        }
        for wrong in ["", "short", "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM=", &"a".repeat(5000)] {
            assert_eq!(Challenge::parse(wrong), None, "{wrong}");
        }
    }
}
