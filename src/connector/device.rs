//! This machine as a device of its own: enrolled with a one-time code, its secret changed now and then, given back.
//!
//! A change of the secret must not lock the machine out, whenever the process or the network ends. The appliance lets the
//! present secret count until the next is used for the first time; and this side keeps both before it uses the next, and
//! gives neither up before the appliance took the other.

use std::time::Duration;

use hyper::StatusCode;
use serde::Deserialize;

use super::client::{Client, Reply};
use super::https::HttpsError;
use crate::domain::{Name, Secret, Side, Timestamp};
use crate::workstation::documents::{ENROL_PATH, LEAVE_PATH, ROTATE_PATH, Revealed};

/// The secret of this machine's device, as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeviceSecret {
    /// The device's name.
    pub name: String,
    /// What it signs in with.
    pub secret: Secret,
    /// The other one, while it is not known which of the two counts.
    pub other: Option<Secret>,
    /// Since when it has this one.
    pub since: Timestamp,
}

/// Why a device was not enrolled, or its secret not changed.
#[derive(Debug, thiserror::Error)]
pub enum DeviceError {
    /// The appliance was not reached.
    #[error(transparent)]
    Https(#[from] HttpsError),
    /// It says no, in its own words.
    #[error("{0}")]
    Refused(String),
    /// It is busy or in trouble, and may be asked again.
    #[error("the appliance cannot answer at the moment ({0})")]
    Later(StatusCode),
    /// It answered something else.
    #[error("the appliance's answer is not understood")]
    Malformed,
}

impl DeviceError {
    /// Whose side it is on.
    pub fn side(&self) -> Side {
        match self {
            Self::Https(_) => Side::Operator,
            Self::Refused(_) => Side::Workstation,
            Self::Later(_) | Self::Malformed => Side::Appliance,
        }
    }
}

#[derive(Deserialize)]
struct Enrolled {
    secret: Revealed,
    account: String,
}

#[derive(Deserialize)]
struct Rotated {
    secret: Revealed,
}

/// Enrols this machine under `name`: its secret, and the account that it acts for. The code counts no more then.
pub async fn enrol(client: &Client, code: &Secret, name: &Name) -> Result<(Secret, String), DeviceError> {
    let body = serde_json::json!({ "code": code.expose(), "name": name.as_str() });
    let reply = client.post_json(None, ENROL_PATH, &body).await?;
    let Enrolled { secret, account } = document(&reply)?;
    Ok((secret.0, account))
}

/// Asks for the next secret. The present one counts until the next is used.
pub(super) async fn rotate(client: &Client, present: &Secret) -> Result<Secret, DeviceError> {
    let reply = client.post_json(Some(present), ROTATE_PATH, &serde_json::json!({})).await?;
    document::<Rotated>(&reply).map(|rotated| rotated.secret.0)
}

/// Gives the device back: its secrets count no more.
pub async fn leave(client: &Client, secret: &Secret) -> Result<(), DeviceError> {
    let reply = client.post_json(Some(secret), LEAVE_PATH, &serde_json::json!({})).await?;
    good(&reply)
}

/// Whether the appliance takes a secret; nothing where it cannot be asked, or says something else. To ask is to use it.
pub async fn counts(client: &Client, config: &str, secret: &Secret) -> Option<bool> {
    match client.get_as(secret, config, None, Duration::ZERO).await.ok()?.status {
        StatusCode::OK => Some(true),
        StatusCode::UNAUTHORIZED => Some(false),
        _ => None,
    }
}

impl DeviceSecret {
    /// Whether it is time for another one; also where the clock says that it is from the future.
    pub(super) fn is_due(&self, now: Timestamp) -> bool {
        now < self.since || now.since(self.since) >= ROTATE_AFTER
    }
}

fn document<T: serde::de::DeserializeOwned>(reply: &Reply) -> Result<T, DeviceError> {
    good(reply)?;
    serde_json::from_str(reply.body.expose()).map_err(|_| DeviceError::Malformed)
}

fn good(reply: &Reply) -> Result<(), DeviceError> {
    match reply.status {
        status if status.is_success() => Ok(()),
        StatusCode::TOO_MANY_REQUESTS => {
            let words = reply.problem().unwrap_or_else(|| "too many tries".to_owned());
            Err(DeviceError::Refused(words))
        }
        status if status.is_server_error() => Err(DeviceError::Later(status)),
        status => Err(DeviceError::Refused(reply.problem().unwrap_or_else(|| format!("it answers with {status}")))),
    }
}

/// A secret is changed when it is older than this.
pub const ROTATE_AFTER: Duration = Duration::from_secs(30 * 86_400);
