//! `gatehouse connect`: serve programs on this workstation, and carry them to an appliance.
//!
//! Exit codes: 0 it was told to end, or `--status` finds it connected; 3 `--status` finds none running; 4 nobody is signed in, or
//! no longer; 5 `--status` finds it running, and not connected at the moment; 1 anything else.

mod enrol;
mod sign_in;
mod status;

use std::io::IsTerminal as _;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use tokio::net::TcpListener;

use super::admin::input::confirm;
use super::discover::agree;
use super::output;
use crate::config::{Desktop, Log};
use crate::connector::client::Client;
use crate::connector::device::leave;
use crate::connector::discovery::{Fetcher, Search, SystemLookup, discover};
use crate::connector::feed::Standing;
use crate::connector::kept::Known;
use crate::connector::local::{self, guard::Guard};
use crate::connector::run::LOCAL_TOKEN;
use crate::connector::status::Status;
use crate::connector::vault::{Keeps, Kept, Vault};
use crate::connector::{Access, Connector, Ended, Folder, Parts, Pin, Place};
use crate::domain::Secret;
use crate::platform::{Clock, Lock, Signal, Signals, SystemClock, SystemResolver, files, systemd};
use crate::tls::anchor::parse_fingerprint;
use crate::upstream::Dialer;
use crate::workstation::integrations::HttpsUrl;

#[derive(Debug, clap::Args)]
pub(super) struct Connect {
    /// The appliance's URL or host [default: the one that was connected to before, or what `gatehouse discover` finds, after asking]
    url: Option<String>,
    /// The SHA-256 of the appliance's own authority, as its administrator tells it; remembered
    #[arg(long, value_name = "SHA-256")]
    fingerprint: Option<String>,
    /// Judge the appliance's certificate anew, as at the first meeting: by the authorities that the system trusts, or by --fingerprint.
    /// For when its administrators gave it another one on purpose
    #[arg(long, conflicts_with_all = ["status", "sign_out"])]
    trust_anew: bool,
    /// Where programs connect, on this machine's loopback address; may be given several times [default: 127.0.0.1:1433 and [::1]:1433]
    #[arg(long = "listen", value_name = "ADDRESS:PORT")]
    listen: Vec<SocketAddr>,
    /// Sign in, and end: for a service that is started later
    #[arg(long, conflicts_with_all = ["status", "sign_out"])]
    sign_in: bool,
    /// Never sign anybody in: end with code 4 where nobody is. For services, which nobody sits before
    #[arg(long, conflicts_with_all = ["sign_in", "device_code", "print_link", "status", "sign_out"])]
    no_sign_in: bool,
    /// Sign in by a code that is typed into a browser anywhere
    #[arg(long)]
    device_code: bool,
    /// Print the sign-in page's address instead of opening a browser
    #[arg(long, conflicts_with = "device_code")]
    print_link: bool,
    /// Sign in with the secret of an enrolled device, which this file holds; it stays as it is, and is yours to change
    #[arg(long, value_name = "FILE", conflicts_with_all = ["device_code", "print_link", "sign_in"])]
    device_secret_file: Option<PathBuf>,
    #[command(flatten)]
    enrolment: enrol::Enrolment,
    /// Let in who sends the local token as user name or password; it is made and kept in the file local-token of the connector's folder
    #[arg(long)]
    local_token: bool,
    /// Let in every program of every user of this machine
    #[arg(long, conflicts_with = "local_token")]
    allow_other_users: bool,
    /// Where to keep the sign-in [default: the keyring, or a file for its owner alone where there is none]
    #[arg(long, value_name = "PLACE")]
    keep: Option<Keeps>,
    /// The folder of what this program keeps [default: gatehouse/connect in the user's state folder]
    #[arg(long, value_name = "FOLDER")]
    state_dir: Option<PathBuf>,
    /// Show how it stands with a connector that runs
    #[arg(long, conflicts_with = "sign_out")]
    status: bool,
    /// Show it as JSON
    #[arg(long, requires = "status")]
    json: bool,
    /// Tell more of what happens, on the standard error
    #[arg(long)]
    verbose: bool,
    /// Sign out: the appliance revokes the sign-in, and this machine forgets it, and what the appliance was believed by
    #[arg(long)]
    sign_out: bool,
}

/// An end with an exit code of its own.
#[derive(Debug, thiserror::Error)]
#[error("{text}")]
pub(super) struct Exit {
    pub code: u8,
    text: String,
}

/// No connector runs.
const NOT_RUNNING: u8 = 3;
/// Nobody is signed in.
const SIGNED_OUT: u8 = 4;
/// It runs, and is not connected.
const NOT_CONNECTED: u8 = 5;

fn exit(code: u8, text: String) -> anyhow::Error {
    anyhow::Error::new(Exit { code, text })
}

/// What is needed to talk with one appliance.
struct Session {
    folder: Folder,
    known: Known,
    client: Client,
    clock: Arc<dyn Clock>,
}

/// Where programs come in, and who may.
struct Door {
    guard: Guard,
    listeners: Vec<TcpListener>,
}

impl Connect {
    pub(super) fn run(&self) -> anyhow::Result<()> {
        let desktop = Desktop::of_process();
        let all = match (&self.state_dir, &desktop.state) {
            (Some(given), _) => given.clone(),
            (None, Some(state)) => state.join("gatehouse").join("connect"),
            (None, None) => anyhow::bail!("there is no folder to keep anything in: name one with --state-dir"),
        };
        if self.status {
            return status::show(&self.folder(&all)?, self.json);
        }
        let filter = if self.verbose { "debug" } else { "warn" };
        crate::telemetry::init(&Log { filter: filter.to_owned(), ..Log::default() })?;
        let runtime = tokio::runtime::Runtime::new()?;
        let outcome = runtime.block_on(self.work(&all, &desktop));
        // A look-up that hangs in the system's resolver is not waited for.
        runtime.shutdown_timeout(Duration::from_millis(200));
        outcome
    }

    async fn work(&self, all: &Path, desktop: &Desktop) -> anyhow::Result<()> {
        let clock: Arc<dyn Clock> = SystemClock::new();
        if self.sign_out {
            let folder = self.folder(all)?;
            let known = folder.known()?.context("nobody is signed in at this appliance")?;
            return self.session(folder, known, clock)?.sign_out().await;
        }
        let known = self.meet(all, desktop, &clock).await?;
        let session = self.session(Folder::of(all, &known.place), known, clock)?;
        let lock = self.lock(&session).await?;
        // From now on a process is there; what the one before wrote last holds no more.
        let mut status = Status::opening(&session.known, session.clock.now());
        status.write(&session.folder)?;
        let (door, access, credential) = match self.prepare(&session, desktop).await {
            Ok(prepared) => prepared,
            Err(error) => {
                let signed_out = error.downcast_ref().is_some_and(|exit: &Exit| exit.code == SIGNED_OUT);
                status.end(
                    signed_out,
                    crate::telemetry::redacted(&format!("{error:#}")).into_owned(),
                    session.clock.now(),
                );
                status.write(&session.folder)?;
                return Err(error);
            }
        };
        match door {
            Some(door) => {
                serve(session, access, credential, door).await?;
            }
            None => {
                status.end(
                    false,
                    "somebody signed in, and no connector was started since".to_owned(),
                    session.clock.now(),
                );
                status.write(&session.folder)?;
                output::line(format_args!("signed in at {}; the sign-in is kept in {credential}", session.known.place));
            }
        }
        drop(lock);
        Ok(())
    }

    /// Where programs come in, unless nobody is to, and what lets this program in.
    async fn prepare(&self, session: &Session, desktop: &Desktop) -> anyhow::Result<(Option<Door>, Access, String)> {
        // What could keep it from serving comes first: nobody signs in to be told afterwards.
        let door = match self.sign_in {
            true => None,
            false => Some(Door { guard: self.guard(&session.folder)?, listeners: local::bind(&self.listen).await? }),
        };
        let (access, credential) = self.access(session, desktop).await?;
        Ok((door, access, credential))
    }

    /// The folder of the appliance that is meant, by its URL or because there is no other.
    fn folder(&self, all: &Path) -> anyhow::Result<Folder> {
        if let Some(url) = &self.url {
            return Ok(Folder::of(all, &place_of(url)?));
        }
        match Folder::all(all).as_slice() {
            [one] => Ok(one.clone()),
            [] => Err(exit(NOT_RUNNING, "no appliance was connected to from here yet".to_owned())),
            several => anyhow::bail!("{} appliances were connected to from here: name one by its URL", several.len()),
        }
    }

    /// The appliance as it is known from before; or found, or judged anew, and believed on a ground.
    async fn meet(&self, all: &Path, desktop: &Desktop, clock: &Arc<dyn Clock>) -> anyhow::Result<Known> {
        let fingerprint = self
            .fingerprint
            .as_deref()
            .map(|text| parse_fingerprint(text).with_context(|| format!("{text:?} is not a SHA-256 in hexadecimal")));
        let fingerprint = fingerprint.transpose()?;
        let before = match &self.url {
            Some(url) => Folder::of(all, &place_of(url)?).known()?,
            None => match Folder::all(all).as_slice() {
                [one] => one.known()?,
                [] => None,
                several => {
                    anyhow::bail!("{} appliances were connected to from here: name one by its URL", several.len())
                }
            },
        };
        let comes_with_secret = self.enrolment.is_asked() || self.device_secret_file.is_some();
        if before.is_none() && self.is_unattended(desktop) && !comes_with_secret {
            // Who was never here has not signed in, or has signed out: that does not mend itself, whoever answers.
            return Err(sign_in::nobody(self.url.as_deref().unwrap_or("URL"), "nobody is here to do it"));
        }
        let fits = |pin: &Pin| !self.trust_anew && fingerprint.as_deref().is_none_or(|given| pin.is(given));
        if let Some(known) = before.as_ref().filter(|known| fits(&known.pin)) {
            return Ok(Known { keeps: self.keep.unwrap_or(known.keeps), ..known.clone() });
        }
        // It is judged anew, and not searched for anew.
        let given = self.url.clone().or_else(|| before.as_ref().map(|known| known.place.authority()));
        let search = Search { given, fingerprint, ..Search::default() };
        let (lookup, fetcher) = (SystemLookup::new(), Fetcher::new(Arc::new(SystemResolver::new())));
        let outcome = discover(&search, &lookup, &fetcher, &**clock).await;
        outcome.tried.iter().for_each(|tried| output::note(format_args!("not {}: {}", tried.what, tried.why)));
        let found = outcome.found.context("no appliance was found")?;
        agree(&found, std::io::stdin().is_terminal().then_some(|question: &str| confirm(question, false)))?;
        let keeps = self.keep.or(before.as_ref().map(|known| known.keeps)).unwrap_or(Keeps::Keyring);
        let known = Known::of(&found, keeps).context("the appliance is not believed")?;
        output::line(format_args!("found {:?} at {}: {}", known.name, known.place, found.ground));
        if let Some(before) = before {
            output::line(format_args!(
                "it is believed {} now; before: {}",
                known.pin.in_words(),
                before.pin.in_words()
            ));
            if before.appliance != known.appliance {
                output::note(
                    "it says that it is another appliance than before: a sign-in at that one does not count here",
                );
            }
        }
        Ok(known)
    }

    /// Whether nobody is here who could sign in: as a service of systemd's, unless it was told how.
    fn is_unattended(&self, desktop: &Desktop) -> bool {
        self.no_sign_in || (desktop.service && !self.sign_in && !self.device_code && !self.print_link)
    }

    fn session(&self, folder: Folder, known: Known, clock: Arc<dyn Clock>) -> anyhow::Result<Session> {
        let client = Client::new(&known.place, &known.pin, Arc::new(SystemResolver::new()), Arc::clone(&clock))?;
        Ok(Session { folder, known, client, clock })
    }

    /// The folder's lock. Whoever asks for the status takes it for a moment, too.
    async fn lock(&self, session: &Session) -> anyhow::Result<Lock> {
        session.folder.make()?;
        for _ in 0..10 {
            if let Ok(lock) = session.folder.lock() {
                return Ok(lock);
            }
            session.clock.sleep(Duration::from_millis(100)).await;
        }
        Ok(session.folder.lock()?)
    }

    /// What lets this program in, and in words where it is kept.
    async fn access(&self, session: &Session, desktop: &Desktop) -> anyhow::Result<(Access, String)> {
        let Session { folder, known, client, clock } = session;
        if let Some(file) = &self.device_secret_file {
            let secret = read_private(file)?;
            folder.keep(known)?;
            return Ok((Access::given(secret, Arc::clone(clock)), format!("the file {}", file.display())));
        }
        let vault = Vault::open(folder, known).await?;
        let kept = match vault.load().await? {
            before if self.enrolment.is_asked() => Kept::Device(self.enrolment.enrol(session, &vault, before).await?),
            Some(kept) if !self.sign_in => kept,
            before => {
                let tokens = Kept::Program(sign_in::sign_in(self, session, desktop).await?);
                vault.store(&tokens).await?;
                if let Some(device) = before.and_then(Kept::device) {
                    // Nobody uses it here any more.
                    let _ = leave(client, &device.secret).await;
                }
                tokens
            }
        };
        folder.keep(&Known { keeps: vault.keeps(), ..known.clone() })?;
        let where_kept = vault.in_words();
        Ok((session.let_in(vault, kept), where_kept))
    }

    /// Who is let in.
    fn guard(&self, folder: &Folder) -> anyhow::Result<Guard> {
        if self.allow_other_users {
            output::note("every program of every user of this machine is let in (--allow-other-users)");
            return Ok(Guard::Everybody);
        }
        if !self.local_token {
            return Guard::same_user().context(
                "this system does not say whose programs connect here, or this is a service's or root's connector: \
                 use --local-token, or --allow-other-users where nobody else can log in",
            );
        }
        let file = folder.file(LOCAL_TOKEN);
        if !file.exists() {
            let mut bytes = zeroize::Zeroizing::new([0_u8; 20]);
            getrandom::fill(&mut *bytes).map_err(|_| anyhow::anyhow!("the system gave no randomness"))?;
            let token = bytes.iter().fold("ghx_".to_owned(), |text, byte| format!("{text}{byte:02x}"));
            files::write_private(&file, token.as_bytes())?;
        }
        output::line(format_args!(
            "programs send the local token as user name or password: it is in {}",
            file.display()
        ));
        Ok(Guard::Token(read_private(&file)?))
    }
}

/// Serves programs until it is told to end, or the sign-in is over: then it says what to do.
async fn serve(session: Session, access: Access, credential: String, door: Door) -> anyhow::Result<()> {
    let Session { folder, known, client, clock } = session;
    let Door { guard, listeners } = door;
    let mut signals = Signals::listen()?;
    let dialer = Dialer::new(Arc::clone(&clock), DIAL_LIMIT);
    let (place, way_back) = (known.place.clone(), access.way_back());
    let parts = Parts { known, client, access, guard, listeners, folder, credential, dialer };
    let connector = Connector::start(parts, clock);
    let addresses: Vec<String> = connector.addresses().iter().map(ToString::to_string).collect();
    output::line(format_args!("programs connect to {}", addresses.join(" and ")));
    systemd::ready(&format!("listening on {}", addresses.join(", ")));
    let ended = tokio::select! {
        biased;
        ended = connector.ended() => Some(ended),
        () = told_to_end(&mut signals, &connector) => None,
        () = tell(&connector, &place) => None,
    };
    systemd::stopping("ending");
    connector.stop().await;
    match ended {
        None => Ok(()),
        Some(Ended(why)) => Err(exit(SIGNED_OUT, format!("{why}; {}", way_back.in_words(&place)))),
    }
}

/// Ends when it is told to. HUP is such a word where there is a terminal, which is gone then; a service is asked by it to look for
/// what may have changed.
async fn told_to_end(signals: &mut Signals, connector: &Connector) {
    let at_terminal = std::io::stdin().is_terminal();
    while signals.next().await == Signal::Reload && !at_terminal {
        output::line("the appliance is asked again");
        connector.ask_again();
    }
}

/// Says to whom and as whom it is connected, and each change of that.
async fn tell(connector: &Connector, place: &Place) {
    let mut now = connector.watch();
    let mut said = String::new();
    loop {
        let current = now.borrow_and_update().clone();
        if let (Standing::Connected, Some(document)) = (&current.standing, &current.document) {
            let aliases: Vec<&str> = document.databases.iter().map(|one| one.alias.as_str()).collect();
            let line = format!("connected to {place} as {}; databases: {}", document.account.name, aliases.join(", "));
            if line != said {
                output::line(&line);
                systemd::ready(&line);
                said = line;
            }
        }
        if now.changed().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

impl Session {
    /// What is kept, in use.
    fn let_in(&self, vault: Vault, kept: Kept) -> Access {
        let (client, clock) = (self.client.clone(), Arc::clone(&self.clock));
        match kept {
            Kept::Program(tokens) => Access::program(client, &self.known.oauth, vault, tokens, clock),
            Kept::Device(device) => Access::device(client, &self.known.config, vault, device, clock),
        }
    }

    async fn sign_out(&self) -> anyhow::Result<()> {
        let Self { folder, known, .. } = self;
        let vault = Vault::open(folder, known).await?;
        let told = match vault.load().await {
            Ok(Some(kept)) => Some(self.let_in(vault, kept).sign_out().await),
            Ok(None) => None,
            // It lets nobody in, and there is nothing to tell the appliance.
            Err(error) if error.is_strange() => {
                vault.forget().await?;
                folder.forget()?;
                anyhow::bail!("{error}; it is forgotten now: end the sign-in on your account's page, too");
            }
            Err(error) => return Err(error.into()),
        };
        // What it was believed by, too: whoever signs in again judges anew.
        folder.forget()?;
        match told {
            None => anyhow::bail!("nobody is signed in at this appliance; what it was believed by is forgotten"),
            Some(Ok(())) => output::line(format_args!("signed out at {}", known.place)),
            Some(Err(error)) => anyhow::bail!(
                "this machine forgot the sign-in, but {} could not be told to revoke it ({error}): end it on your account's page",
                known.place
            ),
        }
        Ok(())
    }
}

/// `https://host:port/…`, `host:port` or `host`.
fn place_of(url: &str) -> anyhow::Result<Place> {
    let text = if url.contains("://") { url.to_owned() } else { format!("https://{url}") };
    let url = HttpsUrl::parse(&text).map_err(anyhow::Error::msg)?;
    Ok(Place { host: url.host().to_owned(), port: url.port() })
}

/// A secret in a file that nobody else may read.
fn read_private(file: &Path) -> anyhow::Result<Secret> {
    files::others_kept_out(file)?;
    let text = std::fs::read_to_string(file).with_context(|| format!("{} cannot be read", file.display()))?;
    let text = zeroize::Zeroizing::new(text);
    anyhow::ensure!(!text.trim().is_empty(), "{} is empty", file.display());
    Ok(Secret::new(text.trim()))
}

/// For a name, TCP, PRELOGIN and TLS together.
const DIAL_LIMIT: Duration = Duration::from_secs(15);
