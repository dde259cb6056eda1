//! What a certificate from outside has to be before it is shown: valid today, its chain in order, made out to the appliance.

use rustls::crypto::aws_lc_rs;
use rustls::pki_types::{CertificateDer, TrustAnchor, UnixTime};
use webpki::{EndEntityCert, KeyUsage, anchor_from_trusted_cert};
use x509_parser::prelude::{FromDer as _, X509Certificate};

use super::certificates::KeyAndChain;
use crate::domain::Timestamp;
use crate::wire::CertificateFacts;

/// Why a certificate is not shown, and what to do. The operator's side.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unfit {
    /// It is not valid today.
    #[error("the certificate is valid from {from} to {to} only: have it renewed")]
    NotCurrent {
        /// The first moment of its validity.
        from: Timestamp,
        /// The last.
        to: Timestamp,
    },
    /// It is for nobody: today's drivers look at the alternative names alone.
    #[error(
        "the certificate has no subject alternative names, which today's drivers insist on: have it made with them"
    )]
    NoNames,
    /// The chain has a gap or a wrong order.
    #[error(
        "certificate {at} of the chain was not issued by the one after it: put the appliance's certificate first, then each issuer's"
    )]
    Order {
        /// Which one, counted from 1.
        at: usize,
    },
    /// The chain does not hold.
    #[error("clients will not believe the chain ({reason}): ask whoever issued it for the right one")]
    Chain {
        /// What the verifier said.
        reason: String,
    },
    /// It is for another machine.
    #[error("the certificate is for {}, which are not among `appliance.names`", .names.join(", "))]
    OtherNames {
        /// Whom it is for.
        names: Vec<String>,
    },
    /// Fewer names than its predecessor.
    #[error(
        "the certificate is not for {}, which the one in use is for: have it made with all names, or take them out of `appliance.names`",
        .names.join(", ")
    )]
    LosesNames {
        /// Who would no longer reach the appliance.
        names: Vec<String>,
    },
}

/// Checks a certificate for an appliance of these names, in place of `before`, where the same source had one.
pub(super) fn fitness(
    given: &KeyAndChain,
    names: &[String],
    before: Option<&CertificateFacts>,
    now: Timestamp,
) -> Result<(), Unfit> {
    let facts = given.facts();
    if !facts.is_current(now) {
        return Err(Unfit::NotCurrent { from: facts.not_before, to: facts.not_after });
    }
    if facts.names.is_empty() {
        return Err(Unfit::NoNames);
    }
    chain_holds(given.chain(), now)?;
    // Every certificate may do without these: no authority outside of the machine signs them.
    let public: Vec<&String> = names.iter().filter(|name| !is_local(name)).collect();
    if !public.is_empty() && !public.iter().any(|name| is_for(facts, name)) {
        return Err(Unfit::OtherNames { names: facts.names.clone() });
    }
    let before = before.filter(|before| before.is_current(now));
    let lost = |name: &&&String| before.is_some_and(|before| is_for(before, name)) && !is_for(facts, name);
    let lost: Vec<String> = public.iter().filter(lost).map(|name| (*name).clone()).collect();
    if lost.is_empty() { Ok(()) } else { Err(Unfit::LosesNames { names: lost }) }
}

/// What is wrong with a certificate for an appliance of these names, short of not showing it at all.
pub fn concerns(facts: &CertificateFacts, names: &[String]) -> Vec<String> {
    let missing = |name: &&String| !is_local(name) && !is_for(facts, name);
    let missing: Vec<&str> = names.iter().filter(missing).map(String::as_str).collect();
    let mut concerns = Vec::new();
    if !missing.is_empty() {
        concerns.push(format!("the certificate is not for {}", missing.join(", ")));
    }
    if facts.authority {
        concerns.push("the certificate is marked as an authority, which strict drivers refuse".to_owned());
    }
    concerns
}

/// Whether its chain leads to one of the roots that browsers come with.
pub(super) fn is_publicly_trusted(given: &KeyAndChain, now: Timestamp) -> bool {
    leads_to(given, webpki_roots::TLS_SERVER_ROOTS, now)
}

fn leads_to(given: &KeyAndChain, roots: &[TrustAnchor<'_>], now: Timestamp) -> bool {
    given.chain().split_first().is_some_and(|(leaf, rest)| verify(leaf, rest, roots, now).is_ok())
}

fn chain_holds(chain: &[CertificateDer<'_>], now: Timestamp) -> Result<(), Unfit> {
    for (at, pair) in chain.windows(2).enumerate() {
        let [signed, signer] = pair else { continue };
        if issuer(signed) != subject(signer) {
            return Err(Unfit::Order { at: at + 1 });
        }
    }
    let [leaf, middle @ .., top] = chain else { return Ok(()) };
    let broken = |error: webpki::Error| Unfit::Chain { reason: error.to_string() };
    // Whoever connects decides whether to believe the topmost; from there down everything has to hold.
    verify(leaf, middle, &[anchor_from_trusted_cert(top).map_err(broken)?], now).map_err(broken)
}

fn verify(
    leaf: &CertificateDer<'_>,
    middle: &[CertificateDer<'_>],
    anchors: &[TrustAnchor<'_>],
    now: Timestamp,
) -> Result<(), webpki::Error> {
    let algorithms = aws_lc_rs::default_provider().signature_verification_algorithms;
    let since = now.since(Timestamp::from_millis(0));
    let (leaf, time) = (EndEntityCert::try_from(leaf)?, UnixTime::since_unix_epoch(since));
    let usage = KeyUsage::server_auth();
    leaf.verify_for_usage(algorithms.all, anchors, middle, time, usage, None, None).map(|_path| ())
}

fn issuer(der: &CertificateDer<'_>) -> Option<Vec<u8>> {
    X509Certificate::from_der(der).ok().map(|(_, parsed)| parsed.issuer().as_raw().to_vec())
}

fn subject(der: &CertificateDer<'_>) -> Option<Vec<u8>> {
    X509Certificate::from_der(der).ok().map(|(_, parsed)| parsed.subject().as_raw().to_vec())
}

/// Whether a certificate is for `name`.
fn is_for(facts: &CertificateFacts, name: &str) -> bool {
    facts.names.iter().any(|pattern| covers(pattern, name))
}

/// Whether a certificate's name, which may be a pattern like `*.example.com`, is for `name`.
fn covers(pattern: &str, name: &str) -> bool {
    match pattern.strip_prefix("*.") {
        Some(parent) => name.split_once('.').is_some_and(|(_, rest)| rest.eq_ignore_ascii_case(parent)),
        None => pattern.eq_ignore_ascii_case(name),
    }
}

/// Whether a name means the machine itself and nobody else.
pub(super) fn is_local(name: &str) -> bool {
    name.eq_ignore_ascii_case("localhost")
        || name.parse::<std::net::IpAddr>().is_ok_and(|address| address.to_canonical().is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_is_for_one_label_in_its_place() {
        assert!(covers("*.example.com", "SQL.example.com") && covers("a.b", "A.B"));
        for (pattern, name) in [("*.example.com", "example.com"), ("*.example.com", "a.b.example.com"), ("a", "b")] {
            assert!(!covers(pattern, name), "{pattern} {name}");
        }
    }

    #[test]
    fn a_certificate_is_publicly_trusted_by_where_its_chain_leads_and_while_it_is_valid() {
        let now = Timestamp::from_millis(1_795_000_000_000);
        let day = std::time::Duration::from_secs(86_400);
        let root = crate::tls::Root::create("A root that browsers come with", now).unwrap();
        let given = root.issue(&["sql.example.com".to_owned()], day, now).unwrap();
        let anchor = anchor_from_trusted_cert(root.certificate_der()).unwrap();
        let browsers = [&[anchor], webpki_roots::TLS_SERVER_ROOTS].concat();
        assert!(leads_to(&given, &browsers, now));
        assert!(!leads_to(&given, &browsers, now.after(2 * day)));
        assert!(!is_publicly_trusted(&given, now), "it is not among those that they really come with");
        assert!(webpki_roots::TLS_SERVER_ROOTS.len() > 50);
    }

    #[test]
    fn names_of_the_machine_itself_are_told_from_others() {
        assert!(["localhost", "LOCALHOST", "127.0.0.1", "127.3.2.1", "::1"].into_iter().all(is_local));
        assert!(!["sql", "10.0.0.1", "::2", "localhost.example.com"].into_iter().any(is_local));
    }
}
