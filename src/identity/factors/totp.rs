//! Codes of authenticator apps: RFC 6238 as every app knows it (SHA-1, six digits, thirty seconds).

use totp_rs::Builder;

use crate::domain::{Secret, Timestamp};
use crate::identity::generated::NoRandomness;

/// The secret that an authenticator app shares with the appliance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::identity) struct TotpSecret(Secret);

impl TotpSecret {
    /// A new one: 160 bits, as the RFC recommends.
    pub(in crate::identity) fn generate() -> Result<Self, NoRandomness> {
        let mut bytes = zeroize::Zeroizing::new([0u8; 20]);
        getrandom::fill(&mut *bytes).map_err(|_| NoRandomness)?;
        let secret = totp_rs::Secret::from(*bytes);
        Ok(Self(Secret::new(secret.to_base32())))
    }

    /// One that somebody chose, in base 32: 128 bits at least.
    pub(in crate::identity) fn parse(text: &str) -> Option<Self> {
        let text: String = text.chars().filter(|c| !c.is_whitespace()).collect::<String>().to_uppercase();
        let bytes = totp_rs::Secret::try_from_base32(&text).ok()?;
        (16..=64).contains(&bytes.as_ref().len()).then(|| Self(Secret::new(text)))
    }

    /// Its text, in base 32: what a person types into an app that has no camera.
    pub(in crate::identity) fn text(&self) -> &Secret {
        &self.0
    }

    /// The address that an app reads from a picture: it holds the secret.
    pub(super) fn url(&self, issuer: &str, account: &str) -> Secret {
        // Both parts stand in a label that a colon divides.
        let plain = |text: &str| text.replace(':', " ");
        let built = self.builder().map(|builder| {
            let named = builder.with_issuer(Some(plain(issuer))).with_account_name(plain(account));
            named.build_noncompliant()
        });
        Secret::new(built.and_then(|totp| totp.to_url().ok()).unwrap_or_default())
    }

    /// The time step of this code, if it is one of the steps around `now`: an app's clock may be half a minute off.
    pub(in crate::identity) fn step(&self, code: &str, now: Timestamp) -> Option<u64> {
        let code: String = code.chars().filter(|c| !c.is_whitespace()).collect();
        if code.len() != 6 || !code.bytes().all(|b| b.is_ascii_digit()) {
            return None;
        }
        let seconds = u64::try_from(now.as_millis() / 1000).ok()?;
        self.builder()?.build().ok()?.check(&code, seconds)
    }

    fn builder(&self) -> Option<Builder> {
        let secret = totp_rs::Secret::try_from_base32(self.0.expose()).ok()?;
        Some(Builder::new().with_secret(secret).with_skew(1).with_step_duration(30).with_digits(6))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The RFC's own secret, "12345678901234567890".
    const RFC: &str = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ";

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_millis(seconds * 1000)
    }

    #[test]
    fn codes_are_those_of_the_rfc_for_one_step_before_and_after() {
        let secret = TotpSecret::parse(RFC).unwrap();
        for (seconds, code) in [(59, "287082"), (1_111_111_109, "081804"), (1_234_567_890, "005924")] {
            let step = u64::try_from(seconds / 30).unwrap();
            for off in [-30, 0, 30] {
                assert_eq!(secret.step(code, at(seconds + off)), Some(step), "{seconds} {off}");
            }
            assert_eq!(secret.step(code, at(seconds + 60)), None);
            assert_eq!(secret.step(code, at(seconds - 60)), None);
        }
        assert_eq!(secret.step("005 924", at(1_234_567_890)), Some(41_152_263), "as apps show it");
    }

    #[test]
    fn what_is_not_six_digits_is_no_code() {
        let secret = TotpSecret::generate().unwrap();
        for text in ["", "12345", "1234567", "12345a", "１２３４５６", &"1".repeat(100_000)] {
            assert_eq!(secret.step(text, at(59)), None);
        }
    }

    #[test]
    fn a_chosen_secret_is_base_32_and_long_enough() {
        assert_eq!(TotpSecret::parse("gezd gnbv gy3t qojq gezd gnbv gy3t qojq"), TotpSecret::parse(RFC));
        for text in ["", "GEZDGNBVGY", "not base 32!", &"A".repeat(5000)] {
            assert!(TotpSecret::parse(text).is_none(), "{text}");
        }
    }

    #[test]
    fn the_address_names_the_appliance_and_the_account() {
        let url = TotpSecret::parse(RFC).unwrap().url("Gate: house", "ada:b");
        assert!(url.expose().starts_with("otpauth://totp/Gate%20%20house:ada%20b?secret=GEZD"), "{}", url.expose());
        assert!(url.expose().contains("issuer=Gate%20%20house"));
    }
}
