//! Where the tokens are kept: a file of rights 0600, or the operating system's keyring.
//!
//! A refresh token counts once: whoever uses it again is put out. So the new ones are on the disk before anything is done with
//! them. Between the appliance's answer and that moment lies a write; a process that dies there has to sign in again, which no
//! client of such a server can avoid.

use serde::{Deserialize, Serialize};

use super::kept::{Folder, FolderError, Known};
use super::oauth::Tokens;
use crate::domain::Timestamp;
use crate::workstation::documents::Revealed;

/// The kind of place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Keeps {
    /// A file for its owner alone.
    File,
}

impl Keeps {
    /// Where nobody says otherwise.
    pub fn usual() -> Self {
        Self::File
    }
}

/// The tokens of one appliance.
#[derive(Debug, Clone)]
pub struct Vault {
    folder: Folder,
    keeps: Keeps,
}

/// The tokens as they are written down.
#[derive(Serialize, Deserialize)]
struct Written {
    access: Revealed,
    refresh: Revealed,
    expires: Timestamp,
}

impl Vault {
    /// The vault of an appliance; and in words, what it is.
    pub fn open(folder: &Folder, known: &Known) -> (Self, String) {
        let vault = Self { folder: folder.clone(), keeps: known.keeps };
        let words = format!("the file {}", folder.file(TOKENS).display());
        (vault, words)
    }

    /// What kind it is.
    pub fn keeps(&self) -> Keeps {
        self.keeps
    }

    /// The tokens, if there are any. Blocks.
    pub fn load(&self) -> Result<Option<Tokens>, FolderError> {
        let written: Option<Written> = self.folder.read(TOKENS)?;
        Ok(written.map(|Written { access, refresh, expires }| Tokens { access: access.0, refresh: refresh.0, expires }))
    }

    /// Keeps these in the place of all others. Blocks; they are durable when it returns.
    pub fn store(&self, tokens: &Tokens) -> Result<(), FolderError> {
        let Tokens { access, refresh, expires } = tokens.clone();
        self.folder.write(TOKENS, &Written { access: Revealed(access), refresh: Revealed(refresh), expires })
    }

    /// Forgets them. Blocks.
    pub fn forget(&self) -> Result<(), FolderError> {
        self.folder.remove(TOKENS)
    }
}

const TOKENS: &str = "tokens.json";
