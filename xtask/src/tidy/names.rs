//! Which file may name which library.

use super::{Finding, Source, Tree};

pub fn sqlx_stays_in_the_store(tree: &Tree) -> Vec<Finding> {
    let why = "sqlx is named only in ground/store/ and in a slice's store.rs";
    named_outside(tree, "sqlx", why, |path| is_file(path, "store") || path.contains("/src/ground/store/"))
}

/// sqlx takes literals only, but for what is wrapped in this type.
pub fn sql_is_glued_in_one_place(tree: &Tree) -> Vec<Finding> {
    let why = "SQL is a literal; what must be glued is glued in ground/store/";
    named_outside(tree, "AssertSqlSafe", why, |path| path.contains("/src/ground/store/"))
}

pub fn axum_stays_at_the_edge(tree: &Tree) -> Vec<Finding> {
    let why = "axum is named only in ground/web/, a slice's api.rs and console.rs, serve.rs, and what tests knock at the router with";
    named_outside(tree, "axum", why, is_edge)
}

pub fn maud_stays_at_the_edge(tree: &Tree) -> Vec<Finding> {
    let why = "maud is named only in ground/web/, a slice's api.rs and console.rs, serve.rs, and what tests knock at the router with";
    named_outside(tree, "maud", why, is_edge)
}

fn is_edge(path: &str) -> bool {
    path.contains("/src/ground/web/")
        || path.contains("/src/testing/")
        || ["api", "console", "serve"].iter().any(|name| is_file(path, name))
}

/// `name.rs`, or any file in a folder `name/` that it grew into.
fn is_file(path: &str, name: &str) -> bool {
    path.ends_with(&format!("/{name}.rs")) || path.contains(&format!("/{name}/"))
}

fn named_outside(tree: &Tree, library: &str, why: &str, allowed: impl Fn(&str) -> bool) -> Vec<Finding> {
    let places = |file: &Source| {
        let tokens = file.tokens.iter().filter(|token| token.is(library));
        let mut lines: Vec<_> = tokens.map(|token| token.line).collect();
        lines.dedup();
        lines.into_iter().map(|line| file.find(line, why)).collect::<Vec<_>>()
    };
    // `engines` has drivers of its own, so nothing is allowed there.
    let allowed = |path: &str| path.starts_with("crates/rolecall/") && allowed(path);
    let watched = tree.rust().filter(|file| file.path.starts_with("crates/") && !allowed(&file.path));
    watched.flat_map(places).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sqlx_is_seen_outside_the_store() {
        let tree = Tree::of(&[
            ("crates/rolecall/src/ground/store/tx.rs", "use sqlx::Row;"),
            ("crates/rolecall/src/people/tokens/store.rs", "use sqlx::Row;"),
            ("crates/rolecall/src/people/tokens/mod.rs", "// not sqlx\nfn f() { sqlx::query(\"sqlx\") }"),
            ("crates/engines/src/postgresql/store.rs", "use sqlx as s;"),
        ]);
        let found: Vec<_> = sqlx_stays_in_the_store(&tree).into_iter().map(|f| (f.file, f.line)).collect();
        let expected =
            [("crates/rolecall/src/people/tokens/mod.rs", 2), ("crates/engines/src/postgresql/store.rs", 1)];
        assert_eq!(found, expected.map(|(file, line)| (file.to_owned(), line)));
    }

    #[test]
    fn glued_sql_is_seen() {
        let text = "sqlx::query(sqlx::AssertSqlSafe(text))";
        let found = |path| sql_is_glued_in_one_place(&Tree::of(&[(path, text)])).len();
        assert_eq!(found("crates/rolecall/src/ground/store/migrate.rs"), 0);
        assert_eq!(found("crates/rolecall/src/people/tokens/store.rs"), 1);
    }

    #[test]
    fn axum_and_maud_are_seen_outside_the_edge() {
        let text = "use axum::Json;\nuse maud::html;";
        let tree = Tree::of(&[
            ("crates/rolecall/src/people/tokens/api.rs", text),
            ("crates/rolecall/src/people/tokens/console/page.rs", text),
            ("crates/rolecall/src/ground/web/page.rs", text),
            ("crates/rolecall/src/serve.rs", text),
            ("crates/rolecall/src/people/tokens/mod.rs", text),
        ]);
        assert_eq!(axum_stays_at_the_edge(&tree).len(), 1);
        assert_eq!(maud_stays_at_the_edge(&tree)[0].line, 2);
    }
}
