//! Signing in by OAuth, as the built-in public client: [`code`] in the browser (RFC 6749 4.1, RFC 7636, RFC 8252), [`device`] by
//! a code that is typed elsewhere (RFC 8628). Tokens are refreshed and rotated, and revoked (RFC 7009) when somebody signs out.

pub mod code;
pub mod device;
mod proof;
mod query;

use std::sync::Arc;
use std::time::Duration;

use hyper::StatusCode;
use serde::Deserialize;

pub use self::proof::ProofKey;
use super::client::{Client, Reply};
use super::https::HttpsError;
use crate::domain::{Secret, Side, Timestamp};
use crate::platform::Clock;
use crate::workstation::documents::Revealed;
use crate::workstation::integrations::HttpsUrl;

/// What the appliance knows `gatehouse connect` by.
pub const CLIENT_ID: &str = "gatehouse-connect";
/// What it asks for: databases, and the configuration.
pub const SCOPE: &str = "sql workstation.config";

/// What lets a program in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tokens {
    /// Goes with each request and each login.
    pub access: Secret,
    /// Gets the next two.
    pub refresh: Secret,
    /// When the access token ends.
    pub expires: Timestamp,
    /// What the refresh token is bound to.
    pub key: ProofKey,
}

/// Why somebody is not signed in, or no longer.
#[derive(Debug, thiserror::Error)]
pub enum OAuthError {
    /// The appliance was not reached.
    #[error(transparent)]
    Https(#[from] HttpsError),
    /// It said no (RFC 6749, 5.2).
    #[error("{}", in_words(.0))]
    Refused(String),
    /// It is busy or in trouble, and may be asked again.
    #[error("the appliance cannot answer at the moment ({0})")]
    Later(StatusCode),
    /// It does not take the proof that this program has its key.
    #[error("the appliance does not take this program's proof; is the clock of this machine right?")]
    Proof,
    /// It answered something else.
    #[error("the appliance's answer is not understood: {0}")]
    Malformed(&'static str),
    /// The answer that came back to the browser is not from whom was asked.
    #[error("the sign-in was answered by {0:?}, who was not asked; nothing was taken from it")]
    Issuer(String),
    /// Nobody answered in time.
    #[error("nobody signed in in time; start again")]
    TimedOut,
    /// No port of this machine could be had for the browser's answer.
    #[error("the browser's answer cannot be received: {0}")]
    Loopback(#[source] std::io::Error),
    /// The operating system gave no random bytes.
    #[error("the operating system gave no random bytes")]
    NoRandomness,
    /// This way is not offered.
    #[error("the appliance offers no sign-in by a code on another device")]
    NoDeviceFlow,
}

impl OAuthError {
    /// Whose side it is on.
    pub fn side(&self) -> Side {
        match self {
            Self::Refused(_) | Self::Proof | Self::TimedOut | Self::Loopback(_) | Self::NoRandomness => {
                Side::Workstation
            }
            Self::Https(_) | Self::NoDeviceFlow => Side::Operator,
            Self::Later(_) | Self::Malformed(_) | Self::Issuer(_) => Side::Appliance,
        }
    }

    /// Whether it is final: what was presented lets nobody in any more.
    pub fn is_final(&self) -> bool {
        matches!(self, Self::Refused(_))
    }
}

/// The authorisation server of one appliance.
#[derive(Clone)]
pub struct OAuth {
    client: Client,
    metadata: Metadata,
    clock: Arc<dyn Clock>,
}

/// What RFC 8414 names that is needed here.
#[derive(Debug, Clone, Deserialize)]
struct Metadata {
    issuer: String,
    authorization_endpoint: String,
    token_endpoint: String,
    #[serde(default)]
    device_authorization_endpoint: Option<String>,
    #[serde(default)]
    revocation_endpoint: Option<String>,
}

#[derive(Deserialize)]
struct TokenAnswer {
    access_token: Revealed,
    token_type: String,
    expires_in: u64,
    refresh_token: Revealed,
}

impl OAuth {
    /// Asks an appliance that is believed for its metadata; `path` is where the discovery document says that they are.
    pub async fn discover(client: Client, path: &str, clock: Arc<dyn Clock>) -> Result<Self, OAuthError> {
        let reply = client.get(path).await?;
        let metadata: Metadata = document(&reply)?;
        let urls = [Some(&metadata.issuer), Some(&metadata.authorization_endpoint), Some(&metadata.token_endpoint)];
        let more = [metadata.device_authorization_endpoint.as_ref(), metadata.revocation_endpoint.as_ref()];
        for url in urls.into_iter().chain(more).flatten() {
            HttpsUrl::parse(url).map_err(|_| OAuthError::Malformed("its metadata name what is no https:// URL"))?;
        }
        // RFC 8414, 3.3: they are the metadata of whom was asked, and of nobody else.
        if metadata.issuer.trim_end_matches('/') != client.place().to_string() {
            return Err(OAuthError::Malformed("its metadata are those of another address"));
        }
        Ok(Self { client, metadata, clock })
    }

    /// Exchanges a refresh token. What it gives takes its place with its first use: from then on the old one must not be used
    /// again. Where the answer is lost it may be.
    pub async fn refresh(&self, tokens: &Tokens) -> Result<Tokens, OAuthError> {
        let refresh = tokens.refresh.expose();
        let fields = [("grant_type", "refresh_token"), ("client_id", CLIENT_ID), ("refresh_token", refresh)];
        self.tokens(&fields, &tokens.key).await
    }

    /// Tells the appliance that a token is not used any more, and with it all that came from the same sign-in.
    pub async fn revoke(&self, token: &Secret) -> Result<(), OAuthError> {
        let endpoint = self.metadata.revocation_endpoint.as_deref();
        let endpoint = endpoint.ok_or(OAuthError::Malformed("its metadata name no place to revoke tokens at"))?;
        let reply =
            self.client.post(&path(endpoint), &[("client_id", CLIENT_ID), ("token", token.expose())], None).await?;
        if reply.status.is_success() { Ok(()) } else { Err(refusal(&reply)) }
    }

    async fn tokens(&self, fields: &[(&str, &str)], key: &ProofKey) -> Result<Tokens, OAuthError> {
        let (asked, endpoint) = (self.clock.now(), &self.metadata.token_endpoint);
        let proof = key.proof(endpoint, asked)?;
        let reply = self.client.post(&path(endpoint), fields, Some(&proof)).await?;
        let TokenAnswer { access_token, token_type, expires_in, refresh_token } = document(&reply)?;
        if !token_type.eq_ignore_ascii_case("bearer") {
            return Err(OAuthError::Malformed("a token of an unknown type"));
        }
        let expires = asked.after(Duration::from_secs(expires_in));
        Ok(Tokens { access: access_token.0, refresh: refresh_token.0, expires, key: key.clone() })
    }
}

impl std::fmt::Debug for OAuth {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("OAuth").field("issuer", &self.metadata.issuer).finish_non_exhaustive()
    }
}

/// The path of an endpoint. The request goes to the appliance that is pinned, by the name that it was found under: its
/// metadata came from there, and whatever host they name, a credential goes nowhere else.
fn path(endpoint: &str) -> String {
    let uri = endpoint.parse::<hyper::Uri>().ok();
    let path = uri.and_then(|uri| uri.path_and_query().map(|path| path.as_str().to_owned()));
    path.unwrap_or_else(|| "/".to_owned())
}

fn document<T: serde::de::DeserializeOwned>(reply: &Reply) -> Result<T, OAuthError> {
    if reply.status != StatusCode::OK {
        return Err(refusal(reply));
    }
    serde_json::from_str(reply.body.expose()).map_err(|_| OAuthError::Malformed("a document without what it must have"))
}

fn refusal(reply: &Reply) -> OAuthError {
    #[derive(Deserialize)]
    struct Refusal {
        error: String,
    }
    if reply.status.is_server_error() || reply.status == StatusCode::TOO_MANY_REQUESTS {
        return OAuthError::Later(reply.status);
    }
    match serde_json::from_str::<Refusal>(reply.body.expose()).ok().map(|refusal| refusal.error) {
        Some(code) if matches!(code.as_str(), "temporarily_unavailable" | "server_error") => {
            OAuthError::Later(reply.status)
        }
        // RFC 9449, 5: most often a clock that goes wrong, which will be put right.
        Some(code) if code == "invalid_dpop_proof" => OAuthError::Proof,
        Some(code) if code.len() <= 64 => OAuthError::Refused(code),
        _ => OAuthError::Malformed("neither a yes nor a no"),
    }
}

fn in_words(code: &str) -> String {
    match code {
        "access_denied" => "the sign-in was refused".to_owned(),
        "expired_token" => "nobody entered the code in time; start again".to_owned(),
        "invalid_grant" => "this sign-in counts no longer".to_owned(),
        other => format!("the appliance refuses it ({})", other.escape_default()),
    }
}

/// Random bytes as text that may stand in a URL.
pub(super) fn random<const N: usize>() -> Result<Secret, OAuthError> {
    use base64::Engine as _;
    let mut bytes = zeroize::Zeroizing::new([0; N]);
    getrandom::fill(&mut *bytes).map_err(|_| OAuthError::NoRandomness)?;
    Ok(Secret::new(base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(*bytes)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reply(status: u16, body: &str) -> Reply {
        let status = StatusCode::from_u16(status).unwrap();
        Reply { status, etag: None, retry_after: None, body: Secret::new(body) }
    }

    #[test]
    fn a_refusal_is_final_only_where_the_appliance_says_no() {
        for (status, body, is_final) in [
            (400, r#"{"error":"invalid_grant"}"#, true),
            (400, r#"{"error":"invalid_client","error_description":"x"}"#, true),
            (400, r#"{"error":"temporarily_unavailable"}"#, false),
            (400, r#"{"error":"invalid_dpop_proof"}"#, false),
            (503, r#"{"error":"invalid_grant"}"#, false),
            (429, "", false),
            (400, "<html>", false),
            (302, "", false),
        ] {
            assert_eq!(refusal(&reply(status, body)).is_final(), is_final, "{status} {body}");
        }
    }

    #[test]
    fn a_credential_goes_to_the_pinned_appliance_whatever_host_the_metadata_name() {
        assert_eq!(path("https://elsewhere.example:99/oauth/token?x=1"), "/oauth/token?x=1");
        assert_eq!(path("https://elsewhere.example"), "/");
    }
}
