//! Every way in which a login is refused: the error that the driver shows, and what the log and the audit say.
//!
//! The one place with TDS error numbers. The numbers are SQL Server's own where it has one for the case, since drivers
//! and their retry logic know them: 18456 (login failed), 4060 (cannot open database), 40613 (database not available,
//! worth another try), 10928 (too many sessions), 17197 (no time left), 17806 (integrated sign-in refused), 18488
//! (password has to be changed elsewhere), 20 (encryption), 6005 (shutting down), 596 (session ended).
//!
//! A text for a person names no server, no address and no SQL login.

use std::time::Duration;

use super::registry::NoPlace;
use super::session::Why;
use crate::domain::{SessionId, Side};
use crate::telemetry::redacted;

/// Why a login is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Refusal {
    /// Wrong name or secret, or an account that does not count: not told apart. The workstation's side.
    Wrong { user: String },
    /// Right secret, but the account is disabled. The operator's side.
    Disabled { user: String },
    /// Right secret, but it is past its time. The workstation's side.
    Expired { user: String },
    /// Too many failed attempts. The workstation's side.
    Throttled { user: String, retry_after: Duration },
    /// Account passwords do not sign in here. The workstation's side.
    PasswordNotAllowed { user: String },
    /// Right secret, but sign-ins do not come from this address. The workstation's side.
    Address { user: String },
    /// Right token, but it is not for databases. The workstation's side.
    NotForDatabases { user: String },
    /// More sign-ins than the appliance can check at once. The appliance's side.
    Busy,
    /// Identity, estate or audit cannot answer. The appliance's side.
    Unavailable,
    /// No such alias or no grant to it: not told apart. The workstation's side.
    NoDatabase { database: String },
    /// The login names no database and the account has no default. The workstation's side.
    NoDefaultDatabase { user: String },
    /// The driver did not encrypt. The workstation's side.
    NotEncrypted,
    /// Windows authentication. The workstation's side.
    Integrated,
    /// Changing the password within the login. The workstation's side.
    ChangePassword { user: String },
    /// A database file to attach, or a user instance. The workstation's side.
    AttachFile,
    /// A federated sign-in that needs more than an access token. The workstation's side.
    FederatedFlow,
    /// A login that cannot be read. The workstation's side.
    Malformed,
    /// A login larger than the limit. The workstation's side.
    TooLarge { limit: usize },
    /// The account has as many sessions as it may. The workstation's side.
    AccountFull { limit: usize },
    /// The appliance has as many sessions as it may. The operator's side.
    ApplianceFull { limit: usize },
    /// The appliance stops. The appliance's side.
    Stopping,
    /// The SQL Server does not answer. The SQL Server's side.
    ServerDown { database: String },
    /// The SQL Server's certificate is not the one that its rule asks for. The operator's side.
    ServerNotTrusted { database: String },
    /// The SQL Server does not encrypt, and nothing is sent in clear. The SQL Server's side.
    ServerNotEncrypting { database: String },
    /// The SQL Server did not answer within the limit. The SQL Server's side.
    ServerTooSlow { database: String },
    /// The SQL Server answered with what is not TDS, or not with what was asked. The SQL Server's side.
    ServerNotUnderstood { database: String },
    /// The SQL Server refuses the appliance's own login. The operator's side.
    ServerRefusedLogin { database: String },
    /// The SQL Server accepts the login, but not the database. The operator's side.
    ServerRefusedDatabase { database: String },
    /// The SQL Server is starting, paused or full. The SQL Server's side.
    ServerBusy { database: String, number: u32 },
    /// The SQL Server refuses for a reason of its own. The SQL Server's side.
    ServerRefused { database: String, number: u32 },
    /// The SQL Server sends the login where it may not go, or around in circles. The operator's side.
    Routing { database: String },
    /// The driver wants MARS, the SQL Server does not have it. The SQL Server's side.
    NoMars { database: String },
    /// Ended while it was still signing in.
    Ended(Why),
}

/// An error as TDS has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Notice {
    /// The number that drivers and programs know the error by.
    pub number: u32,
    /// The state.
    pub state: u8,
    /// The severity: 14 a refused login, 16 and 17 other errors, 20 and more end the connection.
    pub class: u8,
    /// What the person reads.
    pub text: String,
}

impl Refusal {
    /// What the driver is told.
    pub(super) fn notice(&self, reference: &SessionId) -> Notice {
        let (number, class) = self.number_and_class();
        let text = format!("{} (Gatehouse, reference {reference})", self.text());
        Notice { number, state: 1, class, text }
    }

    fn number_and_class(&self) -> (u32, u8) {
        match self {
            Self::Wrong { .. }
            | Self::Disabled { .. }
            | Self::Expired { .. }
            | Self::Throttled { .. }
            | Self::PasswordNotAllowed { .. }
            | Self::Address { .. }
            | Self::NotForDatabases { .. }
            | Self::FederatedFlow => (18456, 14),
            Self::NoDatabase { .. } | Self::NoDefaultDatabase { .. } => (4060, 11),
            Self::ServerRefusedLogin { .. } | Self::ServerRefusedDatabase { .. } => (4060, 11),
            Self::ServerRefused { .. } | Self::Routing { .. } | Self::NoMars { .. } => (4060, 11),
            Self::ServerNotTrusted { .. } | Self::ServerNotEncrypting { .. } => (4060, 11),
            Self::ServerNotUnderstood { .. } => (4060, 11),
            Self::ServerDown { .. } | Self::ServerBusy { .. } => (40613, 17),
            Self::ServerTooSlow { .. } => (17197, 17),
            Self::AccountFull { .. } | Self::ApplianceFull { .. } => (10928, 16),
            Self::Busy | Self::Unavailable => (40613, 17),
            Self::Stopping => (6005, 14),
            Self::Integrated => (17806, 20),
            Self::ChangePassword { .. } => (18488, 14),
            Self::NotEncrypted => (20, 16),
            Self::AttachFile => (1832, 16),
            Self::Malformed | Self::TooLarge { .. } => (17832, 20),
            Self::Ended(_) => (596, 21),
        }
    }

    /// The sentence for the person.
    fn text(&self) -> String {
        match self {
            Self::Wrong { user } => format!(
                "Login failed for user '{}'. The name or the password is wrong, or the account may not sign in.",
                shown(user)
            ),
            Self::Disabled { user } => {
                format!("Login failed for user '{}'. The account is disabled; ask your administrator.", shown(user))
            }
            Self::Expired { user } => format!(
                "Login failed for user '{}'. What you signed in with has expired; get a new one and connect again.",
                shown(user)
            ),
            Self::Throttled { user, retry_after } => format!(
                "Login failed for user '{}'. There were too many failed attempts; try again in {} seconds.",
                shown(user),
                retry_after.as_secs().saturating_add(1)
            ),
            Self::PasswordNotAllowed { user } => format!(
                "Login failed for user '{}'. The account's password does not sign in to databases here; \
                 use a SQL pass, a device secret or an access token.",
                shown(user)
            ),
            Self::Address { user } => format!(
                "Login failed for user '{}'. Logins from this address are not allowed, or not yet: open the Gatehouse web \
                 page from this computer, sign in there, and connect again; or ask your administrator.",
                shown(user)
            ),
            Self::NotForDatabases { user } => format!(
                "Login failed for user '{}'. This access token is not for databases; use one with the scope sql.",
                shown(user)
            ),
            Self::Busy => "The gateway is checking more sign-ins than it can at once; try again in a moment.".into(),
            Self::Unavailable => "The gateway cannot check this sign-in at the moment; ask your administrator.".into(),
            Self::NoDatabase { database } => format!(
                "Cannot open database \"{}\" requested by the login. The login failed. \
                 There is no such database here, or you have no access to it; ask your administrator.",
                shown(database)
            ),
            Self::NoDefaultDatabase { user } => format!(
                "Cannot open a default database for user '{}'. The login failed. \
                 Name a database in the connection string.",
                shown(user)
            ),
            Self::NotEncrypted => "The connection is not encrypted, and this gateway accepts no sign-in in clear. \
                 Switch encryption on (Encrypt=yes) or use a newer driver."
                .into(),
            Self::Integrated => "Windows authentication is not supported by this gateway. \
                 Sign in with the name and password of your account."
                .into(),
            Self::ChangePassword { user } => format!(
                "Login failed for user '{}'. A password cannot be changed while connecting; \
                 change it at the gateway, or ask your administrator.",
                shown(user)
            ),
            Self::AttachFile => {
                "Attaching a database file or using a user instance is not supported by this gateway.".into()
            }
            Self::FederatedFlow => "Login failed. This way of federated sign-in is not supported by this gateway; \
                 give the driver an access token."
                .into(),
            Self::Malformed => "The login could not be read: it does not follow the TDS protocol.".into(),
            Self::TooLarge { limit } => format!("The login is larger than the {limit} bytes that are accepted here."),
            Self::AccountFull { limit } => {
                format!("The limit of {limit} sessions for this account has been reached; close some and try again.")
            }
            Self::ApplianceFull { .. } => {
                "The gateway serves as many sessions as it may; try again later, or ask your administrator.".into()
            }
            Self::Stopping => "The gateway is being stopped and takes no new connections; try again shortly.".into(),
            Self::ServerDown { database } => {
                format!("The SQL Server of database \"{}\" does not answer; try again later.", shown(database))
            }
            Self::ServerNotTrusted { database } => format!(
                "The SQL Server of database \"{}\" shows another certificate than the expected one, \
                 so nothing was sent to it; ask your administrator.",
                shown(database)
            ),
            Self::ServerNotEncrypting { database } => format!(
                "The SQL Server of database \"{}\" does not offer encryption, so nothing was sent to it; \
                 ask your administrator.",
                shown(database)
            ),
            Self::ServerTooSlow { database } => format!(
                "The SQL Server of database \"{}\" took too long to accept the login; try again later.",
                shown(database)
            ),
            Self::ServerNotUnderstood { database } => format!(
                "The SQL Server of database \"{}\" answered in a way that the gateway does not understand; \
                 ask your administrator.",
                shown(database)
            ),
            Self::ServerRefusedLogin { database } => format!(
                "The SQL Server of database \"{}\" does not accept the gateway's own login; ask your administrator.",
                shown(database)
            ),
            Self::ServerRefusedDatabase { database } => format!(
                "The SQL Server cannot open database \"{}\" for the gateway at the moment; ask your administrator.",
                shown(database)
            ),
            Self::ServerBusy { database, number } => format!(
                "The SQL Server of database \"{}\" takes no logins at the moment (its error {number}); try again later.",
                shown(database)
            ),
            Self::ServerRefused { database, number } => format!(
                "The SQL Server of database \"{}\" refused the gateway's login (its error {number}); \
                 ask your administrator.",
                shown(database)
            ),
            Self::Routing { database } => format!(
                "The SQL Server of database \"{}\" sends logins on to where the gateway may not go; \
                 ask your administrator.",
                shown(database)
            ),
            Self::NoMars { database } => format!(
                "The SQL Server of database \"{}\" does not support multiple active result sets; \
                 switch MARS off in the connection string.",
                shown(database)
            ),
            Self::Ended(why) => ended_text(*why).into(),
        }
    }

    /// Whether anybody can cause it as often as they like, without knowing anything and at no cost.
    pub(super) fn is_cheap(&self) -> bool {
        matches!(
            self,
            Self::Throttled { .. }
                | Self::NotEncrypted
                | Self::Malformed
                | Self::TooLarge { .. }
                | Self::Busy
                | Self::Stopping
        )
    }

    /// Whose side it is on.
    pub(super) fn side(&self) -> Side {
        match self {
            Self::Disabled { .. }
            | Self::ApplianceFull { .. }
            | Self::ServerNotTrusted { .. }
            | Self::ServerRefusedLogin { .. }
            | Self::ServerRefusedDatabase { .. }
            | Self::Routing { .. } => Side::Operator,
            Self::Busy | Self::Unavailable | Self::Stopping => Side::Appliance,
            Self::ServerDown { .. }
            | Self::ServerNotEncrypting { .. }
            | Self::ServerTooSlow { .. }
            | Self::ServerNotUnderstood { .. }
            | Self::ServerBusy { .. }
            | Self::ServerRefused { .. }
            | Self::NoMars { .. } => Side::SqlServer,
            Self::Ended(why) => why.side(),
            _ => Side::Workstation,
        }
    }
}

/// The reason in the audit and the log.
impl std::fmt::Display for Refusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Wrong { .. } => "wrong name or secret",
            Self::Disabled { .. } => "the account is disabled",
            Self::Expired { .. } => "the account or credential has expired",
            Self::Throttled { .. } => "too many failed attempts",
            Self::PasswordNotAllowed { .. } => "the account's password is not allowed here",
            Self::Address { .. } => "logins from this address are not allowed",
            Self::NotForDatabases { .. } => "the token is not for databases",
            Self::Busy => "too many sign-ins at once",
            Self::Unavailable => "the appliance could not answer",
            Self::NoDatabase { .. } => "no such database, or no grant to it",
            Self::NoDefaultDatabase { .. } => "no database named, and none by default",
            Self::NotEncrypted => "the login came in clear",
            Self::Integrated => "Windows authentication",
            Self::ChangePassword { .. } => "a change of the password within the login",
            Self::AttachFile => "a database file to attach, or a user instance",
            Self::FederatedFlow => "a federated sign-in without an access token",
            Self::Malformed => "a login that cannot be read",
            Self::TooLarge { .. } => "a login larger than the limit",
            Self::AccountFull { .. } => "the account has as many sessions as it may",
            Self::ApplianceFull { .. } => "the appliance has as many sessions as it may",
            Self::Stopping => "the appliance is stopping",
            Self::ServerDown { .. } => "the SQL Server does not answer",
            Self::ServerNotTrusted { .. } => "the SQL Server's identity is not proven",
            Self::ServerNotEncrypting { .. } => "the SQL Server does not encrypt",
            Self::ServerTooSlow { .. } => "the SQL Server took too long",
            Self::ServerNotUnderstood { .. } => "the SQL Server is not understood",
            Self::ServerRefusedLogin { .. } => "the SQL Server refused the SQL login",
            Self::ServerRefusedDatabase { .. } => "the SQL Server refused the database",
            Self::ServerBusy { .. } => "the SQL Server takes no logins at the moment",
            Self::ServerRefused { .. } => "the SQL Server refused",
            Self::Routing { .. } => "the SQL Server's routing leads where it may not",
            Self::NoMars { .. } => "the SQL Server has no MARS",
            Self::Ended(why) => why.as_str(),
        })
    }
}

impl From<NoPlace> for Refusal {
    fn from(no_place: NoPlace) -> Self {
        match no_place {
            NoPlace::Account(limit) => Self::AccountFull { limit },
            NoPlace::Total(limit) => Self::ApplianceFull { limit },
            NoPlace::Draining => Self::Stopping,
        }
    }
}

/// What a driver is told when a session ends that had begun: severity 21, since the connection ends with it.
pub(super) fn session_ended(why: Why, reference: &SessionId) -> Notice {
    let text = format!("{} (Gatehouse, reference {reference})", ended_text(why));
    let class = if why == Why::ServerLeft { 20 } else { 21 };
    Notice { number: 596, state: 1, class, text }
}

fn ended_text(why: Why) -> &'static str {
    match why {
        Why::Administrator => "The session was ended by an administrator.",
        Why::NoLongerValid => "The session was ended: the account, or what it signed in with, is no longer valid.",
        Why::NoLongerGranted => "The session was ended: the access to this database was changed or taken away.",
        Why::Idle => "The session was ended: it was idle for longer than is allowed here.",
        Why::TooOld => "The session was ended: it lasted longer than is allowed here. Connect again.",
        Why::Stopping => "The session was ended: the gateway is being stopped. Connect again shortly.",
        Why::ServerLeft => "The SQL Server closed the connection. Connect again.",
        Why::ServerBreach => "The session was ended: the SQL Server sent something that is not TDS.",
        Why::WorkstationBreach => "The session was ended: the driver sent something that is not TDS.",
        Why::WorkstationLeft | Why::NotOpened => "The session was ended.",
    }
}

/// A name as it came over the wire, cut and without control characters, so that it can be shown. A secret that was given as a name
/// does not come back: drivers' errors end up in logs.
fn shown(name: &str) -> String {
    redacted(name).chars().filter(|c| !c.is_control()).take(128).collect()
}

/// What the SQL Server's own refusal of the appliance's login means to the workstation.
pub(super) fn from_server(number: u32, database: &str) -> Refusal {
    let database = database.to_owned();
    match number {
        18_450..=18_452 | 18_456..=18_460 | 18_462..=18_471 | 18_486..=18_488 => {
            Refusal::ServerRefusedLogin { database }
        }
        911 | 916 | 4_060 | 4_062..=4_064 => Refusal::ServerRefusedDatabase { database },
        922 | 927 | 6_005 | 10_928 | 10_929 | 17_142 | 17_148 | 17_809 | 18_401 | 18_461 | 40_501 | 40_613 => {
            Refusal::ServerBusy { database, number }
        }
        _ => Refusal::ServerRefused { database, number },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refused_login_has_sql_servers_own_form() {
        let reference = SessionId::random();
        let notice = Refusal::Wrong { user: "ada".into() }.notice(&reference);
        assert_eq!((notice.number, notice.state, notice.class), (18456, 1, 14));
        assert!(notice.text.starts_with("Login failed for user 'ada'."));
        assert!(notice.text.contains(&reference.to_string()));
    }

    #[test]
    fn a_name_from_the_wire_cannot_forge_lines_or_flood_the_text() {
        let user = format!("a\r\nb{}", "x".repeat(5000));
        let text = Refusal::Wrong { user }.notice(&SessionId::random()).text;
        assert!(!text.contains(['\r', '\n']) && text.len() < 400, "{text}");
    }

    #[test]
    fn the_servers_refusal_of_our_login_is_not_shown_as_the_persons_mistake() {
        let refusal = from_server(18456, "sales");
        assert_eq!(refusal.side(), Side::Operator);
        assert!(!refusal.notice(&SessionId::random()).text.contains("Login failed for user"));
    }
}
