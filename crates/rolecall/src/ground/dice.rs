//! The only place that draws random bytes: ids, passwords, tokens, nonces.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::rand::{SecureRandom, SystemRandom};
use sha2::{Digest, Sha256};
use uuid::Uuid;
use zeroize::{Zeroize, Zeroizing};

use super::clock::Clock;
use super::secret::Secret;

/// How many characters a password has that nobody chose.
pub const PASSWORD_LENGTH: usize = 64;

/// The letters that a random text is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Alphabet {
    /// `A-Z a-z 0-9 _ -`: 6 bits a letter; needs no quoting in a URL, a shell or a connection string.
    UrlSafe,
    /// `a-z 0-9`: for names.
    Lower,
    /// Digits and capitals without `0 1 I L O U`: for what people type from paper. About 4.9 bits a letter.
    Typed,
}

impl Alphabet {
    fn letters(self) -> &'static [u8] {
        match self {
            Alphabet::UrlSafe => b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-",
            Alphabet::Lower => b"abcdefghijklmnopqrstuvwxyz0123456789",
            Alphabet::Typed => b"23456789ABCDEFGHJKMNPQRSTVWXYZ",
        }
    }
}

/// Draws randomness. Clones share one source, so that no two of them draw the same.
#[derive(Clone)]
pub struct Dice {
    source: Source,
    clock: Clock,
    last_id: Arc<AtomicU64>,
}

#[derive(Clone)]
enum Source {
    System(SystemRandom),
    Seeded { seed: u64, drawn: Arc<AtomicU64> },
}

impl Dice {
    /// The operating system's randomness; ids carry the clock's time.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "the one place that asks the machine for randomness")]
    pub fn system(clock: Clock) -> Self {
        Dice { source: Source::System(SystemRandom::new()), clock, last_id: Arc::default() }
    }

    /// The same draws in the same order for the same seed. For tests: whoever knows the seed knows all.
    #[must_use]
    pub fn seeded(seed: u64, clock: Clock) -> Self {
        Dice { source: Source::Seeded { seed, drawn: Arc::default() }, clock, last_id: Arc::default() }
    }

    /// Between half of `most` and `most`, so that those who wait don't all wake at once.
    #[must_use]
    pub fn jitter(&self, most: Duration) -> Duration {
        let [byte] = self.bytes::<1>();
        most / 2 + most / 2 * u32::from(byte) / 255
    }

    /// Fills a buffer with random bytes.
    pub fn fill(&self, buffer: &mut [u8]) {
        match &self.source {
            Source::System(system) => {
                if system.fill(buffer).is_err() {
                    // Without randomness every key, nonce and token would be guessable: no answer is safe.
                    tracing::error!("the operating system gives no random bytes: stopping at once");
                    std::process::abort();
                }
            }
            Source::Seeded { seed, drawn } => {
                for chunk in buffer.chunks_mut(32) {
                    let block = Sha256::new()
                        .chain_update(seed.to_be_bytes())
                        .chain_update(drawn.fetch_add(1, Ordering::SeqCst).to_be_bytes())
                        .finalize();
                    chunk.iter_mut().zip(block).for_each(|(to, from)| *to = from);
                }
            }
        }
    }

    /// So many random bytes, for nonces, salts and keys.
    #[must_use]
    pub fn bytes<const N: usize>(&self) -> [u8; N] {
        let mut bytes = [0; N];
        self.fill(&mut bytes);
        bytes
    }

    /// A new id (a UUID of version 7). Ids of one process grow strictly, also within one millisecond and when the clock is
    /// set back, so that the newest row is the last one of its index; 62 bits of each are random.
    #[must_use]
    pub fn uuid(&self) -> Uuid {
        let now = u64::try_from(self.clock.now().millis()).unwrap_or(0) << 12;
        let tick = |last: u64| now.max(last.saturating_add(1));
        let ticks = self
            .last_id
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, |last| Some(tick(last)))
            .map_or(now, tick);
        let [.., high, low] = ticks.to_be_bytes();
        let mut random = self.bytes::<10>();
        random.iter_mut().zip([high & 0x0f, low]).for_each(|(to, from)| *to = from);
        uuid::Builder::from_unix_timestamp_millis(ticks >> 12, &random).into_uuid()
    }

    /// A text of so many letters, each equally likely.
    #[must_use]
    pub fn random_text(&self, alphabet: Alphabet, length: usize) -> String {
        let letters = alphabet.letters();
        // Bytes at or above the largest multiple of the alphabet's size would favour its first letters.
        let fair = 256 - 256 % letters.len();
        let mut text = String::with_capacity(length);
        let mut drawn = Zeroizing::new([0_u8; 64]);
        while text.len() < length {
            self.fill(drawn.as_mut_slice());
            let fair_bytes = drawn.iter().map(|byte| usize::from(*byte)).filter(|byte| *byte < fair);
            let picked = fair_bytes.filter_map(|byte| letters.get(byte % letters.len()));
            text.extend(picked.take(length - text.len()).map(|letter| char::from(*letter)));
        }
        text
    }

    /// A password that nobody chose: 64 letters of `[A-Za-z0-9_-]`, 384 bits.
    #[must_use]
    pub fn password(&self) -> Secret {
        Secret::new(self.random_text(Alphabet::UrlSafe, PASSWORD_LENGTH))
    }

    /// The random part of a token or a code in a link: 256 bits in 43 letters of `[A-Za-z0-9_-]`, without prefix
    /// and checksum.
    #[must_use]
    pub fn token_secret(&self) -> Secret {
        let mut bytes = self.bytes::<32>();
        let secret = Secret::new(URL_SAFE_NO_PAD.encode(bytes));
        bytes.zeroize();
        secret
    }
}

impl std::fmt::Debug for Dice {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self.source {
            Source::System(_) => "Dice(system)",
            Source::Seeded { .. } => "Dice(seeded)",
        })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;
    use std::time::Duration;

    use super::super::clock::At;
    use super::*;

    fn seeded(seed: u64) -> Dice {
        Dice::seeded(seed, Clock::fixed(At::from_millis(1_769_851_800_007)))
    }

    #[test]
    fn the_same_seed_draws_the_same_and_another_seed_does_not() {
        assert_eq!(seeded(1).bytes::<80>(), seeded(1).bytes::<80>());
        assert_ne!(seeded(1).bytes::<80>(), seeded(2).bytes::<80>());
        let dice = seeded(1);
        assert_ne!(dice.bytes::<32>(), dice.clone().bytes::<32>());
    }

    #[test]
    fn system_dice_never_draw_twice_the_same() {
        let dice = Dice::system(Clock::system());
        assert_ne!(dice.bytes::<32>(), dice.bytes::<32>());
        assert_ne!(dice.token_secret(), dice.token_secret());
    }

    #[test]
    fn ids_grow_within_a_millisecond_and_when_the_clock_is_set_back() {
        let (clock, hands) = Clock::movable(At::from_millis(1_769_851_800_007));
        let dice = Dice::seeded(1, clock);
        let mut ids: Vec<Uuid> = (0..5000).map(|_| dice.uuid()).collect();
        hands.set(At::from_millis(5));
        ids.push(dice.uuid());
        assert!(ids.is_sorted_by(|a, b| a < b));
        hands.set(At::from_millis(1_769_851_800_007).plus(Duration::from_mins(1)));
        let id = dice.uuid();
        assert_eq!(id.get_version_num(), 7);
        assert_eq!(id.get_timestamp().unwrap().to_unix(), (1_769_851_860, 7_000_000));
    }

    #[test]
    fn ids_made_at_once_by_many_threads_differ() {
        let dice = Dice::system(Clock::system());
        let ids = std::thread::scope(|scope| {
            let threads: Vec<_> =
                (0..4).map(|_| scope.spawn(|| (0..2000).map(|_| dice.uuid()).collect::<Vec<_>>())).collect();
            threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect::<HashSet<_>>()
        });
        assert_eq!(ids.len(), 8000);
    }

    #[test]
    fn a_random_text_has_its_length_and_uses_its_whole_alphabet_evenly() {
        for alphabet in [Alphabet::UrlSafe, Alphabet::Lower, Alphabet::Typed] {
            let letters = alphabet.letters();
            let text = seeded(7).random_text(alphabet, letters.len() * 1000);
            assert_eq!(text.len(), letters.len() * 1000);
            for letter in letters {
                let count = text.bytes().filter(|byte| byte == letter).count();
                assert!(
                    (800..1200).contains(&count),
                    "{alphabet:?}: {} comes {count} times",
                    *letter as char
                );
            }
        }
        assert_eq!(seeded(7).random_text(Alphabet::Lower, 0), "");
    }

    #[test]
    fn passwords_have_64_letters_and_token_secrets_43() {
        assert_eq!(seeded(7).password().len(), 64);
        assert_eq!(seeded(7).token_secret().len(), 43);
    }
}
