//! Section `acme`: certificates that are ordered and renewed by themselves (RFC 8555).

use std::net::IpAddr;
use std::path::PathBuf;

use super::Config;
use super::appliance;
use super::section::{Objections, section};
use super::setting::{Raw, Setting, quoted};
use crate::domain::MailAddress;
use crate::domain::host::is_host;

section! {
    /// Certificates from an ACME directory such as Let's Encrypt, ordered and renewed by themselves. The appliance's own authority serves
    /// until the first one is there, and whenever none is.
    Acme = "acme";

    /// Whether certificates are ordered. Switching it on accepts the directory's terms of service.
    enabled: bool = false;

    /// The URL of the ACME directory: a public one, or that of a company's own authority. It has to give certificates without an
    /// external account binding.
    directory: Option<String> = None, shown "Let's Encrypt", example "\"https://acme.example.org/acme/directory\"";

    /// Orders from Let's Encrypt's staging directory instead, for trying: its limits are generous, and no browser believes its
    /// certificates.
    staging: bool = false;

    /// Mail addresses that the directory may write to. A change of them makes a new account there.
    contact: Vec<String> = Vec::new(), shown "none", example "[\"it@example.org\"]";

    /// A PEM file with the root certificates that the directory's own HTTPS is verified by, for a company's own authority.
    root_file: Option<PathBuf> = None, shown "none: the operating system's roots, or the browsers' where it has none", example "\"/etc/gatehouse/acme-root.pem\"";

    /// The DNS names to be certified, all in one certificate. No wildcards and no addresses. Each has to lead to this appliance.
    names: Vec<String> = Vec::new(), shown "the DNS names in `appliance.names` that an authority could check", example "[\"sql.example.org\"]";

    /// How the directory checks that the names are this appliance's: `tls-alpn-01` through port 443 (`listen.https`), or `http-01`
    /// through port 80 (`listen.http`).
    challenge: Challenge = Challenge::TlsAlpn01;

    /// Whether each name is looked up and called before an order, so that one that leads elsewhere is explained instead of failing at the
    /// directory. `false` where the names lead elsewhere from here, and rightly so: split DNS, or a proxy in front.
    check_names: bool = true;
}

impl Acme {
    /// The URL of the directory that certificates are ordered from.
    pub fn directory_url(&self) -> &str {
        match &self.directory {
            Some(url) => url,
            None if self.staging => LETS_ENCRYPT_STAGING,
            None => LETS_ENCRYPT,
        }
    }

    /// Whether the directory is Let's Encrypt's, which reaches names through the Internet alone.
    pub fn is_lets_encrypt(&self) -> bool {
        let host = self.directory_url().strip_prefix("https://").and_then(|rest| rest.split(['/', ':']).next());
        host.is_some_and(|host| {
            host.eq_ignore_ascii_case(LETS_ENCRYPT_DOMAIN) || {
                let host = host.to_ascii_lowercase();
                host.strip_suffix(LETS_ENCRYPT_DOMAIN).is_some_and(|rest| rest.ends_with('.'))
            }
        })
    }

    /// The names that are ordered, in lower case and each once: the given ones, or of the appliance's own names those that an
    /// authority could check.
    pub fn names_for(&self, appliance: &appliance::Appliance) -> Vec<String> {
        let of_appliance = || appliance.names.iter().filter(|name| self.could_be_checked(name));
        let chosen: Vec<&String> =
            if self.names.is_empty() { of_appliance().collect() } else { self.names.iter().collect() };
        let mut names: Vec<String> = Vec::new();
        for name in chosen {
            let name = name.to_ascii_lowercase();
            if !names.contains(&name) {
                names.push(name);
            }
        }
        names
    }

    /// Whether an authority could check that this name is ours: a host name with a domain; at Let's Encrypt one that the Internet's DNS
    /// can know. One name that it refuses would fail the whole order.
    fn could_be_checked(&self, name: &str) -> bool {
        let name = name.to_ascii_lowercase();
        let last = name.rsplit('.').next().unwrap_or_default();
        let known = name.contains('.') && last != "localhost" && !name.contains('_') && name.parse::<IpAddr>().is_err();
        known && !(self.is_lets_encrypt() && NOT_IN_PUBLIC_DNS.contains(&last))
    }

    /// What is wrong in the light of the other sections.
    pub(super) fn objections_among(&self, config: &Config) -> Vec<(String, String)> {
        if !self.enabled {
            return Vec::new();
        }
        let mut all = Vec::new();
        if self.names_for(&config.appliance).is_empty() {
            let text = "has to be a DNS name such as sql.example.org, or `appliance.names` has to have one: there is no name that an \
                        authority could check";
            all.push(("acme.names".to_owned(), text.to_owned()));
        }
        if self.challenge == Challenge::TlsAlpn01 && config.listen.https.is_empty() {
            let text = "is `tls-alpn-01`, which comes in through port 443: `listen.https` has to have an address";
            all.push(("acme.challenge".to_owned(), text.to_owned()));
        }
        if self.challenge == Challenge::Http01 && config.listen.http.is_empty() {
            let text = "is `http-01`, which comes in through port 80: `listen.http` has to have an address, usually \"[::]:80\"";
            all.push(("acme.challenge".to_owned(), text.to_owned()));
        }
        all
    }
}

impl Objections for Acme {
    fn objections(&self) -> Vec<(&'static str, String)> {
        let mut all = Vec::new();
        match &self.directory {
            Some(_) if self.staging => {
                all.push(("staging", "cannot go with `acme.directory`: set one of the two".to_owned()));
            }
            Some(url) if !is_https(url) => {
                all.push(("directory", "has to be a URL that begins with https://".to_owned()));
            }
            _ => {}
        }
        if let Some(wrong) = self.contact.iter().find(|contact| !is_mail(contact)) {
            all.push(("contact", format!("has {wrong:?}, which is not a mail address")));
        }
        all.extend(self.names.iter().find_map(|name| unfit(name)).map(|text| ("names", text)));
        if self.names.len() > MOST_NAMES {
            all.push(("names", format!("has {} names; one certificate has at most {MOST_NAMES}", self.names.len())));
        }
        all
    }
}

/// Why no certificate could be ordered for this name.
fn unfit(name: &str) -> Option<String> {
    let text = if name.contains('*') {
        "is a wildcard, which takes the DNS-01 challenge: that is not supported; name each host, or use certificate files \
         (`tls.certificate_file`)"
    } else if name.parse::<IpAddr>().is_ok() {
        "is an address; ACME here certifies DNS names only. The appliance's own authority certifies addresses, too"
    } else if !is_host(name) || name.contains('_') {
        "is not a DNS name"
    } else if name.rsplit('.').next().is_some_and(|last| last.eq_ignore_ascii_case("localhost")) {
        "leads every machine to itself, so no authority certifies it"
    } else {
        return None;
    };
    Some(format!("has {name:?}, which {text}"))
}

fn is_https(url: &str) -> bool {
    url.strip_prefix("https://").is_some_and(|rest| !rest.is_empty() && !rest.contains(char::is_whitespace))
}

fn is_mail(text: &str) -> bool {
    MailAddress::parse(text.strip_prefix("mailto:").unwrap_or(text)).is_ok()
}

/// How a directory checks that a name is ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Challenge {
    /// A certificate made for the purpose, shown over TLS on port 443 (RFC 8737).
    TlsAlpn01,
    /// A text, served over HTTP on port 80 (RFC 8555, 8.3).
    Http01,
}

impl Challenge {
    const ALL: [(Self, &'static str); 2] = [(Self::TlsAlpn01, "tls-alpn-01"), (Self::Http01, "http-01")];

    /// Its name in the settings and in ACME.
    pub fn as_str(self) -> &'static str {
        Self::ALL.into_iter().find(|(challenge, _)| *challenge == self).map_or("", |(_, name)| name)
    }
}

impl Setting for Challenge {
    fn expected() -> String {
        "one of \"tls-alpn-01\", \"http-01\"".to_owned()
    }

    fn read(raw: &Raw) -> Option<Self> {
        let (Raw::Loose(text) | Raw::Text(text)) = raw else { return None };
        Self::ALL.into_iter().find(|(_, name)| name == text).map(|(challenge, _)| challenge)
    }

    fn toml(&self) -> String {
        quoted(self.as_str())
    }
}

const LETS_ENCRYPT: &str = "https://acme-v02.api.letsencrypt.org/directory";
const LETS_ENCRYPT_STAGING: &str = "https://acme-staging-v02.api.letsencrypt.org/directory";
const LETS_ENCRYPT_DOMAIN: &str = "letsencrypt.org";
/// Let's Encrypt's limit; others have similar ones.
const MOST_NAMES: usize = 100;
/// Last labels that the Internet's DNS does not have: reserved ones (RFC 6761, RFC 6762, RFC 8375, ICANN's `internal`), and those that
/// company networks made up.
const NOT_IN_PUBLIC_DNS: [&str; 15] = [
    "local",
    "internal",
    "lan",
    "home",
    "corp",
    "intranet",
    "private",
    "localdomain",
    "domain",
    "arpa",
    "test",
    "example",
    "invalid",
    "onion",
    "alt",
];

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(acme: &Acme) -> String {
        acme.objections().into_iter().map(|(key, text)| format!("{key} {text}\n")).collect()
    }

    fn named(names: &[&str]) -> Acme {
        Acme { names: names.iter().map(|name| (*name).to_owned()).collect(), ..Acme::default() }
    }

    #[test]
    fn of_the_appliances_names_those_are_ordered_that_an_authority_could_check() {
        let names = [
            "SQL",
            "localhost",
            "10.0.0.5",
            "::1",
            "sql.corp.local",
            "SQL.Example.org",
            "sql.example.org",
            "a_b.example.org",
        ];
        let appliance =
            appliance::Appliance { names: names.map(str::to_owned).to_vec(), ..appliance::Appliance::default() };
        assert_eq!(Acme::default().names_for(&appliance), ["sql.example.org"]);
        let private = Acme { directory: Some("https://ca.corp.local/acme".to_owned()), ..Acme::default() };
        assert_eq!(private.names_for(&appliance), ["sql.corp.local", "sql.example.org"]);
        assert_eq!(named(&["Other.example.org"]).names_for(&appliance), ["other.example.org"]);
    }

    #[test]
    fn a_name_that_cannot_be_ordered_is_objected_to_with_what_to_do() {
        assert!(texts(&named(&["*.example.org"])).contains("DNS-01"));
        assert!(texts(&named(&["*.example.org"])).contains("tls.certificate_file"));
        assert!(texts(&named(&["192.0.2.1"])).contains("is an address"));
        assert!(texts(&named(&["localhost"])).contains("itself"));
        assert!(texts(&named(&["a b"])).contains("not a DNS name"));
        assert_eq!(texts(&named(&["sql.example.org"])), "");
    }

    #[test]
    fn staging_is_one_switch_and_no_second_directory() {
        let staging = Acme { staging: true, ..Acme::default() };
        assert_eq!(staging.directory_url(), LETS_ENCRYPT_STAGING);
        assert_eq!(texts(&staging), "");
        let both = Acme { directory: Some("https://acme.example.org/".to_owned()), ..staging };
        assert!(texts(&both).contains("set one of the two"));
    }

    #[test]
    fn lets_encrypt_is_told_from_whoever_has_its_name_in_a_url() {
        let of = |url: &str| Acme { directory: Some(url.to_owned()), ..Acme::default() }.is_lets_encrypt();
        assert!(Acme::default().is_lets_encrypt());
        assert!(of("https://acme-v02.api.letsencrypt.org:443/directory"));
        assert!(!of("https://notletsencrypt.org/directory") && !of("https://ca.example.org/letsencrypt.org/directory"));
    }

    #[test]
    fn without_a_usable_name_or_a_door_for_the_challenge_the_settings_are_objected_to() {
        let mut config = Config::default();
        config.appliance.names = vec!["localhost".to_owned()];
        assert_eq!(config.acme.objections_among(&config), []);
        config.acme.enabled = true;
        assert!(config.acme.objections_among(&config)[0].1.contains("there is no name"));
        config.acme.names = vec!["sql.example.org".to_owned()];
        assert_eq!(config.acme.objections_among(&config), []);
        config.listen.https.clear();
        assert!(config.acme.objections_among(&config)[0].1.contains("port 443"));
        config.acme.challenge = Challenge::Http01;
        assert!(config.acme.objections_among(&config)[0].1.contains("port 80"));
        config.listen.http = vec!["[::]:80".parse().unwrap()];
        assert_eq!(config.acme.objections_among(&config), []);
    }
}
