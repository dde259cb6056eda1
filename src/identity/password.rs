//! Which passwords are accepted, and the one form in which they are compared.
//!
//! The form follows the profile "OpaqueString" of RFC 8265 as far as comparing needs it: other spaces become the ASCII
//! space, then Unicode normalisation form C; case and everything else stay. So a password typed on a system that
//! composes accents equals the one typed where they are kept apart.

use unicode_normalization::UnicodeNormalization as _;
use zxcvbn::{Score, zxcvbn};

use super::generated;
use crate::domain::Secret;

/// At least so many characters.
pub const SHORTEST: usize = 12;

/// At most so many UTF-16 code units: what LOGIN7 carries, and what drivers cut at.
pub const LONGEST: usize = 128;

/// A password that obeys the rules, in the form that is compared.
#[derive(Debug, Clone)]
pub struct NewPassword(Secret);

/// Why a password is not accepted. The side of whoever chose it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PasswordError {
    /// Fewer than [`SHORTEST`] characters.
    #[error("a password has at least 12 characters")]
    TooShort,
    /// More than [`LONGEST`] code units: some drivers would cut it.
    #[error("a password has at most 128 characters, because database drivers cut longer ones")]
    TooLong,
    /// On the list of common passwords, or a pattern built from one.
    #[error("this password is too common or too easy to guess; several unrelated words make a good one")]
    Common,
    /// Little more than the account's or the product's own name.
    #[error("this password is too close to the account's name or the product's")]
    LikeName,
    /// It begins as the appliance's own secrets do, and would be taken for one.
    #[error("a password does not begin with ghp_, ghd_ or the like: those mark secrets that the appliance made")]
    LikeGenerated,
}

impl NewPassword {
    /// Parses a password that somebody chose; `names` are those that it must not be built from.
    pub fn parse(chosen: &Secret, names: &[&str]) -> Result<Self, PasswordError> {
        let password = compared_form(chosen);
        let text = password.expose();
        if text.chars().count() < SHORTEST {
            return Err(PasswordError::TooShort);
        }
        if text.encode_utf16().count() > LONGEST {
            return Err(PasswordError::TooLong);
        }
        if generated::begins_like_one(text) {
            return Err(PasswordError::LikeGenerated);
        }
        if is_weak(text, &[]) {
            return Err(PasswordError::Common);
        }
        let names: Vec<&str> = names.iter().copied().chain(PRODUCT).collect();
        if is_weak(text, &names) {
            return Err(PasswordError::LikeName);
        }
        Ok(Self(password))
    }

    /// The password in the form that is hashed.
    pub fn secret(&self) -> &Secret {
        &self.0
    }
}

/// The form in which passwords are hashed and compared.
pub fn compared_form(typed: &Secret) -> Secret {
    let one_space = |c: char| if c != ' ' && is_space_separator(c) { ' ' } else { c };
    Secret::new(typed.expose().chars().map(one_space).nfc().collect::<String>())
}

/// Unicode's category Zs.
fn is_space_separator(c: char) -> bool {
    matches!(c, ' ' | '\u{a0}' | '\u{1680}' | '\u{2000}'..='\u{200a}' | '\u{202f}' | '\u{205f}' | '\u{3000}')
}

/// Whether fewer than a hundred million guesses, taken from lists of common passwords, words and patterns, reach it.
fn is_weak(text: &str, names: &[&str]) -> bool {
    zxcvbn(text, names).score() < Score::Three
}

const PRODUCT: [&str; 2] = ["gatehouse", "sqlserver"];

#[cfg(test)]
mod tests {
    use super::*;

    fn judge(text: &str) -> Result<(), PasswordError> {
        NewPassword::parse(&Secret::new(text), &["ada.lovelace"]).map(|_| ())
    }

    #[test]
    fn a_password_of_twelve_characters_is_long_enough_and_one_of_eleven_is_not() {
        assert_eq!(judge("vK3#pq9Zt!mw"), Ok(()));
        assert_eq!(judge("vK3#pq9Zt!m"), Err(PasswordError::TooShort));
    }

    #[test]
    fn a_password_may_be_as_long_as_a_driver_can_carry() {
        let words = "vK3#pq9Z-tmw8".repeat(10);
        assert_eq!(judge(&words[..128]), Ok(()));
        assert_eq!(judge(&words[..129]), Err(PasswordError::TooLong));
        let emoji: String = "😀🙈🚲🍉".chars().cycle().take(65).collect();
        assert_eq!(judge(&emoji), Err(PasswordError::TooLong), "65 characters, but 130 code units");
    }

    #[test]
    fn any_character_is_welcome() {
        assert_eq!(judge("zwölf Kühe & ein Pferd; 'x'"), Ok(()));
        assert_eq!(judge("мой дядя самых честных"), Ok(()));
    }

    #[test]
    fn common_passwords_and_patterns_of_them_are_refused() {
        for text in
            ["passwordpassword", "123456789012", "qwertyuiopasdf", "Password12345", "aaaaaaaaaaaaaaaa", "P@ssw0rd1234"]
        {
            assert_eq!(judge(text), Err(PasswordError::Common), "{text}");
        }
    }

    #[test]
    fn a_password_built_from_the_name_is_refused() {
        for text in ["Ada.Lovelace12", "ecalevol.ada77", "Gatehouse2026!"] {
            let verdict = judge(text);
            assert!(matches!(verdict, Err(PasswordError::LikeName | PasswordError::Common)), "{text}: {verdict:?}");
        }
    }

    #[test]
    fn a_password_that_looks_like_a_generated_secret_is_refused() {
        assert_eq!(judge("ghp_a perfectly good one 77"), Err(PasswordError::LikeGenerated));
    }

    #[test]
    fn composed_and_decomposed_accents_and_other_spaces_make_the_same_password() {
        let (composed, apart) = (Secret::new("Zo\u{eb} liked\u{a0}it"), Secret::new("Zoe\u{308} liked it"));
        assert_eq!(compared_form(&composed), compared_form(&apart));
        assert_ne!(compared_form(&Secret::new("zoe")), compared_form(&Secret::new("Zoe")), "case stays");
    }
}
