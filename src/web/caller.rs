//! From where a request comes: the connection's other end, or what a trusted proxy says of it.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::uri::Authority;
use axum::http::{HeaderMap, Uri, header};

use super::Web;
use crate::domain::Network;
use crate::identity::web::Origin;

/// The other end of the connection, as `serve` saw it.
#[derive(Debug, Clone, Copy)]
pub struct Peer(pub IpAddr);

/// The proxies whose word counts about where a request came from.
#[derive(Debug, Clone, Default)]
pub struct Proxies(Arc<[Network]>);

impl Proxies {
    /// These networks' proxies.
    pub fn new(networks: &[Network]) -> Self {
        Self(networks.into())
    }

    fn trust(&self, address: IpAddr) -> bool {
        self.0.iter().any(|network| network.contains(address.to_canonical()))
    }

    /// Who asked: the last of the named addresses that is no trusted proxy. Everything before it anybody could have written.
    pub fn caller(&self, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
        if !self.trust(peer) {
            return peer.to_canonical();
        }
        let lines = headers.get_all(FORWARDED_FOR).iter().filter_map(|value| value.to_str().ok());
        let hops: Vec<&str> = lines.flat_map(|line| line.split(',')).map(str::trim).collect();
        let mut caller = peer.to_canonical();
        for hop in hops.into_iter().rev() {
            let Some(address) = hop_address(hop) else { break };
            caller = address.to_canonical();
            if !self.trust(caller) {
                break;
            }
        }
        caller
    }
}

/// The address that a proxy names: alone, or with a port, as some do.
fn hop_address(hop: &str) -> Option<IpAddr> {
    let with_port = || hop.parse::<SocketAddr>().ok().map(|address| address.ip());
    let in_brackets = || hop.strip_prefix('[')?.strip_suffix(']')?.parse::<Ipv6Addr>().ok().map(IpAddr::V6);
    hop.parse().ok().or_else(with_port).or_else(in_brackets)
}

impl FromRequestParts<Web> for Origin {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, web: &Web) -> Result<Self, Self::Rejection> {
        Ok(origin(web, &parts.extensions, &parts.headers))
    }
}

/// The name or address that the browser was sent to, without its port: what the request says, which anybody can write.
#[derive(Debug, Clone)]
pub struct Host(pub String);

impl FromRequestParts<Web> for Host {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &Web) -> Result<Self, Self::Rejection> {
        let called = called(&parts.uri, &parts.headers);
        Ok(Self(called.map_or_else(String::new, |called| called.host().to_owned())))
    }
}

/// The name or address that the browser was sent to, with the port where it says one: `Host`, or what HTTP/2 has in its place.
pub(super) fn called(uri: &Uri, headers: &HeaderMap) -> Option<Authority> {
    let field = || headers.get(header::HOST).and_then(|value| value.to_str().ok()?.parse().ok());
    uri.authority().cloned().or_else(field)
}

/// From where this request comes.
pub(super) fn origin(web: &Web, extensions: &axum::http::Extensions, headers: &HeaderMap) -> Origin {
    // Without a connection there is a test, which is nowhere.
    let peer = extensions.get::<Peer>().map_or(IpAddr::from([0, 0, 0, 0]), |peer| peer.0);
    let agent = headers.get(header::USER_AGENT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    Origin::new(web.proxies.caller(peer, headers), agent)
}

const FORWARDED_FOR: &str = "x-forwarded-for";

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn an_address_reads_alone_and_with_a_port(address: IpAddr, port: u16) {
            prop_assert_eq!(hop_address(&address.to_string()), Some(address));
            prop_assert_eq!(hop_address(&SocketAddr::new(address, port).to_string()), Some(address));
            if address.is_ipv6() {
                prop_assert_eq!(hop_address(&format!("[{address}]")), Some(address));
            }
        }

        #[test]
        fn whatever_a_proxy_says_is_an_address_or_nothing(hop in "[0-9a-f:.\\[\\]]{0,50}") {
            if let Some(address) = hop_address(&hop) {
                prop_assert_eq!(hop_address(&address.to_string()), Some(address));
            }
        }
    }

    #[test]
    fn only_a_trusted_proxy_says_who_asked_and_only_about_the_last_stranger() {
        let proxies = Proxies::new(&["10.0.0.0/8".parse().unwrap()]);
        let from = |peer: &str, said: &[&str]| {
            let mut headers = HeaderMap::new();
            for line in said {
                headers.append(FORWARDED_FOR, line.parse().unwrap());
            }
            proxies.caller(peer.parse().unwrap(), &headers).to_string()
        };
        assert_eq!(from("192.0.2.1", &["198.51.100.7"]), "192.0.2.1", "a stranger's word counts nothing");
        assert_eq!(from("10.0.0.1", &["198.51.100.7"]), "198.51.100.7");
        assert_eq!(from("::ffff:10.0.0.1", &["198.51.100.7"]), "198.51.100.7");
        assert_eq!(from("10.0.0.1", &["1.1.1.1, 198.51.100.7", "10.0.0.9"]), "198.51.100.7");
        assert_eq!(from("10.0.0.1", &["198.51.100.7, nonsense"]), "10.0.0.1");
        assert_eq!(from("10.0.0.1", &["1.1.1.1:1, 198.51.100.7:5678, 10.0.0.9:443"]), "198.51.100.7");
        assert_eq!(from("10.0.0.1", &["[2001:db8::1]:443"]), "2001:db8::1");
        assert_eq!(from("10.0.0.1", &[]), "10.0.0.1");
        assert_eq!(Proxies::default().caller("10.0.0.1".parse().unwrap(), &HeaderMap::new()).to_string(), "10.0.0.1");
    }
}
