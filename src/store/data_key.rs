//! The data key: random, made with the store, kept wrapped by the master key; the keys in use are derived from it.

use std::path::Path;

use aws_lc_rs::{hkdf, hmac};

use super::error::StoreError;
use super::files::{file_error, write_whole};
use super::master_key::{MasterKey, MasterKeyError};
use super::seal::{self, KeyBytes, Sealed, random_key};
use crate::domain::Secret;

/// The file of the wrapped data key, in the store's folder.
pub(super) const DATA_KEY: &str = "data.key";

/// The open data key, as the keys derived from it, and its wrapped form.
pub(super) struct DataKey {
    sealing: KeyBytes,
    hashing: KeyBytes,
    wrapped: Sealed,
}

impl DataKey {
    /// A new data key, wrapped by `master`.
    pub(super) fn random(master: &MasterKey) -> Result<Self, StoreError> {
        let key = random_key()?;
        let wrapped = Self::wrap(&key, master)?;
        Self::derive(&key, wrapped)
    }

    /// Opens a wrapped data key.
    pub(super) fn unwrap(wrapped: Sealed, master: &MasterKey) -> Result<Self, StoreError> {
        let key = Self::raw(&wrapped, master)?;
        Self::derive(&key, wrapped)
    }

    /// The key itself, which is taken out for a state file alone.
    pub(super) fn raw(wrapped: &Sealed, master: &MasterKey) -> Result<KeyBytes, StoreError> {
        let wrong = || MasterKeyError::Wrong { path: master.path().to_owned() };
        let bytes = seal::unseal(master.bytes(), WRAPPING, wrapped).map_err(|_| wrong())?;
        let mut key = KeyBytes::default();
        if bytes.len() != key.len() {
            return Err(wrong().into());
        }
        key.copy_from_slice(&bytes);
        Ok(key)
    }

    /// A key that came in a state file, wrapped by this machine's master key.
    pub(super) fn wrap(key: &KeyBytes, master: &MasterKey) -> Result<Sealed, StoreError> {
        seal::seal(master.bytes(), WRAPPING, key.as_slice())
    }

    fn derive(key: &KeyBytes, wrapped: Sealed) -> Result<Self, StoreError> {
        Ok(Self { sealing: derived(key, "sealing")?, hashing: derived(key, "hashing")?, wrapped })
    }

    /// Its wrapped form, for an export.
    pub(super) fn wrapped(&self) -> Sealed {
        self.wrapped.clone()
    }

    pub(super) fn seal(&self, purpose: &str, secret: &Secret) -> Result<Sealed, StoreError> {
        seal::seal(&self.sealing, purpose, secret.expose().as_bytes())
    }

    pub(super) fn unseal(&self, purpose: &str, sealed: &Sealed) -> Result<Secret, StoreError> {
        let plain = seal::unseal(&self.sealing, purpose, sealed)?;
        let text = std::str::from_utf8(&plain).map_err(|_| StoreError::Unseal { purpose: purpose.to_owned() })?;
        Ok(Secret::new(text))
    }

    pub(super) fn keyed_hash(&self, purpose: &str, data: &[u8]) -> [u8; 32] {
        let key = hmac::Key::new(hmac::HMAC_SHA256, self.hashing.as_slice());
        let mut context = hmac::Context::with_key(&key);
        // The length first, so that no purpose and data can be mistaken for another pair.
        context.update(&u64::try_from(purpose.len()).unwrap_or(u64::MAX).to_be_bytes());
        context.update(purpose.as_bytes());
        context.update(data);
        let mut hash = [0; 32];
        for (to, from) in hash.iter_mut().zip(context.sign().as_ref()) {
            *to = *from;
        }
        hash
    }
}

/// What [`super::Store::keyed_hash`] gives for the store in `folder`, from its key files alone: for checking a running appliance's
/// signatures without opening its database. `None` where there is no store.
pub fn keyed_hash_at(
    folder: &Path,
    master_key_file: &Path,
    purpose: &str,
    data: &[u8],
) -> Result<Option<[u8; 32]>, StoreError> {
    let Some(wrapped) = read_wrapped(&folder.join(DATA_KEY))? else { return Ok(None) };
    let key = DataKey::unwrap(wrapped, &MasterKey::read(master_key_file)?)?;
    Ok(Some(key.keyed_hash(purpose, data)))
}

/// Reads the wrapped data key from its file; `None` when there is none.
pub(super) fn read_wrapped(path: &Path) -> Result<Option<Sealed>, StoreError> {
    match std::fs::read(path) {
        Ok(bytes) => {
            let read = serde_json::from_slice(&bytes);
            read.map(Some).map_err(|source| StoreError::Record { table: "data.key".to_owned(), source })
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(file_error("read", path)(error)),
    }
}

/// Writes the wrapped data key to its file.
pub(super) fn write_wrapped(path: &Path, wrapped: &Sealed) -> Result<(), StoreError> {
    let text =
        serde_json::to_vec(wrapped).map_err(|source| StoreError::Record { table: "data.key".to_owned(), source })?;
    write_whole(path, &text)
}

fn derived(key: &KeyBytes, purpose: &str) -> Result<KeyBytes, StoreError> {
    let mut output = KeyBytes::default();
    let salt = hkdf::Salt::new(hkdf::HKDF_SHA256, b"gatehouse data key 1");
    salt.extract(key.as_slice())
        .expand(&[purpose.as_bytes()], hkdf::HKDF_SHA256)
        .and_then(|material| material.fill(output.as_mut_slice()))
        .map_err(|_| StoreError::Crypto)?;
    Ok(output)
}

/// What the data key is wrapped for.
const WRAPPING: &str = "data key";
