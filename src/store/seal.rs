//! Authenticated encryption: AES-256-GCM under a random nonce, bound to a purpose and to the version of the form.

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::error::StoreError;

/// An encrypted secret, in a text form that can be kept in a record: `1:` and base64 of nonce, ciphertext and tag.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Sealed(String);

impl std::fmt::Debug for Sealed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Sealed(***)")
    }
}

/// A key of 256 bits, wiped when dropped.
pub(super) type KeyBytes = Zeroizing<[u8; 32]>;

/// A new random key.
pub(super) fn random_key() -> Result<KeyBytes, StoreError> {
    let mut key = KeyBytes::default();
    getrandom::fill(key.as_mut_slice()).map_err(|_| StoreError::Crypto)?;
    Ok(key)
}

/// Encrypts `plain` for `purpose`.
pub(super) fn seal(key: &KeyBytes, purpose: &str, plain: &[u8]) -> Result<Sealed, StoreError> {
    let mut nonce = [0_u8; NONCE_LEN];
    getrandom::fill(&mut nonce).map_err(|_| StoreError::Crypto)?;
    let mut data = Zeroizing::new(Vec::with_capacity(plain.len() + AES_256_GCM.tag_len()));
    data.extend_from_slice(plain);
    let mut sealed = nonce.to_vec();
    cipher(key)?
        .seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), bound_to(purpose), &mut *data)
        .map_err(|_| StoreError::Crypto)?;
    sealed.extend_from_slice(&data);
    Ok(Sealed(format!("{FORM}{}", BASE64.encode(sealed))))
}

/// Decrypts what was sealed for `purpose`.
pub(super) fn unseal(key: &KeyBytes, purpose: &str, sealed: &Sealed) -> Result<Zeroizing<Vec<u8>>, StoreError> {
    let refused = || StoreError::Unseal { purpose: purpose.to_owned() };
    let text = sealed.0.strip_prefix(FORM).ok_or_else(refused)?;
    let bytes = BASE64.decode(text).map_err(|_| refused())?;
    let (nonce, data) = bytes.split_first_chunk::<NONCE_LEN>().ok_or_else(refused)?;
    let mut data = Zeroizing::new(data.to_vec());
    let nonce = Nonce::assume_unique_for_key(*nonce);
    let length = cipher(key)?.open_in_place(nonce, bound_to(purpose), &mut data).map_err(|_| refused())?.len();
    data.truncate(length);
    Ok(data)
}

fn cipher(key: &KeyBytes) -> Result<LessSafeKey, StoreError> {
    UnboundKey::new(&AES_256_GCM, key.as_slice()).map(LessSafeKey::new).map_err(|_| StoreError::Crypto)
}

fn bound_to(purpose: &str) -> Aad<Vec<u8>> {
    Aad::from([b"gatehouse sealed 1\0", purpose.as_bytes()].concat())
}

/// The version of the form, in front of the text.
const FORM: &str = "1:";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sealed_secret_opens_for_its_purpose_and_no_other() {
        let key = random_key().unwrap();
        let sealed = seal(&key, "sql-login", b"correct horse").unwrap();
        assert_eq!(unseal(&key, "sql-login", &sealed).unwrap().as_slice(), b"correct horse");
        assert!(matches!(unseal(&key, "tls-key", &sealed), Err(StoreError::Unseal { .. })));
        assert!(matches!(unseal(&random_key().unwrap(), "sql-login", &sealed), Err(StoreError::Unseal { .. })));
    }

    #[test]
    fn no_altered_byte_of_a_sealed_secret_goes_unnoticed() {
        let key = random_key().unwrap();
        let sealed = seal(&key, "p", b"x").unwrap();
        let bytes = BASE64.decode(&sealed.0[FORM.len()..]).unwrap();
        for at in 0..bytes.len() {
            let mut altered = bytes.clone();
            altered[at] ^= 1;
            let altered = Sealed(format!("{FORM}{}", BASE64.encode(altered)));
            assert!(unseal(&key, "p", &altered).is_err(), "byte {at}");
        }
        for text in ["", "1:", "1:AAAA", "2:AAAA", "1:not base64"] {
            assert!(unseal(&key, "p", &Sealed(text.to_owned())).is_err(), "{text:?}");
        }
    }

    #[test]
    fn the_same_secret_is_sealed_differently_each_time_and_prints_masked() {
        let key = random_key().unwrap();
        let (one, two) = (seal(&key, "p", b"x").unwrap(), seal(&key, "p", b"x").unwrap());
        assert_ne!(one, two);
        assert!(!format!("{one:?}").contains(&one.0));
    }
}
