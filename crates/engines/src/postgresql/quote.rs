//! Quoting: the one file of this engine where a name or a text becomes a part of SQL.
//!
//! Nothing else may put a quote around anything. Both types can be made only through a check, so SQL that is put
//! together with `format!` from them cannot be broken out of.

use std::fmt;

use crate::{EngineError, Result};

/// `PostgreSQL` cuts names off here, silently: two long names would become one.
const LONGEST_NAME: usize = 63;

/// A name as it stands in SQL, in double quotes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Ident(String);

impl Ident {
    /// Quotes a name; refuses what no object can be called.
    pub(crate) fn new(name: &str) -> Result<Self> {
        if name.is_empty() {
            return Err(EngineError::Invalid("A name cannot be empty.".to_owned()));
        }
        if name.contains('\0') {
            return Err(EngineError::Invalid("A name cannot contain the character NUL.".to_owned()));
        }
        if name.len() > LONGEST_NAME {
            return Err(EngineError::Invalid(format!("A name cannot be longer than {LONGEST_NAME} bytes.")));
        }
        Ok(Self(format!("\"{}\"", name.replace('"', "\"\""))))
    }
}

impl fmt::Display for Ident {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A text as it stands in SQL, in single quotes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Literal(String);

impl Literal {
    /// Quotes a text; refuses NUL, which no text can hold.
    pub(crate) fn new(text: &str) -> Result<Self> {
        if text.contains('\0') {
            return Err(EngineError::Invalid("A text cannot contain the character NUL.".to_owned()));
        }
        let quotes_doubled = text.replace('\'', "''");
        // With a backslash the E'' form means the same whatever `standard_conforming_strings` is.
        Ok(Self(if text.contains('\\') {
            format!(" E'{}'", quotes_doubled.replace('\\', "\\\\"))
        } else {
            format!("'{quotes_doubled}'")
        }))
    }
}

impl fmt::Display for Literal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Reads a quoted identifier back as `PostgreSQL`'s lexer does; `None` if it ends early or never.
    fn lex_identifier(sql: &str) -> Option<String> {
        let inner = sql.strip_prefix('"')?.strip_suffix('"')?;
        let mut name = String::new();
        let mut rest = inner.chars();
        while let Some(c) = rest.next() {
            if c == '"' && rest.next() != Some('"') {
                return None;
            }
            name.push(c);
        }
        Some(name)
    }

    /// Reads a quoted text back as the lexer does, plain or E''.
    fn lex_literal(sql: &str) -> Option<String> {
        let (inner, escapes) = match sql.strip_prefix(" E'") {
            Some(inner) => (inner.strip_suffix('\'')?, true),
            None => (sql.strip_prefix('\'')?.strip_suffix('\'')?, false),
        };
        let mut text = String::new();
        let mut rest = inner.chars();
        while let Some(c) = rest.next() {
            let doubled = c == '\'' || (escapes && c == '\\');
            if doubled && rest.next() != Some(c) {
                return None;
            }
            text.push(c);
        }
        Some(text)
    }

    proptest! {
        #[test]
        fn every_name_that_is_accepted_reads_back_as_itself(name in "[\"'\\\\\n$\\]`a-zé\u{1F980}; -]{1,63}") {
            match Ident::new(&name) {
                Ok(quoted) => prop_assert_eq!(lex_identifier(&quoted.to_string()), Some(name)),
                Err(_) => prop_assert!(name.len() > LONGEST_NAME),
            }
        }

        #[test]
        fn every_text_reads_back_as_itself(text in "[\"'\\\\\n$a-zé\u{1F980}; -]{0,200}") {
            let quoted = Literal::new(&text).unwrap().to_string();
            prop_assert_eq!(lex_literal(&quoted), Some(text));
        }
    }

    #[test]
    fn a_name_of_63_bytes_passes_and_one_of_64_does_not() {
        assert!(Ident::new(&"a".repeat(63)).is_ok());
        assert!(Ident::new(&"a".repeat(64)).is_err());
        assert!(Ident::new(&"é".repeat(32)).is_err(), "bytes count, not characters");
    }

    #[test]
    fn an_empty_name_and_nul_are_refused() {
        assert!(Ident::new("").is_err());
        assert!(Ident::new("a\0b").is_err());
        assert!(Literal::new("a\0b").is_err());
    }

    #[test]
    fn quotes_and_backslashes_cannot_break_out() {
        assert_eq!(Ident::new("x\"; DROP ROLE y; --").unwrap().to_string(), "\"x\"\"; DROP ROLE y; --\"");
        assert_eq!(Literal::new("it's").unwrap().to_string(), "'it''s'");
        assert_eq!(Literal::new("\\'; --").unwrap().to_string(), " E'\\\\''; --'");
    }
}
