//! From what the ACME library says to what a person can act on.
//!
//! The library gives the texts of HTTP failures only, in the form of Rust's `Debug`, so they are read back here; the tests against a real
//! directory notice when that form changes.

use rustls_acme::acme::{AcmeError as Protocol, Auth, ChallengeType, Identifier, Order, Problem};

use super::error::AcmeError;
use crate::config::Challenge;
use crate::domain::Timestamp;

/// What was asked for, for the texts.
#[derive(Debug, Clone, Copy)]
pub(super) struct Asked<'a> {
    pub directory: &'a str,
    pub challenge: Challenge,
}

impl Asked<'_> {
    /// What a failed request means.
    pub(super) fn explain(&self, error: Protocol) -> AcmeError {
        match error {
            Protocol::NoTlsAlpn01Challenge => AcmeError::NoChallenge(Challenge::TlsAlpn01),
            Protocol::NoHttp01Challenge => AcmeError::NoChallenge(Challenge::Http01),
            Protocol::HttpRequest(error) => self.http(&error.to_string()),
            Protocol::Io(error) => self.unreachable(&error.to_string()),
            error @ (Protocol::Json(_) | Protocol::MissingHeader(_) | Protocol::HttpResponseNonStringHeader(_)) => {
                self.not_a_directory(&error.to_string())
            }
            error @ (Protocol::Rcgen(_) | Protocol::Jose(_) | Protocol::KeyRejected(_) | Protocol::Crypto(_)) => {
                AcmeError::Library(error.to_string())
            }
        }
    }

    /// The text of a request that failed.
    fn http(&self, text: &str) -> AcmeError {
        if let Some(answer) = text.strip_prefix("non 2xx http status: ") {
            let (status, body) = answer.split_once(' ').unwrap_or((answer, ""));
            let body = undebug(body);
            return match serde_json::from_str::<Problem>(&body) {
                Ok(problem) if problem.typ.is_some() => self.problem(problem),
                _ if status.starts_with('5') => AcmeError::Refused {
                    kind: format!("HTTP status {status}"),
                    detail: "it has trouble of its own; it is tried again by itself".to_owned(),
                },
                _ => self.not_a_directory(&format!("it answers with HTTP status {status}")),
            };
        }
        if text.contains("Redirect") {
            return self.not_a_directory("it leads to another URL");
        }
        match between(text, "InvalidCertificate(", ")") {
            Some(reason) => AcmeError::Untrusted { directory: self.directory.to_owned(), reason: disbelief(&reason) },
            None => {
                let said = between(text, "message: \"", "\"").or_else(|| between(text, "error: \"", "\""));
                self.unreachable(&said.unwrap_or_else(|| text.to_owned()))
            }
        }
    }

    fn problem(&self, problem: Problem) -> AcmeError {
        let (kind, detail) = said(&problem);
        match kind.as_str() {
            "badNonce" => AcmeError::BadNonce,
            "externalAccountRequired" => AcmeError::AccountBinding { directory: self.directory.to_owned() },
            "rateLimited" => AcmeError::RateLimited { until: retry_after(&detail), detail },
            "rejectedIdentifier" | "unsupportedIdentifier" => AcmeError::RejectedName { detail },
            "invalidContact" | "unsupportedContact" => AcmeError::RejectedContact { detail },
            _ => AcmeError::Refused { kind, detail },
        }
    }

    /// What a name that the directory does not take for ours means.
    pub(super) fn unproven(&self, auth: Auth) -> AcmeError {
        let Identifier::Dns(name) = auth.identifier;
        let wanted = match self.challenge {
            Challenge::TlsAlpn01 => ChallengeType::TlsAlpn01,
            Challenge::Http01 => ChallengeType::Http01,
        };
        let of_challenge = auth.challenges.iter().find(|challenge| challenge.typ == wanted);
        let problem = of_challenge.into_iter().chain(&auth.challenges).find_map(|challenge| challenge.error.as_ref());
        let detail = match problem.map(said) {
            Some((kind, detail)) if kind == "rateLimited" => {
                return AcmeError::RateLimited { until: retry_after(&detail), detail };
            }
            Some((kind, detail)) => format!("{detail} ({kind})"),
            None => "it does not say why".to_owned(),
        };
        AcmeError::Unproven { name: clean(&name), challenge: self.challenge, detail }
    }

    /// What an order that came to nothing means.
    pub(super) fn invalid_order(&self, order: Order) -> AcmeError {
        match order.error {
            Some(problem) if CHECKS.contains(&said(&problem).0.as_str()) => {
                let (kind, detail) = said(&problem);
                let name = "one of the names".to_owned();
                AcmeError::Unproven { name, challenge: self.challenge, detail: format!("{detail} ({kind})") }
            }
            Some(problem) => self.problem(problem),
            None => AcmeError::Refused {
                kind: "invalid".to_owned(),
                detail: "the order became invalid, and it does not say why".to_owned(),
            },
        }
    }

    fn unreachable(&self, reason: &str) -> AcmeError {
        AcmeError::Unreachable { directory: self.directory.to_owned(), reason: clean(reason) }
    }

    fn not_a_directory(&self, reason: &str) -> AcmeError {
        AcmeError::NotADirectory { directory: self.directory.to_owned(), reason: clean(reason) }
    }
}

/// A problem's type without its prefix, and its detail.
fn said(problem: &Problem) -> (String, String) {
    let kind = problem.typ.as_deref().unwrap_or("unknown");
    let kind = kind.strip_prefix("urn:ietf:params:acme:error:").unwrap_or(kind);
    (clean(kind), clean(problem.detail.as_deref().unwrap_or("it does not say why")))
}

/// The moment in "… retry after 2026-11-25 21:47:15 UTC: see …", as Let's Encrypt writes it: the library drops the header that says the same.
fn retry_after(detail: &str) -> Option<Timestamp> {
    let rest = detail.split_once("retry after ")?.1;
    let (day, time) = (rest.get(..10)?, rest.get(11..19)?);
    Timestamp::parse_rfc3339(&format!("{day}T{time}Z"))
}

/// rustls' names for what is wrong with a certificate, in words.
fn disbelief(reason: &str) -> String {
    let words = [
        ("UnknownIssuer", "no authority that is trusted here has signed it"),
        ("Expired", "it has expired, or this machine's clock is wrong"),
        ("NotValidYet", "it is not valid yet, or this machine's clock is wrong"),
        ("NotValidForName", "it is for another name"),
        ("BadSignature", "another authority of the same name has signed it"),
    ];
    let known = words.into_iter().find(|(name, _)| reason.starts_with(name));
    known.map_or_else(|| clean(reason), |(_, words)| words.to_owned())
}

fn between(text: &str, start: &str, end: &str) -> Option<String> {
    let rest = text.split_once(start)?.1;
    Some(rest.split_once(end).map_or(rest, |(inner, _)| inner).to_owned())
}

/// The text that Rust's `Debug` shows in quotes.
fn undebug(shown: &str) -> String {
    let inner = shown.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or(shown);
    let mut text = String::with_capacity(inner.len());
    let mut rest = inner.chars();
    while let Some(c) = rest.next() {
        match (c, c == '\\') {
            (_, true) => match rest.next() {
                Some('n') => text.push('\n'),
                Some('r') => text.push('\r'),
                Some('t') => text.push('\t'),
                Some('0') => text.push('\0'),
                Some('u') => {
                    let code: String = rest.by_ref().skip(1).take_while(|c| *c != '}').collect();
                    text.extend(u32::from_str_radix(&code, 16).ok().and_then(char::from_u32));
                }
                Some(other) => text.push(other),
                None => {}
            },
            (c, false) => text.push(c),
        }
    }
    text
}

/// A text of somebody else's, as it may stand in a line of ours.
pub(super) fn clean(text: &str) -> String {
    let mut out: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(LONGEST).collect();
    if out.chars().count() == LONGEST {
        out.push('…');
    }
    out.trim().trim_end_matches('.').to_owned()
}

const LONGEST: usize = 400;
/// The problems that come of a check (RFC 8555, 6.7).
const CHECKS: [&str; 6] = ["caa", "connection", "dns", "incorrectResponse", "tls", "unauthorized"];

#[cfg(test)]
mod tests {
    use super::*;

    const ASKED: Asked<'_> = Asked { directory: "https://acme.example.org/dir", challenge: Challenge::TlsAlpn01 };

    fn refused(body: &str) -> AcmeError {
        ASKED.http(&format!("non 2xx http status: 403 {body:?}"))
    }

    #[test]
    fn a_problem_document_is_read_out_of_the_librarys_text() {
        let error = refused(
            "{\n \"type\": \"urn:ietf:params:acme:error:externalAccountRequired\",\n \"detail\": \"It's \\\"required\\\"\" }",
        );
        assert!(matches!(error, AcmeError::AccountBinding { .. }), "{error}");
        let error = refused(
            r#"{"type":"urn:ietf:params:acme:error:badNonce","detail":"JWS has an invalid anti-replay nonce"}"#,
        );
        assert!(matches!(error, AcmeError::BadNonce), "{error}");
        let error = refused(r#"{"type":"urn:ietf:params:acme:error:malformed","detail":"Größe: \"x\"\tzu groß"}"#);
        assert!(error.to_string().contains("Größe: \"x\" zu groß (malformed)"), "{error}");
        let error = ASKED.http("non 2xx http status: 503 \"<html>busy</html>\"");
        assert!(
            error.to_string().contains("trouble of its own; it is tried again by itself (HTTP status 503)"),
            "{error}"
        );
        let error = refused("<html>no</html>");
        assert!(error.to_string().contains("not an ACME directory: it answers with HTTP status 403"), "{error}");
    }

    #[test]
    fn a_rate_limit_says_when_it_ends() {
        let error = refused(
            r#"{"type":"urn:ietf:params:acme:error:rateLimited","detail":"too many certificates (5) already issued for this exact set of identifiers in the last 168h0m0s, retry after 2026-11-25 21:47:15 UTC: see https://letsencrypt.org/docs/rate-limits/"}"#,
        );
        let AcmeError::RateLimited { until: Some(until), detail } = error else { panic!("{error}") };
        assert_eq!(until.to_string(), "2026-11-25T21:47:15.000Z");
        assert!(detail.contains("too many certificates (5)"));
        assert_eq!(retry_after("retry after soon"), None);
        assert_eq!(retry_after("retry after ääääääääääääääää"), None);
    }

    #[test]
    fn a_way_that_ends_early_and_a_certificate_that_is_not_believed_are_told_apart() {
        let refused = r#"http error: ConnectError(TcpConnect(Os { code: 111, kind: ConnectionRefused, message: "Connection refused" }))"#;
        let error = ASKED.http(refused);
        assert!(matches!(&error, AcmeError::Unreachable { reason, .. } if reason == "Connection refused"), "{error}");
        let untrusted = "http error: ConnectError(TlsConnect(Custom { kind: InvalidData, error: InvalidCertificate(UnknownIssuer) }))";
        let error = ASKED.http(untrusted);
        assert!(
            error.to_string().contains("no authority that is trusted here has signed it; for a company's own"),
            "{error}"
        );
    }

    proptest::proptest! {
        #[test]
        fn what_debug_shows_is_read_back(text: String) {
            proptest::prop_assert_eq!(undebug(&format!("{text:?}")), text);
        }

        #[test]
        fn any_text_of_a_directory_becomes_one_short_line(text: String) {
            let line = ASKED.http(&text).to_string();
            proptest::prop_assert!(!line.contains(char::is_control) && line.chars().count() < 1000);
            proptest::prop_assert!(!refused(&text).to_string().contains(char::is_control));
        }
    }
}
