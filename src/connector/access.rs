//! What this program is let in with: OAuth's access token, renewed before it ends and by one at a time; the secret of this
//! machine's own device, changed now and then; or a device's secret that somebody gave, and keeps.
//!
//! A renewal is a task of its own: whoever asked for it may be gone before the answer is there, and an answer that nobody
//! keeps was given for nothing.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Mutex, oneshot};

use super::client::Client;
use super::device::{self, DeviceSecret};
use super::oauth::{OAuth, OAuthError, Tokens};
use super::vault::{Kept, Vault};
use super::way_back::WayBack;
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
    /// A device's secret that is somebody else's to change.
    Given(Secret),
    /// This machine's own device.
    Own(Box<Own>),
    Program(Box<Program>),
}

struct Own {
    client: Client,
    config: String,
    vault: Vault,
    held: Mutex<DeviceSecret>,
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
    /// For good: somebody has to do something, see [`Access::way_back`].
    #[error("{0}")]
    Ended(String),
    /// For the moment.
    #[error("{0}")]
    Trouble(String),
}

impl Access {
    /// By a device's secret that somebody gave: it stays as it is.
    pub fn given(secret: Secret, clock: Arc<dyn Clock>) -> Self {
        Self::new(clock, Kind::Given(secret))
    }

    /// By the secret of this machine's own device, which `vault` keeps; `config` is the path of the config document.
    pub fn device(client: Client, config: &str, vault: Vault, secret: DeviceSecret, clock: Arc<dyn Clock>) -> Self {
        let own = Own { client, config: config.to_owned(), vault, held: Mutex::new(secret) };
        Self::new(clock, Kind::Own(Box::new(own)))
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

    /// What somebody does once it counts no more.
    pub fn way_back(&self) -> WayBack {
        match self.inner.kind {
            Kind::Given(_) => WayBack::Secret,
            Kind::Own(_) => WayBack::Enrol,
            Kind::Program(_) => WayBack::SignIn,
        }
    }

    /// Whether it is a device's.
    pub fn is_device(&self) -> bool {
        matches!(self.inner.kind, Kind::Given(_) | Kind::Own(_))
    }

    /// The credential, which counts for a while still.
    pub async fn bearer(&self) -> Result<Secret, NoAccess> {
        let Inner { clock, kind, .. } = &*self.inner;
        let program = match kind {
            Kind::Given(secret) => return Ok(secret.clone()),
            Kind::Own(own) => return Ok(own.held.lock().await.secret.clone()),
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
        let program = match &self.inner.kind {
            Kind::Given(_) => return Err(refused_device()),
            Kind::Own(own) => return own.other_than(refused).await,
            Kind::Program(program) => program,
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

    /// The appliance took this one: of two, the other is not needed any more.
    pub async fn counted(&self, taken: &Secret) {
        if let Kind::Own(own) = &self.inner.kind {
            own.counted(taken).await;
        }
    }

    /// Changes the secret of this machine's own device, where it is time to. Whether it did.
    pub async fn rotate_if_due(&self) -> Result<bool, NoAccess> {
        if !matches!(self.inner.kind, Kind::Own(_)) {
            return Ok(false);
        }
        let (tell, told) = oneshot::channel();
        let access = self.clone();
        // As with tokens: an answer is kept, whoever waits for it.
        self.inner.renewals.spawn("secret rotation", async move {
            let _ = tell.send(access.rotate().await);
        });
        told.await.unwrap_or_else(|_| Err(NoAccess::Trouble("the program is ending".to_owned())))
    }

    async fn rotate(&self) -> Result<bool, NoAccess> {
        let Kind::Own(own) = &self.inner.kind else { return Ok(false) };
        let present = own.held.lock().await.clone();
        let now = self.inner.clock.now();
        if present.other.is_some() || !present.is_due(now) || self.inner.renewals.is_stopping() {
            return Ok(false);
        }
        let trouble = |error: &dyn std::fmt::Display| NoAccess::Trouble(error.to_string());
        let next = device::rotate(&own.client, &present.secret).await.map_err(|error| trouble(&error))?;
        let mut held = own.held.lock().await;
        let fresh = DeviceSecret { secret: next, other: Some(present.secret), since: now, ..present };
        // Both, and before the new one is used: from then on the old one counts no more. One that cannot be kept is void.
        own.vault.store(&Kept::Device(fresh.clone())).await.map_err(|error| trouble(&error))?;
        *held = fresh.clone();
        drop(held);
        tracing::info!("the device's secret was changed");
        // Used once, it counts. Where that does not work now, the next use does it.
        if device::counts(&own.client, &own.config, &fresh.secret).await == Some(true) {
            own.counted(&fresh.secret).await;
        }
        Ok(true)
    }

    /// Tells the appliance that this program or device goes, and forgets what let it in, whether the appliance heard of it or not.
    pub async fn sign_out(&self) -> Result<(), NoAccess> {
        let trouble = |error: &dyn std::fmt::Display| NoAccess::Trouble(error.to_string());
        match &self.inner.kind {
            Kind::Given(_) => Ok(()),
            Kind::Own(own) => own.leave().await.map_err(|error| trouble(&error)),
            Kind::Program(program) => self.revoke(program).await.map_err(|error| trouble(&error)),
        }
    }

    async fn revoke(&self, program: &Program) -> Result<(), OAuthError> {
        let mut held = program.held.lock().await;
        let Some(tokens) = held.tokens.take() else { return Ok(()) };
        let told = match self.oauth(program, &mut held).await {
            Ok(oauth) => oauth.revoke(&tokens.refresh).await,
            Err(error) => Err(error),
        };
        forget(&program.vault).await;
        told
    }

    async fn refresh(&self, program: &Program, held: &mut Held, tokens: &Tokens) -> Result<Secret, NoAccess> {
        let refreshed = match self.oauth(program, held).await {
            Ok(oauth) => oauth.refresh(tokens).await,
            Err(error) => Err(error),
        };
        let fresh = match refreshed {
            Ok(fresh) => fresh,
            Err(error) if error.is_final() => {
                held.tokens = None;
                forget(&program.vault).await;
                return Err(NoAccess::Ended(error.to_string()));
            }
            Err(error) => return Err(NoAccess::Trouble(error.to_string())),
        };
        // Before anything else: from the first use of the new ones on, the old ones count no more.
        match program.vault.store(&Kept::Program(fresh.clone())).await {
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

impl Own {
    /// The appliance did not take `refused`: the other one, where there are two. Neither is given up by that: who disables an
    /// account has both refused, and enables it again.
    async fn other_than(&self, refused: &Secret) -> Result<Secret, NoAccess> {
        let mut held = self.held.lock().await;
        if held.secret == *refused {
            let other = held.other.take().ok_or_else(refused_device)?;
            held.other = Some(std::mem::replace(&mut held.secret, other));
        }
        Ok(held.secret.clone())
    }

    async fn counted(&self, taken: &Secret) {
        let mut held = self.held.lock().await;
        if held.secret != *taken || held.other.is_none() {
            return;
        }
        let settled = DeviceSecret { other: None, ..held.clone() };
        match self.vault.store(&Kept::Device(settled.clone())).await {
            Ok(()) => *held = settled,
            Err(error) => {
                tracing::warn!(%error, "that the device's new secret counts could not be kept; it is tried again")
            }
        }
    }

    async fn leave(&self) -> Result<(), device::DeviceError> {
        let held = self.held.lock().await;
        let mut told = device::leave(&self.client, &held.secret).await;
        if let (Err(device::DeviceError::Refused(_)), Some(other)) = (&told, &held.other) {
            told = device::leave(&self.client, other).await;
        }
        forget(&self.vault).await;
        told
    }
}

async fn forget(vault: &Vault) {
    if let Err(error) = vault.forget().await {
        tracing::warn!(%error, "a credential that counts no more could not be removed");
    }
}

fn refused_device() -> NoAccess {
    NoAccess::Ended("the appliance does not take this device's secret any more".to_owned())
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
