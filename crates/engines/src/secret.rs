//! A text that must not be seen: passwords, tokens, keys in text form.
//!
//! It has no `Display` and no `Serialize`, so it reaches a log or a reply only where somebody writes
//! `expose()`, which a reader can search for.

use ring::rand::{SecureRandom, SystemRandom};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use crate::{EngineError, Result};

/// The 64 characters that a generated password is made of: one for each value of six bits.
const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-";

/// A secret text. It is wiped from memory when dropped and prints as `Secret(…)`.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct Secret(String);

impl Secret {
    /// Takes a text over. The caller's other copies of it, if any, are not wiped.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// A generated password: 64 characters, 384 random bits (S3, S5).
    ///
    /// # Errors
    /// When the operating system has no randomness to give.
    #[expect(
        clippy::disallowed_methods,
        reason = "secrets and salts are never repeatable, not even in tests"
    )]
    pub fn random() -> Result<Self> {
        let mut bytes = Zeroizing::new([0_u8; 64]);
        SystemRandom::new()
            .fill(bytes.as_mut())
            .map_err(|_| EngineError::Internal("the operating system gave no random numbers".to_owned()))?;
        let letters = bytes.iter().filter_map(|byte| ALPHABET.get(usize::from(byte & 63)));
        let mut text = String::with_capacity(64);
        text.extend(letters.map(|letter| char::from(*letter)));
        Ok(Self::new(text))
    }

    /// Takes over bytes that must be UTF-8; others are wiped, and there is `None`.
    #[must_use]
    pub fn from_utf8(bytes: Vec<u8>) -> Option<Self> {
        match String::from_utf8(bytes) {
            Ok(text) => Some(Self(text)),
            Err(error) => {
                drop(Zeroizing::new(error.into_bytes()));
                None
            }
        }
    }

    /// The text itself, for the one place that has to use it.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Its length in bytes.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is nothing in it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// Takes as long for secrets that differ in the first byte as for those that differ in the last.
impl PartialEq for Secret {
    fn eq(&self, other: &Self) -> bool {
        let (ours, theirs) = (self.0.as_bytes(), other.0.as_bytes());
        let difference =
            ours.iter().zip(theirs).fold(0_u8, |seen, (a, b)| std::hint::black_box(seen | (a ^ b)));
        ours.len() == theirs.len() && difference == 0
    }
}

impl Eq for Secret {}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret(…)")
    }
}

impl From<String> for Secret {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl<'de> Deserialize<'de> for Secret {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        // Its own error would repeat what was typed.
        String::deserialize(deserializer).map(Self).map_err(|_| D::Error::custom("expected a string"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_prints_nothing_of_itself() {
        let secret = Secret::new("hunter2");
        assert_eq!(format!("{secret:?} {:?}", Some(&secret)), "Secret(…) Some(Secret(…))");
    }

    #[test]
    fn secrets_are_equal_when_every_byte_is() {
        assert_eq!(Secret::new("abc"), Secret::new("abc"));
        for other in ["abd", "bbc", "ab", "abcd", ""] {
            assert_ne!(Secret::new("abc"), Secret::new(other));
        }
    }

    #[test]
    fn bytes_that_are_not_text_are_no_secret() {
        assert!(Secret::from_utf8(vec![0xff, 0xfe]).is_none());
        assert_eq!(Secret::from_utf8(b"abc".to_vec()), Some(Secret::new("abc")));
    }

    #[test]
    fn a_generated_password_has_64_characters_of_the_alphabet_and_never_repeats() {
        let (one, two) = (Secret::random().unwrap(), Secret::random().unwrap());
        assert_eq!(one.expose().len(), 64);
        assert!(one.expose().bytes().all(|b| ALPHABET.contains(&b)));
        assert_ne!(one.expose(), two.expose());
    }
}
