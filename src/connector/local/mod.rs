//! Programs on this machine: listened for on the loopback address, asked who they are, and carried to the gateway.
//!
//! | file | what it is |
//! |---|---|
//! | `mod` | the listeners |
//! | [`guard`], [`proc_net`] | whose program it is: nobody else's on this machine is let in |
//! | `greet`, `certificate` | PRELOGIN, and TLS for those that insist |
//! | `serve` | the way of one connection, from its first byte to its last |
//! | `way` | by which port to the gateway |
//! | `refusal` | every way to say no |

mod certificate;
mod greet;
pub mod guard;
pub mod proc_net;
mod refusal;
mod serve;
mod way;

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::{Semaphore, watch};

use self::certificate::OwnCertificate;
use self::guard::Guard;
pub(super) use self::way::Way;
use super::access::Access;
use super::feed::Now;
use super::pin::Place;
use crate::platform::{Clock, Tasks};

/// What a connection needs on its way.
pub(super) struct Shared {
    pub clock: Arc<dyn Clock>,
    pub guard: Guard,
    pub access: Access,
    pub now: watch::Receiver<Now>,
    pub way: Way,
    pub place: Place,
    pub tasks: Tasks,
    /// How many are connected.
    pub sessions: watch::Sender<usize>,
    pub rooms: Rooms,
    pub certificate: OwnCertificate,
}

/// How many may be here at once.
pub(super) struct Rooms {
    /// Who has not logged in yet.
    half_open: Arc<Semaphore>,
    /// Who will be refused: they are told so, and take nobody's place.
    strangers: Arc<Semaphore>,
    /// Who has.
    sessions: Arc<Semaphore>,
}

impl Default for Rooms {
    fn default() -> Self {
        let room = |places| Arc::new(Semaphore::new(places));
        Self { half_open: room(HALF_OPEN), strangers: room(STRANGERS), sessions: room(SESSIONS) }
    }
}

/// Why a port is not listened on. The workstation's side.
#[derive(Debug, thiserror::Error)]
pub enum ListenError {
    /// It is not this machine's own.
    #[error(
        "{0} is not on the loopback address: whoever reaches it would come in without TLS; listen on 127.0.0.1 or [::1]"
    )]
    Reachable(SocketAddr),
    /// The system does not give it.
    #[error("{address} cannot be listened on: {source}")]
    Bind {
        /// The address.
        address: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
}

/// Binds the ports. Of [`usual`] addresses the IPv6 one may be missing; of those that were asked for, none.
pub async fn bind(asked: &[SocketAddr]) -> Result<Vec<TcpListener>, ListenError> {
    if let Some(reachable) = asked.iter().find(|address| !address.ip().is_loopback()) {
        return Err(ListenError::Reachable(*reachable));
    }
    let mut listeners = Vec::new();
    let usual = usual();
    let addresses = if asked.is_empty() { &usual } else { asked };
    for address in addresses {
        match TcpListener::bind(address).await {
            Ok(listener) => listeners.push(listener),
            Err(error) if asked.is_empty() && is_missing(address, &error) => {
                tracing::debug!(%address, %error, "this machine has no such address");
            }
            Err(source) => return Err(ListenError::Bind { address: *address, source }),
        }
    }
    Ok(listeners)
}

/// SQL Server's own port, on both loopback addresses.
pub fn usual() -> [SocketAddr; 2] {
    ["127.0.0.1", "::1"]
        .map(|address| SocketAddr::new(address.parse().unwrap_or(IpAddr::V4([127, 0, 0, 1].into())), 1433))
}

fn is_missing(address: &SocketAddr, error: &io::Error) -> bool {
    address.is_ipv6() && matches!(error.kind(), io::ErrorKind::AddrNotAvailable | io::ErrorKind::Unsupported)
}

/// Accepts until the tasks are told to stop.
pub(super) async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    let stopping = shared.tasks.stopping();
    tokio::pin!(stopping);
    loop {
        let accepted = tokio::select! {
            biased;
            () = &mut stopping => return,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, peer)) => {
                let call = Arc::clone(&shared);
                shared.tasks.spawn("local connection", async move { serve::serve(&call, stream, peer).await });
            }
            Err(error) => {
                // No file left, most of the time: a moment later there may be.
                tracing::warn!(%error, "a local connection could not be accepted");
                shared.clock.sleep(Duration::from_millis(200)).await;
            }
        }
    }
}

/// How long the gateway has to end sessions with a word of its own.
pub(super) const GATEWAY_FIRST: Duration = Duration::from_millis(300);
const HALF_OPEN: usize = 64;
const STRANGERS: usize = 4;
const SESSIONS: usize = 1024;
