//! What was found, a line for each goal.

use std::{fmt, time::Duration};

use crate::cpu::Used;

/// Something done many times.
#[derive(Clone, Copy)]
pub(crate) struct Rate {
    pub(crate) per_second: f64,
    /// Processor time for one of them: in the process itself, and in PostgreSQL.
    pub(crate) own: Duration,
    pub(crate) database: Duration,
}

impl Rate {
    pub(crate) fn of(count: u32, took: Duration, before: Used, after: Used) -> Self {
        Self {
            per_second: f64::from(count) / took.as_secs_f64(),
            own: after.own.saturating_sub(before.own) / count,
            database: after.database.saturating_sub(before.database) / count,
        }
    }

    /// Each figure by itself.
    pub(crate) fn median(rounds: &[Self]) -> Self {
        let middle = |figure: fn(&Self) -> f64| median(rounds.iter().map(figure));
        Self {
            per_second: middle(|rate| rate.per_second),
            own: Duration::from_secs_f64(middle(|rate| rate.own.as_secs_f64())),
            database: Duration::from_secs_f64(middle(|rate| rate.database.as_secs_f64())),
        }
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let database = match self.database.as_micros() {
            0 => String::new(),
            micros => format!(" + {micros}"),
        };
        write!(f, "{:.0}/s, {}{database} µs", self.per_second, self.own.as_micros())
    }
}

pub(crate) fn median(figures: impl Iterator<Item = f64>) -> f64 {
    let mut figures: Vec<f64> = figures.collect();
    figures.sort_by(f64::total_cmp);
    figures.get(figures.len() / 2).copied().unwrap_or(f64::NAN)
}

#[derive(Default)]
pub(crate) struct Report(Vec<[String; 6]>);

impl Report {
    /// `ours` should be at least `goal` times `theirs`.
    pub(crate) fn compare(&mut self, what: &str, ours: Rate, other: &str, theirs: Rate, goal: f64) {
        let ratio = ours.per_second / theirs.per_second;
        let theirs = format!("{other} {theirs}");
        self.row(
            [what, &ours.to_string(), &theirs, &format!("{ratio:.2}"), &format!("at least {goal}")],
            ratio >= goal,
        );
    }

    /// A figure that should stay below its goal, in this unit.
    pub(crate) fn limit(&mut self, what: &str, figure: f64, goal: f64, unit: &str) {
        let ratio = format!("{:.2}", figure / goal);
        let row = [what, &format!("{figure:.1} {unit}"), "", &ratio, &format!("under {goal} {unit}")];
        self.row(row, figure < goal);
    }

    pub(crate) fn skip(&mut self, what: &str, why: &str) {
        self.0.push([what, why, "", "", "", "skipped"].map(str::to_owned));
    }

    fn row(&mut self, columns: [&str; 5], met: bool) {
        let [what, measured, against, ratio, goal] = columns;
        let row = [what, measured, against, ratio, goal, if met { "ok" } else { "miss" }].map(str::to_owned);
        // Said at once too: a run takes minutes.
        eprintln!("{}", row.join("  "));
        self.0.push(row);
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let head = ["", "measured", "against", "ratio", "goal", ""].map(str::to_owned);
        let rows = || std::iter::once(&head).chain(&self.0);
        let width =
            |column: usize| rows().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max();
        let widths: Vec<usize> = (0..head.len()).filter_map(width).collect();
        writeln!(
            f,
            "medians of {}; µs are processor time of the process + of PostgreSQL for each",
            crate::ROUNDS
        )?;
        for row in rows() {
            let cells: Vec<String> =
                row.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}")).collect();
            writeln!(f, "{}", cells.join("  ").trim_end())?;
        }
        Ok(())
    }
}
