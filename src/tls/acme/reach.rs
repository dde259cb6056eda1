//! Whether a name leads to this appliance, before a directory is asked to check that: most orders that fail, fail for that.
//!
//! A look-up and a connection from here prove much when they meet us or somebody else, and little when they meet nobody: many routers do
//! not lead a way out and back in. So nobody is a warning, and somebody else is no order.

use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt as _;
use tokio::net::TcpStream;

use super::error::AcmeError;
use super::explain::clean;
use super::meet::{self, MadeUp, Met};
use crate::config::Challenge;
use crate::platform::clock::within;
use crate::platform::{Clock, Resolve};
use crate::tls::certificates::Certificates;
use crate::tls::challenges::Challenges;

/// What is needed to look.
pub(super) struct Surroundings {
    pub resolver: Arc<dyn Resolve>,
    /// Whether an address is one of this machine's.
    pub is_own: fn(IpAddr) -> bool,
    pub clock: Arc<dyn Clock>,
    /// What is shown now.
    pub shown: Arc<Certificates>,
    pub challenges: Challenges,
}

/// What is known of a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It leads here.
    Fine,
    /// It may or may not; this is what speaks against it.
    Unsure(String),
    /// It does not, or cannot be checked by this directory.
    Wrong(String),
}

/// What answers at one of a name's addresses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Look {
    /// This appliance.
    Own,
    /// Somebody else, in words that follow "where".
    Another(String),
    /// Nobody, in the operating system's words.
    Nobody(String),
}

impl Surroundings {
    /// Looks at all names. Gives the warnings; an error when any of them cannot succeed.
    pub(super) async fn check(
        &self,
        names: &[String],
        challenge: Challenge,
        internet: bool,
    ) -> Result<Vec<String>, AcmeError> {
        let way = match challenge {
            Challenge::TlsAlpn01 => Way::Tls,
            Challenge::Http01 => {
                Way::Http(MadeUp::in_place(&self.challenges).map_err(|error| AcmeError::Library(error.to_string()))?)
            }
        };
        let mut looks = Vec::new();
        for name in names {
            looks.push(self.look_at(name, &way, internet));
        }
        let verdicts: Vec<Verdict> = futures_util::stream::iter(looks).buffered(AT_ONCE).collect().await;
        let (mut warnings, mut wrong) = (Vec::new(), Vec::new());
        for verdict in verdicts {
            match verdict {
                Verdict::Fine => {}
                Verdict::Unsure(text) => warnings.push(text),
                Verdict::Wrong(text) => wrong.push(text),
            }
        }
        if wrong.is_empty() { Ok(warnings) } else { Err(AcmeError::Names(wrong.join("; "))) }
    }

    async fn look_at(&self, name: &str, way: &Way<'_>, internet: bool) -> Verdict {
        let port = way.port();
        let found = match within(&*self.clock, LOOKUP_LIMIT, self.resolver.resolve(name, port)).await {
            Ok(Ok(found)) => found,
            Ok(Err(error)) => {
                return Verdict::Wrong(format!(
                    "{name} has no address ({}): {POINT_IT_HERE}",
                    clean(&error.to_string())
                ));
            }
            Err(_) => {
                return Verdict::Wrong(format!("{name} has no address (the DNS does not answer): {POINT_IT_HERE}"));
            }
        };
        let mut addresses: Vec<SocketAddr> =
            found.into_iter().filter(|address| !address.ip().is_unspecified()).collect();
        addresses.dedup();
        addresses.truncate(MOST_ADDRESSES);
        let looks = addresses.iter().map(|address| self.call(name, *address, way));
        let looks: Vec<Look> = futures_util::future::join_all(looks).await;
        let looks: Vec<(IpAddr, Look)> = addresses.iter().map(SocketAddr::ip).zip(looks).collect();
        judge(name, &looks, internet, port)
    }

    async fn call(&self, name: &str, address: SocketAddr, way: &Way<'_>) -> Look {
        if (self.is_own)(address.ip()) {
            return Look::Own;
        }
        let call = async {
            let tcp = TcpStream::connect(address).await.map_err(|error| Look::Nobody(clean(&error.to_string())))?;
            Ok(match way {
                Way::Tls => meet::over_tls(tcp, name, &self.shown).await,
                Way::Http(made_up) => meet::over_http(tcp, name, made_up).await,
            })
        };
        match within(&*self.clock, CALL_LIMIT, call).await {
            Ok(Ok(Met::Ourselves)) => Look::Own,
            Ok(Ok(Met::Another(who))) => Look::Another(who),
            Ok(Err(nobody)) => nobody,
            Err(_) => Look::Nobody("no answer in time".to_owned()),
        }
    }
}

/// How a directory would come.
enum Way<'a> {
    /// TLS-ALPN-01.
    Tls,
    /// HTTP-01.
    Http(MadeUp<'a>),
}

impl Way<'_> {
    /// Where it would come (RFC 8737 3, RFC 8555 8.3).
    fn port(&self) -> u16 {
        match self {
            Self::Tls => 443,
            Self::Http(_) => 80,
        }
    }
}

/// What follows for a name from what answers at its addresses. `internet`: the directory reaches public addresses alone.
pub(super) fn judge(name: &str, looks: &[(IpAddr, Look)], internet: bool, port: u16) -> Verdict {
    if looks.is_empty() {
        return Verdict::Wrong(format!("{name} has no address: {POINT_IT_HERE}"));
    }
    // The directory chooses among the addresses, so one that leads elsewhere is one too many.
    for (address, look) in looks {
        if let Look::Another(who) = look {
            return Verdict::Wrong(format!("{name} leads to {address}, where {who}: point its DNS record here"));
        }
    }
    if looks.iter().all(|(_, look)| *look == Look::Own) {
        return Verdict::Fine;
    }
    if internet && looks.iter().all(|(address, look)| *look != Look::Own && is_private(*address)) {
        let address = looks.first().map(|(address, _)| address.to_string()).unwrap_or_default();
        return Verdict::Wrong(format!(
            "{name} leads to {address}, a private address, which a directory in the Internet cannot reach: give it a public address that leads \
             here, or order from a company's own directory (`acme.directory`)"
        ));
    }
    let nobody = looks.iter().find_map(|(address, look)| match look {
        Look::Nobody(reason) => Some(format!(
            "{name} leads to {address}, where port {port} cannot be reached from here ({reason}); it is ordered all the same, since the way out \
             and back in may be closed to this machine alone"
        )),
        _ => None,
    });
    nobody.map_or(Verdict::Fine, Verdict::Unsure)
}

/// Whether an address is one of this machine's: nobody can bind to another's. (Where the system lets programs bind to any address,
/// as some load balancers need it, every address counts as own, and the directory finds out.)
pub(super) fn is_own(address: IpAddr) -> bool {
    UdpSocket::bind((address, 0)).is_ok()
}

/// Whether an address means something in its own network alone.
fn is_private(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(four) => {
            let [first, second, ..] = four.octets();
            // RFC 6598: behind a provider's address translation.
            let shared = first == 100 && (64..128).contains(&second);
            four.is_private() || four.is_loopback() || four.is_link_local() || shared
        }
        IpAddr::V6(six) => six.is_loopback() || six.is_unique_local() || six.is_unicast_link_local(),
    }
}

const POINT_IT_HERE: &str = "add a DNS record that points here";
const LOOKUP_LIMIT: Duration = Duration::from_secs(15);
const CALL_LIMIT: Duration = Duration::from_secs(5);
/// Names looked at together.
const AT_ONCE: usize = 8;
const MOST_ADDRESSES: usize = 8;
