//! The addresses by which this machine reaches others.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};

/// At most one of each family, as the routes of this machine have it; none where it reaches nobody. Nothing is sent.
pub fn outward_addresses() -> Vec<IpAddr> {
    // Addresses that documentation has for itself (RFC 5737, 3849): they are nobody's, and the way to them is that to anybody.
    let v4 = (Ipv4Addr::UNSPECIFIED.into(), Ipv4Addr::new(192, 0, 2, 1).into());
    let v6 = (Ipv6Addr::UNSPECIFIED.into(), Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1).into());
    let found = [v4, v6].into_iter().filter_map(|(from, to)| towards(from, to));
    found.filter(|address| !address.is_loopback() && !address.is_unspecified()).collect()
}

/// "Connecting" a UDP socket chooses its own address, and sends nothing.
fn towards(from: IpAddr, to: IpAddr) -> Option<IpAddr> {
    let socket = UdpSocket::bind(SocketAddr::new(from, 0)).ok()?;
    socket.connect(SocketAddr::new(to, 9)).ok()?;
    Some(socket.local_addr().ok()?.ip())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_of_this_machine_is_chosen_by_where_it_leads() {
        assert_eq!(towards(Ipv4Addr::UNSPECIFIED.into(), Ipv4Addr::LOCALHOST.into()), Some(Ipv4Addr::LOCALHOST.into()));
        for address in outward_addresses() {
            assert!(UdpSocket::bind(SocketAddr::new(address, 0)).is_ok(), "{address} is this machine's own");
        }
    }
}
