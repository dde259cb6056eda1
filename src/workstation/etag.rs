//! Entity tags (RFC 9110, 8.8.3): strong ones, made from what a document says.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Serialize;

/// An entity tag as it stands in the header, its quotes included.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ETag(String);

impl ETag {
    /// The tag of a document: the same for as long as its JSON form is.
    pub fn of(document: &impl Serialize) -> Self {
        // What has no JSON form has no tag that could match: documents are structs of texts and numbers, which have one.
        let json = serde_json::to_vec(document).unwrap_or_default();
        let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, &json);
        let half = digest.as_ref().get(..18).unwrap_or_default();
        Self(format!("\"{}\"", URL_SAFE_NO_PAD.encode(half)))
    }

    /// The header's value.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether an `If-None-Match` header names this tag. Compared weakly, as RFC 9110 (13.1.2) has it.
    pub fn is_in(&self, if_none_match: &str) -> bool {
        let named = if_none_match.split(',').map(|one| one.trim().trim_start_matches("W/"));
        named.into_iter().any(|one| one == "*" || one == self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_is_found_among_those_that_a_client_names() {
        let (tag, other) = (ETag::of(&1), ETag::of(&2));
        assert_ne!(tag, other);
        for header in [tag.as_str().to_owned(), format!("\"x\", W/{} , \"y\"", tag.as_str()), "*".to_owned()] {
            assert!(tag.is_in(&header), "{header}");
        }
        for header in ["", "\"\"", "x", other.as_str(), tag.as_str().trim_matches('"')] {
            assert!(!tag.is_in(header), "{header}");
        }
    }
}
