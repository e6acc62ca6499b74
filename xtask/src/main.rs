//! Prints where the sources break a rule of ARCHITECTURE.md.

use std::process::ExitCode;

use xtask::tidy::{RULES, Tree};

fn main() -> anyhow::Result<ExitCode> {
    let tree = Tree::read()?;
    let findings: Vec<_> = RULES.iter().flat_map(|rule| rule(&tree)).collect();
    for finding in &findings {
        println!("{finding}");
    }
    Ok(if findings.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
