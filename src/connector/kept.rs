//! What outlives the process, in a folder that is its owner's alone: which appliance it is and what it is believed by, who
//! lets this program in, and what `--status` shows. One connector works on a folder at a time.

use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::discovery::Found;
use super::pin::{Pin, Place};
use super::vault::Keeps;
use crate::domain::Side;
use crate::platform::{Lock, files};

/// The folder of one appliance.
#[derive(Debug, Clone)]
pub struct Folder {
    path: PathBuf,
}

/// An appliance that was met and believed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Known {
    /// Where it was found.
    pub place: Place,
    /// What it is believed by.
    pub pin: Pin,
    /// Its id, which stays when its name changes.
    pub appliance: String,
    /// The name that its administrators chose.
    pub name: String,
    /// The path of its config document.
    pub config: String,
    /// The path of its authorisation server's metadata.
    pub oauth: String,
    /// Where the tokens are.
    pub keeps: Keeps,
}

/// Why the folder cannot be used. The workstation's side.
#[derive(Debug, thiserror::Error)]
pub enum FolderError {
    /// It cannot be made, read or written.
    #[error("{}: {source}", path.display())]
    Io {
        /// Which file or folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// What is in it was not written by this program.
    #[error("{} cannot be read: it is not what this program writes; remove it, and sign in or enrol this machine again", .0.display())]
    Strange(PathBuf),
    /// Another connector works on it.
    #[error("another `gatehouse connect` is connected to this appliance already: see --status")]
    Taken,
}

impl FolderError {
    /// Whose side it is on.
    pub fn side(&self) -> Side {
        Side::Workstation
    }
}

impl Known {
    /// An appliance that was just found; nothing where there is no ground to believe it.
    pub fn of(found: &Found, keeps: Keeps) -> Option<Self> {
        let (advert, document) = (&found.candidate.advert, &found.document);
        Some(Self {
            place: Place { host: advert.host.clone(), port: advert.port },
            pin: Pin::of(found)?,
            appliance: document.appliance.id.clone(),
            name: document.appliance.name.clone(),
            config: document.endpoints.config.clone(),
            oauth: document.endpoints.oauth.clone(),
            keeps,
        })
    }
}

impl Folder {
    /// The folder of the appliance at `place`, below the one of all appliances.
    pub fn of(all: &Path, place: &Place) -> Self {
        let host: String =
            place.host.chars().map(|c| if c.is_ascii_alphanumeric() || c == '.' { c } else { '-' }).collect();
        Self { path: all.join(format!("{}_{}", host.to_ascii_lowercase(), place.port)) }
    }

    /// The appliances that were met, by the folder of all.
    pub fn all(all: &Path) -> Vec<Self> {
        let entries = std::fs::read_dir(all).into_iter().flatten().flatten();
        let mut folders: Vec<Self> = entries.map(|entry| Self { path: entry.path() }).collect();
        folders.retain(|folder| folder.file(KNOWN).is_file());
        folders.sort_by(|a, b| a.path.cmp(&b.path));
        folders
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// A file in it.
    pub fn file(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// Makes it, where it is not there, with rights for its owner alone.
    pub fn make(&self) -> Result<(), FolderError> {
        files::private_folder(&self.path).map_err(|source| FolderError::Io { path: self.path.clone(), source })
    }

    /// Takes its lock: for one process at a time.
    pub fn lock(&self) -> Result<Lock, FolderError> {
        let path = self.file(LOCK);
        let taken = Lock::take(&path).map_err(|source| FolderError::Io { path, source })?;
        taken.ok_or(FolderError::Taken)
    }

    /// Whether a process holds its lock.
    pub fn is_taken(&self) -> bool {
        self.file(LOCK).exists() && matches!(self.lock(), Err(FolderError::Taken))
    }

    /// What is known of the appliance.
    pub fn known(&self) -> Result<Option<Known>, FolderError> {
        self.read(KNOWN)
    }

    /// Keeps what is known of it.
    pub fn keep(&self, known: &Known) -> Result<(), FolderError> {
        self.write(KNOWN, known)
    }

    /// Forgets what is known of it: whoever comes again judges it anew.
    pub fn forget(&self) -> Result<(), FolderError> {
        self.remove(KNOWN)
    }

    /// Reads a JSON file; nothing where there is none.
    pub(super) fn read<T: serde::de::DeserializeOwned>(&self, name: &str) -> Result<Option<T>, FolderError> {
        let path = self.file(name);
        let content = match std::fs::read(&path) {
            Ok(content) => zeroize::Zeroizing::new(content),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(source) => return Err(FolderError::Io { path, source }),
        };
        serde_json::from_slice(&content).map(Some).map_err(|_| FolderError::Strange(path))
    }

    /// Writes a JSON file: whole or not at all, on the disk when this returns, for the owner alone.
    pub(super) fn write(&self, name: &str, value: &impl Serialize) -> Result<(), FolderError> {
        let path = self.file(name);
        let io = |source| FolderError::Io { path: path.clone(), source };
        let content = zeroize::Zeroizing::new(serde_json::to_vec_pretty(value).map_err(|error| io(error.into()))?);
        files::write_private(&path, &content).map_err(io)
    }

    /// Removes a file; one that is not there is removed already.
    pub(super) fn remove(&self, name: &str) -> Result<(), FolderError> {
        let path = self.file(name);
        match std::fs::remove_file(&path) {
            Err(source) if source.kind() != io::ErrorKind::NotFound => Err(FolderError::Io { path, source }),
            _ => Ok(()),
        }
    }
}

const KNOWN: &str = "appliance.json";
const LOCK: &str = "lock";

#[cfg(test)]
mod tests {
    use super::*;

    fn place(host: &str) -> Place {
        Place { host: host.to_owned(), port: 8443 }
    }

    #[test]
    fn a_folder_is_one_process_own_and_no_host_leads_out_of_it() {
        let all = tempfile::tempdir().unwrap();
        for host in ["../../etc", "a/b", "..", "fd00::5", "C:\\x"] {
            let folder = Folder::of(all.path(), &place(host));
            assert_eq!(folder.path().parent(), Some(all.path()), "{host}");
            assert!(folder.path().file_name().is_some());
        }
        let folder = Folder::of(all.path(), &place("SQL.corp.example"));
        assert!(!folder.is_taken() && folder.known().unwrap().is_none());
        folder.make().unwrap();
        let lock = folder.lock().unwrap();
        assert!(matches!(folder.lock(), Err(FolderError::Taken)) && folder.is_taken());
        drop(lock);
        assert!(!folder.is_taken());
        std::fs::write(folder.file(KNOWN), "{}").unwrap();
        assert!(matches!(folder.known(), Err(FolderError::Strange(_))));
        assert_eq!(Folder::all(all.path()).len(), 1);
    }
}
