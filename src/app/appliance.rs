//! The appliance put together: state opened, certificate at hand, listeners bound, sessions served, drained, stopped.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::control::{Control, Life};
use super::doors::{self, Behind, Doors};
use super::{multicast, set_up, sql_browser, trust, upkeep, workstations};
use crate::admin::{Admin, Certificates, LiveSessions, Settings};
use crate::audit::Actor;
use crate::config::{Config, Sources};
use crate::domain::Event;
use crate::door::{Arrivals, DoorNumbers, HalfOpen};
use crate::estate::Grantee;
use crate::gateway::{self, Gateway, Registry, SessionNumbers};
use crate::identity::{self, Forgotten};
use crate::notify::Mailer;
use crate::platform::{Aside, Clock, Resolve, SystemResolver, Tasks, descriptors};
use crate::state::State;
use crate::store::OpenReport;
use crate::telemetry::{Health, Metrics};
use crate::tls::{Acme, AcmeParts, Challenges, Origin, Shown, Status};
use crate::upstream::Dialer;
use crate::web::{DemoNote, Monitor, Parts, Proxies, Readiness, router};
use crate::workstation::Workstations;

/// How long background tasks may take to end once the sessions are gone.
const LAST_TASKS: Duration = Duration::from_secs(5);

/// A running appliance.
pub struct Appliance {
    state: State,
    gateway: Gateway,
    certificate: Shown,
    doors: Doors,
    /// Where SQL Browser's questions are answered.
    browser: Vec<SocketAddr>,
    vital: Arc<Vital>,
    metrics: Metrics,
    challenges: Challenges,
    workstations: Workstations,
    clock: Arc<dyn Clock>,
    /// What takes new work: listeners, the control socket. Stops first.
    intake: Tasks,
    /// What runs until the end: sessions' watch, renewals, exports.
    background: Tasks,
    /// Where pages are served. What they began in the background runs there, so it goes last.
    _aside: Arc<Aside>,
}

impl Appliance {
    /// Starts everything, in this order: open, bind, serve, ready. Nothing is bound before the state is open, and
    /// nothing is served before everything is bound.
    pub async fn start(config: &Config, clock: Arc<dyn Clock>, demo: Option<DemoNote>) -> anyhow::Result<Self> {
        Self::start_with(config, clock, Arc::new(SystemResolver::new()), demo).await
    }

    /// The same, with another look-up of names: of those that ACME orders certificates for, and of the services beside the databases.
    pub async fn start_with(
        config: &Config,
        clock: Arc<dyn Clock>,
        resolver: Arc<dyn Resolve>,
        demo: Option<DemoNote>,
    ) -> anyhow::Result<Self> {
        Self::start_from(config, clock, resolver, demo, None).await
    }

    /// Starts everything with settings of which some can be chosen on its pages.
    pub async fn start_choosable(
        config: &Config,
        clock: Arc<dyn Clock>,
        sources: Option<Sources>,
    ) -> anyhow::Result<Self> {
        Self::start_from(config, clock, Arc::new(SystemResolver::new()), None, sources).await
    }

    async fn start_from(
        config: &Config,
        clock: Arc<dyn Clock>,
        resolver: Arc<dyn Resolve>,
        demo: Option<DemoNote>,
        sources: Option<Sources>,
    ) -> anyhow::Result<Self> {
        if let Some(files) = descriptors::raise_limit() {
            tracing::info!(files, "as many files and sockets may be open at once; a session takes two");
        }
        let choosable = sources.is_some();
        let (state, report) = open(config, &clock).await?;
        let (intake, background) = (Tasks::new(), Tasks::new());
        let (health, metrics) = (Health::new(), Metrics::new());
        let challenges = Challenges::new();
        let certificate = Shown::open(&state.store, &config.appliance, &config.tls, health.clone(), &*clock).await?;
        let acme = config.acme.enabled.then(|| {
            let parts = AcmeParts {
                store: state.store.clone(),
                slot: certificate.slot(Origin::Acme),
                challenges: challenges.clone(),
                shown: certificate.certificates(),
                resolver: Arc::clone(&resolver),
                clock: Arc::clone(&clock),
            };
            Acme::open(&config.acme, &config.appliance, parts)
        });
        // Nobody is served before the best certificate that is kept is shown.
        certificate.choose(clock.now());
        certificate.keep_fresh(&background, Arc::clone(&clock));
        certificate.measure(Arc::clone(&clock), &metrics);
        upkeep::start(&state, resolver, &clock, &background);
        let dialer = Dialer::new(Arc::clone(&clock), config.gateway.dial_timeout);
        let half_open = HalfOpen::new(config.listen.half_open_per_address, config.listen.half_open_total);
        let tls = certificate.configs().clone();
        let parts = gateway::Parts {
            identity: state.identity.clone(),
            estate: state.estate.clone(),
            audit: state.audit.clone(),
            events: state.events.clone(),
            clock: Arc::clone(&clock),
            dialer: dialer.clone(),
            settings: config.gateway.clone(),
            tunnel: Arc::clone(&tls.tunnel),
            strict: Arc::clone(&tls.strict),
        };
        let gateway = Gateway::new(parts, &background);
        forget_what_is_gone(&state, &background);

        let bound = doors::bind(&config.listen, &health)?;
        // A demonstration makes its own administrator.
        if demo.is_none() {
            set_up::begin(config, &state, &bound.https(), &background).await?;
        }
        let workstations =
            workstations::open(&state, config, &bound.sql(), &bound.https(), &certificate, Arc::clone(&clock)).await?;
        if config.workstation.multicast_dns {
            let advert = workstations::advert(&workstations, &bound.https());
            multicast::tell(&config.appliance.name, &advert, &health, &background);
        }
        let control = Control::bind(&config.appliance.data_dir).context("the control socket cannot be made")?;
        let vital = Arc::new(Vital { health: health.clone(), ..Vital::default() });
        let sessions: Arc<dyn LiveSessions> = Arc::new(gateway.registry().clone());
        let certificates = Certificates {
            appliance: config.appliance.clone(),
            tls: config.tls.clone(),
            running: Some(certificate.clone()),
        };
        let mailer = Mailer::open(config, Arc::clone(&clock));
        let admin =
            Admin::new(&state, Arc::clone(&clock), dialer, Some(sessions), certificates, vital.settings(sources))
                .with_mailer(mailer.clone());
        let host = trust::host(&config.appliance.names, &bound.https());
        let forgotten = mailer.map(|mailer| {
            let place = identity::Place { appliance: config.appliance.name.clone(), host: host.clone() };
            Forgotten::open(state.identity.clone(), mailer, place, background.clone())
        });
        let web = Parts {
            appliance: config.appliance.name.as_str().into(),
            names: config.appliance.names.clone().into(),
            doors: Arc::new(bound.lines()),
            demo: demo.map(Arc::new),
            readiness: vital.readiness.clone(),
            public_trust: certificate.public_trust(),
            trust: trust::publish(&config.appliance.data_dir, &certificate, host)?,
            identity: state.identity.clone(),
            forgotten: forgotten.transpose()?,
            admin: admin.clone(),
            workstations: workstations.clone(),
            proxies: Proxies::new(&config.listen.trusted_proxies),
            clock: Arc::clone(&clock),
        };
        let aside = Arc::new(Aside::for_tasks("pages")?);
        let behind = Behind {
            gateway: gateway.clone(),
            https: doors::Https { tls: tls.https, router: router(web.into()) },
            challenges: challenges.clone(),
            monitor: Monitor { readiness: vital.readiness.clone(), health: health.clone(), metrics: metrics.clone() },
            name: config.appliance.names.first().cloned().unwrap_or_default(),
            browsers: half_open.same_limits(),
            half_open,
            aside: Arc::clone(&aside),
            clock: Arc::clone(&clock),
            tasks: intake.clone(),
        };
        let arrivals = Arrivals::default();
        let (half_open, browsers) = (behind.half_open.clone(), behind.browsers.clone());
        let numbers = DoorNumbers { arrivals: arrivals.clone(), half_open, browsers };
        metrics.register(|registry| {
            registry.register_collector(Box::new(numbers));
            registry.register_collector(Box::new(SessionNumbers(gateway.registry().clone())));
        });
        let doors = bound.serve(&behind, &config.listen, &arrivals, config.gateway.prelogin_timeout);
        // Only now: a directory comes in through the doors.
        if let Some(acme) = acme {
            acme.keep_ordered(&background);
        }
        let browser = sql_browser::serve(config, &doors, &clock, &health, &metrics, &intake);
        let life: Arc<dyn Life> = Arc::clone(&vital) as _;
        background.spawn("control socket", control.serve(admin, life, Arc::clone(&clock), background.clone()));
        vital.readiness.set(true);
        if choosable && report.replaced.is_some() {
            // Settings that were chosen came with the state, after these were read.
            vital.new_start.cancel();
        }
        Ok(Self {
            state,
            gateway,
            certificate,
            doors,
            browser,
            vital,
            metrics,
            challenges,
            workstations,
            clock,
            intake,
            background,
            _aside: aside,
        })
    }

    /// The addresses where SQL clients alone are served, with their real ports.
    pub fn sql_addresses(&self) -> &[SocketAddr] {
        &self.doors.sql
    }

    /// The addresses where everything is served, SQL clients and HTTPS, with their real ports.
    pub fn https_addresses(&self) -> &[SocketAddr] {
        &self.doors.https
    }

    /// The addresses where plain HTTP is sent to HTTPS, with their real ports.
    pub fn http_addresses(&self) -> &[SocketAddr] {
        &self.doors.http
    }

    /// The addresses where programs that watch it ask, with their real ports.
    pub fn metrics_addresses(&self) -> &[SocketAddr] {
        &self.doors.metrics
    }

    /// The UDP addresses where SQL Browser's questions are answered, with their real ports.
    pub fn browser_addresses(&self) -> &[SocketAddr] {
        &self.browser
    }

    /// The own authority's root, in PEM form: what to trust where no other certificate is shown.
    pub fn authority_pem(&self) -> String {
        self.certificate.authority().root_pem()
    }

    /// The certificates: what is shown, and the sources behind it.
    pub fn certificates(&self) -> &Shown {
        &self.certificate
    }

    /// The certificate that is shown today, in PEM form, without its chain: what some drivers compare with.
    pub fn certificate_pem(&self) -> String {
        self.certificate.certificates().current().leaf_pem()
    }

    /// How each source of certificates fares, the preferred first.
    pub fn certificate_sources(&self) -> Vec<Status> {
        self.certificate.statuses()
    }

    /// The state and the services over it.
    pub fn state(&self) -> &State {
        &self.state
    }

    /// What workstations are told.
    pub fn workstations(&self) -> &Workstations {
        &self.workstations
    }

    /// The live sessions.
    pub fn registry(&self) -> &Registry {
        self.gateway.registry()
    }

    /// What ACME servers are answered.
    pub fn challenges(&self) -> &Challenges {
        &self.challenges
    }

    /// What is not as it should be.
    pub fn health(&self) -> &Health {
        &self.vital.health
    }

    /// Its numbers.
    pub fn metrics(&self) -> &Metrics {
        &self.metrics
    }

    /// Reads again what may have changed outside: certificate files.
    pub async fn reload(&self) {
        self.certificate.reload(&*self.clock).await;
    }

    /// Ends when somebody asked for a drain over the control socket.
    pub fn drain_asked(&self) -> impl Future<Output = ()> + use<> {
        self.vital.drain.clone().cancelled_owned()
    }

    /// Ends when settings were chosen, and it is to be started anew.
    pub fn new_start_asked(&self) -> impl Future<Output = ()> + use<> {
        self.vital.new_start.clone().cancelled_owned()
    }

    /// Refuses new logins, gives the sessions their grace time, and stops.
    pub async fn drain(self) {
        self.vital.readiness.set(false);
        self.gateway.drain().await;
        self.stop().await;
    }

    /// Stops without waiting for anybody's session.
    pub async fn stop(self) {
        self.vital.readiness.set(false);
        self.intake.stop();
        self.background.stop();
        for tasks in [&self.intake, &self.background] {
            if tasks.drain(&*self.clock, LAST_TASKS).await.is_err() {
                tracing::warn!("some tasks did not end in time and were left behind");
            }
        }
    }
}

impl std::fmt::Debug for Appliance {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Appliance").field("doors", &self.doors).finish_non_exhaustive()
    }
}

/// Whether the appliance takes logins, what is not well, and whether it was asked to stop: what the control socket tells
/// and takes.
#[derive(Debug, Default)]
struct Vital {
    readiness: Readiness,
    health: Health,
    drain: CancellationToken,
    new_start: CancellationToken,
}

impl Vital {
    fn settings(&self, sources: Option<Sources>) -> Option<Settings> {
        let new_start = self.new_start.clone();
        sources.map(|sources| Settings::new(sources, Arc::new(move || new_start.cancel())))
    }
}

impl Life for Vital {
    fn is_ready(&self) -> bool {
        self.readiness.is_ready()
    }

    fn problems(&self) -> Vec<String> {
        let unready = (!self.is_ready()).then(|| "it is starting or shutting down".to_owned());
        let board = self.health.problems().into_iter().map(|(what, text)| format!("{what}: {text}"));
        unready.into_iter().chain(board).collect()
    }

    fn drain(&self) {
        self.drain.cancel();
    }
}

async fn open(config: &Config, clock: &Arc<dyn Clock>) -> anyhow::Result<(State, OpenReport)> {
    let opened = State::open(config, Arc::clone(clock));
    let (state, report) = opened.context("the appliance's state could not be opened")?;
    tell(&report);
    // Without that nothing is served.
    state.record_opening(&report).await?;
    Ok((state, report))
}

/// What an administrator has to know of how the store opened.
fn tell(report: &OpenReport) {
    if let Some(replaced) = &report.replaced {
        tracing::warn!(kept_in = %replaced.display(), "the state of a state file has taken the place of the former one");
    }
    if let Some(restored) = &report.restored {
        tracing::error!(
            cause = %restored.cause,
            export = %restored.export.display(),
            export.taken = %restored.taken,
            moved_to = restored.moved_to.as_ref().map(|path| path.display().to_string()),
            "the store could not be opened and was restored from its last verified export: changes made after that are lost"
        );
    }
    for table in &report.migrated {
        tracing::info!(table, "a table was migrated to this version");
    }
}

/// Grants go with the account or group that they were given to. The event line holds one end of a channel and nothing of
/// the estate, which holds the event line: otherwise neither would ever be let go.
fn forget_what_is_gone(state: &State, tasks: &Tasks) {
    let (gone, mut told) = mpsc::unbounded_channel();
    state.events.listen(move |event| {
        let grantee = match event {
            Event::AccountRemoved(id) => Grantee::Account(*id),
            Event::GroupRemoved(id) => Grantee::Group(*id),
            _ => return,
        };
        // Nobody listens any more once the appliance stops; the next start finds grants that reach nobody.
        let _ = gone.send(grantee);
    });
    let (estate, stopping) = (state.estate.clone(), tasks.stopping());
    tasks.spawn("grants of who is gone", async move {
        let forgetting = async {
            while let Some(grantee) = told.recv().await {
                // What is left behind reaches nobody: the id that it was given to is never made again.
                if let Err(error) = estate.forget_grantee(&Actor::Appliance, grantee).await {
                    tracing::warn!(%error, "the grants of a removed account or group are still listed");
                }
            }
        };
        tokio::select! {
            () = forgetting => {}
            () = stopping => {}
        }
    });
}
