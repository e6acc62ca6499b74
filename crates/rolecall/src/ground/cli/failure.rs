//! Why a command did not do what it was asked: one sentence, and an exit code for scripts.

use serde::Deserialize;
use std::fmt;
use std::process::ExitCode;

/// How a command ended that did not do what it was asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// It did not work.
    Failed = 1,
    /// The command was not complete, or not one.
    Usage = 2,
    /// Not signed in, or not allowed: 401 and 403.
    Refused = 3,
    /// There is no such thing, or not for the caller: 404.
    NotFound = 4,
}

/// Why a command did not do what it was asked, in one line.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}", one_line(sentence))]
pub struct Failure {
    exit: Exit,
    sentence: String,
    code: Option<String>,
}

/// What the server says of a failure (RFC 9457), as far as we show it.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Problem {
    detail: String,
    code: Option<String>,
    errors: Vec<FieldError>,
    decision: Option<String>,
}

#[derive(Debug, Deserialize)]
struct FieldError {
    field: String,
    message: String,
}

impl Failure {
    fn new(exit: Exit, sentence: impl Into<String>) -> Self {
        Self { exit, sentence: sentence.into(), code: None }
    }

    /// It did not work.
    pub fn failed(sentence: impl Into<String>) -> Self {
        Self::new(Exit::Failed, sentence)
    }

    /// The command is not complete.
    pub fn usage(sentence: impl Into<String>) -> Self {
        Self::new(Exit::Usage, sentence)
    }

    /// Not signed in.
    pub fn refused(sentence: impl Into<String>) -> Self {
        Self::new(Exit::Refused, sentence)
    }

    /// There is no such thing.
    pub fn not_found(sentence: impl Into<String>) -> Self {
        Self::new(Exit::NotFound, sentence)
    }

    /// What the server answered in place of what was asked for; `None` if that is not how Rolecall answers.
    #[must_use]
    pub fn of_answer(status: u16, body: &[u8]) -> Option<Self> {
        let problem: Problem = serde_json::from_slice(body).ok()?;
        let exit = match status {
            401 | 403 => Exit::Refused,
            404 => Exit::NotFound,
            _ => Exit::Failed,
        };
        Some(Self { exit, sentence: problem.sentence()?, code: problem.code })
    }

    /// Whether the server gave this code, such as `not_found`.
    #[must_use]
    pub fn is(&self, code: &str) -> bool {
        self.code.as_deref() == Some(code)
    }

    /// How the program ends.
    #[must_use]
    pub fn exit(&self) -> Exit {
        self.exit
    }

    /// The same with another sentence behind it.
    #[must_use]
    pub fn and(mut self, more: impl fmt::Display) -> Self {
        self.sentence = format!("{} {more}", self.sentence);
        self
    }
}

impl Problem {
    /// The detail, and what is wrong with each field beyond it.
    fn sentence(&self) -> Option<String> {
        let told = |error: &&FieldError| error.message != self.detail;
        let fields =
            self.errors.iter().filter(told).map(|error| format!("{}: {}", error.field, error.message));
        let decision = self.decision.iter().map(|id| format!("(Decision {id}.)"));
        let detail = Some(self.detail.clone()).filter(|detail| !detail.is_empty());
        let parts: Vec<_> = detail.into_iter().chain(fields).chain(decision).collect();
        (!parts.is_empty()).then(|| parts.join(" "))
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// A text in one line and without anything that a terminal would act on: names come from databases that others fill.
#[must_use]
pub fn one_line(text: &str) -> String {
    let steers = |c: char| c.is_control() || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    text.chars().fold(String::with_capacity(text.len()), |mut line, c| {
        match c {
            '\n' => line.push(' '),
            c if steers(c) => line.extend(c.escape_unicode()),
            c => line.push(c),
        }
        line
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(status: u16, body: &str) -> Failure {
        Failure::of_answer(status, body.as_bytes()).unwrap()
    }

    #[test]
    fn each_status_has_its_exit_code() {
        let exits = [400, 401, 403, 404, 409, 422, 429, 502]
            .map(|status| of(status, r#"{"detail":"No."}"#).exit() as u8);
        assert_eq!(exits, [1, 3, 3, 4, 1, 1, 1, 1]);
        assert_eq!(Failure::usage("").exit() as u8, 2);
    }

    #[test]
    fn the_detail_is_told_and_each_further_field() {
        let body = r#"{"detail":"Too short.","code":"invalid","errors":[
            {"field":"username","message":"Too short."},{"field":"password","message":"Too long."}]}"#;
        let failure = of(422, body);
        assert_eq!(failure.to_string(), "Too short. password: Too long.");
        assert!(failure.is("invalid") && !failure.is("not_found"));
    }

    #[test]
    fn a_decision_is_told_so_that_an_administrator_finds_it() {
        let failure = of(403, r#"{"detail":"This needs admin.","decision":"0192"}"#);
        assert_eq!(failure.to_string(), "This needs admin. (Decision 0192.)");
    }

    #[test]
    fn what_is_not_ours_is_no_problem_of_ours() {
        assert_eq!(Failure::of_answer(502, b"<html>Bad Gateway</html>"), None);
        assert_eq!(Failure::of_answer(502, b"{}"), None);
    }

    #[test]
    fn a_failure_is_one_line_and_steers_no_terminal() {
        let failure = Failure::failed("first\nsecond \u{1b}[31mred\u{202e}");
        assert_eq!(failure.to_string(), "first second \\u{1b}[31mred\\u{202e}");
    }
}
