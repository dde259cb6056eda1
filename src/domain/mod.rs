//! Pure types that every room shares. No I/O, no clock, no tokio.

pub mod access;
pub mod event;
pub mod host;
pub mod id;
pub mod instance;
pub mod mail;
pub mod name;
pub mod network;
pub mod principal;
pub mod scope;
pub mod secret;
pub mod side;
pub mod time;

pub use access::{AccessLevel, Role};
pub use event::{Event, Events};
pub use id::{
    AccountId, ApplianceId, DatabaseId, DeviceId, FactorId, GrantId, GroupId, IntegrationId, MailId, PassId, ProgramId,
    ServerId, SessionId, TokenId, WebSessionId,
};
pub use instance::is_instance_name;
pub use mail::{MailAddress, NotAMailAddress};
pub use name::{Name, NameError};
pub use network::Network;
pub use principal::{Credential, Principal};
pub use scope::{NotAScope, Scope, Scopes};
pub use secret::Secret;
pub use side::Side;
pub use time::Timestamp;
