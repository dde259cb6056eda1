//! Which program holds a port that somebody else wants.

use std::net::SocketAddr;

use listeners::{Protocol, SocketState};

/// What a port is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transport {
    /// Connections.
    Tcp,
    /// Datagrams.
    Udp,
}

/// A program that holds a port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holder {
    /// The program's name.
    pub name: String,
    /// Its process id.
    pub process: u32,
}

/// Who holds `address`, or one that stands in its way; nobody where this process may not see whose it is. Reads the whole
/// machine's tables, so it blocks.
pub fn holder(transport: Transport, address: SocketAddr) -> Option<Holder> {
    let clashes = |other: SocketAddr| {
        other.port() == address.port()
            && (other.ip().to_canonical() == address.ip().to_canonical()
                || other.ip().is_unspecified()
                || address.ip().is_unspecified())
    };
    let found = listeners::get_all().ok()?.into_iter().find(|listener| {
        let takes = match transport {
            Transport::Tcp => listener.protocol == Protocol::TCP && listener.state == SocketState::Listen,
            Transport::Udp => listener.protocol == Protocol::UDP,
        };
        takes && clashes(listener.socket)
    })?;
    Some(Holder { name: found.process.name, process: found.process.pid })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_is_found_at_the_ports_that_it_holds_and_not_after() {
        let tcp = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let udp = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
        let cases = [(Transport::Tcp, tcp.local_addr().unwrap()), (Transport::Udp, udp.local_addr().unwrap())];
        for (transport, held) in cases {
            for wanted in [held, SocketAddr::from(([0; 16], held.port()))] {
                assert_eq!(holder(transport, wanted).unwrap().process, std::process::id(), "{transport:?} {wanted}");
            }
            let elsewhere = SocketAddr::from(([127, 0, 0, 2], held.port()));
            assert!(holder(transport, elsewhere).is_none_or(|found| found.process != std::process::id()));
        }
        let free = cases[0].1;
        drop(tcp);
        assert!(holder(Transport::Tcp, free).is_none_or(|found| found.process != std::process::id()));
    }
}
