//! Signing in by a code that is typed into a browser anywhere (RFC 8628): for machines without a screen.

use std::time::Duration;

use serde::Deserialize;

use super::{CLIENT_ID, OAuth, OAuthError, ProofKey, SCOPE, Tokens, document, path};
use crate::domain::Secret;
use crate::workstation::documents::Revealed;

/// What to show the person.
#[derive(Debug, Clone)]
pub struct Prompt {
    /// The page to open.
    pub page: String,
    /// What to type there.
    pub user_code: Secret,
    /// How long that counts.
    pub expires_in: Duration,
}

#[derive(Deserialize)]
struct Begun {
    device_code: Revealed,
    user_code: Revealed,
    verification_uri: String,
    expires_in: u64,
    #[serde(default)]
    interval: Option<u64>,
}

/// Signs in. `show` is given what to show the person.
pub async fn by_device_code(oauth: &OAuth, show: impl FnOnce(&Prompt)) -> Result<Tokens, OAuthError> {
    let endpoint = oauth.metadata.device_authorization_endpoint.as_deref().ok_or(OAuthError::NoDeviceFlow)?;
    let (key, asked) = (ProofKey::generate()?, [("client_id", CLIENT_ID), ("scope", SCOPE)]);
    let reply = oauth.client.post(&path(endpoint), &asked, None).await?;
    let Begun { device_code, user_code, verification_uri, expires_in, interval } = document(&reply)?;
    let expires_in = Duration::from_secs(expires_in);
    show(&Prompt { page: verification_uri, user_code: user_code.0, expires_in });
    let fields = [
        ("grant_type", "urn:ietf:params:oauth:grant-type:device_code"),
        ("client_id", CLIENT_ID),
        ("device_code", device_code.0.expose()),
    ];
    let until = oauth.clock.monotonic().saturating_add(expires_in);
    let mut interval = Duration::from_secs(interval.unwrap_or(5).max(1));
    while oauth.clock.monotonic() < until {
        oauth.clock.sleep(interval).await;
        match oauth.tokens(&fields, &key).await {
            Err(OAuthError::Refused(code)) if code == "authorization_pending" => {}
            // RFC 8628, 3.5: five seconds more from now on; and a server that cannot be reached is asked less often, too.
            Err(OAuthError::Refused(code)) if code == "slow_down" => interval += SLOWER,
            Err(OAuthError::Https(_) | OAuthError::Later(_)) => interval += SLOWER,
            outcome => return outcome,
        }
    }
    Err(OAuthError::TimedOut)
}

const SLOWER: Duration = Duration::from_secs(5);
