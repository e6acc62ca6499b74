//! Which part may import which.

use super::{
    Finding, Source, Tree,
    paths::{module_of, within_crate},
};

/// From what everything stands on to what looks on everything.
const WINGS: [&str; 7] = ["ground", "people", "tenancy", "databases", "data", "dashboards", "oversight"];

pub fn engines_stands_alone(tree: &Tree) -> Vec<Finding> {
    let why = "engines depends on no other crate of the workspace";
    let manifest = tree.get("crates/engines/Cargo.toml").into_iter().flat_map(|file| {
        let depends = |line: &str| {
            line.contains("path =") || ["rolecall", "xtask", "bench"].iter().any(|own| names(line, own))
        };
        (1..)
            .zip(file.text.lines())
            .filter(move |(_, line)| depends(line))
            .map(move |(line, _)| file.find(line, why))
    });
    let sources = tree.rust().filter(|file| file.path.starts_with("crates/engines/")).flat_map(|file| {
        let tokens = file.tokens.iter().filter(|token| token.is("rolecall") || token.is("xtask"));
        tokens.map(move |token| file.find(token.line, why))
    });
    manifest.chain(sources).collect()
}

/// Whether a line of Cargo.toml has this dependency.
fn names(line: &str, dependency: &str) -> bool {
    line.strip_prefix(dependency).is_some_and(|rest| rest.starts_with(['.', ' ', '=']))
}

/// `lib.rs` is the table of contents.
pub fn wings_stand_in_reading_order(tree: &Tree) -> Vec<Finding> {
    let Some(file) = tree.get("crates/rolecall/src/lib.rs") else { return Vec::new() };
    let declared = file.tokens.windows(2).filter_map(|pair| match pair {
        [keyword, name] if keyword.is("mod") => Some((wing(&name.text)?, name.line)),
        _ => None,
    });
    let declared: Vec<_> = declared.collect();
    let misplaced = declared.windows(2).filter_map(|pair| match pair {
        [(first, _), (second, line)] if first > second => Some(*line),
        _ => None,
    });
    misplaced
        .map(|line| file.find(line, format!("lib.rs declares the wings in the order {}", WINGS.join(", "))))
        .collect()
}

pub fn wings_look_upwards_only(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in product(tree) {
        let Some(own) = module_of(&file.path).first().and_then(|name| wing(name)) else { continue };
        for path in within_crate(file) {
            if let Some(name) = path.segments.first()
                && wing(name).is_some_and(|other| other > own)
            {
                findings.push(
                    file.find(path.line, format!("a wing imports only wings above it in lib.rs, not {name}")),
                );
            }
        }
    }
    findings
}

/// A slice's SQL is its own affair: others ask its use cases. (`ground/store` is no slice's.)
pub fn stores_are_private(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in product(tree) {
        let own = module_of(&file.path);
        for path in within_crate(file) {
            let Some(depth) = path.segments.iter().position(|name| name == "store") else { continue };
            let slice = path.segments.get(..depth).unwrap_or_default();
            if depth >= 2 && !own.starts_with(slice) {
                let why =
                    format!("a slice never imports another slice's store ({})", path.segments.join("::"));
                findings.push(file.find(path.line, why));
            }
        }
    }
    findings
}

fn wing(name: &str) -> Option<usize> {
    WINGS.iter().position(|wing| *wing == name)
}

fn product(tree: &Tree) -> impl Iterator<Item = &Source> {
    tree.rust().filter(|file| file.path.starts_with("crates/rolecall/src/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(findings: &[Finding]) -> Vec<usize> {
        findings.iter().map(|finding| finding.line).collect()
    }

    #[test]
    fn a_dependency_of_engines_on_us_is_seen() {
        let tree = Tree::of(&[
            (
                "crates/engines/Cargo.toml",
                "[package]\nname = \"engines\"\nrolecall.workspace = true\nx = { path = \"../x\" }",
            ),
            ("crates/engines/src/lib.rs", "// rolecall\nuse rolecall::App;"),
        ]);
        assert_eq!(lines(&engines_stands_alone(&tree)), [3, 4, 2]);
    }

    #[test]
    fn wings_out_of_order_are_seen() {
        let tree = |text| Tree::of(&[("crates/rolecall/src/lib.rs", text)]);
        assert_eq!(wings_stand_in_reading_order(&tree("mod app;\npub mod ground;\npub mod tenancy;")), []);
        assert_eq!(lines(&wings_stand_in_reading_order(&tree("pub mod people;\npub mod ground;"))), [2]);
    }

    #[test]
    fn a_look_downwards_is_seen() {
        let text = "use crate::{ground::App, people::accounts};\nuse crate::data::mappings;\nfn f() { super::super::oversight::why::ask() }";
        let tree = Tree::of(&[("crates/rolecall/src/databases/services/mod.rs", text)]);
        assert_eq!(lines(&wings_look_upwards_only(&tree)), [2, 3]);
        let tree = Tree::of(&[("crates/rolecall/src/serve.rs", text)]);
        assert_eq!(wings_look_upwards_only(&tree), []);
    }

    #[test]
    fn a_look_into_anothers_store_is_seen() {
        let text = "use super::store;\nuse crate::ground::store::Tx;\nuse super::super::accounts::store::find;\n\
                    fn f() { crate::people::sign_in::store::insert() }";
        let tree = Tree::of(&[("crates/rolecall/src/people/tokens/api.rs", text)]);
        assert_eq!(lines(&stores_are_private(&tree)), [3, 4]);
    }
}
