//! Refresh tokens in rotation: each is used once, and whoever uses one again is put out, with the program (RFC 9700, 4.14.2).
//!
//! An answer may be lost on its way, and a program may die before it has kept it. So the token that a program has counts until
//! something of the answer to it, the refresh token or the access token, is used for the first time: until then the program may
//! ask again, and gets another answer. Devices have their secrets changed in the same way.
//!
//! Of a public client a token that comes twice is all there is to know a thief by, and that is as sure as before. What gives the
//! thief away is that two go on from one token, and here, too, only one can: whichever answer something is used of first counts
//! from then on, and ends the others with their access tokens. Whoever comes with one of those, or with the token that was
//! answered, or with an older one, puts the program out. A thief who is faster than the program with its new tokens has what one
//! has who was faster with the old one, and is noticed when the program uses what it was given: within a moment, as a program that
//! refreshed its access wants to do something with it. As the program is bound to its client, its account and, where it showed one,
//! its key, the token before opens nothing that the one after it does not.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::programs::{self, AccessTokens, Fresh, Program, Programs};
use crate::audit::Actor;
use crate::domain::{AccountId, ProgramId, Timestamp};
use crate::identity::records::SecretHash;
use crate::identity::{Identity, IdentityError};
use crate::store::{Change, StoreError};

/// The answers to one refresh token. None was used yet, so nobody knows which of them arrived.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Unused {
    /// When the first was given.
    since: Timestamp,
    answers: Vec<Answer>,
}

/// The tokens of one answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Answer {
    refresh: SecretHash,
    access: SecretHash,
}

/// What a refresh token is to its program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Standing {
    /// It counts, and was not used before.
    Counts,
    /// It was used before, and counts: nothing of the answers was used.
    Again,
    /// It counts no more.
    Over,
}

impl Program {
    /// What this token is to the program, of whose family it is.
    pub(super) fn standing(&self, presented: SecretHash, now: Timestamp) -> Standing {
        match &self.unused {
            None if self.refresh == presented => Standing::Counts,
            Some(unused) if unused.answers.iter().any(|answer| answer.refresh == presented) => Standing::Counts,
            Some(unused) if self.refresh == presented && now.since(unused.since) < ASKED_AGAIN => Standing::Again,
            _ => Standing::Over,
        }
    }

    /// Whether this access token is of an answer of which nothing was used yet.
    pub(super) fn is_unused(&self, access: SecretHash) -> bool {
        self.unused.iter().flat_map(|unused| &unused.answers).any(|answer| answer.access == access)
    }
}

impl Identity {
    /// An access token was used that a refresh had given: the refresh token before counts no more, nor does any other answer to it.
    pub(in crate::identity) async fn settle_program(
        &self,
        key: (AccountId, ProgramId),
        used: SecretHash,
    ) -> Result<(), IdentityError> {
        let settle = move |state: &mut Change<'_>| {
            // Another use of it was faster, or the program is out.
            let mut program = state.read::<Programs>(&key)?.ok_or(IdentityError::TooLate)?;
            if !settle(state, &mut program, used)? {
                return Err(IdentityError::TooLate);
            }
            state.put::<Programs>(&key, &program)?;
            Ok(program)
        };
        let entry = |program: &Program| programs::about(Actor::Appliance, "program.refreshed", program);
        match self.change(settle, entry).await {
            Ok(_) | Err(IdentityError::TooLate) => Ok(()),
            Err(error) => Err(error),
        }
    }
}

/// Gives a program another answer to the token that it came with, which counts.
pub(super) fn rotate(
    state: &mut Change<'_>,
    program: &mut Program,
    presented: SecretHash,
    fresh: Fresh,
) -> Result<(), StoreError> {
    settle(state, program, presented)?;
    let mut unused = program.unused.take().unwrap_or(Unused { since: fresh.now, answers: Vec::new() });
    let surplus = unused.answers.len().saturating_sub(MOST_ANSWERS - 1);
    for lost in unused.answers.drain(..surplus) {
        end(state, program, &lost)?;
    }
    unused.answers.push(Answer { refresh: fresh.refresh, access: fresh.access });
    program.unused = Some(unused);
    programs::give(state, program, fresh)
}

/// What was used is of one of the answers: it takes the place of the token that it answered, and the others end. Whether it is.
fn settle(state: &mut Change<'_>, program: &mut Program, used: SecretHash) -> Result<bool, StoreError> {
    let is_it = |answer: &Answer| answer.refresh == used || answer.access == used;
    let answers = program.unused.as_ref().map(|unused| unused.answers.clone()).unwrap_or_default();
    let Some(arrived) = answers.iter().find(|answer| is_it(answer)) else { return Ok(false) };
    (program.refresh, program.unused) = (arrived.refresh, None);
    for other in answers.iter().filter(|answer| *answer != arrived) {
        end(state, program, other)?;
    }
    Ok(true)
}

/// Ends an answer that nobody used.
fn end(state: &mut Change<'_>, program: &mut Program, answer: &Answer) -> Result<(), StoreError> {
    program.access.retain(|(hash, _)| *hash != answer.access);
    state.remove::<AccessTokens>(&answer.access)
}

/// How long a program may ask again. Longer than a restart or a night takes; what lay somewhere for longer, a copy of a disk for
/// example, is to open nothing only because the program was not started since.
const ASKED_AGAIN: Duration = Duration::from_secs(24 * 60 * 60);
/// Of so many answers to one token any may be the one that arrived.
const MOST_ANSWERS: usize = 3;
