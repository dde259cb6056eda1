//! What the doors lead to: each kind of connection to who serves it.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use futures_util::future::BoxFuture;
use hyper_util::service::TowerToHyperService;
use rustls::ServerConfig;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;

use crate::door::{Connection, HalfOpen};
use crate::gateway::Gateway;
use crate::platform::clock::within;
use crate::platform::{Aside, Clock, Tasks};
use crate::tls::Challenges;
use crate::web::{self, Asker, HttpsPort, Monitor, Redirect};
use crate::wire::farewell::reset_on_close;

/// What HTTPS is served with.
#[derive(Clone)]
pub(in crate::app) struct Https {
    /// Its TLS.
    pub tls: Arc<ServerConfig>,
    /// What answers.
    pub router: Router,
}

/// What the doors lead to.
pub(in crate::app) struct Behind {
    /// Where SQL clients go.
    pub gateway: Gateway,
    /// Where browsers go.
    pub https: Https,
    /// What an ACME server is answered.
    pub challenges: Challenges,
    /// What programs that watch are told.
    pub monitor: Monitor,
    /// The appliance's first name.
    pub name: String,
    /// Everybody, until they have signed in or turned out to be browsers.
    pub half_open: HalfOpen,
    /// Browsers never sign in to their connection, so they are counted apart: none of them keeps a SQL client's place.
    pub browsers: HalfOpen,
    /// Where HTTPS is served: behind the sessions.
    pub aside: Arc<Aside>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// What runs while the doors are open.
    pub tasks: Tasks,
}

type Served = BoxFuture<'static, ()>;

impl Behind {
    pub(super) fn to_gateway(&self) -> impl Fn(Connection) -> Served + use<> {
        let gateway = self.gateway.clone();
        move |connection| {
            let gateway = gateway.clone();
            Box::pin(async move { gateway.serve(connection.stream, connection.peer.ip(), connection.admission).await })
        }
    }

    pub(super) fn to_https(&self) -> impl Fn(Connection) -> Served + use<> {
        let (https, browsers, aside) = (self.https.clone(), self.browsers.clone(), Arc::clone(&self.aside));
        let (clock, tasks) = (Arc::clone(&self.clock), self.tasks.clone());
        move |connection| {
            let (https, aside, clock) = (https.clone(), Arc::clone(&aside), Arc::clone(&clock));
            let stopping = tasks.stopping();
            let place = browsers.take_over(connection.admission);
            Box::pin(async move {
                // Held to the end: browsers keep connections open.
                let Some(_place) = place else { return reset_on_close(&connection.stream) };
                let peer = web::Peer(connection.peer.ip());
                // From the one runtime to the other: what arrives is then looked for there, too.
                let Ok(stream) = connection.stream.into_std() else { return };
                let served = async move {
                    match TcpStream::from_std(stream) {
                        Ok(stream) => web::serve(stream, peer, https.tls, https.router, clock, stopping).await,
                        Err(error) => tracing::warn!(%error, "an HTTPS connection could not be served"),
                    }
                };
                aside.run(served).await;
            })
        }
    }

    /// Plain HTTP goes to HTTPS, at the port that `target` makes of the one that was called.
    pub(super) fn to_redirect<T: Fn(u16) -> HttpsPort + Send + Sync + 'static>(
        &self,
        target: T,
        challenges: Option<Challenges>,
    ) -> impl Fn(Connection) -> Served + use<T> {
        let (name, browsers) = (self.name.clone(), self.browsers.clone());
        let (clock, tasks) = (Arc::clone(&self.clock), self.tasks.clone());
        move |connection| {
            let target = target(connection.local.port());
            let redirect = Redirect { name: name.clone(), target, challenges: challenges.clone() };
            let (clock, stopping) = (Arc::clone(&clock), tasks.stopping());
            let place = browsers.take_over(connection.admission);
            Box::pin(async move {
                let Some(_place) = place else { return reset_on_close(&connection.stream) };
                web::plain::serve(connection.stream, redirect, clock, stopping).await;
            })
        }
    }

    pub(super) fn to_monitor(&self) -> impl Fn(Connection) -> Served + use<> {
        let monitor = self.monitor.clone();
        let (clock, tasks) = (Arc::clone(&self.clock), self.tasks.clone());
        move |connection| {
            let asker = if connection.peer.ip().is_loopback() { Asker::Here } else { Asker::Elsewhere };
            let answers = TowerToHyperService::new(web::monitor::router(monitor.clone(), asker));
            let (clock, stopping) = (Arc::clone(&clock), tasks.stopping());
            Box::pin(async move {
                let _place = connection.admission;
                web::plain::serve(connection.stream, answers, clock, stopping).await;
            })
        }
    }

    /// An ACME server makes the handshake, looks at the certificate and leaves.
    pub(super) fn to_challenge(&self) -> impl Fn(Connection) -> Served + use<> {
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
