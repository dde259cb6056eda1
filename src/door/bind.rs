//! The first phase: every address is bound before anything is served. One that fails does not stop the others.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};

use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::TcpListener;

/// An address that could not be bound. The operator's side.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on {address}: {source}")]
pub struct BindError {
    /// The address.
    pub address: SocketAddr,
    /// What the operating system said.
    pub source: io::Error,
}

/// Sockets that are bound, and take connections into their queue, but are not served yet.
#[derive(Debug)]
pub struct Bound {
    pub(super) listeners: Vec<TcpListener>,
    failures: Vec<BindError>,
    /// The same, for another try.
    pub(super) missing: Vec<(SocketAddr, Families)>,
}

/// Binds `addresses`. Port 0 takes a free one. Called inside the runtime.
pub fn bind(addresses: &[SocketAddr]) -> Bound {
    let mut bound = Bound { listeners: Vec::new(), failures: Vec::new(), missing: Vec::new() };
    for &address in addresses {
        let beside = addresses.contains(&SocketAddr::new(Ipv4Addr::UNSPECIFIED.into(), address.port()));
        let family = if beside { Families::Own } else { Families::Both };
        match listen(address, family) {
            Ok(listener) => bound.listeners.push(listener),
            Err(source) => {
                bound.failures.push(BindError { address, source });
                bound.missing.push((address, family));
            }
        }
    }
    bound
}

impl Bound {
    /// The addresses that are bound, with their real ports.
    pub fn addresses(&self) -> Vec<SocketAddr> {
        self.listeners.iter().filter_map(|listener| listener.local_addr().ok()).collect()
    }

    /// The addresses that are not, and why.
    pub fn failures(&self) -> &[BindError] {
        &self.failures
    }
}

/// Whether `[::]` takes IPv4 as well.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Families {
    /// IPv6 alone: `0.0.0.0` is bound beside it.
    Own,
    /// Where the machine can.
    Both,
}

pub(super) fn listen(address: SocketAddr, families: Families) -> io::Result<TcpListener> {
    let everywhere = address.ip() == Ipv6Addr::UNSPECIFIED;
    let both = everywhere && families == Families::Both;
    match listen_as(address, both) {
        // A machine without IPv6: everywhere is everywhere that there is.
        Err(error) if both && is_without_family(&error) => {
            listen_as(SocketAddr::new(Ipv4Addr::UNSPECIFIED.into(), address.port()), false)
        }
        outcome => outcome,
    }
}

fn listen_as(address: SocketAddr, both: bool) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    if address.is_ipv6() {
        socket.set_only_v6(!both)?;
    }
    // Connections of the process before us that are still winding down do not keep us from our port. (On Windows the
    // same option would let two programs share it.)
    if cfg!(unix) {
        socket.set_reuse_address(true)?;
    }
    socket.bind(&address.into())?;
    socket.listen(QUEUE)?;
    socket.set_nonblocking(true)?;
    TcpListener::from_std(socket.into())
}

fn is_without_family(error: &io::Error) -> bool {
    let number = error.raw_os_error();
    // EAFNOSUPPORT where IPv6 is not built in, EADDRNOTAVAIL where it is switched off.
    number == Some(rustix::io::Errno::AFNOSUPPORT.raw_os_error())
        || number == Some(rustix::io::Errno::ADDRNOTAVAIL.raw_os_error())
}

/// How many connections the kernel keeps for us until we take them.
const QUEUE: i32 = 1024;
