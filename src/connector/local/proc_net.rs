//! Whose socket is at the other end: `/proc/self/net/tcp` and `tcp6` (proc(5)).
//!
//! The other end of a connection over the loopback address is a socket of this machine, whose line names our address as its
//! remote one and its owner's user id. A program that uses IPv6 sockets for IPv4 addresses stands in `tcp6`, with the address in
//! its mapped form.

use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// One line: a socket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Socket {
    /// Its own address.
    pub local: SocketAddr,
    /// Whom it is connected to.
    pub remote: SocketAddr,
    /// Whether it is: established, and held by a process. What is left over of a connection belongs to nobody, and is shown
    /// as root's.
    pub connected: bool,
    /// Its owner.
    pub uid: u32,
}

/// The user whose socket at `peer` is connected to `own`; nothing where there is none. Blocks.
pub fn owner(own: SocketAddr, peer: SocketAddr) -> io::Result<Option<u32>> {
    for file in FILES {
        let lines = match File::open(file) {
            Ok(file) => BufReader::new(file).lines(),
            // A kernel without IPv6.
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(error) => return Err(error),
        };
        for line in lines {
            if let Some(uid) = parse(&line?).as_ref().and_then(|socket| belongs(socket, own, peer)) {
                return Ok(Some(uid));
            }
        }
    }
    Ok(None)
}

fn belongs(socket: &Socket, own: SocketAddr, peer: SocketAddr) -> Option<u32> {
    let is_it = socket.connected && socket.local == plain(peer) && socket.remote == plain(own);
    is_it.then_some(socket.uid)
}

/// Reads a line; nothing where it is the heading, or no such line.
pub fn parse(line: &str) -> Option<Socket> {
    let mut words = line.split_ascii_whitespace();
    words.next()?.strip_suffix(':')?;
    let (local, remote) = (address(words.next()?)?, address(words.next()?)?);
    let state = u8::from_str_radix(words.next()?, 16).ok()?;
    // Queues, timer, retransmissions.
    let uid = words.nth(3)?.parse().ok()?;
    let inode: u64 = words.nth(1)?.parse().ok()?;
    Some(Socket { local, remote, connected: state == ESTABLISHED && inode != 0, uid })
}

/// `0100007F:0599`, or four such words: the address as it lies in memory, printed word by word; the port as a number.
fn address(text: &str) -> Option<SocketAddr> {
    let (address, port) = text.split_once(':')?;
    let hexadecimal = |text: &str| text.bytes().all(|byte| byte.is_ascii_hexdigit());
    if port.len() != 4 || !hexadecimal(port) || !hexadecimal(address) {
        return None;
    }
    let port = u16::from_str_radix(port, 16).ok()?;
    let word = |at: usize| Some(u32::from_str_radix(address.get(at * 8..at * 8 + 8)?, 16).ok()?.to_ne_bytes());
    let ip = match address.len() {
        8 => IpAddr::V4(Ipv4Addr::from(word(0)?)),
        32 => {
            let mut bytes = [0; 16];
            for (at, part) in bytes.chunks_exact_mut(4).enumerate() {
                part.copy_from_slice(&word(at)?);
            }
            IpAddr::V6(Ipv6Addr::from(bytes))
        }
        _ => return None,
    };
    Some(plain(SocketAddr::new(ip, port)))
}

/// Without the mapped form, and without scope or flow.
fn plain(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(address.ip().to_canonical(), address.port())
}

const FILES: [&str; 2] = ["/proc/self/net/tcp", "/proc/self/net/tcp6"];
const ESTABLISHED: u8 = 1;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A line as the kernel prints it (`net/ipv4/tcp_ipv4.c`, `net/ipv6/tcp_ipv6.c`).
    fn printed(local: SocketAddr, remote: SocketAddr, state: u8, uid: u32, inode: u64) -> String {
        let words = |address: SocketAddr| {
            let bytes = match address.ip() {
                IpAddr::V4(ip) => ip.octets().to_vec(),
                IpAddr::V6(ip) => ip.octets().to_vec(),
            };
            let words = bytes.chunks(4).map(|four| format!("{:08X}", u32::from_ne_bytes(four.try_into().unwrap())));
            format!("{}:{:04X}", words.collect::<String>(), address.port())
        };
        let (local, remote) = (words(local), words(remote));
        format!(
            "  12: {local} {remote} {state:02X} 00000000:00000000 00:00000000 00000000 {uid:5}        0 {inode} 1 ffff88 20 4 30 10 -1"
        )
    }

    fn ends() -> impl Strategy<Value = (SocketAddr, SocketAddr)> {
        let four = any::<(Ipv4Addr, u16, Ipv4Addr, u16)>()
            .prop_map(|(a, p, b, q)| (SocketAddr::from((a, p)), SocketAddr::from((b, q))));
        let six = any::<(Ipv6Addr, u16, Ipv6Addr, u16)>()
            .prop_map(|(a, p, b, q)| (SocketAddr::from((a, p)), SocketAddr::from((b, q))));
        prop_oneof![four, six]
    }

    #[test]
    fn a_line_of_a_real_kernel_is_read() {
        let line = "   1: 0100007F:C350 0100007F:0599 01 00000000:00000000 00:00000000 00000000  1000        0 33205 1 0000000000000000 20 4 0 10 -1";
        let socket = parse(line).unwrap();
        assert_eq!((socket.uid, socket.connected), (1000, true));
        if cfg!(target_endian = "little") {
            assert_eq!(socket.local, "127.0.0.1:50000".parse().unwrap());
            assert_eq!(socket.remote, "127.0.0.1:1433".parse().unwrap());
        }
        assert_eq!(
            parse("  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode"),
            None
        );
    }

    #[test]
    fn an_ipv4_address_of_an_ipv6_socket_is_that_ipv4_address() {
        let (own, peer): (SocketAddr, SocketAddr) =
            ("127.0.0.1:1433".parse().unwrap(), "127.0.0.1:50000".parse().unwrap());
        let mapped = |address: SocketAddr| {
            let IpAddr::V4(ip) = address.ip() else { panic!() };
            SocketAddr::from((ip.to_ipv6_mapped(), address.port()))
        };
        let socket = parse(&printed(mapped(peer), mapped(own), 1, 7, 99)).unwrap();
        assert_eq!(belongs(&socket, own, peer), Some(7));
        assert_eq!(belongs(&socket, mapped(own), mapped(peer)), Some(7));
    }

    #[test]
    fn what_is_left_over_of_a_connection_belongs_to_nobody() {
        let (own, peer): (SocketAddr, SocketAddr) =
            ("127.0.0.1:1433".parse().unwrap(), "127.0.0.1:50000".parse().unwrap());
        for (state, inode) in [(6, 0), (6, 99), (1, 0), (8, 99), (10, 99)] {
            assert_eq!(belongs(&parse(&printed(peer, own, state, 0, inode)).unwrap(), own, peer), None);
        }
    }

    proptest! {
        #[test]
        fn a_socket_is_read_as_it_was_printed(
            (local, remote) in ends(), state in 1u8..12, uid: u32, inode: u64,
        ) {
            let socket = parse(&printed(local, remote, state, uid, inode));
            let connected = state == 1 && inode != 0;
            prop_assert_eq!(socket, Some(Socket { local: plain(local), remote: plain(remote), connected, uid }));
        }

        #[test]
        fn only_the_very_pair_is_the_peers((local, remote) in ends(), (other, another) in ends(), uid: u32) {
            let socket = parse(&printed(local, remote, 1, uid, 1)).unwrap();
            prop_assert_eq!(belongs(&socket, remote, local), Some(uid));
            prop_assume!(plain(other) != plain(local) || plain(another) != plain(remote));
            prop_assert_eq!(belongs(&socket, another, other), None);
        }

        #[test]
        fn arbitrary_lines_never_panic(line in "\\PC{0,200}", words in prop::collection::vec("[0-9A-F:]{0,40}", 0..14)) {
            let _ = parse(&line);
            let _ = parse(&words.join(" "));
        }
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn the_owner_of_a_real_connection_is_this_user_and_over_when_it_is() {
        for address in ["127.0.0.1:0", "[::1]:0"] {
            let Ok(listener) = std::net::TcpListener::bind(address) else { continue };
            let client = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
            let (server, peer) = listener.accept().unwrap();
            let own = server.local_addr().unwrap();
            assert_eq!(owner(own, peer).unwrap(), Some(rustix::process::geteuid().as_raw()));
            drop(client);
            assert_eq!(owner(own, peer).unwrap(), None);
        }
    }
}
