//! What a caller has seen of a thing: a change to what others changed meanwhile is refused.

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde::Serialize;
use sha2::{Digest as _, Sha256};

/// The tag of a thing as it is shown: it changes whenever the thing does.
#[must_use]
pub fn tag<T: Serialize>(thing: &T) -> String {
    let text = serde_json::to_vec(thing).unwrap_or_default();
    let digest = Sha256::digest(&text);
    format!("\"{}\"", BASE64_URL_SAFE_NO_PAD.encode(digest.as_slice().get(..12).unwrap_or_default()))
}

/// The state that a change is meant for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Seen {
    /// Whatever is there.
    Anything,
    /// One of these tags.
    Tagged(Vec<String>),
}

impl Seen {
    /// Reads an `If-Match`: tags between commas, or `*`. A weak tag (`W/…`) matches nothing.
    #[must_use]
    pub fn of_header(text: &str) -> Self {
        let tags: Vec<_> = text.split(',').map(|tag| tag.trim().to_owned()).collect();
        if tags.iter().any(|tag| tag == "*") { Self::Anything } else { Self::Tagged(tags) }
    }

    /// Whether the thing is still as it was seen. To be asked inside the transaction that changes it.
    #[must_use]
    pub fn is<T: Serialize>(&self, thing: &T) -> bool {
        match self {
            Self::Anything => true,
            Self::Tagged(tags) => tags.contains(&tag(thing)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thing_is_as_it_was_seen_until_it_changes() {
        let seen = Seen::of_header(&format!("\"other\", {}", tag(&"a")));
        assert!(seen.is(&"a") && !seen.is(&"b"));
        assert!(Seen::of_header(" * ").is(&"b") && Seen::Anything.is(&"b"));
        assert!(!Seen::of_header("").is(&"a") && !Seen::of_header(&format!("W/{}", tag(&"a"))).is(&"a"));
    }
}
