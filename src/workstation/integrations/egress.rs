//! Where a check may connect to. Administrators name the services, and an administrator's session in the wrong hands must not
//! make the appliance knock at what listens for this machine alone, or at a cloud's service that hands out credentials.
//!
//! Private networks (RFC 1918, RFC 4193) are where services on premises are, and stay open.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Which addresses checks reach.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reaches {
    /// Those of other machines.
    Others,
    /// Loopback, too.
    ThisMachine,
}

impl Reaches {
    /// Why a check does not connect to this address; nothing where it does.
    pub(super) fn refuses(self, address: IpAddr) -> Option<&'static str> {
        let inner = match address {
            IpAddr::V4(four) => four,
            IpAddr::V6(six) => match four_within(six) {
                Some(four) => four,
                None => return self.refuses_six(six),
            },
        };
        self.refuses_four(inner)
    }

    fn refuses_four(self, four: Ipv4Addr) -> Option<&'static str> {
        match four.octets() {
            // RFC 1122, 3.2.1.3: this host on this network.
            [0, ..] => Some("is no address of a machine"),
            [127, ..] if self == Self::Others => Some("is the appliance's own machine"),
            [169, 254, ..] => Some("is link-local"),
            [224..=239, ..] => Some("is multicast"),
            // Reserved, and broadcast.
            [240..=255, ..] => Some("is no address of a machine"),
            _ if METADATA_FOUR.contains(&four) => Some(METADATA),
            _ => None,
        }
    }

    fn refuses_six(self, six: Ipv6Addr) -> Option<&'static str> {
        match six.segments() {
            [0, 0, 0, 0, 0, 0, 0, 0] => Some("is no address of a machine"),
            [0, 0, 0, 0, 0, 0, 0, 1] if self == Self::Others => Some("is the appliance's own machine"),
            [0xfe80..=0xfebf, ..] => Some("is link-local"),
            [0xff00..=0xffff, ..] => Some("is multicast"),
            _ if METADATA_SIX.contains(&six) => Some(METADATA),
            _ => None,
        }
    }
}

/// The IPv4 address that an IPv6 address stands for: mapped (RFC 4291, 2.5.5.2), compatible (2.5.5.1), or behind the well-known
/// prefix of NAT64 (RFC 6052).
fn four_within(six: Ipv6Addr) -> Option<Ipv4Addr> {
    let [.., high, low] = six.segments();
    let bits = (u32::from(high) << 16) | u32::from(low);
    match six.segments() {
        [0, 0, 0, 0, 0, 0xffff, ..] | [0x64, 0xff9b, 0, 0, 0, 0, ..] => Some(Ipv4Addr::from_bits(bits)),
        // `::` and `::1` are addresses of their own.
        [0, 0, 0, 0, 0, 0, ..] if bits > 1 => Some(Ipv4Addr::from_bits(bits)),
        _ => None,
    }
}

const METADATA: &str = "is a cloud's own service for its machines";

/// Those that are not link-local: Azure's, Alibaba's.
const METADATA_FOUR: [Ipv4Addr; 2] = [Ipv4Addr::new(168, 63, 129, 16), Ipv4Addr::new(100, 100, 100, 200)];

/// AWS's and Google's, among private addresses.
const METADATA_SIX: [Ipv6Addr; 2] =
    [Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254), Ipv6Addr::new(0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254)];

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(address: &str) -> Option<&'static str> {
        Reaches::Others.refuses(address.parse().unwrap())
    }

    #[test]
    fn what_is_this_machines_the_links_or_nobodys_is_refused_however_it_is_written() {
        for (range, edges) in [
            ("unspecified", &["0.0.0.0", "0.0.0.1", "0.255.255.255"][..]),
            ("loopback", &["127.0.0.0", "127.0.0.1", "127.255.255.255"]),
            ("link-local", &["169.254.0.0", "169.254.169.254", "169.254.255.255"]),
            ("multicast", &["224.0.0.0", "239.255.255.255"]),
            ("reserved", &["240.0.0.0", "255.255.255.254"]),
            ("broadcast", &["255.255.255.255"]),
            ("metadata", &["168.63.129.16", "100.100.100.200"]),
        ] {
            for four in edges {
                for written in [four.to_string(), format!("::ffff:{four}"), format!("64:ff9b::{four}")] {
                    assert!(refused(&written).is_some(), "{range}: {written}");
                }
            }
        }
        for six in [
            "::",
            "::1",
            "::127.0.0.1",
            "::169.254.169.254",
            "fe80::",
            "fe80::1",
            "febf:ffff::1",
            "ff00::",
            "ff02::1",
            "ffff::1",
            "fd00:ec2::254",
            "fd20:ce::254",
        ] {
            assert!(refused(six).is_some(), "{six}");
        }
    }

    #[test]
    fn private_and_public_networks_are_reached() {
        for address in [
            "1.0.0.0",
            "10.0.0.0",
            "10.255.255.255",
            "100.64.0.1",
            "126.255.255.255",
            "128.0.0.0",
            "169.253.255.255",
            "169.255.0.0",
            "172.16.0.1",
            "172.31.255.255",
            "192.168.0.1",
            "192.168.255.255",
            "223.255.255.255",
            "8.8.8.8",
            "::ffff:10.0.0.1",
            "64:ff9b::10.0.0.1",
            "2001:db8::1",
            "fc00::1",
            "fd00::1",
            "fd00:ec2::253",
            "fdff:ffff::1",
            "fe7f::1",
            "fec0::1",
        ] {
            assert_eq!(refused(address), None, "{address}");
        }
    }

    #[test]
    fn with_this_machine_loopback_is_reached_and_nothing_else_more() {
        let refused = |address: &str| Reaches::ThisMachine.refuses(address.parse().unwrap()).is_some();
        assert!(!refused("127.0.0.1") && !refused("::1") && !refused("::ffff:127.0.0.1"));
        assert!(refused("169.254.169.254") && refused("0.0.0.0") && refused("::") && refused("fe80::1"));
    }
}
