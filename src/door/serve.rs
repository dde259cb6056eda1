//! The second phase: connections are accepted, counted, told apart, and handed over.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use tokio::net::{TcpListener, TcpStream};

use super::bind::{BindError, Bound, Families, listen};
use super::limits::{Admission, HalfOpen};
use super::look::first_bytes;
use super::numbers::Arrivals;
use super::report::Report;
use super::sniff::Kind;
use crate::platform::clock::within;
use crate::platform::{Clock, Pool, Tasks};
use crate::wire::farewell::reset_on_close;

/// A connection whose first bytes were looked at, and not taken.
#[derive(Debug)]
pub struct Connection {
    /// The stream, from its first byte.
    pub stream: TcpStream,
    /// Who is there. An IPv4 address is one, through whichever socket it came.
    pub peer: SocketAddr,
    /// The address that was called.
    pub local: SocketAddr,
    /// What it is.
    pub kind: Kind,
    /// Its place among the half-open: to be dropped as soon as it has signed in.
    pub admission: Admission,
}

impl Connection {
    /// From now on dropping the stream resets the connection, and what was not sent yet is thrown away.
    pub fn reset_on_close(&self) {
        reset_on_close(&self.stream);
    }
}

/// Takes connections over.
pub trait Handler: Send + Sync + 'static {
    /// Serves a connection to its end.
    fn handle(&self, connection: Connection) -> BoxFuture<'static, ()>;
}

impl<F, Served> Handler for F
where
    F: Fn(Connection) -> Served + Send + Sync + 'static,
    Served: Future<Output = ()> + Send + 'static,
{
    fn handle(&self, connection: Connection) -> BoxFuture<'static, ()> {
        Box::pin(self(connection))
    }
}

/// Who serves what comes in through one set of listeners. What nobody is registered for is closed.
#[derive(Clone)]
pub struct Door {
    tasks: Tasks,
    clock: Arc<dyn Clock>,
    half_open: HalfOpen,
    silence: Duration,
    handlers: Vec<(Kind, Arc<dyn Handler>)>,
    arrivals: Arrivals,
    report: Option<Report>,
    look_ups: Pool,
}

impl Door {
    /// A door that leads nowhere yet. Who says nothing for `silence` is shown out.
    pub fn new(tasks: Tasks, clock: Arc<dyn Clock>, half_open: HalfOpen, silence: Duration) -> Self {
        let (handlers, arrivals) = (Vec::new(), Arrivals::default());
        Self { tasks, clock, half_open, silence, handlers, arrivals, report: None, look_ups: Pool::new(1) }
    }

    /// Connections of this kind go to `handler`.
    pub fn on(mut self, kind: Kind, handler: impl Handler) -> Self {
        self.handlers.push((kind, Arc::new(handler)));
        self
    }

    /// Who comes is counted here.
    pub fn counted(mut self, arrivals: &Arrivals) -> Self {
        self.arrivals = arrivals.clone();
        self
    }

    /// Addresses that cannot be bound are reported so.
    pub fn reported(mut self, report: Report) -> Self {
        self.report = Some(report);
        self
    }

    /// Serves what was bound, in the background, until the tasks are told to stop. What could not be bound is tried
    /// again and again.
    pub fn serve(self, bound: Bound) {
        let door = Arc::new(self);
        for listener in bound.listeners {
            let here = Arc::clone(&door);
            door.tasks.spawn("listener", async move { here.accept_from(listener).await });
        }
        for (address, families) in bound.missing {
            let here = Arc::clone(&door);
            door.tasks.spawn("listener", async move { here.accept_in_the_end(address, families).await });
        }
    }

    async fn accept_in_the_end(self: Arc<Self>, address: SocketAddr, families: Families) {
        loop {
            tokio::select! {
                () = self.tasks.stopping() => return,
                () = self.clock.sleep(BIND_AGAIN) => {}
            }
            let (outcome, report) = (listen(address, families), self.report.clone());
            match outcome {
                Ok(listener) => {
                    report.inspect(|report| report.bound(address));
                    return self.accept_from(listener).await;
                }
                // It looks for the program that is in the way.
                Err(source) => {
                    let tell = move || report.inspect(|report| report.failed(&BindError { address, source }));
                    let _ = self.look_ups.run(tell).await;
                }
            }
        }
    }

    async fn accept_from(self: Arc<Self>, listener: TcpListener) {
        let mut pause = SHORTEST_PAUSE;
        loop {
            let accepted = tokio::select! {
                biased;
                () = self.tasks.stopping() => return,
                accepted = listener.accept() => accepted,
            };
            match accepted {
                Ok((stream, peer)) => {
                    pause = SHORTEST_PAUSE;
                    self.welcome(stream, peer);
                }
                // Whoever it was has left again.
                Err(error) if is_the_peers(&error) => {}
                // Out of descriptors or memory: trying again at once would only burn what is left.
                Err(error) => {
                    tracing::error!(%error, "cannot accept connections");
                    tokio::select! {
                        () = self.tasks.stopping() => return,
                        () = self.clock.sleep(pause) => pause = (pause * 2).min(LONGEST_PAUSE),
                    }
                }
            }
        }
    }

    fn welcome(self: &Arc<Self>, stream: TcpStream, peer: SocketAddr) {
        let peer = SocketAddr::new(peer.ip().to_canonical(), peer.port());
        let Some(admission) = self.half_open.admit(peer.ip()) else {
            reset_on_close(&stream);
            return;
        };
        let door = Arc::clone(self);
        self.tasks.spawn("connection", async move { door.hand_over(stream, peer, admission).await });
    }

    async fn hand_over(&self, stream: TcpStream, peer: SocketAddr, admission: Admission) {
        let Ok(local) = stream.local_addr() else { return };
        let local = SocketAddr::new(local.ip().to_canonical(), local.port());
        prepare(&stream);
        let told = tokio::select! {
            biased;
            () = self.tasks.stopping() => return,
            told = within(&*self.clock, self.silence, first_bytes(&stream, &*self.clock)) => told,
        };
        self.arrivals.add(told.as_ref().ok().and_then(|told| told.as_ref().ok()).copied().flatten());
        let kind = match told {
            Ok(Ok(Some(kind))) => kind,
            // MultiSubnetFailover opens a connection to each address and drops all but one; port scanners do the same.
            Ok(Ok(None)) => return tracing::debug!(peer.ip = %peer.ip(), "closed before it said what it is"),
            Ok(Err(error)) => return tracing::debug!(peer.ip = %peer.ip(), %error, "failed before it said what it is"),
            Err(_) => return tracing::debug!(peer.ip = %peer.ip(), "said nothing"),
        };
        match self.handlers.iter().find(|(of, _)| *of == kind) {
            Some((_, handler)) => handler.handle(Connection { stream, peer, local, kind, admission }).await,
            None => tracing::debug!(peer.ip = %peer.ip(), ?kind, "nothing of this kind is served here"),
        }
    }
}

impl std::fmt::Debug for Door {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let kinds: Vec<_> = self.handlers.iter().map(|(kind, _)| kind).collect();
        f.debug_struct("Door").field("kinds", &kinds).finish_non_exhaustive()
    }
}

/// Answers leave at once; a workstation that vanished is noticed in the end. Neither option is worth failing for.
fn prepare(stream: &TcpStream) {
    let _ = stream.set_nodelay(true);
    let keepalive = socket2::TcpKeepalive::new().with_time(QUIET).with_interval(PROBES);
    let _ = socket2::SockRef::from(stream).set_tcp_keepalive(&keepalive);
}

fn is_the_peers(error: &io::Error) -> bool {
    use io::ErrorKind as Kind;
    matches!(error.kind(), Kind::ConnectionAborted | Kind::ConnectionReset | Kind::Interrupted)
}

const SHORTEST_PAUSE: Duration = Duration::from_millis(20);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);
/// How long until an address that could not be bound is tried again.
const BIND_AGAIN: Duration = Duration::from_secs(10);
const QUIET: Duration = Duration::from_secs(30);
const PROBES: Duration = Duration::from_secs(10);
