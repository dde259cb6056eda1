//! The state and its services over a throw-away folder, with a clock that the test owns and every event written down.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use gatehouse::admin::{Admin, Certificates, LiveSessions};
use gatehouse::audit::Actor;
use gatehouse::config::Config;
use gatehouse::domain::{AccountId, Event, GroupId, Name, Principal, Role, Secret, Timestamp};
use gatehouse::identity::web::{Origin, Step};
use gatehouse::identity::{Account, Alteration, Identity, NewAccount, Presented, SignInError};
use gatehouse::platform::{Clock, ManualClock};
use gatehouse::state::State;
use gatehouse::upstream::Dialer;
use tempfile::TempDir;

/// A password that the rules accept.
pub const PASSWORD: &str = "kestrel ferry oxide 71";
/// Another one.
pub const OTHER_PASSWORD: &str = "lantern quarry velvet 38";
/// A workstation.
pub const HERE: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 10));
/// Another one.
pub const THERE: IpAddr = IpAddr::V4(Ipv4Addr::new(198, 51, 100, 20));

pub struct House {
    pub state: State,
    pub clock: Arc<ManualClock>,
    pub folder: TempDir,
    pub config: Config,
    events: Arc<Mutex<Vec<Event>>>,
}

/// A house that nobody is in: its folder, closed, and its clock.
pub struct Closed {
    pub clock: Arc<ManualClock>,
    pub folder: TempDir,
    pub config: Config,
}

impl House {
    pub fn build() -> Self {
        Self::build_at(Timestamp::parse_rfc3339("2027-03-01T08:00:00Z").unwrap(), |_| {})
    }

    /// With other settings than the defaults.
    pub fn build_with(set: impl FnOnce(&mut Config)) -> Self {
        Self::build_at(Timestamp::parse_rfc3339("2027-03-01T08:00:00Z").unwrap(), set)
    }

    /// With a clock that stands at `now`.
    pub fn at(now: Timestamp) -> Self {
        Self::build_at(now, |_| {})
    }

    fn build_at(now: Timestamp, set: impl FnOnce(&mut Config)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut config = Config::default();
        config.appliance.data_dir = folder.path().join("data");
        config.appliance.names = ["sql.corp.example", "localhost"].map(str::to_owned).to_vec();
        config.keys.master_key_file = folder.path().join("master.key");
        set(&mut config);
        Closed { clock: ManualClock::starting_at(now), folder, config }.open()
    }

    /// Closes it. Whoever has its services has given them back by now.
    pub fn close(self) -> Closed {
        let Self { clock, folder, config, .. } = self;
        Closed { clock, folder, config }
    }

    pub fn identity(&self) -> &Identity {
        &self.state.identity
    }

    pub fn admin(&self, sessions: Option<Arc<dyn LiveSessions>>) -> Admin {
        let dialer = Dialer::new(self.clock.clone(), Duration::from_secs(5));
        let Config { appliance, tls, .. } = self.config.clone();
        let certificates = Certificates { appliance, tls, running: None };
        Admin::new(&self.state, self.clock.clone(), dialer, sessions, certificates, None)
    }

    /// Gives an account a mail address.
    pub async fn mail(&self, who: &str, address: &str) {
        let (id, mail) = (self.identity().account(who).unwrap().id, Some(address.parse().unwrap()));
        self.identity().alter_account(&Actor::Console, id, Alteration::Mail(mail)).await.unwrap();
    }

    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// The events since they were last taken.
    pub fn take_events(&self) -> Vec<Event> {
        std::mem::take(&mut *self.events.lock().unwrap())
    }

    /// A member with [`PASSWORD`].
    pub async fn member(&self, who: &str) -> Account {
        self.account(who, Role::Member).await
    }

    /// An account with [`PASSWORD`].
    pub async fn account(&self, who: &str, role: Role) -> Account {
        let new = NewAccount { role, password: Some(Secret::new(PASSWORD)), ..NewAccount::member(name(who)) };
        self.identity().add_account(&Actor::Console, new).await.unwrap()
    }

    pub async fn group(&self, called: &str) -> GroupId {
        self.identity().add_group(&Actor::Console, name(called)).await.unwrap().id
    }

    /// Signs in with a name and a secret, from a workstation.
    pub async fn sign_in(&self, who: &str, secret: &str) -> Result<Principal, SignInError> {
        self.sign_in_from(who, secret, HERE).await
    }

    pub async fn sign_in_from(&self, who: &str, secret: &str, peer: IpAddr) -> Result<Principal, SignInError> {
        let presented = Presented::Password { name: who.to_owned(), secret: Secret::new(secret) };
        self.identity().sign_in(presented, peer).await
    }

    /// The first stage of a sign-in on the web.
    pub async fn web_sign_in(&self, who: &str, password: &str, from: &Origin) -> Result<Step, SignInError> {
        self.identity().web_sign_in(who, &Secret::new(password), from).await
    }

    /// A principal as if it had signed in with its password.
    pub async fn principal(&self, who: &str) -> Principal {
        self.sign_in(who, PASSWORD).await.unwrap()
    }

    /// The audit's entries, as JSON.
    pub fn audited(&self) -> Vec<serde_json::Value> {
        let folder = self.folder.path().join("data/audit");
        let mut segments: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
        segments.retain(|path| path.extension().is_some_and(|extension| extension == "jsonl"));
        segments.sort();
        let text: String = segments.iter().map(|path| std::fs::read_to_string(path).unwrap()).collect();
        whole_lines(&text).map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// The actions in the audit, oldest first.
    pub fn audited_actions(&self) -> Vec<String> {
        self.audited().iter().map(|entry| entry["action"].as_str().unwrap().to_owned()).collect()
    }

    pub fn actor(&self, account: &Account) -> Actor {
        Actor::Account { id: account.id, name: account.name.clone() }
    }

    /// Another try after whatever delay.
    pub fn wait(&self, seconds: u64) {
        self.clock.advance(Duration::from_secs(seconds));
    }
}

impl Closed {
    /// Opens it, again or for the first time.
    pub fn open(self) -> House {
        let Self { clock, folder, config } = self;
        let (state, _) = State::open(&config, clock.clone()).unwrap();
        let events: Arc<Mutex<Vec<Event>>> = Arc::default();
        let list = Arc::clone(&events);
        state.events.listen(move |event| list.lock().unwrap().push(event.clone()));
        House { state, clock, folder, config, events }
    }
}

pub fn name(text: &str) -> Name {
    Name::parse(text).unwrap()
}

/// Whether it failed for being wrong, and for no other reason.
pub fn is_wrong(outcome: &Result<Principal, SignInError>) -> bool {
    matches!(outcome, Err(SignInError::Wrong))
}

/// Nobody's id.
pub fn nobody() -> AccountId {
    AccountId::random()
}

/// The lines that were written to their end: another thread may be in the middle of the last one.
pub fn whole_lines(text: &str) -> impl Iterator<Item = &str> {
    text.split_inclusive('\n').filter(|line| line.ends_with('\n'))
}
