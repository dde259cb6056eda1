//! SQL Browser (MC-SQLR): answers over UDP for the instance names that the administrator listed, so that
//! `OLDSERVER\INSTANCE` keeps working after the name moved to the appliance.
//!
//! A datagram's sender can be forged, so this is no amplifier: answers are short, rare per network and in all, and a
//! stranger cannot ask for the whole list. What is not understood, or not listed, is not answered.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use governor::middleware::NoOpMiddleware;
use governor::state::keyed::HashMapStateStore;
use governor::state::{InMemoryState, NotKeyed};
use governor::{Quota, RateLimiter};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::UdpSocket;

use super::bind::BindError;
use super::report::Report;
use crate::domain::network;
use crate::platform::holder::Transport;
use crate::platform::{Clock, Pool, Tasks};
use crate::tds::ssrp::{self, Instance, LONGEST_REQUEST, Question};
use crate::telemetry::{Health, Metrics};

/// What answers. Clones are the same.
#[derive(Clone)]
pub struct Browser {
    shared: Arc<Shared>,
}

struct Shared {
    server: String,
    instances: Vec<Instance>,
    limits: Limits,
    outcomes: Outcomes,
    clock: Arc<dyn Clock>,
    report: Report,
    look_ups: Pool,
}

/// What became of a datagram.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outcome {
    Answered,
    /// A name that is not listed, or a question that is not answered to this sender.
    Unanswered,
    /// Not a question at all.
    Malformed,
    /// The sender's network, or all together, asked too often.
    Limited,
}

impl Browser {
    /// Answers for these instances of `server`.
    pub fn new(
        server: &str,
        instances: Vec<Instance>,
        clock: Arc<dyn Clock>,
        health: Health,
        metrics: &Metrics,
    ) -> Self {
        let outcomes = Outcomes::new();
        metrics.register(|registry| {
            let help = "Datagrams to SQL Browser by what became of them";
            registry.register("sql_browser_requests", help, outcomes.counters.clone());
        });
        let limits = Limits::new(Arc::clone(&clock));
        let report = Report::new("listen.browser", Transport::Udp, health);
        let shared =
            Shared { server: server.to_owned(), instances, limits, outcomes, clock, report, look_ups: Pool::new(1) };
        Self { shared: Arc::new(shared) }
    }

    /// Binds each address and answers there in the background, until `tasks` are told to stop. One that cannot be bound is
    /// on the health board, and is tried again and again. Gives the addresses that are bound. Called inside the runtime.
    pub fn serve(&self, addresses: &[SocketAddr], tasks: &Tasks) -> Vec<SocketAddr> {
        let mut bound = Vec::new();
        for &address in addresses {
            let beside = addresses.contains(&SocketAddr::new(Ipv4Addr::UNSPECIFIED.into(), address.port()));
            let first = self.shared.bind(address, beside).map_err(|tell| tell()).ok();
            bound.extend(first.as_ref().and_then(|socket| socket.local_addr().ok()));
            let (shared, stopping) = (Arc::clone(&self.shared), tasks.stopping());
            tasks.spawn("sql browser", async move {
                tokio::select! {
                    () = stopping => {}
                    () = shared.answer_at(address, beside, first) => {}
                }
            });
        }
        bound
    }
}

impl Shared {
    /// The socket; nothing where it cannot be had, and then what is to be said about that. Saying it blocks.
    fn bind(&self, address: SocketAddr, beside: bool) -> Result<UdpSocket, impl FnOnce() + Send + use<>> {
        match listen(address, beside) {
            Ok(socket) => {
                self.report.bound(address);
                Ok(socket)
            }
            Err(source) => {
                let report = self.report.clone();
                Err(move || report.failed(&BindError { address, source }))
            }
        }
    }

    async fn answer_at(&self, address: SocketAddr, beside: bool, first: Option<UdpSocket>) {
        let mut socket = first;
        loop {
            match socket.take() {
                Some(socket) => self.answer_all(&socket).await,
                None => self.clock.sleep(BIND_AGAIN).await,
            }
            match self.bind(address, beside) {
                Ok(bound) => socket = Some(bound),
                // Where the look-up itself fails, the address is tried again all the same.
                Err(tell) => drop(self.look_ups.run(tell).await),
            }
        }
    }

    /// Answers until the socket itself fails.
    async fn answer_all(&self, socket: &UdpSocket) {
        // One byte more than any question has, so that a longer one is not taken for its beginning.
        let mut buffer = [0; LONGEST_REQUEST + 1];
        let mut failures = 0;
        while failures < MOST_FAILURES {
            match socket.recv_from(&mut buffer).await {
                Ok((length, peer)) => {
                    failures = 0;
                    self.reply(socket, buffer.get(..length).unwrap_or_default(), peer);
                }
                // An answer's receiver was not there, or the machine is out of something.
                Err(error) => {
                    failures += 1;
                    tracing::debug!(%error, "SQL Browser could not receive");
                    self.clock.sleep(AFTER_FAILURE).await;
                }
            }
        }
    }

    fn reply(&self, socket: &UdpSocket, datagram: &[u8], peer: SocketAddr) {
        let (outcome, answer) = self.judge(datagram, peer);
        self.outcomes.count(outcome);
        tracing::debug!(peer.ip = %peer.ip().to_canonical(), ?outcome, "a question to SQL Browser");
        if let Some(answer) = answer {
            // A full send buffer loses it; the driver asks again.
            let _ = socket.try_send_to(&answer, peer);
        }
    }

    fn judge(&self, datagram: &[u8], peer: SocketAddr) -> (Outcome, Option<Vec<u8>>) {
        let ip = peer.ip().to_canonical();
        let Some(question) = Question::decode(datagram).filter(|_| can_be_a_sender(ip, peer.port())) else {
            return (Outcome::Malformed, None);
        };
        let found: Vec<&Instance> = match question {
            Question::Instance(name) => {
                self.instances.iter().filter(|known| known.name.eq_ignore_ascii_case(name)).take(1).collect()
            }
            Question::All if is_near(ip) => self.instances.iter().collect(),
            Question::All | Question::AdminConnection => Vec::new(),
        };
        let Some(answer) = ssrp::answer(&self.server, found) else { return (Outcome::Unanswered, None) };
        if !self.limits.allow(ip) {
            return (Outcome::Limited, None);
        }
        (Outcome::Answered, Some(answer))
    }
}

impl std::fmt::Debug for Browser {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Browser").field("instances", &self.shared.instances).finish_non_exhaustive()
    }
}

/// How often is answered: per network, and in all.
struct Limits {
    by_network: RateLimiter<IpAddr, HashMapStateStore<IpAddr>, Time, NoOpMiddleware<Duration>>,
    in_all: RateLimiter<NotKeyed, InMemoryState, Time, NoOpMiddleware<Duration>>,
}

impl Limits {
    fn new(clock: Arc<dyn Clock>) -> Self {
        let quota = |rate, burst| Quota::per_second(rate).allow_burst(burst);
        Self {
            by_network: RateLimiter::hashmap_with_clock(quota(PER_NETWORK.0, PER_NETWORK.1), Time(Arc::clone(&clock))),
            in_all: RateLimiter::direct_with_clock(quota(IN_ALL.0, IN_ALL.1), Time(clock)),
        }
    }

    fn allow(&self, ip: IpAddr) -> bool {
        // Forged senders must not fill the memory: when there are too many, those that were quiet for a while are
        // forgotten, and where that does not help, nobody new is answered.
        if self.by_network.len() >= MOST_NETWORKS {
            self.by_network.retain_recent();
            if self.by_network.len() >= MOST_NETWORKS {
                return false;
            }
        }
        self.by_network.check_key(&network::origin(ip)).is_ok() && self.in_all.check().is_ok()
    }
}

/// The house's clock, as the limits read it.
#[derive(Clone)]
struct Time(Arc<dyn Clock>);

impl governor::clock::Clock for Time {
    type Instant = Duration;

    fn now(&self) -> Duration {
        self.0.monotonic()
    }
}

/// The counters, one an outcome.
struct Outcomes {
    counters: Family<[(&'static str, &'static str); 1], Counter>,
}

impl Outcomes {
    fn new() -> Self {
        let outcomes = Self { counters: Family::default() };
        for outcome in [Outcome::Answered, Outcome::Unanswered, Outcome::Malformed, Outcome::Limited] {
            // Shown as zero before the first.
            drop(outcomes.counters.get_or_create(&label(outcome)));
        }
        outcomes
    }

    fn count(&self, outcome: Outcome) {
        self.counters.get_or_create(&label(outcome)).inc();
    }
}

fn label(outcome: Outcome) -> [(&'static str, &'static str); 1] {
    [(
        "outcome",
        match outcome {
            Outcome::Answered => "answered",
            Outcome::Unanswered => "unanswered",
            Outcome::Malformed => "malformed",
            Outcome::Limited => "limited",
        },
    )]
}

/// Whether an answer can go there, and to one receiver only.
fn can_be_a_sender(ip: IpAddr, port: u16) -> bool {
    let one = match ip {
        IpAddr::V4(ip) => !ip.is_broadcast(),
        IpAddr::V6(_) => true,
    };
    port != 0 && one && !ip.is_multicast() && !ip.is_unspecified()
}

/// Whether the whole list is told there: the machine itself, and private networks.
fn is_near(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => ip.is_loopback() || ip.is_private() || ip.is_link_local(),
        IpAddr::V6(ip) => ip.is_loopback() || ip.is_unique_local() || ip.is_unicast_link_local(),
    }
}

fn listen(address: SocketAddr, beside: bool) -> io::Result<UdpSocket> {
    let socket = Socket::new(Domain::for_address(address), Type::DGRAM, Some(Protocol::UDP))?;
    if address.is_ipv6() {
        let both = address.ip() == Ipv6Addr::UNSPECIFIED && !beside;
        socket.set_only_v6(!both)?;
    }
    socket.bind(&address.into())?;
    socket.set_nonblocking(true)?;
    UdpSocket::from_std(socket.into())
}

const fn number(value: u32) -> NonZeroU32 {
    match NonZeroU32::new(value) {
        Some(number) => number,
        None => NonZeroU32::MIN,
    }
}

/// Answers a second and at once to one network: an application that opens a hundred connections asks a hundred times.
const PER_NETWORK: (NonZeroU32, NonZeroU32) = (number(20), number(100));
/// Answers a second and at once to everybody.
const IN_ALL: (NonZeroU32, NonZeroU32) = (number(200), number(1000));
/// Networks that are remembered.
const MOST_NETWORKS: usize = 4096;
/// How long until an address that could not be bound is tried again.
const BIND_AGAIN: Duration = Duration::from_secs(10);
const AFTER_FAILURE: Duration = Duration::from_millis(50);
/// Failures in a row after which the socket is made anew.
const MOST_FAILURES: u32 = 20;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Timestamp;
    use crate::platform::ManualClock;

    fn browser(clock: &Arc<ManualClock>) -> Browser {
        let instance = |name: &str, port| Instance { name: name.to_owned(), port };
        let instances = vec![instance("ERP", 1433), instance("CRM", 14330)];
        Browser::new("sql.corp.example", instances, Arc::clone(clock) as _, Health::new(), &Metrics::new())
    }

    fn clock() -> Arc<ManualClock> {
        ManualClock::starting_at(Timestamp::from_millis(1_795_000_000_000))
    }

    fn ask(browser: &Browser, datagram: &[u8], from: &str) -> (Outcome, Option<String>) {
        let (outcome, answer) = browser.shared.judge(datagram, from.parse().unwrap());
        (outcome, answer.map(|answer| String::from_utf8_lossy(&answer).into_owned()))
    }

    #[test]
    fn a_listed_name_is_answered_to_everybody_and_the_list_only_to_the_neighbourhood() {
        let browser = browser(&clock());
        let (outcome, answer) = ask(&browser, b"\x04erp\0", "203.0.113.9:50000");
        assert_eq!(outcome, Outcome::Answered);
        assert!(answer.unwrap().ends_with("InstanceName;ERP;IsClustered;No;Version;16.0.1000.0;tcp;1433;;"));
        for near in
            ["127.0.0.1:50000", "10.1.2.3:50000", "[::1]:50000", "[fe80::1]:50000", "[::ffff:192.168.1.2]:50000"]
        {
            let (_, answer) = ask(&browser, b"\x02", near);
            let answer = answer.unwrap_or_else(|| panic!("{near} was not answered"));
            assert!(answer.contains("ERP") && answer.contains("tcp;14330"), "{answer}");
        }
        assert_eq!(ask(&browser, b"\x03", "203.0.113.9:50000"), (Outcome::Unanswered, None));
    }

    #[test]
    fn what_is_not_listed_or_not_a_question_is_not_answered() {
        let browser = browser(&clock());
        for (datagram, outcome) in [
            (&b"\x04UNKNOWN\0"[..], Outcome::Unanswered),
            (b"\x0f\x01ERP\0", Outcome::Unanswered),
            (b"", Outcome::Malformed),
            (b"\x05\x03\0abc", Outcome::Malformed),
            (b"\x04ERP\0ERP\0", Outcome::Malformed),
        ] {
            assert_eq!(ask(&browser, datagram, "127.0.0.1:50000"), (outcome, None), "{datagram:?}");
        }
        for nowhere in ["127.0.0.1:0", "255.255.255.255:50000", "224.0.0.1:50000", "0.0.0.0:50000"] {
            assert_eq!(ask(&browser, b"\x04ERP\0", nowhere), (Outcome::Malformed, None), "{nowhere}");
        }
    }

    #[test]
    fn a_network_that_asks_too_often_is_limited_and_others_are_not() {
        let (clock, count) = (clock(), |browser: &Browser, from: &str| {
            (0..300).filter(|_| ask(browser, b"\x04ERP\0", from).0 == Outcome::Answered).count()
        });
        let browser = browser(&clock);
        assert_eq!(count(&browser, "203.0.113.9:50000"), 100);
        assert_eq!(count(&browser, "203.0.113.10:50000"), 100);
        clock.advance(Duration::from_secs(1));
        assert_eq!(count(&browser, "203.0.113.9:50000"), 20);
    }

    #[test]
    fn forged_senders_meet_the_limit_for_all_and_do_not_fill_the_memory() {
        let clock = clock();
        let browser = browser(&clock);
        let mut answered = 0;
        for number in 0..20_000_u32 {
            let from = SocketAddr::new(Ipv4Addr::from_bits(0x0b00_0000 + number).into(), 50_000);
            answered += usize::from(browser.shared.judge(b"\x04ERP\0", from).0 == Outcome::Answered);
        }
        assert_eq!(answered, 1000);
        assert!(browser.shared.limits.by_network.len() <= MOST_NETWORKS);
        clock.advance(Duration::from_secs(60));
        assert_eq!(ask(&browser, b"\x04ERP\0", "203.0.113.9:50000").0, Outcome::Answered, "it recovers");
    }
}
