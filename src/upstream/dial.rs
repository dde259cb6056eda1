//! From a host name to a TCP connection: all addresses, each a little later than the one before, the first one wins
//! (RFC 8305 in spirit).

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use tokio::net::TcpStream;

use super::error::ConnectError;
use crate::platform::{Clock, Resolve};

/// The addresses of `host`, the two families taking turns.
pub(super) async fn addresses(resolver: &dyn Resolve, host: &str, port: u16) -> Result<Vec<SocketAddr>, ConnectError> {
    if let Ok(address) = host.parse::<IpAddr>() {
        return Ok(vec![SocketAddr::new(address, port)]);
    }
    let failed = |source| ConnectError::Resolve { host: host.to_owned(), source };
    let found = resolver.resolve(host, port).await.map_err(failed)?;
    if found.is_empty() {
        return Err(failed(io::Error::new(io::ErrorKind::NotFound, "the name has no address")));
    }
    Ok(taking_turns(found))
}

/// Connects to the first address that answers.
pub(super) async fn race(clock: &dyn Clock, addresses: &[SocketAddr]) -> Result<(TcpStream, SocketAddr), ConnectError> {
    let mut waiting = addresses.iter().copied();
    let mut running = FuturesUnordered::new();
    let mut failures = Vec::new();
    let attempt = |address: SocketAddr| async move { (address, TcpStream::connect(address).await) };
    loop {
        let next = waiting.next();
        running.extend(next.map(attempt));
        let stagger = async {
            match next {
                Some(_) => clock.sleep(STAGGER).await,
                // Nobody else is waiting for a turn.
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            done = running.next() => match done {
                Some((address, Ok(stream))) => {
                    prepare(&stream);
                    return Ok((stream, address));
                }
                Some((address, Err(error))) => failures.push((address, error)),
                None => return Err(ConnectError::Unreachable(failures)),
            },
            () = stagger => {}
        }
    }
}

/// A session may be quiet for days; whoever is gone should be noticed all the same. Neither option is worth failing for.
fn prepare(stream: &TcpStream) {
    let _ = stream.set_nodelay(true);
    let keepalive = socket2::TcpKeepalive::new().with_time(QUIET).with_interval(PROBES);
    let _ = socket2::SockRef::from(stream).set_tcp_keepalive(&keepalive);
}

fn taking_turns(found: Vec<SocketAddr>) -> Vec<SocketAddr> {
    let first_is_v6 = found.first().is_some_and(SocketAddr::is_ipv6);
    let (lead, follow): (Vec<_>, Vec<_>) = found.into_iter().partition(|address| address.is_ipv6() == first_is_v6);
    let (mut lead, mut follow) = (lead.into_iter(), follow.into_iter());
    let mut out = Vec::new();
    loop {
        let pair = (lead.next(), follow.next());
        out.extend([pair.0, pair.1].into_iter().flatten());
        if pair == (None, None) {
            return out;
        }
    }
}

/// How long one address has the field to itself.
const STAGGER: Duration = Duration::from_millis(250);
const QUIET: Duration = Duration::from_secs(30);
const PROBES: Duration = Duration::from_secs(10);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_two_families_take_turns() {
        let of = |text: &str| text.parse::<SocketAddr>().unwrap();
        let found = ["[::1]:1", "[::2]:1", "[::3]:1", "10.0.0.1:1"].map(of).to_vec();
        assert_eq!(taking_turns(found), ["[::1]:1", "10.0.0.1:1", "[::2]:1", "[::3]:1"].map(of));
    }
}
