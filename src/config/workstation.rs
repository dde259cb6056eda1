//! Section `workstation`: what workstations are told.

use std::time::Duration;

use super::section::{Objections, section};
use crate::domain::host::is_host;

section! {
    /// What workstations are told: where to connect, and for how long what they are given holds.
    Workstation = "workstation";

    /// The name by which workstations reach the databases. It has to be in the certificate.
    host: Option<String> = None, shown "the first of `appliance.names`", example "\"sql.example.org\"";

    /// The port that workstations are told to connect to, where it is not the one that is listened on (behind a router, for example).
    /// 0 stands for the one that is listened on.
    port: usize = 0;

    /// Whether drivers are told to speak TDS 8.0 (`true`), which those of before 2022 cannot, or TDS 7.x with encryption (`false`).
    strict: bool = false;

    /// How long a SQL pass that is handed out is valid. It is replaced when half of that is left.
    pass_lifetime: Duration = Duration::from_secs(12 * 3600);

    /// How often workstations are told to ask again, at the least.
    ask_again: Duration = Duration::from_secs(900);

    /// Whether the appliance tells of itself by multicast DNS, in its own network alone. Anybody there could tell the same of himself.
    multicast_dns: bool = false;
}

impl Objections for Workstation {
    fn objections(&self) -> Vec<(&'static str, String)> {
        let strange = self.host.as_deref().filter(|host| !is_host(host));
        let host = strange.map(|host| ("host", format!("{host:?} is neither a DNS name nor an address")));
        let port = (self.port > usize::from(u16::MAX)).then(|| ("port", "has to be from 0 to 65535".to_owned()));
        let (minute, hour, week) = (60, 3600, 7 * 86_400);
        let outside = |value: Duration, least: u64, most: u64| {
            !(Duration::from_secs(least)..=Duration::from_secs(most)).contains(&value)
        };
        let lifetime = outside(self.pass_lifetime, 10 * minute, week)
            .then(|| ("pass_lifetime", "has to be from 10m to 7d".to_owned()));
        let ask =
            outside(self.ask_again, minute, 24 * hour).then(|| ("ask_again", "has to be from 1m to 24h".to_owned()));
        let late = self.ask_again > self.pass_lifetime / 2;
        let late = late.then(|| ("ask_again", "has to be half of `workstation.pass_lifetime` or less".to_owned()));
        [host, port, lifetime, ask, late].into_iter().flatten().collect()
    }
}
