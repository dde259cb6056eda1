//! A running sample server: its listeners, and the hooks that tests hold it by.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::connection;
use super::engine::seed;
use super::engine::server::{Access, Database, Login, Server, SessionInfo};
use super::options::{Encryption, Routing, SampleOptions};
use crate::domain::Side;
use crate::platform::{Clock, Tasks};
use crate::tds::Login7;
use crate::tls::{Certificates, Root, ServerConfigs};

/// How long the sample server's own certificate is valid.
const CERTIFICATE_LIFETIME: Duration = Duration::from_secs(30 * 86_400);

/// How long an address of its own may still be held when it listens again.
const LET_GO: Duration = Duration::from_secs(10);

/// Why a sample server did not start, or did not listen again.
#[derive(Debug, thiserror::Error)]
pub enum SampleError {
    /// An address could not be listened on. Side: the operator's.
    #[error("the sample server cannot listen on {0}")]
    Bind(SocketAddr, #[source] std::io::Error),
    /// No address was given. Side: the operator's.
    #[error("the sample server has no address to listen on")]
    NoAddress,
    /// Its certificate could not be made. Side: the operator's, who names it.
    #[error("the sample server's certificate could not be made")]
    Certificate(#[from] crate::tls::certificates::CertificateError),
    /// Its TLS could not be set up. Side: the appliance's.
    #[error("the sample server's TLS could not be set up")]
    Tls(#[from] rustls::Error),
}

impl SampleError {
    /// Whose side it is on.
    pub fn side(&self) -> Side {
        match self {
            Self::Bind(..) | Self::NoAddress | Self::Certificate(_) => Side::Operator,
            Self::Tls(_) => Side::Appliance,
        }
    }
}

/// What all connections share.
pub(super) struct Shared {
    pub(super) server: Arc<Server>,
    pub(super) encryption: Encryption,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) tasks: Tasks,
    pub(super) configs: ServerConfigs,
    pub(super) counts: Counts,
    pub(super) connections: usize,
    routing: Mutex<Option<Routing>>,
    logins: Mutex<Vec<(u16, Login7)>>,
    refusing: AtomicBool,
    open: AtomicU64,
}

/// What tests count.
#[derive(Debug, Default)]
pub(super) struct Counts {
    pub(super) attentions: AtomicU64,
    pub(super) bulk_rows: AtomicU64,
    pub(super) resets: AtomicU64,
    pub(super) batches: AtomicU64,
}

impl Shared {
    pub(super) fn is_refusing(&self) -> bool {
        self.refusing.load(Ordering::Relaxed)
    }

    pub(super) fn routing(&self) -> Option<Routing> {
        self.routing.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn remember(&self, spid: u16, login: Login7) {
        self.logins.lock().unwrap_or_else(PoisonError::into_inner).push((spid, login));
    }

    pub(super) fn forget(&self, spid: u16) {
        self.logins.lock().unwrap_or_else(PoisonError::into_inner).retain(|(of, _)| *of != spid);
        self.server.leave(spid);
    }
}

/// A running sample server. Its tasks end with the [`Tasks`] that it was started under.
pub struct Sample {
    shared: Arc<Shared>,
    root: Root,
    names: Vec<String>,
    certificates: Arc<Certificates>,
    addresses: Vec<SocketAddr>,
    listening: Mutex<Listening>,
}

/// Its listeners' tasks, and what ends them.
#[derive(Default)]
struct Listening {
    stop: CancellationToken,
    tasks: Vec<JoinHandle<()>>,
}

impl Sample {
    /// Binds, fills the databases, and serves.
    pub async fn start(options: SampleOptions, tasks: &Tasks, clock: Arc<dyn Clock>) -> Result<Self, SampleError> {
        let root = Root::create("Gatehouse sample server", clock.now())?;
        let certificates = Certificates::showing(root.issue(&options.names, CERTIFICATE_LIFETIME, clock.now())?);
        let configs = ServerConfigs::new(&certificates)?;
        let server = Arc::new(server(&options, &clock));
        let shared = Arc::new(Shared {
            server,
            encryption: options.encryption,
            clock,
            tasks: tasks.clone(),
            configs,
            counts: Counts::default(),
            connections: options.connections,
            routing: Mutex::new(options.routing),
            logins: Mutex::default(),
            refusing: AtomicBool::new(false),
            open: AtomicU64::new(0),
        });
        let (listeners, addresses) = bind(&options.listen).await?;
        let listening = serve(&shared, listeners);
        Ok(Self { shared, root, names: options.names, certificates, addresses, listening: Mutex::new(listening) })
    }

    /// The first address that it listens on.
    pub fn address(&self) -> SocketAddr {
        self.addresses.first().copied().unwrap_or_else(|| SocketAddr::from(([127, 0, 0, 1], 0)))
    }

    /// All of them.
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// The root that signs its certificates, for those who shall believe them.
    pub fn certificate_pem(&self) -> String {
        self.root.certificate_pem()
    }

    /// SHA-256 of the certificate that it shows now.
    pub fn certificate_sha256(&self) -> String {
        self.certificates.current().facts().sha256.clone()
    }

    /// Shows another certificate from now on, of the same root, as SQL Server's self-made one changes at a restart.
    pub fn change_certificate(&self) -> Result<(), SampleError> {
        self.certificates.replace(self.root.issue(&self.names, CERTIFICATE_LIFETIME, self.shared.clock.now())?);
        Ok(())
    }

    /// Who is connected.
    pub fn connections(&self) -> Vec<Arc<SessionInfo>> {
        self.shared.server.sessions()
    }

    /// The LOGIN7 of a connection as it came, without its password.
    pub fn login7(&self, spid: u16) -> Option<Login7> {
        let logins = self.shared.logins.lock().unwrap_or_else(PoisonError::into_inner);
        logins.iter().find(|(of, _)| *of == spid).map(|(_, login)| login.clone())
    }

    /// Cuts a connection; says whether it was there.
    pub fn kill(&self, spid: u16) -> bool {
        let session = self.connections().into_iter().find(|session| session.spid == spid);
        session.map(|session| session.kill.cancel()).is_some()
    }

    /// Refuses logins, or takes them again.
    pub fn refuse_logins(&self, refuse: bool) {
        self.shared.refusing.store(refuse, Ordering::Relaxed);
    }

    /// Sends whoever logs in elsewhere, or nobody.
    pub fn route(&self, routing: Option<Routing>) {
        *self.shared.routing.lock().unwrap_or_else(PoisonError::into_inner) = routing;
    }

    /// Stops listening and cuts every connection, as a server that goes down.
    pub fn stop(&self) {
        self.listening.lock().unwrap_or_else(PoisonError::into_inner).stop.cancel();
        self.connections().iter().for_each(|session| session.kill.cancel());
    }

    /// Listens again, on the same addresses.
    pub async fn start_again(&self) -> Result<(), SampleError> {
        self.stop();
        let former = std::mem::take(&mut *self.listening.lock().unwrap_or_else(PoisonError::into_inner));
        for task in former.tasks {
            // It has let go of its address then.
            let _ = task.await;
        }
        let mut listeners = Vec::with_capacity(self.addresses.len());
        for address in &self.addresses {
            listeners.push(self.bind_again(*address).await?);
        }
        *self.listening.lock().unwrap_or_else(PoisonError::into_inner) = serve(&self.shared, listeners);
        Ok(())
    }

    /// A program that another thread starts holds what this process had open, until it has begun.
    async fn bind_again(&self, address: SocketAddr) -> Result<TcpListener, SampleError> {
        let clock = &*self.shared.clock;
        let begun = clock.monotonic();
        loop {
            match TcpListener::bind(address).await {
                Err(error)
                    if error.kind() == std::io::ErrorKind::AddrInUse
                        && clock.monotonic().saturating_sub(begun) < LET_GO =>
                {
                    clock.sleep(Duration::from_millis(20)).await;
                }
                bound => return bound.map_err(|e| SampleError::Bind(address, e)),
            }
        }
    }

    /// How many Attentions came.
    pub fn attentions(&self) -> u64 {
        self.shared.counts.attentions.load(Ordering::Relaxed)
    }

    /// How many rows came by bulk load.
    pub fn bulk_rows(&self) -> u64 {
        self.shared.counts.bulk_rows.load(Ordering::Relaxed)
    }

    /// How many requests asked for a reset of their connection.
    pub fn resets(&self) -> u64 {
        self.shared.counts.resets.load(Ordering::Relaxed)
    }

    /// How many requests came, of any kind.
    pub fn requests(&self) -> u64 {
        self.shared.counts.batches.load(Ordering::Relaxed)
    }
}

impl std::fmt::Debug for Sample {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Sample({:?})", self.addresses)
    }
}

fn server(options: &SampleOptions, clock: &Arc<dyn Clock>) -> Server {
    let mut logins = vec![Login {
        name: "sa".to_owned(),
        password: options.administrator_password.clone(),
        database: "master".to_owned(),
        access: Access::Owner,
        administrator: true,
    }];
    logins.extend(options.logins.iter().map(|login| Login {
        name: login.name.clone(),
        password: login.password.clone(),
        database: login.database.clone(),
        access: login.access,
        administrator: false,
    }));
    let databases: Vec<Arc<Database>> = seed::databases().into_iter().map(Arc::new).collect();
    Server::new(options.server_name.clone(), databases, logins, options.memory_limit, Arc::clone(clock))
}

/// All addresses; those behind the first that ask for a free port get the first's.
async fn bind(asked: &[SocketAddr]) -> Result<(Vec<TcpListener>, Vec<SocketAddr>), SampleError> {
    let (mut listeners, mut addresses): (Vec<TcpListener>, Vec<SocketAddr>) = (Vec::new(), Vec::new());
    for address in asked {
        let port = if address.port() == 0 { addresses.first().map_or(0, SocketAddr::port) } else { address.port() };
        let address = SocketAddr::new(address.ip(), port);
        let listener = TcpListener::bind(address).await.map_err(|e| SampleError::Bind(address, e))?;
        addresses.push(listener.local_addr().map_err(|e| SampleError::Bind(address, e))?);
        listeners.push(listener);
    }
    if listeners.is_empty() { Err(SampleError::NoAddress) } else { Ok((listeners, addresses)) }
}

fn serve(shared: &Arc<Shared>, listeners: Vec<TcpListener>) -> Listening {
    let stop = CancellationToken::new();
    let tasks = listeners.into_iter().map(|listener| listen(shared, listener, stop.clone())).collect();
    Listening { stop, tasks }
}

fn listen(shared: &Arc<Shared>, listener: TcpListener, stop: CancellationToken) -> JoinHandle<()> {
    let own = Arc::clone(shared);
    shared.tasks.spawn("sample listener", async move {
        loop {
            let accepted = tokio::select! {
                biased;
                () = stop.cancelled() => return,
                () = own.tasks.stopping() => return,
                accepted = listener.accept() => accepted,
            };
            match accepted {
                Ok((stream, address)) => admit(&own, stream, address),
                // Out of descriptors, or a connection that was gone already: neither is helped by hurry.
                Err(_) => own.clock.sleep(Duration::from_millis(20)).await,
            }
        }
    })
}

fn admit(shared: &Arc<Shared>, stream: TcpStream, address: SocketAddr) {
    let most = u64::try_from(shared.connections).unwrap_or(u64::MAX);
    if shared.open.fetch_add(1, Ordering::Relaxed) >= most {
        shared.open.fetch_sub(1, Ordering::Relaxed);
        return;
    }
    let own = Arc::clone(shared);
    shared.tasks.spawn("sample connection", async move {
        let _ = stream.set_nodelay(true);
        tokio::select! {
            biased;
            () = own.tasks.stopping() => {}
            () = connection::serve(&own, stream, address) => {}
        }
        own.open.fetch_sub(1, Ordering::Relaxed);
    });
}
