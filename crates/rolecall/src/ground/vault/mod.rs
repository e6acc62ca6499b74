//! Seals secrets at rest, so that a copy of the store alone tells nobody a password.
//!
//! A sealed secret is bound to its row: moved to another row, column or table it does not open. Sealing, the look-up
//! of API keys and the signature of audit checkpoints each use a key of their own, derived from a key of the ring.

mod key_file;
mod key_ring;
mod signer;
#[cfg(test)]
mod tests;

use std::fmt::Display;
use std::path::PathBuf;
use std::sync::Arc;

use chacha20poly1305::aead::{Aead, Payload};
use chacha20poly1305::{KeyInit, XChaCha20Poly1305, XNonce};
use ring::hmac;

use super::dice::Dice;
use super::secret::Secret;

pub use key_file::{FirstKey, KEY_FILE};
pub use key_ring::{KeyId, KeyRing};
pub use signer::{Signature, Signer, SignerKey, VerifyError};

use key_ring::SealingKey;

/// The first byte of what [`Vault::seal`] returns: XChaCha20-Poly1305, layout 1.
const FORMAT: u8 = 1;
const NONCE: usize = 24;

/// Where a sealed secret is stored: a table, a column, and the row's id as text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    table: &'static str,
    column: &'static str,
    row: String,
}

impl Place {
    /// Names the place, for example `Place::new("service_user", "password", id)`. The row's id must never change.
    #[must_use]
    pub fn new(table: &'static str, column: &'static str, row: impl Display) -> Self {
        Place { table, column, row: row.to_string() }
    }

    /// What the ciphertext is bound to. Lengths go first, so that no two places read alike.
    fn bound_to(&self, key: KeyId) -> Vec<u8> {
        let mut bytes = vec![FORMAT];
        bytes.extend_from_slice(&key.to_bytes());
        for part in [self.table, self.column, &self.row] {
            bytes.extend_from_slice(&(part.len() as u64).to_be_bytes());
            bytes.extend_from_slice(part.as_bytes());
        }
        bytes
    }
}

impl Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{} of {}", self.table, self.column, self.row)
    }
}

/// What can go wrong with keys and sealed secrets; each text says what to do.
#[derive(Debug, thiserror::Error)]
pub enum VaultError {
    /// The secret was sealed with a key that is not in the ring.
    #[error(
        "{place} was sealed with key {key}, which is not in the key ring: put that key back behind the current one in sealing.key or ROLECALL_SEALING_KEY"
    )]
    UnknownKey {
        /// Where the secret stands.
        place: String,
        /// The key that is missing.
        key: KeyId,
    },
    /// The bytes were changed, cut short, or copied from another row.
    #[error(
        "the sealed secret in {place} is damaged or was copied from another row: restore that row from a backup, or set the secret again"
    )]
    Damaged {
        /// Where the secret stands.
        place: String,
    },
    /// Written by a version of Rolecall that this one does not know.
    #[error(
        "the sealed secret in {place} has format {format}, which this version does not know: run the version that wrote it, or a newer one"
    )]
    UnknownFormat {
        /// Where the secret stands.
        place: String,
        /// The format byte.
        format: u8,
    },
    /// The secret is too long to be sealed (256 GiB); nothing was made.
    #[error("the secret for {place} is too long to be sealed: give a shorter one")]
    TooLong {
        /// Where the secret was to stand.
        place: String,
    },
    /// A key is not 32 bytes in base64.
    #[error(
        "key {position} in {source_name} is not 32 bytes in base64: make one with `openssl rand -base64 32`"
    )]
    BadKey {
        /// Which one, counted from 1.
        position: usize,
        /// The file or variable.
        source_name: String,
    },
    /// The same key stands twice in the ring.
    #[error("key {position} in {source_name} stands there twice: remove one of the two")]
    TwiceTheSame {
        /// Which one, counted from 1.
        position: usize,
        /// The file or variable.
        source_name: String,
    },
    /// There is no key in the file or variable.
    #[error(
        "there is no key in {source_name}: put the sealing key back, or make one with `openssl rand -base64 32` if nothing was ever sealed"
    )]
    NoKey {
        /// The file or variable.
        source_name: String,
    },
    /// Somebody besides the owner may read or change the key file.
    #[error(
        "{path} may be used by others (mode {mode:04o}): run `chmod 600 {path}`, and replace the key if anyone may have read it"
    )]
    TooOpen {
        /// The key file.
        path: String,
        /// Its permission bits.
        mode: u32,
    },
    /// The key file is gone although the store holds data.
    #[error(
        "{path} is missing although the store already holds data: put the file back from a backup, or set ROLECALL_SEALING_KEY to the key in it"
    )]
    Missing {
        /// Where the key file should be.
        path: String,
    },
    /// A key of the ring gives no Ed25519 key; cannot happen with keys of 32 bytes.
    #[error(
        "the sealing key gives no signing key: put another key first in sealing.key or ROLECALL_SEALING_KEY"
    )]
    NoSigner,
    /// The key file can't be read or made.
    #[error("can't {act} {path} ({reason}): make sure that the user Rolecall runs as may do so")]
    File {
        /// `read` or `make`.
        act: &'static str,
        /// The key file.
        path: String,
        /// What the operating system said.
        reason: std::io::Error,
    },
}

impl VaultError {
    fn file(act: &'static str, path: &std::path::Path, reason: std::io::Error) -> Self {
        VaultError::File { act, path: path.display().to_string(), reason }
    }
}

/// Seals and opens secrets. Cheap to clone.
#[derive(Clone)]
pub struct Vault {
    ring: Arc<KeyRing>,
    signer: Arc<Signer>,
    signer_keys: Arc<[SignerKey]>,
    dice: Dice,
}

impl Vault {
    /// A vault that seals with the ring's first key and opens with any.
    ///
    /// # Errors
    /// [`VaultError::NoSigner`] only.
    pub fn new(ring: KeyRing, dice: Dice) -> Result<Self, VaultError> {
        let signer = Arc::new(Signer::of(ring.current())?);
        let public_key = |key| Signer::of(key).map(|signer| signer.public_key());
        let signer_keys = ring.keys().map(public_key).collect::<Result<_, _>>()?;
        Ok(Vault { ring: Arc::new(ring), signer, signer_keys, dice })
    }

    /// The vault of an installation: its keys come from `ROLECALL_SEALING_KEY` if that is given, else from
    /// `<data>/sealing.key`, which is made if it is missing and `first_key` allows it.
    ///
    /// # Errors
    /// When the keys are missing, malformed, or readable by others.
    pub fn of_installation(
        data: &std::path::Path,
        environment: Option<&Secret>,
        first_key: FirstKey,
        dice: Dice,
    ) -> Result<Self, VaultError> {
        let ring = match environment {
            Some(keys) => KeyRing::parse(keys, "ROLECALL_SEALING_KEY")?,
            None => key_file::read_or_make(&PathBuf::from(data).join(KEY_FILE), first_key, &dice)?,
        };
        Self::new(ring, dice)
    }

    /// Seals a secret for its place: format byte, key id (8 bytes), nonce (24), ciphertext with tag (16 more than the secret).
    ///
    /// # Errors
    /// [`VaultError::TooLong`] only.
    pub fn seal(&self, place: &Place, secret: &Secret) -> Result<Vec<u8>, VaultError> {
        let key = self.ring.current();
        let nonce = self.dice.bytes::<NONCE>();
        let bound_to = place.bound_to(key.id());
        let payload = Payload { msg: secret.expose().as_bytes(), aad: &bound_to };
        let ciphertext = cipher(key)
            .encrypt(&XNonce::from(nonce), payload)
            .map_err(|_| VaultError::TooLong { place: place.to_string() })?;
        let mut blob = vec![FORMAT];
        blob.extend_from_slice(&key.id().to_bytes());
        blob.extend_from_slice(&nonce);
        blob.extend_from_slice(&ciphertext);
        Ok(blob)
    }

    /// Opens what was sealed for this place.
    ///
    /// # Errors
    /// When the key is not in the ring, the format is unknown, or the bytes are not what was sealed for this place.
    pub fn open(&self, place: &Place, blob: &[u8]) -> Result<Secret, VaultError> {
        let damaged = || VaultError::Damaged { place: place.to_string() };
        if let Some(format) = blob.first().copied().filter(|format| *format != FORMAT) {
            return Err(VaultError::UnknownFormat { place: place.to_string(), format });
        }
        let (id, nonce, ciphertext) = split(blob).ok_or_else(damaged)?;
        let key =
            self.ring.find(id).ok_or_else(|| VaultError::UnknownKey { place: place.to_string(), key: id })?;
        let payload = Payload { msg: ciphertext, aad: &place.bound_to(id) };
        let plain = cipher(key).decrypt(&XNonce::from(nonce), payload).map_err(|_| damaged())?;
        Secret::from_utf8(plain).ok_or_else(damaged)
    }

    /// Whether a blob was sealed with another key than the current one, so that sealing it again lets the old key go.
    #[must_use]
    pub fn needs_resealing(&self, blob: &[u8]) -> bool {
        split(blob).is_none_or(|(id, ..)| id != self.ring.current().id())
    }

    /// A keyed digest (HMAC-SHA-256) by the current key, to store beside a secret that must be found again.
    /// `context` says what is looked up (`"api_key"`): equal bytes have unequal digests in unequal contexts.
    #[must_use]
    pub fn mac(&self, context: &'static str, bytes: &[u8]) -> [u8; 32] {
        mac_with(self.ring.current(), context, bytes)
    }

    /// The digests by every key of the ring, the current one first: what a look-up asks for, as rows that were not
    /// resealed since a rotation still hold the digest by their old key.
    #[must_use]
    pub fn macs(&self, context: &'static str, bytes: &[u8]) -> Vec<[u8; 32]> {
        self.ring.keys().map(|key| mac_with(key, context, bytes)).collect()
    }

    /// What signs audit checkpoints: Ed25519, derived from the current key, so that nodes that share the key share it.
    #[must_use]
    pub fn signer(&self) -> &Signer {
        &self.signer
    }

    /// The public keys whose signatures count: one for each key of the ring, the current one first.
    #[must_use]
    pub fn signer_keys(&self) -> &[SignerKey] {
        &self.signer_keys
    }
}

impl std::fmt::Debug for Vault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Vault({:?})", self.ring)
    }
}

fn cipher(key: &SealingKey) -> XChaCha20Poly1305 {
    XChaCha20Poly1305::new((&*key.derive("rolecall seal 1")).into())
}

fn mac_with(key: &SealingKey, context: &str, bytes: &[u8]) -> [u8; 32] {
    let derived = key.derive("rolecall mac 1");
    let mut hmac = hmac::Context::with_key(&hmac::Key::new(hmac::HMAC_SHA256, &*derived));
    hmac.update(&(context.len() as u64).to_be_bytes());
    hmac.update(context.as_bytes());
    hmac.update(bytes);
    key_ring::to_32(hmac.sign().as_ref())
}

/// The parts of a blob of our format; nothing if it is another or cut short.
fn split(blob: &[u8]) -> Option<(KeyId, [u8; NONCE], &[u8])> {
    let (_, rest) = blob.split_first().filter(|(format, _)| **format == FORMAT)?;
    let (id, rest) = rest.split_first_chunk::<8>()?;
    let (nonce, ciphertext) = rest.split_first_chunk::<NONCE>()?;
    Some((KeyId::from_bytes(*id), *nonce, ciphertext))
}
