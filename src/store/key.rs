//! Keys as bytes whose order is the keys' own order, alone and in pairs.

use crate::domain::{
    AccountId, DatabaseId, DeviceId, FactorId, GrantId, GroupId, IntegrationId, MailId, PassId, ProgramId, ServerId,
    SessionId, TokenId, WebSessionId,
};

/// What entries of a table are found by. The order of the bytes is the order of the keys.
pub trait Key: Sized {
    /// The key as bytes.
    fn to_bytes(&self) -> Vec<u8>;

    /// The key of these bytes, where they are one.
    fn from_bytes(bytes: &[u8]) -> Option<Self>;

    /// The key as the first half of a pair: bytes that tell where they end. A key of fixed length is as it is; any
    /// other has its zeros escaped and a terminator after it.
    fn to_first(&self) -> Vec<u8> {
        let mut first = Vec::new();
        for byte in self.to_bytes() {
            first.push(byte);
            if byte == 0 {
                first.push(0xff);
            }
        }
        first.extend([0, 0]);
        first
    }

    /// The first half of a pair, and the bytes of the second.
    fn split_first(pair: &[u8]) -> Option<(Self, &[u8])> {
        let mut first = Vec::new();
        let mut rest = pair;
        loop {
            rest = match rest {
                [0, 0, second @ ..] => return Some((Self::from_bytes(&first)?, second)),
                [0, 0xff, after @ ..] => {
                    first.push(0);
                    after
                }
                [0, ..] | [] => return None,
                [byte, after @ ..] => {
                    first.push(*byte);
                    after
                }
            };
        }
    }
}

/// What all pairs with this first half begin with, for `scan_prefix`.
pub fn prefix<K: Key>(first: &K) -> Vec<u8> {
    first.to_first()
}

impl Key for String {
    fn to_bytes(&self) -> Vec<u8> {
        self.as_bytes().to_vec()
    }

    fn from_bytes(bytes: &[u8]) -> Option<Self> {
        Self::from_utf8(bytes.to_vec()).ok()
    }
}

/// A key of fixed length: nothing tells where it ends but its length.
macro_rules! fixed {
    ($type:ty, $length:expr, $to:expr, $from:expr $(, const $n:ident)?) => {
        impl $(<const $n: usize>)? Key for $type {
            fn to_bytes(&self) -> Vec<u8> {
                let to: fn(&$type) -> [u8; $length] = $to;
                to(self).to_vec()
            }

            fn from_bytes(bytes: &[u8]) -> Option<Self> {
                let from: fn([u8; $length]) -> $type = $from;
                <[u8; $length]>::try_from(bytes).ok().map(from)
            }

            fn to_first(&self) -> Vec<u8> {
                self.to_bytes()
            }

            fn split_first(pair: &[u8]) -> Option<(Self, &[u8])> {
                let (first, second) = pair.split_at_checked($length)?;
                Some((<Self as Key>::from_bytes(first)?, second))
            }
        }
    };
}

fixed!(u32, 4, |key| key.to_be_bytes(), u32::from_be_bytes);
fixed!(u64, 8, |key| key.to_be_bytes(), u64::from_be_bytes);
fixed!([u8; N], N, |key| *key, |bytes| bytes, const N);
fixed!(AccountId, 16, |key| *key.as_bytes(), AccountId::from_bytes);
fixed!(DatabaseId, 16, |key| *key.as_bytes(), DatabaseId::from_bytes);
fixed!(DeviceId, 16, |key| *key.as_bytes(), DeviceId::from_bytes);
fixed!(FactorId, 16, |key| *key.as_bytes(), FactorId::from_bytes);
fixed!(GrantId, 16, |key| *key.as_bytes(), GrantId::from_bytes);
fixed!(GroupId, 16, |key| *key.as_bytes(), GroupId::from_bytes);
fixed!(IntegrationId, 16, |key| *key.as_bytes(), IntegrationId::from_bytes);
fixed!(MailId, 16, |key| *key.as_bytes(), MailId::from_bytes);
fixed!(PassId, 16, |key| *key.as_bytes(), PassId::from_bytes);
fixed!(ProgramId, 16, |key| *key.as_bytes(), ProgramId::from_bytes);
fixed!(ServerId, 16, |key| *key.as_bytes(), ServerId::from_bytes);
fixed!(SessionId, 16, |key| *key.as_bytes(), SessionId::from_bytes);
fixed!(TokenId, 16, |key| *key.as_bytes(), TokenId::from_bytes);
fixed!(WebSessionId, 16, |key| *key.as_bytes(), WebSessionId::from_bytes);

impl<A: Key, B: Key> Key for (A, B) {
    fn to_bytes(&self) -> Vec<u8> {
        [self.0.to_first(), self.1.to_bytes()].concat()
    }

    fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (first, second) = A::split_first(bytes)?;
        Some((first, B::from_bytes(second)?))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn keeps_order_and_value<K: Key + Ord + std::fmt::Debug>(a: &K, b: &K) {
        assert_eq!(K::from_bytes(&a.to_bytes()).as_ref(), Some(a));
        assert_eq!(a.to_bytes().cmp(&b.to_bytes()), a.cmp(b), "{a:?} {b:?}");
    }

    proptest! {
        #[test]
        fn keys_read_back_and_sort_as_their_bytes_do(
            a in ("[\0a-c]{0,4}", any::<u64>(), any::<[u8; 16]>()),
            b in ("[\0a-c]{0,4}", any::<u64>(), any::<[u8; 16]>()),
        ) {
            keeps_order_and_value(&a.0, &b.0);
            keeps_order_and_value(&a.1, &b.1);
            keeps_order_and_value(&(a.0.clone(), a.1), &(b.0.clone(), b.1));
            keeps_order_and_value(&(a.2, a.0.clone()), &(b.2, b.0.clone()));
            keeps_order_and_value(&((a.0.clone(), a.0.clone()), a.1), &((b.0.clone(), b.0.clone()), b.1));
        }

        #[test]
        fn strange_bytes_are_no_key_and_no_panic(bytes in any::<Vec<u8>>()) {
            let _ = <(String, u64)>::from_bytes(&bytes);
            let _ = <((String, AccountId), String)>::from_bytes(&bytes);
        }

        #[test]
        fn a_prefix_finds_the_pairs_of_its_first_half_and_no_others(a in "[\0ab]{0,3}", b in "[\0ab]{0,3}") {
            let pair = (b.clone(), 7_u64).to_bytes();
            prop_assert_eq!(pair.starts_with(&prefix(&a)), a == b);
        }
    }
}
