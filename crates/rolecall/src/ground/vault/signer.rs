//! The Ed25519 signature under audit checkpoints.

use ring::signature::{ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey};

use super::VaultError;
use super::key_ring::{SealingKey, to_32};

/// An Ed25519 public key, to be stored beside what it signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SignerKey(pub [u8; 32]);

/// An Ed25519 signature.
pub type Signature = [u8; 64];

/// A signature that is not by this key over these bytes.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("the signature does not belong to this text and key")]
pub struct VerifyError;

impl SignerKey {
    /// Whether the signature is this key's over exactly these bytes.
    ///
    /// # Errors
    /// [`VerifyError`] when it is not.
    pub fn verify(&self, bytes: &[u8], signature: &[u8]) -> Result<(), VerifyError> {
        UnparsedPublicKey::new(&ED25519, &self.0).verify(bytes, signature).map_err(|_| VerifyError)
    }
}

/// Signs audit checkpoints.
pub struct Signer(Ed25519KeyPair);

impl Signer {
    /// The signer that belongs to a key of the ring: the same on every node that has the key.
    pub(super) fn of(key: &SealingKey) -> Result<Self, VaultError> {
        let seed = key.derive("rolecall audit signature 1");
        // ring refuses seeds of a wrong length only, and this one has 32 bytes.
        Ed25519KeyPair::from_seed_unchecked(&*seed).map(Signer).map_err(|_| VaultError::NoSigner)
    }

    /// What others verify with.
    #[must_use]
    pub fn public_key(&self) -> SignerKey {
        SignerKey(to_32(self.0.public_key().as_ref()))
    }

    /// The signature over these bytes; always the same for the same bytes.
    #[must_use]
    pub fn sign(&self, bytes: &[u8]) -> Signature {
        self.0.sign(bytes).as_ref().first_chunk().copied().unwrap_or([0; 64])
    }
}

impl std::fmt::Debug for Signer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Signer({:?})", self.public_key())
    }
}
