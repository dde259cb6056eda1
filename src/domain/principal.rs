//! Who signed in, and through what: identity's answer, estate's and the gateway's question.

use std::net::IpAddr;

use super::{
    AccountId, DatabaseId, DeviceId, GroupId, Name, PassId, ProgramId, Role, Timestamp, TokenId, WebSessionId,
};

/// Through what somebody signed in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Credential {
    /// The account's own password.
    Password,
    /// A short-lived SQL pass.
    Pass(PassId),
    /// A device's secret.
    Device(DeviceId),
    /// An access token.
    Token(TokenId),
    /// The access token of a program that the person let in.
    Program(ProgramId),
    /// The cookie of a signed-in browser.
    Web(WebSessionId),
}

impl Credential {
    /// The kind's name in the audit, in lists and in JSON.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Password => "password",
            Self::Pass(_) => "pass",
            Self::Device(_) => "device",
            Self::Token(_) => "token",
            Self::Program(_) => "program",
            Self::Web(_) => "web",
        }
    }
}

/// A signed-in account.
#[derive(Debug, Clone)]
pub struct Principal {
    /// The account.
    pub account: AccountId,
    /// Its name, for the audit and the session list.
    pub name: Name,
    /// Its role at the appliance.
    pub role: Role,
    /// The groups that it is in, directly or through other groups.
    pub groups: Vec<GroupId>,
    /// Through what it signed in.
    pub credential: Credential,
    /// The database taken when a login names none.
    pub default_database: Option<DatabaseId>,
    /// When what it signed in with ends by itself.
    pub expires: Option<Timestamp>,
    /// The number of the account's state at sign-in: rises with each password change, disabling or removal, so that
    /// a session that outlived one can be told.
    pub generation: u64,
    /// From which address it signed in.
    pub peer: IpAddr,
    /// When it signed in.
    pub signed_in: Timestamp,
}
