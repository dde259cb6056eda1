//! The doors: which addresses are bound, and who is served behind each.

mod behind;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

pub(super) use behind::{Behind, Https};

use crate::config::Listen;
use crate::door::{self, Arrivals, Bound, Door, HalfOpen, Kind, Report};
use crate::platform::holder::Transport;
use crate::telemetry::Health;
use crate::web::{DoorLine, HttpsPort};

/// Addresses that are bound, and not served yet.
pub(super) struct BoundDoors {
    sql: List,
    https: List,
    http: List,
    metrics: List,
}

/// The addresses that are served, with their real ports.
#[derive(Debug)]
pub(super) struct Doors {
    /// For SQL clients alone.
    pub sql: Vec<SocketAddr>,
    /// For everything.
    pub https: Vec<SocketAddr>,
    /// For plain HTTP.
    pub http: Vec<SocketAddr>,
    /// For programs that watch.
    pub metrics: Vec<SocketAddr>,
}

/// Nothing could be bound, so nobody could ever sign in. The operator's side.
#[derive(Debug, thiserror::Error)]
#[error("none of the addresses for SQL clients could be bound: {}", .0.join("; "))]
struct Deaf(Vec<String>);

/// The addresses of one setting.
struct List {
    bound: Vec<Bound>,
    report: Report,
}

/// Binds every address. One that fails is reported and tried again later; the others serve.
pub(super) fn bind(listen: &Listen, health: &Health) -> anyhow::Result<BoundDoors> {
    for address in listen.metrics.iter().filter(|address| !address.ip().is_loopback()) {
        // Allowed, as whoever collects numbers is often on another machine; they name no secret, and no account.
        tracing::warn!(%address, "everybody who reaches this address reads the appliance's numbers and health; see to it that only a monitoring network does");
    }
    let list = |setting, wanted| List::bind(wanted, Report::new(setting, Transport::Tcp, health.clone()));
    let bound = BoundDoors {
        sql: list("listen.sql", &listen.sql),
        https: list("listen.https", &listen.https),
        http: list("listen.http", &listen.http),
        metrics: list("listen.metrics", &listen.metrics),
    };
    if bound.sql.addresses().is_empty() && bound.https.addresses().is_empty() {
        let problems = health.problems().into_iter().filter(|(what, _)| what.starts_with("listen."));
        return Err(Deaf(problems.map(|(what, text)| format!("{what}: {text}")).collect()).into());
    }
    Ok(bound)
}

impl List {
    /// Port 0 is chosen by the system once: the addresses after the first take the same, so that a name with an IPv4 and an
    /// IPv6 address leads to one port.
    fn bind(wanted: &[SocketAddr], report: Report) -> Self {
        let mut chosen = 0;
        let mut all = Vec::new();
        for address in wanted {
            let mut address = *address;
            if address.port() == 0 {
                address.set_port(chosen);
            }
            let bound = door::bind(&[address]);
            bound.failures().iter().for_each(|failure| report.failed(failure));
            if let Some(first) = bound.addresses().first().filter(|_| chosen == 0) {
                chosen = first.port();
            }
            all.push(bound);
        }
        Self { bound: all, report }
    }

    fn addresses(&self) -> Vec<SocketAddr> {
        self.bound.iter().flat_map(Bound::addresses).collect()
    }

    fn serve(self, door: Door) {
        let door = door.reported(self.report);
        self.bound.into_iter().for_each(|bound| door.clone().serve(bound));
    }
}

impl BoundDoors {
    /// The table of doors for the front page.
    pub(super) fn lines(&self) -> Vec<DoorLine> {
        let line = |answers| move |address: SocketAddr| DoorLine { port: address.port(), answers };
        let everything = "Browsers: HTTPS; SQL clients: TDS 7.x and TDS 8.0 (strict), encrypted";
        let https = self.https.addresses().into_iter().map(line(everything));
        let sql = self.sql.addresses().into_iter().map(line("SQL clients: TDS 7.x and TDS 8.0 (strict), encrypted"));
        let http = self.http.addresses().into_iter().map(line("Browsers: sent on to HTTPS"));
        let mut lines: Vec<DoorLine> = https.chain(sql).chain(http).collect();
        lines.dedup_by_key(|line| line.port);
        lines
    }

    /// The addresses for everything, with their real ports.
    pub(super) fn https(&self) -> Vec<SocketAddr> {
        self.https.addresses()
    }

    /// The addresses for SQL clients alone, with their real ports.
    pub(super) fn sql(&self) -> Vec<SocketAddr> {
        self.sql.addresses()
    }

    /// Serves them in the background, until the tasks behind are told to stop. `wanted` is what was to be bound.
    pub(super) fn serve(self, behind: &Behind, wanted: &Listen, arrivals: &Arrivals, silence: Duration) -> Doors {
        let Self { sql, https, http, metrics } = self;
        let served = Doors {
            sql: sql.addresses(),
            https: https.addresses(),
            http: http.addresses(),
            metrics: metrics.addresses(),
        };
        let new = |half_open| Door::new(behind.tasks.clone(), Arc::clone(&behind.clock), half_open, silence);
        let door = || new(behind.half_open.clone()).counted(arrivals);
        let gateway = || door().on(Kind::Tds, behind.to_gateway()).on(Kind::Strict, behind.to_gateway());
        // SQL Server takes clients that name no protocol; so do its stand-ins. HTTP is not spoken here, not even to lead
        // elsewhere: to whoever scans for it, the usual port looks like SQL Server's own.
        sql.serve(gateway().on(Kind::TlsBare, behind.to_gateway()));
        let everything = gateway()
            .on(Kind::Https, behind.to_https())
            .on(Kind::TlsBare, behind.to_https())
            .on(Kind::AcmeTls, behind.to_challenge())
            .on(Kind::Http, behind.to_redirect(HttpsPort::Same, None));
        https.serve(everything);
        let port = served.https.iter().chain(&wanted.https).map(SocketAddr::port).next().unwrap_or_default();
        let challenges = Some(behind.challenges.clone());
        http.serve(door().on(Kind::Http, behind.to_redirect(move |_| HttpsPort::Other(port), challenges)));
        // Whoever watches is let in when nobody else is.
        metrics.serve(new(HalfOpen::new(MOST_WATCHERS, MOST_WATCHERS)).on(Kind::Http, behind.to_monitor()));
        served
    }
}

/// How many programs may ask for numbers at once.
const MOST_WATCHERS: usize = 64;
