//! SRV and TXT records, behind a small trait that tests replace. The operating system's resolver gives addresses alone, so
//! hickory asks the name servers that the system is set to.

use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;

use hickory_resolver::TokioResolver;
use hickory_resolver::config::{ConnectionConfig, NameServerConfig, ResolverConfig};
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::proto::rr::RData;

use crate::workstation::dns::{Advert, SERVICE};

/// What is being looked up: the appliances that a domain names, the preferred first; or why there is no answer.
pub type Lookups<'a> = Pin<Box<dyn Future<Output = Result<Vec<Advert>, String>> + Send + 'a>>;

/// Looks appliances up in the DNS.
pub trait Lookup: Send + Sync {
    /// The domains that this machine searches in.
    fn search_domains(&self) -> Vec<String>;

    /// The appliances that a domain names.
    fn adverts<'a>(&'a self, domain: &'a str) -> Lookups<'a>;
}

/// Name servers and search domains: those of the system, or others.
pub struct SystemLookup {
    resolver: Result<TokioResolver, String>,
    domains: Vec<String>,
}

impl SystemLookup {
    /// Reads the system's settings. Where they cannot be read, each look-up says so.
    pub fn new() -> Self {
        let domains = hickory_resolver::system_conf::read_system_conf().map(|(config, _)| {
            let all = config.search().iter().chain(config.domain());
            let mut texts: Vec<String> = all.map(|name| name.to_ascii().trim_end_matches('.').to_owned()).collect();
            texts.retain(|text| !text.is_empty());
            let mut once: Vec<String> = Vec::new();
            texts.into_iter().for_each(|text| {
                if !once.contains(&text) {
                    once.push(text)
                }
            });
            once
        });
        let resolver = TokioResolver::builder_tokio().and_then(|builder| builder.build());
        Self { resolver: resolver.map_err(|error| error.to_string()), domains: domains.unwrap_or_default() }
    }

    /// Asks this name server alone, over UDP, and searches in these domains.
    pub fn asking(server: SocketAddr, domains: Vec<String>) -> Self {
        let mut over = ConnectionConfig::udp();
        over.port = server.port();
        let server = NameServerConfig::new(server.ip(), true, vec![over]);
        let config = ResolverConfig::from_name_servers(vec![server]);
        let resolver = TokioResolver::builder_with_config(config, TokioRuntimeProvider::default()).build();
        Self { resolver: resolver.map_err(|error| error.to_string()), domains }
    }
}

impl Default for SystemLookup {
    fn default() -> Self {
        Self::new()
    }
}

impl Lookup for SystemLookup {
    fn search_domains(&self) -> Vec<String> {
        self.domains.clone()
    }

    fn adverts<'a>(&'a self, domain: &'a str) -> Lookups<'a> {
        Box::pin(async move {
            let resolver = self.resolver.as_ref().map_err(Clone::clone)?;
            let name = format!("{SERVICE}.{domain}.");
            let srv = match resolver.srv_lookup(name.as_str()).await {
                Ok(found) => found,
                Err(error) if error.is_no_records_found() => return Err("there are no such records".to_owned()),
                Err(error) => return Err(error.to_string()),
            };
            // Without a TXT record there is no fingerprint, and all else holds.
            let txt = resolver.txt_lookup(name.as_str()).await.ok();
            let texts: Vec<Vec<u8>> = txt
                .iter()
                .flat_map(|found| found.answers())
                .filter_map(|record| if let RData::TXT(txt) = &record.data { Some(txt) } else { None })
                .flat_map(|txt| txt.txt_data.iter().map(|text| text.to_vec()))
                .collect();
            let mut places: Vec<(u16, u16, Advert)> = srv
                .answers()
                .iter()
                .filter_map(|record| {
                    let RData::SRV(srv) = &record.data else { return None };
                    let advert =
                        Advert::read(&srv.target.to_ascii(), srv.port, texts.iter().map(|text| text.as_slice()))?;
                    Some((srv.priority, u16::MAX - srv.weight, advert))
                })
                .collect();
            // Chance among equals, which RFC 2782 wants for sharing load, has nothing to share here.
            places.sort_by_key(|(priority, lightness, _)| (*priority, *lightness));
            Ok(places.into_iter().map(|(_, _, advert)| advert).collect())
        })
    }
}

impl std::fmt::Debug for SystemLookup {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SystemLookup").field("domains", &self.domains).finish_non_exhaustive()
    }
}
