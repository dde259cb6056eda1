//! What the browser brings back in its address: the answer to an authorisation request (RFC 6749 4.1.2, RFC 9207).

use crate::domain::Secret;

/// The answer, as far as it is about this sign-in.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Brought {
    /// A code to exchange.
    Code(Secret),
    /// No: the error's code.
    No(String),
    /// It says that it is from somebody else.
    OtherIssuer(String),
    /// Nothing that answers this request: somebody else knocks, or somebody guesses.
    Nothing,
}

/// Reads a query. What does not carry the state of this request is not looked at any further.
pub(super) fn read(query: &str, state: &Secret, issuer: &str) -> Brought {
    let value = |name: &str| {
        let mut found = form_urlencoded::parse(query.as_bytes()).filter(|(key, _)| key == name);
        // A parameter that is there twice is none (RFC 6749, 3.1).
        let first = found.next().map(|(_, value)| value.into_owned());
        if found.next().is_some() { None } else { first }
    };
    if value("state").map(Secret::new).as_ref() != Some(state) {
        return Brought::Nothing;
    }
    match value("iss") {
        Some(iss) if iss == issuer => {}
        iss => return Brought::OtherIssuer(iss.unwrap_or_default()),
    }
    match (value("code"), value("error")) {
        (Some(code), None) if !code.is_empty() => Brought::Code(Secret::new(code)),
        (None, Some(error)) => Brought::No(error),
        _ => Brought::Nothing,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const ISSUER: &str = "https://sql.corp.example";

    fn reading(query: &str) -> Brought {
        read(query, &Secret::new("af0ifjsldkj"), ISSUER)
    }

    #[test]
    fn only_an_answer_with_the_right_state_and_issuer_is_one() {
        let code = || Brought::Code(Secret::new("ghc_1 2"));
        assert_eq!(reading("code=ghc_1+2&state=af0ifjsldkj&iss=https%3A%2F%2Fsql.corp.example"), code());
        assert_eq!(
            reading("error=access_denied&state=af0ifjsldkj&iss=https%3A%2F%2Fsql.corp.example"),
            Brought::No("access_denied".to_owned())
        );
        for nothing in [
            "",
            "code=x",
            "code=x&state=other&iss=https%3A%2F%2Fsql.corp.example",
            "code=x&state=af0ifjsldkj&state=af0ifjsldkj&iss=https%3A%2F%2Fsql.corp.example",
            "code=x&error=y&state=af0ifjsldkj&iss=https%3A%2F%2Fsql.corp.example",
            "code=&state=af0ifjsldkj&iss=https%3A%2F%2Fsql.corp.example",
        ] {
            assert_eq!(reading(nothing), Brought::Nothing, "{nothing}");
        }
        for other in ["code=x&state=af0ifjsldkj", "code=x&state=af0ifjsldkj&iss=https://evil.example"] {
            assert!(matches!(reading(other), Brought::OtherIssuer(_)), "{other}");
        }
    }

    proptest! {
        #[test]
        fn whatever_a_stranger_sends_is_nothing(query in "[ -~]{0,200}") {
            prop_assume!(!query.contains("af0ifjsldkj"));
            prop_assert_eq!(reading(&query), Brought::Nothing);
        }

        #[test]
        fn a_code_of_any_characters_comes_through(code in ".{1,80}") {
            let query = form_urlencoded::Serializer::new(String::new())
                .extend_pairs([("code", code.as_str()), ("state", "af0ifjsldkj"), ("iss", ISSUER)])
                .finish();
            prop_assert_eq!(reading(&query), Brought::Code(Secret::new(code)));
        }
    }
}
