//! The master key: 32 random bytes in base64, in a file of its owner's, apart from the data that it protects.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use zeroize::Zeroizing;

use super::error::StoreError;
use super::files::{create, file_error, make_folder, sync_parent};
use super::seal::{KeyBytes, random_key};

/// Why the master key is no use. All the operator's side.
#[derive(Debug, thiserror::Error)]
pub enum MasterKeyError {
    /// The store exists, and its key does not.
    #[error(
        "the master key {} is missing, and the store cannot be opened without it: put the file back from where you \
         keep its copy, or name its place in the setting keys.master_key_file",
        path.display()
    )]
    Missing {
        /// Where it should be.
        path: PathBuf,
    },
    /// Its group or everybody may read it.
    #[error(
        "the master key {} can be read by others (mode {mode:03o}): make it the owner's alone with chmod 600, \
         and consider whether somebody has read it",
        path.display()
    )]
    Exposed {
        /// The file.
        path: PathBuf,
        /// Its rights.
        mode: u32,
    },
    /// Not 32 bytes in base64.
    #[error("the master key {} does not hold 32 bytes in base64", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
    },
    /// Another store's key.
    #[error("the master key {} is not the one that this store was made with", path.display())]
    Wrong {
        /// The file.
        path: PathBuf,
    },
}

/// The master key, wiped when dropped.
pub(super) struct MasterKey {
    bytes: KeyBytes,
    path: PathBuf,
}

impl MasterKey {
    /// Reads it from its file.
    pub(super) fn read(path: &Path) -> Result<Self, StoreError> {
        let text = match std::fs::read(path) {
            Ok(text) => Zeroizing::new(text),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Err(MasterKeyError::Missing { path: path.to_owned() }.into());
            }
            Err(error) => return Err(file_error("read", path)(error)),
        };
        refuse_exposed(path)?;
        let malformed = || MasterKeyError::Malformed { path: path.to_owned() };
        let decoded = Zeroizing::new(BASE64.decode(text.trim_ascii()).map_err(|_| malformed())?);
        let mut bytes = KeyBytes::default();
        if decoded.len() != bytes.len() {
            return Err(malformed().into());
        }
        bytes.copy_from_slice(&decoded);
        Ok(Self { bytes, path: path.to_owned() })
    }

    /// Reads it, or makes it for a new store.
    pub(super) fn read_or_make(path: &Path) -> Result<Self, StoreError> {
        if !path.exists() {
            Self::make(path)?;
        }
        Self::read(path)
    }

    fn make(path: &Path) -> Result<(), StoreError> {
        if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
            make_folder(folder)?;
        }
        let text = Zeroizing::new(BASE64.encode(random_key()?.as_slice()));
        let aside = super::files::aside(path);
        let mut file = create(&aside)?;
        writeln!(file, "{}", text.as_str()).and_then(|()| file.sync_all()).map_err(file_error("write", &aside))?;
        std::fs::rename(&aside, path).map_err(file_error("put in place", path))?;
        sync_parent(path)
    }

    pub(super) fn bytes(&self) -> &KeyBytes {
        &self.bytes
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }
}

#[cfg(unix)]
fn refuse_exposed(path: &Path) -> Result<(), StoreError> {
    use std::os::unix::fs::MetadataExt as _;
    let about = std::fs::metadata(path).map_err(file_error("read", path))?;
    let mode = about.mode() & 0o777;
    // systemd hands a credential over as root's own, with the service's right to it shown in the group's bits.
    let from_systemd = mode == 0o440 && about.uid() == 0 && about.gid() == 0;
    if mode & 0o077 != 0 && !from_systemd {
        return Err(MasterKeyError::Exposed { path: path.to_owned(), mode }.into());
    }
    Ok(())
}

#[cfg(not(unix))]
fn refuse_exposed(_path: &Path) -> Result<(), StoreError> {
    Ok(())
}
