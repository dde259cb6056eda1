//! Names inside T-SQL: quoted by one type, so that no name can end its quotes.

/// An identifier in brackets, ready to stand in a statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QuotedIdentifier(String);

/// Why a text cannot be an identifier. The operator's side.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum IdentifierError {
    /// Empty, or more than 128 UTF-16 units, which is all that SQL Server takes.
    #[error("an identifier has 1 to 128 characters")]
    Length,
    /// A zero character.
    #[error("an identifier holds no zero character")]
    Zero,
}

impl QuotedIdentifier {
    /// Quotes `name`.
    pub fn new(name: &str) -> Result<Self, IdentifierError> {
        if name.is_empty() || name.encode_utf16().count() > LONGEST {
            return Err(IdentifierError::Length);
        }
        if name.contains('\0') {
            return Err(IdentifierError::Zero);
        }
        Ok(Self(format!("[{}]", name.replace(']', "]]"))))
    }
}

impl std::fmt::Display for QuotedIdentifier {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// `sysname` is nvarchar(128).
const LONGEST: usize = 128;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// What SQL Server reads: the name, and what follows its closing bracket.
    fn read(text: &str) -> (String, String) {
        let mut rest = text.strip_prefix('[').unwrap().chars().peekable();
        let mut name = String::new();
        while let Some(c) = rest.next() {
            match c {
                ']' if rest.peek() == Some(&']') => name.extend(rest.next()),
                ']' => break,
                c => name.push(c),
            }
        }
        (name, rest.collect())
    }

    #[test]
    fn a_name_cannot_end_its_quotes() {
        let evil = "x]; DROP DATABASE [y";
        assert_eq!(QuotedIdentifier::new(evil).unwrap().to_string(), "[x]]; DROP DATABASE [y]");
    }

    #[test]
    fn names_that_no_identifier_can_have_are_refused() {
        assert_eq!(QuotedIdentifier::new(""), Err(IdentifierError::Length));
        assert_eq!(QuotedIdentifier::new(&"\u{1f600}".repeat(65)), Err(IdentifierError::Length));
        assert!(QuotedIdentifier::new(&"\u{1f600}".repeat(64)).is_ok());
        assert_eq!(QuotedIdentifier::new("a\0b"), Err(IdentifierError::Zero));
    }

    proptest! {
        #[test]
        fn whatever_is_quoted_reads_back_as_itself_and_nothing_follows(name in "(.|]|\\[|'|\"){1,64}") {
            if let Ok(quoted) = QuotedIdentifier::new(&name) {
                prop_assert_eq!(read(&quoted.to_string()), (name, String::new()));
            }
        }
    }
}
