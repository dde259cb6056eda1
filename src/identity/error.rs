//! What can go wrong: when signing in, and when changing who may.

use std::time::Duration;

use super::generated::NoRandomness;
use super::hasher::HashError;
use super::password::PasswordError;
use crate::audit::AuditError;
use crate::domain::{NameError, Side};
use crate::store::StoreError;

/// Why somebody is not signed in.
///
/// A wrong secret is told before anything else about the account: who does not know it learns nothing.
#[derive(Debug, thiserror::Error)]
pub enum SignInError {
    /// No such name, or not its secret. The workstation's side.
    #[error("unknown name or wrong secret")]
    Wrong,
    /// The secret is right, but the account is disabled. The operator's side.
    #[error("the account is disabled")]
    Disabled,
    /// The secret is right, but it or the account has ended. The workstation's side: it needs a new one.
    #[error("the account or its credential has expired")]
    Expired,
    /// Too many wrong tries. The workstation's side; it passes.
    #[error("too many wrong tries; the next is possible in {} s", whole_seconds(*retry_after))]
    Throttled {
        /// How long until the next try counts.
        retry_after: Duration,
    },
    /// The password is right, but the account's policy wants a pass, a device or a token here. The operator's side.
    #[error("the account may not use its password here")]
    PasswordNotAllowed,
    /// The secret is right, but a rule says that sign-ins do not come from this address. The workstation's side.
    #[error("sign-ins from this address are not allowed, or not yet")]
    Address,
    /// The secret is right, but it is not for this. The workstation's side.
    #[error("the token is not for this")]
    Scope,
    /// Not a code of the account's second factor, or one that was used before. The workstation's side.
    #[error("a wrong code, or one that was used before")]
    WrongCode,
    /// A passkey that is not known here, or an answer that it did not sign for this. The workstation's side.
    #[error("a passkey that is not known here, or that did not sign what was asked")]
    Passkey,
    /// A passkey's counter went backwards: there are two of it. The workstation's side.
    #[error("a passkey's counter went backwards, so it may have been copied")]
    PasskeyCopied,
    /// The next stage of a sign-in came too late, or another one took its place. The workstation's side.
    #[error("the sign-in was not finished in time")]
    TooLate,
    /// Too many sign-ins at once. The appliance's side; it passes.
    #[error("too many sign-ins at once")]
    Busy,
    /// The appliance's own state cannot be read, or hashing failed. The appliance's side.
    #[error("sign-in is not possible now")]
    Unavailable(#[source] Unavailable),
}

/// What of the appliance failed.
#[derive(Debug, thiserror::Error)]
pub enum Unavailable {
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The hash function.
    #[error(transparent)]
    Hash(HashError),
    /// The audit, without which nobody is let in.
    #[error(transparent)]
    Audit(AuditError),
    /// The random numbers.
    #[error(transparent)]
    Randomness(NoRandomness),
}

impl SignInError {
    /// What the person at the workstation is told.
    pub fn text(&self) -> String {
        match self {
            Self::Wrong => "Login failed: the user name or the password is not right.".into(),
            Self::Disabled => "This account is disabled. Ask your administrator.".into(),
            Self::Expired => "This account or password has expired. Get a new one, or ask your administrator.".into(),
            Self::Throttled { retry_after } => {
                format!("Too many failed logins. Try again in {} seconds.", whole_seconds(*retry_after))
            }
            Self::PasswordNotAllowed => {
                "This account cannot use its password here. Use a pass, a device or an access token.".into()
            }
            Self::WrongCode => {
                "This code is not right, or was used before. Wait for the next one and try again.".into()
            }
            Self::Passkey => "This passkey is not known here, or did not answer as it should. Use another way.".into(),
            Self::PasskeyCopied => {
                "This passkey counts backwards: it may have been copied. Use another way, remove it, and tell your administrator.".into()
            }
            Self::Address => {
                "Sign-ins from this address are not allowed, or not yet. Open the Gatehouse web page from this \
                 computer, sign in there, and try again; or ask your administrator."
                    .into()
            }
            Self::Scope => "This token is not for this. Use one with the right scope.".into(),
            Self::TooLate => "This took too long. Sign in again.".into(),
            Self::Busy => "Too many logins at once. Try again in a moment.".into(),
            Self::Unavailable(_) => "Gatehouse cannot check logins now. Try again in a moment.".into(),
        }
    }

    /// The reason in the audit.
    pub fn audit_reason(&self) -> &'static str {
        match self {
            Self::Wrong => "wrong-secret",
            Self::Disabled => "account-disabled",
            Self::Expired => "expired",
            Self::Throttled { .. } => "throttled",
            Self::PasswordNotAllowed => "password-not-allowed",
            Self::Address => "address-not-allowed",
            Self::Scope => "scope-missing",
            Self::WrongCode => "wrong-code",
            Self::Passkey => "wrong-passkey",
            Self::PasskeyCopied => "passkey-copied",
            Self::TooLate => "too-late",
            Self::Busy => "busy",
            Self::Unavailable(_) => "unavailable",
        }
    }

    /// Whose side it is on.
    pub fn side(&self) -> Side {
        match self {
            Self::Wrong
            | Self::Expired
            | Self::Throttled { .. }
            | Self::Address
            | Self::Scope
            | Self::WrongCode
            | Self::Passkey
            | Self::PasskeyCopied
            | Self::TooLate => Side::Workstation,
            Self::Disabled | Self::PasswordNotAllowed => Side::Operator,
            Self::Busy | Self::Unavailable(_) => Side::Appliance,
        }
    }
}

impl From<StoreError> for SignInError {
    fn from(error: StoreError) -> Self {
        Self::Unavailable(error.into())
    }
}

impl From<HashError> for SignInError {
    fn from(error: HashError) -> Self {
        match error {
            HashError::Busy => Self::Busy,
            HashError::Failed => Self::Unavailable(Unavailable::Hash(error)),
        }
    }
}

/// What goes wrong when the outcome of a sign-in is written.
impl From<IdentityError> for SignInError {
    fn from(error: IdentityError) -> Self {
        match error {
            IdentityError::Store(error) => error.into(),
            IdentityError::Hash(error) => error.into(),
            IdentityError::Audit(error) => Self::Unavailable(Unavailable::Audit(error)),
            IdentityError::Randomness(error) => Self::Unavailable(Unavailable::Randomness(error)),
            IdentityError::WrongCode => Self::WrongCode,
            IdentityError::Passkey => Self::Passkey,
            IdentityError::PasskeyCopied => Self::PasskeyCopied,
            IdentityError::TooLate => Self::TooLate,
            // The account changed while its password was looked at: what was right for the former one is wrong by now.
            _ => Self::Wrong,
        }
    }
}

/// Why identity did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum IdentityError {
    /// Nothing has that name or id. The operator's side.
    #[error("there is no {kind} {name:?}")]
    NoSuch {
        /// What was looked for.
        kind: &'static str,
        /// The name or id.
        name: String,
    },
    /// The name is taken. The operator's side.
    #[error("the name {0:?} is taken")]
    NameTaken(String),
    /// Not a name. The operator's side.
    #[error(transparent)]
    Name(#[from] NameError),
    /// Not an acceptable password. The operator's side.
    #[error(transparent)]
    Password(#[from] PasswordError),
    /// The change would leave nobody to administer the appliance. The operator's side.
    #[error("this is the last administrator that is enabled and never expires; make another one first")]
    LastAdministrator,
    /// The group would contain itself. The operator's side.
    #[error("the group would contain itself")]
    Cycle,
    /// The member is in the group already, or is not. The operator's side.
    #[error("the group {} this member", if *.is_member { "already has" } else { "does not have" })]
    Membership {
        /// Whether it is a member.
        is_member: bool,
    },
    /// The life of a pass or token is outside its bounds. The operator's side.
    #[error("the lifetime has to be between {0}")]
    Lifetime(&'static str),
    /// The account is disabled or has expired, so it gets no new secrets. The operator's side.
    #[error("the account is disabled or has expired")]
    NotActive,
    /// Not a code of the second factor, or one that was used before. The workstation's side.
    #[error("this code is not right, or was used before")]
    WrongCode,
    /// A passkey that is not known here any more. The workstation's side.
    #[error("this passkey is not known here")]
    Passkey,
    /// A passkey whose counter did not rise. The workstation's side.
    #[error("this passkey counts backwards")]
    PasskeyCopied,
    /// Something else was done meanwhile, and takes this one's place. The workstation's side.
    #[error("this took too long, and something else was done meanwhile")]
    TooLate,
    /// There is an administrator already. The operator's side.
    #[error("set-up is complete: the appliance has an administrator")]
    SetUpClosed,
    /// No such link, or one that was used, replaced, or is past its time. The workstation's side.
    #[error("this link counts no more; ask for another one")]
    NoLink,
    /// No link can be sent by mail: why. The operator's side.
    #[error("no link by mail: {0}")]
    NotByMail(&'static str),
    /// No such enrolment code, or one that was used or is past its time. The workstation's side.
    #[error("this enrolment code is not right, or counts no more; ask an administrator for another one")]
    NoEnrolmentCode,
    /// The account must have a second factor, and this is its last. The operator's side.
    #[error("this account must have a second factor; add another one first")]
    FactorRequired,
    /// A rule that nobody could ever meet. The operator's side.
    #[error("an address rule names a time, networks, or both")]
    EmptyRule,
    /// A redirect address that answers would leak to. The operator's side.
    #[error("{address:?} cannot be a redirect address: {why}")]
    Redirect {
        /// Its first characters.
        address: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// A client to which no answer can be sent, and that may not ask by the device flow. The operator's side.
    #[error("a client has a redirect address, or may use the device flow")]
    NoRedirect,
    /// What is built in cannot be removed. The operator's side.
    #[error("{0:?} is built in, and cannot be removed")]
    BuiltIn(String),
    /// A token for nothing. The operator's side.
    #[error("a token has at least one scope")]
    NoScope,
    /// There are as many as there may be. The operator's side.
    #[error("there may be {limit} {what}, and no more")]
    TooMany {
        /// Of what.
        what: &'static str,
        /// How many there may be.
        limit: usize,
    },
    /// A label or another text is too long. The operator's side.
    #[error("a label has at most 100 characters")]
    Label,
    /// Too many hashes are being computed. The appliance's side; it passes.
    #[error(transparent)]
    Hash(#[from] HashError),
    /// The machine gives no random numbers. The appliance's side.
    #[error(transparent)]
    Randomness(#[from] NoRandomness),
    /// The state cannot be read or written. The appliance's side.
    #[error("the state could not be read or written")]
    Store(#[from] StoreError),
    /// The audit could not be written, so nothing was changed. The appliance's side.
    #[error("nothing was changed, because the audit could not be written")]
    Audit(#[from] AuditError),
}

impl IdentityError {
    /// Whose side it is on.
    pub fn side(&self) -> Side {
        match self {
            Self::Hash(_) | Self::Randomness(_) | Self::Store(_) | Self::Audit(_) => Side::Appliance,
            _ => Side::Operator,
        }
    }
}

/// Why set-up does not go on.
#[derive(Debug, thiserror::Error)]
pub enum SetUpError {
    /// There is an administrator: somebody else was faster, or it was long ago. The workstation's side.
    #[error("set-up is complete: the appliance has an administrator; sign in instead")]
    Closed,
    /// Not the code, or one that was replaced, is past its time, or was tried wrongly too often. The workstation's side.
    #[error(
        "this set-up code is not right, or counts no more; `gatehouse setup-code` on the appliance's machine makes a new one"
    )]
    Code,
    /// The second stage came too late, or another code was made meanwhile. The workstation's side.
    #[error("this took too long, or another set-up code was made meanwhile; begin again")]
    TooLate,
    /// The settings name a secret for an authenticator app that is none. The operator's side.
    #[error("`setup.totp_secret` has to be base 32 of at least 128 bits")]
    TotpSecret,
    /// A code of the new authenticator app is wrong, or there were too many tries.
    #[error("{}", .0.text())]
    SignIn(#[source] SignInError),
    /// The name or the password is not acceptable, or the appliance cannot do it now.
    #[error(transparent)]
    Identity(IdentityError),
}

impl SetUpError {
    /// Whose side it is on.
    pub fn side(&self) -> Side {
        match self {
            Self::Closed | Self::Code | Self::TooLate => Side::Workstation,
            Self::TotpSecret => Side::Operator,
            Self::SignIn(error) => error.side(),
            Self::Identity(error) => error.side(),
        }
    }
}

impl From<SignInError> for SetUpError {
    fn from(error: SignInError) -> Self {
        Self::SignIn(error)
    }
}

impl From<IdentityError> for SetUpError {
    fn from(error: IdentityError) -> Self {
        match error {
            IdentityError::SetUpClosed => Self::Closed,
            IdentityError::TooLate => Self::TooLate,
            IdentityError::WrongCode => Self::SignIn(SignInError::WrongCode),
            other => Self::Identity(other),
        }
    }
}

/// Why a password was not changed.
#[derive(Debug, thiserror::Error)]
pub enum PasswordChangeError {
    /// The old password is not right, or cannot be checked now.
    #[error("{}", .0.text())]
    Old(#[from] SignInError),
    /// The new password is not acceptable, or cannot be kept now.
    #[error(transparent)]
    New(#[from] IdentityError),
}

/// Why a second factor was not added.
#[derive(Debug, thiserror::Error)]
pub enum FactorError {
    /// What was to prove it is not right, came too late, or was tried too often.
    #[error("{}", .0.text())]
    Proof(#[source] SignInError),
    /// Its label is not acceptable, there are too many, or it cannot be kept now.
    #[error(transparent)]
    Identity(IdentityError),
}

impl From<SignInError> for FactorError {
    fn from(error: SignInError) -> Self {
        Self::Proof(error)
    }
}

impl From<IdentityError> for FactorError {
    fn from(error: IdentityError) -> Self {
        match error {
            IdentityError::WrongCode => Self::Proof(SignInError::WrongCode),
            IdentityError::TooLate => Self::Proof(SignInError::TooLate),
            other => Self::Identity(other),
        }
    }
}

/// Why a device was not enrolled by a code.
#[derive(Debug, thiserror::Error)]
pub enum EnrolmentError {
    /// Too many wrong codes came from there.
    #[error("{}", .0.text())]
    Code(#[from] SignInError),
    /// The code counts no more, the name is taken, or the appliance cannot do it now.
    #[error(transparent)]
    Device(#[from] IdentityError),
}

impl EnrolmentError {
    /// Whose side it is on.
    pub fn side(&self) -> Side {
        match self {
            Self::Code(error) => error.side(),
            Self::Device(error) => error.side(),
        }
    }
}

/// Seconds, rounded up: a wait that is announced too short only makes another refusal.
fn whole_seconds(duration: Duration) -> u64 {
    duration.as_secs().saturating_add(u64::from(duration.subsec_nanos() > 0))
}
