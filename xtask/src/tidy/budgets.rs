//! How long a thing may be.

use super::{Finding, Source, Tree, tokens::functions};

const FILE: usize = 400;
const TEST_FILE: usize = 600;
const FUNCTION: usize = 50;
const HANDLER: usize = 15;

pub fn files_are_short(tree: &Tree) -> Vec<Finding> {
    let over = |file: &Source| {
        let (lines, budget) = (file.text.lines().count(), if file.is_test() { TEST_FILE } else { FILE });
        (lines > budget).then(|| {
            file.find(budget + 1, format!("a file has at most {budget} lines; this one has {lines}"))
        })
    };
    tree.rust().filter_map(over).collect()
}

pub fn functions_are_short(tree: &Tree) -> Vec<Finding> {
    let over = |file: &Source| over(file, FUNCTION, "a function", |_| true);
    tree.rust().flat_map(over).collect()
}

/// A handler is an async function in a slice's api.rs or console.rs; a page is drawn by a plain one, which may be longer.
pub fn handlers_are_thin(tree: &Tree) -> Vec<Finding> {
    let has_handlers = |file: &&Source| {
        let faces = ["/api.rs", "/console.rs", "/api/", "/console/"];
        file.path.starts_with("crates/") && faces.iter().any(|face| file.path.contains(face))
    };
    let over = |file: &Source| over(file, HANDLER, "a handler", |is_async| is_async);
    tree.rust().filter(has_handlers).flat_map(over).collect()
}

fn over(file: &Source, budget: usize, what: &str, counts: impl Fn(bool) -> bool) -> Vec<Finding> {
    let long = functions(&file.tokens).into_iter().filter(|f| counts(f.is_async) && f.body_lines > budget);
    long.map(|f| {
        file.find(f.line, format!("{what} has at most {budget} lines; {} has {}", f.name, f.body_lines))
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_file_is_seen() {
        let tree = |path, lines: usize| Tree::of(&[(path, "\n".repeat(lines).as_str())]);
        assert_eq!(files_are_short(&tree("crates/a/src/lib.rs", 400)), []);
        assert_eq!(files_are_short(&tree("crates/a/src/lib.rs", 401)).len(), 1);
        assert_eq!(files_are_short(&tree("crates/a/src/tests.rs", 600)), []);
        assert_eq!(files_are_short(&tree("crates/a/tests/it/main.rs", 601)).len(), 1);
    }

    #[test]
    fn a_long_function_is_seen() {
        let tree =
            |lines: usize| Tree::of(&[("a.rs", format!("fn f() {{\n{}}}", "a();\n".repeat(lines)).as_str())]);
        assert_eq!(functions_are_short(&tree(50)), []);
        assert_eq!(functions_are_short(&tree(51)).len(), 1);
    }

    #[test]
    fn a_fat_handler_is_seen() {
        let text = |start: &str, lines: usize| format!("{start}fn f() {{\n{}}}", "a();\n".repeat(lines));
        let check = |path, text: String| handlers_are_thin(&Tree::of(&[(path, text.as_str())])).len();
        assert_eq!(check("crates/x/api.rs", text("async ", 15)), 0);
        assert_eq!(check("crates/x/api.rs", text("async ", 16)), 1);
        assert_eq!(check("crates/x/console.rs", text("", 16)), 0);
        assert_eq!(check("crates/x/mod.rs", text("async ", 16)), 0);
    }
}
