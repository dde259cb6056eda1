//! Where the tokens, or the secret of this machine's own device, are kept: the operating system's keyring, or a file of rights
//! 0600.
//!
//! A refresh token counts until something of the answer to it is used: from then on, whoever comes with it is put out. So the new
//! tokens are kept before anything is done with them. A process that dies before that has the old ones, and asks again.

use std::sync::Arc;

use keyring_core::CredentialStore;
use serde::{Deserialize, Serialize};

use super::device::DeviceSecret;
use super::kept::{Folder, FolderError, Known};
use super::oauth::{ProofKey, Tokens};
use crate::domain::{Side, Timestamp};
use crate::platform::Pool;
use crate::workstation::documents::Revealed;

/// The kind of place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Keeps {
    /// The operating system's keyring: Secret Service, Keychain, or Credential Manager.
    Keyring,
    /// A file for its owner alone.
    File,
}

/// What lets this program in, as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kept {
    /// Somebody signed in.
    Program(Tokens),
    /// This machine was enrolled as a device.
    Device(DeviceSecret),
}

/// The credential for one appliance.
#[derive(Clone)]
pub struct Vault {
    inner: Arc<Inner>,
    /// A keyring may ask somebody to unlock it.
    pool: Pool,
}

struct Inner {
    folder: Folder,
    /// What the entry in the keyring is called.
    name: String,
    keeps: Keeps,
}

/// Why a credential cannot be kept, read or forgotten. The workstation's side.
#[derive(Debug, thiserror::Error)]
pub enum VaultError {
    /// The file cannot be used.
    #[error(transparent)]
    Folder(#[from] FolderError),
    /// The keyring says no.
    #[error("the keyring: {0}")]
    Keyring(#[from] keyring_core::Error),
    /// What is in the keyring was not written by this program.
    #[error("what the keyring has is not what this program writes; sign out and in again")]
    Strange,
    /// The program is ending.
    #[error(transparent)]
    Unfinished(#[from] crate::platform::pool::Unfinished),
}

impl VaultError {
    /// Whether what is kept was not written by this program, or not by this version of it.
    pub fn is_strange(&self) -> bool {
        matches!(self, Self::Strange | Self::Folder(FolderError::Strange(_)))
    }

    /// Whose side it is on.
    pub fn side(&self) -> Side {
        Side::Workstation
    }
}

/// The credential as it is written down.
#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Written {
    Program {
        access: Revealed,
        refresh: Revealed,
        expires: Timestamp,
        key: Revealed,
    },
    Device {
        device: String,
        secret: Revealed,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        other: Option<Revealed>,
        since: Timestamp,
    },
}

impl Vault {
    /// The vault of an appliance: the keyring where it is asked for and there is one, and else the file.
    pub async fn open(folder: &Folder, known: &Known) -> Result<Self, VaultError> {
        let pool = Pool::new(1);
        let keeps = match known.keeps {
            Keeps::File => Keeps::File,
            Keeps::Keyring => match pool.run(|| system_keyring().map(drop)).await? {
                Ok(()) => Keeps::Keyring,
                Err(error) => {
                    tracing::info!(%error, "this session has no keyring, so the sign-in is kept in a file for its owner alone");
                    Keeps::File
                }
            },
        };
        let name = known.place.to_string();
        Ok(Self { inner: Arc::new(Inner { folder: folder.clone(), name, keeps }), pool })
    }

    /// What kind it is.
    pub fn keeps(&self) -> Keeps {
        self.inner.keeps
    }

    /// Where the credential is, in words.
    pub fn in_words(&self) -> String {
        match self.keeps() {
            Keeps::Keyring => "the keyring".to_owned(),
            Keeps::File => format!("the file {}", self.inner.folder.file(TOKENS).display()),
        }
    }

    /// The credential, if there is one.
    pub async fn load(&self) -> Result<Option<Kept>, VaultError> {
        let inner = Arc::clone(&self.inner);
        Ok(self.pool.run(move || inner.load()).await??.map(Kept::from))
    }

    /// Keeps this one in the place of any other; it is durable when this returns.
    pub async fn store(&self, kept: &Kept) -> Result<(), VaultError> {
        let (written, inner) = (Written::from(kept.clone()), Arc::clone(&self.inner));
        self.pool.run(move || inner.store(&written)).await?
    }

    /// Forgets it.
    pub async fn forget(&self) -> Result<(), VaultError> {
        let inner = Arc::clone(&self.inner);
        self.pool.run(move || inner.forget()).await?
    }
}

impl Kept {
    /// The tokens, where somebody signed in.
    pub fn tokens(self) -> Option<Tokens> {
        match self {
            Self::Program(tokens) => Some(tokens),
            Self::Device(_) => None,
        }
    }

    /// The device, where this machine was enrolled as one.
    pub fn device(self) -> Option<DeviceSecret> {
        match self {
            Self::Program(_) => None,
            Self::Device(device) => Some(device),
        }
    }
}

impl From<Kept> for Written {
    fn from(kept: Kept) -> Self {
        match kept {
            Kept::Program(Tokens { access, refresh, expires, key }) => {
                let [access, refresh, key] = [access, refresh, key.text().clone()].map(Revealed);
                Self::Program { access, refresh, expires, key }
            }
            Kept::Device(DeviceSecret { name, secret, other, since }) => {
                Self::Device { device: name, secret: Revealed(secret), other: other.map(Revealed), since }
            }
        }
    }
}

impl From<Written> for Kept {
    fn from(written: Written) -> Self {
        match written {
            Written::Program { access, refresh, expires, key } => {
                let (access, refresh, key) = (access.0, refresh.0, ProofKey::kept(key.0));
                Self::Program(Tokens { access, refresh, expires, key })
            }
            Written::Device { device, secret, other, since } => {
                let other = other.map(|other| other.0);
                Self::Device(DeviceSecret { name: device, secret: secret.0, other, since })
            }
        }
    }
}

/// Each of these blocks. The keyring is opened each time, and closed on the same thread: on one that drives tasks, zbus cannot even
/// be dropped.
impl Inner {
    fn entry(&self) -> Result<Option<keyring_core::Entry>, VaultError> {
        Ok(match self.keeps {
            Keeps::File => None,
            Keeps::Keyring => Some(system_keyring()?.build(SERVICE, &self.name, None)?),
        })
    }

    fn load(&self) -> Result<Option<Written>, VaultError> {
        let Some(entry) = self.entry()? else { return Ok(self.folder.read(TOKENS)?) };
        match entry.get_password().map(zeroize::Zeroizing::new) {
            Ok(text) => serde_json::from_str(&text).map(Some).map_err(|_| VaultError::Strange),
            Err(keyring_core::Error::NoEntry) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    fn store(&self, written: &Written) -> Result<(), VaultError> {
        let Some(entry) = self.entry()? else { return Ok(self.folder.write(TOKENS, written)?) };
        let text = zeroize::Zeroizing::new(serde_json::to_string(written).map_err(|_| VaultError::Strange)?);
        entry.set_password(&text)?;
        // What an earlier session without a keyring left behind.
        Ok(self.folder.remove(TOKENS)?)
    }

    fn forget(&self) -> Result<(), VaultError> {
        if let Some(entry) = self.entry()? {
            match entry.delete_credential() {
                Ok(()) | Err(keyring_core::Error::NoEntry) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(self.folder.remove(TOKENS)?)
    }
}

/// The Secret Service over D-Bus: GNOME's and KDE's keyrings. Blocks.
#[cfg(target_os = "linux")]
fn system_keyring() -> keyring_core::Result<Arc<CredentialStore>> {
    Ok(zbus_secret_service_keyring_store::Store::new()?)
}

/// The user's Keychain. Blocks.
#[cfg(target_os = "macos")]
fn system_keyring() -> keyring_core::Result<Arc<CredentialStore>> {
    Ok(apple_native_keyring_store::keychain::Store::new()?)
}

/// The Credential Manager. Blocks.
#[cfg(windows)]
fn system_keyring() -> keyring_core::Result<Arc<CredentialStore>> {
    Ok(windows_native_keyring_store::Store::new()?)
}

/// None is known here.
#[cfg(not(any(target_os = "linux", target_os = "macos", windows)))]
fn system_keyring() -> keyring_core::Result<Arc<CredentialStore>> {
    Err(keyring_core::Error::NoDefaultStore)
}

impl std::fmt::Debug for Vault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Vault").field("keeps", &self.keeps()).finish_non_exhaustive()
    }
}

/// The credential, of either kind.
const TOKENS: &str = "tokens.json";
const SERVICE: &str = "gatehouse-connect";
