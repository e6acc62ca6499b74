//! Password hashes (argon2id), made and checked so that a flood of sign-ins starves nothing else.

mod rules;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use argon2::{Algorithm, Argon2, Params, Version};
use tokio::sync::Semaphore;
use unicode_normalization::UnicodeNormalization;

use super::dice::Dice;
use super::secret::Secret;

pub use rules::{BrokenRule, PasswordRules};

/// The longest password in bytes: longer ones only keep the processor busy.
pub const LONGEST_PASSWORD: usize = 1024;

/// What one hash costs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cost {
    /// Memory in KiB.
    pub memory_kib: u32,
    /// Passes over that memory.
    pub passes: u32,
}

impl Cost {
    /// OWASP's argon2id figure, some 25 ms: what the product uses, always.
    pub const PRODUCT: Cost = Cost { memory_kib: 19_456, passes: 2 };
}

/// Why a password could not be hashed; nothing was stored.
#[derive(Debug, thiserror::Error)]
pub enum PasswordError {
    /// Longer than [`LONGEST_PASSWORD`].
    #[error("the password is longer than {LONGEST_PASSWORD} bytes: choose a shorter one")]
    TooLong,
    /// Not enough memory for a hash, or the cost is out of argon2's bounds.
    #[error(
        "the password could not be hashed ({0}): try again, and give the server more memory if it happens again"
    )]
    Failed(String),
    /// The server is about to stop.
    #[error("the server is stopping: try again in a moment")]
    Stopping,
}

/// Hashes and checks passwords, at most as many at once as there are cores. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Passwords {
    cost: Cost,
    params: Params,
    dice: Dice,
    turns: Arc<Semaphore>,
    /// How many hash, or wait to.
    wanted: Arc<AtomicUsize>,
    nobodys: Arc<str>,
}

impl Passwords {
    /// At the product's cost, as many at once as there are cores.
    ///
    /// # Errors
    /// [`PasswordError::Failed`] only, which does not happen with the product's cost.
    pub fn new(dice: Dice) -> Result<Self, PasswordError> {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Self::with_cost(Cost::PRODUCT, cores, dice)
    }

    /// At another cost, for tests, which would otherwise do little but hash.
    ///
    /// # Errors
    /// [`PasswordError::Failed`] when argon2 does not take the cost.
    pub fn with_cost(cost: Cost, at_once: usize, dice: Dice) -> Result<Self, PasswordError> {
        let params = Params::new(cost.memory_kib, cost.passes, 1, None).map_err(failed)?;
        // No password has this hash: its digest was not made from anything.
        let nobodys = format!(
            "$argon2id$v=19$m={},t={},p=1$bm9ib2R5IGhhcyB0aGlzIQ$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
            cost.memory_kib, cost.passes
        );
        let turns = Arc::new(Semaphore::new(at_once.max(1)));
        Ok(Passwords { cost, params, dice, turns, wanted: Arc::default(), nobodys: nobodys.into() })
    }

    /// The hash to store, in PHC's form (`$argon2id$v=19$m=…`), with a salt of its own.
    ///
    /// # Errors
    /// When the password is too long, memory is short, or the server is stopping.
    pub async fn hash(&self, password: &Secret) -> Result<String, PasswordError> {
        let spelled = spell(password).ok_or(PasswordError::TooLong)?;
        let salt = self.dice.bytes::<16>();
        let argon2 = self.argon2();
        self.in_turn(move || {
            let hash = argon2.hash_password_with_salt(spelled.expose().as_bytes(), &salt);
            hash.map(|hash| hash.to_string()).map_err(failed)
        })
        .await?
    }

    /// Whether the password is the one with this hash. `None` (an account that does not exist, or has no password) is
    /// never right and takes as long.
    pub async fn verify(&self, password: &Secret, hash: Option<&str>) -> bool {
        // Known before any account is looked at, so that it tells nothing about one.
        let Some(spelled) = spell(password) else { return false };
        let hash = hash.unwrap_or(&self.nobodys).to_owned();
        let argon2 = self.argon2();
        let verified = self.in_turn(move || {
            let parsed = PasswordHash::new(&hash).map_err(failed)?;
            Ok::<_, PasswordError>(argon2.verify_password(spelled.expose().as_bytes(), &parsed).is_ok())
        });
        match verified.await {
            Ok(Ok(verified)) => verified,
            Ok(Err(error)) | Err(error) => {
                tracing::error!(%error, "a password could not be checked and counts as wrong");
                false
            }
        }
    }

    /// Whether a hash was made at another cost or by another method, so that the next good sign-in should replace it.
    #[must_use]
    pub fn needs_rehash(&self, hash: &str) -> bool {
        let ours = format!("$argon2id$v=19$m={},t={},p=1$", self.cost.memory_kib, self.cost.passes);
        !hash.starts_with(&ours)
    }

    fn argon2(&self) -> Argon2<'static> {
        Argon2::new(Algorithm::Argon2id, Version::V0x13, self.params.clone())
    }

    async fn in_turn<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, PasswordError> {
        let wanted = Wanted::one_more(&self.wanted);
        let turn = Arc::clone(&self.turns).acquire_owned().await.map_err(|_| PasswordError::Stopping)?;
        let work = move || {
            // The turn goes with the work, which runs on although its caller may have hung up.
            let _turn = turn;
            let done = work();
            if wanted.is_last() {
                give_memory_back();
            }
            done
        };
        tokio::task::spawn_blocking(work).await.map_err(|_| PasswordError::Stopping)
    }
}

/// Counts while it lives.
struct Wanted(Arc<AtomicUsize>);

impl Wanted {
    fn one_more(count: &Arc<AtomicUsize>) -> Self {
        count.fetch_add(1, Ordering::Relaxed);
        Self(Arc::clone(count))
    }

    fn is_last(&self) -> bool {
        self.0.load(Ordering::Relaxed) == 1
    }
}

impl Drop for Wanted {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A hash takes 19 MiB. While others wait they are for the next one; after the last the allocator would keep them.
fn give_memory_back() {
    #[expect(unsafe_code, reason = "the allocator's own call, which has no conditions")]
    // SAFETY: it collects what is free on this thread's heap, and touches nothing else.
    unsafe {
        libmimalloc_sys::mi_collect(true);
    }
}

fn failed(error: impl std::fmt::Display) -> PasswordError {
    PasswordError::Failed(error.to_string())
}

/// The password in the one spelling that is hashed (NFKC: what looks alike on two keyboards is alike), if it is not
/// too long.
fn spell(password: &Secret) -> Option<Secret> {
    (password.len() <= LONGEST_PASSWORD).then(|| Secret::new(password.expose().nfkc().collect::<String>()))
}

#[cfg(test)]
mod tests {
    use super::super::clock::Clock;
    use super::*;

    fn passwords() -> Passwords {
        Passwords::with_cost(Cost { memory_kib: 64, passes: 1 }, 2, Dice::system(Clock::system())).unwrap()
    }

    fn secret(text: &str) -> Secret {
        Secret::new(text)
    }

    #[tokio::test]
    async fn the_right_password_is_right_and_every_other_is_wrong() {
        let passwords = passwords();
        let hash = passwords.hash(&secret("correct horse")).await.unwrap();
        assert!(passwords.verify(&secret("correct horse"), Some(&hash)).await);
        for wrong in ["correct horsE", "", "correct horse ", &"x".repeat(5000)] {
            assert!(!passwords.verify(&secret(wrong), Some(&hash)).await, "{wrong}");
        }
    }

    #[tokio::test]
    async fn nobody_has_a_password() {
        for guess in ["", "nobody has this!", "correct horse"] {
            assert!(!passwords().verify(&secret(guess), None).await);
        }
    }

    #[tokio::test]
    async fn an_unknown_account_is_hashed_at_the_product_cost_like_a_known_one() {
        let passwords = Passwords::new(Dice::system(Clock::system())).unwrap();
        let nobodys = PasswordHash::new(&passwords.nobodys).unwrap();
        assert_eq!(nobodys.hash.unwrap().len(), 32);
        assert_eq!(nobodys.salt.unwrap().len(), 16);
        let real = passwords.hash(&secret("correct horse")).await.unwrap();
        assert_eq!(real.len(), passwords.nobodys.len());
        assert!(real.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{real}");
        assert!(!passwords.needs_rehash(&real) && !passwords.needs_rehash(&passwords.nobodys));
    }

    #[tokio::test]
    async fn a_password_typed_on_another_keyboard_is_the_same() {
        let passwords = passwords();
        let hash = passwords.hash(&secret("Zoe\u{308} ﬁne")).await.unwrap();
        assert!(passwords.verify(&secret("Zoë fine"), Some(&hash)).await);
    }

    #[tokio::test]
    async fn equal_passwords_have_unequal_hashes() {
        let passwords = passwords();
        assert_ne!(passwords.hash(&secret("a")).await.unwrap(), passwords.hash(&secret("a")).await.unwrap());
    }

    #[tokio::test]
    async fn a_password_of_more_than_1024_bytes_is_refused_before_it_costs_anything() {
        let passwords = passwords();
        assert!(passwords.hash(&secret(&"x".repeat(1024))).await.is_ok());
        assert!(matches!(passwords.hash(&secret(&"x".repeat(1025))).await, Err(PasswordError::TooLong)));
    }

    #[tokio::test]
    async fn a_hash_that_cannot_be_read_lets_nobody_in() {
        for hash in ["", "x", "$1$abc$def", "$argon2id$v=19$m=64,t=1,p=1$bm9ib2R5IGhhcyB0aGlzIQ"] {
            assert!(!passwords().verify(&secret(""), Some(hash)).await, "{hash}");
            assert!(Passwords::new(Dice::system(Clock::system())).unwrap().needs_rehash(hash));
        }
    }

    #[tokio::test]
    async fn a_caller_who_hangs_up_keeps_the_turn_until_the_work_is_done() {
        let passwords =
            Passwords::with_cost(Cost { memory_kib: 64, passes: 1 }, 1, Dice::system(Clock::system()))
                .unwrap();
        let (go, wait) = std::sync::mpsc::channel::<()>();
        let (tell_start, start) = tokio::sync::oneshot::channel();
        let (ended, mut end) = tokio::sync::oneshot::channel();
        let other = passwords.clone();
        let caller = tokio::spawn(async move {
            let work = move || {
                tell_start.send(()).unwrap();
                wait.recv().unwrap();
                ended.send(()).unwrap();
            };
            other.in_turn(work).await
        });
        start.await.unwrap();
        caller.abort();
        assert!(caller.await.unwrap_err().is_cancelled());
        assert_eq!(passwords.turns.available_permits(), 0);
        go.send(()).unwrap();
        passwords.in_turn(|| ()).await.unwrap();
        assert!(end.try_recv().is_ok());
    }
}
