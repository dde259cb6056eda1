//! PRELOGIN (MS-TDS 2.2.6.5), as a client sends it and as a server answers it.
//!
//! A list of (option, offset, length), big-endian, ended by 0xFF, then the options' data. VERSION must come first.
//! Memory: the data of all options together may not exceed the message, so overlapping options cannot multiply it; what is
//! decoded takes at most 32 bytes for each byte of it.

use super::{
    DecodeError, EncodeError,
    cursor::{Put as _, Reader},
};

/// A PRELOGIN message. An option that is `None` is not sent.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PreLogin {
    /// The sender's product version: major, minor, build (two bytes, high first), sub-build (two bytes).
    pub version: [u8; 6],
    /// What the sender wants encrypted. Without meaning in TDS 8.0, where all is.
    pub encryption: Option<Encryption>,
    /// From a client: the instance's name, ended by zero, or a single zero. From a server: one byte, zero if the name fits.
    pub instance: Option<Vec<u8>>,
    /// The client's thread, for its own diagnosis.
    pub thread_id: Option<u32>,
    /// Whether several requests may be active at once.
    pub mars: Option<bool>,
    /// Connection id (16 bytes), activity id (16) and its sequence number (4): SqlClient's `ClientConnectionId`.
    pub trace_id: Option<[u8; 36]>,
    /// From a client: it has a token to show. From a server: it wants one.
    pub fed_auth_required: Option<bool>,
    /// Random bytes that a token may be bound to.
    pub nonce: Option<[u8; 32]>,
    /// Options that are not known here, in their order.
    pub unknown: Vec<(u8, Vec<u8>)>,
}

/// The ENCRYPTION option.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encryption {
    /// Available, and wanted for the login alone (0).
    Off,
    /// Available and wanted (1).
    On,
    /// Not available (2).
    NotSupported,
    /// Available and demanded (3).
    Required,
    /// Anything else, such as the client certificate flags.
    Other(u8),
}

impl From<u8> for Encryption {
    fn from(byte: u8) -> Self {
        match byte {
            0 => Self::Off,
            1 => Self::On,
            2 => Self::NotSupported,
            3 => Self::Required,
            other => Self::Other(other),
        }
    }
}

impl From<Encryption> for u8 {
    fn from(encryption: Encryption) -> Self {
        match encryption {
            Encryption::Off => 0,
            Encryption::On => 1,
            Encryption::NotSupported => 2,
            Encryption::Required => 3,
            Encryption::Other(other) => other,
        }
    }
}

const VERSION: u8 = 0x00;
const ENCRYPTION: u8 = 0x01;
const INSTOPT: u8 = 0x02;
const THREADID: u8 = 0x03;
const MARS: u8 = 0x04;
const TRACEID: u8 = 0x05;
const FEDAUTHREQUIRED: u8 = 0x06;
const NONCEOPT: u8 = 0x07;
const TERMINATOR: u8 = 0xFF;

impl PreLogin {
    /// Reads a whole PRELOGIN payload, from either side.
    pub fn decode(payload: &[u8]) -> Result<Self, DecodeError> {
        let mut prelogin = Self::default();
        let mut list = Reader::new(payload);
        let mut seen = [false; 256];
        let mut first = true;
        let mut data_left = payload.len();
        loop {
            let option = list.u8()?;
            if option == TERMINATOR {
                break;
            }
            if first != (option == VERSION) {
                return Err(DecodeError::Malformed("order of PRELOGIN options"));
            }
            first = false;
            match seen.get_mut(usize::from(option)) {
                Some(again) if !*again => *again = true,
                _ => return Err(DecodeError::Malformed("PRELOGIN option given twice")),
            }
            let offset = list.u16_be()?;
            let length = usize::from(list.u16_be()?);
            data_left = data_left.checked_sub(length).ok_or(DecodeError::Malformed("PRELOGIN option lengths"))?;
            let mut reader = Reader::new(payload);
            if length > 0 {
                reader.bytes(offset.into())?;
            }
            prelogin.take(option, reader.bytes(length)?)?;
        }
        if first {
            return Err(DecodeError::Malformed("PRELOGIN without a version"));
        }
        Ok(prelogin)
    }

    fn take(&mut self, option: u8, data: &[u8]) -> Result<(), DecodeError> {
        match option {
            VERSION => self.version = exact(data)?,
            ENCRYPTION => self.encryption = Some(exact(data).map(u8::from_le_bytes)?.into()),
            INSTOPT => self.instance = Some(data.to_vec()),
            // Servers answer with an empty one.
            THREADID if data.is_empty() => {}
            THREADID => self.thread_id = Some(exact(data).map(u32::from_le_bytes)?),
            MARS => self.mars = Some(flag(data)?),
            // Likewise.
            TRACEID if data.is_empty() => {}
            TRACEID => self.trace_id = Some(exact(data)?),
            FEDAUTHREQUIRED => self.fed_auth_required = Some(flag(data)?),
            NONCEOPT => self.nonce = Some(exact(data)?),
            _ => self.unknown.push((option, data.to_vec())),
        }
        Ok(())
    }

    /// The message's payload.
    pub fn encode(&self) -> Result<Vec<u8>, EncodeError> {
        let mut options: Vec<(u8, Vec<u8>)> = vec![(VERSION, self.version.to_vec())];
        options.extend(self.encryption.map(|encryption| (ENCRYPTION, vec![encryption.into()])));
        options.extend(self.instance.clone().map(|instance| (INSTOPT, instance)));
        options.extend(self.thread_id.map(|id| (THREADID, id.to_le_bytes().to_vec())));
        options.extend(self.mars.map(|mars| (MARS, vec![mars.into()])));
        options.extend(self.trace_id.map(|id| (TRACEID, id.to_vec())));
        options.extend(self.fed_auth_required.map(|required| (FEDAUTHREQUIRED, vec![required.into()])));
        options.extend(self.nonce.map(|nonce| (NONCEOPT, nonce.to_vec())));
        options.extend(self.unknown.iter().cloned());

        let too_long = EncodeError::TooLong("PRELOGIN");
        let mut list = Vec::new();
        let mut data = Vec::new();
        for (option, value) in &options {
            let offset = options.len() * 5 + 1 + data.len();
            list.put_u8(*option);
            list.put_u16_be(offset.try_into().map_err(|_| too_long)?);
            list.put_u16_be(value.len().try_into().map_err(|_| too_long)?);
            data.put(value);
        }
        list.put_u8(TERMINATOR);
        list.append(&mut data);
        Ok(list)
    }
}

fn exact<const N: usize>(data: &[u8]) -> Result<[u8; N], DecodeError> {
    data.try_into().map_err(|_| DecodeError::Malformed("PRELOGIN option length"))
}

fn flag(data: &[u8]) -> Result<bool, DecodeError> {
    match data {
        [0] => Ok(false),
        [1] => Ok(true),
        _ => Err(DecodeError::Malformed("PRELOGIN flag")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// What ODBC Driver 18 sends: VERSION, ENCRYPTION, INSTOPT, THREADID, MARS, TRACEID.
    fn typical() -> PreLogin {
        PreLogin {
            version: [18, 6, 0, 2, 0, 0],
            encryption: Some(Encryption::On),
            instance: Some(vec![0]),
            thread_id: Some(0x1234),
            mars: Some(false),
            trace_id: Some([9; 36]),
            ..PreLogin::default()
        }
    }

    #[test]
    fn the_options_of_a_typical_client_are_read() {
        let bytes = typical().encode().unwrap();
        assert_eq!(bytes[..5], [0, 0, 31, 0, 6]);
        assert_eq!(PreLogin::decode(&bytes), Ok(typical()));
    }

    #[test]
    fn the_version_must_be_there_and_be_first() {
        assert!(PreLogin::decode(&[0xFF]).is_err());
        let encryption_first = [1, 0, 11, 0, 1, 0, 0, 12, 0, 6, 0xFF, 0, 1, 2, 3, 4, 5, 6];
        assert!(PreLogin::decode(&encryption_first).is_err());
    }

    #[test]
    fn an_option_given_twice_is_refused() {
        let mut prelogin = typical();
        prelogin.unknown.push((ENCRYPTION, vec![2]));
        assert!(PreLogin::decode(&prelogin.encode().unwrap()).is_err());
    }

    #[test]
    fn options_that_overlap_cannot_multiply_the_message() {
        let mut bytes = vec![0, 0, 0, 0, 6];
        for option in 0x10..0x40 {
            bytes.extend([option, 0, 0, 0, 100]);
        }
        bytes.push(TERMINATOR);
        assert!(bytes.len() < 300);
        assert_eq!(PreLogin::decode(&bytes), Err(DecodeError::Malformed("PRELOGIN option lengths")));
    }

    #[test]
    fn an_option_beyond_the_message_is_refused() {
        assert_eq!(PreLogin::decode(&[0, 0, 6, 0, 6, 0xFF, 1, 2, 3]), Err(DecodeError::Incomplete));
        assert_eq!(PreLogin::decode(&[0, 0, 6]), Err(DecodeError::Incomplete));
    }

    #[test]
    fn a_flag_is_zero_or_one() {
        assert!(PreLogin::decode(&[0, 0, 11, 0, 6, 4, 0, 17, 0, 1, 0xFF, 0, 0, 0, 0, 0, 0, 2]).is_err());
    }

    proptest! {
        #[test]
        fn a_prelogin_comes_back_as_it_was(
            version in any::<[u8; 6]>(),
            encryption in any::<Option<u8>>(),
            instance in any::<Option<Vec<u8>>>(),
            thread_id in any::<Option<u32>>(),
            mars in any::<Option<bool>>(),
            trace_id in any::<bool>(),
            fed_auth_required in any::<Option<bool>>(),
            nonce in any::<Option<[u8; 32]>>(),
            unknown in proptest::collection::btree_map(8u8..0xFF, any::<Vec<u8>>(), 0..4),
        ) {
            let prelogin = PreLogin {
                version,
                encryption: encryption.map(Encryption::from),
                instance,
                thread_id,
                mars,
                trace_id: trace_id.then_some([3; 36]),
                fed_auth_required,
                nonce,
                unknown: unknown.into_iter().collect(),
            };
            prop_assert_eq!(PreLogin::decode(&prelogin.encode().unwrap()), Ok(prelogin));
        }

        #[test]
        fn arbitrary_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _ = PreLogin::decode(&bytes);
        }

        #[test]
        fn arbitrary_options_never_panic_nor_multiply(
            options in proptest::collection::vec((any::<u8>(), 0u16..80, 0u16..80), 0..12),
        ) {
            let mut bytes = vec![0, 0, 0, 0, 6];
            for (option, offset, length) in options {
                bytes.put_u8(option);
                bytes.put_u16_be(offset);
                bytes.put_u16_be(length);
            }
            bytes.put_u8(TERMINATOR);
            if let Ok(prelogin) = PreLogin::decode(&bytes) {
                let kept: usize = prelogin.unknown.iter().map(|(_, data)| data.len()).sum();
                prop_assert!(kept <= bytes.len());
            }
        }
    }
}
