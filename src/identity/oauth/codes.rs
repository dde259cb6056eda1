//! Authorisation codes: one minute, one use. No I/O, no clock: the time is passed in.
//!
//! Whoever presents a code uses it up, rightly or wrongly. A code that is presented again tells that somebody else had it, and
//! so the program that it let in is put out: [`Taken::Again`] names it, also while it is still being made, and then
//! [`Codes::was_presented_again`] tells whoever makes it.

use std::collections::HashMap;
use std::time::Duration;

use super::pkce::Challenge;
use crate::domain::{AccountId, ProgramId, Scopes, WebSessionId};
use crate::identity::records::SecretHash;

/// What a person agreed to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Consent {
    /// Who.
    pub(super) account: AccountId,
    /// The account's generation then.
    pub(super) generation: u64,
    /// In which session.
    pub(super) session: WebSessionId,
    /// To which client.
    pub(super) client: String,
    /// To what.
    pub(super) scopes: Scopes,
    /// What the program will be known by.
    pub(super) program: ProgramId,
}

/// A code's other half: to what it is bound.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Bound {
    pub(super) consent: Consent,
    pub(super) redirect_uri: String,
    pub(super) challenge: Challenge,
}

/// The codes of these minutes.
#[derive(Debug, Default)]
pub(super) struct Codes {
    codes: HashMap<SecretHash, Code>,
}

#[derive(Debug)]
struct Code {
    bound: Bound,
    issued: Duration,
    presented: u32,
}

/// What came of presenting a code.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Taken {
    /// It counts, for whoever proves to be who it is bound to.
    Once(Box<Bound>),
    /// It was presented before: this program is to be put out.
    Again(AccountId, ProgramId),
    /// There is none, or its minute is over.
    No,
}

impl Codes {
    /// Keeps a new code.
    pub(super) fn issue(&mut self, code: SecretHash, bound: Bound, now: Duration) {
        self.codes.retain(|_, code| now.saturating_sub(code.issued) < REMEMBERED);
        if self.codes.len() >= MOST {
            let oldest = self.codes.iter().min_by_key(|(_, code)| code.issued).map(|(hash, _)| *hash);
            oldest.map(|hash| self.codes.remove(&hash));
        }
        self.codes.insert(code, Code { bound, issued: now, presented: 0 });
    }

    /// Presents a code.
    pub(super) fn take(&mut self, code: SecretHash, now: Duration) -> Taken {
        let Some(code) = self.codes.get_mut(&code) else { return Taken::No };
        code.presented = code.presented.saturating_add(1);
        if code.presented > 1 {
            return Taken::Again(code.bound.consent.account, code.bound.consent.program);
        }
        if now.saturating_sub(code.issued) >= LIFE { Taken::No } else { Taken::Once(Box::new(code.bound.clone())) }
    }

    /// Whether a code was presented more than once.
    pub(super) fn was_presented_again(&self, code: SecretHash) -> bool {
        self.codes.get(&code).is_some_and(|code| code.presented > 1)
    }
}

const LIFE: Duration = Duration::from_secs(60);
/// As long as the access token that a code gave counts.
const REMEMBERED: Duration = Duration::from_secs(15 * 60);
const MOST: usize = 4096;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    pub(super) fn bound() -> Bound {
        Bound {
            consent: Consent {
                account: AccountId::random(),
                generation: 1,
                session: WebSessionId::random(),
                client: "c".into(),
                scopes: Scopes::sql(),
                program: ProgramId::random(),
            },
            redirect_uri: "http://127.0.0.1/callback".into(),
            challenge: Challenge::parse(&"A".repeat(43)).unwrap(),
        }
    }

    proptest! {
        #[test]
        fn no_order_of_presentations_lets_a_code_count_twice_or_after_its_minute(
            steps in prop::collection::vec((0u8..3, 0u64..50), 1..60)
        ) {
            let mut codes = Codes::default();
            let hash = |n: u8| SecretHash([n; 32]);
            let mut now = Duration::ZERO;
            let mut known: HashMap<u8, (Duration, u32)> = HashMap::new();
            for (n, wait) in steps {
                now += Duration::from_secs(wait);
                let Some((issued, presented)) = known.get_mut(&n) else {
                    codes.issue(hash(n), bound(), now);
                    known.insert(n, (now, 0));
                    continue;
                };
                *presented += 1;
                let (age, presented) = (now - *issued, *presented);
                match codes.take(hash(n), now) {
                    Taken::Once(_) => prop_assert!(presented == 1 && age < LIFE),
                    Taken::Again(..) => prop_assert!(presented > 1),
                    Taken::No => prop_assert!(age >= LIFE),
                }
                prop_assert!(presented < 2 || codes.was_presented_again(hash(n)) || age >= REMEMBERED);
            }
        }
    }

    #[test]
    fn however_many_are_issued_the_room_is_bounded() {
        let mut codes = Codes::default();
        for n in 0..6000_u32 {
            let mut hash = [0; 32];
            hash[..4].copy_from_slice(&n.to_be_bytes());
            codes.issue(SecretHash(hash), bound(), Duration::from_millis(n.into()));
        }
        assert_eq!(codes.codes.len(), MOST);
    }
}
