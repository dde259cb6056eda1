//! All of it together: the feed, the listeners, the file of the status; until the sign-in ends or somebody stops it.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::{Notify, watch};

use super::access::Access;
use super::client::Client;
use super::feed::{Feed, Now, Standing};
use super::kept::{Folder, Known};
use super::local::guard::Guard;
use super::local::{self, Rooms, Shared, Way};
use super::status::Status;
use crate::platform::{Clock, Pool, Tasks};
use crate::upstream::Dialer;

/// What a connector is made of.
#[derive(Debug)]
pub struct Parts {
    /// The appliance.
    pub known: Known,
    /// Asks it.
    pub client: Client,
    /// Lets this program in.
    pub access: Access,
    /// Who is let in here.
    pub guard: Guard,
    /// Where programs connect.
    pub listeners: Vec<TcpListener>,
    /// Where the status goes.
    pub folder: Folder,
    /// In words, where the credential is kept.
    pub credential: String,
    /// Dials the gateway.
    pub dialer: Dialer,
}

/// A running connector.
pub struct Connector {
    addresses: Vec<SocketAddr>,
    now: watch::Receiver<Now>,
    access: Access,
    hurry: Arc<Notify>,
    tasks: Tasks,
    clock: Arc<dyn Clock>,
}

/// Why it ended by itself: somebody has to do something, see [`Access::way_back`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ended(pub String);

impl Connector {
    /// Starts it.
    pub fn start(parts: Parts, clock: Arc<dyn Clock>) -> Self {
        let Parts { known, client, access, guard, listeners, folder, credential, dialer } = parts;
        let tasks = Tasks::new();
        let (tell, now) = watch::channel(Now { standing: Standing::Connecting, document: None });
        let (sessions, counted) = watch::channel(0);
        let addresses: Vec<_> = listeners.iter().filter_map(|listener| listener.local_addr().ok()).collect();
        let status = Status {
            listening: addresses.clone(),
            lets_in: guard.name().to_owned(),
            local_token_file: matches!(guard, Guard::Token(_)).then(|| folder.file(LOCAL_TOKEN)),
            credential,
            way_back: access.way_back(),
            ..Status::opening(&known, clock.now())
        };
        let keeper = Keeper { status, folder, clock: Arc::clone(&clock), disk: Pool::new(1) };
        tasks.spawn("status", keeper.run(now.clone(), counted, tasks.clone()));
        let hurry = Arc::<Notify>::default();
        let feed = Feed {
            client,
            access: access.clone(),
            path: known.config.clone(),
            clock: Arc::clone(&clock),
            now: tell,
            hurry: Arc::clone(&hurry),
        };
        let stopping = tasks.stopping();
        tasks.spawn("config document", async move {
            let ended = async {
                feed.run().await;
                // The last news stays to be read.
                std::future::pending::<()>().await;
            };
            tokio::select! { () = stopping => {}, () = ended => {} }
        });
        tasks.spawn("secret rotation", rotate(access.clone(), now.clone(), Arc::clone(&clock), tasks.clone()));
        let shared = Arc::new(Shared {
            clock: Arc::clone(&clock),
            guard,
            access: access.clone(),
            now: now.clone(),
            way: Way::new(known.place.clone(), known.pin, dialer, Arc::clone(&clock)),
            place: known.place,
            tasks: tasks.clone(),
            sessions,
            rooms: Rooms::default(),
            certificate: Default::default(),
        });
        for listener in listeners {
            tasks.spawn("local listener", local::accept(listener, Arc::clone(&shared)));
        }
        Self { addresses, now, access, hurry, tasks, clock }
    }

    /// Where programs connect.
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// What is known now, and each change of it.
    pub fn watch(&self) -> watch::Receiver<Now> {
        self.now.clone()
    }

    /// Where the appliance is away: it is asked again now, and not when the time for that has come. Where it is there, its
    /// configuration is current already.
    pub fn ask_again(&self) {
        self.hurry.notify_one();
    }

    /// Ends when the sign-in has.
    pub async fn ended(&self) -> Ended {
        let mut now = self.now.clone();
        match now.wait_for(|now| matches!(now.standing, Standing::SignedOut(_))).await.map(|now| now.standing.clone()) {
            Ok(Standing::SignedOut(why)) => Ended(why),
            _ => Ended("the connector stopped".to_owned()),
        }
    }

    /// Ends every session, each with a word, and everything else.
    pub async fn stop(self) {
        if matches!(self.now.borrow().standing, Standing::SignedOut(_)) {
            // The gateway ends the sessions, too, and says more about it.
            self.clock.sleep(local::GATEWAY_FIRST).await;
        }
        // What is left after this hangs somewhere, and ends with the process.
        let _ = self.tasks.drain(&*self.clock, GRACE).await;
        self.access.settle().await;
    }
}

/// Changes the secret of this machine's own device when it is old: looked at once the appliance is there, and then again and
/// again, as a machine that sleeps at night counts no hours.
async fn rotate(access: Access, mut now: watch::Receiver<Now>, clock: Arc<dyn Clock>, tasks: Tasks) {
    let looking = async {
        while now.wait_for(|now| now.standing == Standing::Connected).await.is_ok() {
            if let Err(error) = access.rotate_if_due().await {
                tracing::warn!(%error, "the device's secret could not be changed; it is tried again");
            }
            clock.sleep(LOOK_AGAIN).await;
        }
    };
    tokio::select! { () = tasks.stopping() => {}, () = looking => {} }
}

/// Keeps the file of the status.
struct Keeper {
    status: Status,
    folder: Folder,
    clock: Arc<dyn Clock>,
    disk: Pool,
}

impl Keeper {
    async fn run(mut self, mut now: watch::Receiver<Now>, mut sessions: watch::Receiver<usize>, tasks: Tasks) {
        let stopping = tasks.stopping();
        tokio::pin!(stopping);
        loop {
            let (current, count) = (now.borrow_and_update().clone(), *sessions.borrow_and_update());
            self.status.update(&current, count, self.clock.now());
            self.write().await;
            tokio::select! {
                biased;
                () = &mut stopping => break,
                Ok(()) = now.changed() => {}
                Ok(()) = sessions.changed() => {
                    // Applications open their connections by the dozen.
                    tokio::select! { () = &mut stopping => break, () = self.clock.sleep(SETTLED) => {} }
                }
                else => break,
            }
        }
        self.status.update(&now.borrow().clone(), 0, self.clock.now());
        self.status.stop(self.clock.now());
        self.write().await;
    }

    async fn write(&self) {
        let (status, folder) = (self.status.clone(), self.folder.clone());
        if let Ok(Err(error)) = self.disk.run(move || status.write(&folder)).await {
            tracing::warn!(%error, "the status could not be written");
        }
    }
}

/// The file with the local token.
pub const LOCAL_TOKEN: &str = "local-token";
/// How often it is looked whether the device's secret is old.
const LOOK_AGAIN: Duration = Duration::from_secs(3600);
const GRACE: Duration = Duration::from_secs(5);
const SETTLED: Duration = Duration::from_millis(200);
