//! One live session: who, from where, to what; its counters; and the one way to end it.

use std::net::IpAddr;
use std::sync::OnceLock;
use std::time::Duration;

use serde::Serialize;
use tokio_util::sync::CancellationToken;

use crate::domain::{AccountId, Credential, DeviceId, Principal, SessionId, Side, Timestamp};
use crate::estate::Route;
use crate::wire::relay::{Counters, Traffic};

/// A session from the moment its account may use the database until its last byte.
#[derive(Debug)]
pub struct Session {
    /// Its id: in the log, in the audit, in the texts of refusals.
    pub id: SessionId,
    /// Who signed in, and through what.
    pub principal: Principal,
    /// What it was granted.
    pub route: Route,
    /// Where the workstation connects from.
    pub peer: IpAddr,
    /// The program's name, as the driver gave it.
    pub application: String,
    /// The workstation's name, as the driver gave it.
    pub host: String,
    /// When it began.
    pub since: Timestamp,
    /// When it began, in monotonic time.
    pub(super) began: Duration,
    /// What went through it.
    pub(super) counters: Counters,
    cut: Cut,
}

/// What a new session is made of.
#[derive(Debug)]
pub(super) struct Opening {
    pub id: SessionId,
    pub principal: Principal,
    pub route: Route,
    pub peer: IpAddr,
    pub application: String,
    pub host: String,
    pub since: Timestamp,
    pub began: Duration,
}

/// Why a session ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Why {
    /// The workstation closed it.
    WorkstationLeft,
    /// The SQL Server closed it.
    ServerLeft,
    /// An administrator ended it.
    Administrator,
    /// The account, pass, device or token no longer counts.
    NoLongerValid,
    /// The grant, the alias, its server or SQL login is gone or changed.
    NoLongerGranted,
    /// Nothing happened in it for longer than the idle limit.
    Idle,
    /// It lasted longer than the absolute limit.
    TooOld,
    /// The appliance stops.
    Stopping,
    /// The workstation sent what is not TDS.
    WorkstationBreach,
    /// The SQL Server sent what is not TDS.
    ServerBreach,
    /// It never began: its login was refused or given up.
    NotOpened,
}

impl Why {
    /// The text form in the audit and the log.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::WorkstationLeft => "closed by the workstation",
            Self::ServerLeft => "closed by the SQL Server",
            Self::Administrator => "ended by an administrator",
            Self::NoLongerValid => "the account or what it signed in with no longer counts",
            Self::NoLongerGranted => "the grant, database, server or SQL login is gone or changed",
            Self::Idle => "the idle limit was reached",
            Self::TooOld => "the absolute limit was reached",
            Self::Stopping => "the appliance stopped",
            Self::WorkstationBreach => "the workstation broke the protocol",
            Self::ServerBreach => "the SQL Server broke the protocol",
            Self::NotOpened => "the login did not succeed",
        }
    }

    /// Whose doing it was.
    pub fn side(self) -> Side {
        match self {
            Self::WorkstationLeft | Self::WorkstationBreach | Self::NotOpened => Side::Workstation,
            Self::ServerLeft | Self::ServerBreach => Side::SqlServer,
            Self::Idle | Self::TooOld | Self::Stopping => Side::Appliance,
            Self::Administrator | Self::NoLongerValid | Self::NoLongerGranted => Side::Operator,
        }
    }
}

impl Session {
    /// A session that begins.
    pub(super) fn open(opening: Opening) -> Self {
        let Opening { id, principal, route, peer, application, host, since, began } = opening;
        let counters = Counters::starting_at(began);
        Self { id, principal, route, peer, application, host, since, began, counters, cut: Cut::default() }
    }

    /// Ends it, for the first reason given; later ones change nothing. Tells whether this was the first.
    pub(super) fn end(&self, why: Why) -> bool {
        self.cut.fall(why)
    }

    /// Ends when somebody ended the session, and says why.
    pub(super) async fn ended(&self) -> Why {
        self.cut.fallen().await
    }

    /// Why it was ended, if it was.
    pub(super) fn why(&self) -> Option<Why> {
        self.cut.why.get().copied()
    }

    /// What lists show, at `now` of monotonic time.
    pub fn summary(&self, now: Duration) -> Summary {
        Summary {
            id: self.id,
            account: self.principal.account,
            account_name: self.principal.name.to_string(),
            credential: self.principal.credential.kind(),
            device: match self.principal.credential {
                Credential::Device(id) => Some(id),
                _ => None,
            },
            address: self.peer,
            application: self.application.clone(),
            host: self.host.clone(),
            database: self.route.alias.to_string(),
            since: self.since,
            idle: self.counters.idle(now),
            traffic: self.counters.traffic(),
        }
    }
}

/// A session as lists show it.
#[derive(Debug, Clone, Serialize)]
pub struct Summary {
    /// Its id.
    pub id: SessionId,
    /// The account's id.
    pub account: AccountId,
    /// The account's name.
    pub account_name: String,
    /// The kind of credential: password, pass, device, token.
    pub credential: &'static str,
    /// The device, where one signed in.
    pub device: Option<DeviceId>,
    /// Where the workstation connects from.
    pub address: IpAddr,
    /// The program's name, as the driver gave it.
    pub application: String,
    /// The workstation's name, as the driver gave it.
    pub host: String,
    /// The database's alias.
    pub database: String,
    /// When it began.
    pub since: Timestamp,
    /// How long nothing has happened in it.
    pub idle: Duration,
    /// What went through it.
    pub traffic: Traffic,
}

/// A signal that is given once, with a reason.
#[derive(Debug, Default)]
struct Cut {
    why: OnceLock<Why>,
    token: CancellationToken,
}

impl Cut {
    fn fall(&self, why: Why) -> bool {
        let first = self.why.set(why).is_ok();
        self.token.cancel();
        first
    }

    async fn fallen(&self) -> Why {
        self.token.cancelled().await;
        self.why.get().copied().unwrap_or(Why::Stopping)
    }
}
