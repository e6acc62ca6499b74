//! Where answers go: as JSON for programs, as tables for people.

use super::failure::Failure;
use super::table::View;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use std::io::{self, ErrorKind, Write as _};

/// How answers are shown.
#[derive(Debug, Clone, Copy)]
pub struct Output {
    is_json: bool,
    colour: bool,
}

impl Output {
    /// JSON or tables, with colours or without.
    #[must_use]
    pub fn new(is_json: bool, colour: bool) -> Self {
        Self { is_json, colour }
    }

    /// Shows one thing: as the API gave it, or in a form for people.
    ///
    /// # Errors
    /// When it is not what was expected, or cannot be written.
    pub fn show<T: DeserializeOwned, V: Into<View>>(
        &self,
        answer: Value,
        view: impl FnOnce(T) -> V,
    ) -> Result<(), Failure> {
        if self.is_json {
            return write(&format!("{answer:#}"));
        }
        write(&view(read(answer)?).into().render(self.colour))
    }

    /// Shows a list.
    ///
    /// # Errors
    /// As [`Output::show`].
    pub fn list<T: DeserializeOwned, V: Into<View>>(
        &self,
        items: Vec<Value>,
        view: impl FnOnce(Vec<T>) -> V,
    ) -> Result<(), Failure> {
        if self.is_json {
            return write(&format!("{:#}", json!({ "items": items })));
        }
        let items = items.into_iter().map(read).collect::<Result<_, _>>()?;
        write(&view(items).into().render(self.colour))
    }

    /// Says what was done, where the API answers nothing; programs have the exit code.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn say(&self, sentence: String) -> Result<(), Failure> {
        if self.is_json { Ok(()) } else { write(&View::Says(sentence).render(false)) }
    }
}

/// A reader that has seen enough, such as `head`, is no failure.
fn write(text: &str) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    match writeln!(out, "{text}").and_then(|()| out.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            Err(Failure::failed(format!("The answer cannot be written: {error}.")))
        }
        _ => Ok(()),
    }
}

/// Reads an answer, or a part of it.
///
/// # Errors
/// When it is not what was expected.
pub fn read<T: DeserializeOwned>(answer: Value) -> Result<T, Failure> {
    serde_json::from_value(answer).map_err(|error| {
        Failure::failed(format!(
            "The answer is not what this program expects ({error}): is the server of another version?"
        ))
    })
}
