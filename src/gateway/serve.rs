//! The gateway itself: what it is made of, and the way of one connection through it.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use rustls::ServerConfig;
use tokio::net::TcpStream;
use tracing::Instrument as _;

use super::authenticate::{identify, way};
use super::client::{self, ClientStream, FAREWELL};
use super::dial::{Dialled, NotDialled, Wanted, dial};
use super::handshake::{Greeted, NoHandshake, greet};
use super::login::{self, NoLogin, Wish};
use super::record::{self, Claim};
use super::refusal::{Refusal, session_ended};
use super::registry::{Limits, Registered, Registry};
use super::repeats::{self, Repeats};
use super::session::{Opening, Why};
use super::watch;
use crate::audit::Audit;
use crate::config;
use crate::domain::{Events, SessionId};
use crate::estate::Estate;
use crate::identity::Identity;
use crate::platform::clock::within;
use crate::platform::{Clock, Tasks};
use crate::tds::{Login7, PacketType, PreLogin, TdsVersion};
use crate::upstream::Dialer;
use crate::wire::PacketWriter;
use crate::wire::farewell::close;
use crate::wire::relay::{Alias, End, Relay};

/// What a gateway is made of.
#[derive(Clone)]
pub struct Parts {
    /// Who may sign in.
    pub identity: Identity,
    /// Who may go where.
    pub estate: Estate,
    /// Where it is written down.
    pub audit: Audit,
    /// What changes under way.
    pub events: Events,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// How SQL Servers are dialled.
    pub dialer: Dialer,
    /// The section `gateway` of the settings.
    pub settings: config::Gateway,
    /// TLS inside PRELOGIN.
    pub tunnel: Arc<ServerConfig>,
    /// TLS first.
    pub strict: Arc<ServerConfig>,
}

/// Serves workstations. Clones are the same gateway.
#[derive(Clone)]
pub struct Gateway {
    parts: Arc<Parts>,
    registry: Registry,
    repeats: Repeats,
    tasks: Tasks,
}

impl Gateway {
    /// A gateway without sessions. Its watch over them runs in `tasks`; when they are told to stop, every session ends.
    pub fn new(parts: Parts, tasks: &Tasks) -> Self {
        let limits = Limits { per_account: parts.settings.sessions_per_account, total: parts.settings.sessions_total };
        let registry = Registry::new(Arc::clone(&parts.clock), limits);
        let gateway = Self { parts: Arc::new(parts), registry, repeats: Repeats::default(), tasks: tasks.clone() };
        watch::start(&gateway.parts, &gateway.registry, tasks);
        repeats::start(&gateway.parts, &gateway.repeats, tasks);
        gateway
    }

    /// The live sessions.
    pub fn registry(&self) -> &Registry {
        &self.registry
    }

    /// Refuses new logins from now on, gives the sessions their grace time, and ends those that are left.
    pub async fn drain(&self) {
        self.registry.close();
        let clock = &*self.parts.clock;
        if within(clock, self.parts.settings.drain_grace, self.registry.emptied()).await.is_err() {
            self.registry.end_all(Why::Stopping);
            // Each session takes at most this long to end.
            let _ = within(clock, Duration::from_secs(2), self.registry.emptied()).await;
        }
    }

    /// Serves one connection from its first byte to its last. `admission`, whatever it is, is dropped as soon as
    /// somebody has signed in or was refused: it is the place among those who have not.
    pub async fn serve<A: Send>(&self, tcp: TcpStream, peer: IpAddr, admission: A) {
        let id = SessionId::random();
        let span = crate::telemetry::session_span(&id, peer);
        let Self { parts, registry, repeats, tasks } = self;
        let call = Call { parts, registry, repeats, tasks, id, peer };
        call.serve(tcp, admission).instrument(span).await;
    }
}

/// One connection on its way through the gateway.
struct Call<'a> {
    parts: &'a Parts,
    registry: &'a Registry,
    repeats: &'a Repeats,
    tasks: &'a Tasks,
    id: SessionId,
    peer: IpAddr,
}

/// A refusal, and what the audit and the log say about it.
struct Refused {
    refusal: Refusal,
    claim: Claim,
    cause: Option<String>,
}

impl Call<'_> {
    async fn serve<A: Send>(&self, tcp: TcpStream, admission: A) {
        // Without it small packets wait for acknowledgements; where it cannot be set they are only slower.
        let _ = tcp.set_nodelay(true);
        let half_open = async {
            let mut greeted = self.greet(tcp).await?;
            let login = self.read_login(&mut greeted.stream).await?;
            Some((greeted, login))
        };
        // Nobody who has not signed in yet holds up the end of the appliance; sessions are told.
        let ready = tokio::select! {
            biased;
            () = self.tasks.stopping() => None,
            ready = half_open => ready,
        };
        let Some((Greeted { mut stream, prelogin }, login)) = ready else { return };
        let version = login.tds_version;
        let mut admission = Some(admission);
        match self.enter(&mut stream, &prelogin, login, &mut admission).await {
            Ok((place, dialled)) => self.run(stream, place, dialled, version).await,
            Err(Gone::Refused(refused)) => self.refuse(stream, version, *refused).await,
            Err(Gone::Left) => tracing::debug!("the workstation left while it was signed in"),
        }
    }

    async fn greet(&self, tcp: TcpStream) -> Option<Greeted> {
        let Parts { clock, tunnel, strict, settings, .. } = self.parts;
        let in_clear = Refusal::NotEncrypted.notice(&self.id);
        let greeting = greet(tcp, Arc::clone(tunnel), Arc::clone(strict), &in_clear);
        match within(&**clock, settings.prelogin_timeout, greeting).await {
            Ok(Ok(greeted)) => {
                let trace = greeted.prelogin.trace_id.map(record::trace_id);
                tracing::debug!(driver.trace_id = trace, mars = greeted.prelogin.mars, "greeted");
                return Some(greeted);
            }
            Ok(Err(NoHandshake::Quiet)) => tracing::debug!("{}", NoHandshake::Quiet),
            Ok(Err(NoHandshake::Clear)) => {
                let refused = Refused { refusal: Refusal::NotEncrypted, claim: Claim::nobody(), cause: None };
                self.record_refused(&refused).await;
            }
            Ok(Err(error)) => tracing::info!(%error, "no encrypted connection came about"),
            Err(_) => tracing::info!("the workstation took too long over PRELOGIN and TLS"),
        }
        None
    }

    async fn read_login(&self, stream: &mut ClientStream) -> Option<Login7> {
        let Parts { clock, settings, .. } = self.parts;
        let limit = settings.login_size.bytes();
        match within(&**clock, settings.login_timeout, login::read(stream, limit)).await {
            Ok(Ok(login)) => return Some(login),
            Ok(Err(NoLogin::Gone)) => tracing::debug!("the workstation closed before its login"),
            Ok(Err(NoLogin::Refused(refusal))) => {
                let refused = Refused { refusal, claim: Claim::nobody(), cause: None };
                self.record_refused(&refused).await;
                self.say_no(stream, TdsVersion::V7_4, &refused.refusal).await;
            }
            Err(_) => {
                tracing::info!("the workstation took too long over its login");
                stream.reset_on_close();
            }
        }
        None
    }

    /// From the login to a session at the SQL Server that has its place in the registry.
    async fn enter<A: Send>(
        &self,
        stream: &mut ClientStream,
        prelogin: &PreLogin,
        login: Login7,
        admission: &mut Option<A>,
    ) -> Result<(Registered, Dialled), Gone> {
        let Parts { identity, estate, clock, .. } = self.parts;
        let mut claim = Claim::of(&login);
        if self.registry.is_closed() {
            return Err(claim.refused(Refusal::Stopping));
        }
        let Wish { login, presented, fed_auth } = login::sort(login).map_err(|refusal| claim.refused(refusal))?;
        let principal = identify(identity, presented, self.peer, self.parts.settings.password_sign_in).await;
        let principal = principal.map_err(|(refusal, reason)| claim.refused_because(refusal, reason))?;
        // From here on it counts as a session; who was refused keeps its place among the half-open until it is gone.
        admission.take();
        claim.signed_in(&principal);
        let route =
            way(estate, &principal, &login).map_err(|(refusal, reason)| claim.refused_because(refusal, reason))?;
        let place = self
            .registry
            .register(Opening {
                id: self.id,
                principal,
                route,
                peer: self.peer,
                application: login.app_name.clone(),
                host: login.host_name.clone(),
                since: clock.now(),
                began: clock.monotonic(),
            })
            .map_err(|no_place| claim.refused(no_place.into()))?;
        let wanted = Wanted { route: &place.route, login: &login, prelogin, fed_auth };
        let dialled = self.dial(stream, &place, wanted).await.map_err(|error| error.gone(&claim))?;
        self.open(&place, &dialled, &claim).await?;
        Ok((place, dialled))
    }

    /// Dials, unless the session is ended or the workstation leaves before it is done.
    async fn dial(
        &self,
        stream: &mut ClientStream,
        place: &Registered,
        wanted: Wanted<'_>,
    ) -> Result<Dialled, DialEnd> {
        let Parts { dialer, settings, clock, .. } = self.parts;
        tokio::select! {
            biased;
            why = place.ended() => Err(DialEnd::Ended(why)),
            dialled = dial(wanted, dialer, settings, &**clock) => dialled.map_err(DialEnd::Failed),
            () = leaves(stream) => Err(DialEnd::Left),
        }
    }

    /// Writes the opening down, and looks for the last time whether it may be: the session is in the registry already, so
    /// that whoever ends it after this look finds it there.
    async fn open(&self, place: &Registered, dialled: &Dialled, claim: &Claim) -> Result<(), Gone> {
        let Parts { audit, identity, estate, .. } = self.parts;
        if let Err(error) = audit.record(record::opened(place, dialled)).await {
            tracing::error!(%error, "the opening of a session could not be written to the audit, so it is not opened");
            return Err(claim.refused(Refusal::Unavailable));
        }
        let stands = watch::standing(identity, estate, place).map_or(Ok(()), Err);
        let stands = place.why().map_or(stands, Err);
        stands.map_err(|why| claim.refused(Refusal::Ended(why)))
    }

    /// Lets the workstation in, relays until the end, and writes the end down.
    async fn run(&self, mut stream: ClientStream, place: Registered, dialled: Dialled, version: TdsVersion) {
        let Dialled { stream: server, response, .. } = dialled;
        let clock = &*self.parts.clock;
        tracing::info!(account = %place.principal.name, database = %place.route.alias, "session opened");
        let welcome = async {
            let mut writer = PacketWriter::new(&mut stream);
            writer.write_message(PacketType::TabularResult as u8, 0, &response).await
        };
        let welcomed = tokio::select! {
            biased;
            why = place.ended() => Err(why),
            welcomed = welcome => welcomed.map_err(|_| Why::WorkstationLeft),
        };
        drop(response);
        let why = match welcomed {
            Ok(()) => self.relay(stream, server, &place, version).await,
            Err(why) => why,
        };
        let traffic = place.counters.traffic();
        tracing::info!(why = why.as_str(), ?traffic, "session ended");
        if let Err(error) = self.parts.audit.record(record::ended(&place, why, clock.monotonic())).await {
            tracing::error!(%error, "the end of a session could not be written to the audit");
        }
    }

    async fn relay<S>(&self, stream: ClientStream, server: S, place: &Registered, version: TdsVersion) -> Why
    where
        S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin,
    {
        let clock = &*self.parts.clock;
        let alias = Alias::new(place.route.alias.as_str(), &place.route.database_name, version);
        let mut relay = Relay::new(stream, server, alias);
        let why = tokio::select! {
            biased;
            why = place.ended() => why,
            end = relay.run(&place.counters, clock) => match end {
                End::WorkstationLeft => Why::WorkstationLeft,
                End::ServerLeft => Why::ServerLeft,
                End::WorkstationBreach(breach) => {
                    tracing::warn!(%breach, "the workstation broke the protocol");
                    Why::WorkstationBreach
                }
                End::ServerBreach(breach) => {
                    tracing::warn!(%breach, "the SQL Server broke the protocol");
                    Why::ServerBreach
                }
            },
        };
        // The SQL Server's side is closed here, and its transaction rolled back.
        let mut parted = relay.part();
        if why == Why::WorkstationLeft {
            return why;
        }
        let last_words = async {
            let between_messages = parted.finish().await.is_ok_and(|between_messages| between_messages);
            if between_messages {
                let notice = session_ended(why, &self.id);
                let _ = client::tell(parted.client(), version, &notice).await;
            }
            between_messages
        };
        // In the middle of a response there is nothing to say, and an orderly close would be a lie: FreeTDS goes on
        // waiting for the rest of it, at full speed, for more than a minute. A reset is understood by every driver. With
        // several streams a last word fits nowhere, but what the server said in one of them may be its own.
        let said = within(clock, LAST_WORDS, last_words).await.unwrap_or(false);
        if !(said || parted.is_multiplexed()) || !close(parted.client(), clock, HEARD).await {
            parted.client().reset_on_close();
        }
        why
    }

    async fn refuse(&self, mut stream: ClientStream, version: TdsVersion, refused: Refused) {
        self.record_refused(&refused).await;
        self.say_no(&mut stream, version, &refused.refusal).await;
    }

    async fn record_refused(&self, refused: &Refused) {
        let Refused { refusal, claim, cause } = refused;
        if !self.repeats.is_first(refusal, self.peer) {
            return tracing::debug!(%refusal, "a login was refused, like others before it");
        }
        tracing::info!(%refusal, claimed = claim.name(), cause, "a login was refused");
        let entry = record::refused(refusal, claim, cause.as_deref(), self.peer, self.id);
        if let Err(error) = self.parts.audit.record(entry).await {
            tracing::error!(%error, "a refused login could not be written to the audit");
        }
    }

    async fn say_no(&self, stream: &mut ClientStream, version: TdsVersion, refusal: &Refusal) {
        let clock = &*self.parts.clock;
        let notice = refusal.notice(&self.id);
        let told = within(clock, FAREWELL, client::tell(stream, version, &notice)).await;
        if !matches!(told, Ok(Ok(()))) || !close(stream, clock, FAREWELL).await {
            stream.reset_on_close();
        }
    }
}

/// Why a connection does not become a session.
enum Gone {
    Refused(Box<Refused>),
    Left,
}

enum DialEnd {
    Failed(NotDialled),
    Ended(Why),
    Left,
}

impl DialEnd {
    fn gone(self, claim: &Claim) -> Gone {
        match self {
            Self::Failed(NotDialled { refusal, cause }) => claim.refused_because(refusal, cause),
            Self::Ended(why) => claim.refused(Refusal::Ended(why)),
            Self::Left => Gone::Left,
        }
    }
}

impl Claim {
    fn refused(&self, refusal: Refusal) -> Gone {
        Gone::Refused(Box::new(Refused { refusal, claim: self.clone(), cause: None }))
    }

    fn refused_because(&self, refusal: Refusal, cause: impl Into<String>) -> Gone {
        Gone::Refused(Box::new(Refused { refusal, claim: self.clone(), cause: Some(cause.into()) }))
    }
}

/// Ends when the workstation closes, or sends something while it has nothing to say.
async fn leaves(stream: &mut ClientStream) {
    use tokio::io::AsyncReadExt as _;
    let _ = stream.read(&mut [0]).await;
}

/// How long a session that ends may take over its last words, and how long it then listens. Together with the same time
/// for closing they stay below the second within which every session that is ended is gone.
const LAST_WORDS: Duration = Duration::from_millis(400);
const HEARD: Duration = Duration::from_millis(200);
