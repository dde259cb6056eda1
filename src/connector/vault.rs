//! Where the tokens are kept: the operating system's keyring, or a file of rights 0600.
//!
//! A refresh token counts once: whoever uses it again is put out. So the new ones are kept before anything is done with
//! them. Between the appliance's answer and that moment lies one write; a process that dies there has to sign in again, which no
//! client of such a server can avoid.

use std::sync::Arc;

use keyring_core::CredentialStore;
use serde::{Deserialize, Serialize};

use super::kept::{Folder, FolderError, Known};
use super::oauth::Tokens;
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

/// The tokens of one appliance.
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

/// Why tokens cannot be kept, read or forgotten. The workstation's side.
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
    /// Whose side it is on.
    pub fn side(&self) -> Side {
        Side::Workstation
    }
}

/// The tokens as they are written down.
#[derive(Serialize, Deserialize)]
struct Written {
    access: Revealed,
    refresh: Revealed,
    expires: Timestamp,
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

    /// Where the tokens are, in words.
    pub fn in_words(&self) -> String {
        match self.keeps() {
            Keeps::Keyring => "the keyring".to_owned(),
            Keeps::File => format!("the file {}", self.inner.folder.file(TOKENS).display()),
        }
    }

    /// The tokens, if there are any.
    pub async fn load(&self) -> Result<Option<Tokens>, VaultError> {
        let inner = Arc::clone(&self.inner);
        let written = self.pool.run(move || inner.load()).await??;
        Ok(written.map(|Written { access, refresh, expires }| Tokens { access: access.0, refresh: refresh.0, expires }))
    }

    /// Keeps these in the place of all others; they are durable when it returns.
    pub async fn store(&self, tokens: &Tokens) -> Result<(), VaultError> {
        let Tokens { access, refresh, expires } = tokens.clone();
        let written = Written { access: Revealed(access), refresh: Revealed(refresh), expires };
        let inner = Arc::clone(&self.inner);
        self.pool.run(move || inner.store(&written)).await?
    }

    /// Forgets them.
    pub async fn forget(&self) -> Result<(), VaultError> {
        let inner = Arc::clone(&self.inner);
        self.pool.run(move || inner.forget()).await?
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

const TOKENS: &str = "tokens.json";
const SERVICE: &str = "gatehouse-connect";
