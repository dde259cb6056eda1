//! The doors: which addresses are bound, and what answers behind each.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use futures_util::future::BoxFuture;
use rustls::ServerConfig;
use tokio::io::AsyncWriteExt as _;
use tokio_rustls::TlsAcceptor;

use crate::config::Config;
use crate::door::{self, Bound, Connection, Door, HalfOpen, Kind, reset_on_close};
use crate::gateway::Gateway;
use crate::platform::clock::within;
use crate::platform::{Clock, Tasks};
use crate::tls::Challenges;
use crate::web::{self, DoorLine};

/// Addresses that are bound, and not served yet.
pub(super) struct BoundDoors {
    sql: Vec<Bound>,
    https: Vec<Bound>,
}

/// The addresses that are served, with their real ports.
#[derive(Debug)]
pub(super) struct Doors {
    /// For SQL clients alone.
    pub sql: Vec<SocketAddr>,
    /// For everything.
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
        let https =
            addresses(&self.https).into_iter().map(line("Browsers: HTTPS; SQL clients: TDS 7.x and TDS 8.0 (strict)"));
        let mut lines: Vec<DoorLine> = sql.chain(https).collect();
        lines.dedup_by_key(|line| line.port);
        lines
    }

    /// The addresses for browsers, with their real ports.
    pub(super) fn https(&self) -> Vec<SocketAddr> {
        addresses(&self.https)
    }

    /// Serves them in the background, until `tasks` are told to stop.
    pub(super) fn serve(self, behind: &Behind, half_open: &HalfOpen, silence: Duration) -> Doors {
        let served = Doors { sql: addresses(&self.sql), https: addresses(&self.https) };
        let door = || Door::new(behind.tasks.clone(), Arc::clone(&behind.clock), half_open.clone(), silence);
        // SQL Server takes clients that name no protocol; so do its stand-ins. HTTP is not spoken here, not even to lead
        // elsewhere: to whoever scans for it, the usual port looks like SQL Server's own.
        let sql = behind.gateway_kinds(door()).on(Kind::TlsBare, behind.to_gateway());
        let https = behind
            .gateway_kinds(door())
            .on(Kind::Https, behind.to_https())
            .on(Kind::TlsBare, behind.to_https())
            .on(Kind::AcmeTls, behind.to_challenge());
        self.sql.into_iter().for_each(|bound| sql.clone().serve(bound));
        self.https.into_iter().for_each(|bound| https.clone().serve(bound));
        served
    }
}

/// What the doors lead to.
pub(super) struct Behind {
    /// Where SQL clients go.
    pub gateway: Gateway,
    /// Where browsers go.
    pub https: Https,
    /// What an ACME server is answered.
    pub challenges: Challenges,
    /// Browsers never sign in to their connection, so they are counted apart: none of them keeps a SQL client's place.
    pub browsers: HalfOpen,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// What runs while the doors are open.
    pub tasks: Tasks,
}

type Served = BoxFuture<'static, ()>;

impl Behind {
    fn gateway_kinds(&self, door: Door) -> Door {
        door.on(Kind::Tds, self.to_gateway()).on(Kind::Strict, self.to_gateway())
    }

    fn to_gateway(&self) -> impl Fn(Connection) -> Served + use<> {
        let gateway = self.gateway.clone();
        move |connection| {
            let gateway = gateway.clone();
            Box::pin(async move { gateway.serve(connection.stream, connection.peer.ip(), connection.admission).await })
        }
    }

    fn to_https(&self) -> impl Fn(Connection) -> Served + use<> {
        let (https, browsers) = (self.https.clone(), self.browsers.clone());
        let (clock, tasks) = (Arc::clone(&self.clock), self.tasks.clone());
        move |connection| {
            let (https, clock, stopping) = (https.clone(), Arc::clone(&clock), tasks.stopping());
            let place = browsers.take_over(connection.admission);
            Box::pin(async move {
                // Held to the end: browsers keep connections open.
                let Some(_place) = place else { return reset_on_close(&connection.stream) };
                web::serve(connection.stream, https.tls, https.router, clock, stopping).await;
            })
        }
    }

    /// An ACME server makes the handshake, looks at the certificate and leaves.
    fn to_challenge(&self) -> impl Fn(Connection) -> Served + use<> {
        let (challenges, clock) = (self.challenges.clone(), Arc::clone(&self.clock));
        move |connection| {
            let (config, clock) = (challenges.tls_config(), Arc::clone(&clock));
            Box::pin(async move {
                let Some(config) = config else { return tracing::debug!("no ACME order is under way") };
                let shown = async { TlsAcceptor::from(config).accept(connection.stream).await?.shutdown().await };
                match within(&*clock, CHALLENGE_LIMIT, shown).await {
                    Ok(Ok(())) => tracing::info!(peer.ip = %connection.peer.ip(), "an ACME challenge was answered"),
                    Ok(Err(error)) => tracing::info!(%error, "an ACME challenge was asked for and not taken"),
                    Err(_) => tracing::info!("an ACME challenge took too long"),
                }
            })
        }
    }
}

/// How long an ACME server may take over its handshake.
const CHALLENGE_LIMIT: Duration = Duration::from_secs(10);
