//! Holds the rules of ARCHITECTURE.md by reading the sources as text.
//!
//! A rule is a function from the tree to its findings, so that each can be shown to fail on a few lines.

use std::{fmt, fs, io, path::Path};

pub mod arrows;
pub mod budgets;
pub mod documents;
pub mod names;
pub mod orphans;
pub mod testing;

mod mask;
mod paths;
mod tokens;

use tokens::Token;

pub type Rule = fn(&Tree) -> Vec<Finding>;

/// All rules, for those who want them at once; `tests/tidy.rs` holds each on its own.
pub const RULES: &[Rule] = &[
    names::sqlx_stays_in_the_store,
    names::sql_is_glued_in_one_place,
    names::axum_stays_at_the_edge,
    names::maud_stays_at_the_edge,
    arrows::engines_stands_alone,
    arrows::wings_stand_in_reading_order,
    arrows::wings_look_upwards_only,
    arrows::stores_are_private,
    budgets::files_are_short,
    budgets::functions_are_short,
    budgets::handlers_are_thin,
    orphans::every_file_is_compiled,
    testing::no_test_is_ignored,
    testing::no_test_sleeps,
    documents::every_module_says_what_it_is,
    documents::architecture_fits_in_one_reading,
    documents::the_map_names_what_is_there,
    documents::links_lead_somewhere,
    documents::no_line_ends_in_blanks,
];

/// One place that breaks one rule.
#[derive(Debug, PartialEq, Eq)]
pub struct Finding {
    pub file: String,
    pub line: usize,
    pub why: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.file, self.line, self.why)
    }
}

/// A text file of the repository. Rust sources are cut into tokens, so that no rule trips over a comment or string.
pub struct Source {
    pub path: String,
    pub text: String,
    tokens: Vec<Token>,
}

impl Source {
    pub fn new(path: &str, text: &str) -> Self {
        let tokens = if path.ends_with(".rs") { tokens::cut(&mask::mask(text)) } else { Vec::new() };
        Self { path: path.to_owned(), text: text.to_owned(), tokens }
    }

    fn is_rust(&self) -> bool {
        self.path.ends_with(".rs")
    }

    /// Whether the whole file is a test: `tests.rs`, or below a folder `tests`.
    fn is_test(&self) -> bool {
        self.path.ends_with("/tests.rs") || self.path.contains("/tests/")
    }

    fn find(&self, line: usize, why: impl Into<String>) -> Finding {
        Finding { file: self.path.clone(), line, why: why.into() }
    }
}

/// The repository: its text files, and the paths of all others.
#[derive(Default)]
pub struct Tree {
    pub files: Vec<Source>,
    pub others: Vec<String>,
}

impl Tree {
    /// Reads the repository that this crate lies in.
    pub fn read() -> io::Result<Self> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let mut tree = Self::default();
        tree.walk(&root, "")?;
        tree.files.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(tree)
    }

    pub fn of(files: &[(&str, &str)]) -> Self {
        let files = files.iter().map(|(path, text)| Source::new(path, text)).collect();
        Self { files, others: Vec::new() }
    }

    fn walk(&mut self, folder: &Path, prefix: &str) -> io::Result<()> {
        for entry in fs::read_dir(folder)? {
            let entry = entry?;
            let name = entry.file_name().to_string_lossy().into_owned();
            let path = format!("{prefix}{name}");
            if SKIPPED.contains(&name.as_str()) {
                continue;
            }
            if entry.file_type()?.is_dir() {
                self.walk(&entry.path(), &format!("{path}/"))?;
            } else if is_text(&path) {
                self.files.push(Source::new(&path, &fs::read_to_string(entry.path())?));
            } else {
                self.others.push(path);
            }
        }
        Ok(())
    }

    fn rust(&self) -> impl Iterator<Item = &Source> {
        self.files.iter().filter(|file| file.is_rust())
    }

    fn paths(&self) -> impl Iterator<Item = &String> {
        self.files.iter().map(|file| &file.path).chain(&self.others)
    }

    fn get(&self, path: &str) -> Option<&Source> {
        self.files.iter().find(|file| file.path == path)
    }
}

/// What is made rather than written, and what belongs to others.
const SKIPPED: [&str; 5] = ["target", "data", "node_modules", ".git", ".tools"];
const TEXT: [&str; 9] = ["rs", "md", "toml", "sql", "css", "js", "html", "sh", "yml"];

fn is_text(path: &str) -> bool {
    let script = path == "Makefile" || path.starts_with("tools/") || path.starts_with(".ci/");
    let extension = Path::new(path).extension().and_then(|extension| extension.to_str());
    extension.map_or(script, |extension| TEXT.contains(&extension))
}
