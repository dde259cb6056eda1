//! Section `listen`: where workstations and browsers reach the appliance.

use std::net::{Ipv6Addr, SocketAddr};

use super::section::{Objections, between, section};

section! {
    /// Where workstations and browsers reach the appliance.
    Listen = "listen";

    /// Addresses for SQL clients (TDS 7.x and 8.0). Port 0 takes a free one.
    sql: Vec<SocketAddr> = vec![SocketAddr::from((Ipv6Addr::UNSPECIFIED, 1433))];

    /// Addresses for HTTPS; SQL clients with TDS 7.x are served there, too. Port 0 takes a free one.
    https: Vec<SocketAddr> = vec![SocketAddr::from((Ipv6Addr::UNSPECIFIED, 443))];

    /// How many connections of one address may be there without having signed in.
    half_open_per_address: usize = 64;

    /// How many connections in all may be there without having signed in.
    half_open_total: usize = 4096;
}

impl Objections for Listen {
    fn objections(&self) -> Vec<(&'static str, String)> {
        let empty = self.sql.is_empty() && self.https.is_empty();
        let nothing = empty.then(|| ("sql", "has to have an address, or `listen.https` has to".to_owned()));
        let taken = self.sql.iter().find(|address| address.port() != 0 && self.https.contains(address));
        let twice = taken.map(|address| ("https", format!("{address} is in `listen.sql` already")));
        let per_address = between("half_open_per_address", self.half_open_per_address, 1, self.half_open_total);
        let total = between("half_open_total", self.half_open_total, 1, 1_000_000);
        [nothing, twice, per_address, total].into_iter().flatten().collect()
    }
}
