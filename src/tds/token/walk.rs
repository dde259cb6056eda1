//! The walk over a server's login response: each token with the very bytes it came in, so that one can drop some and pass
//! the others on unchanged.

use super::Token;
use crate::tds::{DecodeError, TdsVersion, cursor::Reader};

/// A token and its bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step<'a> {
    /// What was read.
    pub token: Token,
    /// The bytes it was read from, its kind included.
    pub raw: &'a [u8],
}

/// An iterator over tokens; ends after the last one, or after the first error.
#[derive(Debug)]
pub struct Walk<'a> {
    reader: Reader<'a>,
    version: TdsVersion,
}

/// Walks over the tokens in `payload`, whose widths are those of `version`: the one that the LOGIN7 asked for. A server may
/// answer with a lower one, but all since 7.2 have the same widths, and what asks for less gets no more.
pub fn walk(payload: &[u8], version: TdsVersion) -> Walk<'_> {
    Walk { reader: Reader::new(payload), version }
}

impl<'a> Iterator for Walk<'a> {
    type Item = Result<Step<'a>, DecodeError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.reader.is_empty() {
            return None;
        }
        let before = self.reader;
        match Token::decode(&mut self.reader, self.version) {
            Ok(token) => {
                let length = before.remaining() - self.reader.remaining();
                Some(Ok(Step { token, raw: before.rest().get(..length).unwrap_or_default() }))
            }
            Err(error) => {
                self.reader = Reader::new(&[]);
                Some(Err(error))
            }
        }
    }
}
