//! The seconds-long memory of a verified password, and one computation for all who ask the same at once.
//!
//! What is kept is a MAC, under a key that exists in this process only, over the account, its generation and the
//! password: no password, and nothing that is worth stealing. A generation that rose makes an entry worthless even
//! before it is forgotten.

use std::collections::HashMap;
use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use aws_lc_rs::hmac;
use subtle::ConstantTimeEq as _;
use tokio::sync::OnceCell;

use super::generated::NoRandomness;
use crate::domain::{AccountId, Secret};

/// What an attempt is recognised by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Mark([u8; 32]);

/// Verified passwords, for as long as they are remembered; and the verifications under way.
pub struct Memory {
    key: hmac::Key,
    keep_for: Duration,
    verified: Mutex<HashMap<AccountId, Verified>>,
    under_way: Mutex<HashMap<Mark, Arc<OnceCell<bool>>>>,
}

#[derive(Clone, Copy)]
struct Verified {
    mark: Mark,
    until: Duration,
}

/// Whose password an attempt claims to have.
#[derive(Debug, Clone, Copy)]
pub enum Claim<'a> {
    /// An account, in this generation.
    Account(AccountId, u64),
    /// A name that no account has.
    Nobody(&'a str),
}

impl Memory {
    /// An empty memory that keeps a verified password for `keep_for`.
    pub fn new(keep_for: Duration) -> Result<Self, NoRandomness> {
        let mut key = zeroize::Zeroizing::new([0u8; 32]);
        getrandom::fill(&mut *key).map_err(|_| NoRandomness)?;
        let key = hmac::Key::new(hmac::HMAC_SHA256, &*key);
        Ok(Self { key, keep_for, verified: Mutex::default(), under_way: Mutex::default() })
    }

    /// The mark of an attempt.
    pub fn mark(&self, claim: Claim<'_>, password: &Secret) -> Mark {
        let mut mac = hmac::Context::with_key(&self.key);
        match claim {
            Claim::Account(id, generation) => {
                mac.update(b"account");
                mac.update(id.as_bytes());
                mac.update(&generation.to_be_bytes());
            }
            Claim::Nobody(name) => {
                mac.update(b"nobody");
                mac.update(&u64::try_from(name.len()).unwrap_or(u64::MAX).to_be_bytes());
                mac.update(name.as_bytes());
            }
        }
        mac.update(password.expose().as_bytes());
        let mut bytes = [0u8; 32];
        for (to, from) in bytes.iter_mut().zip(mac.sign().as_ref()) {
            *to = *from;
        }
        Mark(bytes)
    }

    /// Whether this very password of this account was verified a moment ago.
    pub fn knows(&self, account: AccountId, mark: Mark, now: Duration) -> bool {
        let verified = lock(&self.verified);
        verified.get(&account).is_some_and(|kept| now < kept.until && kept.mark.0.ct_eq(&mark.0).into())
    }

    /// Remembers a verified password.
    pub fn remember(&self, account: AccountId, mark: Mark, now: Duration) {
        let mut verified = lock(&self.verified);
        verified.retain(|_, kept| now < kept.until);
        if !self.keep_for.is_zero() {
            verified.insert(account, Verified { mark, until: now.saturating_add(self.keep_for) });
        }
    }

    /// Forgets whatever is remembered of an account.
    pub fn forget(&self, account: AccountId) {
        lock(&self.verified).remove(&account);
    }

    /// Runs `verify` once for all attempts with the same mark that are under way; all get its answer. When it fails,
    /// or whoever ran it goes away, the next in line runs its own.
    pub async fn once<E>(&self, mark: Mark, verify: impl Future<Output = Result<bool, E>>) -> Result<bool, E> {
        let cell = Arc::clone(lock(&self.under_way).entry(mark).or_default());
        let leaving = Leaving { memory: self, mark, cell: &cell };
        let answer = cell.get_or_try_init(|| verify).await.copied();
        drop(leaving);
        answer
    }
}

/// Takes the shared computation off the list when its last participant leaves, also by being dropped.
struct Leaving<'a> {
    memory: &'a Memory,
    mark: Mark,
    cell: &'a Arc<OnceCell<bool>>,
}

impl Drop for Leaving<'_> {
    fn drop(&mut self) {
        let mut under_way = lock(&self.memory.under_way);
        // Two are left when nobody else takes part: the list's and this one. A finished one takes no newcomers: the next
        // attempt is a new one, and is counted as such.
        let is_over = self.cell.initialized() || Arc::strong_count(self.cell) <= 2;
        if is_over && under_way.get(&self.mark).is_some_and(|listed| Arc::ptr_eq(listed, self.cell)) {
            under_way.remove(&self.mark);
        }
    }
}

impl std::fmt::Debug for Memory {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Memory")
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    const KEEP: Duration = Duration::from_secs(10);

    fn memory() -> (Memory, AccountId, Secret) {
        (Memory::new(KEEP).unwrap(), AccountId::random(), Secret::new("correct horse battery"))
    }

    #[test]
    fn a_verified_password_is_known_for_its_time_and_no_other_password_is() {
        let (memory, ada, password) = memory();
        let mark = memory.mark(Claim::Account(ada, 1), &password);
        memory.remember(ada, mark, Duration::ZERO);
        assert!(memory.knows(ada, mark, Duration::from_millis(9_999)));
        assert!(!memory.knows(ada, mark, KEEP));
        let other = memory.mark(Claim::Account(ada, 1), &Secret::new("correct horse batterY"));
        assert!(!memory.knows(ada, other, Duration::ZERO));
    }

    #[test]
    fn another_generation_or_account_is_not_known_and_forgetting_is_at_once() {
        let (memory, ada, password) = memory();
        let mark = memory.mark(Claim::Account(ada, 1), &password);
        memory.remember(ada, mark, Duration::ZERO);
        assert!(!memory.knows(ada, memory.mark(Claim::Account(ada, 2), &password), Duration::ZERO));
        let bob = AccountId::random();
        assert!(!memory.knows(bob, memory.mark(Claim::Account(bob, 1), &password), Duration::ZERO));
        memory.forget(ada);
        assert!(!memory.knows(ada, mark, Duration::ZERO));
    }

    #[tokio::test]
    async fn all_who_ask_the_same_at_once_share_one_computation() {
        let (memory, ada, password) = memory();
        let mark = memory.mark(Claim::Account(ada, 1), &password);
        let runs = AtomicU32::new(0);
        let verify = || async {
            runs.fetch_add(1, Ordering::Relaxed);
            tokio::task::yield_now().await;
            Ok::<_, ()>(true)
        };
        let answers = futures_util::future::join_all((0..100).map(|_| memory.once(mark, verify()))).await;
        assert!(answers.iter().all(|answer| *answer == Ok(true)));
        assert_eq!(runs.load(Ordering::Relaxed), 1);
        assert!(lock(&memory.under_way).is_empty(), "nothing is left behind");
    }

    #[tokio::test]
    async fn when_the_one_that_computes_goes_away_the_next_computes() {
        let (memory, ada, password) = memory();
        let mark = memory.mark(Claim::Account(ada, 1), &password);
        let mut first = Box::pin(memory.once(mark, std::future::pending::<Result<bool, ()>>()));
        assert!(futures_util::poll!(&mut first).is_pending());
        let mut second = Box::pin(memory.once(mark, async { Ok::<_, ()>(true) }));
        assert!(futures_util::poll!(&mut second).is_pending());
        drop(first);
        assert_eq!(second.await, Ok(true));
        assert!(lock(&memory.under_way).is_empty());
    }

    #[tokio::test]
    async fn a_computation_that_failed_is_not_the_next_ones_answer() {
        let (memory, ada, password) = memory();
        let mark = memory.mark(Claim::Account(ada, 1), &password);
        assert_eq!(memory.once(mark, async { Err::<bool, _>("busy") }).await, Err("busy"));
        assert_eq!(memory.once(mark, async { Ok::<_, &str>(false) }).await, Ok(false));
    }
}
