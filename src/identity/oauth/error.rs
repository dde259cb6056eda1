//! Why a program does not get what it asks for, with the codes of the RFCs.

use std::time::Duration;

use crate::domain::Side;
use crate::identity::error::{IdentityError, SignInError};
use crate::store::StoreError;

/// Why a program does not get what it asks for.
#[derive(Debug, thiserror::Error)]
pub enum OAuthError {
    /// The request is not one. The program's side.
    #[error("{0}")]
    InvalidRequest(&'static str),
    /// No such client. The program's side.
    #[error("this client is not registered here")]
    InvalidClient,
    /// A code or refresh token that counts no more, or never did, or is another client's. The program's side.
    #[error("the code or refresh token counts no more; the person has to sign in again")]
    InvalidGrant,
    /// An answer of another kind than a code was asked for (RFC 6749, 4.1.2.1). The program's side.
    #[error("the response type has to be code")]
    UnsupportedResponseType,
    /// The proof that the program has its key does not hold (RFC 9449). The program's side.
    #[error("the DPoP proof does not hold: {0}")]
    InvalidDpopProof(&'static str),
    /// The client may not use this way. The program's side.
    #[error("this client may not use this way")]
    UnauthorizedClient,
    /// A way that there is none of here: a password grant, for example. The program's side.
    #[error("this grant type is not supported")]
    UnsupportedGrantType,
    /// An unknown scope, or one that the client may not ask for. The program's side.
    #[error("the scope is unknown, or more than this client may ask for")]
    InvalidScope,
    /// The person said no.
    #[error("the person denied the request")]
    AccessDenied,
    /// The person has not answered yet (RFC 8628).
    #[error("the person has not answered yet")]
    AuthorizationPending,
    /// The program asks too often (RFC 8628): from now on five seconds later each time.
    #[error("asked too often")]
    SlowDown,
    /// The device code is past its time (RFC 8628).
    #[error("the device code has expired; begin again")]
    ExpiredToken,
    /// Too many requests wait already. The appliance's side; it passes.
    #[error("too many requests wait already; try again in a while")]
    TemporarilyUnavailable,
    /// Too many wrong tries. The person's side; it passes.
    #[error("too many wrong tries")]
    Throttled {
        /// How long until the next try counts.
        retry_after: Duration,
    },
    /// The appliance cannot do it now. The appliance's side.
    #[error("the appliance cannot do this now")]
    Server(#[source] IdentityError),
}

impl OAuthError {
    /// The code in the answer's `error`.
    pub fn code(&self) -> &'static str {
        match self {
            Self::InvalidRequest(_) => "invalid_request",
            Self::InvalidClient => "invalid_client",
            Self::InvalidGrant => "invalid_grant",
            Self::UnsupportedResponseType => "unsupported_response_type",
            Self::InvalidDpopProof(_) => "invalid_dpop_proof",
            Self::UnauthorizedClient => "unauthorized_client",
            Self::UnsupportedGrantType => "unsupported_grant_type",
            Self::InvalidScope => "invalid_scope",
            Self::AccessDenied => "access_denied",
            Self::AuthorizationPending => "authorization_pending",
            Self::SlowDown => "slow_down",
            Self::ExpiredToken => "expired_token",
            Self::TemporarilyUnavailable | Self::Throttled { .. } => "temporarily_unavailable",
            Self::Server(_) => "server_error",
        }
    }

    /// Whose side it is on.
    pub fn side(&self) -> Side {
        match self {
            Self::TemporarilyUnavailable | Self::Server(_) => Side::Appliance,
            _ => Side::Workstation,
        }
    }
}

impl From<IdentityError> for OAuthError {
    fn from(error: IdentityError) -> Self {
        match error {
            // What a code or token stood for is gone, or changed.
            IdentityError::NotActive | IdentityError::TooLate | IdentityError::NoSuch { .. } => Self::InvalidGrant,
            other => Self::Server(other),
        }
    }
}

impl From<StoreError> for OAuthError {
    fn from(error: StoreError) -> Self {
        Self::Server(error.into())
    }
}

impl From<SignInError> for OAuthError {
    fn from(error: SignInError) -> Self {
        match error {
            SignInError::Throttled { retry_after } => Self::Throttled { retry_after },
            _ => Self::InvalidGrant,
        }
    }
}
