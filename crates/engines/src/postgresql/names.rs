//! Which names and passwords a service user may have (S3): the one place for console, API and command line.

use std::fmt;

/// A username that was checked.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Name(String);

impl Name {
    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Why a name cannot be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// Fewer than six characters.
    #[error("The username must be at least 6 characters long.")]
    TooShort,
    /// More than 32 characters.
    #[error("The username must be at most 32 characters long.")]
    TooLong,
    /// It begins with something else.
    #[error("The username must start with a letter.")]
    NoLetterFirst,
    /// It holds something else than letters, digits and `_`.
    #[error("The username can only contain letters, digits and underscores, not \"{0}\".")]
    Character(char),
    /// It belongs to `PostgreSQL` or to us.
    #[error("The username \"{0}\" is reserved; choose another.")]
    Reserved(String),
}

/// Why a password cannot be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PasswordError {
    /// Fewer than 24 characters.
    #[error("The password must be at least 24 characters long.")]
    TooShort,
    /// More than 64 characters.
    #[error("The password must be at most 64 characters long.")]
    TooLong,
    /// It holds a quote.
    #[error("The password must not contain the characters \" and '.")]
    Quote,
    /// It holds a character that cannot be typed or seen.
    #[error("The password must not contain control characters.")]
    Control,
}

/// Why a database cannot be called that.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DatabaseNameError {
    /// Empty, or more than 63 characters.
    #[error("The database's name must be between 1 and 63 characters long.")]
    Length,
    /// It begins with something else.
    #[error("The database's name must start with a letter or an underscore.")]
    NoLetterFirst,
    /// It holds something else than letters, digits, `_` and `-`.
    #[error("The database's name can only contain letters, digits, underscores and hyphens, not \"{0}\".")]
    Character(char),
    /// It belongs to `PostgreSQL` or to us.
    #[error("The database name \"{0}\" is reserved; choose another.")]
    Reserved(String),
}

/// Names that mean something to `PostgreSQL` or its clients, or belong to the service itself.
const RESERVED: [&str; 7] =
    ["public", "postgres", "tsdbadmin", "current_user", "current_role", "session_user", "replication"];

/// Whether a role or database of this name would belong to `PostgreSQL` or to us, however it is spelled.
fn is_reserved(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    name.starts_with("rolecall_") || name.starts_with("pg_") || RESERVED.contains(&name.as_str())
}

/// Checks the name of a new service user (S3): 6 to 32 letters, digits and underscores, a letter first.
///
/// # Errors
/// The first rule that it breaks.
pub fn check_username(name: &str) -> Result<Name, NameError> {
    if let Some(other) = name.chars().find(|c| !c.is_ascii_alphanumeric() && *c != '_') {
        return Err(NameError::Character(other));
    }
    match name.len() {
        0..6 => return Err(NameError::TooShort),
        6..=32 => {}
        _ => return Err(NameError::TooLong),
    }
    if !name.starts_with(|c: char| c.is_ascii_alphabetic()) {
        return Err(NameError::NoLetterFirst);
    }
    if is_reserved(name) {
        return Err(NameError::Reserved(name.to_owned()));
    }
    Ok(Name(name.to_owned()))
}

/// Checks a password that somebody typed (S3): 24 to 64 characters, no quotes.
///
/// # Errors
/// The first rule that it breaks.
pub fn check_password(password: &str) -> Result<(), PasswordError> {
    if password.chars().any(|c| c == '"' || c == '\'') {
        return Err(PasswordError::Quote);
    }
    if password.chars().any(char::is_control) {
        return Err(PasswordError::Control);
    }
    match password.chars().count() {
        0..24 => Err(PasswordError::TooShort),
        24..=64 => Ok(()),
        _ => Err(PasswordError::TooLong),
    }
}

/// Checks the name of a new database (M13).
///
/// # Errors
/// The first rule that it breaks.
pub fn check_database_name(name: &str) -> Result<(), DatabaseNameError> {
    if let Some(other) = name.chars().find(|c| !c.is_ascii_alphanumeric() && *c != '_' && *c != '-') {
        return Err(DatabaseNameError::Character(other));
    }
    if name.is_empty() || name.len() > 63 {
        return Err(DatabaseNameError::Length);
    }
    if !name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_') {
        return Err(DatabaseNameError::NoLetterFirst);
    }
    if is_reserved(name) || ["template0", "template1", "all"].contains(&name.to_ascii_lowercase().as_str()) {
        return Err(DatabaseNameError::Reserved(name.to_owned()));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_6_to_32_letters_digits_and_underscores_pass() {
        for name in ["my_app", "A12345", "my_app_4553_ro", &"a".repeat(32)] {
            assert_eq!(check_username(name).unwrap().as_str(), name);
        }
    }

    #[test]
    fn each_broken_rule_of_a_name_is_told() {
        assert_eq!(check_username("short"), Err(NameError::TooShort));
        assert_eq!(check_username(&"a".repeat(33)), Err(NameError::TooLong));
        assert_eq!(check_username("1_of_us"), Err(NameError::NoLetterFirst));
        assert_eq!(check_username("_of_us"), Err(NameError::NoLetterFirst));
        assert_eq!(check_username("my-app-1"), Err(NameError::Character('-')));
        assert_eq!(check_username("élodie"), Err(NameError::Character('é')));
        assert_eq!(check_username("robert\"; --"), Err(NameError::Character('"')));
    }

    #[test]
    fn names_of_postgresql_and_of_ours_are_reserved_however_they_are_spelled() {
        for name in ["public", "PUBLIC", "pg_read_all_data", "PG_other", "rolecall_readonly", "Rolecall_x1"] {
            assert_eq!(check_username(name), Err(NameError::Reserved(name.to_owned())));
        }
    }

    #[test]
    fn passwords_have_24_to_64_characters_and_no_quotes() {
        assert_eq!(check_password(&"x".repeat(24)), Ok(()));
        assert_eq!(check_password(&"é".repeat(64)), Ok(()), "characters count, not bytes");
        assert_eq!(check_password(&"x".repeat(23)), Err(PasswordError::TooShort));
        assert_eq!(check_password(&"x".repeat(65)), Err(PasswordError::TooLong));
        assert_eq!(check_password(&"x'".repeat(12)), Err(PasswordError::Quote));
        assert_eq!(check_password(&"x\"".repeat(12)), Err(PasswordError::Quote));
        assert_eq!(check_password(&"x\0".repeat(12)), Err(PasswordError::Control));
        assert_eq!(check_password(&"x\n".repeat(12)), Err(PasswordError::Control));
    }

    #[test]
    fn databases_of_the_server_itself_cannot_be_made() {
        assert_eq!(check_database_name("shop-2"), Ok(()));
        for name in ["postgres", "Template1", "template0", "pg_x", "rolecall_x"] {
            assert_eq!(check_database_name(name), Err(DatabaseNameError::Reserved(name.to_owned())));
        }
        assert_eq!(check_database_name(""), Err(DatabaseNameError::Length));
        assert_eq!(check_database_name("a b"), Err(DatabaseNameError::Character(' ')));
    }
}
