//! Finding an appliance: the URL that was given, DNS, a usual name, multicast DNS; in this order. The first that answers with a
//! discovery document and is believed is it; where none is believed, the first that answers is told of.
//!
//! Finding is not believing. What answers is believed on one of two grounds ([`Ground`]): its own authority has the fingerprint
//! that a person gave, or the operating system's authorities vouch for its certificate. A fingerprint out of the DNS or out of
//! the document itself is told to be compared, and is no ground: whoever can answer in the appliance's place can write it, too.
//!
//! The system's authorities vouch for a name, and say nothing of who chose it. So they are a ground for a name that a person gave,
//! and for one within the domain that was asked for: without DNSSEC that domain is what a certificate is compared with, and not the
//! target of its SRV record (RFC 2782, "Security considerations"; RFC 6125, 1.8 and 6.2.1). The domains that this machine searches
//! in are often the network's word (DHCP), which the ground tells. What multicast DNS tells has no domain to be compared with.

mod fetch;
mod lookup;
mod multicast;

use std::fmt;
use std::time::Duration;

pub use fetch::{FetchError, Fetcher};
pub use lookup::{Lookup, Lookups, SystemLookup};
pub use multicast::{hear, multicast};

use crate::platform::Clock;
use crate::platform::clock::within;
use crate::tls::Anchor;
use crate::workstation::dns::{Advert, is_within};
use crate::workstation::documents::{DISCOVERY_PATH, Discovery};

/// Where to look.
#[derive(Debug, Clone, Default)]
pub struct Search {
    /// The URL or host that somebody gave: then nowhere else is looked.
    pub given: Option<String>,
    /// The domains to search in, as somebody gave them; where there is none, those of the machine.
    pub domains: Vec<String>,
    /// Whether to ask around in the local network, too.
    pub multicast: bool,
    /// The authority's fingerprint as somebody gave it, SHA-256 in lower-case hexadecimal.
    pub fingerprint: Option<String>,
}

/// How an appliance was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum How {
    /// Its URL was given.
    Given,
    /// The DNS names it for this domain.
    Dns(String),
    /// It has the usual name in this domain.
    Name(String),
    /// It told of itself in the local network.
    Multicast,
}

impl fmt::Display for How {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Given => f.write_str("its URL was given"),
            Self::Dns(domain) => write!(f, "the DNS names it for {domain}"),
            Self::Name(domain) => write!(f, "it has the usual name in {domain}"),
            Self::Multicast => f.write_str("it told of itself in the local network"),
        }
    }
}

/// On which ground its certificate is believed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ground {
    /// An authority that the operating system trusts has signed it, for the host that somebody gave or for one in the domain that
    /// somebody gave.
    System,
    /// The same for a host in a domain that this machine searches in. Nobody gave that: the network may have (DHCP).
    Searched(String),
    /// Its own authority has signed it, and has the fingerprint that was given.
    Fingerprint,
    /// None: why not.
    Nothing(String),
}

impl Ground {
    /// Whether there is one.
    pub fn is_given(&self) -> bool {
        !matches!(self, Self::Nothing(_))
    }

    /// Whether it is no better than what the network said: then a person has to say that this is the appliance.
    pub fn is_networks_word(&self) -> bool {
        matches!(self, Self::Searched(_))
    }
}

impl fmt::Display for Ground {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::System => f.write_str("an authority that this system trusts has signed its certificate"),
            Self::Searched(domain) => write!(
                f,
                "an authority that this system trusts has signed its certificate; it is in {domain}, where this machine searches, \
                 perhaps because the network said so (DHCP)"
            ),
            Self::Fingerprint => f.write_str("its own authority has the fingerprint that was given"),
            Self::Nothing(why) => write!(f, "not believed: {why}"),
        }
    }
}

/// A place to look at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    /// How it came up.
    pub how: How,
    /// Host, port, and the fingerprint that came with them.
    pub advert: Advert,
}

impl Candidate {
    /// What is asked for there, for people.
    fn what(&self) -> String {
        format!("{}{DISCOVERY_PATH} ({})", self.advert.url(), self.how)
    }
}

/// What was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// Where, and how it came up.
    pub candidate: Candidate,
    /// What it says.
    pub document: Discovery,
    /// On which ground that is believed.
    pub ground: Ground,
    /// Its own authority, where the ground is that authority's fingerprint.
    pub authority: Option<Anchor>,
}

impl Found {
    fn not_believed(&self) -> Tried {
        Tried { what: self.candidate.what(), why: self.ground.to_string() }
    }
}

/// What was tried, and why it is not it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tried {
    /// What.
    pub what: String,
    /// Why not.
    pub why: String,
}

/// The search's result: what was found, if anything, and what was tried before.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Outcome {
    /// The first that is believed, or else the first that answered.
    pub found: Option<Found>,
    /// What is not it.
    pub tried: Vec<Tried>,
}

/// Looks for an appliance.
pub async fn discover(search: &Search, lookup: &dyn Lookup, fetcher: &Fetcher, clock: &dyn Clock) -> Outcome {
    let mut outcome = Outcome::default();
    let candidates = match &search.given {
        Some(given) => match read_given(given) {
            Some(advert) => vec![Candidate { how: How::Given, advert }],
            None => {
                let why = "it is no https:// URL and no host".to_owned();
                outcome.tried.push(Tried { what: given.clone(), why });
                Vec::new()
            }
        },
        None => in_domains(search, lookup, clock, &mut outcome.tried).await,
    };
    if look_at(candidates, search, fetcher, clock, &mut outcome).await || search.given.is_some() || !search.multicast {
        return outcome;
    }
    match multicast(clock, ASK_AROUND).await {
        Ok(adverts) if adverts.is_empty() => {
            outcome.tried.push(Tried { what: "multicast DNS".to_owned(), why: "nobody answered".to_owned() });
        }
        Ok(adverts) => {
            let around = adverts.into_iter().map(|advert| Candidate { how: How::Multicast, advert }).collect();
            look_at(around, search, fetcher, clock, &mut outcome).await;
        }
        Err(why) => outcome.tried.push(Tried { what: "multicast DNS".to_owned(), why }),
    }
    outcome
}

/// What the DNS names for each domain, and then the usual name in it.
async fn in_domains(search: &Search, lookup: &dyn Lookup, clock: &dyn Clock, tried: &mut Vec<Tried>) -> Vec<Candidate> {
    let domains = if search.domains.is_empty() { lookup.search_domains() } else { search.domains.clone() };
    if domains.is_empty() {
        let why = "this machine searches in no domain; --domain names one".to_owned();
        tried.push(Tried { what: "DNS".to_owned(), why });
    }
    let mut candidates = Vec::new();
    for domain in domains.iter().take(MOST_DOMAINS) {
        match within(clock, LOOK_UP, lookup.adverts(domain)).await {
            Ok(Ok(adverts)) => {
                let named = adverts.into_iter().take(MOST_RECORDS);
                candidates.extend(named.map(|advert| Candidate { how: How::Dns(domain.clone()), advert }));
            }
            Ok(Err(why)) => tried.push(Tried { what: format!("DNS for {domain}"), why }),
            Err(_) => tried.push(Tried { what: format!("DNS for {domain}"), why: "no answer in time".to_owned() }),
        }
    }
    let usual = |domain: &String| {
        let advert = Advert::read(&format!("gatehouse.{domain}"), 443, [])?;
        Some(Candidate { how: How::Name(domain.clone()), advert })
    };
    candidates.extend(domains.iter().take(MOST_DOMAINS).filter_map(usual));
    candidates
}

/// Whether one of them is believed. One that is not is kept until then, and hides nothing that comes after it.
async fn look_at(
    candidates: Vec<Candidate>,
    search: &Search,
    fetcher: &Fetcher,
    clock: &dyn Clock,
    outcome: &mut Outcome,
) -> bool {
    for candidate in candidates {
        let what = candidate.what();
        let (advert, given) = (&candidate.advert, search.fingerprint.as_deref());
        let asking = fetcher.ask(advert, given, by_system(&candidate, search), clock.now());
        match within(clock, FETCH, asking).await {
            Ok(Ok((document, ground, authority))) => {
                let found = Found { candidate, document, ground, authority };
                if found.ground.is_given() {
                    let before = outcome.found.replace(found);
                    outcome.tried.extend(before.map(|before| before.not_believed()));
                    return true;
                }
                match &outcome.found {
                    Some(_) => outcome.tried.push(found.not_believed()),
                    None => outcome.found = Some(found),
                }
            }
            Ok(Err(error)) => outcome.tried.push(Tried { what, why: error.to_string() }),
            Err(_) => outcome.tried.push(Tried { what, why: "no answer in time".to_owned() }),
        }
    }
    false
}

/// What it is worth if the system's authorities vouch for its certificate.
fn by_system(candidate: &Candidate, search: &Search) -> Ground {
    match &candidate.how {
        How::Given => Ground::System,
        How::Dns(domain) | How::Name(domain) if !is_within(&candidate.advert.host, domain) => Ground::Nothing(format!(
            "its certificate holds, and it is not in {domain}: whoever answers in the DNS can name any host; {SAY_SO}"
        )),
        How::Dns(_) | How::Name(_) if !search.domains.is_empty() => Ground::System,
        How::Dns(domain) | How::Name(domain) => Ground::Searched(domain.clone()),
        How::Multicast => Ground::Nothing(format!(
            "its certificate holds, and anybody in the local network can name any host; {SAY_SO}"
        )),
    }
}

/// `https://host:port/…`, `host:port` or `host`.
fn read_given(given: &str) -> Option<Advert> {
    let url = if given.contains("://") { given.to_owned() } else { format!("https://{given}") };
    let url = crate::workstation::integrations::HttpsUrl::parse(&url).ok()?;
    Some(Advert { host: url.host().to_owned(), port: url.port(), authority_sha256: None })
}

const SAY_SO: &str = "give its URL if it is the one that is meant, or --fingerprint";
const LOOK_UP: Duration = Duration::from_secs(5);
const FETCH: Duration = Duration::from_secs(10);
const ASK_AROUND: Duration = Duration::from_secs(3);
const MOST_DOMAINS: usize = 6;
const MOST_RECORDS: usize = 4;
