//! Section `listen`: where workstations and browsers reach the appliance.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};

use super::instance::InstanceName;
use super::section::{Objections, between, section};
use crate::domain::Network;

section! {
    /// Where workstations and browsers reach the appliance. An address that cannot be bound is tried again every ten seconds; the others serve.
    Listen = "listen";

    /// Addresses for SQL clients alone (TDS 7.x and 8.0), for those that know only the usual port. Port 0 takes a free one.
    sql: Vec<SocketAddr> = vec![SocketAddr::from((Ipv6Addr::UNSPECIFIED, 1433))];

    /// Addresses for everything, told apart by the first bytes: HTTPS, SQL clients (TDS 7.x and 8.0), challenges of an ACME server, and plain HTTP,
    /// which is sent to HTTPS. Port 0 takes a free one.
    https: Vec<SocketAddr> = vec![SocketAddr::from((Ipv6Addr::UNSPECIFIED, 443))];

    /// Addresses for plain HTTP, which is sent to HTTPS; an ACME server's questions (HTTP-01) are answered there. Usually `["[::]:80"]`.
    http: Vec<SocketAddr> = Vec::new();

    /// Addresses for programs that watch the appliance, over plain HTTP: `/metrics`, `/health`, `/healthz/live`, `/healthz/ready`. Everybody who reaches
    /// them reads them, so another address than a loopback one belongs into a network of its own; the start warns of it.
    metrics: Vec<SocketAddr> = vec![SocketAddr::from((Ipv4Addr::LOCALHOST, 9464))];

    /// UDP addresses where SQL Browser's questions are answered for the names in `listen.browser_instances`, so that `OLDSERVER\ERP`
    /// keeps working after the name moved here. Drivers ask port 1434 and no other. None: nothing is answered.
    browser: Vec<SocketAddr> = Vec::new(), example "[\"[::]:1434\"]";

    /// The instance names that are answered for, each with the port of the door for SQL clients, or with the one behind its `=`.
    browser_instances: Vec<InstanceName> = Vec::new(), example "[\"ERP\", \"CRM=14330\"]";

    /// Proxies in front of HTTPS, as networks, whose `X-Forwarded-For` is believed about where a browser is. Nobody else's is.
    trusted_proxies: Vec<Network> = Vec::new(), example "[\"10.0.0.5/32\"]";

    /// How many connections of one address may be there without having signed in.
    half_open_per_address: usize = 64;

    /// How many connections in all may be there without having signed in.
    half_open_total: usize = 4096;
}

impl Objections for Listen {
    fn objections(&self) -> Vec<(&'static str, String)> {
        let empty = self.sql.is_empty() && self.https.is_empty();
        let nothing = empty.then(|| ("sql", "has to have an address, or `listen.https` has to".to_owned()));
        let lists = [("sql", &self.sql), ("https", &self.https), ("http", &self.http), ("metrics", &self.metrics)];
        let named = || lists.iter().flat_map(|(key, list)| list.iter().map(|address| (*key, *address)));
        let twice =
            named().enumerate().filter(|(_, (_, address))| address.port() != 0).find_map(|(at, (key, address))| {
                let (earlier, _) = named().take(at).find(|(_, other)| *other == address)?;
                Some((key, format!("{address} is in `listen.{earlier}` already")))
            });
        let nowhere = !self.http.is_empty() && self.https.is_empty();
        let nowhere = nowhere.then(|| ("http", "needs an address in `listen.https` to send browsers to".to_owned()));
        let nameless = !self.browser.is_empty() && self.browser_instances.is_empty();
        let nameless =
            nameless.then(|| ("browser_instances", "has to have a name, since `listen.browser` is on".to_owned()));
        let per_address = between("half_open_per_address", self.half_open_per_address, 1, self.half_open_total);
        let total = between("half_open_total", self.half_open_total, 1, 1_000_000);
        [nothing, twice, nowhere, nameless, per_address, total].into_iter().flatten().collect()
    }
}
