//! What people see: tables, facts about one thing, sentences.

use super::failure::one_line;
use comfy_table::{Attribute, Cell, CellAlignment, Color, Table as Grid};

/// Lines and corners of `+---+` tables: only the header has a line below it.
const BOXED: &str = "||--+-++|    ++++++";
/// Columns and nothing else.
const BARE: &str = "                   ";

/// How a text is meant, for those who see colours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tone {
    /// As any other.
    Plain,
    /// As it should be.
    Good,
    /// On its way.
    Busy,
    /// Not as it should be.
    Bad,
}

/// A text in a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Text {
    text: String,
    tone: Tone,
}

impl Text {
    /// A text and how it is meant.
    pub fn new(text: impl AsRef<str>, tone: Tone) -> Self {
        Self { text: one_line(text.as_ref()), tone }
    }

    /// An instant of the API as people read it: to the second.
    #[must_use]
    pub fn instant(text: &str) -> Self {
        match text.split_once('T') {
            Some((day, time)) => {
                Self::from(format!("{day} {}Z", time.split(['.', 'Z']).next().unwrap_or_default()))
            }
            None => Self::from(text),
        }
    }

    fn cell(&self, colour: bool) -> Cell {
        let cell = Cell::new(&self.text);
        match self.tone {
            Tone::Good if colour => cell.fg(Color::DarkGreen),
            Tone::Busy if colour => cell.fg(Color::DarkYellow),
            Tone::Bad if colour => cell.fg(Color::DarkRed),
            _ => cell,
        }
    }
}

impl From<&str> for Text {
    fn from(text: &str) -> Self {
        Self::new(text, Tone::Plain)
    }
}

impl From<&String> for Text {
    fn from(text: &String) -> Self {
        Self::new(text, Tone::Plain)
    }
}

impl From<String> for Text {
    fn from(text: String) -> Self {
        Self::new(text, Tone::Plain)
    }
}

impl From<bool> for Text {
    fn from(is: bool) -> Self {
        Self::new(if is { "yes" } else { "no" }, Tone::Plain)
    }
}

impl<T: Into<Text>> From<Option<T>> for Text {
    fn from(text: Option<T>) -> Self {
        text.map_or_else(|| Self::from("-"), Into::into)
    }
}

/// A table, or whatever else a command has to show.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum View {
    /// A list.
    Table(Table),
    /// One thing.
    Facts(Facts),
    /// A sentence, or several.
    Says(String),
}

/// A list of things, a row each.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Table {
    header: &'static [&'static str],
    rows: Vec<Vec<Text>>,
    is_boxed: bool,
}

impl Table {
    /// A table in columns.
    #[must_use]
    pub fn new(header: &'static [&'static str], rows: Vec<Vec<Text>>) -> Self {
        Self { header, rows, is_boxed: false }
    }

    /// A table with lines around it, as Scalingo draws it.
    #[must_use]
    pub fn boxed(header: &'static [&'static str], rows: Vec<Vec<Text>>) -> Self {
        Self { header, rows, is_boxed: true }
    }

    fn render(&self, colour: bool) -> String {
        let mut grid = grid(if self.is_boxed { BOXED } else { BARE }, colour);
        grid.set_header(self.header.iter().map(|title| {
            let cell = Cell::new(title);
            match (self.is_boxed, colour) {
                (true, _) => cell.set_alignment(CellAlignment::Center),
                (false, true) => cell.add_attribute(Attribute::Bold),
                (false, false) => cell,
            }
        }));
        grid.add_rows(self.rows.iter().map(|row| row.iter().map(|text| text.cell(colour))));
        finish(grid, self.is_boxed)
    }
}

/// What is known of one thing, a line each.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Facts(Vec<(&'static str, Text)>);

impl Facts {
    /// With one more fact.
    #[must_use]
    pub fn with(mut self, label: &'static str, text: impl Into<Text>) -> Self {
        self.0.push((label, text.into()));
        self
    }

    /// With one more fact, if it is known.
    #[must_use]
    pub fn with_some(self, label: &'static str, text: Option<impl Into<Text>>) -> Self {
        match text {
            Some(text) => self.with(label, text),
            None => self,
        }
    }

    /// With a fact for each text, the label before the first.
    #[must_use]
    pub fn with_each(self, label: &'static str, texts: impl IntoIterator<Item = impl Into<Text>>) -> Self {
        let labels = std::iter::once(label).chain(std::iter::repeat(""));
        labels.zip(texts).fold(self, |facts, (label, text)| facts.with(label, text))
    }

    fn render(&self, colour: bool) -> String {
        let mut grid = grid(BARE, colour);
        grid.add_rows(self.0.iter().map(|(label, text)| {
            let label = Cell::new(label);
            [if colour { label.add_attribute(Attribute::Bold) } else { label }, text.cell(colour)]
        }));
        finish(grid, false)
    }
}

impl View {
    /// The view as text, without the last line's end.
    #[must_use]
    pub fn render(&self, colour: bool) -> String {
        match self {
            Self::Table(table) => table.render(colour),
            Self::Facts(facts) => facts.render(colour),
            Self::Says(text) => text.lines().map(one_line).collect::<Vec<_>>().join("\n"),
        }
    }
}

impl From<Table> for View {
    fn from(table: Table) -> Self {
        Self::Table(table)
    }
}

impl From<Facts> for View {
    fn from(facts: Facts) -> Self {
        Self::Facts(facts)
    }
}

impl From<String> for View {
    fn from(text: String) -> Self {
        Self::Says(text)
    }
}

/// What the output decides, not the crate: it would look at the terminal by itself.
fn grid(preset: &str, colour: bool) -> Grid {
    let mut grid = Grid::new();
    grid.load_preset(preset).force_no_tty();
    if colour {
        grid.enforce_styling();
    }
    grid
}

fn finish(mut grid: Grid, is_boxed: bool) -> String {
    if is_boxed {
        return grid.to_string();
    }
    if let Some(first) = grid.column_mut(0) {
        first.set_padding((0, 1));
    }
    grid.trim_fmt()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(cells: [&str; 4]) -> Vec<Text> {
        cells.into_iter().map(Text::from).collect()
    }

    #[test]
    fn a_boxed_table_is_drawn_as_scalingo_draws_it() {
        let table = Table::boxed(
            &["USERNAME", "READ-ONLY", "PROTECTED", "PASSWORD ENCRYPTION"],
            vec![
                row(["my_app_4553", "false", "true", "SCRAM-SHA-256"]),
                row(["my_app_4553_rw", "false", "false", "MD5"]),
                row(["my_app_4553_ro", "true", "false", "MD5"]),
            ],
        );
        let drawn = "\
+----------------+-----------+-----------+---------------------+
|    USERNAME    | READ-ONLY | PROTECTED | PASSWORD ENCRYPTION |
+----------------+-----------+-----------+---------------------+
| my_app_4553    | false     | true      | SCRAM-SHA-256       |
| my_app_4553_rw | false     | false     | MD5                 |
| my_app_4553_ro | true      | false     | MD5                 |
+----------------+-----------+-----------+---------------------+";
        assert_eq!(View::from(table).render(true), drawn);
    }

    #[test]
    fn a_table_is_columns_without_blanks_at_the_end() {
        let rows = vec![
            vec!["metrics".into(), Text::new("running", Tone::Good)],
            vec!["x".into(), Text::from(None::<&str>)],
        ];
        let table = View::from(Table::new(&["NAME", "STATE"], rows));
        assert_eq!(table.render(false), "NAME     STATE\nmetrics  running\nx        -");
        assert!(table.render(true).contains("\u{1b}[38;5;2m running"), "{:?}", table.render(true));
    }

    #[test]
    fn facts_stand_below_each_other() {
        let facts =
            Facts::default().with("Name", "x").with_some("None", None::<&str>).with_each("Two", ["a", "b"]);
        assert_eq!(View::from(facts).render(false), "Name  x\nTwo   a\n      b");
    }

    #[test]
    fn instants_are_told_to_the_second() {
        for text in ["2026-11-22T21:00:27.547Z", "2026-11-22T21:00:27Z"] {
            assert_eq!(Text::instant(text), Text::from("2026-11-22 21:00:27Z"));
        }
        assert_eq!(Text::instant("soon"), Text::from("soon"));
    }

    #[test]
    fn a_name_steers_no_terminal() {
        let table = Table::new(&["NAME"], vec![vec!["a\u{1b}[2Jb\nc".into()]]);
        assert_eq!(View::from(table).render(true).lines().last(), Some("a\\u{1b}[2Jb c"));
    }
}
