//! Mail addresses: strict enough that one can stand in a header and in an SMTP command as it is.

use serde::{Deserialize, Serialize};

use super::host::is_host;

/// A mail address: `local@domain`, the local part a dot-atom of at most 64 characters (RFC 5322, 3.2.3), the domain a DNS name, at
/// most 254 characters in all (RFC 5321, 4.5.3.1), ASCII throughout.
///
/// What RFC 5322 has besides (quoted local parts, comments, address literals, names before the address) is refused: nobody's mailbox
/// needs it, and each of them is a way to write something else than one address. Kept as it was typed.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct MailAddress(String);

/// A text that is not one mail address. The operator's side.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a mail address has to be like ada@example.org: letters, digits and dots, one @, and a DNS name")]
pub struct NotAMailAddress;

impl MailAddress {
    /// Parses an address.
    pub fn parse(text: &str) -> Result<Self, NotAMailAddress> {
        let (local, domain) = text.split_once('@').ok_or(NotAMailAddress)?;
        let atom = |atom: &str| {
            !atom.is_empty() && atom.chars().all(|c| c.is_ascii_alphanumeric() || "!#$%&'*+-/=?^_`{|}~".contains(c))
        };
        let fits = text.len() <= 254 && local.len() <= 64 && local.split('.').all(atom);
        let is_name = is_host(domain) && !domain.contains([':', '_']) && domain.parse::<std::net::IpAddr>().is_err();
        if fits && is_name { Ok(Self(text.to_owned())) } else { Err(NotAMailAddress) }
    }

    /// The address as it was typed.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What stands after the `@`.
    pub fn domain(&self) -> &str {
        self.0.split_once('@').map_or("", |(_, domain)| domain)
    }
}

impl std::fmt::Display for MailAddress {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// Shows none of it: an address is a person's, and what is printed for developers ends in logs.
impl std::fmt::Debug for MailAddress {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("MailAddress(***)")
    }
}

impl std::str::FromStr for MailAddress {
    type Err = NotAMailAddress;
    fn from_str(text: &str) -> Result<Self, NotAMailAddress> {
        Self::parse(text)
    }
}

impl TryFrom<String> for MailAddress {
    type Error = NotAMailAddress;
    fn try_from(text: String) -> Result<Self, NotAMailAddress> {
        Self::parse(&text)
    }
}

impl From<MailAddress> for String {
    fn from(address: MailAddress) -> Self {
        address.0
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_people_have_is_taken_and_what_could_be_something_else_is_not() {
        for right in ["ada@example.org", "a.b+c@sub.example.org", "root@localhost", "o'neil@x-y.example"] {
            assert_eq!(MailAddress::parse(right).map(String::from).as_deref(), Ok(right));
        }
        let long = format!("{}@example.org", "a".repeat(65));
        for wrong in [
            "",
            "@",
            "ada",
            "ada@",
            "@example.org",
            "a@b@c",
            "a..b@c",
            ".a@c",
            "a.@c",
            "a b@c",
            "ada@example.org\r\nBcc: eve@example.org",
            "ada@example.org\n",
            "Ada <ada@example.org>",
            "<ada@example.org>",
            "ada@example.org,eve@example.org",
            "\"ada\"@example.org",
            "ada@[192.0.2.1]",
            "ada@192.0.2.1",
            "ada@::1",
            "ada@a_b.example",
            "ädä@example.org",
            "ada@exämple.org",
            "ada@example..org",
            "ada@-example.org",
            &long,
        ] {
            assert_eq!(MailAddress::parse(wrong), Err(NotAMailAddress), "{wrong:?}");
        }
    }

    proptest! {
        #[test]
        fn an_address_that_was_taken_can_end_no_header_and_no_command(text in "\\PC{0,40}|[a-z.@ \r\n<>,;:\"()\\[\\]\\\\]{0,20}|[a-z]{1,4}@[a-z.]{1,8}.{0,3}") {
            if let Ok(address) = MailAddress::parse(&text) {
                let text = address.as_str();
                prop_assert!(text.chars().all(|c| c.is_ascii_graphic() && !"<>,;:\"()[]\\".contains(c)), "{text:?}");
                prop_assert_eq!(text.matches('@').count(), 1);
                prop_assert!(text.len() <= 254 && text.ends_with(address.domain()));
                prop_assert_eq!(MailAddress::parse(text), Ok(address.clone()));
            }
        }

        #[test]
        fn an_ordinary_address_is_taken(local in "[a-z0-9]{1,10}(\\.[a-z0-9+_-]{1,10}){0,3}", domain in "[a-z0-9]{1,10}(\\.[a-z]{2,8}){1,3}") {
            let text = format!("{local}@{domain}");
            prop_assert!(MailAddress::parse(&text).is_ok(), "{}", text);
        }
    }
}
