//! OAuth for programs, without its HTTP: clients, authorisation codes with PKCE, device authorisation, access and refresh
//! tokens, revocation, introspection. RFC 6749 as OAuth 2.1 narrows it; RFC 7636, 7009, 7662, 8252, 8628, 9449.
//!
//! A person lets a *program* in: a client, for certain scopes, until it is put out, or does not refresh for long, or the
//! account changes. A program has one refresh token, another after each use; one that is used twice puts it out. A program that
//! shows a key is bound to it: its refresh tokens count on the device alone that has the key. Codes and device flows live in memory, for minutes: a restart forgets them, and the program begins again.

mod authorize;
mod clients;
mod codes;
mod device;
pub mod dpop;
mod error;
mod flows;
mod pkce;
mod programs;
mod redirect;
mod refused;
mod rotation;
mod tokens;

pub use authorize::{Authorization, AuthorizationRequest, AuthorizeError};
pub use clients::{CONNECTOR, Client, NewClient};
pub use device::{DeviceAuthorization, DeviceRequestView};
pub use error::OAuthError;
pub use programs::Program;
pub use tokens::{Introspection, Issued};

pub(in crate::identity) use programs::{forget, sweep};

use std::sync::Mutex;
use std::time::Duration;

use super::throttle::{Limits, Throttle};
use crate::config::SignIn;
use crate::store::TableInfo;
use codes::Codes;
use flows::Flows;

/// Every table of this part.
pub(super) fn tables() -> Vec<TableInfo> {
    [clients::tables(), programs::tables()].concat()
}

/// What the service keeps in memory for OAuth.
pub(super) struct Part {
    codes: Mutex<Codes>,
    flows: Mutex<Flows>,
    /// Wrong user codes, counted by account.
    user_codes: Throttle,
    idle_limit: Duration,
}

impl Part {
    /// After how long without a refresh a program is put out.
    pub(super) fn idle_limit(&self) -> Duration {
        self.idle_limit
    }

    pub(super) fn new(settings: &SignIn, limits: Limits) -> Self {
        Self {
            codes: Mutex::default(),
            flows: Mutex::default(),
            user_codes: Throttle::new(limits),
            idle_limit: settings.program_idle_limit,
        }
    }
}
