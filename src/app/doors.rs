//! The doors: which addresses are bound, and what answers behind each.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use rustls::ServerConfig;

use crate::config::Config;
use crate::door::{self, Bound, Connection, Door, HalfOpen, Kind};
use crate::gateway::Gateway;
use crate::platform::{Clock, Tasks};
use crate::web::{self, DoorLine};

/// Addresses that are bound, and not served yet.
pub(super) struct BoundDoors {
    sql: Vec<Bound>,
    https: Vec<Bound>,
}

/// The addresses that are served, with their real ports.
#[derive(Debug)]
pub(super) struct Doors {
    /// For SQL clients.
    pub sql: Vec<SocketAddr>,
    /// For browsers.
    pub https: Vec<SocketAddr>,
}

/// What HTTPS is served with.
#[derive(Clone)]
pub(super) struct Https {
    /// Its TLS.
    pub tls: Arc<ServerConfig>,
    /// What answers.
    pub router: Router,
}

/// Nothing could be bound, so nobody could ever sign in.
#[derive(Debug, thiserror::Error)]
#[error("none of the addresses for SQL clients could be bound")]
struct Deaf;

/// Binds every address. One that fails is told and left out; the others serve.
pub(super) fn bind(config: &Config) -> anyhow::Result<BoundDoors> {
    let bound = BoundDoors { sql: bind_each(&config.listen.sql), https: bind_each(&config.listen.https) };
    if !config.listen.sql.is_empty() && addresses(&bound.sql).is_empty() {
        return Err(Deaf.into());
    }
    Ok(bound)
}

/// Binds one list of addresses. Port 0 is chosen by the system once: the addresses after the first take the same, so
/// that a name with an IPv4 and an IPv6 address leads to one port.
fn bind_each(wanted: &[SocketAddr]) -> Vec<Bound> {
    let mut chosen = 0;
    let mut all = Vec::new();
    for address in wanted {
        let mut address = *address;
        if address.port() == 0 {
            address.set_port(chosen);
        }
        let bound = door::bind(&[address]);
        for failure in bound.failures() {
            tracing::error!(address = %failure.address, error = %failure.source, "cannot listen: is another program using the port?");
        }
        if let Some(first) = bound.addresses().first().filter(|_| chosen == 0) {
            chosen = first.port();
        }
        all.push(bound);
    }
    all
}

fn addresses(bound: &[Bound]) -> Vec<SocketAddr> {
    bound.iter().flat_map(Bound::addresses).collect()
}

impl BoundDoors {
    /// The table of doors for the front page.
    pub(super) fn lines(&self) -> Vec<DoorLine> {
        let line = |answers| move |address: SocketAddr| DoorLine { port: address.port(), answers };
        let sql = addresses(&self.sql).into_iter().map(line("SQL clients: TDS 7.x and TDS 8.0 (strict), encrypted"));
        let https = addresses(&self.https).into_iter().map(line("Browsers: HTTPS; and SQL clients with TDS 7.x"));
        let mut lines: Vec<DoorLine> = sql.chain(https).collect();
        lines.dedup_by_key(|line| line.port);
        lines
    }

    /// The addresses for browsers, with their real ports.
    pub(super) fn https(&self) -> Vec<SocketAddr> {
        addresses(&self.https)
    }

    /// Serves them in the background, until `tasks` are told to stop.
    pub(super) fn serve(
        self,
        tasks: &Tasks,
        clock: &Arc<dyn Clock>,
        half_open: HalfOpen,
        silence: Duration,
        gateway: &Gateway,
        https: Https,
    ) -> Doors {
        let served = Doors { sql: addresses(&self.sql), https: addresses(&self.https) };
        // Browsers never sign in to their connection, so they are counted apart: none of them takes a SQL client's place.
        let door = |half_open| Door::new(tasks.clone(), Arc::clone(clock), half_open, silence);
        let browsers = half_open.same_limits();
        let sql = door(half_open).on(Kind::Tds, to_gateway(gateway)).on(Kind::Tls, to_gateway(gateway));
        let web = door(browsers).on(Kind::Tds, to_gateway(gateway)).on(Kind::Tls, to_https(https, clock, tasks));
        self.sql.into_iter().for_each(|bound| sql.clone().serve(bound));
        self.https.into_iter().for_each(|bound| web.clone().serve(bound));
        served
    }
}

fn to_gateway(gateway: &Gateway) -> impl Fn(Connection) -> futures_util::future::BoxFuture<'static, ()> + use<> {
    let gateway = gateway.clone();
    move |connection| {
        let gateway = gateway.clone();
        Box::pin(async move { gateway.serve(connection.stream, connection.peer.ip(), connection.admission).await })
    }
}

fn to_https(
    https: Https,
    clock: &Arc<dyn Clock>,
    tasks: &Tasks,
) -> impl Fn(Connection) -> futures_util::future::BoxFuture<'static, ()> + use<> {
    let (clock, tasks) = (Arc::clone(clock), tasks.clone());
    move |connection| {
        let (https, clock, stopping) = (https.clone(), Arc::clone(&clock), tasks.stopping());
        Box::pin(async move {
            // Browsers keep connections open without signing in, so the place is held to the end.
            let _admission = connection.admission;
            web::serve(connection.stream, https.tls, https.router, clock, stopping).await;
        })
    }
}
