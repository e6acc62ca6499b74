//! What a token looks like: `rc_`, 256 random bits, and a checksum by which scanners and typing errors are told.

use crate::ground::dice::Dice;
use crate::ground::secret::Secret;
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use sha2::{Digest as _, Sha256};
use std::time::Duration;

/// A sign-in token lives so long without use (M9).
pub const LIFETIME: Duration = Duration::from_hours(30 * 24);

const PREFIX: &str = "rc_";

/// A new token: 52 letters of `[A-Za-z0-9_-]`.
#[must_use]
pub fn make_token(dice: &Dice) -> Secret {
    let random = dice.token_secret();
    Secret::new(format!("{PREFIX}{}{}", random.expose(), checksum(random.expose())))
}

/// Whether a text can be a token of ours at all.
#[must_use]
pub fn well_formed(token: &str) -> bool {
    token
        .strip_prefix(PREFIX)
        .and_then(|rest| rest.split_at_checked(rest.len().checked_sub(6)?))
        .is_some_and(|(random, sum)| sum == checksum(random))
}

fn checksum(random: &str) -> String {
    let mut text = BASE64_URL_SAFE_NO_PAD.encode(Sha256::digest(random.as_bytes()));
    text.truncate(6);
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ground::clock::{At, Clock};

    #[test]
    fn a_cut_extended_or_changed_token_is_not_well_formed() {
        let token = make_token(&Dice::seeded(1, Clock::fixed(At::from_millis(0))));
        let text = token.expose();
        assert!(well_formed(text) && text.len() <= 90);
        assert!(!well_formed(&text[..text.len() - 1]) && !well_formed(&format!("{text}x")));
        assert!(!well_formed(&text.replacen("rc_", "rd_", 1)) && !well_formed("rc_") && !well_formed(""));
    }
}
