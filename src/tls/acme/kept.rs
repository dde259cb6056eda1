//! What is kept, sealed, in the store: the account's key, and certificates with their keys in pieces that stay under the store's limit.
//!
//! An account belongs to a directory and its contacts, a certificate to a directory and its names: a change of either finds nothing here and
//! orders anew; a change back finds what was there before.

use aws_lc_rs::digest;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD as BASE64, URL_SAFE_NO_PAD};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::domain::{Secret, Timestamp};
use crate::store::{Sealed, Store, StoreError};

crate::store::tables! {
    /// The keys of ACME accounts by directory and contacts: their PKCS#8 form in base64.
    Accounts = "tls.acme.accounts": String => Sealed;
    /// What is known of each kept certificate, by directory and names.
    Heads = "tls.acme.certificates": String => KeptHead;
    /// The pieces of the kept certificates: `<certificate>/<number>`.
    Pieces = "tls.acme.pieces": String => Sealed;
}

/// What is known of a kept certificate without unsealing it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct KeptHead {
    obtained: Timestamp,
    not_after: Timestamp,
    pieces: usize,
}

/// An account's place.
#[derive(Debug, Clone)]
pub(super) struct AccountId(String);

/// A certificate's place.
#[derive(Debug, Clone)]
pub(super) struct CertificateId(String);

impl AccountId {
    /// The account at `directory` that has these contacts. A directory is told contacts only when an account is made.
    pub(super) fn of(directory: &str, contact: &[String]) -> Self {
        Self(hash(directory, contact))
    }
}

impl CertificateId {
    /// The certificate of `directory` for these names, in whatever order.
    pub(super) fn of(directory: &str, names: &[String]) -> Self {
        let mut sorted = names.to_vec();
        sorted.sort();
        Self(hash(directory, &sorted))
    }
}

/// Key and chain in PEM form, as the directory's client hands them over, and when that was.
#[derive(Clone)]
pub(super) struct Bundle {
    pub pem: Zeroizing<String>,
    pub obtained: Timestamp,
}

/// The account's key, in PKCS#8 form.
pub(super) fn account(store: &Store, id: &AccountId) -> Result<Option<Zeroizing<Vec<u8>>>, StoreError> {
    let Some(sealed) = store.read::<Accounts>(&id.0)? else { return Ok(None) };
    let text = store.unseal(ACCOUNT, &sealed)?;
    let damaged = |_| StoreError::Unseal { purpose: ACCOUNT.to_owned() };
    BASE64.decode(text.expose()).map(Zeroizing::new).map(Some).map_err(damaged)
}

/// Keeps the account's key; durable when this returns.
pub(super) async fn keep_account(store: &Store, id: &AccountId, key: &[u8]) -> Result<(), StoreError> {
    let sealed = store.seal(ACCOUNT, &Secret::new(BASE64.encode(key)))?;
    let id = id.0.clone();
    store.change(move |change| change.put::<Accounts>(&id, &sealed)).await
}

/// The kept certificate, if there is one.
pub(super) fn certificate(store: &Store, id: &CertificateId) -> Result<Option<Bundle>, StoreError> {
    let Some(head) = store.read::<Heads>(&id.0)? else { return Ok(None) };
    let mut pem = Zeroizing::new(String::new());
    for number in 0..head.pieces {
        let Some(piece) = store.read::<Pieces>(&place(&id.0, number))? else { return Ok(None) };
        pem.push_str(store.unseal(&purpose(&id.0, number, head.pieces), &piece)?.expose());
    }
    Ok(Some(Bundle { pem, obtained: head.obtained }))
}

/// Keeps a certificate in place of an earlier one for the same; durable when this returns. Others that have lapsed are let go.
pub(super) async fn keep_certificate(
    store: &Store,
    id: &CertificateId,
    bundle: &Bundle,
    not_after: Timestamp,
) -> Result<(), StoreError> {
    let id = id.0.clone();
    let texts = split(&bundle.pem);
    let head = KeptHead { obtained: bundle.obtained, not_after, pieces: texts.len() };
    let seal = |(number, text): (usize, &str)| store.seal(&purpose(&id, number, texts.len()), &Secret::new(text));
    let pieces = texts.iter().copied().enumerate().map(seal).collect::<Result<Vec<_>, _>>()?;
    let now = bundle.obtained;
    store
        .change(move |change| {
            let heads = change.scan::<Heads>()?;
            for (old, head) in heads.iter().filter(|(old, head)| *old == id || head.not_after < now) {
                for number in 0..head.pieces {
                    change.remove::<Pieces>(&place(old, number))?;
                }
                change.remove::<Heads>(old)?;
            }
            for (number, piece) in pieces.iter().enumerate() {
                change.put::<Pieces>(&place(&id, number), piece)?;
            }
            change.put::<Heads>(&id, &head)
        })
        .await
}

fn place(id: &str, number: usize) -> String {
    format!("{id}/{number:04}")
}

/// Each piece opens in its own place alone.
fn purpose(id: &str, number: usize, of: usize) -> String {
    format!("tls.acme.certificate {id} {number}/{of}")
}

fn split(text: &str) -> Vec<&str> {
    let (mut pieces, mut rest) = (Vec::new(), text);
    while !rest.is_empty() {
        let (piece, more) = rest.split_at(rest.floor_char_boundary(PIECE.min(rest.len())));
        pieces.push(piece);
        rest = more;
    }
    pieces
}

fn hash(directory: &str, others: &[String]) -> String {
    let mut context = digest::Context::new(&digest::SHA256);
    for text in std::iter::once(directory).chain(others.iter().map(String::as_str)) {
        context.update(text.as_bytes());
        context.update(&[0]);
    }
    URL_SAFE_NO_PAD.encode(context.finish().as_ref())
}

const ACCOUNT: &str = "tls.acme.account";
/// Sealed and in base64 it is a third larger, and still under the store's limit.
const PIECE: usize = 2048;
