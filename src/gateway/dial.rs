//! The way to the SQL Server for one login: connect, log in with the SQL login, follow its routing.

use super::refusal::{Refusal, from_server};
use crate::config;
use crate::estate::Route;
use crate::platform::Clock;
use crate::platform::clock::within;
use crate::tds::proxy::{Answer, Asked, Replacement, for_server, understand};
use crate::tds::{Login7, PacketType, PreLogin};
use crate::upstream::{Ask, ConnectError, Dialer, Leg, LegStream, Target, connect};
use crate::wire::{Message, PacketReader, PacketWriter, WireError};
use zeroize::Zeroize as _;

/// A session at the SQL Server that is logged in.
#[derive(Debug)]
pub(super) struct Dialled {
    /// The connection.
    pub stream: LegStream,
    /// The cleaned login response, for the workstation.
    pub response: Vec<u8>,
    /// Where it ended up, for the audit: with routing that is not the server entry's own address.
    pub address: String,
    /// How many times the server sent it on.
    pub hops: usize,
    /// Whether it is TDS 8.0.
    pub strict: bool,
    /// Whether its certificate was verified; not where the server's entry says to trust anything.
    pub verified: bool,
}

/// Why there is no session at the SQL Server: what the workstation hears, and the full cause for the log and the audit.
#[derive(Debug)]
pub(super) struct NotDialled {
    /// For the workstation.
    pub refusal: Refusal,
    /// For the log and the audit.
    pub cause: String,
}

/// What a dial goes by.
#[derive(Debug, Clone, Copy)]
pub(super) struct Wanted<'a> {
    /// Where to, and as whom.
    pub route: &'a Route,
    /// The workstation's login.
    pub login: &'a Login7,
    /// The workstation's PRELOGIN.
    pub prelogin: &'a PreLogin,
    /// Whether it signed in with a FEDAUTH token.
    pub fed_auth: bool,
}

/// Connects and logs in, at as many servers as the routing names within its limit.
pub(super) async fn dial(
    wanted: Wanted<'_>,
    dialer: &Dialer,
    settings: &config::Gateway,
    clock: &dyn Clock,
) -> Result<Dialled, NotDialled> {
    let own = &wanted.route.target;
    let mut target = own.clone();
    for hops in 0..=settings.routing_hops {
        let attempt = Attempt { wanted, target: &target, settings, clock };
        match attempt.log_in(dialer).await? {
            Outcome::In(dialled) => return Ok(Dialled { hops, ..*dialled }),
            Outcome::Elsewhere { host, .. } if !own.allows_routing_to(&host) => {
                return Err(attempt.routing(format!("routing to {host} is not allowed by the server's entry")));
            }
            Outcome::Elsewhere { host, port } => target = own.routed_to(host, port),
        }
    }
    let attempt = Attempt { wanted, target: &target, settings, clock };
    Err(attempt.routing(format!("more than {} routing hops", settings.routing_hops)))
}

struct Attempt<'a> {
    wanted: Wanted<'a>,
    target: &'a Target,
    settings: &'a config::Gateway,
    clock: &'a dyn Clock,
}

enum Outcome {
    In(Box<Dialled>),
    Elsewhere { host: String, port: u16 },
}

impl Attempt<'_> {
    async fn log_in(&self, dialer: &Dialer) -> Result<Outcome, NotDialled> {
        let PreLogin { version, trace_id, thread_id, .. } = *self.wanted.prelogin;
        let ask = Ask { mars: self.mars(), version, trace_id, thread_id };
        let leg = connect(self.target, &ask, dialer).await.map_err(|error| self.not_connected(&error))?;
        if self.mars() && leg.prelogin.mars != Some(true) {
            return Err(self.failed(|database| Refusal::NoMars { database }, "it does not grant MARS"));
        }
        match self.within_limit(self.exchange(leg)).await {
            Some(outcome) => outcome,
            None => Err(self.failed(|database| Refusal::ServerTooSlow { database }, "no answer to the login in time")),
        }
    }

    /// Sends the login and reads its answer.
    async fn exchange(&self, leg: Leg) -> Result<Outcome, NotDialled> {
        let Leg { mut stream, strict, met, .. } = leg;
        let verified = met.verified();
        if !verified {
            let server = &self.wanted.route.server_name;
            tracing::warn!(%server, "its certificate is not verified, as its entry says: whoever sits on the way can read and change everything");
        }
        let Wanted { route, login, fed_auth, .. } = self.wanted;
        let session_recovery = self.settings.session_recovery;
        let ours = for_server(
            login,
            &Replacement {
                user: &route.login.user,
                password: &route.login.password,
                database: &route.database_name,
                server: &self.target.host,
                strict,
                session_recovery,
            },
        );
        let broke = |error: WireError| self.not_understood(format!("the login was not answered: {error}"));
        let mut payload = ours.encode().map_err(|error| self.not_understood(format!("the login: {error}")))?;
        let sent = PacketWriter::new(&mut stream).write_message(PacketType::Login7 as u8, 0, &payload).await;
        payload.zeroize();
        sent.map_err(broke)?;
        let message = PacketReader::new(&mut stream).read_message(LARGEST_RESPONSE).await.map_err(broke)?;
        let Some(Message { kind: RESPONSE, payload, .. }) = message else {
            return Err(self.not_understood("it closed, or answered the login with something else".to_owned()));
        };
        match understand(&payload, Asked { login, version: ours.tds_version, fed_auth, session_recovery }) {
            Answer::Welcome(response) => {
                let address = format!("{}:{}", self.target.host, self.target.port);
                Ok(Outcome::In(Box::new(Dialled { stream, response, address, hops: 0, strict, verified })))
            }
            Answer::Elsewhere { host, port } => Ok(Outcome::Elsewhere { host, port }),
            Answer::Nonsense(what) => Err(self.not_understood(format!("the login's answer: {what}"))),
            Answer::No(error) => {
                let number = error.number.unsigned_abs();
                let cause = format!("error {number}, state {}: {}", error.state, error.message);
                Err(self.failed(|database| from_server(number, &database), &cause))
            }
        }
    }

    fn mars(&self) -> bool {
        self.wanted.prelogin.mars == Some(true)
    }

    async fn within_limit<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        within(self.clock, self.settings.server_login_timeout, work).await.ok()
    }

    fn not_connected(&self, error: &ConnectError) -> NotDialled {
        let refusal = |database| match error {
            ConnectError::Certificate(_) => Refusal::ServerNotTrusted { database },
            ConnectError::NoEncryption { .. } => Refusal::ServerNotEncrypting { database },
            ConnectError::TimedOut(_) => Refusal::ServerTooSlow { database },
            ConnectError::Settings(_) | ConnectError::Resolve { .. } | ConnectError::Unreachable(_) => {
                Refusal::ServerDown { database }
            }
            ConnectError::Tls { .. } | ConnectError::NotTds { .. } | ConnectError::Wire { .. } => {
                Refusal::ServerNotUnderstood { database }
            }
        };
        self.failed(refusal, &error.to_string())
    }

    fn not_understood(&self, cause: String) -> NotDialled {
        self.failed(|database| Refusal::ServerNotUnderstood { database }, &cause)
    }

    fn routing(&self, cause: String) -> NotDialled {
        self.failed(|database| Refusal::Routing { database }, &cause)
    }

    fn failed(&self, refusal: impl FnOnce(String) -> Refusal, cause: &str) -> NotDialled {
        let Target { host, port, .. } = self.target;
        let cause = format!("server {} at {host}:{port}: {cause}", self.wanted.route.server_name);
        NotDialled { refusal: refusal(self.wanted.route.alias.to_string()), cause }
    }
}

const RESPONSE: u8 = PacketType::TabularResult as u8;

/// No server needs more to say yes or no.
const LARGEST_RESPONSE: usize = 256 * 1024;
