//! The feature extension block of LOGIN7: (id, length, data) again and again, ended by 0xFF.

use crate::{
    domain::Secret,
    tds::{
        DecodeError, EncodeError,
        cursor::{Put as _, Reader, utf16_strict},
    },
};

/// What a feature is.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FeatureId(pub u8);

#[expect(missing_docs, reason = "the names are the specification's")]
impl FeatureId {
    pub const SESSION_RECOVERY: Self = Self(0x01);
    pub const FED_AUTH: Self = Self(0x02);
    pub const COLUMN_ENCRYPTION: Self = Self(0x04);
    pub const GLOBAL_TRANSACTIONS: Self = Self(0x05);
    pub const AZURE_SQL_SUPPORT: Self = Self(0x08);
    pub const DATA_CLASSIFICATION: Self = Self(0x09);
    pub const UTF8_SUPPORT: Self = Self(0x0A);
    pub const AZURE_SQL_DNS_CACHING: Self = Self(0x0B);
    pub const JSON: Self = Self(0x0D);
    pub const VECTOR: Self = Self(0x0E);
    pub const ENHANCED_ROUTING: Self = Self(0x0F);
    pub const USER_AGENT: Self = Self(0x10);
}

impl std::fmt::Debug for FeatureId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:#04x}", self.0)
    }
}

/// One feature that the client asks for, with its data as it came.
#[derive(Clone, PartialEq, Eq)]
pub struct Feature {
    /// Which one.
    pub id: FeatureId,
    /// What goes with it.
    pub data: Vec<u8>,
}

/// Shows no data: it may be a token.
impl std::fmt::Debug for Feature {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Feature({:?}, {} bytes)", self.id, self.data.len())
    }
}

const TERMINATOR: u8 = 0xFF;

/// Reads a block up to its end mark.
pub(in crate::tds) fn decode_features(reader: &mut Reader<'_>) -> Result<Vec<Feature>, DecodeError> {
    let mut features = Vec::new();
    loop {
        let id = reader.u8()?;
        if id == TERMINATOR {
            return Ok(features);
        }
        features.push(Feature { id: FeatureId(id), data: reader.l_bytes()?.to_vec() });
    }
}

/// Appends a block with its end mark.
pub(in crate::tds) fn encode_features(features: &[Feature], out: &mut Vec<u8>) {
    for feature in features {
        out.put_u8(feature.id.0);
        out.put_l_bytes(&feature.data);
    }
    out.put_u8(TERMINATOR);
}

/// The kind of token behind a FEDAUTH feature.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FedAuthLibrary {
    /// Live ID compact token (0).
    LiveId,
    /// The client has a token already, and sends it with the login (1).
    SecurityToken,
    /// The client fetches one from an authority that the server names (2): ADAL, MSAL.
    Adal,
    /// Another one.
    Other(u8),
}

/// The FEDAUTH feature of a login.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FedAuth {
    /// The kind of token.
    pub library: FedAuthLibrary,
    /// Whether the server's PRELOGIN asked for a token, as the client saw it.
    pub echo: bool,
    /// The token, where it comes with the login.
    pub token: Option<Secret>,
    /// The nonce of the PRELOGIN, signed, where there was one.
    pub nonce: Option<[u8; 32]>,
    /// The workflow byte of [`FedAuthLibrary::Adal`].
    pub workflow: Option<u8>,
}

impl FedAuth {
    /// Reads the data of a FEDAUTH feature. A token that is not text in UTF-16 is malformed.
    pub fn decode(data: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(data);
        let options = reader.u8()?;
        let mut fed_auth = Self {
            library: match options >> 1 {
                0 => FedAuthLibrary::LiveId,
                1 => FedAuthLibrary::SecurityToken,
                2 => FedAuthLibrary::Adal,
                other => FedAuthLibrary::Other(other),
            },
            echo: options & 1 == 1,
            token: None,
            nonce: None,
            workflow: None,
        };
        match fed_auth.library {
            FedAuthLibrary::LiveId | FedAuthLibrary::SecurityToken => {
                let token = utf16_strict(reader.l_bytes()?).ok_or(DecodeError::Malformed("FEDAUTH token"))?;
                fed_auth.token = Some(token.into());
                if !reader.is_empty() {
                    fed_auth.nonce = Some(reader.array()?);
                }
            }
            FedAuthLibrary::Adal => fed_auth.workflow = if reader.is_empty() { None } else { Some(reader.u8()?) },
            FedAuthLibrary::Other(_) => {}
        }
        Ok(fed_auth)
    }

    /// The feature with this data.
    pub fn encode(&self) -> Result<Feature, EncodeError> {
        let library = match self.library {
            FedAuthLibrary::LiveId => 0,
            FedAuthLibrary::SecurityToken => 1,
            FedAuthLibrary::Adal => 2,
            FedAuthLibrary::Other(other) => other & 0x7F,
        };
        let mut data = vec![library << 1 | u8::from(self.echo)];
        if let Some(token) = &self.token {
            let at = data.len();
            data.put_u32(0);
            data.put_text(token.expose());
            let length = u32::try_from(data.len() - at - 4).map_err(|_| EncodeError::TooLong("FEDAUTH token"))?;
            if let Some(place) = data.get_mut(at..at + 4) {
                place.copy_from_slice(&length.to_le_bytes());
            }
        }
        if let Some(nonce) = &self.nonce {
            data.put(nonce);
        }
        data.extend(self.workflow);
        Ok(Feature { id: FeatureId::FED_AUTH, data })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_security_token_travels_in_utf16_after_its_length() {
        let fed_auth = FedAuth {
            library: FedAuthLibrary::SecurityToken,
            echo: true,
            token: Some("ab".to_owned().into()),
            nonce: None,
            workflow: None,
        };
        let feature = fed_auth.encode().unwrap();
        assert_eq!(feature.data, [0x03, 4, 0, 0, 0, b'a', 0, b'b', 0]);
        assert_eq!(FedAuth::decode(&feature.data), Ok(fed_auth));
    }

    #[test]
    fn a_token_shows_in_no_debug_output() {
        let fed_auth = FedAuth {
            library: FedAuthLibrary::SecurityToken,
            echo: false,
            token: Some("canary".to_owned().into()),
            nonce: None,
            workflow: None,
        };
        let printed = format!("{fed_auth:?} {:?}", fed_auth.encode().unwrap());
        assert!(!printed.contains("canary") && !printed.contains("99, 0"), "{printed}");
    }

    #[test]
    fn a_block_without_its_end_is_incomplete() {
        assert_eq!(decode_features(&mut Reader::new(&[1, 0, 0, 0, 0])), Err(DecodeError::Incomplete));
        assert_eq!(decode_features(&mut Reader::new(&[1, 255, 255, 255, 255, 0])), Err(DecodeError::Incomplete));
    }

    proptest! {
        #[test]
        fn fed_auth_comes_back_as_it_was(
            echo in any::<bool>(), token in ".{0,60}", nonce in any::<Option<[u8; 32]>>(), workflow in any::<Option<u8>>(),
            adal in any::<bool>(),
        ) {
            let fed_auth = if adal {
                FedAuth { library: FedAuthLibrary::Adal, echo, token: None, nonce: None, workflow }
            } else {
                FedAuth { library: FedAuthLibrary::SecurityToken, echo, token: Some(token.into()), nonce, workflow: None }
            };
            prop_assert_eq!(FedAuth::decode(&fed_auth.encode().unwrap().data), Ok(fed_auth));
        }

        #[test]
        fn arbitrary_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..100)) {
            let _ = FedAuth::decode(&bytes);
            let _ = decode_features(&mut Reader::new(&bytes));
        }
    }
}
