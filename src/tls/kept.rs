//! Keys and certificates as the store keeps them: a key sealed in one entry, its certificates in as many as they need.

use crate::domain::Secret;
use crate::store::{Change, Sealed, Store, StoreError, tables};

tables! {
    /// Private keys in PEM form, sealed, by what they are for.
    Keys = "tls.keys": String => Sealed;
    /// Certificates and requests in PEM form, cut into pieces: `<what>/<number>`.
    Pieces = "tls.pieces": String => String;
}

/// A private key and what belongs to it.
pub(super) struct Kept {
    /// The key, in PEM form.
    pub key: Secret,
    /// The certificates, or the request, in PEM form.
    pub text: String,
}

/// What there is of `what`.
pub(super) fn read(store: &Store, what: &str) -> Result<Option<Kept>, StoreError> {
    let Some(sealed) = store.read::<Keys>(&what.to_owned())? else { return Ok(None) };
    let pieces = store.scan_prefix::<Pieces>(prefix(what).as_bytes())?;
    let text = pieces.into_iter().map(|(_, piece)| piece).collect();
    Ok(Some(Kept { key: store.unseal(&purpose(what), &sealed)?, text }))
}

/// A key, sealed for [`put`].
pub(super) fn seal(store: &Store, what: &str, key: &Secret) -> Result<Sealed, StoreError> {
    store.seal(&purpose(what), key)
}

/// Keeps a key and its text in place of any before.
pub(super) fn put(change: &mut Change<'_>, what: &str, key: &Sealed, text: &str) -> Result<(), StoreError> {
    remove(change, what)?;
    change.put::<Keys>(&what.to_owned(), key)?;
    let letters: Vec<char> = text.chars().collect();
    for (number, piece) in letters.chunks(PIECE).enumerate() {
        change.put::<Pieces>(&format!("{}{number:04}", prefix(what)), &piece.iter().collect())?;
    }
    Ok(())
}

/// Forgets a key and its text.
pub(super) fn remove(change: &mut Change<'_>, what: &str) -> Result<(), StoreError> {
    for (piece, _) in change.scan_prefix::<Pieces>(prefix(what).as_bytes())? {
        change.remove::<Pieces>(&piece)?;
    }
    change.remove::<Keys>(&what.to_owned())
}

fn prefix(what: &str) -> String {
    format!("{what}/")
}

fn purpose(what: &str) -> String {
    format!("tls.key.{what}")
}

/// Letters in one piece: PEM is ASCII, and its line ends take two bytes each in JSON.
const PIECE: usize = 3000;
