//! What a password must be like; every broken rule is a sentence for the one who chose it.

use std::collections::HashSet;

use serde::{Deserialize, Serialize};
use unicode_normalization::UnicodeNormalization;

use super::{LONGEST_PASSWORD, Secret};

/// The shortest minimum that an administrator may set.
const SMALLEST_MINIMUM: u16 = 8;
/// A name of fewer letters than this may stand in a password: many words hold it by chance.
const SHORTEST_NAME: usize = 4;
/// A password of fewer different letters than this is one that is typed with a resting finger.
const FEWEST_DIFFERENT: usize = 5;
/// Rows that people walk along, forwards or backwards.
const ROWS: [&str; 5] = [
    "01234567890123456789",
    "abcdefghijklmnopqrstuvwxyz",
    "qwertyuiopasdfghjklzxcvbnm",
    "qwertzuiopasdfghjklyxcvbnm",
    "azertyuiopqsdfghjklmwxcvbn",
];
/// Words that long passwords of no worth are built on (with digits around them).
const WORN_WORDS: [&str; 8] =
    ["password", "passwort", "passw0rd", "p@ssw0rd", "letmein", "welcome", "changeme", "rolecall"];

/// The rules, as an administrator can set them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PasswordRules {
    /// So many characters at least (12).
    pub min_length: u16,
    /// From so many of the four classes small letters, capitals, digits and others (1: length protects better).
    pub classes: u8,
}

impl Default for PasswordRules {
    fn default() -> Self {
        PasswordRules { min_length: 12, classes: 1 }
    }
}

/// A rule that a password breaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BrokenRule {
    /// Fewer characters than asked for.
    #[error("Choose a password of at least {0} characters; this one is shorter.")]
    TooShort(u16),
    /// More than [`LONGEST_PASSWORD`] bytes.
    #[error("Choose a password of at most {LONGEST_PASSWORD} bytes; this one is longer.")]
    TooLong,
    /// From too few classes.
    #[error("Use characters of at least {0} of these kinds: small letters, capitals, digits, others.")]
    TooFewClasses(u8),
    /// Holds a control character, which many fields can't be typed into.
    #[error("Leave out tabs, line ends and other control characters.")]
    ControlCharacter,
    /// Holds the account id.
    #[error("Choose a password that does not contain the account's name.")]
    HoldsAccount,
    /// Holds the part of the email address before the @.
    #[error("Choose a password that does not contain the email address.")]
    HoldsEmail,
    /// The same few letters again and again.
    #[error("Choose a password with more different characters; this one repeats a few.")]
    Repeats,
    /// A row of the keyboard or the alphabet, or a worn word with digits.
    #[error("Choose a password that is harder to guess; this one is among those that are tried first.")]
    Guessable,
}

impl PasswordRules {
    /// Every rule that the password breaks; nothing if it may be used.
    #[must_use]
    pub fn check(&self, password: &Secret, account: &str, email: Option<&str>) -> Vec<BrokenRule> {
        if password.len() > LONGEST_PASSWORD {
            return vec![BrokenRule::TooLong];
        }
        let spelled = Secret::new(password.expose().nfkc().collect::<String>());
        let folded = Secret::new(spelled.expose().to_lowercase());
        let local_part = email.map(|email| email.split('@').next().unwrap_or_default());
        let broken = [
            (
                spelled.expose().chars().count() < usize::from(self.min_length),
                BrokenRule::TooShort(self.min_length),
            ),
            (
                count_classes(spelled.expose()) < self.classes.min(4),
                BrokenRule::TooFewClasses(self.classes.min(4)),
            ),
            (spelled.expose().chars().any(char::is_control), BrokenRule::ControlCharacter),
            (holds(folded.expose(), account), BrokenRule::HoldsAccount),
            (local_part.is_some_and(|name| holds(folded.expose(), name)), BrokenRule::HoldsEmail),
            (folded.expose().chars().collect::<HashSet<_>>().len() < FEWEST_DIFFERENT, BrokenRule::Repeats),
            (is_guessable(folded.expose()), BrokenRule::Guessable),
        ];
        broken.into_iter().filter_map(|(broken, rule)| broken.then_some(rule)).collect()
    }

    /// Whether the rules are ones that may be set: 8 to 256 characters, 1 to 4 classes.
    #[must_use]
    pub fn within_bounds(&self) -> bool {
        (SMALLEST_MINIMUM..=256).contains(&self.min_length) && (1..=4).contains(&self.classes)
    }
}

fn count_classes(password: &str) -> u8 {
    let has = |class: fn(char) -> bool| u8::from(password.chars().any(class));
    let other = |c: char| !c.is_lowercase() && !c.is_uppercase() && !c.is_numeric();
    has(char::is_lowercase) + has(char::is_uppercase) + has(char::is_numeric) + has(other)
}

fn holds(folded: &str, name: &str) -> bool {
    let name = name.nfkc().collect::<String>().to_lowercase();
    name.chars().count() >= SHORTEST_NAME && folded.contains(&name)
}

fn is_guessable(folded: &str) -> bool {
    let without_digits = folded.trim_matches(|c: char| !c.is_alphabetic());
    let worn =
        |word: &str| without_digits == word || folded.starts_with(word) && folded.len() < word.len() + 6;
    let backwards: String = folded.chars().rev().collect();
    let walks = |row: &str| !folded.is_empty() && (row.contains(folded) || row.contains(&backwards));
    WORN_WORDS.into_iter().any(worn) || ROWS.into_iter().any(walks)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(password: &str) -> Vec<BrokenRule> {
        PasswordRules::default().check(&Secret::new(password), "ada_lovelace", Some("countess@example.org"))
    }

    #[test]
    fn a_long_password_of_small_letters_is_good() {
        for good in ["correct horse battery", "Tr0ub4dor&3xyz", "пароль из слов", "four-and-twenty"]
        {
            assert_eq!(check(good), [], "{good}");
        }
    }

    #[test]
    fn every_broken_rule_is_named() {
        for (password, broken) in [
            ("horse batte", vec![BrokenRule::TooShort(12)]),
            ("", vec![BrokenRule::TooShort(12), BrokenRule::TooFewClasses(1), BrokenRule::Repeats]),
            ("xADA_Lovelace7", vec![BrokenRule::HoldsAccount]),
            ("my Countess 17", vec![BrokenRule::HoldsEmail]),
            ("abababababababab", vec![BrokenRule::Repeats]),
            ("horse\tbattery\u{7}", vec![BrokenRule::ControlCharacter]),
            ("123456789012", vec![BrokenRule::Guessable]),
            ("poiuytrewq", vec![BrokenRule::TooShort(12), BrokenRule::Guessable]),
            ("Password1234!", vec![BrokenRule::Guessable]),
            ("2024welcome2024", vec![BrokenRule::Guessable]),
        ] {
            assert_eq!(check(password), broken, "{password}");
        }
        assert_eq!(check(&"x".repeat(1025)), [BrokenRule::TooLong]);
    }

    #[test]
    fn classes_count_when_an_administrator_asks_for_them() {
        let rules = PasswordRules { min_length: 8, classes: 3 };
        let check = |password: &str| rules.check(&Secret::new(password), "ada", None);
        assert_eq!(check("horsebattery"), [BrokenRule::TooFewClasses(3)]);
        assert_eq!(check("Horsebattery7"), []);
        assert_eq!(check("horse battery 7"), []);
    }

    #[test]
    fn a_short_name_may_stand_in_a_password() {
        assert_eq!(
            PasswordRules::default().check(&Secret::new("in canada it snows"), "ada", Some("ada@x.org")),
            []
        );
    }

    #[test]
    fn every_sentence_says_what_to_do() {
        for rule in check("").into_iter().chain(check("password1234")).chain(check("123456789012")) {
            let text = rule.to_string();
            assert!(text.ends_with('.') && (text.starts_with("Choose") || text.starts_with("Use")), "{text}");
        }
    }

    #[test]
    fn rules_outside_their_bounds_are_seen_and_unknown_ones_refused() {
        assert!(PasswordRules::default().within_bounds());
        for (min_length, classes) in [(7, 1), (257, 1), (12, 0), (12, 5)] {
            assert!(!PasswordRules { min_length, classes }.within_bounds());
        }
        assert!(serde_json::from_str::<PasswordRules>(r#"{"min_lenght": 3}"#).is_err());
        assert_eq!(serde_json::from_str::<PasswordRules>("{}").unwrap(), PasswordRules::default());
    }
}
