//! Ports of a test's own: nobody else gets them, neither while they are closed nor between two who have them one after the other.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, UdpSocket};
use std::sync::atomic::{AtomicU16, Ordering};

use socket2::{Domain, Socket, Type};

use super::rig::until;

/// A port that nobody has on the loopback addresses, below those that the system gives to connections and to port 0. Other runs at the
/// same time begin elsewhere.
pub fn own() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let begin = u16::try_from(std::process::id() % 10_000).unwrap();
    loop {
        let port = 20_000 + (begin + NEXT.fetch_add(1, Ordering::Relaxed)) % 12_000;
        if is_free((Ipv4Addr::LOCALHOST, port).into()) && is_free((Ipv6Addr::LOCALHOST, port).into()) {
            return port;
        }
    }
}

/// Bound, but never listened at: a program that another test starts at this moment holds the socket until it has begun.
fn is_free(address: SocketAddr) -> bool {
    let tcp = || {
        let socket = Socket::new(Domain::for_address(address), Type::STREAM, None)?;
        socket.set_reuse_address(true)?;
        socket.bind(&address.into())
    };
    // Where there is no IPv6, nobody has its ports.
    let is_held = |bound: io::Result<()>| bound.is_err_and(|error| error.kind() == io::ErrorKind::AddrInUse);
    !is_held(tcp()) && !is_held(UdpSocket::bind(address).map(drop))
}

/// Waits until nobody holds `address`: neither who closed it a moment ago, nor a program that was started at that moment.
pub async fn until_free(address: SocketAddr) {
    until("the address is free", || TcpListener::bind(address).is_ok()).await;
}

/// The same on 127.0.0.1.
pub fn own_address() -> SocketAddr {
    (Ipv4Addr::LOCALHOST, own()).into()
}
