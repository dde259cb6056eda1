//! Looking host names up, behind a small trait that tests replace.

use std::future::Future;
use std::io;
use std::net::{SocketAddr, ToSocketAddrs as _};
use std::pin::Pin;

use super::pool::Pool;

/// Looks host names up.
pub trait Resolve: Send + Sync + 'static {
    /// All addresses of a host, in the order in which they should be tried.
    fn resolve<'a>(&'a self, host: &'a str, port: u16) -> Resolving<'a>;
}

/// An answer that is being looked up.
pub type Resolving<'a> = Pin<Box<dyn Future<Output = io::Result<Vec<SocketAddr>>> + Send + 'a>>;

/// The operating system's resolver.
#[derive(Debug, Clone)]
pub struct SystemResolver {
    /// Its look-ups go on when nobody waits for them any more, so they have threads of their own: a DNS that hangs must
    /// not take those on which the audit is written.
    lookups: Pool,
}

impl SystemResolver {
    /// A resolver that looks up a few names at once.
    pub fn new() -> Self {
        Self { lookups: Pool::new(LOOKUPS) }
    }
}

impl Default for SystemResolver {
    fn default() -> Self {
        Self::new()
    }
}

impl Resolve for SystemResolver {
    fn resolve<'a>(&'a self, host: &'a str, port: u16) -> Resolving<'a> {
        let host = host.to_owned();
        Box::pin(async move {
            let lookup = self.lookups.run(move || (host.as_str(), port).to_socket_addrs().map(Iterator::collect));
            lookup.await.map_err(io::Error::other)?
        })
    }
}

/// Names looked up at once.
const LOOKUPS: usize = 16;
