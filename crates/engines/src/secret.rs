//! A secret that cannot be printed by accident: no `Display`, no comparison, wiped when it is dropped.

use std::fmt;

use ring::rand::{SecureRandom, SystemRandom};
use zeroize::Zeroizing;

use crate::{EngineError, Result};

/// The 64 characters that a generated password is made of: one for each value of six bits.
const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-";

/// A password, in memory for as long as it is needed.
#[derive(Clone)]
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// Takes a text over as a secret.
    #[must_use]
    pub fn new(text: String) -> Self {
        Self(Zeroizing::new(text))
    }

    /// A generated password: 64 characters, 384 random bits (S3, S5).
    ///
    /// # Errors
    /// When the operating system has no randomness to give.
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

    /// The secret itself. Whoever calls this takes care that it goes nowhere but where it must.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_does_not_print_itself() {
        assert_eq!(format!("{:?}", Secret::new("hunter2".to_owned())), "Secret(…)");
    }

    #[test]
    fn a_generated_password_has_64_characters_of_the_alphabet_and_never_repeats() {
        let (one, two) = (Secret::random().unwrap(), Secret::random().unwrap());
        assert_eq!(one.expose().len(), 64);
        assert!(one.expose().bytes().all(|b| ALPHABET.contains(&b)));
        assert_ne!(one.expose(), two.expose());
    }
}
