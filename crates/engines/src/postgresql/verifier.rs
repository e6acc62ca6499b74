//! SCRAM-SHA-256 verifiers, computed here so that a password never reaches a server or its log in clear.
//!
//! The text is what `PostgreSQL` stores: `SCRAM-SHA-256$<iterations>:<salt>$<StoredKey>:<ServerKey>` (RFC 5802, 7677).

use std::borrow::Cow;
use std::fmt;
use std::num::NonZeroU32;

use base64::{Engine, engine::general_purpose::STANDARD as BASE64};
use ring::rand::{SecureRandom, SystemRandom};
use ring::{digest, hmac, pbkdf2};
use zeroize::Zeroizing;

use crate::{EngineError, Result, Secret};

/// As many as `PostgreSQL` itself uses.
const ITERATIONS: NonZeroU32 = NonZeroU32::MIN.saturating_add(4095);
/// So many bytes of a hash are enough to tell two verifiers apart; the queries that compare them know it, too.
const FINGERPRINT: usize = 12;
/// How `PostgreSQL` knows a verifier from a password.
const PREFIX: &str = "SCRAM-SHA-256$";
/// Nobody stores more; a larger number in a hostile server's answer would only cost us time.
const MOST_ITERATIONS: u32 = 1_000_000;

/// What a server stores to check a password by. It cannot be turned back into the password.
#[derive(Clone, PartialEq, Eq)]
pub struct Verifier {
    text: String,
}

impl Verifier {
    /// The verifier of a password, with a fresh salt.
    ///
    /// # Errors
    /// When the operating system has no randomness to give.
    pub fn derive(password: &Secret) -> Result<Self> {
        Self::derive_with(password, ITERATIONS)
    }

    /// As [`Verifier::derive`] with another number of iterations: a generated password of 256 bits needs few, and
    /// the server then spends less on each login.
    ///
    /// # Errors
    /// When the operating system has no randomness to give.
    #[expect(
        clippy::disallowed_methods,
        reason = "secrets and salts are never repeatable, not even in tests"
    )]
    pub fn derive_with(password: &Secret, iterations: NonZeroU32) -> Result<Self> {
        let mut salt = [0_u8; 16];
        SystemRandom::new()
            .fill(&mut salt)
            .map_err(|_| EngineError::Internal("the operating system gave no random numbers".to_owned()))?;
        Ok(Self::compute(password, iterations, &salt))
    }

    /// Reads a verifier as `pg_authid` holds it; `None` for an MD5 hash or anything else.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        parts(text).map(|_| Self { text: text.to_owned() })
    }

    /// Whether this is the verifier of that password.
    #[must_use]
    pub fn matches(&self, password: &Secret) -> bool {
        parts(&self.text)
            .is_some_and(|(iterations, salt, _)| Self::compute(password, iterations, &salt) == *self)
    }

    /// The text as `PostgreSQL` stores it. Not the password, but not for everybody's eyes either.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// A short mark of this verifier. Without its salt it says nothing about the password, so it may be seen.
    pub(crate) fn fingerprint(&self) -> String {
        fingerprint(&self.text)
    }

    fn compute(password: &Secret, iterations: NonZeroU32, salt: &[u8]) -> Self {
        let prepared = Zeroizing::new(prepare(password.expose()).into_owned());
        let mut salted = Zeroizing::new([0_u8; digest::SHA256_OUTPUT_LEN]);
        pbkdf2::derive(pbkdf2::PBKDF2_HMAC_SHA256, iterations, salt, prepared.as_bytes(), salted.as_mut());
        let key = hmac::Key::new(hmac::HMAC_SHA256, salted.as_ref());
        let stored = digest::digest(&digest::SHA256, hmac::sign(&key, b"Client Key").as_ref());
        let server = hmac::sign(&key, b"Server Key");
        let text = format!(
            "{PREFIX}{iterations}:{}${}:{}",
            BASE64.encode(salt),
            BASE64.encode(stored),
            BASE64.encode(server)
        );
        Self { text }
    }
}

impl fmt::Debug for Verifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Verifier(…)")
    }
}

/// The beginning of a text's SHA-256, in hexadecimal.
pub(super) fn fingerprint(text: &str) -> String {
    let hash = digest::digest(&digest::SHA256, text.as_bytes());
    let halves = hash.as_ref().iter().take(FINGERPRINT).flat_map(|byte| [byte >> 4, byte & 15]);
    halves.filter_map(|half| char::from_digit(u32::from(half), 16)).collect()
}

/// The password in one spelling, as `PostgreSQL` does it: `SASLprep`, or as it is where that forbids it.
fn prepare(password: &str) -> Cow<'_, str> {
    match stringprep::saslprep(password) {
        Ok(prepared) if !prepared.is_empty() => prepared,
        _ => Cow::Borrowed(password),
    }
}

/// Iterations, salt and keys of a verifier's text.
fn parts(text: &str) -> Option<(NonZeroU32, Vec<u8>, &str)> {
    let (parameters, keys) = text.strip_prefix(PREFIX)?.split_once('$')?;
    let (iterations, salt) = parameters.split_once(':')?;
    let iterations = NonZeroU32::new(iterations.parse().ok()?).filter(|n| n.get() <= MOST_ITERATIONS)?;
    let (stored, server) = keys.split_once(':')?;
    let is_key = |key: &str| BASE64.decode(key).is_ok_and(|bytes| bytes.len() == digest::SHA256_OUTPUT_LEN);
    (is_key(stored) && is_key(server)).then_some(())?;
    Some((iterations, BASE64.decode(salt).ok()?, keys))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret(text: &str) -> Secret {
        Secret::new(text.to_owned())
    }

    #[test]
    fn the_verifier_of_a_known_password_and_salt_is_the_one_that_postgresql_makes() {
        // RFC 7677's example: user "user", password "pencil".
        let salt = BASE64.decode("W22ZaJ0SNY7soEsUEjb6gQ==").unwrap();
        let verifier = Verifier::compute(&secret("pencil"), ITERATIONS, &salt);
        assert_eq!(
            verifier.text(),
            "SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:\
             wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU="
        );
    }

    #[test]
    fn a_verifier_matches_its_password_and_no_other() {
        let verifier = Verifier::derive(&secret("correct horse battery staple")).unwrap();
        assert!(verifier.matches(&secret("correct horse battery staple")));
        assert!(!verifier.matches(&secret("correct horse battery stable")));
        assert_eq!(Verifier::parse(verifier.text()), Some(verifier));
    }

    #[test]
    fn two_spellings_of_one_password_are_one() {
        let verifier = Verifier::derive(&secret("I\u{AD}X\u{A0}\u{2168}")).unwrap();
        assert!(verifier.matches(&secret("IX IX")));
    }

    #[test]
    fn what_is_no_verifier_is_not_read_as_one() {
        for text in
            ["", "md5d41d8cd98f00b204e9800998ecf8427e", "SCRAM-SHA-256$0:AA==$x:y", "SCRAM-SHA-256$4096:AA=="]
        {
            assert!(Verifier::parse(text).is_none(), "{text}");
        }
        let vast = Verifier::derive(&secret("x")).unwrap().text().replace("4096", "4000000000");
        assert!(Verifier::parse(&vast).is_none());
    }

    #[test]
    fn a_verifier_does_not_print_itself() {
        assert_eq!(format!("{:?}", Verifier::derive(&secret("x")).unwrap()), "Verifier(…)");
    }
}
