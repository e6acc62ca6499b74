//! The keys that an installation seals with: the first is current, the others only open.

use base64::Engine;
use base64::engine::general_purpose::GeneralPurpose;
use base64::engine::{DecodePaddingMode, GeneralPurposeConfig};
use ring::hmac;
use zeroize::Zeroizing;

use super::{Secret, VaultError};

/// Which key of the ring sealed something; tells nothing about the key.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct KeyId([u8; 8]);

impl KeyId {
    pub(super) fn from_bytes(bytes: [u8; 8]) -> Self {
        KeyId(bytes)
    }

    pub(super) fn to_bytes(self) -> [u8; 8] {
        self.0
    }
}

impl std::fmt::Display for KeyId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl std::fmt::Debug for KeyId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "KeyId({self})")
    }
}

/// One key of the ring. Nothing is ever sealed with it directly, only with keys derived from it.
pub(super) struct SealingKey {
    bytes: Zeroizing<[u8; 32]>,
    id: KeyId,
}

impl SealingKey {
    fn new(bytes: Zeroizing<[u8; 32]>) -> Self {
        let digest = derive(&bytes, "rolecall key id 1");
        let id = KeyId(digest.first_chunk().copied().unwrap_or_default());
        SealingKey { bytes, id }
    }

    pub(super) fn id(&self) -> KeyId {
        self.id
    }

    /// A key for one purpose: the same for the same purpose, and of no use for another.
    pub(super) fn derive(&self, purpose: &str) -> Zeroizing<[u8; 32]> {
        derive(&self.bytes, purpose)
    }
}

fn derive(key: &[u8; 32], purpose: &str) -> Zeroizing<[u8; 32]> {
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), purpose.as_bytes());
    Zeroizing::new(to_32(tag.as_ref()))
}

/// An HMAC-SHA-256 tag as what it is: 32 bytes.
pub(super) fn to_32(tag: &[u8]) -> [u8; 32] {
    tag.first_chunk().copied().unwrap_or_default()
}

/// The keys of an installation; at least one.
pub struct KeyRing {
    current: SealingKey,
    older: Vec<SealingKey>,
}

impl KeyRing {
    /// Reads keys of 32 bytes in base64 (either alphabet, padded or not), separated by commas or line ends; lines
    /// that begin with `#` are remarks. `source_name` is the file or variable that an error names.
    ///
    /// # Errors
    /// When there is no key, or one is malformed or stands there twice.
    pub fn parse(text: &Secret, source_name: &str) -> Result<Self, VaultError> {
        let lines = text.expose().lines().map(str::trim).filter(|line| !line.starts_with('#'));
        let words = lines.flat_map(|line| line.split(',')).map(str::trim).filter(|word| !word.is_empty());
        let mut keys: Vec<SealingKey> = Vec::new();
        for (index, word) in words.enumerate() {
            let (position, source_name) = (index + 1, source_name.to_owned());
            let Some(bytes) = decode(word) else {
                return Err(VaultError::BadKey { position, source_name });
            };
            let key = SealingKey::new(bytes);
            if keys.iter().any(|known| known.id == key.id) {
                return Err(VaultError::TwiceTheSame { position, source_name });
            }
            keys.push(key);
        }
        let mut keys = keys.into_iter();
        let current = keys.next().ok_or_else(|| VaultError::NoKey { source_name: source_name.to_owned() })?;
        Ok(KeyRing { current, older: keys.collect() })
    }

    /// The key that seals.
    pub(super) fn current(&self) -> &SealingKey {
        &self.current
    }

    /// All keys, the current one first.
    pub(super) fn keys(&self) -> impl Iterator<Item = &SealingKey> {
        std::iter::once(&self.current).chain(&self.older)
    }

    pub(super) fn find(&self, id: KeyId) -> Option<&SealingKey> {
        self.keys().find(|key| key.id == id)
    }

    /// The ids of the keys, the current one first: what an operator compares between nodes.
    #[must_use]
    pub fn ids(&self) -> Vec<KeyId> {
        self.keys().map(SealingKey::id).collect()
    }
}

impl std::fmt::Debug for KeyRing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "KeyRing{:?}", self.ids())
    }
}

fn decode(word: &str) -> Option<Zeroizing<[u8; 32]>> {
    let lenient = GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
    let alphabet =
        if word.contains(['-', '_']) { &base64::alphabet::URL_SAFE } else { &base64::alphabet::STANDARD };
    let bytes = Zeroizing::new(GeneralPurpose::new(alphabet, lenient).decode(word).ok()?);
    <[u8; 32]>::try_from(bytes.as_slice()).ok().map(Zeroizing::new)
}
