//! argon2id on a bounded pool: few at once, a bounded queue behind them, every computation counted.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher as _, PasswordVerifier as _};
use argon2::{Argon2, Params};
use tokio::sync::Semaphore;

use crate::domain::Secret;
use crate::platform::Pool;

/// Computes and verifies password hashes. Clones share the pool.
#[derive(Clone)]
pub struct Hasher {
    pool: Pool,
    tickets: Arc<Semaphore>,
    function: Arc<Function>,
}

/// The hash function with its parameters; what runs inside the pool.
pub struct Function {
    argon2: Argon2<'static>,
    params: Params,
    stand_in: String,
    computed: AtomicU64,
}

/// Why a hash was not computed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum HashError {
    /// Too many wait already. The appliance's side; it passes.
    #[error("too many sign-ins at once")]
    Busy,
    /// The function or the random numbers failed. The appliance's side.
    #[error("a password hash could not be computed")]
    Failed,
}

impl Hasher {
    /// A hasher that computes at most `places` at once.
    pub fn new(places: usize) -> Result<Self, HashError> {
        let params = Params::DEFAULT;
        let argon2 = Argon2::from(&params);
        // Compared with when the name is unknown: what it is the hash of does not matter, and nobody knows.
        let stand_in = super::generated::password().map_err(|_| HashError::Failed)?;
        let stand_in = argon2.hash_password(stand_in.expose().as_bytes()).map_err(|_| HashError::Failed)?.to_string();
        let places = places.max(1);
        Ok(Self {
            pool: Pool::aside("hashing", places).map_err(|_| HashError::Failed)?,
            tickets: Arc::new(Semaphore::new(places.saturating_mul(1 + WAITING_PER_PLACE))),
            function: Arc::new(Function { argon2, params, stand_in, computed: AtomicU64::new(0) }),
        })
    }

    /// Runs `work`, which computes a hash or two, when a place is free.
    pub async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Function) -> T + Send + 'static,
    ) -> Result<T, HashError> {
        let ticket = Arc::clone(&self.tickets).try_acquire_owned().map_err(|_| HashError::Busy)?;
        let function = Arc::clone(&self.function);
        let output = self.pool.run(move || work(&function)).await.map_err(|_| HashError::Failed);
        drop(ticket);
        output
    }

    /// How many hashes were computed so far, to verify or to record.
    pub fn computed(&self) -> u64 {
        self.function.computed.load(Ordering::Relaxed)
    }
}

impl Function {
    /// The record of a password: a PHC string with algorithm, parameters, salt and hash.
    pub fn record(&self, password: &Secret) -> Result<String, HashError> {
        self.computed.fetch_add(1, Ordering::Relaxed);
        let hash = self.argon2.hash_password(password.expose().as_bytes()).map_err(|_| HashError::Failed)?;
        Ok(hash.to_string())
    }

    /// Whether `password` is that of `record`. Without a record the same work is done, and the answer is no.
    pub fn verify(&self, password: &Secret, record: Option<&str>) -> bool {
        self.computed.fetch_add(1, Ordering::Relaxed);
        let matches = PasswordHash::new(record.unwrap_or(&self.stand_in))
            .is_ok_and(|hash| self.argon2.verify_password(password.expose().as_bytes(), &hash).is_ok());
        matches && record.is_some()
    }

    /// Whether `record` was made with other parameters than today's.
    pub fn is_outdated(&self, record: &str) -> bool {
        let today = |hash: &PasswordHash| {
            hash.algorithm == argon2::Algorithm::Argon2id.ident()
                && Params::try_from(hash).is_ok_and(|params| {
                    (params.m_cost(), params.t_cost(), params.p_cost())
                        == (self.params.m_cost(), self.params.t_cost(), self.params.p_cost())
                })
        };
        !PasswordHash::new(record).is_ok_and(|hash| today(&hash))
    }
}

impl std::fmt::Debug for Hasher {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Hasher")
    }
}

/// How many may wait for each place: about a second's worth.
const WAITING_PER_PLACE: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_password_matches_its_own_record_only() {
        let hasher = Hasher::new(1).unwrap();
        let (right, wrong) = (Secret::new("correct horse battery"), Secret::new("correct horse batterY"));
        let verdicts = hasher.run(move |f| {
            let record = f.record(&right).unwrap();
            (
                f.verify(&right, Some(&record)),
                f.verify(&wrong, Some(&record)),
                f.verify(&right, None),
                f.is_outdated(&record),
            )
        });
        assert_eq!(verdicts.await.unwrap(), (true, false, false, false));
        assert_eq!(hasher.computed(), 4, "a missing record costs as much as one that is there");
    }

    #[tokio::test]
    async fn a_record_with_other_parameters_is_outdated_and_still_verified() {
        let hasher = Hasher::new(1).unwrap();
        let old =
            Argon2::from(Params::new(64, 1, 1, None).unwrap()).hash_password(b"twelve or more").unwrap().to_string();
        let verdict = hasher.run(move |f| (f.is_outdated(&old), f.verify(&Secret::new("twelve or more"), Some(&old))));
        assert_eq!(verdict.await.unwrap(), (true, true));
    }

    #[tokio::test]
    async fn beyond_a_bounded_queue_the_hasher_is_busy() {
        let hasher = Hasher::new(1).unwrap();
        let (release, blocked) = std::sync::mpsc::channel::<()>();
        let first = hasher.run(move |_| blocked.recv().unwrap());
        let waiting: Vec<_> = (0..WAITING_PER_PLACE).map(|_| hasher.run(|_| ())).collect();
        let mut all = Box::pin(futures_util::future::join(first, futures_util::future::join_all(waiting)));
        assert!(futures_util::poll!(&mut all).is_pending());
        assert_eq!(hasher.run(|_| ()).await, Err(HashError::Busy));
        release.send(()).unwrap();
        assert!(all.await.0.is_ok());
        assert_eq!(hasher.run(|_| ()).await, Ok(()));
    }
}
