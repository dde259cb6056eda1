//! Identifiers: 128 random bits each, a type of its own for each kind of thing.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident),+ $(,)?) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(Uuid);

        impl $name {
            /// A new random id.
            pub fn random() -> Self {
                Self(Uuid::new_v4())
            }
            /// The sixteen bytes, as they are used in store keys.
            pub fn as_bytes(&self) -> &[u8; 16] {
                self.0.as_bytes()
            }
            /// The id of these sixteen bytes.
            pub fn from_bytes(bytes: [u8; 16]) -> Self {
                Self(Uuid::from_bytes(bytes))
            }
        }
        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                write!(f, "{}", self.0.as_hyphenated())
            }
        }
        impl std::fmt::Debug for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                write!(f, "{}({})", stringify!($name), self.0.as_hyphenated())
            }
        }
        impl std::str::FromStr for $name {
            type Err = uuid::Error;
            fn from_str(text: &str) -> Result<Self, uuid::Error> {
                Uuid::parse_str(text).map(Self)
            }
        }
    )+};
}

ids! {
    /// An account: a person or a service that signs in.
    AccountId,
    /// A group of accounts and groups.
    GroupId,
    /// An enrolled workstation.
    DeviceId,
    /// A short-lived SQL pass.
    PassId,
    /// An access token.
    TokenId,
    /// A SQL Server instance behind the appliance.
    ServerId,
    /// A database alias.
    DatabaseId,
    /// A grant of a database to an account or group.
    GrantId,
    /// A live gateway session.
    SessionId,
    /// A signed-in browser.
    WebSessionId,
    /// A second factor of an account.
    FactorId,
    /// A program that somebody let in by OAuth.
    ProgramId,
    /// An appliance: the same for as long as its state lives, whatever its name.
    ApplianceId,
    /// A service beside the databases that workstations are told of.
    IntegrationId,
    /// A mail that the appliance sends, or is asked for.
    MailId,
}
