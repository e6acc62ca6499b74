//! Finds sources that nobody compiles, such as a test file that was never declared.

use super::{Finding, Source, Tree};

pub fn every_file_is_compiled(tree: &Tree) -> Vec<Finding> {
    let orphan = |file: &&Source| !is_root(&file.path) && !is_declared(tree, &file.path);
    let why = "this file is compiled nowhere: declare it with `mod` in the file above it";
    tree.rust().filter(orphan).map(|file| file.find(1, why)).collect()
}

/// What Cargo finds by itself.
fn is_root(path: &str) -> bool {
    let names: Vec<_> = path.split('/').rev().collect();
    match names.as_slice() {
        ["lib.rs" | "main.rs", "src", ..] | ["main.rs", _, "tests" | "benches" | "examples", ..] => true,
        ["build.rs", ..] | [_, "bin" | "benches" | "examples", ..] => true,
        [_, "tests", folder, ..] => *folder != "src",
        _ => false,
    }
}

fn is_declared(tree: &Tree, path: &str) -> bool {
    let Some((folder, file)) = path.rsplit_once('/') else { return false };
    let (folder, module) = match file {
        "mod.rs" => folder.rsplit_once('/').unwrap_or(("", folder)),
        _ => (folder, file.trim_end_matches(".rs")),
    };
    let is_above = |candidate: &str| {
        let inside = candidate.strip_prefix(folder).and_then(|rest| rest.strip_prefix('/'));
        inside.is_some_and(|name| {
            ["mod.rs", "lib.rs", "main.rs"].contains(&name)
                || folder.ends_with("/tests") && !name.contains('/')
        }) || candidate == format!("{folder}.rs")
    };
    tree.rust().filter(|file| is_above(&file.path)).any(|file| declares(file, module))
}

fn declares(file: &Source, module: &str) -> bool {
    file.tokens.windows(3).any(
        |three| matches!(three, [keyword, name, end] if keyword.is("mod") && name.is(module) && end.is(";")),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_forgotten_file_is_seen() {
        let tree = Tree::of(&[
            ("crates/a/src/lib.rs", "mod b;\n// mod forgotten;"),
            ("crates/a/src/b/mod.rs", "#[cfg(test)]\nmod tests;"),
            ("crates/a/src/b/tests.rs", ""),
            ("crates/a/src/forgotten.rs", ""),
            ("crates/a/src/b/forgotten/mod.rs", ""),
            ("crates/a/tests/alone.rs", "mod common;"),
            ("crates/a/tests/common/mod.rs", ""),
            ("crates/a/tests/it/main.rs", "mod first;"),
            ("crates/a/tests/it/first.rs", ""),
            ("crates/a/tests/it/forgotten.rs", ""),
        ]);
        let found: Vec<_> = every_file_is_compiled(&tree).into_iter().map(|finding| finding.file).collect();
        assert_eq!(
            found,
            [
                "crates/a/src/forgotten.rs",
                "crates/a/src/b/forgotten/mod.rs",
                "crates/a/tests/it/forgotten.rs"
            ]
        );
    }
}
