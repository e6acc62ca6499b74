//! Forms: a field with its label, its hint, and what is wrong with it.

use crate::ground::web::problem::Problem;
use maud::{Markup, html};

/// A line of text that a form asks for.
pub struct Input<'a> {
    name: &'a str,
    label: &'a str,
    hint: &'a str,
    value: &'a str,
    kind: &'static str,
    autocomplete: &'static str,
    placeholder: &'a str,
    is_code: bool,
    is_required: bool,
    is_first: bool,
}

impl<'a> Input<'a> {
    /// A line of text, named as in the API.
    #[must_use]
    pub fn new(name: &'a str, label: &'a str) -> Self {
        Self {
            name,
            label,
            hint: "",
            value: "",
            kind: "text",
            autocomplete: "off",
            placeholder: "",
            is_code: false,
            is_required: false,
            is_first: false,
        }
    }

    /// What is expected, in one line below the field.
    #[must_use]
    pub fn hint(mut self, hint: &'a str) -> Self {
        self.hint = hint;
        self
    }

    /// What was typed before, or is likely.
    #[must_use]
    pub fn value(mut self, value: &'a str) -> Self {
        self.value = value;
        self
    }

    /// What the field means when it is left empty.
    #[must_use]
    pub fn placeholder(mut self, text: &'a str) -> Self {
        self.placeholder = text;
        self
    }

    /// A password; never filled in again. `autocomplete` tells password managers which one.
    #[must_use]
    pub fn password(mut self, autocomplete: &'static str) -> Self {
        self.kind = "password";
        self.autocomplete = autocomplete;
        self
    }

    /// What browsers may fill in.
    #[must_use]
    pub fn autocomplete(mut self, autocomplete: &'static str) -> Self {
        self.autocomplete = autocomplete;
        self
    }

    /// A name or the like: in the font of code, and left alone by spelling.
    #[must_use]
    pub fn code(mut self) -> Self {
        self.is_code = true;
        self
    }

    /// It cannot be left empty.
    #[must_use]
    pub fn required(mut self) -> Self {
        self.is_required = true;
        self
    }

    /// Where typing begins.
    #[must_use]
    pub fn first(mut self) -> Self {
        self.is_first = true;
        self
    }

    /// The field, with what is wrong with it.
    #[must_use]
    pub fn show(&self, problem: Option<&Problem>) -> Markup {
        let is_password = self.kind == "password";
        let is_wrong = problem.is_some_and(|problem| problem.at(self.name).is_some());
        let input = html! {
            input id=(self.name) name=(self.name) type=(self.kind) class=[self.is_code.then_some("mono")]
                value=[(!is_password).then_some(self.value)] placeholder=[some(self.placeholder)]
                autocomplete=(self.autocomplete) spellcheck=[self.is_code.then_some("false")]
                autocapitalize=[self.is_code.then_some("none")] required[self.is_required]
                autofocus[is_wrong || (self.is_first && problem.is_none())] aria-invalid=[is_wrong.then_some("true")]
                aria-describedby=[self.described_by(is_wrong)];
        };
        let input = if is_password {
            html! { div.beside { (input) (peek()) } }
        } else {
            input
        };
        field(problem, self.name, self.label, self.hint, &input)
    }

    fn described_by(&self, is_wrong: bool) -> Option<String> {
        match (is_wrong, self.hint.is_empty()) {
            (true, _) => Some(format!("{}-error", self.name)),
            (false, false) => Some(format!("{}-hint", self.name)),
            (false, true) => None,
        }
    }
}

fn some(text: &str) -> Option<&str> {
    (!text.is_empty()).then_some(text)
}

/// The eye in a password field, where there is a script.
fn peek() -> Markup {
    html! {
        button.icon.peek type="button" hidden aria-label="Show what is typed" aria-pressed="false" {
            span.ico.i-eye aria-hidden="true" {}
        }
    }
}

/// A field of a form: its label, its input, and what is wrong with it.
#[must_use]
pub fn field(problem: Option<&Problem>, name: &str, label: &str, hint: &str, input: &Markup) -> Markup {
    let message = problem.and_then(|problem| problem.at(name));
    html! {
        div.field.wrong[message.is_some()] {
            label for=(name) { (label) }
            (input)
            @if let Some(message) = message { small.error id={ (name) "-error" } role="alert" { (message) } }
            @else if !hint.is_empty() { small.hint id={ (name) "-hint" } { (hint) } }
        }
    }
}

/// A box to tick.
#[must_use]
pub fn check(problem: Option<&Problem>, name: &str, label: &str, hint: &str, is_on: bool) -> Markup {
    let message = problem.and_then(|problem| problem.at(name));
    html! {
        label.check {
            input type="checkbox" name=(name) value="true" checked[is_on];
            span {
                (label)
                @if let Some(message) = message { small.error role="alert" { (message) } }
                @if !hint.is_empty() { small { (hint) } }
            }
        }
    }
}

/// One of a few: each with its value, its name and what it means.
#[must_use]
pub fn choices(name: &str, legend: &str, chosen: &str, options: &[(&str, &str, &str)]) -> Markup {
    html! {
        fieldset.choices {
            legend { (legend) }
            div {
                @for (value, label, hint) in options {
                    label.choice {
                        input type="radio" name=(name) value=(value) checked[*value == chosen];
                        span { b { (label) } @if !hint.is_empty() { small { (hint) } } }
                    }
                }
            }
        }
    }
}

/// One of many, each with its value and its name.
#[must_use]
pub fn select(name: &str, chosen: &str, options: &[(String, String)]) -> Markup {
    html! {
        select id=(name) name=(name) {
            @for (value, label) in options { option value=(value) selected[value == chosen] { (label) } }
        }
    }
}

/// What is wrong with a form as a whole, where no field has it.
#[must_use]
pub fn complaint(problem: Option<&Problem>) -> Markup {
    html! {
        @if let Some(problem) = problem {
            @if problem.errors.is_empty() { div.note.bad role="alert" { (problem.detail) } }
        }
    }
}

/// Before something is lost: what it is, and its name to be typed.
pub struct Losing<'a> {
    /// What happens, in one sentence.
    pub what: &'a str,
    /// What goes with it, and what stays.
    pub details: &'a [String],
    /// The name to type.
    pub name: &'a str,
    /// The word on the button.
    pub verb: &'a str,
    /// Where the way back leads.
    pub back: &'a str,
}

/// The page's part that asks before something is lost: the name has to be typed.
#[must_use]
pub fn confirm_by_name(token: &Markup, problem: Option<&Problem>, losing: &Losing<'_>) -> Markup {
    let is_wrong = problem.is_some_and(|problem| problem.at("confirm").is_some());
    let input = html! {
        input #confirm .mono name="confirm" autocomplete="off" spellcheck="false" autocapitalize="none" required
            data-type=(losing.name) aria-invalid=[is_wrong.then_some("true")];
    };
    html! {
        div.card.losing {
            div {
                (complaint(problem))
                p { (losing.what) }
                @if !losing.details.is_empty() { ul { @for line in losing.details { li { (line) } } } }
            }
            form.form method="post" {
                (token)
                (field(problem, "confirm", &format!("Type {} to confirm", losing.name), "", &input))
                div.acts {
                    button.btn.danger.primary { (losing.verb) }
                    a.btn href=(losing.back) { "Close" }
                }
            }
        }
    }
}
