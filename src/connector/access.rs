//! What this program is let in with: OAuth's access token, renewed before it ends and by one at a time, or a device's secret.
//!
//! A renewal is a task of its own: whoever asked for it may be gone before the answer is there, and an answer that nobody
//! keeps would put this program out.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Mutex, oneshot};

use super::client::Client;
use super::oauth::{OAuth, OAuthError, Tokens};
use super::vault::Vault;
use crate::domain::Secret;
use crate::platform::{Clock, Tasks};

/// The one credential. Clones share it.
#[derive(Clone)]
pub struct Access {
    inner: Arc<Inner>,
}

struct Inner {
    clock: Arc<dyn Clock>,
    renewals: Tasks,
    kind: Kind,
}

enum Kind {
    Device(Secret),
    Program(Box<Program>),
}

struct Program {
    client: Client,
    /// Where the metadata are.
    path: String,
    vault: Vault,
    held: Mutex<Held>,
}

struct Held {
    tokens: Option<Tokens>,
    /// The metadata, once they were asked for: the appliance need not be there when this program starts.
    oauth: Option<OAuth>,
}

/// Why there is no credential now.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoAccess {
    /// For good: somebody has to sign in again.
    #[error("{0}")]
    Ended(String),
    /// For the moment.
    #[error("{0}")]
    Trouble(String),
}

impl Access {
    /// By a device's secret.
    pub fn device(secret: Secret, clock: Arc<dyn Clock>) -> Self {
        Self::new(clock, Kind::Device(secret))
    }

    /// By tokens, which `vault` keeps.
    pub fn program(client: Client, path: &str, vault: Vault, tokens: Tokens, clock: Arc<dyn Clock>) -> Self {
        let held = Mutex::new(Held { tokens: Some(tokens), oauth: None });
        let program = Program { client, path: path.to_owned(), vault, held };
        Self::new(clock, Kind::Program(Box::new(program)))
    }

    fn new(clock: Arc<dyn Clock>, kind: Kind) -> Self {
        Self { inner: Arc::new(Inner { clock, renewals: Tasks::new(), kind }) }
    }

    /// Whether it is a device's.
    pub fn is_device(&self) -> bool {
        matches!(self.inner.kind, Kind::Device(_))
    }

    /// The credential, which counts for a while still.
    pub async fn bearer(&self) -> Result<Secret, NoAccess> {
        let Inner { clock, kind, .. } = &*self.inner;
        let program = match kind {
            Kind::Device(secret) => return Ok(secret.clone()),
            Kind::Program(program) => program,
        };
        let held = program.held.lock().await.tokens.clone();
        match held {
            None => Err(signed_out()),
            Some(tokens) if tokens.expires > clock.now().after(MARGIN) => Ok(tokens.access),
            Some(tokens) => match self.instead_of(&tokens.access).await {
                // While the old one still counts, it does.
                Err(NoAccess::Trouble(_)) if tokens.expires > clock.now() => Ok(tokens.access),
                outcome => outcome,
            },
        }
    }

    /// The appliance did not take `refused`, or will not for long: another one, unless there is another one already.
    pub async fn instead_of(&self, refused: &Secret) -> Result<Secret, NoAccess> {
        let (tell, told) = oneshot::channel();
        let (access, refused) = (self.clone(), refused.clone());
        self.inner.renewals.spawn("token renewal", async move {
            // Who asked may be gone.
            let _ = tell.send(access.renew(&refused).await);
        });
        told.await.unwrap_or_else(|_| Err(NoAccess::Trouble("the program is ending".to_owned())))
    }

    /// Waits for a renewal that is under way, and begins none any more.
    pub async fn settle(&self) {
        // What takes longer hangs, and ends with the process.
        let _ = self.inner.renewals.drain(&*self.inner.clock, SETTLE).await;
    }

    async fn renew(&self, refused: &Secret) -> Result<Secret, NoAccess> {
        let Kind::Program(program) = &self.inner.kind else {
            return Err(NoAccess::Ended("the appliance does not take this device's secret any more".to_owned()));
        };
        let mut held = program.held.lock().await;
        let Some(tokens) = held.tokens.clone() else { return Err(signed_out()) };
        if tokens.access != *refused {
            return Ok(tokens.access);
        }
        if self.inner.renewals.is_stopping() {
            return Err(NoAccess::Trouble("the program is ending".to_owned()));
        }
        self.refresh(program, &mut held, &tokens).await
    }

    /// Tells the appliance that this program goes, and forgets the tokens, whether the appliance heard of it or not.
    pub async fn sign_out(&self) -> Result<(), OAuthError> {
        let Kind::Program(program) = &self.inner.kind else { return Ok(()) };
        let mut held = program.held.lock().await;
        let Some(tokens) = held.tokens.take() else { return Ok(()) };
        let told = match self.oauth(program, &mut held).await {
            Ok(oauth) => oauth.revoke(&tokens.refresh).await,
            Err(error) => Err(error),
        };
        forget(program).await;
        told
    }

    async fn refresh(&self, program: &Program, held: &mut Held, tokens: &Tokens) -> Result<Secret, NoAccess> {
        let refreshed = match self.oauth(program, held).await {
            Ok(oauth) => oauth.refresh(&tokens.refresh).await,
            Err(error) => Err(error),
        };
        let fresh = match refreshed {
            Ok(fresh) => fresh,
            Err(error) if error.is_final() => {
                held.tokens = None;
                forget(program).await;
                return Err(NoAccess::Ended(error.to_string()));
            }
            Err(error) => return Err(NoAccess::Trouble(error.to_string())),
        };
        // Before anything else: the old ones count no more.
        match program.vault.store(&fresh).await {
            Ok(()) => tracing::debug!("the tokens were refreshed"),
            Err(error) => {
                tracing::error!(%error, "the new tokens could not be kept: after a restart somebody has to sign in again");
            }
        }
        let access = fresh.access.clone();
        held.tokens = Some(fresh);
        Ok(access)
    }

    async fn oauth(&self, program: &Program, held: &mut Held) -> Result<OAuth, OAuthError> {
        if let Some(oauth) = &held.oauth {
            return Ok(oauth.clone());
        }
        let clock = Arc::clone(&self.inner.clock);
        let oauth = OAuth::discover(program.client.clone(), &program.path, clock).await?;
        held.oauth = Some(oauth.clone());
        Ok(oauth)
    }
}

async fn forget(program: &Program) {
    if let Err(error) = program.vault.forget().await {
        tracing::warn!(%error, "tokens that count no more could not be removed");
    }
}

fn signed_out() -> NoAccess {
    NoAccess::Ended("nobody is signed in".to_owned())
}

impl std::fmt::Debug for Access {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Access").field("is_device", &self.is_device()).finish_non_exhaustive()
    }
}

/// An access token is renewed when it has less than this left: more than a long poll and a login take.
const MARGIN: Duration = Duration::from_secs(90);
/// More than a request may take, and the keyring after it.
const SETTLE: Duration = Duration::from_secs(20);
