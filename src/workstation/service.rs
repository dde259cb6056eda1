//! [`Workstations`]: the documents for one who has signed in, and the waiting for their change.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::changes::{Changes, Snapshot};
use super::connection::{Connection, Encryption, Trust};
use super::documents::{
    AccountPart, AppliancePart, Config, ConnectionStrings, DatabasePart, Discovery, IntegrationPart, Notice,
    NoticeLevel, PassPart, Revealed, TrustPart,
};
use super::error::WorkstationError;
use super::etag::ETag;
use super::integrations::Integrations;
use super::passes::{Held, Passes};
use super::records::appliance_id;
use super::strings::Format;
use crate::audit::Actor;
use crate::config;
use crate::domain::{AccessLevel, ApplianceId, Credential, DeviceId, Events, Name, Principal, Secret, Timestamp};
use crate::estate::{Database, Estate};
use crate::identity::Identity;
use crate::platform::Clock;
use crate::platform::clock::within;
use crate::store::{Store, StoreError};
use crate::tls::Anchor;

/// What workstations are told. Clones are handles to the same service.
#[derive(Clone)]
pub struct Workstations {
    inner: Arc<Inner>,
}

struct Inner {
    parts: Parts,
    id: ApplianceId,
    passes: Arc<Passes>,
    changes: Changes,
    /// The discovery document as it was last sent, and for which authority: it is asked for by whoever comes along.
    sent: Mutex<Option<Sent>>,
}

/// A discovery document, ready to be sent.
#[derive(Clone)]
struct Sent {
    authority: Option<String>,
    tag: ETag,
    text: Arc<str>,
}

/// What the service is made of.
pub struct Parts {
    /// The store, for the appliance's id.
    pub store: Store,
    /// Who signs in.
    pub identity: Identity,
    /// What they may use.
    pub estate: Estate,
    /// What else there is.
    pub integrations: Integrations,
    /// Where changes are told.
    pub events: Events,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// The settings.
    pub settings: config::Workstation,
    /// Where the appliance is.
    pub place: Place,
    /// The own authority, while it is what signed the certificate that is shown: asked for each document.
    pub authority: Arc<dyn Fn() -> Option<Arc<Anchor>> + Send + Sync>,
}

/// Where the appliance is, as workstations see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The name that its administrators chose.
    pub name: String,
    /// The DNS name or address to connect to.
    pub host: String,
    /// The port for SQL clients.
    pub port: u16,
    /// The name in the certificate, where it is not the host: some drivers compare an address with names alone.
    pub certificate_name: Option<String>,
}

impl Place {
    /// Where the settings, and the ports that were bound, say that it is: `sql` and `https` are the first of each, if any.
    pub fn of(
        appliance: &config::Appliance,
        settings: &config::Workstation,
        sql: Option<u16>,
        https: Option<u16>,
    ) -> Self {
        let first = appliance.names.first().map_or("localhost", String::as_str);
        let host = settings.host.as_deref().unwrap_or(first).to_owned();
        let is_address = |name: &str| name.parse::<std::net::IpAddr>().is_ok();
        let certificate_name =
            is_address(&host).then(|| appliance.names.iter().find(|name| !is_address(name)).cloned()).flatten();
        let set = u16::try_from(settings.port).ok().filter(|port| *port != 0);
        let port = set.or(sql).or(https).unwrap_or(1433);
        Self { name: appliance.name.clone(), host, port, certificate_name }
    }
}

/// The answer to who asks for its configuration.
#[derive(Debug, Clone, PartialEq)]
pub enum Answer {
    /// It has it already: 304, with this tag.
    NotModified(ETag),
    /// This is it, with its tag. It holds a password: `Cache-Control: no-store`.
    Document(ETag, Box<Config>),
}

/// What ended a waiting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Waited {
    /// There is something new: ask for it.
    Changed,
    /// The time was over.
    Unchanged,
}

impl Workstations {
    /// The service; gives the appliance its id at the first start.
    pub async fn open(parts: Parts) -> Result<Self, StoreError> {
        let id = appliance_id(&parts.store, parts.clock.now()).await?;
        let passes = Arc::new(Passes::default());
        let changes = Changes::listen(&parts.events, &passes);
        Ok(Self { inner: Arc::new(Inner { parts, id, passes, changes, sent: Mutex::default() }) })
    }

    /// The appliance's id.
    pub fn appliance_id(&self) -> ApplianceId {
        self.inner.id
    }

    /// Where the appliance is.
    pub fn place(&self) -> &Place {
        &self.inner.parts.place
    }

    /// The discovery document and its tag: the same for everybody, until the certificate is another authority's.
    pub fn discovery(&self) -> (ETag, Discovery) {
        let authority = (self.inner.parts.authority)();
        let sha256 = authority.as_ref().map(|anchor| anchor.sha256());
        let document = Discovery::new(self.inner.id, &self.inner.parts.place.name, sha256);
        (ETag::of(&document), document)
    }

    /// The same as JSON text: made once for each authority.
    pub fn discovery_text(&self) -> (ETag, Arc<str>) {
        let authority = (self.inner.parts.authority)();
        let sha256 = authority.as_ref().map(|anchor| anchor.sha256());
        let mut sent = self.inner.sent.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(sent) = sent.as_ref().filter(|sent| sent.authority.as_deref() == sha256) {
            return (sent.tag.clone(), Arc::clone(&sent.text));
        }
        let (tag, document) = self.discovery();
        let text: Arc<str> = serde_json::to_string(&document).unwrap_or_default().into();
        let authority = document.authority.map(|authority| authority.sha256);
        *sent = Some(Sent { authority, tag: tag.clone(), text: Arc::clone(&text) });
        (tag, text)
    }

    /// The configuration for one who has signed in. `device` is the one that asks, where the credential itself does not
    /// say; `if_none_match` is the header of that name. Makes a pass where none is held for the account and device, or its half
    /// is over.
    pub async fn config(
        &self,
        who: &Principal,
        device: Option<DeviceId>,
        if_none_match: Option<&str>,
    ) -> Result<Answer, WorkstationError> {
        let inner = &self.inner;
        let (device, now) = (device_of(who, device), inner.parts.clock.now());
        let device_name = inner.device_name(who, device)?;
        let held = inner.passes.current_or((who.account, device), now, inner.make_pass(who, device)).await?;
        let bare = inner.bare(who, device_name, &held)?;
        let tag = ETag::of(&bare);
        if if_none_match.is_some_and(|header| tag.is_in(header)) {
            return Ok(Answer::NotModified(tag));
        }
        Ok(Answer::Document(tag, Box::new(inner.filled(bare, &held)?)))
    }

    /// Waits until the configuration that carries this tag is no longer the one, for at most `limit`. Ends with
    /// [`WorkstationError::SignedOut`] when the sign-in stops to hold meanwhile.
    pub async fn wait_for_change(
        &self,
        who: &Principal,
        device: Option<DeviceId>,
        tag: &str,
        limit: Duration,
    ) -> Result<Waited, WorkstationError> {
        let clock = &*self.inner.parts.clock;
        let waiting = async {
            let mut count = self.inner.changes.subscribe();
            loop {
                count.mark_unchanged();
                if self.inner.is_other(who, device, tag)? {
                    return Ok(Waited::Changed);
                }
                if count.changed().await.is_err() {
                    return Ok(Waited::Unchanged);
                }
            }
        };
        within(clock, limit, waiting).await.unwrap_or(Ok(Waited::Unchanged))
    }

    /// Wakes who waits, after a change that the event line does not tell of: another certificate.
    pub fn changed(&self) {
        self.inner.changes.count_one();
    }

    /// A password for programs that are set up by hand, and when it ends: the pass of whatever asks without a device.
    pub async fn password(&self, who: &Principal) -> Result<(Timestamp, Secret), WorkstationError> {
        let (inner, now) = (&self.inner, self.inner.parts.clock.now());
        let held = inner.passes.current_or((who.account, None), now, inner.make_pass(who, None)).await?;
        Ok((held.expires, held.secret))
    }

    /// The connections that an account may make, without a password: for files that are downloaded.
    pub fn connections(&self, who: &Principal) -> Result<Vec<Connection>, WorkstationError> {
        let snapshot = self.inner.snapshot()?;
        let granted = granted(&snapshot, who);
        Ok(granted.map(|(database, _)| self.inner.connection(database, who.name.as_str(), None)).collect())
    }
}

impl Inner {
    fn snapshot(&self) -> Result<Arc<Snapshot>, WorkstationError> {
        self.changes.snapshot(&self.parts.estate, &self.parts.integrations)
    }

    fn device_name(&self, who: &Principal, device: Option<DeviceId>) -> Result<Option<Name>, WorkstationError> {
        let Some(id) = device else { return Ok(None) };
        let device = self.parts.identity.device(&id.to_string()).map_err(|_| WorkstationError::OtherDevice)?;
        if device.account == who.account { Ok(Some(device.name)) } else { Err(WorkstationError::OtherDevice) }
    }

    async fn make_pass(&self, who: &Principal, device: Option<DeviceId>) -> Result<Held, WorkstationError> {
        let actor = Actor::Account { id: who.account, name: who.name.clone() };
        let lifetime = self.parts.settings.pass_lifetime;
        let (pass, secret) = self.parts.identity.issue_pass(&actor, who.account, device, lifetime).await?;
        let renew_after = pass.created.after(lifetime / 2);
        Ok(Held { id: pass.id, secret, expires: pass.expires, renew_after })
    }

    /// Whether the document of now is another than the one that carries this tag.
    fn is_other(&self, who: &Principal, device: Option<DeviceId>, tag: &str) -> Result<bool, WorkstationError> {
        let who = self.parts.identity.current(who).ok_or(WorkstationError::SignedOut)?;
        let device = device_of(&who, device);
        let name = self.device_name(&who, device)?;
        let Some(held) = self.passes.current((who.account, device), self.parts.clock.now()) else { return Ok(true) };
        Ok(!ETag::of(&self.bare(&who, name, &held)?).is_in(tag))
    }

    /// The document without its secrets: what its tag is made from.
    fn bare(&self, who: &Principal, device: Option<Name>, held: &Held) -> Result<Config, WorkstationError> {
        let (parts, snapshot) = (&self.parts, self.snapshot()?);
        let place = &parts.place;
        let authority = (parts.authority)();
        let trust = TrustPart {
            certificate_name: place.certificate_name.clone(),
            authority_pem: authority.as_ref().map(|anchor| anchor.pem()),
            authority_sha256: authority.as_ref().map(|anchor| anchor.sha256().to_owned()),
        };
        let database = |(database, access): (&Database, AccessLevel)| DatabasePart {
            alias: database.alias.to_string(),
            access: access.to_string(),
            host: place.host.clone(),
            port: place.port,
            encryption: if parts.settings.strict { "strict" } else { "mandatory" }.to_owned(),
            trust: trust.clone(),
            connection_strings: ConnectionStrings::empty(),
        };
        let default = who.default_database;
        let default = snapshot.databases.iter().find(|database| Some(database.id) == default);
        let told = snapshot.integrations.iter().filter(|one| one.audience.includes(who));
        Ok(Config {
            version: Config::VERSION,
            appliance: AppliancePart { id: self.id.to_string(), name: place.name.clone() },
            account: AccountPart {
                name: who.name.to_string(),
                device: device.map(|name| name.to_string()),
                default_database: default.map(|database| database.alias.to_string()),
            },
            pass: PassPart {
                id: held.id.to_string(),
                user: who.name.to_string(),
                password: Revealed::empty(),
                expires: held.expires.to_string(),
                renew_after: held.renew_after.to_string(),
            },
            databases: granted(&snapshot, who).map(database).collect(),
            integrations: told
                .map(|one| IntegrationPart { name: one.name.to_string(), kind: one.kind.clone() })
                .collect(),
            notices: self.notices(who)?,
            minimum_client: Config::MINIMUM_CLIENT.to_owned(),
            ask_again_seconds: parts.settings.ask_again.as_secs(),
        })
    }

    /// The document with its secrets.
    fn filled(&self, mut document: Config, held: &Held) -> Result<Config, WorkstationError> {
        for database in &mut document.databases {
            let connection = Connection {
                host: database.host.clone(),
                port: database.port,
                database: database.alias.clone(),
                user: document.pass.user.clone(),
                password: Some(held.secret.clone()),
                encryption: self.encryption(),
                trust: Trust {
                    certificate_name: database.trust.certificate_name.clone(),
                    authority_pem: database.trust.authority_pem.clone(),
                },
            };
            database.connection_strings = ConnectionStrings::of(&connection)?;
        }
        document.pass.password = Revealed(held.secret.clone());
        Ok(document)
    }

    fn connection(&self, database: &Database, user: &str, password: Option<Secret>) -> Connection {
        let place = &self.parts.place;
        Connection {
            host: place.host.clone(),
            port: place.port,
            database: database.alias.to_string(),
            user: user.to_owned(),
            password,
            encryption: self.encryption(),
            trust: Trust {
                certificate_name: place.certificate_name.clone(),
                authority_pem: (self.parts.authority)().map(|anchor| anchor.pem()),
            },
        }
    }

    fn encryption(&self) -> Encryption {
        if self.parts.settings.strict { Encryption::Strict } else { Encryption::Mandatory }
    }

    /// What the person should be told. Times are points and not distances, so that the tag stays.
    fn notices(&self, who: &Principal) -> Result<Vec<Notice>, WorkstationError> {
        let account = self.parts.identity.account_by_id(who.account)?.ok_or(WorkstationError::SignedOut)?;
        let soon = |end: &Timestamp| end.since(self.parts.clock.now()) < SOON;
        let ends = account.expires.filter(soon).map(|end| Notice {
            level: NoticeLevel::Warning,
            text: format!("This account ends at {end}. Ask your administrator if you need it longer."),
        });
        Ok(ends.into_iter().collect())
    }
}

impl std::fmt::Debug for Workstations {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Workstations").field("id", &self.inner.id).field("place", &self.inner.parts.place).finish()
    }
}

/// The device that asks: the one that signed in as itself, or else the one that a token is bound to.
fn device_of(who: &Principal, device: Option<DeviceId>) -> Option<DeviceId> {
    match who.credential {
        Credential::Device(id) => Some(id),
        _ => device,
    }
}

/// The databases that were granted, by alias, each with the highest access. The same choice as `estate` makes at a login.
fn granted<'a>(snapshot: &'a Snapshot, who: &'a Principal) -> impl Iterator<Item = (&'a Database, AccessLevel)> {
    snapshot.databases.iter().filter_map(|database| {
        let theirs = snapshot.grants.iter().filter(|grant| grant.database == database.id && grant.reaches(who));
        theirs.map(|grant| grant.access).max().map(|access| (database, access))
    })
}

impl ConnectionStrings {
    /// One in each format.
    pub fn of(connection: &Connection) -> Result<Self, super::connection::Unwritable> {
        let text = |format: Format| format.write(connection).map(Revealed);
        Ok(Self {
            sqlclient: text(Format::SqlClient)?,
            odbc: text(Format::Odbc)?,
            oledb: text(Format::OleDb)?,
            jdbc: text(Format::Jdbc)?,
            tedious: text(Format::Tedious)?,
            sqlalchemy: text(Format::SqlAlchemy)?,
        })
    }

    fn empty() -> Self {
        let text = Revealed::empty;
        Self { sqlclient: text(), odbc: text(), oledb: text(), jdbc: text(), tedious: text(), sqlalchemy: text() }
    }
}

impl Revealed {
    fn empty() -> Self {
        Self(Secret::new(""))
    }
}

/// An account that ends this soon is told so.
const SOON: Duration = Duration::from_secs(14 * 86_400);
