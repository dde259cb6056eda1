//! Ports of a test's own: nobody else gets them, neither while they are closed nor between two who have them one after the other.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, UdpSocket};
use std::sync::atomic::{AtomicU16, Ordering};

/// A port that nobody has on the loopback addresses, below those that the system gives to connections and to port 0. Other runs at the
/// same time begin elsewhere.
pub fn own() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let begin = u16::try_from(std::process::id() % 10_000).unwrap();
    loop {
        let port = 20_000 + (begin + NEXT.fetch_add(1, Ordering::Relaxed)) % 12_000;
        let free = |address: SocketAddr| TcpListener::bind(address).is_ok() && UdpSocket::bind(address).is_ok();
        if free((Ipv4Addr::LOCALHOST, port).into()) && free((Ipv6Addr::LOCALHOST, port).into()) {
            return port;
        }
    }
}

/// The same on 127.0.0.1.
pub fn own_address() -> SocketAddr {
    (Ipv4Addr::LOCALHOST, own()).into()
}
