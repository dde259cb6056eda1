//! Secrets that the appliance makes: passes, device secrets, tokens, cookies, links; and what a person copies by hand:
//! passwords made on request, codes.
//!
//! A generated secret has 256 bits, so it needs no slow hash: the store keeps a keyed hash of it, and finds it by that.

use crate::domain::Secret;

/// What a generated secret is for; its first characters tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// A short-lived SQL pass: `ghp_…`.
    Pass,
    /// The secret of a device: `ghd_…`.
    Device,
    /// An API token: `ght_…`.
    Token,
    /// The cookie of a signed-in browser: `ghs_…`.
    WebSession,
    /// What carries a sign-in from one of its stages to the next: `ghk_…`.
    Ticket,
    /// A link by which a person chooses a new password: `ghl_…`.
    ResetLink,
    /// An authorisation code of OAuth: `ghc_…`.
    Code,
    /// The code by which a device asks whether it was let in: `ghv_…`.
    DeviceCode,
    /// An OAuth access token: `gha_…`.
    Access,
    /// An OAuth refresh token: `ghr_…`.
    Refresh,
}

/// The machine gave no random bytes. The appliance's side.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the operating system gives no random numbers")]
pub struct NoRandomness;

impl Kind {
    /// All of them.
    pub const ALL: [Self; 10] = [
        Self::Pass,
        Self::Device,
        Self::Token,
        Self::WebSession,
        Self::Ticket,
        Self::ResetLink,
        Self::Code,
        Self::DeviceCode,
        Self::Access,
        Self::Refresh,
    ];

    /// The characters that its secrets begin with.
    pub const fn prefix(self) -> &'static str {
        match self {
            Self::Pass => "ghp_",
            Self::Device => "ghd_",
            Self::Token => "ght_",
            Self::WebSession => "ghs_",
            Self::Ticket => "ghk_",
            Self::ResetLink => "ghl_",
            Self::Code => "ghc_",
            Self::DeviceCode => "ghv_",
            Self::Access => "gha_",
            Self::Refresh => "ghr_",
        }
    }

    /// The name under which the store's keyed hash tells its secrets from the others'.
    pub const fn purpose(self) -> &'static str {
        match self {
            Self::Pass => "identity.pass",
            Self::Device => "identity.device",
            Self::Token => "identity.token",
            Self::WebSession => "identity.web-session",
            Self::Ticket => "identity.ticket",
            Self::ResetLink => "identity.reset-link",
            Self::Code => "identity.oauth-code",
            Self::DeviceCode => "identity.oauth-device-code",
            Self::Access => "identity.oauth-access",
            Self::Refresh => "identity.oauth-refresh",
        }
    }

    /// Whether `text` has the form of a generated secret, and of which kind.
    pub fn of(text: &str) -> Option<Self> {
        let kind = Self::ALL.into_iter().find(|k| text.starts_with(k.prefix()))?;
        let digits = text.strip_prefix(kind.prefix())?;
        (digits.len() == DIGITS && digits.bytes().all(|b| b.is_ascii_alphanumeric())).then_some(kind)
    }

    /// A new secret of this kind.
    pub fn generate(self) -> Result<Secret, NoRandomness> {
        let digits = random_text(BASE62, DIGITS)?;
        Ok(Secret::new(format!("{}{}", self.prefix(), digits.expose())))
    }
}

/// Whether `text` begins as a generated secret does, whatever follows.
pub fn begins_like_one(text: &str) -> bool {
    Kind::ALL.iter().any(|kind| text.starts_with(kind.prefix()))
}

/// A password for a person to copy: four groups of five characters that are hard to confuse, 99 bits.
pub fn password() -> Result<Secret, NoRandomness> {
    let letters = random_text(LEGIBLE, 20)?;
    let groups: Vec<&str> = (0..4).filter_map(|group| letters.expose().get(group * 5..group * 5 + 5)).collect();
    Ok(Secret::new(groups.join("-")))
}

/// A recovery code: two groups of five characters that are hard to confuse, 49 bits. Who tries it has the password, and few tries.
pub fn recovery_code() -> Result<Secret, NoRandomness> {
    let letters = random_text(LEGIBLE, 10)?;
    let (first, second) = letters.expose().split_at_checked(5).unwrap_or_default();
    Ok(Secret::new(format!("{first}-{second}")))
}

/// A code that a person types from one screen into another: `BCDF-GHJK`, 34 bits; no vowels, so that it is no word (RFC 8628, 6.1).
pub fn user_code() -> Result<Secret, NoRandomness> {
    let letters = random_text(CONSONANTS, 8)?;
    let (first, second) = letters.expose().split_at_checked(4).unwrap_or_default();
    Ok(Secret::new(format!("{first}-{second}")))
}

/// A code that an administrator hands to whoever sets up a workstation: `BCDF-GHJK-LMNP`, 52 bits.
pub fn enrolment_code() -> Result<Secret, NoRandomness> {
    let letters = random_text(CONSONANTS, 12)?;
    let groups: Vec<&str> = (0..3).filter_map(|group| letters.expose().get(group * 4..group * 4 + 4)).collect();
    Ok(Secret::new(groups.join("-")))
}

/// What all refresh tokens of one program begin with: half of the digits, 131 bits.
pub fn family_of(refresh: &Secret) -> &str {
    refresh.expose().get(..Kind::Refresh.prefix().len() + FAMILY_DIGITS).unwrap_or_default()
}

/// The refresh token that follows this one: of the same family, with the other half, 125 bits, drawn anew.
pub fn refresh_after(refresh: &Secret) -> Result<Secret, NoRandomness> {
    let digits = random_text(BASE62, DIGITS - FAMILY_DIGITS)?;
    Ok(Secret::new(format!("{}{}", family_of(refresh), digits.expose())))
}

/// `length` characters of `alphabet`, each as likely as the others.
fn random_text(alphabet: &[u8], length: usize) -> Result<Secret, NoRandomness> {
    // Bytes past the last whole multiple of the alphabet's size would favour its first characters: they are drawn again.
    let limit = 256 - 256 % alphabet.len();
    let mut text = String::with_capacity(length);
    let mut bytes = zeroize::Zeroizing::new([0u8; 64]);
    while text.len() < length {
        getrandom::fill(&mut *bytes).map_err(|_| NoRandomness)?;
        let fair = bytes.iter().map(|b| usize::from(*b)).filter(|b| *b < limit);
        let characters = fair.filter_map(|b| alphabet.get(b % alphabet.len())).map(|c| char::from(*c));
        text.extend(characters.take(length - text.len()));
    }
    Ok(Secret::new(text))
}

/// 43 digits of base 62 hold 256 bits.
const DIGITS: usize = 43;
/// The part of a refresh token that stays.
const FAMILY_DIGITS: usize = 22;
const CONSONANTS: &[u8] = b"BCDFGHJKLMNPQRSTVWXZ";
const BASE62: &[u8] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
/// No 0, 1, i, l, o: nobody has to guess which one it is.
const LEGIBLE: &[u8] = b"23456789abcdefghjkmnpqrstuvwxyz";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_generated_secret_is_told_by_its_first_characters_and_fits_every_driver() {
        for kind in Kind::ALL {
            let secret = kind.generate().unwrap();
            assert_eq!(Kind::of(secret.expose()), Some(kind));
            assert!(secret.expose().len() <= 128);
            assert!(!crate::telemetry::redacted(secret.expose()).contains(secret.expose()), "logs mask it");
        }
    }

    #[test]
    fn what_merely_begins_like_a_generated_secret_is_none() {
        for text in ["", "ghp_", "ghp_short", &format!("ghp_{}", "é".repeat(43)), &format!("ghx_{}", "a".repeat(43))] {
            assert_eq!(Kind::of(text), None, "{text}");
        }
    }

    #[test]
    fn no_two_generated_secrets_are_alike_and_every_digit_is_used() {
        let secrets: Vec<String> = (0..200).map(|_| Kind::Token.generate().unwrap().expose().to_owned()).collect();
        let different: std::collections::HashSet<&String> = secrets.iter().collect();
        assert_eq!(different.len(), secrets.len());
        let all = secrets.concat();
        assert!(BASE62.iter().all(|digit| all.contains(char::from(*digit))));
    }

    #[test]
    fn a_refresh_token_keeps_its_family_and_nothing_else() {
        let first = Kind::Refresh.generate().unwrap();
        let second = refresh_after(&first).unwrap();
        assert_eq!((Kind::of(second.expose()), family_of(&first)), (Some(Kind::Refresh), family_of(&second)));
        assert_ne!(first, second);
    }

    #[test]
    fn a_user_code_is_two_groups_of_consonants() {
        let code = user_code().unwrap();
        assert!(code.expose().len() == 9 && code.expose().bytes().all(|b| b == b'-' || CONSONANTS.contains(&b)));
    }

    #[test]
    fn a_generated_password_passes_the_rules_for_passwords() {
        let made = password().unwrap();
        assert_eq!(made.expose().len(), 23);
        assert!(crate::identity::password::NewPassword::parse(&made, &["ada"]).is_ok());
    }
}
