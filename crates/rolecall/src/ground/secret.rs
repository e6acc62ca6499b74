//! A text that must not be seen: passwords, tokens, keys in text form.
//!
//! It has no `Display` and no `Serialize`, so it reaches a log or a reply only where somebody writes
//! `expose()`, which a reader can search for.

use serde::{Deserialize, Deserializer};
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

/// A secret text. It is wiped from memory when dropped and prints as `Secret(…)`.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct Secret(String);

impl Secret {
    /// Takes a text over. The caller's other copies of it, if any, are not wiped.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
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
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(Self)
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
    fn a_secret_is_read_from_a_body() {
        let secret: Secret = serde_json::from_str("\"pa\\\"ss\"").unwrap();
        assert_eq!(secret.expose(), "pa\"ss");
        let wrong = serde_json::from_str::<Secret>("12345").unwrap_err();
        assert!(wrong.to_string().contains("expected a string"));
    }
}
