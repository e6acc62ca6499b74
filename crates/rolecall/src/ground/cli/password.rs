//! Where a password comes from: a prompt, standard input or a file, never an argument.

use super::ask::Ask;
use super::failure::Failure;
use crate::ground::secret::Secret;
use clap::Args;
use std::fs::File;
use std::io::{self, Read};
use std::path::PathBuf;

/// More than any password; less than what somebody piped in by mistake.
const LONGEST: u64 = 4096;

/// Where a password comes from when nobody is asked for it.
#[derive(Debug, Clone, Default, Args)]
pub struct PasswordFrom {
    /// Read the password from standard input
    #[arg(long, conflicts_with = "password_file")]
    password_stdin: bool,
    /// Read the password from this file
    #[arg(long, value_name = "FILE")]
    password_file: Option<PathBuf>,
}

/// Where a new password comes from.
#[derive(Debug, Clone, Default, Args)]
pub struct NewPassword {
    #[command(flatten)]
    from: PasswordFrom,
    /// Have the password generated, without asking
    #[arg(long, conflicts_with_all = ["password_stdin", "password_file"])]
    generate: bool,
}

impl PasswordFrom {
    /// A password that there is already: asked for once, if not given otherwise.
    ///
    /// # Errors
    /// When there is none.
    pub fn known(&self, ask: Ask, prompt: &str) -> Result<Secret, Failure> {
        match self.given()? {
            Some(password) => Ok(password),
            None if ask.is_terminal() => ask.password(prompt),
            None => Err(unasked("--password-stdin or --password-file")),
        }
    }

    fn given(&self) -> Result<Option<Secret>, Failure> {
        match &self.password_file {
            _ if self.password_stdin => read(io::stdin().lock(), "Standard input").map(Some),
            None => Ok(None),
            Some(path) => {
                let name = path.display().to_string();
                let file = File::open(path)
                    .map_err(|error| Failure::failed(format!("{name} cannot be read: {error}.")))?;
                read(file, &name).map(Some)
            }
        }
    }
}

impl NewPassword {
    /// A new password, typed twice if it is typed; `None` for one that is generated. `check` holds the rules, so that
    /// a mistake is told before the password is asked for again.
    ///
    /// # Errors
    /// When it breaks a rule, or is not typed the same twice.
    pub fn choose<E: std::fmt::Display>(
        &self,
        ask: Ask,
        check: impl Fn(&str) -> Result<(), E>,
    ) -> Result<Option<Secret>, Failure> {
        if self.generate {
            return Ok(None);
        }
        let checked = |password: Secret| match check(password.expose()) {
            _ if password.is_empty() => Ok(None),
            Ok(()) => Ok(Some(password)),
            Err(error) => Err(Failure::failed(error.to_string())),
        };
        if let Some(password) = self.from.given()? {
            return checked(password);
        }
        if !ask.is_terminal() {
            return Err(unasked("--password-stdin, --password-file or --generate"));
        }
        let Some(password) = checked(ask.password("Password (leave it empty to have one generated): ")?)?
        else {
            return Ok(None);
        };
        if ask.password("The same password again: ")? != password {
            return Err(Failure::failed("The two passwords differ; try again."));
        }
        Ok(Some(password))
    }
}

fn unasked(flags: &str) -> Failure {
    Failure::usage(format!("There is no terminal to ask for the password at: use {flags}."))
}

/// Reads a password, without the line's end that an editor or `echo` put behind it.
fn read(source: impl Read, name: &str) -> Result<Secret, Failure> {
    let mut bytes = Vec::new();
    source
        .take(LONGEST + 1)
        .read_to_end(&mut bytes)
        .map_err(|error| Failure::failed(format!("{name} cannot be read: {error}.")))?;
    if bytes.len() as u64 > LONGEST {
        return Err(Failure::failed(format!("{name} holds more than a password; give the right one.")));
    }
    if bytes.last() == Some(&b'\n') {
        bytes.pop();
        if bytes.last() == Some(&b'\r') {
            bytes.pop();
        }
    }
    Secret::from_utf8(bytes)
        .ok_or_else(|| Failure::failed(format!("{name} holds no text; give a password in UTF-8.")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::convert::Infallible;

    fn in_file(content: &[u8]) -> (tempfile::NamedTempFile, NewPassword) {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), content).unwrap();
        let from = PasswordFrom { password_stdin: false, password_file: Some(file.path().to_owned()) };
        (file, NewPassword { from, generate: false })
    }

    fn choose(content: &[u8]) -> Option<String> {
        let (_file, source) = in_file(content);
        let chosen = source.choose(Ask::new(false, false), |_| Ok::<_, Infallible>(())).unwrap();
        chosen.map(|password| password.expose().to_owned())
    }

    #[test]
    fn one_lines_end_is_no_part_of_a_password() {
        assert_eq!(choose(b"pass word").as_deref(), Some("pass word"));
        assert_eq!(choose(b" password \n").as_deref(), Some(" password "));
        assert_eq!(choose(b"password\r\n").as_deref(), Some("password"));
        assert_eq!(choose(b"one\n\n").as_deref(), Some("one\n"), "the rules refuse it");
    }

    #[test]
    fn an_empty_password_is_one_to_be_generated() {
        assert_eq!(choose(b""), None);
        assert_eq!(choose(b"\n"), None);
    }

    #[test]
    fn what_is_no_password_is_told() {
        for (content, sentence) in
            [(b"\xff".as_slice(), "holds no text"), (&[b'x'; 5000], "more than a password")]
        {
            let (_file, source) = in_file(content);
            let failure = source.choose(Ask::new(false, false), |_| Ok::<_, Infallible>(())).unwrap_err();
            assert!(failure.to_string().contains(sentence), "{failure}");
        }
    }

    #[test]
    fn a_broken_rule_is_told_and_never_the_password() {
        let (_file, source) = in_file(b"short");
        let failure = source.choose(Ask::new(false, false), engines::postgresql::check_password).unwrap_err();
        assert_eq!(failure.to_string(), "The password must be at least 24 characters long.");
    }

    #[test]
    fn without_a_terminal_nobody_is_asked() {
        let failure =
            NewPassword::default().choose(Ask::new(false, true), |_| Ok::<_, Infallible>(())).unwrap_err();
        assert_eq!(failure.exit() as u8, 2);
    }
}
