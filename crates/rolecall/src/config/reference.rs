//! The reference of all settings, for the manual and as a file to start from.

use std::fmt::Write;

use super::{Form, SETTINGS, Setting};

const INTRODUCTION: &str = "\
# Configuration

<!-- Generated from crates/rolecall/src/config/table.rs: change it there. -->

Rolecall starts without any configuration. A setting is looked for in four places; the first that has it counts:

1. a flag of `rolecall serve`
2. an environment variable; an empty one counts as not set
3. `rolecall.toml` in the working folder, or the file that `--config` or `ROLECALL_CONFIG` names
4. the default

A key that there is not, or a value that is not right, stops the start with a sentence that names the key and where it
was given. Lists are arrays in the file; in flags and variables their items are separated by the character named below.
Secrets have no flag, as every user of a machine sees the arguments of its programs.
";

const COLUMNS: usize = 110;

/// The manual's page on configuration (`docs/manual/configuration.md`).
#[must_use]
pub fn markdown() -> String {
    let mut page = INTRODUCTION.to_owned();
    let mut group = "";
    for setting in SETTINGS {
        if setting.group != group {
            group = setting.group;
            // Writing to a String cannot fail.
            let _ = write!(page, "\n## {group}\n");
        }
        let _ = write!(page, "\n### `{}`\n\n{}\n\n{}\n", setting.key, setting.doc, facts(setting));
    }
    page
}

fn facts(setting: &Setting) -> String {
    let mut facts = vec![format!("Variable `{}`", setting.variable)];
    facts.extend(setting.flag.map(|flag| match setting.form {
        Form::Switch => format!("flag `--{flag}`"),
        Form::Text(kind) | Form::Number(kind) | Form::List(kind, _) => format!("flag `--{flag} {kind}`"),
    }));
    if let Form::List(_, separator) = setting.form {
        facts.push(format!("separated by `{separator}`"));
    }
    if !setting.in_file {
        facts.push("not in the file".to_owned());
    }
    facts.push(match setting.default {
        "" => "no default".to_owned(),
        default => format!("default `{default}`"),
    });
    facts.join(" · ")
}

/// A `rolecall.toml` with every key in it, commented out and at its default.
#[must_use]
pub fn toml() -> String {
    let mut file =
        "# The settings of Rolecall. A flag beats the environment, which beats this file.\n".to_owned();
    let mut group = "";
    for setting in SETTINGS.iter().filter(|setting| setting.in_file) {
        if setting.group != group {
            group = setting.group;
            let _ = write!(file, "\n# ---- {group} ----\n");
        }
        let _ = write!(file, "\n{}#{} = {}\n", comment(setting.doc), setting.key, value(setting));
    }
    file
}

fn value(setting: &Setting) -> String {
    match setting.form {
        Form::Number(_) | Form::Switch => setting.default.to_owned(),
        Form::Text(_) => quote(setting.default),
        Form::List(_, separator) => {
            let items: Vec<String> =
                setting.default.split(separator).filter(|item| !item.is_empty()).map(quote).collect();
            format!("[{}]", items.join(", "))
        }
    }
}

fn quote(text: &str) -> String {
    // Rust writes the texts of our table as TOML does; a test reads the file back.
    format!("{text:?}")
}

fn comment(text: &str) -> String {
    let mut lines = vec!["#".to_owned()];
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if line.chars().count() + word.chars().count() < COLUMNS => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(format!("# {word}")),
        }
    }
    lines.join("\n") + "\n"
}
