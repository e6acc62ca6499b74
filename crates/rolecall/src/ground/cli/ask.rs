//! Questions to whoever sits at the terminal.

use super::failure::{Failure, one_line};
use crate::ground::secret::Secret;
use std::io::{self, ErrorKind, Write as _};

/// Whom to ask, if anybody.
#[derive(Debug, Clone, Copy)]
pub struct Ask {
    is_terminal: bool,
    yes: bool,
}

impl Ask {
    /// Asks at a terminal only, and not what `--yes` has answered.
    #[must_use]
    pub fn new(is_terminal: bool, yes: bool) -> Self {
        Self { is_terminal, yes }
    }

    /// Whether somebody is there to answer.
    #[must_use]
    pub fn is_terminal(&self) -> bool {
        self.is_terminal
    }

    /// Whether something that cannot be undone has to be asked: not after `--yes`.
    ///
    /// # Errors
    /// When nobody is there to answer.
    pub fn must_ask(&self) -> Result<bool, Failure> {
        if !self.yes && !self.is_terminal {
            return Err(Failure::usage(
                "This cannot be undone, and there is no terminal to ask at: add --yes.",
            ));
        }
        Ok(!self.yes)
    }

    /// Shows what will be lost and asks for a yes.
    ///
    /// # Errors
    /// On any other answer.
    pub fn confirm(&self, losses: &[String], question: &str) -> Result<(), Failure> {
        show(losses)?;
        let answer = self.line(&format!("{question} [y/N] "))?;
        match answer.to_ascii_lowercase().as_str() {
            "y" | "yes" => Ok(()),
            _ => Err(unchanged()),
        }
    }

    /// Shows what will be lost and asks for its name, so that it is not the wrong one.
    ///
    /// # Errors
    /// On any other answer.
    pub fn retype(&self, losses: &[String], name: &str) -> Result<(), Failure> {
        show(losses)?;
        let answer = self.line(&format!("Type \"{}\" to delete it: ", one_line(name)))?;
        if answer == name { Ok(()) } else { Err(unchanged()) }
    }

    /// Asks for a line.
    ///
    /// # Errors
    /// When nobody is there to answer.
    pub fn line(&self, prompt: &str) -> Result<String, Failure> {
        let mut line = String::new();
        let mut read = || {
            io::stderr().write_all(prompt.as_bytes())?;
            io::stdin().read_line(&mut line)
        };
        match read() {
            Ok(0) => Err(unchanged()),
            Ok(_) => Ok(line.trim().to_owned()),
            Err(error) => Err(unasked(&error)),
        }
    }

    /// Asks for a password, which is not shown.
    ///
    /// # Errors
    /// When it is not given.
    pub fn password(&self, prompt: &str) -> Result<Secret, Failure> {
        match rpassword::prompt_password(prompt) {
            Ok(password) => Ok(Secret::new(password)),
            Err(error) if error.kind() == ErrorKind::UnexpectedEof => Err(unchanged()),
            Err(error) => Err(unasked(&error)),
        }
    }
}

fn show(losses: &[String]) -> Result<(), Failure> {
    let mut err = io::stderr().lock();
    losses.iter().try_for_each(|loss| writeln!(err, "{}", one_line(loss))).map_err(|error| unasked(&error))
}

fn unchanged() -> Failure {
    Failure::failed("Nothing was changed.")
}

fn unasked(error: &io::Error) -> Failure {
    Failure::failed(format!("The terminal cannot be read: {error}."))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_undone_is_asked_or_refused() {
        assert!(Ask::new(true, false).must_ask().unwrap());
        assert!(!Ask::new(true, true).must_ask().unwrap());
        assert!(!Ask::new(false, true).must_ask().unwrap());
        assert_eq!(Ask::new(false, false).must_ask().unwrap_err().exit() as u8, 2);
    }
}
