//! The DNS records by which workstations find an appliance: SRV and TXT at `_gatehouse._tcp.<domain>` (RFC 2782, RFC 6763).
//!
//! The TXT record carries the fingerprint of the appliance's own authority. That is worth what the DNS is worth: where nobody
//! signs the zone, whoever answers can write what he likes, so it is shown to people and not believed by itself.

use std::fmt;
use std::net::IpAddr;

use crate::domain::host::is_host;
use crate::tls::anchor::parse_fingerprint;

/// What comes before the domain.
pub const SERVICE: &str = "_gatehouse._tcp";

/// An appliance as the DNS tells of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Advert {
    /// Its DNS name, without a dot at the end.
    pub host: String,
    /// Its HTTPS port.
    pub port: u16,
    /// SHA-256 of its own authority's certificate, in lower-case hexadecimal.
    pub authority_sha256: Option<String>,
}

/// A record to add to a zone.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Record {
    /// Its owner, with a dot at the end.
    pub name: String,
    /// How long it may be remembered, in seconds.
    pub ttl: u32,
    /// `SRV` or `TXT`.
    pub kind: &'static str,
    /// Its data, as a zone file has it.
    pub data: String,
}

impl fmt::Display for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} IN {} {}", self.name, self.ttl, self.kind, self.data)
    }
}

/// Why no records can be written. The operator's side.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AdvertError {
    /// SRV records lead to names.
    #[error("{0:?} is no DNS name, and SRV records lead to names alone: give the appliance one in `appliance.names`")]
    Host(String),
    /// No domain to put them in.
    #[error("{0:?} is no DNS domain: name the one that the workstations search in with --domain")]
    Domain(String),
}

impl Advert {
    /// The records to add to the zone of `domain`.
    pub fn records(&self, domain: &str) -> Result<[Record; 2], AdvertError> {
        let domain = domain.trim_end_matches('.');
        if !is_name(domain) {
            return Err(AdvertError::Domain(domain.to_owned()));
        }
        if !is_name(&self.host) {
            return Err(AdvertError::Host(self.host.clone()));
        }
        let name = format!("{SERVICE}.{domain}.");
        let texts: Vec<String> = self.txt().iter().map(|text| format!("\"{text}\"")).collect();
        let srv = format!("0 0 {} {}.", self.port, self.host);
        Ok([
            Record { name: name.clone(), ttl: TTL, kind: "SRV", data: srv },
            Record { name, ttl: TTL, kind: "TXT", data: texts.join(" ") },
        ])
    }

    /// The strings of the TXT record: the version first, as RFC 6763 (6.7) has it.
    pub fn txt(&self) -> Vec<String> {
        let fingerprint = self.authority_sha256.iter().map(|sha256| format!("sha256={sha256}"));
        std::iter::once("txtvers=1".to_owned()).chain(fingerprint).collect()
    }

    /// What an SRV record's target and port and a TXT record's strings say. Keys are told apart without regard to case, the
    /// first of several counts, and what is not known is passed over (RFC 6763, 6.4). A target that is no name is nothing: a
    /// single dot says that there is no such service.
    pub fn read<'a>(target: &str, port: u16, txt: impl IntoIterator<Item = &'a [u8]>) -> Option<Self> {
        let host = target.trim_end_matches('.').to_ascii_lowercase();
        if !is_name(&host) || port == 0 {
            return None;
        }
        let pairs = txt.into_iter().filter_map(|text| std::str::from_utf8(text).ok()?.split_once('='));
        let authority_sha256 = pairs
            .into_iter()
            .find(|(key, _)| key.eq_ignore_ascii_case("sha256"))
            .and_then(|(_, value)| parse_fingerprint(value));
        Some(Self { host, port, authority_sha256 })
    }

    /// Where its discovery document is.
    pub fn url(&self) -> String {
        match self.port {
            443 => format!("https://{}", self.host),
            port => format!("https://{}:{port}", self.host),
        }
    }
}

/// The domain that a host's name is in: what workstations beside it search in.
pub fn domain_of(host: &str) -> Option<&str> {
    let domain = host.split_once('.').map(|(_, domain)| domain)?;
    (host.parse::<IpAddr>().is_err() && is_name(domain)).then_some(domain)
}

/// Whether a host is a domain or below it. Labels count whole, and case does not.
pub fn is_within(host: &str, domain: &str) -> bool {
    let labels =
        |name: &str| -> Vec<String> { name.trim_end_matches('.').rsplit('.').map(str::to_ascii_lowercase).collect() };
    let (host, domain) = (labels(host), labels(domain));
    !domain.iter().any(String::is_empty) && host.starts_with(&domain)
}

/// Whether it is a DNS name, short enough for what is put before it, and no address.
fn is_name(text: &str) -> bool {
    text.len() <= 240 && is_host(text) && text.parse::<IpAddr>().is_err()
}

/// An hour.
const TTL: u32 = 3600;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// One line of a zone file, read after RFC 1035 (5.1): words by white space, strings in quotes.
    fn words(line: &str) -> Vec<String> {
        let (mut words, mut word, mut inside) = (Vec::new(), String::new(), false);
        for c in line.chars() {
            match c {
                '"' => inside = !inside,
                ' ' if !inside => words.push(std::mem::take(&mut word)),
                c => word.push(c),
            }
        }
        words.push(word);
        words
    }

    proptest! {
        #[test]
        fn what_the_records_say_is_what_is_read_from_them(
            host in "[a-z0-9]([a-z0-9-]{0,20}[a-z0-9])?(\\.[a-z][a-z0-9]{0,9}){1,3}",
            domain in "[a-z][a-z0-9]{0,9}(\\.[a-z]{2,6}){0,2}",
            port in 1_u16..,
            fingerprint in proptest::option::of("[0-9a-f]{64}"),
        ) {
            let advert = Advert { host, port, authority_sha256: fingerprint };
            let [srv, txt] = advert.records(&domain).unwrap().map(|record| words(&record.to_string()));
            let owner = format!("_gatehouse._tcp.{domain}.");
            prop_assert_eq!(&srv[..5], &[owner.as_str(), "3600", "IN", "SRV", "0"][..]);
            prop_assert_eq!(&txt[..4], &[owner.as_str(), "3600", "IN", "TXT"][..]);
            prop_assert!(txt[4..].iter().all(|text| text.len() < 256), "a string of a TXT record has a length of one byte");
            let strings = txt[4..].iter().map(|text| text.as_bytes());
            prop_assert_eq!(Advert::read(&srv[7], srv[6].parse().unwrap(), strings), Some(advert));
        }

        #[test]
        fn strange_records_are_nothing_or_an_advert_and_no_panic(
            target in any::<String>(), port in any::<u16>(), txt in proptest::collection::vec(any::<Vec<u8>>(), 0..4),
        ) {
            if let Some(advert) = Advert::read(&target, port, txt.iter().map(Vec::as_slice)) {
                prop_assert!(is_name(&advert.host) && advert.port != 0);
            }
        }
    }

    #[test]
    fn unknown_keys_are_passed_over_and_the_first_of_several_counts() {
        let (one, two) = ("ab".repeat(32), "cd".repeat(32));
        let texts =
            ["txtvers=2".to_owned(), "flag".into(), format!("SHA256={}", one.to_uppercase()), format!("sha256={two}")];
        let advert = Advert::read("SQL.Example.com.", 8443, texts.iter().map(|text| text.as_bytes())).unwrap();
        assert_eq!(advert, Advert { host: "sql.example.com".into(), port: 8443, authority_sha256: Some(one) });
        assert_eq!(advert.url(), "https://sql.example.com:8443");
        for (target, port) in [(".", 443), ("", 443), ("sql.example.com", 0), ("10.0.0.5", 443), ("a/b", 443)] {
            assert_eq!(Advert::read(target, port, []), None, "{target}");
        }
    }

    #[test]
    fn a_host_is_within_a_domain_by_whole_labels() {
        for host in ["corp.example", "sql.corp.example", "a.b.CORP.Example.", "xn--a.corp.example"] {
            assert!(is_within(host, "corp.example") && is_within(host, "Corp.EXAMPLE."), "{host}");
        }
        for host in ["evil.example", "evilcorp.example", "corp.example.evil.com", "example", "xcorp.example", ""] {
            assert!(!is_within(host, "corp.example"), "{host}");
        }
        assert!(!is_within("sql.corp.example", "") && !is_within("sql.corp.example", ".") && !is_within("", ""));
    }

    #[test]
    fn an_address_or_a_strange_domain_gets_no_records() {
        let at = |host: &str| Advert { host: host.into(), port: 443, authority_sha256: None };
        assert!(matches!(at("10.0.0.5").records("example.com"), Err(AdvertError::Host(_))));
        for domain in ["", "a b", "a\"b.com", "-.com"] {
            assert!(matches!(at("sql.example.com").records(domain), Err(AdvertError::Domain(_))), "{domain}");
        }
        assert_eq!(domain_of("sql.corp.example"), Some("corp.example"));
        assert_eq!((domain_of("sql"), domain_of("10.0.0.5")), (None, None));
    }
}
